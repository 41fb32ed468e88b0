//! Refusals of the program itself, and of the files of the rootfs.

use nix::errno::Errno::{
    EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOEXEC, ENOSPC, ENOTDIR, EPERM, EROFS, ETXTBSY,
};

use super::mounts::long_name;
use super::{PLAIN, Provocation, USER, provoke};

pub(crate) const ALL: &[Provocation] = &[
    // A program of the machine that is dynamically linked, in a root without its loader.
    provoke(
        "exec-interpreter",
        "execve",
        ENOENT,
        PLAIN,
        "rootfs busybox\nchroot\n!cp /usr/bin/env ${ROOTFS:?}/bin/dynamic\ndynamic\n",
    ),
    provoke(
        "exec-interpreter",
        "execve",
        ENOENT,
        "printf '#!/no/such/shell\\n' >$DIR/script; chmod +x $DIR/script; exec $RLAB",
        "DIR/script\n",
    ),
    provoke("exec-nameless", "execve", ENOENT, PLAIN, "''\n"),
    provoke("exec-nameless", "execve", ENOENT, PLAIN, "rootfs\nchroot\n''\n"),
    provoke("exec-missing-inside", "execve", ENOENT, PLAIN, "rootfs\nchroot\nno-such-program\n"),
    provoke("exec-missing", "execve", ENOENT, PLAIN, "no-such-program\n"),
    provoke("exec-directory", "execve", EACCES, PLAIN, "/etc\n"),
    provoke("exec-directory", "execve", EACCES, PLAIN, "rootfs\npivot_root\n/etc\n"),
    provoke("exec-bit", "execve", EACCES, PLAIN, "/etc/passwd\n"),
    provoke("exec-bit", "execve", EACCES, PLAIN, "rootfs\nchroot\n/etc/passwd\n"),
    provoke(
        "exec-noexec",
        "execve",
        EACCES,
        "mount -t tmpfs -o noexec tmpfs $DIR; cp /bin/true $DIR/true; TMPDIR=/tmp exec $RLAB",
        "DIR/true\n",
    ),
    provoke(
        "exec-noexec",
        "execve",
        EACCES,
        "cp /bin/true $DIR/true; mkdir $DIR/b; exec $RLAB",
        "unshare --mount\nmount --bind -o noexec DIR DIR/b\nDIR/b/true\n",
    ),
    provoke(
        "exec-not-yours",
        "execve",
        EACCES,
        "mkdir -m 700 $DIR/a; cp /bin/true $DIR/a/true; exec $USER_RUN $RLAB",
        "DIR/a/true\n",
    ),
    provoke(
        "exec-capability",
        "execve",
        EPERM,
        "cp /bin/true $DIR/true; setcap cap_net_raw+ep $DIR/true; exec $RLAB",
        "capdrop net_raw\nDIR/true\n",
    ),
    provoke(
        "exec-format",
        "execve",
        ENOEXEC,
        "echo true >$DIR/text; chmod +x $DIR/text; exec $RLAB",
        "DIR/text\n",
    ),
    provoke("exec-below-file", "execve", ENOTDIR, PLAIN, "/etc/passwd/true\n"),
    provoke("exec-in-circle", "execve", ELOOP, "ln -s a $DIR/a; exec $RLAB", "DIR/a\n"),
    provoke("exec-name-too-long", "execve", ENAMETOOLONG, PLAIN, concat!("/", long_name!(), "\n")),
    provoke(
        "exec-still-written",
        "execve",
        ETXTBSY,
        "cp /bin/true $DIR/true; exec $RLAB 9>>$DIR/true",
        "DIR/true\n",
    ),
    provoke("disk-full", "write", ENOSPC, "mount -t tmpfs -o size=64k tmpfs $DIR; exec $RLAB", "rootfs\n"),
    provoke("work-read-only", "mkdir", EROFS, "mount -t tmpfs -o ro tmpfs $DIR; exec $RLAB", "rootfs\n"),
    provoke("work-not-yours", "mkdir", EACCES, "chmod 700 $DIR; exec $USER_RUN $RLAB", "rootfs\n"),
    provoke("work-missing", "mkdir", ENOENT, "TMPDIR=/no/such/place exec $RLAB", "rootfs\n"),
    provoke("work-below-file", "mkdir", ENOTDIR, "TMPDIR=/etc/passwd exec $RLAB", "rootfs\n"),
    provoke("disk-full", "mkdir", ENOSPC, "mount -t tmpfs -o nr_inodes=2 tmpfs $DIR; exec $RLAB", "rootfs\n"),
    provoke("work-full", "mkdir", ENOSPC, "mount -t tmpfs -o nr_inodes=1 tmpfs $DIR; exec $RLAB", "rootfs\n"),
    provoke("exec-missing", "execve", ENOENT, USER, "no-such-program\n"),
];
