//! Facts about the machine around this process, as /proc and a few files tell them (proc(5), cgroups(7)).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::cgroup::{self, Generation, Hierarchy};
use super::proc;

/// Those of these paths that are there. A link that leads nowhere is there too.
pub fn present(paths: &[&str]) -> BTreeSet<String> {
    let there = |path: &&str| Path::new(path).symlink_metadata().is_ok();
    paths.iter().copied().filter(there).map(str::to_owned).collect()
}

/// Those of these environment variables that are set.
pub fn variables(names: &[&str]) -> BTreeMap<String, String> {
    let value = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
    names.iter().filter_map(value).collect()
}

/// The groups of this process, as in `/proc/self/cgroup`.
pub fn own_groups() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

/// Type of the file system at `/`; `None` where nothing is mounted there, or /proc is closed.
pub fn root_type() -> Option<String> {
    let mounts = proc::mounts(0).ok()?;
    mounts.into_iter().rfind(|mount| mount.target == "/").map(|mount| mount.fstype)
}

/// Whether this process is in another PID namespace than the machine's first.
pub fn is_in_inner_pid_namespace() -> bool {
    proc::namespace(0, "pid").is_some_and(|own| own != proc::FIRST_PID_NAMESPACE)
}

/// Bytes of swap that are in use or free to be used.
pub fn swap() -> u64 {
    nix::sys::sysinfo::sysinfo().map_or(0, |info| info.swap_total())
}

/// Whether swap can be limited for a group of this hierarchy, where a file tells.
pub fn limits_swap(memory: &Hierarchy) -> Option<bool> {
    match memory.generation {
        Generation::V1 => Some(memory.mount.join("memory.memsw.limit_in_bytes").exists()),
        // The root of v2 has no such file: any group below it tells, whose parent hands the controller on.
        Generation::V2 => {
            let below = fs::read_dir(&memory.mount).ok()?.flatten().map(|entry| entry.path());
            let mut groups = std::iter::once(memory.own.clone()).chain(below);
            let told = groups.find(|group| cgroup::read(group, "memory.max").is_ok())?;
            Some(told.join("memory.swap.max").exists())
        }
    }
}

/// The generations of control groups that are mounted.
pub fn generations() -> Vec<Generation> {
    let mounts = proc::mounts(0).unwrap_or_default();
    let mounted = |fstype: &str| mounts.iter().any(|mount| mount.fstype == fstype);
    [("cgroup", Generation::V1), ("cgroup2", Generation::V2)]
        .into_iter()
        .filter(|(fstype, _)| mounted(fstype))
        .map(|(_, generation)| generation)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_told() {
        assert_eq!(present(&["/proc/self", "/no/such/mark"]), BTreeSet::from(["/proc/self".to_owned()]));
        assert!(variables(&["PATH", "NO_SUCH_VARIABLE_HERE"]).contains_key("PATH"));
        assert!(own_groups().lines().all(|line| line.splitn(3, ':').count() == 3));
    }
}
