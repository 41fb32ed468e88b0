//! Where each controller lives on this machine, v1 or v2, and the files of a group (cgroups(7),
//! Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel).
//!
//! Detection is per controller, from `/proc/self/mountinfo` and `/proc/self/cgroup`: a machine can have memory on v1
//! and hugetlb on v2 at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

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

    /// The same hierarchies as another process is in them; `groups` is its `/proc/PID/cgroup`.
    #[must_use]
    pub fn of_process(&self, groups: &str) -> Self {
        Self { mounts: self.mounts.clone(), groups: groups.to_owned() }
    }

    /// The path of the group of a controller in its tree, as /proc tells it.
    pub fn path(&self, controller: &str) -> &str {
        let v1 = self.groups.lines().any(|line| {
            line.split(':').nth(1).is_some_and(|names| names.split(',').any(|name| name == controller))
        });
        own_path(&self.groups, |names| {
            if v1 { names.split(',').any(|name| name == controller) } else { names.is_empty() }
        })
    }

    /// The hierarchy of a controller (`memory`, `pids`, `cpu`), `None` where the kernel has it switched off or nobody
    /// has mounted it.
    pub fn of(&self, controller: &str) -> Option<Hierarchy> {
        find(controller, &self.mounts, &self.groups, |mount| {
            fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default()
        })
    }
}

/// Why [`Hierarchies::of`] finds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// No control group file system is mounted.
    NothingMounted,
    /// The kernel does not have it.
    SwitchedOff,
    /// No mounted v1 hierarchy has it, and v2 is not mounted or cannot have it.
    NotMounted {
        /// Whether a v1 hierarchy has it, so that v2 cannot.
        bound: bool,
    },
    /// The v2 tree that is mounted here does not have it.
    NotHandedOn(PathBuf),
}

impl Hierarchies {
    /// Why a controller has no hierarchy here. Source: `/proc/cgroups`, cgroups(7).
    pub fn missing(&self, controller: &str) -> Missing {
        let text = |path: &str| proc::read(Path::new(path)).unwrap_or_default();
        missing(controller, &self.mounts, &text("/proc/cgroups"), &text("/proc/cmdline"))
    }
}

/// [`Hierarchies::missing`], with the texts given.
fn missing(controller: &str, mounts: &str, table: &str, command_line: &str) -> Missing {
    // Name, hierarchy (0: v2 or none), number of groups, whether it is enabled.
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.into_iter().find(|row| row.first() == Some(&controller));
    let field = |at: usize| row.as_ref().and_then(|row| row.get(at).copied());
    let bound = field(1).is_some_and(|hierarchy| hierarchy != "0");
    let v2 = mounts.lines().filter_map(MountLine::read).find(|line| line.fstype == "cgroup2");
    // Newer kernels leave out of the list what was switched off.
    let mut disabled = command_line
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("cgroup_disable="))
        .flat_map(|n| n.split(','));
    let off = field(3) == Some("0") || disabled.any(|name| name == controller);
    match v2 {
        _ if off => Missing::SwitchedOff,
        _ if mounts.is_empty() => Missing::NothingMounted,
        // A kernel tells of each controller that it was built with, at least of those that v1 can have.
        Some(line) if row.is_none() && is_top(Path::new(line.target)) => Missing::SwitchedOff,
        Some(line) if !bound => Missing::NotHandedOn(PathBuf::from(line.target)),
        _ => Missing::NotMounted { bound },
    }
}

/// [`Hierarchies::of`], with the texts given.
fn find(
    controller: &str,
    mounts: &str,
    groups: &str,
    controllers_of: impl Fn(&Path) -> String,
) -> Option<Hierarchy> {
    let mut lines: Vec<MountLine<'_>> = mounts.lines().filter_map(MountLine::read).collect();
    // Of several mounts on one directory the last is the one that is seen.
    let targets: Vec<&str> = lines.iter().map(|line| line.target).collect();
    let mut later = targets
        .iter()
        .enumerate()
        .map(|(at, target)| targets.iter().skip(at + 1).any(|other| other == target));
    lines.retain(|_| !later.next().unwrap_or_default());
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
        let below = below.trim_start_matches('/');
        // `join` of nothing would end in a slash.
        let own = if below.is_empty() { mount.clone() } else { mount.join(below) };
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

/// Whether a v2 group is the first one of the machine, which alone has no type.
pub fn is_top(group: &Path) -> bool {
    !group.join("cgroup.type").exists()
}

/// Keeps every other rlab from switching controllers on or off below a group until it is dropped. `None` where it cannot
/// be opened: then what is done to it will fail as well, and tell why.
pub fn lock(group: &Path) -> Option<Flock<fs::File>> {
    Flock::lock(fs::File::open(group).ok()?, FlockArg::LockExclusive).ok()
}

/// Where rlab notes on a group which controllers it has switched on.
const NOTE: &str = "user.rlab.switched-on";

/// The controllers that [`note`] wrote on a group.
pub fn noted(group: &Path) -> Vec<String> {
    let mut buffer = [0; 256];
    let length = rustix::fs::getxattr(group, NOTE, &mut buffer).unwrap_or_default();
    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Notes on a group which controllers rlab has switched on. A kernel before 5.7 takes no notes; then they stay on.
pub fn note(group: &Path, controllers: &[String]) {
    let _ = match controllers {
        [] => rustix::fs::removexattr(group, NOTE),
        some => rustix::fs::setxattr(group, NOTE, some.join(" ").as_bytes(), rustix::fs::XattrFlags::empty()),
    };
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
    fn what_is_missing_has_a_reason() {
        const TABLE: &str =
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\npids\t3\t1\t1\ncpu\t0\t1\t1\n";
        let unified = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let reason = |controller, mounts| missing(controller, mounts, TABLE, "ro cgroup_disable=io,rdma");
        assert_eq!(reason("memory", unified), Missing::SwitchedOff);
        assert_eq!(reason("rdma", unified), Missing::SwitchedOff);
        assert_eq!(reason("cpu", ""), Missing::NothingMounted);
        assert_eq!(reason("cpu", unified), Missing::NotHandedOn(PathBuf::from("/sys/fs/cgroup")));
        assert_eq!(reason("pids", unified), Missing::NotMounted { bound: true });
        assert_eq!(reason("cpu", V1.lines().next().unwrap()), Missing::NotMounted { bound: false });
    }

    #[test]
    fn a_mount_on_top_of_another_is_the_one_that_is_seen() {
        let mounts = "35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
                      36 35 0:32 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = find("memory", mounts, "0::/box\n", |_| "memory\n".to_owned()).unwrap();
        assert_eq!(found.own.to_str(), Some("/sys/fs/cgroup"));
    }

    #[test]
    fn the_kill_counter_is_not_the_oom_event() {
        assert_eq!(keyed("low 0\noom 3\noom_kill 2\noom_group_kill 0", "oom_kill"), Some(2));
        assert_eq!(keyed("oom_kill_disable 0\nunder_oom 0", "oom_kill"), None);
    }
}
