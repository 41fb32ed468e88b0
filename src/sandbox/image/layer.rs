//! A layer is read: decompressed, its tar headers taken one by one, everything bounded, and in the end held against both
//! of its digests.
//!
//! Headers that hold a long name or a PAX record (pax(5)) have a size of their own, so they are read here within bounds;
//! the tar crate alone would take such a header for as long as it says it is.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType, Header, PaxExtensions};

use super::store::{Hashing, Layout, other_digest};
use crate::error::{Result, Trouble};
use crate::recipe::image::document::Layer;
use crate::recipe::image::entry::shown;

/// The longest name or PAX record, in bytes.
const LONGEST_RECORD: u64 = 1 << 20;

/// What may come out of an image, and how much of that is left. Everything counts: also what a later layer removes.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes in one file.
    pub file: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { file: 512 << 20, bytes: 1 << 30, entries: 100_000 }
    }
}

/// How records of extended attributes begin: those of GNU tar and of Go, and those of bsdtar.
const ATTRIBUTES: [&[u8]; 2] = [b"SCHILY.xattr.", b"LIBARCHIVE.xattr."];

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file with so many bytes.
    File(u64),
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// Another name for a file.
    HardLink(Vec<u8>),
    /// A pipe with a name.
    Pipe,
    /// A device, told as what.
    Device(&'static str),
}

/// An entry of a layer, its name as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Whether extended attributes are named, which are not given to what is made.
    pub attributes: bool,
}

/// Takes an entry, and the bytes of a file.
pub type Taker<'t> = &'t mut dyn FnMut(Entry, &mut dyn Read) -> Result<()>;

/// Reads a layer to its end.
///
/// # Errors
/// It is missing, damaged, larger than there is room for, or the taker refuses an entry.
pub fn each(layout: &Layout, layer: &Layer, room: &mut Room, take: Taker<'_>) -> Result<()> {
    let mut packed = Hashing::new(layout.open(&layer.blob)?.take(layer.blob.size));
    let unpacked: Box<dyn Read + '_> = if layer.gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, &mut packed)))
    } else {
        Box::new(BufReader::with_capacity(1 << 16, &mut packed))
    };
    // Headers and padding count too: a stream of them alone must end somewhere.
    let most = room.bytes.saturating_add(room.entries.saturating_mul(4096));
    let mut archive = Archive::new(Hashing::new(Bounded { inner: unpacked, left: most }));
    let read = entries(&mut archive, room, take);
    let mut rest = archive.into_inner();
    if let Err(trouble) = read {
        drop(rest);
        // A file that is damaged is damaged wherever it was noticed.
        let drained = io::copy(&mut packed, &mut io::sink());
        let digest = packed.digest();
        if drained.is_ok() && digest != layer.blob.sha256 {
            return Err(other_digest(&layer.blob, &digest));
        }
        return Err(trouble.because(format!("in the layer sha256:{}", super::short(&layer.blob.sha256))));
    }
    let drained = io::copy(&mut rest, &mut io::sink());
    let found = rest.digest();
    drop(rest);
    // What cannot be read may be a file that is damaged: its digest tells that better.
    let drained = io::copy(&mut packed, &mut io::sink()).and(drained);
    let digest = packed.digest();
    if digest != layer.blob.sha256 {
        return Err(other_digest(&layer.blob, &digest));
    }
    drained.map_err(|error| damaged(&error, layer))?;
    if found != layer.diff_id {
        return Err(Trouble::usage(format!(
            "the layer `{}` is not the one that the config tells of",
            layer.blob.sha256
        ))
        .because(format!(
            "unpacked it has the digest sha256:{found}, its diff_id is sha256:{}",
            layer.diff_id
        )));
    }
    Ok(())
}

fn damaged(error: &io::Error, layer: &Layer) -> Trouble {
    unreadable(error).because(format!("in the layer sha256:{}", super::short(&layer.blob.sha256)))
}

pub(super) fn unreadable(error: &io::Error) -> Trouble {
    Trouble::usage("the layer cannot be read to its end")
        .because(error)
        .hint("it is cut short or damaged: make the image, or fetch it, once more")
}

/// What long names and PAX records say of the entry that follows.
#[derive(Debug, Default)]
struct Said {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Vec<u8>,
}

fn entries<R: Read>(archive: &mut Archive<R>, room: &mut Room, take: Taker<'_>) -> Result<()> {
    let mut said = Said::default();
    for entry in archive.entries().map_err(|error| unreadable(&error))?.raw(true) {
        let mut entry = entry.map_err(|error| unreadable(&error))?;
        let header = entry.header().clone();
        let size = header.entry_size().map_err(|error| unreadable(&error))?;
        room.entries = room.entries.checked_sub(1).ok_or_else(|| {
            Trouble::usage("the image has more entries than rlab unpacks")
                .hint("rlab is no place for large images")
        })?;
        let mut record = || -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            if size > LONGEST_RECORD {
                return Err(Trouble::usage(format!(
                    "a name or record in the layer claims to have {size} bytes"
                )));
            }
            (&mut entry).take(size).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
            Ok(bytes)
        };
        match header.entry_type() {
            EntryType::GNULongName => said.name = Some(without_nul(record()?)),
            EntryType::GNULongLink => said.link = Some(without_nul(record()?)),
            EntryType::XHeader => said.pax = record()?,
            EntryType::XGlobalHeader => {}
            _ => {
                let found = read(&header, size, std::mem::take(&mut said), room)?;
                take(found, &mut entry)?;
            }
        }
    }
    Ok(())
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

fn read(header: &Header, size: u64, said: Said, room: &mut Room) -> Result<Entry> {
    let mut name = said.name.unwrap_or_else(|| header.path_bytes().into_owned());
    let mut link =
        said.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default();
    let number = |what: io::Result<u64>| what.ok().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    let (mut uid, mut gid) = (number(header.uid()), number(header.gid()));
    let mut mtime = header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
    let mut sparse = header.entry_type() == EntryType::GNUSparse;
    let mut real = size;
    let mut attributes = false;
    for extension in PaxExtensions::new(&said.pax) {
        let extension = extension.map_err(|error| unreadable(&error))?;
        let (key, value) = (extension.key_bytes(), extension.value_bytes());
        let parsed = || std::str::from_utf8(value).ok()?.split('.').next()?.parse::<i64>().ok();
        match key {
            b"path" => name = value.to_vec(),
            b"linkpath" => link = value.to_vec(),
            b"uid" => uid = parsed().and_then(|id| u32::try_from(id).ok()).unwrap_or(uid),
            b"gid" => gid = parsed().and_then(|id| u32::try_from(id).ok()).unwrap_or(gid),
            b"mtime" => mtime = parsed().unwrap_or(mtime),
            b"size" => real = parsed().and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                sparse = true;
                real = parsed().and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX);
            }
            other => {
                attributes |= ATTRIBUTES.iter().any(|prefix| other.starts_with(prefix));
                sparse |= other.starts_with(b"GNU.sparse.");
            }
        }
    }
    let refused = |what: String| Trouble::usage(format!("`{}` in the layer {what}", shown(&name)));
    if let Some(gnu) = header.as_gnu().filter(|_| sparse) {
        real = gnu.real_size().unwrap_or(real).max(real);
    }
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(link),
        EntryType::Link => Kind::HardLink(link),
        EntryType::Fifo => Kind::Pipe,
        EntryType::Char => Kind::Device("a character device"),
        EntryType::Block => Kind::Device("a block device"),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File(size),
        other => {
            return Err(refused(format!(
                "is of a kind that no file has: `{}`",
                char::from(other.as_byte()).escape_debug()
            )));
        }
    };
    if let Kind::File(_) = kind {
        if real > room.file || real > room.bytes {
            let most = room.file.min(room.bytes);
            return Err(refused(format!("has {real} bytes, and rlab unpacks at most {most} more")).hint(
                "a file may be small in a layer and fill a disk when it is unpacked: rlab stops before",
            ));
        }
        if sparse || real != size {
            return Err(refused("is a sparse file, which layers do not have".to_owned())
                .hint("make the layer without sparse files"));
        }
        room.bytes -= real;
    }
    Ok(Entry { name, kind, mode: header.mode().unwrap_or(0) & 0o7777, uid, gid, mtime, attributes })
}

/// A stream that ends in an error where it is longer than it may be.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than rlab has room for"))?;
        Ok(read)
    }
}
