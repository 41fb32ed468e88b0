//! Refusals of mounts and of the change of the root.

use nix::errno::Errno::{EACCES, EBUSY, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EPERM, EROFS};

use super::{PLAIN, Provocation, USER, provoke};

/// A name that is longer than any file system takes.
macro_rules! long_name {
    () => {
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\
         nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\
         nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
    };
}
pub(crate) use long_name;

pub(crate) const ALL: &[Provocation] = &[
    provoke(
        "escape-without-capability",
        "chroot",
        EPERM,
        PLAIN,
        "rootfs\nchroot\ncapdrop CAP_SYS_CHROOT\nescape true\n",
    ),
    provoke(
        "proc-of-foreign-pid-namespace",
        "mount",
        EPERM,
        PLAIN,
        "unshare --user\nmount -t proc proc /proc\ntrue\n",
    ),
    provoke(
        "proc-masked",
        "mount",
        EPERM,
        "mount -t tmpfs -o ro tmpfs /proc/irq; exec $RLAB",
        "unshare --user --pid --mount-proc\ntrue\n",
    ),
    provoke(
        "sysfs-of-foreign-net-namespace",
        "mount",
        EPERM,
        PLAIN,
        "unshare --user\nmount -t sysfs sysfs /sys\ntrue\n",
    ),
    provoke(
        "sysfs-masked",
        "mount",
        EPERM,
        "mount -t tmpfs -o ro tmpfs /sys/kernel; exec $RLAB",
        "unshare --user --net\nmount -t sysfs sysfs /sys\ntrue\n",
    ),
    provoke(
        "mqueue-of-foreign-ipc-namespace",
        "mount",
        EPERM,
        PLAIN,
        "unshare --user\nmount -t mqueue mqueue /mnt\ntrue\n",
    ),
    provoke(
        "remount-locked",
        "mount",
        EPERM,
        "mkdir $DIR/a $DIR/b; mount -t tmpfs -o nosuid,nodev tmpfs $DIR/a; exec $RLAB",
        "unshare --user\nmount --bind -o ro DIR/a DIR/b\ntrue\n",
    ),
    provoke(
        "root-is-no-mount",
        "mount",
        EINVAL,
        "mkdir $DIR/proc && cp $PROGRAM $HERE/lines $DIR/ && mount -t proc proc $DIR/proc && \
         TMPDIR=/ exec chroot $DIR /rlab run --script /lines --format json",
        "unshare --mount\ntrue\n",
    ),
    provoke(
        "bind-uncovers",
        "mount",
        EINVAL,
        "mkdir -p $DIR/a/b $DIR/c; mount -t tmpfs tmpfs $DIR/a; mkdir $DIR/a/b; mount -t tmpfs tmpfs $DIR/a/b; exec $RLAB",
        "unshare --user\nmount --bind DIR/a DIR/c\ntrue\n",
    ),
    provoke(
        "bind-of-foreign-mount",
        "mount",
        EINVAL,
        "mkdir $DIR/a; sleep 1000 & sed -i s/PID/$!/ $HERE/lines; $RLAB; kill $!",
        "unshare --mount\nmount --bind /proc/PID/root/etc DIR/a\ntrue\n",
    ),
    provoke(
        "mount-option",
        "mount",
        EINVAL,
        PLAIN,
        "unshare --mount\nmount -t tmpfs -o sise=1m tmpfs /mnt\ntrue\n",
    ),
    provoke("root-removed", "mount", ENOENT, PLAIN, "rootfs\npivot_root\n!rm -r ${ROOTFS:?}\nls\n"),
    provoke(
        "root-removed",
        "openat",
        ENOENT,
        PLAIN,
        "rootfs\nmount --bind /dev/null /dev/null\nchroot\n!rm -r ${ROOTFS:?}\nls\n",
    ),
    provoke(
        "bind-missing",
        "mount",
        ENOENT,
        PLAIN,
        "unshare --mount\nmount --bind /no-such-place /mnt\ntrue\n",
    ),
    provoke(
        "mount-on-nothing",
        "mount",
        ENOENT,
        PLAIN,
        "unshare --mount\nmount -t tmpfs tmpfs /no-such-place\ntrue\n",
    ),
    provoke(
        "bind-of-another-kind",
        "mount",
        ENOTDIR,
        PLAIN,
        "unshare --mount\nmount --bind /etc/passwd /mnt\ntrue\n",
    ),
    provoke(
        "mount-on-file",
        "mount",
        ENOTDIR,
        PLAIN,
        "unshare --mount\nmount -t tmpfs tmpfs /etc/passwd\ntrue\n",
    ),
    provoke(
        "mount-there-already",
        "mount",
        EBUSY,
        "mount -t sysfs sysfs /sys; exec $RLAB",
        "unshare --mount\nmount -t sysfs sysfs /sys\ntrue\n",
    ),
    provoke(
        "mount-unsearchable",
        "mount",
        EACCES,
        "mkdir -m 700 $DIR/a; mkdir $DIR/a/b $DIR/c; exec $USER_RUN $RLAB",
        "mount --bind DIR/a/b DIR/c\ntrue\n",
    ),
    provoke(
        "mount-in-circle",
        "mount",
        ELOOP,
        "ln -s a $DIR/a; exec $RLAB",
        "unshare --mount\nmount -t tmpfs tmpfs DIR/a\ntrue\n",
    ),
    provoke(
        "mount-name-too-long",
        "mount",
        ENAMETOOLONG,
        PLAIN,
        concat!("unshare --mount\nmount -t tmpfs tmpfs /mnt/", long_name!(), "\ntrue\n"),
    ),
    provoke(
        "mount-name-too-long",
        "openat2",
        ENAMETOOLONG,
        PLAIN,
        concat!("rootfs\nchroot\nmount -t tmpfs tmpfs /mnt/", long_name!(), "\ntrue\n"),
    ),
    provoke(
        "mount-name-too-long",
        "mkdirat",
        ENAMETOOLONG,
        PLAIN,
        concat!(
            "rootfs\nchroot\nmount -t tmpfs tmpfs /mnt\nmount --bind /etc /mnt/",
            long_name!(),
            "\ntrue\n"
        ),
    ),
    provoke(
        "new-proc-without-admin",
        "fsopen",
        EPERM,
        "exec setpriv --bounding-set=-sys_admin $RLAB",
        "rootfs\nchroot\nmount -t proc proc /proc\nunshare --pid\ntrue\n",
    ),
    provoke(
        "fsopen-missing",
        "fsopen",
        ENOSYS,
        "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $RLAB 9<$HERE/fsopen-enosys",
        "rootfs\nchroot\nmount -t proc proc /proc\nunshare --pid\ntrue\n",
    ),
    provoke(
        "openat2-missing",
        "openat2",
        ENOSYS,
        "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $RLAB 9<$HERE/openat2-enosys",
        "rootfs\nchroot\nmount --bind /dev/null /dev/null\ntrue\n",
    ),
    provoke(
        "target-is-link",
        "openat2",
        ELOOP,
        PLAIN,
        "rootfs\nchroot\nmount --bind /dev/null /dev/null\n!ln -sf /etc/passwd ${ROOTFS:?}/dev/null\ntrue\n",
    ),
    provoke(
        "target-missing",
        "openat2",
        ENOENT,
        PLAIN,
        "rootfs\nchroot\nmount --bind /dev/null /dev/null\n!rm ${ROOTFS:?}/dev/null\ntrue\n",
    ),
    provoke(
        "target-below-file",
        "openat2",
        ENOTDIR,
        PLAIN,
        "rootfs\nchroot\nmount --bind /dev/null /etc/passwd/null\n",
    ),
    provoke(
        "mount-point-read-only",
        "mkdirat",
        EROFS,
        PLAIN,
        "rootfs\nchroot\nmount -t tmpfs -o ro tmpfs /mnt\nmount --bind /etc /mnt/etc\ntrue\n",
    ),
    provoke(
        "mount-point-read-only",
        "mknodat",
        EROFS,
        PLAIN,
        "rootfs\nchroot\nmount -t tmpfs -o ro tmpfs /mnt\nmount --bind /dev/null /mnt/null\ntrue\n",
    ),
    provoke(
        "chroot-without-capability",
        "chroot",
        EPERM,
        "exec setpriv --bounding-set=-sys_chroot $RLAB",
        "rootfs\nchroot\ntrue\n",
    ),
    provoke("chroot-to-nothing", "chroot", ENOENT, PLAIN, "rootfs\nchroot\n!rm -r ${ROOTFS:?}\nls\n"),
    provoke("chroot-to-nothing", "chroot", ENOENT, USER, "rootfs\nchroot\n!rm -r ${ROOTFS:?}\nls\n"),
];
