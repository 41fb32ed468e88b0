//! What /proc says of a process (proc(5)).

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Inode number of the first PID namespace of every Linux (`PROC_PID_INIT_INO`).
pub const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// A file of a process.
fn file(pid: i32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

/// A file of /proc as text. The kernel writes such a file anew for every read(2), so it is asked for in large pieces;
/// [`fs::read_to_string`] would begin with 32 bytes.
///
/// # Errors
/// ENOENT, ESRCH, EACCES, or bytes that are no UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(16 << 10);
    fs::File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The value of a field of `/proc/PID/status`, blanks folded.
pub fn status_field(pid: i32, field: &str) -> Option<String> {
    let status = read(&file(pid, "status")).ok()?;
    field_of(&status, field)
}

/// The value of a field of `/proc/self/status`: right even where /proc shows another PID namespace.
pub fn own_status_field(field: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    field_of(&status, field)
}

fn field_of(status: &str, field: &str) -> Option<String> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The PID in each nested PID namespace, outermost first.
pub fn nspid(pid: i32) -> Vec<i32> {
    let field = status_field(pid, "NSpid").unwrap_or_default();
    field.split(' ').filter_map(|number| number.parse().ok()).collect()
}

/// The inode number of a namespace: equal numbers are the same namespace (namespaces(7)). `pid` 0 is this process.
pub fn namespace(pid: i32, name: &str) -> Option<u64> {
    let path = if pid == 0 {
        PathBuf::from(format!("/proc/self/ns/{name}"))
    } else {
        file(pid, &format!("ns/{name}"))
    };
    fs::metadata(path).ok().map(|meta| meta.ino())
}

/// Device and inode of the root directory, which tell whether two processes share it.
pub fn root_identity(pid: i32) -> Option<(u64, u64)> {
    fs::metadata(file(pid, "root/")).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Path of the root directory as the host names it; `/` after pivot_root.
pub fn root_path(pid: i32) -> Option<String> {
    fs::read_link(file(pid, "root")).ok().map(|path| path.to_string_lossy().into_owned())
}

/// A directory as the process sees it.
pub fn inside(pid: i32, path: &str) -> PathBuf {
    file(pid, "root").join(path.trim_start_matches('/'))
}

/// The processes that a proc file system lists; `None` where there is none at this path.
pub fn listed(path: &Path) -> Option<Vec<i32>> {
    let mut pids: Vec<i32> =
        fs::read_dir(path).ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    (!pids.is_empty()).then_some(pids)
}

/// One mount of `/proc/PID/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// Mount point, octal escapes undone.
    pub target: String,
    /// File system type.
    pub fstype: String,
    /// The options of the mount itself, with commas between them.
    pub options: String,
    id: String,
}

impl MountEntry {
    /// Whether its mount point leads a process to it: no later mount lies over it, or over a directory above. `pid` 0 is
    /// this process.
    pub fn is_in_view(&self, pid: i32) -> bool {
        let target = if pid == 0 { PathBuf::from(&self.target) } else { inside(pid, &self.target) };
        let Ok(place) = fs::File::options().read(true).custom_flags(libc::O_PATH).open(target) else {
            return false;
        };
        let about = read(Path::new(&format!("/proc/self/fdinfo/{}", place.as_raw_fd()))).unwrap_or_default();
        about.lines().any(|line| line.strip_prefix("mnt_id:").is_some_and(|id| id.trim() == self.id))
    }
}

/// The mounts that a process sees; `pid` 0 is this process.
///
/// # Errors
/// ESRCH or ENOENT when it is gone.
pub fn mounts(pid: i32) -> io::Result<Vec<MountEntry>> {
    let path = if pid == 0 { PathBuf::from("/proc/self/mountinfo") } else { file(pid, "mountinfo") };
    let text = read(&path)?;
    Ok(text.lines().filter_map(read_mount).collect())
}

fn read_mount(line: &str) -> Option<MountEntry> {
    let (front, back) = line.split_once(" - ")?;
    let mut fields = front.split(' ');
    let (id, target, options) = (fields.next()?, fields.nth(3)?, fields.next()?);
    Some(MountEntry {
        target: unescape(target),
        fstype: back.split(' ').next()?.to_owned(),
        options: options.to_owned(),
        id: id.to_owned(),
    })
}

/// Undoes the octal escapes of mountinfo (`\040` is a blank).
pub(super) fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = octal {
            out.push(byte);
            rest = tail.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Path of the group in each controller's tree, from `/proc/PID/cgroup`: (controllers, path); v2 has the empty name.
pub fn groups(pid: i32) -> Vec<(String, String)> {
    let text = fs::read_to_string(file(pid, "cgroup")).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        })
        .collect()
}

/// The uid map, one line an entry, blanks folded.
pub fn uid_map(pid: i32) -> String {
    let text = fs::read_to_string(file(pid, "uid_map")).unwrap_or_default();
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n")
}

/// The command line, or the name in brackets where there is none (kernel threads, zombies).
pub fn command_line(pid: i32) -> Option<String> {
    let bytes = fs::read(file(pid, "cmdline")).ok()?;
    let words: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    if words.is_empty() { name(pid).map(|name| format!("[{name}]")) } else { Some(words.join(" ")) }
}

/// The short name of a process (`comm`).
pub fn name(pid: i32) -> Option<String> {
    fs::read_to_string(file(pid, "comm")).ok().map(|text| text.trim_end().to_owned())
}

/// Parent, state letter and start time (clock ticks since boot) from `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// State letter: `Z` is a zombie.
    pub state: char,
    /// PID of the parent.
    pub parent: i32,
    /// Start in clock ticks since boot. With the PID it names a process for ever.
    pub start: u64,
}

/// Reads [`Stat`]; `None` when there is no such process.
pub fn stat(pid: i32) -> Option<Stat> {
    let text = read(&file(pid, "stat")).ok()?;
    // The name in parentheses may hold anything, blanks and parentheses too: fields count from the last one.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some(Stat { state, parent, start })
}

/// How many tasks (threads) a user has, as `RLIMIT_NPROC` counts them: by the real user id. `None` where not all processes
/// can be seen from here: in an inner PID namespace, or where /proc hides those of others.
pub fn tasks_of(user: u32) -> Option<u64> {
    if namespace(0, "pid") != Some(FIRST_PID_NAMESPACE) || stat(1).is_none() {
        return None;
    }
    let of = |pid: i32| {
        let status = read(&file(pid, "status")).ok()?;
        let real = field_of(&status, "Uid")?.split(' ').next()?.parse::<u32>().ok()?;
        (real == user).then(|| field_of(&status, "Threads")?.parse::<u64>().ok()).flatten()
    };
    Some(all().into_iter().filter_map(of).sum())
}

/// PIDs of all processes, as this process sees them.
pub fn all() -> Vec<i32> {
    listed(Path::new("/proc")).unwrap_or_default()
}

/// The children of this process, zombies too.
pub fn own_children() -> Vec<i32> {
    let own = std::process::id() as i32;
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists: Option<Vec<String>> =
        tasks.map(|task| fs::read_to_string(task.path().join("children")).ok()).collect();
    match lists {
        Some(lists) if !lists.is_empty() => {
            lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
        }
        // Without CONFIG_PROC_CHILDREN every process has to be asked for its parent.
        _ => all().into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == own)).collect(),
    }
}

/// A process and everything below it, as far as the parents are still there.
pub fn descendants(root: i32) -> Vec<i32> {
    descendants_of(vec![root])
}

/// Some processes, none of them below another, and everything below them: one look for all, since a fork bomb leaves
/// hundreds.
pub fn descendants_of(roots: Vec<i32>) -> Vec<i32> {
    let parents: Vec<(i32, i32)> =
        all().into_iter().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let mut found = roots;
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// What is written to offer a process when memory runs out (proc_pid_oom_score_adj(5)): all that there is counts as
/// its own. With less a small one is spared for a large one that was not offered: what a program that was killed held is not
/// back at once, so the kernel may ask again, and then only that program's small helper is left.
pub const OFFERED: &str = "1000";

/// Lets a process, and the children that it will have, be taken first when memory runs out. Best effort: what cannot be
/// written stays as it was.
pub fn offer_to_oom_killer(pid: i32) {
    let _ = fs::write(file(pid, "oom_score_adj"), OFFERED);
}

/// Whether a process has a handler of its own for a signal (`SigCgt`). PID 1 of a namespace ignores every other one.
pub fn catches(pid: i32, signal: i32) -> bool {
    let mask = status_field(pid, "SigCgt").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1).clamp(0, 63)) != 0)
}

/// The soft and the hard limit of realtime (`RLIMIT_RTTIME`) in microseconds, from `/proc/PID/limits`; `None` where one
/// is unlimited, and of a process that is gone.
pub fn realtime_limits(pid: i32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(file(pid, "limits")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    let mut fields = line.split_whitespace();
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_process_is_told_by_its_own_numbers() {
        let own = std::process::id() as i32;
        let stat = stat(own).unwrap();
        assert_eq!(stat.parent, nix::unistd::getppid().as_raw());
        assert!(stat.start > 0);
        assert_eq!(nspid(own).first(), Some(&own));
        assert!(all().contains(&own));
        assert_eq!(namespace(0, "pid"), namespace(own, "pid"));
    }

    #[test]
    fn a_mount_point_with_a_blank_is_read_back() {
        let line = r"36 35 98:0 / /mnt/a\040b rw,noatime - ext4 /dev/root rw";
        let entry = read_mount(line).unwrap();
        assert_eq!((entry.target.as_str(), entry.fstype.as_str()), ("/mnt/a b", "ext4"));
        assert_eq!(unescape(r"\"), r"\");
        assert_eq!(unescape(r"\9x"), r"\9x");
    }

    proptest! {
        #[test]
        fn a_mount_point_of_any_name_is_read_back(name in "/\\PC{0,20}", noise in "\\PC{0,60}") {
            // As the kernel writes it (seq_path(), with " \t\n\\").
            let escaped: String = name
                .chars()
                .map(|c| match c {
                    ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", c as u32),
                    other => other.to_string(),
                })
                .collect();
            let entry = read_mount(&format!("36 35 98:0 / {escaped} rw,noatime - ext4 /dev/root rw"));
            prop_assert_eq!(entry.map(|entry| entry.target), Some(name));
            drop(read_mount(&noise));
        }
    }
}
