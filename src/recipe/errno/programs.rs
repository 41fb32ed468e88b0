//! The program itself. Sources: execve(2), capabilities(7).

use nix::errno::Errno::{EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOEXEC, ENOTDIR, EPERM, ETXTBSY};

use super::{Executable, Row, row};
use crate::recipe::compose::RootChange;

const EXEC: &[&str] = &["execve"];

pub(super) const ROWS: &[Row] = &[
    row(
        "exec-interpreter",
        EXEC,
        ENOENT,
        &[],
        "the program is there, but what is to start it, `{interpreter}`, is not: a dynamically linked program names its \
         loader, a script its shell",
        "bring that inside too, with its libraries; `rootfs host` does so for the machine's own tools",
    )
    .when(|context| matches!(context.executable, Executable::Interpreter(_))),
    row(
        "exec-nameless",
        EXEC,
        ENOENT,
        &[],
        "the program has no name: its first word is empty",
        "name a program; a variable that is not set may have been in its place",
    )
    .when(|context| context.executable == Executable::Nameless),
    row(
        "exec-missing-inside",
        EXEC,
        ENOENT,
        &[],
        "there is no such program in this root, which holds only what `rootfs` put there",
        "look with `ls /bin`, or type `drop chroot` or `drop pivot_root` to see the host's programs",
    )
    .when(|context| context.root != RootChange::None),
    row(
        "exec-missing",
        EXEC,
        ENOENT,
        &[],
        "there is no such program on this machine",
        "look at the spelling; `help` shows rlab's own words",
    ),
    row(
        "exec-directory",
        EXEC,
        EACCES,
        &[],
        "it is a directory, not a program",
        "look into it with `ls`",
    )
    .when(|context| context.executable == Executable::Directory),
    row(
        "exec-bit",
        EXEC,
        EACCES,
        &[],
        "the file may be executed by nobody: no `x` in its mode",
        "look at it with `ls -l`; `chmod +x` makes it a program",
    )
    .when(|context| context.executable == Executable::NoBit),
    row(
        "exec-noexec",
        EXEC,
        EACCES,
        &[],
        "the file lies on a mount with `noexec`",
        "copy it elsewhere, or mount that without `noexec`",
    )
    .when(|context| context.executable == Executable::NoExec),
    row(
        "exec-not-yours",
        EXEC,
        EACCES,
        &[],
        "this user may not execute the file, or not search a directory on the way to it",
        "look at their rights with `ls -ld`",
    ),
    row(
        "exec-capability",
        EXEC,
        EPERM,
        &[],
        "the file asks for capabilities (`getcap` shows them), and one of them was given up for good",
        "leave it out of `capdrop`, or run a copy of the file: a copy asks for nothing",
    ),
    row(
        "exec-format",
        EXEC,
        ENOEXEC,
        &[],
        "the file is no program for this processor, or a script without its `#!` line",
        "run a script as `sh FILE`",
    ),
    row(
        "exec-below-file",
        EXEC,
        ENOTDIR,
        &[],
        "a part of the path is a file, not a directory",
        "look at the path with `ls -l`",
    ),
    row(
        "exec-in-circle",
        EXEC,
        ELOOP,
        &[],
        "symbolic links lead in a circle",
        "look at the links with `ls -l`",
    ),
    row(
        "exec-name-too-long",
        EXEC,
        ENAMETOOLONG,
        &[],
        "a path has at most 4095 bytes, and each part of it 255",
        "choose a shorter path",
    ),
    row(
        "exec-still-written",
        EXEC,
        ETXTBSY,
        &[],
        "the file is still open for writing somewhere",
        "wait until it is closed",
    ),
];
