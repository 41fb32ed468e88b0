//! Where each controller lives on this machine, v1 or v2, and the files of a group (cgroups(7),
//! Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel).
//!
//! Detection is per controller, from `/proc/self/mountinfo` and `/proc/self/cgroup`: a machine can have memory on v1
//! and hugetlb on v2 at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::proc;

/// The generation that drives a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// One hierarchy a controller.
    V1,
    /// The unified hierarchy.
    V2,
}

/// The hierarchy of one controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// v1 or v2.
    pub generation: Generation,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The directory of the group that this process is in.
    pub own: PathBuf,
}

/// What the kernel says of the hierarchies, read once for all controllers.
#[derive(Debug, Default)]
pub struct Hierarchies {
    mounts: String,
    groups: String,
}

impl Hierarchies {
    /// Reads it; empty where /proc is closed.
    pub fn read() -> Self {
        let text = |path: &str| proc::read(Path::new(path)).unwrap_or_default();
        // Only their own lines are worth looking through once for each controller.
        let mounts = text("/proc/self/mountinfo");
        let mounts = mounts.lines().filter(|line| line.contains(" - cgroup")).flat_map(|line| [line, "\n"]);
        Self { mounts: mounts.collect(), groups: text("/proc/self/cgroup") }
    }

    /// The hierarchy of a controller (`memory`, `pids`, `cpu`), `None` where the kernel has it switched off or nobody
    /// has mounted it.
    pub fn of(&self, controller: &str) -> Option<Hierarchy> {
        find(controller, &self.mounts, &self.groups, |mount| {
            fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default()
        })
    }
}

/// [`Hierarchies::of`], with the texts given.
fn find(
    controller: &str,
    mounts: &str,
    groups: &str,
    controllers_of: impl Fn(&Path) -> String,
) -> Option<Hierarchy> {
    let lines: Vec<MountLine<'_>> = mounts.lines().filter_map(MountLine::read).collect();
    let has = |list: &str, separator: char| list.split(separator).any(|item| item.trim() == controller);
    let v1 = lines.iter().find(|line| line.fstype == "cgroup" && has(line.super_options, ','));
    if let Some(line) = v1 {
        let own = own_path(groups, |names| has(names, ','));
        return Some(line.hierarchy(Generation::V1, own));
    }
    let v2 = lines.iter().find(|line| {
        line.fstype == "cgroup2" && has(&controllers_of(Path::new(line.target)).replace('\n', " "), ' ')
    })?;
    Some(v2.hierarchy(Generation::V2, own_path(groups, str::is_empty)))
}

/// The path in the line of `/proc/self/cgroup` whose list of controllers is wanted.
fn own_path(groups: &str, wanted: impl Fn(&str) -> bool) -> &str {
    groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .find(|(names, _)| wanted(names))
        .map_or("/", |(_, path)| path)
}

/// The fields of a mountinfo line that matter here (proc_pid_mountinfo(5)).
struct MountLine<'a> {
    root: &'a str,
    target: &'a str,
    fstype: &'a str,
    super_options: &'a str,
}

impl<'a> MountLine<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(3);
        let mut back = back.split(' ');
        Some(Self {
            root: front.next()?,
            target: front.next()?,
            fstype: back.next()?,
            super_options: back.nth(1).unwrap_or(""),
        })
    }

    /// In a container the mount shows only a part of the tree: its root is taken off the process's own path.
    fn hierarchy(&self, generation: Generation, own: &str) -> Hierarchy {
        let below = own.strip_prefix(self.root.trim_end_matches('/')).unwrap_or("");
        let mount = PathBuf::from(self.target);
        let own = mount.join(below.trim_start_matches('/'));
        Hierarchy { generation, mount, own }
    }
}

/// Reads a control file, trimmed.
///
/// # Errors
/// ENOENT where the kernel has no such file, EACCES, EOPNOTSUPP.
pub fn read(group: &Path, file: &str) -> io::Result<String> {
    fs::read_to_string(group.join(file)).map(|text| text.trim().to_owned())
}

/// PIDs in a group, as this process sees them.
///
/// # Errors
/// ENOENT when the group is gone.
pub fn members(group: &Path) -> io::Result<Vec<i32>> {
    let text = read(group, "cgroup.procs")?;
    Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
}

/// How often the kernel has killed in this group: the line `oom_kill` of `memory.events` (v2) or `memory.oom_control`
/// (v1, since Linux 4.13).
pub fn oom_kills(group: &Path, generation: Generation) -> Option<u64> {
    let file = match generation {
        Generation::V1 => "memory.oom_control",
        Generation::V2 => "memory.events",
    };
    keyed(&read(group, file).ok()?, "oom_kill")
}

/// The most bytes the group has held (v2: since Linux 5.19).
pub fn peak(group: &Path, generation: Generation) -> Option<u64> {
    let file = match generation {
        Generation::V1 => "memory.max_usage_in_bytes",
        Generation::V2 => "memory.peak",
    };
    read(group, file).ok()?.parse().ok()
}

/// The bytes that the group holds now.
pub fn in_use(group: &Path, generation: Generation) -> Option<u64> {
    let file = match generation {
        Generation::V1 => "memory.usage_in_bytes",
        Generation::V2 => "memory.current",
    };
    read(group, file).ok()?.parse().ok()
}

/// Sets the peak back, so that it speaks of one run alone. Only v1 lets everyone do so; elsewhere it stays.
pub fn reset_peak(group: &Path, generation: Generation) {
    if generation == Generation::V1 {
        // Where it cannot be reset, the peak speaks of all runs so far, which is still true.
        let _ = fs::write(group.join("memory.max_usage_in_bytes"), "0");
    }
}

/// How often a fork was refused since the group has as many processes as it may (`max` of `pids.events`).
pub fn refused_forks(group: &Path) -> u64 {
    read(group, "pids.events").ok().and_then(|text| keyed(&text, "max")).unwrap_or_default()
}

/// The number behind a key in a flat keyed file.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == key)
        .and_then(|(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                      32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const GROUPS: &str = "4:memory:/some/where\n1:cpu,cpuacct:/\n0::/user.slice\n";

    #[test]
    fn a_hybrid_machine_is_told_per_controller() {
        let of = |controller| find(controller, V1, GROUPS, |_| "hugetlb pids\n".to_owned());
        let memory = of("memory").unwrap();
        assert_eq!(memory.generation, Generation::V1);
        assert_eq!(memory.mount, Path::new("/sys/fs/cgroup/memory"));
        assert_eq!(memory.own, Path::new("/sys/fs/cgroup/memory/some/where"));
        assert_eq!(of("cpu").unwrap().mount, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        let pids = of("pids").unwrap();
        assert_eq!(pids.generation, Generation::V2);
        assert_eq!(pids.own, Path::new("/sys/fs/cgroup/unified/user.slice"));
        assert_eq!(of("io"), None);
    }

    #[test]
    fn the_root_of_a_containers_mount_is_taken_off() {
        let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let found = find("memory", mounts, "4:memory:/docker/abc/x\n", |_| String::new()).unwrap();
        assert_eq!(found.own, Path::new("/sys/fs/cgroup/memory/x"));
    }

    #[test]
    fn the_kill_counter_is_not_the_oom_event() {
        assert_eq!(keyed("low 0\noom 3\noom_kill 2\noom_group_kill 0", "oom_kill"), Some(2));
        assert_eq!(keyed("oom_kill_disable 0\nunder_oom 0", "oom_kill"), None);
    }
}
