//! The birth of a process, its namespaces, ids and capabilities. Sources: clone(2), unshare(2), user_namespaces(7),
//! pid_namespaces(7), prctl(2), capabilities(7).

use nix::errno::Errno::{EACCES, EAGAIN, EBUSY, EINVAL, ENOMEM, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM};

use super::{Row, row};
use crate::recipe::place::{SETFCAP, SYS_ADMIN};

const BIRTH: &[&str] = &["clone3", "clone"];
/// Only clone3 can be asked for a v2 group, and only it can be missing.
const CLONE3: &[&str] = &["clone3"];
const JOIN: &[&str] = &["write"];
const OWN: &[&str] = &["clone3", "clone", "unshare"];

/// A v2 group that takes nobody in, whichever way: what that means, and the mend.
const BUSY: (&str, &str) = (
    "the group has controllers enabled for its children, so it may hold no process of its own",
    "look into its `cgroup.subtree_control`; type `drop cgroup` and the `cgroup` line again for a new group",
);
const FOREIGN: (&str, &str) = (
    "the border of the tree that was handed to this user lies between rlab's group and this one",
    "start rlab inside a delegated tree: `systemd-run --user --scope -p Delegate=yes rlab`, or as root",
);
const THREADED: (&str, &str) = (
    "the group is threaded or invalid (`cgroup.type`), so it takes no whole process",
    "look into the `cgroup.type` of the groups above and beside it, or start rlab alone in a group of its own",
);

pub(super) const ROWS: &[Row] = &[
    row("birth-in-busy-group", CLONE3, EBUSY, &["CLONE_INTO_CGROUP"], BUSY.0, BUSY.1),
    row("birth-in-foreign-group", CLONE3, EACCES, &["CLONE_INTO_CGROUP"], FOREIGN.0, FOREIGN.1),
    row("birth-in-threaded-group", CLONE3, EOPNOTSUPP, &["CLONE_INTO_CGROUP"], THREADED.0, THREADED.1),
    // Where there is no clone3; and rlab itself on its way to a leaf.
    row("join-busy-group", JOIN, EBUSY, &["/cgroup.procs"], BUSY.0, BUSY.1),
    row("join-foreign-group", JOIN, EACCES, &["/cgroup.procs"], FOREIGN.0, FOREIGN.1),
    row("join-threaded-group", JOIN, EOPNOTSUPP, &["/cgroup.procs"], THREADED.0, THREADED.1),
    row(
        "user-namespace-in-chroot",
        BIRTH,
        EPERM,
        &["CLONE_NEWUSER"],
        "rlab itself runs in a chroot, and from there no user namespace can be made",
        "run rlab outside of it, or where the root was changed with pivot_root",
    )
    .when(|context| context.place.chrooted),
    row(
        "user-namespace-unmapped",
        BIRTH,
        EPERM,
        &["CLONE_NEWUSER"],
        "rlab's own ids are mapped to none outside (`/proc/self/uid_map` is empty), so nobody would own the namespace",
        "write the map of the outer user namespace first: `unshare --user --map-root-user rlab`",
    )
    .when(|context| context.place.unmapped),
    row(
        "user-namespace-forbidden",
        BIRTH,
        EPERM,
        &["CLONE_NEWUSER"],
        "this machine lets no ordinary user make a user namespace",
        "run `sudo sysctl kernel.unprivileged_userns_clone=1`, or rlab as root",
    )
    .when(|context| context.place.userns_clone_off),
    row(
        "clone3-filtered",
        CLONE3,
        EPERM,
        &[],
        "a seccomp filter forbids clone3: one that is older than the call answers EPERM to what it does not know",
        "start the outer container with `--security-opt seccomp=unconfined`, or update what runs it",
    )
    .when(|context| context.place.filtered && (context.user() || context.place.has(SYS_ADMIN))),
    row(
        "clone-filtered",
        &["clone"],
        EPERM,
        &[],
        "a seccomp filter forbids new namespaces, as Docker's does without CAP_SYS_ADMIN",
        "start the outer container with `--security-opt seccomp=unconfined`, or as `--privileged`",
    )
    .when(|context| context.place.filtered && (context.user() || context.place.has(SYS_ADMIN))),
    row(
        "namespace-by-apparmor",
        &["clone3", "unshare"],
        EPERM,
        &[],
        "the profile to which AppArmor holds rlab takes CAP_SYS_ADMIN from it, which a new namespace needs",
        "start rlab without the profile: `aa-exec -p unconfined rlab`",
    )
    .when(|context| context.place.confined.is_some() && context.place.has(SYS_ADMIN)),
    row(
        "namespace-without-admin",
        OWN,
        EPERM,
        &[],
        "a new namespace needs CAP_SYS_ADMIN, and rlab runs as root without it (as in a container)",
        "type `unshare --user` too: in a user namespace of one's own the capability is there",
    )
    .when(|context| !context.place.has(SYS_ADMIN)),
    row(
        "pid-namespace-dead",
        BIRTH,
        ENOMEM,
        &[],
        "new processes belong to a PID namespace whose PID 1 has ended, and it takes no one in any more: rlab was \
         started by `unshare --pid` without `--fork`, and its first child was PID 1",
        "start it with `unshare --fork --pid`",
    )
    .when(|context| context.place.half_unshared),
    row(
        "pid-namespace-half",
        BIRTH,
        EINVAL,
        &["CLONE_NEWPID"],
        "the next process belongs to a new PID namespace already, which rlab itself is not in: it was started by \
         `unshare --pid` without `--fork`",
        "start it with `unshare --fork --pid`",
    )
    .when(|context| context.place.half_unshared),
    row(
        "namespace-count-zero",
        OWN,
        ENOSPC,
        &[],
        "the number of such namespaces is limited to 0 here (`user.max_…_namespaces`)",
        "look into `/proc/sys/user`, and raise what is 0",
    )
    .when(super::Context::forbidden),
    row(
        "namespace-too-deep",
        BIRTH,
        ENOSPC,
        &[],
        "namespaces of this kind lie 32 deep already, or as many as `user.max_…_namespaces` allows are in use",
        "start rlab further outside",
    ),
    row(
        "join-own-user-namespace",
        &["setns"],
        EINVAL,
        &["CLONE_NEWUSER"],
        "the container is in the user namespace that rlab is in, and nobody can enter the one that they are in already",
        "leave out `--user`: `--all` takes each namespace that is not the host's",
    ),
    row(
        "processes-of-group",
        BIRTH,
        EAGAIN,
        &[],
        "the group that rlab is in, or one above it, holds as many processes as its `pids.max` allows",
        "end some processes, or raise `pids.max` where it is set (for a container `--pids-limit`)",
    )
    .when(|context| context.place.processes_full),
    row(
        "processes-of-user",
        BIRTH,
        EAGAIN,
        &[],
        "this user has as many processes as it may",
        "end some of them, or raise `ulimit -u`",
    ),
    row(
        "clone3-missing",
        CLONE3,
        ENOSYS,
        &[],
        "there is no clone3 here: a seccomp filter hides it (as Docker's does without CAP_SYS_ADMIN), or the kernel \
         is older than 5.3",
        "nothing is lost: rlab goes on with `clone`, the older call",
    ),
    row(
        "map-by-apparmor",
        &["openat"],
        EACCES,
        &["/proc/self/"],
        "the user namespace was made, but AppArmor takes its capabilities away, so no id can be mapped in it",
        "run rlab without the profile, on Ubuntu `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or as \
         root",
    )
    .when(|context| context.place.apparmor_restricts || context.place.confined.is_some()),
    row(
        "map-root-without-setfcap",
        &["write"],
        EPERM,
        &["/proc/self/uid_map"],
        "root may be mapped to root only by a process with CAP_SETFCAP (since Linux 5.12), and rlab runs without it",
        "run rlab with that capability, or as an ordinary user",
    )
    .when(|context| !context.place.has(SETFCAP)),
    row(
        "bounding-set",
        &["prctl"],
        EPERM,
        &["PR_CAPBSET_DROP"],
        "giving up a capability for good needs CAP_SETPCAP, and rlab runs as root without it",
        "type `unshare --user` too: in a user namespace of one's own the capability is there",
    ),
];
