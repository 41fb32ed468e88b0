//! What rlabs that no longer live have left behind is taken away: processes, control groups, work directories.
//!
//! Processes first, or nothing else could be removed: those in the control groups, those with the mark, those whose
//! root lies in a work directory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::kernel::{cgroup, proc};
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::Machine;
use crate::sandbox::owner::Census;
use crate::sandbox::{engine, handing, mark, owner, sweep};

/// What [`collect`] took away.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Collected {
    /// Processes killed.
    pub processes: Vec<i32>,
    /// Control groups removed.
    pub groups: Vec<String>,
    /// Work directories removed.
    pub directories: Vec<String>,
    /// What could not be removed, and why.
    pub left: Vec<String>,
}

impl Collected {
    fn groups(&mut self, groups: &[&PathBuf]) {
        for group in groups {
            let name = group.to_string_lossy().into_owned();
            match owner::remove_group(group) {
                Ok(()) => self.groups.push(name),
                Err(errno) => self.left.push(format!("{name}: {errno}")),
            }
        }
    }
}

/// How hard to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Every process of the machine is asked for its mark, which takes a few microseconds each.
    Everywhere,
    /// Only where a directory or a group tells that somebody of this PID namespace died.
    AtTraces,
}

/// Collects.
pub fn collect(machine: &Machine, look: Look) -> Collected {
    let mut collected = Collected::default();
    let census = match look {
        Look::Everywhere => Census::default(),
        Look::AtTraces => Census::near(),
    };
    let dead = |directory: &Path| dead(directory, machine.euid, &census);
    let groups: Vec<PathBuf> = parents(machine).flat_map(|parent| dead(Path::new(parent))).collect();
    let mut directories = dead(&owner::base());
    // An engine keeps its things in a work directory: no trace of that, no engine.
    let engines = if look == Look::Everywhere || !directories.is_empty() {
        directories.extend(dead(Path::new(owner::SHORT)));
        engine::groups(|name| name.ends_with(owner::ENGINE) && census.is_dead(name))
    } else {
        Vec::new()
    };
    if look == Look::AtTraces && groups.is_empty() && engines.is_empty() && directories.is_empty() {
        return collected;
    }
    let found = || {
        let members = groups.iter().flat_map(|group| members_below(group));
        members.chain(mark::orphans()).chain(rooted_in(&directories)).collect()
    };
    let is_one = |pid| {
        mark::is_orphan(pid)
            || groups.iter().any(|group| members_below(group).contains(&pid))
            || has_root_in(pid, &directories)
    };
    collected.processes = sweep::end_all(found, is_one);
    engine::end(&engines);
    collected.groups(&engines.iter().collect::<Vec<_>>());
    // Whoever is in a leaf, the keeper that does this for one, gets out only when nothing is handed on any more.
    let (leaves, groups): (Vec<&PathBuf>, Vec<&PathBuf>) =
        groups.iter().partition(|group| group.to_string_lossy().ends_with(owner::LEAF));
    collected.groups(&groups);
    for parent in parents(machine) {
        handing::switch_off(Path::new(parent), &mut Vec::new());
    }
    collected.groups(&leaves);
    for directory in directories {
        let name = directory.to_string_lossy().into_owned();
        match owner::remove_tree(&directory) {
            Ok(()) => collected.directories.push(name),
            Err(trouble) => collected.left.push(format!("{name}: {}", trouble.causes.join(": "))),
        }
    }
    collected
}

/// Where groups are made, each once.
fn parents(machine: &Machine) -> impl Iterator<Item = &str> {
    let mut parents: Vec<&str> = Resource::ALL
        .into_iter()
        .filter_map(|resource| machine.cgroups.of(resource))
        .map(|controller| controller.parent.as_str())
        .collect();
    parents.sort_unstable();
    parents.dedup();
    parents.into_iter()
}

/// What carries the name of a dead owner.
fn dead(directory: &Path, euid: u32, census: &Census) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let dead = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(b"rlab.")
            && is_ours(&entry.path(), euid)
            && census.is_dead(&name.to_string_lossy())
    };
    entries.filter(dead).map(|entry| entry.path()).collect()
}

/// A real directory of the same user; a link or somebody else's directory of that name is not ours.
fn is_ours(path: &Path, euid: u32) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == euid)
}

/// The processes of a group and of the groups that were made in it.
fn members_below(group: &Path) -> Vec<i32> {
    let groups = owner::groups_below(group);
    groups.iter().flat_map(|group| cgroup::members(group).unwrap_or_default()).collect()
}

/// The processes whose root lies in one of these directories: what a chroot without a PID namespace leaves.
fn rooted_in(directories: &[PathBuf]) -> Vec<i32> {
    if directories.is_empty() {
        return Vec::new();
    }
    proc::all().into_iter().filter(|pid| has_root_in(*pid, directories)).collect()
}

fn has_root_in(pid: i32, directories: &[PathBuf]) -> bool {
    proc::root_path(pid).is_some_and(|root| {
        root != "/" && directories.iter().any(|directory| Path::new(&root).starts_with(directory))
    }) && mark::lives(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_with_our_name_is_not_ours() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("rlab.4194304.1");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert!(!is_ours(&link, 0));
        let euid = nix::unistd::geteuid().as_raw();
        assert!(is_ours(base.path(), euid));
        assert!(!is_ours(base.path(), euid + 1));
    }
}
