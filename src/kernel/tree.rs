//! Directories that are made and removed without following links or crossing mounts.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// The mount points at or under a path, in this process's mount namespace.
///
/// # Errors
/// When /proc/self/mountinfo cannot be read: then nothing may be removed.
pub fn mounts_under(path: &Path) -> io::Result<Vec<String>> {
    let mounts = super::proc::mounts(0)?;
    Ok(mounts
        .into_iter()
        .map(|mount| mount.target)
        .filter(|target| Path::new(target).starts_with(path))
        .collect())
}

/// How deep a directory may lie below another one before it is moved up: each level holds a descriptor open.
const DEEPEST: usize = 64;

/// Removes a directory of this user and everything in it. Links are removed, not followed; a mount below is refused,
/// since it is somebody's, also one of the same file system (openat2(2), `RESOLVE_NO_XDEV`).
///
/// # Errors
/// EXDEV where something is mounted below, EPERM where the directory is somebody else's, and what unlinkat(2) says.
pub fn remove(path: &Path) -> nix::Result<()> {
    let parent = path.parent().ok_or(Errno::EINVAL)?;
    // The directory of a name alone is the one in which we are.
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let name = path.file_name().ok_or(Errno::EINVAL)?;
    let parent = nix::fcntl::open(parent, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    match open_to_empty(parent.as_fd(), name, true) {
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
        Ok(top) => remove_opened(parent.as_fd(), name, &top),
    }
}

/// Removes what has this name in a directory, a directory with everything in it, whoever it belongs to.
///
/// # Errors
/// As [`remove`].
pub fn remove_at(parent: BorrowedFd<'_>, name: &OsStr) -> nix::Result<()> {
    match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::EISDIR) => {}
        other => return gone(other),
    }
    let top = open_to_empty(parent, name, false)?;
    remove_opened(parent, name, &top)
}

fn remove_opened(parent: BorrowedFd<'_>, name: &OsStr, top: &OwnedFd) -> nix::Result<()> {
    loop {
        let mut moved = 0;
        empty(top.try_clone().map_err(|_| Errno::EMFILE)?, top.as_fd(), 0, &mut moved)?;
        match gone(unlinkat(parent, name, UnlinkatFlags::RemoveDir)) {
            // What lay too deep has been moved up: once more.
            Err(Errno::ENOTEMPTY) if moved > 0 => {}
            other => return other,
        }
    }
}

/// Another rlab may be collecting the same tree: what it has removed already is what was wanted.
fn gone(result: nix::Result<()>) -> nix::Result<()> {
    match result {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// Opens a directory of this user, in which a container may have left one that not even its owner may read or write.
fn open_to_empty(parent: BorrowedFd<'_>, name: &OsStr, only_own: bool) -> nix::Result<OwnedFd> {
    let resolve =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let place = nix::fcntl::openat2(parent, name, OpenHow::new().flags(flags).resolve(resolve))?;
    let stat = fstat(&place)?;
    if only_own && stat.st_uid != nix::unistd::geteuid().as_raw() {
        return Err(Errno::EPERM);
    }
    if stat.st_mode & 0o700 != 0o700 {
        // By its descriptor, so that it is this one and no other. Where it cannot be done, what follows says why.
        let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
        let _ = std::fs::set_permissions(itself, std::fs::Permissions::from_mode(0o700));
    }
    nix::fcntl::openat(&place, ".", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

fn empty(directory: OwnedFd, top: BorrowedFd<'_>, depth: usize, moved: &mut u32) -> nix::Result<()> {
    let mut listing = Dir::from_fd(directory)?;
    let mut names = Vec::new();
    for entry in listing.iter() {
        let entry = entry?;
        let name = entry.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push((name, entry.file_type()));
        }
    }
    for (name, kind) in names {
        let is_directory = match kind {
            Some(kind) => kind == Type::Directory,
            None => fstatat(&listing, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| is_directory(&stat)),
        };
        let flag = if is_directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
        if is_directory {
            let below = match open_to_empty(listing.as_fd(), OsStr::from_bytes(name.to_bytes()), false) {
                Err(Errno::ENOENT) => continue,
                other => other?,
            };
            if depth == DEEPEST {
                move_up(listing.as_fd(), &name, top, moved)?;
                continue;
            }
            empty(below, top, depth + 1, moved)?;
        }
        gone(unlinkat(&listing, name.as_c_str(), flag))?;
    }
    Ok(())
}

/// Moves a directory to the top of the tree, under a name that is free there.
fn move_up(from: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, moved: &mut u32) -> nix::Result<()> {
    loop {
        *moved += 1;
        match renameat(from, name, top, format!(".deep.{moved}").as_str()) {
            Err(Errno::EEXIST | Errno::ENOTEMPTY | Errno::ENOTDIR) => {}
            other => return gone(other),
        }
    }
}

/// Bytes and files that are free where a directory is (statvfs(3)).
pub fn free(directory: &Path) -> Option<(u64, u64)> {
    let found = nix::sys::statvfs::statvfs(directory).ok()?;
    Some((found.blocks_free() * found.fragment_size(), found.files_free()))
}

/// Whether a directory holds more bytes on the disk, or more files, than this.
pub fn holds_more(directory: &Path, bytes: u64, files: u64) -> bool {
    let (mut held, mut count) = (0, 0);
    any_file(directory, |file| {
        count += 1;
        // A file with many names, as BusyBox has in a root, is there once.
        held += file.blocks() * 512 / file.nlink().max(1);
        held > bytes || count > files
    })
}

/// Whether this is true of anything in a directory or below. Links are not followed.
pub fn any_file(directory: &Path, mut is_one: impl FnMut(&std::fs::Metadata) -> bool) -> bool {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        // Something may go while it is looked at.
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if is_one(&meta) {
                return true;
            }
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    false
}

fn is_directory(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

/// Whether a path inside a root exists, and whether it is a directory. No link is followed, nothing above the root is
/// reached (openat2(2), `RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS`).
///
/// # Errors
/// ELOOP where a component is a link, and what else openat2 says but ENOENT.
pub fn look_below(root: &Path, path: &str) -> nix::Result<Option<bool>> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let root = nix::fcntl::open(root, OFlag::O_DIRECTORY | OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    match nix::fcntl::openat2(&root, path.trim_start_matches('/'), how) {
        Ok(found) => Ok(Some(is_directory(&fstat(&found)?))),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// What a path leads to, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// A directory.
    pub directory: bool,
    /// Some execute bit is set.
    pub executable: bool,
    /// It lies on a mount with `noexec`, as this process sees it.
    pub noexec: bool,
}

/// Looks at what a path leads to for a process whose root this is: links are followed, inside the root
/// (`RESOLVE_IN_ROOT`).
///
/// # Errors
/// What openat2(2) says: ENOENT, ENOTDIR, EACCES, ELOOP.
pub fn look_inside(root: &Path, path: &str) -> nix::Result<Found> {
    let file = open_inside(root, path, OFlag::O_PATH)?;
    let stat = fstat(&file)?;
    let flags = nix::sys::statvfs::fstatvfs(&file)?.flags();
    Ok(Found {
        directory: is_directory(&stat),
        executable: stat.st_mode & 0o111 != 0,
        noexec: flags.contains(nix::sys::statvfs::FsFlags::ST_NOEXEC),
    })
}

/// Opens for reading what a path leads to for a process whose root this is.
///
/// # Errors
/// What openat2(2) says.
pub fn read_inside(root: &Path, path: &str) -> nix::Result<std::fs::File> {
    // Not to be held up by a pipe that nobody writes to.
    open_inside(root, path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).map(Into::into)
}

fn open_inside(root: &Path, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let root = nix::fcntl::open(root, OFlag::O_DIRECTORY | OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    nix::fcntl::openat2(&root, path, how)
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory, or a link that leads to one.
    pub directory: bool,
}

/// The entries of a directory whose names begin so, for a process whose root this is; at most `most`.
///
/// # Errors
/// ENOENT, ENOTDIR, EACCES; ENOSYS before Linux 5.6.
pub fn list_inside(root: &Path, path: &str, begins: &str, most: usize) -> nix::Result<Vec<Entry>> {
    let mut found = Vec::new();
    each_inside(root, path, |name, kind| {
        if !name.starts_with(begins) {
            return true;
        }
        let directory = match kind {
            Some(Type::Directory) => true,
            Some(Type::Symlink) | None => {
                open_inside(root, &format!("{path}/{name}"), OFlag::O_DIRECTORY | OFlag::O_PATH).is_ok()
            }
            Some(_) => false,
        };
        found.push(Entry { name: name.to_owned(), directory });
        found.len() < most
    })?;
    Ok(found)
}

/// The names in a directory that are no directories themselves, for a process whose root this is; where a link leads is
/// not asked. At most `most`.
///
/// # Errors
/// As [`list_inside`].
pub fn names_inside(root: &Path, path: &str, most: usize) -> nix::Result<Vec<String>> {
    let mut found = Vec::new();
    each_inside(root, path, |name, kind| {
        if kind != Some(Type::Directory) {
            found.push(name.to_owned());
        }
        found.len() < most
    })?;
    Ok(found)
}

/// Gives name and kind of every entry, until `goes_on` says that it is enough.
fn each_inside(
    root: &Path,
    path: &str,
    mut goes_on: impl FnMut(&str, Option<Type>) -> bool,
) -> nix::Result<()> {
    let path = if path.is_empty() { "." } else { path };
    let mut listing = Dir::from_fd(open_inside(root, path, OFlag::O_DIRECTORY | OFlag::O_RDONLY)?)?;
    for entry in listing.iter() {
        let entry = entry?;
        // A name that is not UTF-8 cannot be typed here.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !matches!(name, "." | "..") && !goes_on(name, entry.file_type()) {
            break;
        }
    }
    Ok(())
}

/// Something that [`make_below`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The descriptor of the directory in which it was made, as the call named it.
    pub at: i32,
    /// Its name there.
    pub name: String,
    /// A directory, or an empty file.
    pub directory: bool,
}

/// Makes a path inside a root, parents first, and tells what was made. No link is followed.
///
/// # Errors
/// ELOOP where a component is a link, ENOTDIR where one is a file, EROFS, ENOSPC.
pub fn make_below(root: &Path, path: &str, directory: bool) -> nix::Result<Vec<Made>> {
    let how = || {
        OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS)
    };
    let flags = OFlag::O_DIRECTORY | OFlag::O_PATH | OFlag::O_CLOEXEC;
    let mut here = nix::fcntl::open(root, flags, Mode::empty())?;
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let mut made = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let last = index + 1 == names.len();
        let result = if last && !directory {
            let mode = Mode::from_bits_truncate(0o644);
            nix::sys::stat::mknodat(&here, *name, SFlag::S_IFREG, mode, 0)
        } else {
            nix::sys::stat::mkdirat(&here, *name, Mode::from_bits_truncate(0o755))
        };
        match result {
            Ok(()) => {
                let (at, name) = (here.as_raw_fd(), (*name).to_owned());
                made.push(Made { at, name, directory: !last || directory });
            }
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        if !last {
            here = nix::fcntl::openat2(&here, *name, how())?;
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_out_of_the_tree_is_removed_and_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("precious"), "kept").unwrap();
        let base = tempfile::tempdir().unwrap();
        let tree = base.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::os::unix::fs::symlink(outside.path(), tree.join("a/link")).unwrap();
        std::fs::write(tree.join("a/b/file"), "gone").unwrap();
        remove(&tree).unwrap();
        assert!(!tree.exists());
        assert_eq!(std::fs::read_to_string(outside.path().join("precious")).unwrap(), "kept");
        remove(&tree).unwrap();
    }

    #[test]
    fn a_root_that_is_itself_a_link_is_refused() {
        let outside = tempfile::tempdir().unwrap();
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        assert!(remove(&link).is_err());
        assert!(outside.path().exists());
    }

    #[test]
    fn what_a_container_can_name_can_be_removed() {
        let base = tempfile::tempdir().unwrap();
        let tree = base.path().join("tree");
        std::fs::create_dir_all(tree.join("closed/below")).unwrap();
        std::fs::write(tree.join("closed/below/file"), "").unwrap();
        std::fs::create_dir(tree.join(OsStr::from_bytes(b"not \xff UTF-8\n"))).unwrap();
        std::fs::create_dir(tree.join(".deep.1")).unwrap();
        for closed in ["closed/below", "closed"] {
            std::fs::set_permissions(tree.join(closed), std::fs::Permissions::from_mode(0o000)).unwrap();
        }
        // Deeper than any path is long, and than descriptors are allowed.
        let mut here = nix::fcntl::open(&tree, OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..1100 {
            nix::sys::stat::mkdirat(&here, "d", Mode::from_bits_truncate(0o755)).unwrap();
            here = nix::fcntl::openat(&here, "d", OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        }
        remove(&tree).unwrap();
        assert!(!tree.exists());
    }

    #[test]
    fn looking_below_a_root_follows_no_link() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir(base.path().join("dir")).unwrap();
        std::fs::write(base.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/etc", base.path().join("link")).unwrap();
        assert_eq!(look_below(base.path(), "/dir"), Ok(Some(true)));
        assert_eq!(look_below(base.path(), "/file"), Ok(Some(false)));
        assert_eq!(look_below(base.path(), "/none"), Ok(None));
        assert_eq!(look_below(base.path(), "/link"), Err(Errno::ELOOP));
        assert_eq!(look_below(base.path(), "/link/passwd"), Err(Errno::ELOOP));
    }

    #[test]
    fn a_listing_is_what_a_process_inside_would_see() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("root");
        std::fs::create_dir_all(root.join("etc/dir")).unwrap();
        std::fs::write(base.path().join("outside"), "").unwrap();
        std::fs::write(root.join("etc/file"), "").unwrap();
        // Seen from inside the first one is the root's own /etc, the second one stays at the top.
        std::os::unix::fs::symlink("/etc", root.join("absolute")).unwrap();
        std::os::unix::fs::symlink("../../..", root.join("up")).unwrap();
        let names = |path: &str, begins: &str| -> Vec<(String, bool)> {
            let mut found = list_inside(&root, path, begins, 100).unwrap();
            found.sort();
            found.into_iter().map(|entry| (entry.name, entry.directory)).collect()
        };
        let own = |pairs: &[(&str, bool)]| -> Vec<(String, bool)> {
            pairs.iter().map(|(name, directory)| ((*name).to_owned(), *directory)).collect()
        };
        assert_eq!(names("/", ""), own(&[("absolute", true), ("etc", true), ("up", true)]));
        assert_eq!(names("/absolute", ""), own(&[("dir", true), ("file", false)]));
        assert_eq!(names("up", "e"), own(&[("etc", true)]));
        assert_eq!(names("../../etc/../etc", "f"), own(&[("file", false)]));
        assert_eq!(list_inside(&root, "none", "", 100), Err(Errno::ENOENT));
        assert_eq!(list_inside(&root, "/", "", 2).map(|found| found.len()), Ok(2));
        assert!(look_inside(&root, "/absolute/file").is_ok() && look_inside(&root, "up/etc").is_ok());
        assert!(look_inside(&root, "../outside").is_err() && look_inside(&root, "/etc/passwd").is_err());
    }
}
