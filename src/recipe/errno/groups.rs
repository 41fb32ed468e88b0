//! Control groups. Sources: cgroups(7), the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.

use nix::errno::Errno::{EACCES, EAGAIN, EBUSY, EINVAL, ENOENT, EROFS};

use super::{Row, row};

const FILE: &[&str] = &["openat"];
const WRITE: &[&str] = &["write"];
const MAKE: &[&str] = &["mkdir"];
const GROUP: &[&str] = &["/rlab."];
/// A directory for temporary files is made with another mode.
const NEW: &[&str] = &["/rlab.", ", 0777"];

pub(super) const ROWS: &[Row] = &[
    row(
        "controller-in-busy-group",
        WRITE,
        EBUSY,
        &["cgroup.subtree_control"],
        "the parent group has processes of its own, and on v2 only leaves may have them",
        "move them to a leaf first (in Docker the first process sits in the root group)",
    ),
    row(
        "controller-not-there",
        WRITE,
        ENOENT,
        &["cgroup.subtree_control"],
        "the parent group does not have this controller to hand on",
        "look into its `cgroup.controllers`, and enable it from the top down",
    ),
    row(
        "controller-not-handed",
        FILE,
        EACCES,
        &["cgroup.subtree_control"],
        "this part of the tree was not handed to this user",
        "start rlab inside a delegated tree: `systemd-run --user --scope -p Delegate=yes rlab`, or as root",
    ),
    row(
        "group-gone",
        FILE,
        ENOENT,
        &["/rlab.", "O_CLOEXEC"],
        "the group was removed in the meantime",
        "type `drop cgroup` and the `cgroup` line again",
    )
    .when(|context| context.directory_gone),
    row(
        "limit-below-use",
        WRITE,
        EBUSY,
        &["memory.limit_in_bytes"],
        "the group uses more than that, and v1 does not kill to make room (v2 does)",
        "end what runs in the group first, or write a larger limit",
    ),
    row(
        "cpu-above-parent",
        WRITE,
        EINVAL,
        &["cpu."],
        "on v1 a group may not get more processor time than the one above it",
        "write a smaller share; the parent's is in its `cpu.cfs_quota_us` and `cpu.cfs_period_us`",
    ),
    row(
        "group-read-only",
        &["openat", "mkdir", "rmdir"],
        EROFS,
        GROUP,
        "control groups are mounted read-only here, as Docker does for its containers",
        "run rlab on the host, or start the outer container with `--privileged --cgroupns=private`",
    ),
    row(
        "group-not-yours-v1",
        MAKE,
        EACCES,
        NEW,
        "this user may not make a group there",
        "run rlab as root; on v1 a user may only where root has made a group, given it to the user, and put rlab in it",
    )
    .when(|context| context.v1),
    row(
        "group-not-yours-systemd",
        MAKE,
        EACCES,
        NEW,
        "this user may not make a group there",
        "run rlab inside a delegated tree: `systemd-run --user --scope -p Delegate=yes rlab`, or as root",
    )
    .when(|context| context.place.systemd),
    row(
        "group-not-yours",
        MAKE,
        EACCES,
        NEW,
        "this user may not make a group there",
        "run rlab as root, or have root hand a group over: `chown` it, its `cgroup.procs` and its \
         `cgroup.subtree_control`, and put rlab in it",
    ),
    row(
        "group-too-many",
        MAKE,
        EAGAIN,
        GROUP,
        "a parent allows no more groups below it (`cgroup.max.descendants`, `cgroup.max.depth`)",
        "raise that, or run `rlab clean` to remove what dead sessions left",
    ),
    row(
        "group-in-use",
        &["rmdir"],
        EBUSY,
        GROUP,
        "a process still lives in the group",
        "end it with `kill N`",
    ),
];
