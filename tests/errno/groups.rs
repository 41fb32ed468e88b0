//! Refusals of control groups, on v1. What only v2 answers is provoked in virtual machines.

use nix::errno::Errno::{EACCES, EBUSY, EINVAL, ENOENT, EROFS};

use super::{PLAIN, Provocation, USER, provoke};

const READ_ONLY: &str = "mount -o remount,bind,ro /sys/fs/cgroup/memory; exec $RLAB";

pub(crate) const ALL: &[Provocation] = &[
    provoke(
        "group-gone",
        "openat",
        ENOENT,
        PLAIN,
        "cgroup memory.max=64M\n!rmdir $CGROUP\ncgroup memory.max=32M\n",
    ),
    provoke("group-gone", "openat", ENOENT, PLAIN, "cgroup memory.max=64M\n!rmdir $CGROUP\ntrue\n"),
    provoke(
        "limit-below-use",
        "write",
        EBUSY,
        PLAIN,
        "cgroup memory.max=64M\nsh -c 'd=$(head -c 20000000 /dev/zero | tr \"\\\\0\" x); sleep 1000' &\n\
         !i=0; until [ $(cat $CGROUP/memory.usage_in_bytes) -gt 20000000 ] || [ $((i += 1)) -gt 500 ]; do sleep 0.05; \
         done\ncgroup memory.max=1M\n",
    ),
    provoke(
        "cpu-above-parent",
        "write",
        EINVAL,
        "g=/sys/fs/cgroup/cpu/rlab-test-$$; mkdir $g; echo 20000 >$g/cpu.cfs_quota_us; chown 61234 $g; \
         sh -c \"echo 0 >$g/tasks; exec $USER_RUN $RLAB\"; rmdir $g",
        "cgroup cpu.max=50%\n",
    ),
    provoke("group-read-only", "mkdir", EROFS, READ_ONLY, "cgroup memory.max=64M\n"),
    provoke(
        "group-read-only",
        "openat",
        EROFS,
        PLAIN,
        "cgroup memory.max=64M\n!mount -o remount,bind,ro /sys/fs/cgroup/memory\ntrue\n\
         !mount -o remount,bind,rw /sys/fs/cgroup/memory\n",
    ),
    provoke(
        "group-read-only",
        "rmdir",
        EROFS,
        PLAIN,
        "cgroup memory.max=64M\n!mount -o remount,bind,ro /sys/fs/cgroup/memory\ndrop cgroup\n\
         !mount -o remount,bind,rw /sys/fs/cgroup/memory\n",
    ),
    provoke("group-not-yours-v1", "mkdir", EACCES, USER, "cgroup memory.max=64M\n"),
    provoke(
        "group-in-use",
        "rmdir",
        EBUSY,
        PLAIN,
        "cgroup memory.max=64M\nsleep 1000 &\ndrop cgroup\nkill 1\n",
    ),
];
