//! Refusals at the birth of a process: namespaces, ids, capabilities, numbers.

use nix::errno::Errno::{EAGAIN, EINVAL, ENOMEM, ENOSPC, ENOSYS, EPERM};

use super::{PLAIN, Provocation, provoke};

const NEW_USER: &str = "unshare --user\ntrue\n";
/// Root without one capability, as in a container.
const NO_ADMIN: &str = "exec setpriv --bounding-set=-sys_admin $RLAB";
/// The classic mistake: no `--fork`.
const HALF: &str = "exec unshare --pid $RLAB";

pub(crate) const ALL: &[Provocation] = &[
    provoke(
        "clone3-filtered",
        "clone3",
        EPERM,
        "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $RLAB 9<$HERE/clone3-eperm",
        "true\n",
    ),
    provoke(
        "clone3-missing",
        "clone3",
        ENOSYS,
        "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $RLAB 9<$HERE/clone3-enosys",
        "true\n",
    ),
    provoke(
        "clone-filtered",
        "clone",
        EPERM,
        "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $RLAB 9<$HERE/no-namespaces",
        "unshare --uts\ntrue\n",
    ),
    provoke(
        "user-namespace-in-chroot",
        "clone3",
        EPERM,
        "mkdir $DIR/proc && cp $PROGRAM $HERE/lines $DIR/ && mount -t proc proc $DIR/proc && \
         TMPDIR=/ exec chroot $DIR /rlab run --script /lines --format json",
        NEW_USER,
    ),
    provoke("user-namespace-unmapped", "clone3", EPERM, "exec unshare --user $RLAB", NEW_USER),
    provoke("namespace-without-admin", "clone3", EPERM, NO_ADMIN, "unshare --uts\ntrue\n"),
    provoke("namespace-without-admin", "unshare", EPERM, NO_ADMIN, "unshare --cgroup\ntrue\n"),
    provoke(
        "pid-namespace-dead",
        "clone3",
        ENOMEM,
        "exec unshare --pid sh -c '/bin/true; exec $RLAB'",
        "true\n",
    ),
    provoke(
        "join-own-user-namespace",
        "setns",
        EINVAL,
        PLAIN,
        "rootfs\nchroot\nsleep 1000 &\nnsenter -t 1 --user true\n",
    ),
    provoke("pid-namespace-half", "clone3", EINVAL, HALF, "unshare --pid\ntrue\n"),
    provoke(
        "namespace-count-zero",
        "clone3",
        ENOSPC,
        "exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec $RLAB'",
        NEW_USER,
    ),
    provoke(
        "namespace-count-zero",
        "unshare",
        ENOSPC,
        "exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_cgroup_namespaces; exec $RLAB'",
        "unshare --cgroup\ntrue\n",
    ),
    provoke(
        "namespace-too-deep",
        "clone3",
        ENOSPC,
        "deep() { printf 'exec unshare -Ur sh %s\\n' \"$DIR/$(($1 - 1))\" >$DIR/$1; }; \
         for i in $(seq 33); do deep $i; done; echo 'exec $RLAB' >$DIR/0; exec sh $DIR/33",
        NEW_USER,
    ),
    provoke(
        "processes-of-group",
        "clone3",
        EAGAIN,
        "g=/sys/fs/cgroup/pids/rlab-test-$$; mkdir $g; echo 1 >$g/pids.max; \
         sh -c \"echo 0 >$g/tasks; exec $RLAB\"; rmdir $g",
        "true\n",
    ),
    provoke("processes-of-user", "clone3", EAGAIN, "exec $USER_RUN prlimit --nproc=1:1 $RLAB", "true\n"),
    provoke(
        "map-root-without-setfcap",
        "write",
        EPERM,
        "exec setpriv --bounding-set=-setfcap $RLAB",
        NEW_USER,
    ),
    provoke(
        "bounding-set",
        "prctl",
        EPERM,
        "exec setpriv --bounding-set=-setpcap $RLAB",
        "capdrop net_raw\ntrue\n",
    ),
];

/// The same births where there is no clone3: clone is refused for the same reasons.
pub(crate) fn by_clone() -> impl Iterator<Item = Provocation> {
    let same = ALL.iter().filter(|birth| birth.call == "clone3" && !birth.entry.starts_with("clone3-"));
    same.map(|birth| Provocation { call: "clone", ..*birth })
}

/// Nothing of the above without the way in which it is provoked.
#[test]
fn the_plain_script_is_refused_nothing() {
    if !super::is_root() || !super::has("unshare") {
        return;
    }
    let plain = provoke("", "", EPERM, PLAIN, "true\nunshare --user --pid --mount-proc\ntrue\n");
    let (found, output) = super::refusals(&plain);
    assert_eq!(found, []);
    assert!(output.contains("\"exited\": 0"), "{output}");
}
