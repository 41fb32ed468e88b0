//! Whose things are whose. Work directories and control groups are named `rlab.PID.START`, so that a later rlab can
//! tell that the owner is dead and collect what it left: after `kill -9` mounts vanish with their namespace, but
//! directories and groups stay.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{Result, Trouble};
use crate::kernel::call::quoted;
use crate::kernel::{cgroup, proc, tree};
use crate::sandbox::rootfs::call;
use crate::sandbox::teach;

/// What tells one process from every other, now and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// PID as it sees itself.
    pub pid: i32,
    /// Start in clock ticks since boot.
    pub start: u64,
    /// Inode of the PID namespace; `None` where /proc is closed.
    pub namespace: Option<u64>,
}

impl Owner {
    /// This process.
    pub fn this() -> Self {
        static THIS: OnceLock<Owner> = OnceLock::new();
        *THIS.get_or_init(|| {
            let pid = std::process::id() as i32;
            let start = proc::stat(pid).map_or(0, |stat| stat.start);
            Self { pid, start, namespace: proc::namespace(0, "pid") }
        })
    }
}

/// The name of everything that this process makes. In a PID namespace of its own (a container) the namespace is part
/// of the name, since the same PID means somebody else outside.
pub fn own_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let Owner { pid, start, .. } = Owner::this();
        format!("rlab.{pid}.{start}{}", namespace_suffix())
    })
}

/// What follows the name of the group that rlab itself moves to.
pub const LEAF: &str = ".leaf";

fn namespace_suffix() -> String {
    match Owner::this().namespace {
        Some(proc::FIRST_PID_NAMESPACE) | None => String::new(),
        Some(other) => format!(".{other}"),
    }
}

/// What follows the name of the groups in which an engine makes those of its containers.
pub const ENGINE: &str = ".engine";

/// The name without what may follow it.
fn bare(numbers: &str) -> &str {
    let ends = [CAPS, LEAF, ENGINE];
    ends.into_iter().find_map(|end| numbers.strip_suffix(end)).unwrap_or(numbers)
}

/// What follows the name of the group that bounds what a recipe does not.
pub const CAPS: &str = ".caps";

/// Who lives. The PID namespaces that have processes are looked up at most once, since that asks every process.
#[derive(Debug, Default)]
pub struct Census {
    inhabited: OnceCell<HashSet<u64>>,
    near: bool,
}

impl Census {
    /// Of this PID namespace alone: a question about one process, never about all.
    pub fn near() -> Self {
        Self { near: true, ..Self::default() }
    }

    /// Whether a name is one of ours and its owner no longer lives. A name of another PID namespace is nobody's
    /// business here, unless that namespace has ended, which shows only where every process can be seen.
    pub fn is_dead(&self, name: &str) -> bool {
        // Most names in a directory for temporary files are nobody's: no question to the kernel for each of them.
        if !name.starts_with("rlab.") || name == own_name() {
            return false;
        }
        let suffix = namespace_suffix();
        let ask_all = suffix.is_empty() && !self.near;
        owner_is_dead(name, &suffix) || (ask_all && namespace_of(name).is_some_and(|it| self.has_ended(it)))
    }

    /// Whether no process is left in a PID namespace. Only root may ask all of them.
    fn has_ended(&self, namespace: u64) -> bool {
        let inhabited = || proc::all().into_iter().filter_map(|pid| proc::namespace(pid, "pid")).collect();
        nix::unistd::geteuid().is_root() && !self.inhabited.get_or_init(inhabited).contains(&namespace)
    }
}

fn owner_is_dead(name: &str, suffix: &str) -> bool {
    let Some(numbers) = name.strip_prefix("rlab.") else { return false };
    let numbers = bare(numbers);
    let Some(numbers) = numbers.strip_suffix(suffix) else {
        return false;
    };
    let Some((pid, start)) = numbers.split_once('.') else { return false };
    let (Ok(pid), Ok(start)) = (pid.parse::<i32>(), start.parse::<u64>()) else { return false };
    proc::stat(pid).is_none_or(|stat| stat.start != start || matches!(stat.state, 'Z' | 'X'))
}

/// The PID namespace that a name of ours tells, where it is another than the first.
fn namespace_of(name: &str) -> Option<u64> {
    let numbers = name.strip_prefix("rlab.")?;
    let numbers = bare(numbers);
    let numbers: Vec<&str> = numbers.split('.').collect();
    let [pid, start, namespace] = numbers[..] else { return None };
    let (_, _) = (pid.parse::<i32>().ok()?, start.parse::<u64>().ok()?);
    namespace.parse().ok()
}

/// The directory below which work directories are made. An empty `TMPDIR` is none, as for every shell; a relative one
/// is made absolute, since what is told and mounted here is named from `/` on.
pub fn base() -> PathBuf {
    let named = std::env::var_os("TMPDIR").filter(|named| !named.is_empty());
    let base = named.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let absolute = || std::path::absolute(&base);
    fs::canonicalize(&base).or_else(|_| absolute()).unwrap_or(base)
}

/// Where a work directory is made that has to have a short path, whatever the directory for temporary files is called.
/// Only an engine makes one, beside what it keeps in the usual place.
pub const SHORT: &str = "/run";

/// A directory of this process alone, removed when it is dropped.
#[derive(Debug)]
pub struct WorkDirectory {
    path: PathBuf,
}

impl WorkDirectory {
    /// Makes it, mode 0700. mkdir(2) refuses a name that is there already, a link too, so a hostile directory cannot
    /// be slipped under us; and in a directory that others may write to, only the sticky bit keeps them from putting
    /// another one in its place later.
    ///
    /// # Errors
    /// What mkdir says: a full disk, a directory for temporary files that may not be written, one that is not safe.
    pub fn make() -> Result<Self> {
        Self::make_in(&base())
    }

    /// Makes one with a short path: 43 characters at most. Only root can.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn make_short() -> Result<Self> {
        Self::make_in(Path::new(SHORT))
    }

    fn make_in(base: &Path) -> Result<Self> {
        let path = base.join(own_name());
        let cannot = || Trouble::sandbox(format!("cannot make the work directory `{}`", path.display()));
        // What is no directory is refused by mkdir(2), which tells so.
        if fs::metadata(base).is_ok_and(|meta| meta.is_dir() && others_may_rename(&meta)) {
            return Err(cannot()
                .because(format!(
                    "whoever may write to `{}` could put another directory in its place",
                    base.display()
                ))
                .hint(format!(
                    "`chmod +t {}` mends it, or name a directory of your own with `TMPDIR=DIR`",
                    base.display()
                )));
        }
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        let told = call("mkdir", format!("{}, 0700", quoted(&path.to_string_lossy())), &made);
        made.map_err(|error| match error.kind() {
            // The name says our PID and when we started, so nobody made it by chance.
            std::io::ErrorKind::AlreadyExists => cannot()
                .because(&error)
                .because("somebody has taken the name on purpose; what is there was not touched")
                .hint("name a directory of your own for temporary files with `TMPDIR=DIR`"),
            _ => teach::told(cannot(), &[told]),
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether somebody else may rename what this user makes in a directory: where it has no sticky bit, its owner and, if
/// it is open to the world, everyone.
fn others_may_rename(base: &fs::Metadata) -> bool {
    let own = [0, nix::unistd::geteuid().as_raw()].contains(&base.uid());
    base.mode() & 0o1000 == 0 && (!own || base.mode() & 0o002 != 0)
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

/// A control group and the groups that were made in it by whoever was inside, deepest first.
pub fn groups_below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    let mut next = 0;
    while let Some(group) = found.get(next).cloned() {
        let entries = fs::read_dir(&group).into_iter().flatten().flatten();
        // The kernel makes no links there.
        found.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()),
        );
        next += 1;
    }
    found.reverse();
    found
}

/// Removes an empty control group, and what was made in it. For a few milliseconds after a kill the kernel still counts
/// the dead, so EBUSY is asked again.
///
/// # Errors
/// EBUSY while something lives in it.
pub fn remove_group(path: &Path) -> nix::Result<()> {
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut pause = Duration::from_micros(100);
    loop {
        match remove_directory(path) {
            // Looked for only where the kernel says so: most groups have nothing in them.
            Err(Errno::EBUSY | Errno::ENOTEMPTY) if Instant::now() < deadline => {
                leave_group(path);
                for below in groups_below(path) {
                    let _ = remove_directory(&below);
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// A learner may have moved rlab itself in.
fn leave_group(path: &Path) {
    let own = std::process::id();
    if cgroup::members(path).is_ok_and(|members| members.contains(&(own as i32))) {
        // What keeps it there is told by the removal.
        let _ = fs::write(path.parent().unwrap_or(path).join("cgroup.procs"), own.to_string());
    }
}

fn remove_directory(path: &Path) -> nix::Result<()> {
    match fs::remove_dir(path).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
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
    fn a_name_tells_its_namespace() {
        assert_eq!(namespace_of("rlab.1.2.4026532180"), Some(4_026_532_180));
        assert_eq!(namespace_of("rlab.1.2.4026532180.caps"), Some(4_026_532_180));
        for name in ["rlab.1.2", "rlab.1.2.caps", "rlab.1.2.3.4", "rlab.a.2.3", "other.1.2.3"] {
            assert_eq!(namespace_of(name), None, "{name}");
        }
        if let Some(own) = proc::namespace(0, "pid").filter(|_| nix::unistd::geteuid().is_root()) {
            let census = Census::default();
            assert!(!census.has_ended(own) && census.has_ended(1));
            let name = "rlab.1.2.1";
            assert!(
                census.is_dead(name) != (own != proc::FIRST_PID_NAMESPACE) && !Census::near().is_dead(name)
            );
        }
    }

    #[test]
    fn what_is_not_named_as_ours_is_left_alone() {
        for name in ["rlab", "rlab.1", "rlab.x.y", "rlab.1.2.3", "other.4194304.1", "rlab.4194304.1.99"] {
            assert!(!owner_is_dead(name, ""), "{name}");
            assert!(!owner_is_dead(&format!("{name}.caps"), ""), "{name}.caps");
        }
        assert!(owner_is_dead("rlab.4194304.1.caps", ""));
        assert!(owner_is_dead("rlab.4194304.1.99.caps", ".99"));
        assert!(owner_is_dead("rlab.4194304.1.leaf", ""));
        assert!(owner_is_dead("rlab.4194304.1.99.leaf", ".99"));
        assert!(!owner_is_dead("rlab.4194304.1", ".99"));
        assert!(owner_is_dead("rlab.4194304.1.99", ".99"));
    }
}
