//! Mounts and the change of the root. Sources: mount(2), move_mount(2), fsopen(2), openat2(2), pivot_root(2),
//! chroot(2), umount(2), mount_namespaces(7).

use nix::errno::Errno::{
    EACCES, EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOSPC, ENOSYS, ENOTDIR, EPERM, EXDEV,
};

use super::{Row, row};

const MOUNT: &[&str] = &["mount"];
const NEW: &[&str] = &["fsopen", "fsconfig", "fsmount", "move_mount"];
const PIVOT: &[&str] = &["pivot_root"];
const CHROOT: &[&str] = &["chroot"];
const INTO: &[&str] = &["mount", "openat2", "openat", "chroot", "move_mount", "mkdirat", "mknodat"];

pub(super) const ROWS: &[Row] = &[
    row(
        MOUNT,
        EPERM,
        &["\"proc\""],
        "a proc shows a PID namespace, and this one belongs to the host, not to the user namespace",
        "type `unshare --pid` too: then the proc is one's own",
    )
    .when(|context| context.user_namespace && !context.pid_namespace),
    row(
        MOUNT,
        EPERM,
        &["\"proc\""],
        "part of the /proc seen here is masked (as in Docker), and in a user namespace a new proc may not unmask it",
        "start the outer container with `--security-opt systempaths=unconfined`, or run rlab outside of it",
    )
    .when(|context| context.user_namespace),
    row(
        MOUNT,
        EPERM,
        &["\"sysfs\""],
        "sysfs shows a network namespace, and this one belongs to the host, not to the user namespace",
        "type `unshare --net` too",
    )
    .when(|context| context.user_namespace && !context.net_namespace),
    row(
        MOUNT,
        EPERM,
        &["\"mqueue\""],
        "mqueue shows an IPC namespace, and this one belongs to the host, not to the user namespace",
        "type `unshare --ipc` too",
    )
    .when(|context| context.user_namespace && !context.ipc_namespace),
    row(
        MOUNT,
        EPERM,
        &["MS_REMOUNT"],
        "the mount came from outside with stricter options, and a user namespace may not loosen them",
        "add the options that it has outside, such as `-o ro,nosuid,nodev`",
    )
    .when(|context| context.user_namespace),
    row(
        MOUNT,
        EPERM,
        &[],
        "the kernel keeps this mount from a user namespace",
        "run rlab as root, or bind what the host has: `mount --bind`",
    )
    .when(|context| context.user_namespace),
    row(
        MOUNT,
        EPERM,
        &[],
        "mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace",
        "run rlab as root, or add `unshare --user`",
    ),
    row(
        MOUNT,
        EINVAL,
        &["MS_PRIVATE"],
        "`/` is not a mount point here: rlab itself runs in a chroot",
        "run rlab outside of it, or where its root was changed with pivot_root",
    ),
    row(
        MOUNT,
        EINVAL,
        &["MS_BIND"],
        "there are mounts below the source that a user namespace may not uncover, or the source cannot be bound",
        "type `mount --rbind`, which brings them along",
    )
    .when(|context| context.user_namespace),
    row(
        MOUNT,
        EINVAL,
        &["MS_REMOUNT"],
        "the target is not a mount point",
        "mount it first",
    ),
    row(
        MOUNT,
        EINVAL,
        &["MS_BIND"],
        "the source cannot be bound: it is unbindable, or of another mount namespace",
        "bind another directory",
    ),
    row(
        MOUNT,
        EINVAL,
        &[],
        "the file system does not know one of the options",
        "leave the `-o` options out one by one",
    ),
    row(
        MOUNT,
        ENODEV,
        &[],
        "this kernel has no file system of that type",
        "look into /proc/filesystems for what it has",
    ),
    row(
        MOUNT,
        ENOENT,
        &["MS_BIND"],
        "the source or the target does not exist",
        "look for the source with `!ls -ld PATH`; the target is made by rlab in its own rootfs only",
    ),
    row(
        MOUNT,
        ENOENT,
        &[],
        "the target does not exist inside",
        "choose a directory of the rootfs, such as `/proc`, `/sys` or `/dev`",
    ),
    row(
        MOUNT,
        ENOTDIR,
        &["MS_BIND"],
        "a file can be bound only on a file, and a directory only on a directory",
        "choose a target of the same kind as the source",
    ),
    row(
        MOUNT,
        ENOTDIR,
        &[],
        "the target is not a directory",
        "choose a directory to mount on",
    ),
    row(
        MOUNT,
        EBUSY,
        &[],
        "the same thing is mounted there already, or the target is in use",
        "`drop` the earlier mount",
    ),
    row(
        &["mount", "move_mount"],
        ENOSPC,
        &[],
        "a mount namespace holds at most `fs.mount-max` mounts, and it is full",
        "look at `sysctl fs.mount-max`",
    ),
    row(
        NEW,
        EPERM,
        &[],
        "making a mount needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace",
        "run rlab as root",
    ),
    row(
        NEW,
        ENOSYS,
        &[],
        "there is no call for a detached mount: the kernel is older than 5.2, or a seccomp filter hides it",
        "use a newer kernel",
    ),
    row(
        &["openat2"],
        ENOSYS,
        &[],
        "there is no openat2: the kernel is older than 5.6, or a seccomp filter hides it",
        "use a newer kernel",
    ),
    row(
        &["openat2"],
        EXDEV,
        &[],
        "the path leads out of the rootfs",
        "name a path below the rootfs",
    ),
    row(
        PIVOT,
        EBUSY,
        &[],
        "the new root is on the mount that is the root already",
        "bind the new root on itself first: it has to be a mount point of its own",
    ),
    row(
        PIVOT,
        EINVAL,
        &[],
        "a mount there is shared, the new root is no mount point, or the root is an initramfs, which cannot be left",
        "make mounts private first, as rlab does; on an initramfs use `chroot`",
    ),
    row(
        PIVOT,
        EPERM,
        &[],
        "pivot_root needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace",
        "run rlab as root, or add `unshare --user`",
    ),
    row(
        PIVOT,
        ENOTDIR,
        &[],
        "the new root is not a directory",
        "type `drop rootfs` and `rootfs` again",
    ),
    row(
        CHROOT,
        EPERM,
        &[],
        "chroot needs CAP_SYS_CHROOT",
        "run rlab as root, or add `unshare --user`",
    ),
    row(
        &["chroot", "chdir"],
        ENOENT,
        &[],
        "the directory does not exist: the rootfs was removed",
        "type `drop rootfs` and `rootfs` again",
    ),
    row(
        &["umount2"],
        EBUSY,
        &[],
        "something still uses the mount: a working directory, an open file, a mount below it",
        "detach it lazily with MNT_DETACH, as rlab does",
    ),
    row(
        &["umount2"],
        EINVAL,
        &[],
        "it is not a mount point, or it came from outside and a user namespace may not uncover what is below",
        "look into /proc/self/mountinfo",
    ),
    row(
        INTO,
        ELOOP,
        &[],
        "a part of the path is a symbolic link, which could lead out of the rootfs, so it is not followed",
        "name the place that the link leads to",
    ),
    row(
        &["openat2"],
        ENOENT,
        &[],
        "there is no such place in the rootfs to mount on",
        "choose a directory of the rootfs, such as `/proc`, `/sys` or `/dev`",
    ),
    row(
        &["openat2"],
        ENOTDIR,
        &[],
        "a part of the path is a file, not a directory",
        "choose another path",
    ),
    row(
        &["mount", "chroot", "openat2", "chdir"],
        EACCES,
        &[],
        "a directory on the way may not be searched by this user",
        "look at its rights with `!ls -ld`",
    ),
];
