//! What a process uses, read from the outside: /proc/PID/{status,mountinfo,ns,root,uid_map} (proc(5), namespaces(7)).
//! Each part can be refused by itself: who may not trace a process may still read some of it (ptrace(2)).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

use super::proc;

/// A file of a process as text.
///
/// # Errors
/// ENOENT or ESRCH where it is gone, EACCES.
pub fn text(pid: i32, name: &str) -> io::Result<String> {
    proc::read(Path::new(&format!("/proc/{pid}/{name}")))
}

/// Whether there is such a process or thread that this process can see.
pub fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).is_dir()
}

/// The threads of a process; empty where there is none.
pub fn threads(pid: i32) -> Vec<i32> {
    proc::listed(Path::new(&format!("/proc/{pid}/task"))).unwrap_or_default()
}

/// The inode number of a namespace, with the reason where it may not be seen.
///
/// # Errors
/// EACCES; ENOENT where the kernel has no such kind, or the process has ended.
pub fn namespace(pid: i32, kind: &str) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/{kind}"))?.ino())
}

/// The root directory: its path as the kernel names it, device and inode.
///
/// # Errors
/// EACCES; ENOENT where the process has ended.
pub fn root(pid: i32) -> io::Result<(String, (u64, u64))> {
    let link = fs::read_link(format!("/proc/{pid}/root"))?;
    let meta = fs::metadata(format!("/proc/{pid}/root/"))?;
    Ok((link.to_string_lossy().into_owned(), (meta.dev(), meta.ino())))
}

/// Whether the shell under the root of a process is BusyBox.
pub fn has_busybox(pid: i32) -> bool {
    let shell = proc::inside(pid, "/bin/sh");
    let inode = |path: &Path| path.symlink_metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    let linked = fs::read_link(&shell).is_ok_and(|target| target.ends_with("busybox"));
    linked || inode(&shell).is_some_and(|own| inode(&proc::inside(pid, "/bin/busybox")) == Some(own))
}

/// The PID namespace of whoever has the number `inside` in the proc at /proc of this process.
pub fn listed_as(pid: i32, inside: i32) -> Option<u64> {
    fs::metadata(proc::inside(pid, &format!("/proc/{inside}/ns/pid"))).ok().map(|meta| meta.ino())
}

/// One mount, as a line of mountinfo tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// `major:minor` of the file system.
    pub device: String,
    /// What of the file system is mounted: `/`, or the path of a bind.
    pub root: String,
    /// Mount point, as the process names it.
    pub target: String,
    /// Options of this mount.
    pub options: String,
    /// File system type.
    pub fstype: String,
    /// What was named as its source.
    pub source: String,
    /// Options of the file system.
    pub data: String,
}

/// Every mount below the root of a process, in the order of mounting.
///
/// # Errors
/// EACCES, ENOENT, EINVAL of a process that is ending.
pub fn mounts(pid: i32) -> io::Result<Vec<Mounted>> {
    Ok(text(pid, "mountinfo")?.lines().filter_map(read_mount).collect())
}

fn read_mount(line: &str) -> Option<Mounted> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ').skip(2);
    let mut back = back.split(' ');
    let device = front.next()?.to_owned();
    let root = proc::unescape(front.next()?);
    let target = proc::unescape(front.next()?);
    let options = front.next()?.to_owned();
    let fstype = back.next()?.to_owned();
    let source = proc::unescape(back.next()?);
    Some(Mounted {
        device,
        root,
        target,
        options,
        fstype,
        source,
        data: back.next().unwrap_or("").to_owned(),
    })
}

/// The host name in the UTS namespace of a process. A thread of this process looks, and ends.
///
/// # Errors
/// EACCES, or EPERM of setns(2).
pub fn host_name(pid: i32) -> io::Result<String> {
    let namespace = fs::File::open(format!("/proc/{pid}/ns/uts"))?;
    let look = || -> io::Result<String> {
        setns(&namespace, CloneFlags::CLONE_NEWUTS)?;
        own_host_name()
    };
    let gone = |_| Err(io::Error::other("the thread that looked has ended"));
    std::thread::scope(|scope| scope.spawn(look).join().unwrap_or_else(gone))
}

/// The host name of this process.
///
/// # Errors
/// None that are known.
pub fn own_host_name() -> io::Result<String> {
    Ok(nix::sys::utsname::uname()?.nodename().to_string_lossy().into_owned())
}

/// The number of the last capability that this kernel knows (`kernel.cap_last_cap`).
pub fn last_capability() -> u8 {
    super::own::sysctl("kernel.cap_last_cap").and_then(|number| number.parse().ok()).unwrap_or(40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read_whole() {
        let line = r"36 35 0:6 /null /dev/a\040b rw,nosuid shared:2 - devtmpfs dev\040tmpfs rw,size=1k";
        let mount = read_mount(line).unwrap();
        assert_eq!((mount.device.as_str(), mount.root.as_str()), ("0:6", "/null"));
        assert_eq!((mount.target.as_str(), mount.options.as_str()), ("/dev/a b", "rw,nosuid"));
        assert_eq!(
            (mount.fstype.as_str(), mount.source.as_str(), mount.data.as_str()),
            ("devtmpfs", "dev tmpfs", "rw,size=1k")
        );
        assert_eq!(read_mount("36 35 0:6 /null"), None);
    }

    #[test]
    fn this_process_is_found_by_its_own_number() {
        let own = std::process::id() as i32;
        assert!(exists(own) && !exists(i32::MAX));
        assert_eq!(namespace(own, "uts").ok(), proc::namespace(0, "uts"));
        assert_eq!(host_name(own).unwrap_or_else(|_| own_host_name().unwrap()), own_host_name().unwrap());
        assert_eq!(root(own).unwrap().1, proc::root_identity(own).unwrap());
        assert_eq!(namespace(i32::MAX, "uts").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
