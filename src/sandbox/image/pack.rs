//! A directory becomes a layer: all of it, or what is new in it since the layers below.
//!
//! The same files give the same bytes: entries are sorted, every time is 0, and where rlab is not root everything
//! belongs to user 0, as it does inside. Files are opened as [`crate::kernel::below`] does: a container that is still at
//! work in the root cannot make rlab read the host's files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use nix::sys::stat::FileStat;
use tar::{Builder, EntryType, Header, HeaderMode};

use super::fits::fits;
use super::layer::{self, Room};
use super::store::{Hashing, Layout, NewBlob};
use crate::error::{Result, Trouble};
use crate::kernel::below::{self, Below};
use crate::recipe::image::document::Layer;
use crate::recipe::image::entry::{self, Meaning, shown};

/// What stands at a path, as far as a layer keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// A directory: permissions and owner.
    Directory(u32, (u32, u32)),
    /// A file: permissions, owner, digest of its bytes.
    File(u32, (u32, u32), String),
    /// A link, and where it leads.
    Symlink(Vec<u8>),
    /// A pipe with a name.
    Pipe,
}

/// Everything that a tree or a stack of layers holds.
pub type Contents = BTreeMap<Vec<u8>, Stands>;

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The layer.
    pub layer: Layer,
    /// Entries, whiteouts among them.
    pub entries: usize,
    /// Whiteouts.
    pub gone: usize,
    /// Bytes of the tar archive.
    pub unpacked: u64,
    /// Paths that a layer has no place for (sockets, devices).
    pub left_out: Vec<String>,
}

/// What the layers of an image hold, one over the other.
///
/// # Errors
/// As [`layer::each`].
pub fn contents(layout: &Layout, layers: &[Layer]) -> Result<Contents> {
    let mut contents = Contents::new();
    let mut room = Room::default();
    for layer in layers {
        let (mut new, mut gone): (Contents, Vec<Meaning>) = (Contents::new(), Vec::new());
        layer::each(layout, layer, &mut room, &mut |entry, bytes| {
            let meaning = entry::meaning(&entry.name).unwrap_or(Meaning::Nothing);
            let Meaning::Put(path) = meaning else {
                gone.push(meaning);
                return Ok(());
            };
            if let Some(stands) = stands(&entry, bytes, &new, &contents)? {
                new.insert(path, stands);
            }
            Ok(())
        })?;
        for meaning in gone {
            match meaning {
                Meaning::Gone(path) => contents.retain(|known, _| !entry::is_below(known, &path)),
                Meaning::Emptied(path) => {
                    contents.retain(|known, _| *known == path || !entry::is_below(known, &path));
                }
                _ => {}
            }
        }
        for (path, stands) in new {
            if !matches!(stands, Stands::Directory(..))
                && matches!(contents.get(&path), Some(Stands::Directory(..)))
            {
                contents.retain(|known, _| !entry::is_below(known, &path));
            }
            contents.insert(path, stands);
        }
    }
    Ok(contents)
}

fn stands(
    entry: &layer::Entry,
    bytes: &mut dyn Read,
    new: &Contents,
    lower: &Contents,
) -> Result<Option<Stands>> {
    let owner = if nix::unistd::geteuid().is_root() { (entry.uid, entry.gid) } else { (0, 0) };
    Ok(match &entry.kind {
        layer::Kind::Directory => Some(Stands::Directory(entry.mode, owner)),
        layer::Kind::File(_) => {
            let mut hashing = Hashing::new(bytes);
            io::copy(&mut hashing, &mut io::sink()).map_err(|error| {
                Trouble::usage(format!("`{}` in the layer cannot be read", shown(&entry.name))).because(error)
            })?;
            Some(Stands::File(entry.mode, owner, hashing.digest()))
        }
        layer::Kind::Symlink(target) => Some(Stands::Symlink(target.clone())),
        layer::Kind::HardLink(target) => entry::below(target)
            .ok()
            .and_then(|target| new.get(&target).or_else(|| lower.get(&target)).cloned()),
        layer::Kind::Pipe => Some(Stands::Pipe),
        layer::Kind::Device(_) => None,
    })
}

/// Packs what is new in a directory since these layers; `None` where nothing is.
///
/// # Errors
/// More than could be unpacked again, a file that may not be read, a full disk.
pub fn pack(layout: &Layout, root: &Path, lower: &[Layer]) -> Result<Option<Packed>> {
    let below = Below::open(root)
        .map_err(|errno| Trouble::sandbox(format!("cannot pack `{}`", root.display())).because(errno))?;
    fits(&below, Room::default())?;
    let known = contents(layout, lower)?;
    let mut packing = Packing {
        root: below,
        known: &known,
        first: BTreeMap::new(),
        seen: BTreeSet::new(),
        entries: 0,
        gone: 0,
        left_out: Vec::new(),
        archive: archive(layout)?,
    };
    packing.directory(b"")?;
    packing.whiteouts()?;
    if packing.entries == 0 {
        return Ok(None);
    }
    let Packing { archive, entries, gone, left_out, .. } = packing;
    let (layer, unpacked) = finish(archive)?;
    Ok(Some(Packed { layer, entries, gone, unpacked, left_out }))
}

/// A tar archive that is compressed and kept as a blob while it is written.
pub(super) type NewLayer = Builder<Counting<Hashing<GzEncoder<NewBlob>>>>;

/// Begins a layer.
pub(super) fn archive(layout: &Layout) -> Result<NewLayer> {
    // No time and no name in the header of gzip: the same files give the same bytes.
    let gzip = GzBuilder::new().write(layout.begin()?, Compression::default());
    let mut archive = Builder::new(Counting { inner: Hashing::new(gzip), bytes: 0 });
    archive.mode(HeaderMode::Deterministic);
    Ok(archive)
}

/// Ends a layer, and tells the bytes of its archive.
pub(super) fn finish(archive: NewLayer) -> Result<(Layer, u64)> {
    let written = archive.into_inner().and_then(|counting| {
        let (bytes, hashing) = (counting.bytes, counting.inner);
        let diff_id = hashing.digest();
        Ok((hashing.into_inner().finish()?, diff_id, bytes))
    });
    let (new, diff_id, bytes) =
        written.map_err(|error| Trouble::sandbox("cannot write the layer").because(error))?;
    Ok((Layer { blob: new.finish()?, diff_id, gzip: true }, bytes))
}

struct Packing<'a> {
    root: Below,
    known: &'a Contents,
    /// Files with several names, by their identity: the name under which they are in this layer.
    first: BTreeMap<(u64, u64), Vec<u8>>,
    /// Every path of the root.
    seen: BTreeSet<Vec<u8>>,
    entries: usize,
    gone: usize,
    left_out: Vec<String>,
    archive: NewLayer,
}

fn unreadable(path: &[u8], error: impl std::fmt::Display) -> Trouble {
    Trouble::sandbox(format!("cannot pack `{}`", shown(path))).because(error)
}

fn owner(stat: &FileStat) -> (u32, u32) {
    if nix::unistd::geteuid().is_root() { (stat.st_uid, stat.st_gid) } else { (0, 0) }
}

fn header(kind: EntryType, mode: u32, owner: (u32, u32), size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner.0.into());
    header.set_gid(owner.1.into());
    header.set_mtime(0);
    header.set_size(size);
    header
}

impl Packing<'_> {
    fn directory(&mut self, directory: &[u8]) -> Result<()> {
        for (name, stat) in self.root.entries(directory).map_err(|errno| unreadable(directory, errno))? {
            let path = entry::joined(directory, name.as_bytes());
            if name.as_bytes().starts_with(entry::WHITEOUT) {
                return Err(Trouble::usage(format!("`{}` cannot be packed", shown(&path)))
                    .because("a name that begins with `.wh.` means in a layer that something is gone")
                    .hint("give the file another name"));
            }
            self.one(&path, &stat)?;
            if below::kind(&stat) == below::Kind::Directory {
                self.directory(&path)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, path: &[u8], stat: &FileStat) -> Result<()> {
        let mode = stat.st_mode & 0o7777;
        let fault = |error: nix::errno::Errno| unreadable(path, error);
        let identity = (stat.st_dev, stat.st_ino);
        let stands = match below::kind(stat) {
            below::Kind::Directory => Stands::Directory(mode, owner(stat)),
            below::Kind::Link => Stands::Symlink(self.root.link_target(path).map_err(fault)?),
            below::Kind::Pipe => Stands::Pipe,
            below::Kind::File if self.known.is_empty() => Stands::File(mode, owner(stat), String::new()),
            below::Kind::File => {
                let mut hashing = Hashing::new(self.root.read(path).map_err(fault)?);
                io::copy(&mut hashing, &mut io::sink()).map_err(|error| unreadable(path, error))?;
                Stands::File(mode, owner(stat), hashing.digest())
            }
            below::Kind::Other => {
                self.left_out.push(shown(path));
                return Ok(());
            }
        };
        self.seen.insert(path.to_vec());
        if self.known.get(path) == Some(&stands) {
            return Ok(());
        }
        self.entries += 1;
        match stands {
            Stands::Directory(mode, owner) => {
                let name = [path, b"/"].concat();
                self.append(&mut header(EntryType::Directory, mode, owner, 0), &name, io::empty())
            }
            Stands::Symlink(target) => self.link(EntryType::Symlink, path, &target, (0o777, owner(stat))),
            Stands::Pipe => {
                self.append(&mut header(EntryType::Fifo, mode, owner(stat), 0), path, io::empty())
            }
            Stands::File(mode, owner, _) => match self.first.get(&identity).cloned() {
                Some(first) => self.link(EntryType::Link, path, &first, (mode, owner)),
                None => {
                    if stat.st_nlink > 1 {
                        self.first.insert(identity, path.to_vec());
                    }
                    let size = u64::try_from(stat.st_size).unwrap_or_default();
                    let file = self.root.read(path).map_err(fault)?;
                    self.append(
                        &mut header(EntryType::Regular, mode, owner, size),
                        path,
                        Exactly { file, left: size },
                    )
                }
            },
        }
    }

    fn append(&mut self, header: &mut Header, name: &[u8], bytes: impl Read) -> Result<()> {
        let path = Path::new(std::ffi::OsStr::from_bytes(name));
        self.archive.append_data(header, path, bytes).map_err(|error| unreadable(name, error))
    }

    fn link(
        &mut self,
        kind: EntryType,
        name: &[u8],
        target: &[u8],
        (mode, owner): (u32, (u32, u32)),
    ) -> Result<()> {
        let (path, target) = (std::ffi::OsStr::from_bytes(name), std::ffi::OsStr::from_bytes(target));
        let mut header = header(kind, mode, owner, 0);
        self.archive.append_link(&mut header, path, target).map_err(|error| unreadable(name, error))
    }

    /// What the layers below have and the root has not. Of a directory only itself is named.
    fn whiteouts(&mut self) -> Result<()> {
        let mut last: Option<&Vec<u8>> = None;
        for path in self.known.keys().filter(|path| !path.is_empty()) {
            if self.seen.contains(path) || last.is_some_and(|above| entry::is_below(path, above)) {
                continue;
            }
            last = Some(path);
            // Below what is no directory any more there is nothing to hide.
            let (above, _) = entry::split(path);
            let directory = self.root.stat(above).ok().flatten();
            if !directory.is_some_and(|stat| below::kind(&stat) == below::Kind::Directory) {
                continue;
            }
            self.entries += 1;
            self.gone += 1;
            let name = entry::whiteout(path);
            self.append(&mut header(EntryType::Regular, 0o644, (0, 0), 0), &name, io::empty())?;
        }
        Ok(())
    }
}

/// A file of which exactly so many bytes are read: one that grows meanwhile is cut, one that shrinks is an error.
struct Exactly<R> {
    file: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && self.left > 0 && most > 0 {
            return Err(io::Error::other("the file became shorter while it was packed"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Writes on, and counts.
pub(super) struct Counting<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A layer made by hand: one small file of any name, and where a target is given first a link that the name begins with.
///
/// # Errors
/// A name that is too long for a tar header, a full disk.
pub fn forge(layout: &Layout, path: &str, target: Option<&str>) -> Result<Layer> {
    const TEXT: &[u8] = b"written by a layer\n";
    let mut archive = archive(layout)?;
    let wrong =
        |error: io::Error| Trouble::usage(format!("cannot forge `{}`", path.escape_debug())).because(error);
    if let (Some(target), Some((link, _))) = (target, path.split_once('/')) {
        let mut header = header(EntryType::Symlink, 0o777, (0, 0), 0);
        archive.append_link(&mut header, link, target).map_err(wrong)?;
    }
    // Past the checks of the crate, which would write no such name: whoever forges does not ask.
    let mut header = header(EntryType::Regular, 0o644, (0, 0), TEXT.len() as u64);
    let name = header.as_old_mut();
    if path.is_empty() || path.len() > name.name.len() {
        return Err(wrong(io::Error::other("a name in such a header has between 1 and 100 bytes")));
    }
    name.name.fill(0);
    for (to, from) in name.name.iter_mut().zip(path.bytes()) {
        *to = from;
    }
    header.set_cksum();
    archive.append(&header, TEXT).map_err(wrong)?;
    finish(archive).map(|(layer, _)| layer)
}
