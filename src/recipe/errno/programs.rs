//! The program itself, signals, and files on the host. Sources: execve(2), kill(2), open(2), mkdir(2), write(2).

use nix::errno::Errno::{
    E2BIG, EACCES, EDQUOT, EISDIR, ELOOP, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENOTDIR, EPERM,
    EROFS, ESRCH, ETXTBSY,
};

use super::{Row, row};
use crate::recipe::compose::RootChange;

const EXEC: &[&str] = &["execve"];
const FILES: &[&str] =
    &["openat", "write", "mkdir", "mkdirat", "mknodat", "symlinkat", "copy_file_range", "linkat"];

pub(super) const ROWS: &[Row] = &[
    row(
        EXEC,
        ENOENT,
        &[],
        "the program is there, but the interpreter that it names, `{interpreter}`, is not in this root",
        "a dynamically linked program needs its loader and libraries inside; `rootfs` brings them for its own tools",
    )
    .when(|context| context.interpreter.is_some()),
    row(
        EXEC,
        ENOENT,
        &[],
        "there is no such program in this root, which holds only what `rootfs` put there",
        "look with `ls /bin`, or type `drop chroot` or `drop pivot_root` to see the host's programs",
    )
    .when(|context| context.root != RootChange::None),
    row(
        EXEC,
        ENOENT,
        &[],
        "there is no such program on this machine",
        "look at the spelling; `help` shows rlab's own words",
    ),
    row(
        EXEC,
        EACCES,
        &[],
        "the file is not executable for this user, is a directory, or lies on a mount with `noexec`",
        "look at it with `ls -l`",
    ),
    row(
        EXEC,
        EPERM,
        &[],
        "the file needs a capability that was given up or a mount forbids",
        "type `drop capdrop`",
    ),
    row(
        EXEC,
        ENOEXEC,
        &[],
        "the file is no program for this processor, or a script without its `#!` line",
        "run a script as `sh FILE`",
    ),
    row(
        EXEC,
        ENOTDIR,
        &[],
        "a part of the path is a file, not a directory",
        "look at the path with `ls -l`",
    ),
    row(
        EXEC,
        ELOOP,
        &[],
        "symbolic links lead in a circle",
        "look at the links with `ls -l`",
    ),
    row(
        EXEC,
        E2BIG,
        &[],
        "the command line is longer than the kernel takes",
        "put the data into a file",
    ),
    row(
        EXEC,
        ENOMEM,
        &[],
        "the limit of the group leaves no memory to load the program",
        "raise `cgroup memory.max=…`",
    ),
    row(
        EXEC,
        ETXTBSY,
        &[],
        "the file is still open for writing somewhere",
        "wait until it is closed",
    ),
    row(
        &["kill", "pidfd_send_signal"],
        ESRCH,
        &[],
        "the process has ended already",
        "`jobs` shows which ones still run",
    ),
    row(
        &["kill", "pidfd_send_signal"],
        EPERM,
        &[],
        "the process belongs to another user",
        "run rlab as root",
    ),
    row(
        FILES,
        ENOSPC,
        &[],
        "the disk is full",
        "free some space, or point `TMPDIR` to another disk",
    ),
    row(
        FILES,
        EDQUOT,
        &[],
        "the disk quota of this user is used up",
        "free some space, or point `TMPDIR` to another disk",
    ),
    row(
        FILES,
        EROFS,
        &[],
        "the file system is read-only",
        "point `TMPDIR` to a place that can be written",
    ),
    row(
        FILES,
        EISDIR,
        &[],
        "a directory stands where a file is needed",
        "move it out of the way",
    ),
    row(
        FILES,
        EMFILE,
        &[],
        "rlab has as many files open as it may",
        "end some containers that stay, or raise `ulimit -n`",
    ),
    row(
        FILES,
        ENFILE,
        &[],
        "the machine has as many files open as it may",
        "look at `sysctl fs.file-max`",
    ),
    row(
        FILES,
        EACCES,
        &[],
        "this user may not write there",
        "point `TMPDIR` to a place that can be written",
    ),
];
