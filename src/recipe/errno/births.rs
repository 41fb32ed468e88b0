//! The birth of a process, its namespaces, ids and capabilities. Sources: clone(2), unshare(2), setns(2),
//! user_namespaces(7), prctl(2), capset(2), sethostname(2).

use nix::errno::Errno::{
    EACCES, EAGAIN, EBADF, EBUSY, EINVAL, ENODEV, ENOMEM, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM, EUSERS,
};

use super::{Row, row};

const BIRTH: &[&str] = &["clone3"];
const OWN: &[&str] = &["clone3", "unshare"];
const MAPS: &[&str] = &["write", "openat"];

pub(super) const ROWS: &[Row] = &[
    row(
        BIRTH,
        EBADF,
        &["CLONE_INTO_CGROUP"],
        "a process can be born only into a cgroup v2 directory, and this one is v1",
        "on v1 the process joins by writing to `tasks`; run `rlab doctor` to see which generation drives which controller",
    ),
    row(
        BIRTH,
        EBUSY,
        &["CLONE_INTO_CGROUP"],
        "the group has controllers enabled for its children, so it may hold no process of its own",
        "make a leaf below it and put the process there",
    ),
    row(
        BIRTH,
        EACCES,
        &["CLONE_INTO_CGROUP"],
        "the group lies outside the tree that was handed to this user, and a process cannot cross that border",
        "start rlab inside a delegated tree: `systemd-run --user --scope -p Delegate=yes rlab`, or as root",
    ),
    row(
        BIRTH,
        EOPNOTSUPP,
        &["CLONE_INTO_CGROUP"],
        "the group is threaded or invalid (`cgroup.type`), so it takes no whole process",
        "use a group whose `cgroup.type` is `domain`",
    ),
    row(
        BIRTH,
        ENODEV,
        &["CLONE_INTO_CGROUP"],
        "the group was removed in the meantime",
        "type `drop cgroup` and the `cgroup` line again",
    ),
    row(
        OWN,
        EPERM,
        &["CLONE_NEWUSER"],
        "this machine does not let this user make a user namespace, or rlab itself runs in a chroot",
        "look at `sysctl kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`, \
         or run rlab as root",
    ),
    row(
        OWN,
        EPERM,
        &[],
        "a new namespace needs CAP_SYS_ADMIN, and rlab does not have it",
        "run rlab as root, or as an ordinary user: then a user namespace is added",
    ),
    row(
        BIRTH,
        ENOMEM,
        &[],
        "the kernel has no memory for another process, or the PID namespace has lost its PID 1 and takes no one in",
        "free memory, or start a new PID namespace: it ends with its first process",
    ),
    row(
        OWN,
        ENOSPC,
        &[],
        "a limit on namespaces is reached: their number, or 32 levels of nesting",
        "look at `sysctl -a | grep max_.*_namespaces`, where 0 forbids them",
    ),
    row(
        OWN,
        EUSERS,
        &[],
        "a limit on nested user namespaces is reached",
        "do this at most 32 namespaces deep",
    ),
    row(
        BIRTH,
        EAGAIN,
        &[],
        "a limit on the number of processes is reached: `pids.max` of a group, or that of the user",
        "raise `cgroup pids.max=…`, or look at `ulimit -u`",
    ),
    row(
        OWN,
        EINVAL,
        &[],
        "the kernel was built without one of these namespaces, or they do not go together",
        "run `rlab doctor` to see which ones this kernel has",
    ),
    row(
        BIRTH,
        ENOSYS,
        &[],
        "there is no clone3: the kernel is older than 5.3, or a seccomp filter (Docker's, before 20.10.10) hides it",
        "use a newer kernel, or start the outer container with `--security-opt seccomp=unconfined`",
    ),
    row(
        MAPS,
        EACCES,
        &["uid_map"],
        "only the owner of a process may map its ids, and a process that changed its user is nobody's",
        "write the map from the process that made the namespace",
    ),
    row(
        MAPS,
        EPERM,
        &["uid_map"],
        "the kernel did not take the id map: a user may map only their own id, once, and AppArmor can forbid it",
        "look at `sysctl kernel.apparmor_restrict_unprivileged_userns` (Ubuntu sets it to 1), or run rlab as root",
    ),
    row(
        MAPS,
        EPERM,
        &["gid_map"],
        "a user may map a group only after `deny` was written to setgroups",
        "write `deny` to /proc/self/setgroups first",
    ),
    row(
        MAPS,
        EPERM,
        &["setgroups"],
        "setgroups can be denied only before the group map is written",
        "write setgroups first, then gid_map",
    ),
    row(
        MAPS,
        EINVAL,
        &["id_map"],
        "the map is not of the form INSIDE OUTSIDE COUNT, or an id in it does not exist outside",
        "map one id, one's own",
    ),
    row(
        &["sethostname"],
        EPERM,
        &[],
        "the UTS namespace is not one's own, so the name belongs to the host",
        "type `unshare --uts` first",
    )
    .when(|context| !context.uts_namespace),
    row(
        &["sethostname"],
        EPERM,
        &[],
        "setting the host name needs CAP_SYS_ADMIN in the user namespace that owns the UTS namespace",
        "run rlab as root, or add `unshare --user`",
    ),
    row(
        &["sethostname"],
        EINVAL,
        &[],
        "the name is longer than the 64 bytes that the kernel keeps",
        "choose a shorter name",
    ),
    row(
        &["prctl"],
        EPERM,
        &["PR_CAPBSET_DROP"],
        "giving up a capability for good needs CAP_SETPCAP",
        "run rlab as root, or add `unshare --user`",
    ),
    row(
        &["prctl"],
        EINVAL,
        &["PR_CAPBSET_DROP"],
        "this kernel does not know that capability yet",
        "leave it out of `capdrop`",
    ),
    row(
        &["capset"],
        EPERM,
        &[],
        "capabilities can be given up here, but not gained",
        "start with more of them: run rlab as root",
    ),
    row(
        &["setns"],
        EPERM,
        &[],
        "entering another namespace needs CAP_SYS_ADMIN in it and in one's own",
        "run rlab as root",
    ),
];
