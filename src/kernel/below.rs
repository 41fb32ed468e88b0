//! A tree that is written and read below its top only, whatever the names say that come from elsewhere: what unpacks and
//! packs layers.
//!
//! Every parent directory is opened with openat2(2) and `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV`: no
//! `..`, no absolute path, no link and no mount leads anywhere else. The last name is then made in that directory with a
//! call that follows no link. So what is in the tree already cannot turn a later name against us.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, UtimensatFlags, fstatat, mkdirat, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{
    FchownatFlags, Gid, LinkatFlags, Uid, UnlinkatFlags, fchownat, linkat, symlinkat, unlinkat,
};

use super::tree;

/// A tree, by its top.
#[derive(Debug)]
pub struct Below {
    top: OwnedFd,
    /// The parent directory that was opened last: names come in the order of their directories.
    last: Option<(Vec<u8>, OwnedFd)>,
}

/// Who something belongs to, what may be done with it, and how old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Permissions, with the set-id and sticky bits.
    pub mode: u32,
    /// User and group; `None` leaves them to whoever makes it.
    pub owner: Option<(u32, u32)>,
    /// Seconds since 1970.
    pub mtime: i64,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A pipe with a name.
    Pipe,
    /// A device or a socket.
    Other,
}

/// What a directory holds: the name, and what lstat(2) says of it.
pub type Entries = Vec<(OsString, FileStat)>;

/// The kind of a file by its mode.
pub fn kind(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFLNK => Kind::Link,
        SFlag::S_IFIFO => Kind::Pipe,
        _ => Kind::Other,
    }
}

const fn inside() -> ResolveFlag {
    ResolveFlag::RESOLVE_BENEATH.union(ResolveFlag::RESOLVE_NO_SYMLINKS).union(ResolveFlag::RESOLVE_NO_XDEV)
}

/// The directory of a path, and its last name.
fn split(path: &[u8]) -> (&[u8], &OsStr) {
    let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (&b""[..], path),
    };
    (parent, OsStr::from_bytes(name))
}

impl Below {
    /// Opens a tree.
    ///
    /// # Errors
    /// It is no directory, or may not be entered.
    pub fn open(top: &Path) -> nix::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_PATH | OFlag::O_CLOEXEC;
        Ok(Self { top: nix::fcntl::open(top, flags, Mode::empty())?, last: None })
    }

    fn resolve(&self, path: &[u8], flags: OFlag) -> nix::Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(inside());
        nix::fcntl::openat2(&self.top, OsStr::from_bytes(path), how)
    }

    /// The directory of a path; what is missing above it is made.
    fn parent(&mut self, directory: &[u8]) -> nix::Result<BorrowedFd<'_>> {
        if self.last.as_ref().is_none_or(|(known, _)| known != directory) {
            let place = OFlag::O_PATH | OFlag::O_DIRECTORY;
            let opened = match self.resolve(directory, place) {
                Err(Errno::ENOENT) => {
                    self.make_parents(directory)?;
                    self.resolve(directory, place)?
                }
                other => other?,
            };
            self.last = Some((directory.to_vec(), opened));
        }
        self.last.as_ref().map(|(_, fd)| fd.as_fd()).ok_or(Errno::EBADF)
    }

    fn make_parents(&self, directory: &[u8]) -> nix::Result<()> {
        let ends = directory.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([directory.len()]) {
            let (above, name) = split(directory.get(..end).unwrap_or_default());
            let above = self.resolve(above, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
            match mkdirat(&above, name, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// What lstat(2) says of a path; `None` where nothing is there.
    ///
    /// # Errors
    /// ELOOP where a directory on the way is a link, ENOTDIR where it is a file.
    pub fn stat(&self, path: &[u8]) -> nix::Result<Option<FileStat>> {
        let (directory, name) = split(path);
        let parent = match self.resolve(directory, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Err(Errno::ENOENT) => return Ok(None),
            other => other?,
        };
        let name = if name.is_empty() { OsStr::new(".") } else { name };
        match fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(None),
            other => other.map(Some),
        }
    }

    /// What a directory holds, sorted by name.
    ///
    /// # Errors
    /// It is none, or may not be read.
    pub fn entries(&self, directory: &[u8]) -> nix::Result<Entries> {
        let mut listing = Dir::from_fd(self.resolve(directory, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?)?;
        let mut names = Vec::new();
        for entry in listing.iter() {
            let name = entry?.file_name().to_bytes().to_vec();
            if !matches!(&name[..], b"." | b"..") {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort_unstable();
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let stat = fstatat(&listing, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            entries.push((name, stat));
        }
        Ok(entries)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// ELOOP for a link, and what openat2(2) says.
    pub fn read(&self, path: &[u8]) -> nix::Result<File> {
        self.resolve(path, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
            .map(File::from)
    }

    /// Where a link leads, as it is written.
    ///
    /// # Errors
    /// It is none.
    pub fn link_target(&self, path: &[u8]) -> nix::Result<Vec<u8>> {
        let (directory, name) = split(path);
        let parent = self.resolve(directory, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        readlinkat(&parent, name).map(OsString::into_vec)
    }

    /// Makes a directory, in place of what is there unless that is one too.
    ///
    /// # Errors
    /// What the calls say.
    pub fn directory(&mut self, path: &[u8]) -> nix::Result<()> {
        if path.is_empty() {
            return Ok(());
        }
        if self.stat(path)?.is_some_and(|stat| kind(&stat) != Kind::Directory) {
            self.remove(path)?;
        }
        let (directory, name) = split(path);
        // Open for what comes into it: its own mode is set when everything is there.
        match mkdirat(self.parent(directory)?, name, Mode::from_bits_truncate(0o700)) {
            Err(Errno::EEXIST) => Ok(()),
            other => other,
        }
    }

    /// Makes a new file for writing, in place of what is there. Its marks come when it is written.
    ///
    /// # Errors
    /// What the calls say.
    pub fn file(&mut self, path: &[u8]) -> nix::Result<File> {
        self.free(path)?;
        let (directory, name) = split(path);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o600);
        nix::fcntl::openat(self.parent(directory)?, name, flags, mode).map(File::from)
    }

    /// Makes a symbolic link. Where it leads is its own affair: it is never followed here.
    ///
    /// # Errors
    /// What the calls say.
    pub fn symlink(&mut self, path: &[u8], target: &[u8]) -> nix::Result<()> {
        self.free(path)?;
        let (directory, name) = split(path);
        symlinkat(OsStr::from_bytes(target), self.parent(directory)?, name)
    }

    /// Makes another name for a file of this tree.
    ///
    /// # Errors
    /// ELOOP, EXDEV, ENOENT where the file is not one of this tree; EPERM for a directory.
    pub fn hard_link(&mut self, path: &[u8], target: &[u8]) -> nix::Result<()> {
        let (directory, file) = split(target);
        let from = self.resolve(directory, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        fstatat(&from, file, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if path == target {
            return Ok(());
        }
        self.free(path)?;
        let (directory, name) = split(path);
        linkat(&from, file, self.parent(directory)?, name, LinkatFlags::empty())
    }

    /// Makes a pipe with a name.
    ///
    /// # Errors
    /// What the calls say.
    pub fn pipe(&mut self, path: &[u8]) -> nix::Result<()> {
        self.free(path)?;
        let (directory, name) = split(path);
        mknodat(self.parent(directory)?, name, SFlag::S_IFIFO, Mode::from_bits_truncate(0o600), 0)
    }

    fn free(&mut self, path: &[u8]) -> nix::Result<()> {
        let (directory, name) = split(path);
        match unlinkat(self.parent(directory)?, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR) => self.remove(path),
            Err(Errno::ENOENT) => Ok(()),
            other => other,
        }
    }

    /// Removes what is at a path, with everything below it; nothing is there afterwards.
    ///
    /// # Errors
    /// What the calls say; EXDEV where something is mounted below.
    pub fn remove(&mut self, path: &[u8]) -> nix::Result<()> {
        self.last = None;
        let (directory, name) = split(path);
        match self.resolve(directory, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Ok(parent) => tree::remove_at(parent.as_fd(), name),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Sets the marks of something that was just made. The owner first, since a change of it takes the set-id bits.
    ///
    /// # Errors
    /// What the calls say: EPERM for an owner that is not one's own, EINVAL for one that the user namespace lacks.
    pub fn mark(&mut self, path: &[u8], marks: Marks) -> nix::Result<()> {
        let (directory, name) = split(path);
        let name = if name.is_empty() { OsStr::new(".") } else { name };
        let parent = self.parent(directory)?;
        let is_link = kind(&fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?) == Kind::Link;
        if let Some((uid, gid)) = marks.owner {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            fchownat(parent, name, Some(uid), Some(gid), FchownatFlags::AT_SYMLINK_NOFOLLOW)?;
        }
        if !is_link {
            // By its descriptor, so that it is this one and no other; a link in its place would be refused.
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let itself = nix::fcntl::openat(parent, name, flags, Mode::empty())?;
            let by_descriptor = format!("/proc/self/fd/{}", itself.as_raw_fd());
            std::fs::set_permissions(by_descriptor, std::fs::Permissions::from_mode(marks.mode & 0o7777))
                .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
        }
        let time = TimeSpec::new(marks.mtime, 0);
        utimensat(parent, name, &time, &time, UtimensatFlags::NoFollowSymlink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn tree() -> (tempfile::TempDir, Below) {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir(base.path().join("top")).unwrap();
        std::fs::write(base.path().join("precious"), "kept").unwrap();
        let below = Below::open(&base.path().join("top")).unwrap();
        (base, below)
    }

    #[test]
    fn no_name_leads_out() {
        let (base, mut below) = tree();
        std::os::unix::fs::symlink(base.path(), base.path().join("top/out")).unwrap();
        std::os::unix::fs::symlink("..", base.path().join("top/up")).unwrap();
        for name in [&b"../evil"[..], b"a/../../evil", b"out/evil", b"up/evil", b"/tmp/evil"] {
            let refused = below.file(name).map(drop).unwrap_err();
            assert!(matches!(refused, Errno::EXDEV | Errno::ELOOP), "{refused}");
            below.directory(name).unwrap_err();
            below.symlink(name, b"x").unwrap_err();
            below.hard_link(b"inside", name).unwrap_err();
            below.remove(name).unwrap_err();
            below.read(name).map(drop).unwrap_err();
        }
        for file in [&b"../precious"[..], b"out/precious", b"up/precious"] {
            below.hard_link(b"inside", file).unwrap_err();
            below.read(file).map(drop).unwrap_err();
        }
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 2);
        assert_eq!(std::fs::read_to_string(base.path().join("precious")).unwrap(), "kept");
    }

    #[test]
    fn what_is_there_gives_way_and_is_not_followed() {
        let (base, mut below) = tree();
        let precious = base.path().join("precious");
        std::os::unix::fs::symlink(&precious, base.path().join("top/link")).unwrap();
        below.file(b"link").unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "kept");
        assert_eq!(std::fs::read_to_string(base.path().join("top/link")).unwrap(), "new");
        below.file(b"a/b/c").unwrap();
        below.file(b"a").unwrap();
        assert!(base.path().join("top/a").is_file());
        below.directory(b"a").unwrap();
        assert!(base.path().join("top/a").is_dir());
        let marks = Marks { mode: 0o4711, owner: None, mtime: 86_400 };
        below.file(b"a/tool").unwrap();
        below.mark(b"a/tool", marks).unwrap();
        let stat = below.stat(b"a/tool").unwrap().unwrap();
        assert_eq!((stat.st_mode & 0o7777, stat.st_mtime), (0o4711, 86_400));
        // The marks of a link are its own.
        below.symlink(b"far", precious.as_os_str().as_bytes()).unwrap();
        below.mark(b"far", marks).unwrap();
        assert_ne!(std::fs::metadata(&precious).unwrap().permissions().mode() & 0o7777, 0o4711);
    }
}
