//! Whose things are whose. Work directories and control groups are named `rlab.PID.START`, so that a later rlab can
//! tell that the owner is dead and collect what it left: after `kill -9` mounts vanish with their namespace, but
//! directories and groups stay.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Result, Trouble};
use crate::kernel::call::quoted;
use crate::kernel::{cgroup, proc, tree};
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::Machine;
use crate::sandbox::rootfs::call;
use crate::sandbox::teach;

/// Inode number of the first PID namespace of every Linux (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The name of everything that this process makes. In a PID namespace of its own (a container) the namespace is part
/// of the name, since the same PID means somebody else outside.
pub fn own_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let pid = std::process::id() as i32;
        let start = proc::stat(pid).map_or(0, |stat| stat.start);
        format!("rlab.{pid}.{start}{}", namespace_suffix())
    })
}

fn namespace_suffix() -> String {
    match proc::namespace(0, "pid") {
        Some(FIRST_PID_NAMESPACE) | None => String::new(),
        Some(other) => format!(".{other}"),
    }
}

/// Whether a name is one of ours and its owner no longer lives. Names of another PID namespace are nobody's business
/// here.
fn owner_is_dead(name: &str, suffix: &str) -> bool {
    let Some(numbers) = name.strip_prefix("rlab.") else { return false };
    let numbers = match suffix {
        "" => numbers,
        _ => match numbers.strip_suffix(suffix) {
            Some(numbers) => numbers,
            None => return false,
        },
    };
    let Some((pid, start)) = numbers.split_once('.') else { return false };
    let (Ok(pid), Ok(start)) = (pid.parse::<i32>(), start.parse::<u64>()) else { return false };
    proc::stat(pid).is_none_or(|stat| stat.start != start || stat.state == 'Z')
}

/// The directory below which work directories are made.
pub fn base() -> PathBuf {
    let base = std::env::temp_dir();
    fs::canonicalize(&base).unwrap_or(base)
}

/// A directory of this process alone, removed when it is dropped.
#[derive(Debug)]
pub struct WorkDirectory {
    path: PathBuf,
}

impl WorkDirectory {
    /// Makes it, mode 0700. mkdir(2) refuses a name that is there already, a link too, so a hostile directory cannot
    /// be slipped under us.
    ///
    /// # Errors
    /// What mkdir says: a full disk, a directory for temporary files that may not be written.
    pub fn make() -> Result<Self> {
        let base = base();
        let path = base.join(own_name());
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        let told = call("mkdir", format!("{}, 0700", quoted(&path.to_string_lossy())), &made);
        made.map_err(|_| {
            let what = format!("cannot make the work directory `{}`", path.display());
            teach::told(Trouble::sandbox(what), &[told])
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkDirectory {
    fn drop(&mut self) {
        // Something is still mounted below only when the learner did so by hand; then it is left for `rlab clean`.
        let _ = remove_tree(&self.path);
    }
}

/// Removes a tree of ours, but never one that something is mounted in.
///
/// # Errors
/// The mount points that are in the way, or the errno of the removal.
pub fn remove_tree(path: &Path) -> Result<()> {
    // The root of a one-shot container was in memory: an empty directory goes at once. rmdir(2) refuses a mount point.
    if fs::remove_dir(path).is_ok() {
        return Ok(());
    }
    let refused =
        |what: String| Trouble::sandbox(format!("cannot remove `{}`", path.display())).because(what);
    let mounts = tree::mounts_under(path).map_err(|error| refused(error.to_string()))?;
    if let Some(mount) = mounts.first() {
        return Err(refused(format!("`{mount}` is still mounted"))
            .hint(format!("unmount it with `umount {mount}`, then run `rlab clean`")));
    }
    tree::remove(path).map_err(|errno| refused(errno.to_string()))
}

/// Removes an empty control group. For a few milliseconds after a kill the kernel still counts the dead, so EBUSY is
/// asked again.
///
/// # Errors
/// EBUSY while something lives in it.
pub fn remove_group(path: &Path) -> nix::Result<()> {
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut pause = Duration::from_micros(100);
    loop {
        match fs::remove_dir(path).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) if Instant::now() < deadline => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            Err(errno) => return Err(errno),
        }
    }
}

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

/// Collects what rlabs that no longer live have left behind: processes, control groups, work directories.
pub fn collect(machine: &Machine) -> Collected {
    let suffix = namespace_suffix();
    let mut collected = Collected::default();
    let dead = |directory: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .filter(|entry| owner_is_dead(&entry.file_name().to_string_lossy(), &suffix))
            .map(|entry| entry.path())
            .filter(|path| is_ours(path, machine.euid))
            .collect()
    };
    let mut parents: Vec<&str> = Resource::ALL
        .into_iter()
        .filter_map(|resource| machine.cgroups.of(resource))
        .map(|controller| controller.parent.as_str())
        .collect();
    parents.sort_unstable();
    parents.dedup();
    for group in parents.into_iter().flat_map(|parent| dead(Path::new(parent))) {
        for pid in cgroup::members(&group).unwrap_or_default() {
            if kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok() {
                collected.processes.push(pid);
            }
        }
        let name = group.to_string_lossy().into_owned();
        match remove_group(&group) {
            Ok(()) => collected.groups.push(name),
            Err(errno) => collected.left.push(format!("{name}: {errno}")),
        }
    }
    for directory in dead(&base()) {
        collected.processes.extend(kill_in(&directory));
        let name = directory.to_string_lossy().into_owned();
        match remove_tree(&directory) {
            Ok(()) => collected.directories.push(name),
            Err(trouble) => collected.left.push(format!("{name}: {}", trouble.causes.join(": "))),
        }
    }
    collected
}

/// A real directory of the same user; a link or somebody else's directory of that name is not ours.
fn is_ours(path: &Path, euid: u32) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == euid)
}

/// Kills the processes whose root lies in a work directory whose owner is dead: what a chroot without a PID namespace
/// leaves.
fn kill_in(directory: &Path) -> Vec<i32> {
    let inside = |pid: &i32| {
        proc::root_path(*pid).is_some_and(|root| root != "/" && Path::new(&root).starts_with(directory))
    };
    proc::all()
        .into_iter()
        .filter(inside)
        .filter(|pid| kill(Pid::from_raw(*pid), Signal::SIGKILL).is_ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_owner_keeps_its_things() {
        let suffix = namespace_suffix();
        assert!(!owner_is_dead(own_name(), &suffix));
        let pid = std::process::id();
        assert!(owner_is_dead(&format!("rlab.{pid}.1{suffix}"), &suffix));
        assert!(owner_is_dead(&format!("rlab.4194304.77{suffix}"), &suffix));
    }

    #[test]
    fn what_is_not_named_as_ours_is_left_alone() {
        for name in ["rlab", "rlab.1", "rlab.x.y", "rlab.1.2.3", "other.4194304.1", "rlab.4194304.1.99"] {
            assert!(!owner_is_dead(name, ""), "{name}");
        }
        assert!(!owner_is_dead("rlab.4194304.1", ".99"));
        assert!(owner_is_dead("rlab.4194304.1.99", ".99"));
    }

    #[test]
    fn a_link_with_our_name_is_not_ours() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("rlab.4194304.1");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert!(!is_ours(&link, 0));
    }
}
