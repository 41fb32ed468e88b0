//! Whether a directory fits into an image that can be unpacked again: asked of what lstat(2) says, before a byte is read.
//! A file with holes counts with all that it claims to be, since a layer keeps no holes.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use nix::sys::stat::FileStat;

use super::layer::Room;
use crate::error::{Result, Trouble};
use crate::kernel::below::{self, Below};
use crate::recipe::image::entry::{self, shown};

/// Bytes of one of the blocks that lstat(2) counts.
const BLOCK: u64 = 512;

/// Looks at everything below the root.
///
/// # Errors
/// A file, or all of them together, are more than would be unpacked; a directory that may not be read.
pub(super) fn fits(root: &Below, room: Room) -> Result<()> {
    let mut walk = Walk { root, room, whole: room, seen: BTreeSet::new() };
    walk.directory(b"")
}

struct Walk<'a> {
    root: &'a Below,
    /// What is left.
    room: Room,
    whole: Room,
    /// Files with several names, of which the bytes count once.
    seen: BTreeSet<(u64, u64)>,
}

impl Walk<'_> {
    fn directory(&mut self, directory: &[u8]) -> Result<()> {
        let unreadable =
            |errno| Trouble::sandbox(format!("cannot pack `{}`", shown(directory))).because(errno);
        for (name, stat) in self.root.entries(directory).map_err(unreadable)? {
            let path = entry::joined(directory, name.as_bytes());
            self.room.entries = self.room.entries.checked_sub(1).ok_or_else(|| {
                too_much(format!(
                    "it has more than the {} entries that are unpacked again",
                    self.whole.entries
                ))
            })?;
            match below::kind(&stat) {
                below::Kind::Directory => self.directory(&path)?,
                below::Kind::File => self.file(&path, &stat)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &[u8], stat: &FileStat) -> Result<()> {
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let (size, on_disk) = (count(stat.st_size), count(stat.st_blocks).saturating_mul(BLOCK));
        if size > self.whole.file {
            let trouble = Trouble::usage(format!("`{}` cannot be packed", shown(path))).because(format!(
                "it has {size} bytes, and at most {} of a file are unpacked again",
                self.whole.file
            ));
            let trouble = if on_disk < size {
                trouble.because(format!(
                    "it is a sparse file: {on_disk} bytes of it are on the disk, and a layer would hold all of them"
                ))
            } else {
                trouble
            };
            return Err(trouble.hint("nothing was written; move it out of the directory, and pack again"));
        }
        if stat.st_nlink > 1 && !self.seen.insert((stat.st_dev, stat.st_ino)) {
            return Ok(());
        }
        self.room.bytes = self.room.bytes.checked_sub(size).ok_or_else(|| {
            too_much(format!(
                "its files have more than the {} bytes that are unpacked again",
                self.whole.bytes
            ))
        })?;
        Ok(())
    }
}

fn too_much(why: String) -> Trouble {
    Trouble::usage("the directory is too large for an image of rlab's")
        .because(why)
        .hint("nothing was written; move what need not be in it elsewhere, and pack again")
}
