//! A layer is laid over a tree: what it has is made, what its whiteouts name is taken away.
//!
//! Source: the OCI image specification, "Image Layer Filesystem Changeset". What a name may be, `recipe::image::entry`
//! says; what it leads through, the kernel refuses ([`crate::kernel::below`]).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use super::layer::{self, Entry, Kind, Room, unreadable};
use super::store::{Image, Layout};
use crate::error::{Result, Trouble};
use crate::kernel::below::{self, Below, Marks};
use crate::recipe::image::document::Layer;
use crate::recipe::image::entry::{self, Meaning, shown};

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Entries that were made.
    pub made: usize,
    /// Whiteouts that took something away.
    pub gone: usize,
    /// Entries that were made without the extended attributes that the layer has for them.
    pub bare: usize,
}

/// Unpacks an image into an empty directory, lowest layer first.
///
/// # Errors
/// A layer that is damaged, too large, or would write outside. What was made so far is the caller's to remove.
pub fn unpack(layout: &Layout, image: &Image, root: &Path) -> Result<Vec<Unpacked>> {
    let below = Below::open(root).map_err(|errno| {
        Trouble::sandbox(format!("cannot unpack into `{}`", root.display())).because(errno)
    })?;
    let mut tree = Tree { below, own: nix::unistd::geteuid().is_root() };
    let mut room = Room::default();
    image.layers.iter().map(|layer| tree.lay(layout, layer, &mut room)).collect()
}

struct Tree {
    below: Below,
    /// Whether owners can be given.
    own: bool,
}

/// What one layer has done so far.
#[derive(Default)]
struct Laid {
    /// What it has made itself: its own whiteouts spare that.
    made: BTreeSet<Vec<u8>>,
    /// The marks of its directories, set when everything is in them.
    directories: BTreeMap<Vec<u8>, Marks>,
    done: Unpacked,
}

impl Tree {
    fn lay(&mut self, layout: &Layout, layer: &Layer, room: &mut Room) -> Result<Unpacked> {
        let mut laid = Laid::default();
        layer::each(layout, layer, room, &mut |entry, bytes| self.entry(&entry, bytes, &mut laid))?;
        // The deepest first: who is not root could not enter a directory that is closed already.
        for (path, marks) in laid.directories.iter().rev() {
            self.below.mark(path, *marks).map_err(|errno| refused(path, errno))?;
        }
        Ok(laid.done)
    }

    fn entry(&mut self, entry: &Entry, bytes: &mut dyn Read, laid: &mut Laid) -> Result<()> {
        let name = &entry.name;
        let asked = entry::meaning(name).map_err(|escape| outside(name).because(escape))?;
        match asked {
            Meaning::Put(path) => {
                self.put(&path, entry, bytes)?;
                laid.done.made += 1;
                laid.done.bare += usize::from(entry.attributes);
                match entry.kind {
                    Kind::Directory => {
                        laid.directories.insert(path.clone(), self.marks(entry));
                    }
                    // A file in its place: its old marks are nobody's.
                    _ if laid.directories.contains_key(&path) => {
                        laid.directories.retain(|known, _| !entry::is_below(known, &path));
                    }
                    _ => {}
                }
                laid.made.insert(path);
            }
            Meaning::Gone(path) => {
                if !laid.made.contains(&path) && self.stands(name, &path)? {
                    self.below.remove(&path).map_err(|errno| refused(name, errno))?;
                    laid.done.gone += 1;
                }
            }
            Meaning::Emptied(path) => {
                if self.stands(name, &path)? {
                    laid.done.gone += self.empty(&path, &laid.made).map_err(|errno| refused(name, errno))?;
                }
            }
            Meaning::Nothing => {}
        }
        Ok(())
    }

    fn stands(&self, name: &[u8], path: &[u8]) -> Result<bool> {
        match self.below.stat(path) {
            Ok(found) => Ok(found.is_some()),
            Err(errno) => Err(refused(name, errno)),
        }
    }

    fn put(&mut self, path: &[u8], entry: &Entry, bytes: &mut dyn Read) -> Result<()> {
        let name = &entry.name;
        let fault = |errno| refused(name, errno);
        if path.is_empty() && entry.kind != Kind::Directory {
            return Err(outside(name).because("it would take the place of the root itself"));
        }
        match &entry.kind {
            Kind::Directory => return self.below.directory(path).map_err(fault),
            Kind::File(size) => {
                let mut file = self.below.file(path).map_err(fault)?;
                let copied = io::copy(&mut bytes.take(*size), &mut file).map_err(|error| {
                    // The kernel refuses to write with a number; what else can fail is the archive.
                    if error.raw_os_error().is_none() {
                        return unreadable(&error).because(format!("in the file `{}`", shown(name)));
                    }
                    Trouble::sandbox(format!("cannot unpack `{}`", shown(name))).because(error)
                })?;
                if copied < *size {
                    return Err(Trouble::usage(format!("`{}` in the layer is cut short", shown(name)))
                        .because(format!("{copied} bytes are there, and it should have {size}")));
                }
            }
            Kind::Symlink(target) => self.below.symlink(path, target).map_err(fault)?,
            Kind::HardLink(target) => {
                let target = entry::below(target).map_err(|escape| {
                    outside(name).because(format!("it is another name for `{}`: {escape}", shown(target)))
                })?;
                return self.below.hard_link(path, &target).map_err(|errno| match errno {
                    Errno::ENOENT => Trouble::usage(format!("`{}` cannot be unpacked", shown(name)))
                        .because(format!("it is another name for `{}`, which is not there", shown(&target))),
                    errno => refused(name, errno),
                });
            }
            Kind::Pipe => self.below.pipe(path).map_err(fault)?,
            Kind::Device(what) => {
                return Err(Trouble::usage(format!("`{}` in the layer is {what}", shown(name)))
                    .because("through a device a container reaches the host's disks and memory")
                    .hint("an image has no devices: a runtime gives the container the few that it needs"));
            }
        }
        self.below.mark(path, self.marks(entry)).map_err(fault)
    }

    fn marks(&self, entry: &Entry) -> Marks {
        let owner = self.own.then_some((entry.uid, entry.gid));
        Marks { mode: entry.mode, owner, mtime: entry.mtime }
    }

    /// Takes away what is in a directory, but not what this layer has made there.
    fn empty(&mut self, directory: &[u8], made: &BTreeSet<Vec<u8>>) -> nix::Result<usize> {
        let mut gone = 0;
        for (name, stat) in self.below.entries(directory)? {
            let path = entry::joined(directory, name.as_bytes());
            let within = [&path[..], b"/"].concat();
            let first = made.range(within.clone()..).next();
            if !made.contains(&path) && !first.is_some_and(|known| known.starts_with(&within)) {
                self.below.remove(&path)?;
                gone += 1;
            } else if below::kind(&stat) == below::Kind::Directory {
                gone += self.empty(&path, made)?;
            }
        }
        Ok(gone)
    }
}

fn outside(name: &[u8]) -> Trouble {
    Trouble::usage(format!("`{}` in the layer is refused", shown(name))).hint(
        "a layer may only write below the root that it is unpacked into: do not trust who made this one",
    )
}

/// What the kernel refused.
fn refused(name: &[u8], errno: Errno) -> Trouble {
    match errno {
        Errno::ELOOP => {
            outside(name).because("a directory in its name is a link, and a link may lead anywhere")
        }
        Errno::EXDEV => outside(name).because("its name leads out of the root"),
        Errno::ENOTDIR => Trouble::usage(format!("`{}` in the layer cannot be unpacked", shown(name)))
            .because("what should be a directory in its name is a file"),
        errno => Trouble::sandbox(format!("cannot unpack `{}`", shown(name))).because(errno),
    }
}
