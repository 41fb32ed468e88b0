//! The files of the rootfs, in the directory for temporary files. Sources: mkdir(2), write(2).

use nix::errno::Errno::{EACCES, ENOENT, ENOSPC, ENOTDIR, EROFS};

use super::{Row, row};

/// The directory that holds the rootfs is made, with the mode 0700.
const WORK: &[&str] = &["mkdir"];
/// The rootfs is built in it.
const BUILD: &[&str] = &["mkdir", "write"];

pub(super) const ROWS: &[Row] = &[
    row(
        "disk-full",
        BUILD,
        ENOSPC,
        &["/rootfs"],
        "the disk is full",
        "free some space, or name another place for temporary files with `TMPDIR=DIR`",
    ),
    row(
        "work-read-only",
        WORK,
        EROFS,
        &[", 0700"],
        "the directory for temporary files is on a read-only file system",
        "name another one with `TMPDIR=DIR`",
    ),
    row(
        "work-not-yours",
        WORK,
        EACCES,
        &[", 0700"],
        "this user may not write to the directory for temporary files",
        "name another one with `TMPDIR=DIR`",
    ),
    row(
        "work-missing",
        WORK,
        ENOENT,
        &[", 0700"],
        "there is no such directory for temporary files",
        "make it, or name another one with `TMPDIR=DIR`",
    ),
    row(
        "work-below-file",
        WORK,
        ENOTDIR,
        &[", 0700"],
        "the directory for temporary files is no directory",
        "name another one with `TMPDIR=DIR`",
    ),
    row(
        "work-full",
        WORK,
        ENOSPC,
        &[", 0700"],
        "the disk is full",
        "free some space, or name another place for temporary files with `TMPDIR=DIR`",
    ),
];
