//! Refusals that only these machines' kernels answer: the rest of the table of errnos (`tests/errno` has the others).

use std::collections::BTreeSet;

use nix::errno::Errno::{self, EACCES, EAGAIN, EBUSY, EINVAL, ENOENT, EOPNOTSUPP, EPERM};

use crate::guest::Told;
use crate::support::refusals::{ELSEWHERE, told};

/// How the kernel of a guest is brought to one refusal.
#[derive(Debug)]
pub(crate) struct Provocation {
    /// The scenario.
    pub(crate) on: &'static str,
    /// Id of the entry.
    entry: &'static str,
    /// The call that is refused, and with what.
    call: &'static str,
    errno: Errno,
    /// Shell lines for root in the guest, with the words of `guest/init`; `rlab_as` and a user carries the lines out,
    /// `$S` is the group of `scope`.
    pub(crate) script: &'static str,
    /// The lines.
    pub(crate) lines: &'static str,
}

const fn provoke(
    (on, entry): (&'static str, &'static str),
    (call, errno): (&'static str, Errno),
    script: &'static str,
    lines: &'static str,
) -> Provocation {
    Provocation { on, entry, call, errno, script, lines }
}

const ROOT: &str = "rlab_as root";
const LEARNER: &str = "rlab_as learner";

const BUSY_LINES: &str = "cgroup memory.max=64M\n!echo +memory > $CGROUP/cgroup.subtree_control\ntrue\n";
/// While rlab is in its leaf somebody moves it out of what was handed over.
const FOREIGN: &str = "beside 'wait_for /tmp/go; usleep 50000; cat /tmp/go > /sys/fs/cgroup/cgroup.procs; touch /tmp/gone'; \
     scope; rlab_as learner";
const FOREIGN_LINES: &str =
    "cgroup memory.max=64M\n!echo $PPID > /tmp/go; until [ -e /tmp/gone ]; do usleep 10000; done\ntrue\n";
/// rlab and its helpers leave the group in which theirs is, and a group beside theirs becomes threaded.
const THREADED: &str = "scope; mkdir $S/inner; sh -c 'echo $PPID' > $S/inner/cgroup.procs; \
     echo +pids > $S/cgroup.subtree_control; chown -R learner: $S; rlab_as learner";
const THREADED_LINES: &str = "cgroup pids.max=64\n!cd /sys/fs/cgroup/learner.scope; mkdir other; \
     for pid in $(cat inner/rlab.*.leaf/cgroup.procs); do echo $pid > other/cgroup.procs; done; \
     mkdir inner/thread; echo threaded > inner/thread/cgroup.type\ntrue\n";
/// The kernel of Debian can keep user namespaces from ordinary users.
const FORBIDDEN: &str = "sysctl -q -w kernel.unprivileged_userns_clone=0; rlab_as learner";

/// All of them.
pub(crate) const ALL: &[Provocation] = &[
    provoke(("v2", "birth-in-busy-group"), ("clone3", EBUSY), ROOT, BUSY_LINES),
    provoke(("v2", "birth-in-foreign-group"), ("clone3", EACCES), FOREIGN, FOREIGN_LINES),
    provoke(("v2", "birth-in-threaded-group"), ("clone3", EOPNOTSUPP), THREADED, THREADED_LINES),
    provoke(
        ("v2", "controller-in-busy-group"),
        ("write", EBUSY),
        "scope; mkdir $S/inner; sh -c 'echo $PPID' > $S/inner/cgroup.procs; rlab_as learner",
        "!sleep 1 & echo $! > /sys/fs/cgroup/learner.scope/cgroup.procs\ncgroup memory.max=64M\n",
    ),
    provoke(
        ("v2", "controller-not-handed"),
        ("openat", EACCES),
        "scope; chown root: $S/cgroup.subtree_control; rlab_as learner",
        "cgroup memory.max=64M\n",
    ),
    provoke(
        ("v2", "controller-not-there"),
        ("write", ENOENT),
        "beside 'wait_for /tmp/go; echo -memory > /sys/fs/cgroup/cgroup.subtree_control; touch /tmp/gone'; scope; \
         rlab_as learner",
        "!touch /tmp/go; until [ -e /tmp/gone ]; do usleep 10000; done\ncgroup memory.max=64M\n",
    ),
    provoke(("v2", "group-not-yours"), ("mkdir", EACCES), LEARNER, "cgroup memory.max=64M\n"),
    provoke(
        ("v2", "group-not-yours-systemd"),
        ("mkdir", EACCES),
        "mkdir -p /run/systemd/system; rlab_as learner",
        "cgroup memory.max=64M\n",
    ),
    provoke(
        ("v2", "group-too-many"),
        ("mkdir", EAGAIN),
        "scope; echo 0 > $S/cgroup.max.descendants; rlab_as learner",
        "cgroup memory.max=64M\n",
    ),
    provoke(("v2", "user-namespace-forbidden"), ("clone3", EPERM), FORBIDDEN, "unshare --user\ntrue\n"),
    provoke(("v2_filtered", "join-busy-group"), ("write", EBUSY), ROOT, BUSY_LINES),
    provoke(("v2_filtered", "join-foreign-group"), ("write", EACCES), FOREIGN, FOREIGN_LINES),
    // Already on its way to a leaf: a group with processes that hands `pids` on is one in which nothing can be started.
    provoke(
        ("v2_filtered", "join-threaded-group"),
        ("write", EOPNOTSUPP),
        "scope; echo +pids > $S/cgroup.subtree_control; rlab_as learner",
        "cgroup pids.max=64\n",
    ),
    provoke(("v2_filtered", "join-threaded-group"), ("write", EOPNOTSUPP), THREADED, THREADED_LINES),
    provoke(
        ("v2_filtered", "user-namespace-forbidden"),
        ("clone", EPERM),
        FORBIDDEN,
        "unshare --user\ntrue\n",
    ),
    provoke(
        ("apparmor", "mount-by-apparmor"),
        ("mount", EACCES),
        "confine no-mounts; rlab_as learner",
        "unshare --user --mount\ntrue\n",
    ),
    provoke(
        ("apparmor", "map-by-apparmor"),
        ("openat", EACCES),
        "confine no-capabilities; rlab_as learner",
        "unshare --user\ntrue\n",
    ),
    provoke(
        ("apparmor", "namespace-by-apparmor"),
        ("clone3", EPERM),
        "confine no-capabilities; rlab_as root",
        "unshare --uts\ntrue\n",
    ),
    provoke(
        ("apparmor", "namespace-by-apparmor"),
        ("unshare", EPERM),
        "confine no-capabilities; rlab_as root",
        "unshare --cgroup\ntrue\n",
    ),
    provoke(("ramfs", "pivot-from-initramfs"), ("pivot_root", EINVAL), ROOT, "rootfs\npivot_root\ntrue\n"),
];

/// Those of a scenario, by their name in the guest.
pub(crate) fn on(scenario: &str) -> impl Iterator<Item = (String, &'static Provocation)> {
    ALL.iter()
        .filter(move |one| one.on == scenario)
        .enumerate()
        .map(|(at, one)| (format!("{at:02}-{}", one.entry), one))
}

/// Holds that each was refused as it says.
pub(crate) fn hold(scenario: &str, guest: &Told) {
    let mut wrong = Vec::new();
    for (name, one) in on(scenario) {
        let report = serde_json::from_str(guest.file(&format!("{name}.stdout"))).unwrap_or_default();
        let wanted = (one.call.to_owned(), format!("{:?}", one.errno), Some(one.entry.to_owned()));
        let found = told(&report);
        if !found.contains(&wanted) {
            let said = guest.file(&format!("{name}.stderr"));
            wrong.push(format!("wanted {wanted:?}\nfound {found:?}\n{}\n{said}\n{report:#}", one.script));
        }
    }
    assert!(wrong.is_empty(), "{scenario}: {}", wrong.join("\n\n"));
}

#[test]
fn what_is_said_to_be_provoked_here_is_and_nothing_else() {
    let here: BTreeSet<(&str, &str, &str)> = ALL.iter().map(|one| (one.entry, one.call, one.on)).collect();
    let said: BTreeSet<(&str, &str, &str)> = ELSEWHERE.iter().copied().collect();
    assert_eq!(here, said);
    for one in ALL {
        let entry = rlab::recipe::errno::entries().find(|entry| entry.id == one.entry).unwrap();
        assert!(entry.calls.contains(&one.call) && entry.errno == one.errno as i32, "{one:?}");
        crate::scenario::named(one.on);
    }
}
