//! What the host sees of a process, and of itself.

use std::collections::BTreeMap;
use std::path::Path;

use crate::kernel::proc;
use crate::recipe::ingredient::Namespace;
use crate::recipe::outcome::{NsPair, Paired, Seen, SeenMount};

/// Looks at a process that stands at the gate: everything is prepared, its program has not started.
pub fn process(pid: i32) -> Seen {
    let namespaces: BTreeMap<Namespace, NsPair> = Namespace::ALL
        .into_iter()
        .filter_map(|kind| {
            let inside = proc::namespace(pid, kind.name())?;
            Some((kind, NsPair { inside, host: proc::namespace(0, kind.name())? }))
        })
        .collect();
    let mut root_entries: Vec<String> = std::fs::read_dir(proc::inside(pid, "/"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    root_entries.sort_unstable();
    let own_pid = std::process::id() as i32;
    Seen {
        pid,
        nspid: proc::nspid(pid),
        namespaces,
        root_own: proc::root_identity(pid) != proc::root_identity(own_pid),
        root: proc::root_path(pid).unwrap_or_default(),
        root_entries,
        processes: proc::listed(&proc::inside(pid, "/proc")).map(|pids| pids.len() as u32),
        host_processes: proc::all().len() as u32,
        mounts: mounts(pid),
        cgroups: groups(pid),
        cap_eff: proc::status_field(pid, "CapEff")
            .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
            .unwrap_or_default(),
        uid_map: proc::uid_map(pid),
    }
}

/// The mounts of a process. mountinfo names them from the process's own root and leaves out what lies outside it.
fn mounts(pid: i32) -> Vec<SeenMount> {
    let entries = proc::mounts(pid).unwrap_or_default();
    entries.into_iter().map(|entry| SeenMount { target: entry.target, fstype: entry.fstype }).collect()
}

fn groups(pid: i32) -> BTreeMap<String, String> {
    proc::groups(pid)
        .into_iter()
        .map(|(names, path)| (if names.is_empty() { "unified".to_owned() } else { names }, path))
        .collect()
}

/// Every process that lives in a container, from both sides: the first process and what came out of it. In a PID
/// namespace of its own these are its members; without one, the descendants.
pub fn members(first: i32) -> Vec<Paired> {
    let own = proc::namespace(0, "pid");
    let theirs = proc::namespace(first, "pid");
    let pids = if theirs.is_some() && theirs != own {
        proc::all().into_iter().filter(|pid| proc::namespace(*pid, "pid") == theirs).collect()
    } else {
        proc::descendants(first)
    };
    pids.into_iter().filter_map(paired).collect()
}

/// One process from both sides.
pub fn paired(pid: i32) -> Option<Paired> {
    let inside = proc::nspid(pid).last().copied().unwrap_or(pid);
    Some(Paired { pid, pid_inside: inside, command: proc::command_line(pid)? })
}

/// The mount table of rlab's own namespace, one `target fstype` a mount.
pub fn host_mounts() -> Vec<String> {
    let entries = proc::mounts(0).unwrap_or_default();
    entries.into_iter().map(|entry| format!("{} {}", entry.target, entry.fstype)).collect()
}

/// Whether a path is on the host.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
