//! Mounts and the change of the root. Sources: mount(2), fsopen(2), openat2(2), pivot_root(2), chroot(2),
//! mount_namespaces(7), user_namespaces(7).

use nix::errno::Errno::{EACCES, EBUSY, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EPERM, EROFS};

use super::{Row, row};
use crate::recipe::ingredient::Namespace;

const MOUNT: &[&str] = &["mount"];

pub(super) const ROWS: &[Row] = &[
    row(
        "proc-of-foreign-pid-namespace",
        MOUNT,
        EPERM,
        &["\"proc\""],
        "a proc shows a PID namespace, and this one belongs to the host, not to the user namespace",
        "type `unshare --pid` too: then the proc is one's own",
    )
    .when(|context| context.user() && !context.owns(Namespace::Pid)),
    row(
        "proc-masked",
        MOUNT,
        EPERM,
        &["\"proc\""],
        "part of the /proc seen here is masked (as in Docker), and in a user namespace a new proc may not unmask it",
        "start the outer container with `--security-opt systempaths=unconfined`, or run rlab outside of it",
    )
    .when(super::Context::user),
    row(
        "sysfs-of-foreign-net-namespace",
        MOUNT,
        EPERM,
        &["\"sysfs\""],
        "sysfs shows a network namespace, and this one belongs to the host, not to the user namespace",
        "type `unshare --net` too",
    )
    .when(|context| context.user() && !context.owns(Namespace::Net)),
    row(
        "sysfs-masked",
        MOUNT,
        EPERM,
        &["\"sysfs\""],
        "part of the /sys seen here is masked (as in Docker), and in a user namespace a new sysfs may not unmask it",
        "bind what there is: `mount --rbind /sys /sys`",
    )
    .when(super::Context::user),
    row(
        "mqueue-of-foreign-ipc-namespace",
        MOUNT,
        EPERM,
        &["\"mqueue\""],
        "mqueue shows an IPC namespace, and this one belongs to the host, not to the user namespace",
        "type `unshare --ipc` too",
    )
    .when(|context| context.user() && !context.owns(Namespace::Ipc)),
    row(
        "remount-locked",
        MOUNT,
        EPERM,
        &["MS_REMOUNT"],
        "the mount came from outside with stricter options, and a user namespace may not loosen them",
        "name the options that it has outside too, such as `-o ro,nosuid,nodev`",
    )
    .when(super::Context::user),
    row(
        "root-is-no-mount",
        MOUNT,
        EINVAL,
        &["MS_PRIVATE"],
        "`/` is not a mount point here: rlab itself runs in a chroot",
        "run rlab outside of it, or where its root was changed with pivot_root",
    ),
    row(
        "bind-uncovers",
        MOUNT,
        EINVAL,
        &["MS_BIND"],
        "there are mounts below the source, and without them it would show what they cover, which a user namespace \
         may not",
        "type `mount --rbind`, which brings them along",
    )
    .when(super::Context::user),
    row(
        "bind-of-foreign-mount",
        MOUNT,
        EINVAL,
        &["MS_BIND"],
        "the source belongs to another mount namespace",
        "bind a path that this one can name without /proc/PID",
    ),
    row(
        "mount-option",
        MOUNT,
        EINVAL,
        &[],
        "the file system does not know one of the options",
        "leave the `-o` options out one by one",
    ),
    row(
        "root-removed",
        &["mount", "openat"],
        ENOENT,
        &["/rootfs\""],
        "the rootfs was removed",
        "type `drop rootfs` and `rootfs` again",
    )
    .when(|context| context.directory_gone),
    row(
        "bind-missing",
        MOUNT,
        ENOENT,
        &["MS_BIND"],
        "the source or the target does not exist",
        "look for the source with `!ls -ld PATH`; the target is made by rlab in its own rootfs only",
    ),
    row(
        "mount-on-nothing",
        MOUNT,
        ENOENT,
        &[],
        "the target does not exist",
        "make it with `!mkdir`, or type `rootfs` and `chroot`: there rlab makes it",
    ),
    row(
        "bind-of-another-kind",
        MOUNT,
        ENOTDIR,
        &["MS_BIND"],
        "a file can be bound only on a file, and a directory only on a directory",
        "choose a target of the same kind as the source",
    ),
    row(
        "mount-on-file",
        MOUNT,
        ENOTDIR,
        &[],
        "the target is not a directory",
        "choose a directory to mount on",
    ),
    row(
        "mount-there-already",
        MOUNT,
        EBUSY,
        &[],
        "the same file system is mounted there already",
        "`drop` the mount: what it would show is there",
    ),
    row(
        "mount-by-apparmor",
        MOUNT,
        EACCES,
        &[],
        "the profile to which AppArmor holds rlab forbids mounts (as Docker's does)",
        "start the outer container with `--security-opt apparmor=unconfined`",
    )
    .when(|context| context.place.confined.is_some()),
    row(
        "mount-unsearchable",
        MOUNT,
        EACCES,
        &[],
        "a directory on the way to the source or the target may not be searched by this user",
        "look at its rights with `!ls -ld`",
    ),
    row(
        "mount-in-circle",
        MOUNT,
        ELOOP,
        &[],
        "symbolic links on the way to the source or the target lead in a circle",
        "look at the links with `!ls -l`",
    ),
    row(
        "mount-name-too-long",
        &["mount", "openat2", "mkdirat"],
        ENAMETOOLONG,
        &[],
        "a path has at most 4095 bytes, and each part of it 255",
        "choose a shorter path",
    ),
    row(
        "new-proc-without-admin",
        &["fsopen"],
        EPERM,
        &[],
        "a proc that is older than its PID namespace is made by rlab itself, which runs as root without CAP_SYS_ADMIN",
        "type the `mount` line after `unshare --pid`, and `unshare --user` too",
    ),
    row(
        "fsopen-missing",
        &["fsopen"],
        ENOSYS,
        &[],
        "there is no call for a detached mount: a seccomp filter hides it, or the kernel is older than 5.2",
        "type the `mount` line after `unshare --pid`, or use a newer kernel",
    ),
    row(
        "openat2-missing",
        &["openat2"],
        ENOSYS,
        &[],
        "there is no openat2, which keeps a mount inside the rootfs: a seccomp filter hides it, or the kernel is older \
         than 5.6",
        "use a newer kernel, or start the outer container with `--security-opt seccomp=unconfined`",
    ),
    row(
        "target-is-link",
        &["openat2"],
        ELOOP,
        &[],
        "a part of the path is a symbolic link, which could lead out of the rootfs, so it is not followed",
        "name the place that the link leads to",
    ),
    row(
        "target-missing",
        &["openat2"],
        ENOENT,
        &[],
        "the place to mount on was removed from the rootfs",
        "`drop` the mount and type it again: then rlab makes the place",
    ),
    row(
        "target-below-file",
        &["openat2"],
        ENOTDIR,
        &[],
        "a part of the path is a file, not a directory",
        "choose another path",
    ),
    row(
        "mount-point-read-only",
        &["mkdirat", "mknodat"],
        EROFS,
        &[],
        "the file system in which the place to mount on would be made is mounted read-only",
        "leave `ro` out where it is mounted",
    ),
    row(
        "pivot-from-initramfs",
        &["pivot_root"],
        EINVAL,
        &[],
        "the root of this machine is its initramfs, which cannot be left behind by pivot_root",
        "use `chroot`; with `unshare --mount` it sees no other mounts than its own",
    ),
    row(
        "chroot-without-capability",
        &["chroot"],
        EPERM,
        &[],
        "chroot needs CAP_SYS_CHROOT, and rlab runs as root without it",
        "type `unshare --user` too: in a user namespace of one's own the capability is there",
    ),
    row(
        "chroot-to-nothing",
        &["chroot"],
        ENOENT,
        &[],
        "the rootfs was removed",
        "type `drop rootfs` and `rootfs` again",
    ),
];
