//! Caps: what bounds a container where its recipe does not, so that a fork bomb or a program that fills the disk harms
//! nobody. They are rlab's, not the recipe's: they are not narrated, and the prompt does not show them. Whoever meets one
//! is told whose it is.
//!
//! | what | bound by |
//! |---|---|
//! | processes at once | `pids.max` of a group of rlab's own; without one `RLIMIT_NPROC`, which root outside of a user namespace is not bound by |
//! | bytes of a file | `RLIMIT_FSIZE` |
//! | bytes and files of the session's directory | looked at while a line runs or a container stays |
//! | time of a line | a deadline; a shell and what stays in the background have none |
//! | a dump of the core | none is written |

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::kernel::call::Syscall;
use crate::kernel::{cgroup, proc, tree};
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::machine::{CgroupVersion, Controller, Machine};
use crate::recipe::outcome::{Capped, End};
use crate::recipe::plan::{Plan, Prepare};
use crate::sandbox::group::Group;
use crate::sandbox::program::Ground;
use crate::sandbox::{handing, owner};

/// Processes at once.
pub const PROCESSES: u64 = crate::recipe::process::CAP;
/// Bytes of one file.
const FILE: u64 = 512 << 20;
/// Bytes of the whole directory of a session.
const BYTES: u64 = 1 << 30;
/// Files in the directory of a session.
const FILES: u64 = 100_000;
/// How long a line may take where nobody said otherwise.
pub const TIME: Duration = Duration::from_secs(600);
/// How often the disk is looked at while a line runs, or a container stays.
pub(super) const PACE: Duration = Duration::from_millis(500);

/// The caps of one session.
#[derive(Debug)]
pub struct Caps {
    /// How long a line may take; `None` for ever.
    time: Option<Duration>,
    /// The group that bounds processes, once one was needed; `None` where none can be made.
    group: Option<Option<Own>>,
}

impl Default for Caps {
    fn default() -> Self {
        Self { time: Some(TIME), group: None }
    }
}

/// A group of rlab's own beside the recipe's.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    version: CgroupVersion,
    /// The v2 parent that hands the controller on.
    enabled: Option<PathBuf>,
}

/// What bounds one process.
#[derive(Debug, Default)]
pub struct Bound {
    /// A file to which the process writes `0` to join the group.
    pub join: Option<File>,
    /// Limits that it sets itself.
    pub limits: Vec<Syscall>,
    /// The group that counts its processes, and how many forks it had refused before.
    counter: Option<(PathBuf, u64)>,
}

impl Caps {
    /// With another time for a line; zero is no bound.
    pub fn lasting(seconds: u64) -> Self {
        Self { time: (seconds > 0).then(|| Duration::from_secs(seconds)), ..Self::default() }
    }

    /// Bounds a process of this plan. `files`: whether it may not write large ones; the output of a one-shot container
    /// is the caller's own.
    pub fn bind(&mut self, plan: &Plan, machine: &Machine, group: &Group, files: bool) -> Bound {
        let mut bound = Bound { limits: vec![limit(libc::RLIMIT_CORE, 0)], ..Bound::default() };
        if files {
            bound.limits.push(limit(libc::RLIMIT_FSIZE, FILE));
        }
        let own_limit = |step: &Prepare| matches!(step, Prepare::WriteLimit { resource: Resource::Pids, .. });
        if plan.prepare.iter().any(own_limit) {
            return bound;
        }
        match self.group_for(plan, machine, group) {
            Some((path, join)) => {
                bound.counter = Some((path.clone(), cgroup::refused_forks(&path)));
                bound.join = join;
            }
            None => {
                bound.limits.extend(own_processes(plan, machine).map(|most| limit(libc::RLIMIT_NPROC, most)))
            }
        }
        bound
    }

    /// The group that bounds this plan's processes, and the file that joins it.
    fn group_for(
        &mut self,
        plan: &Plan,
        machine: &Machine,
        group: &Group,
    ) -> Option<(PathBuf, Option<File>)> {
        let controller = machine.cgroups.of(Resource::Pids)?;
        // A process lives in one v2 group, so there it has to be the recipe's.
        let recipes =
            group.unified().filter(|_| plan.clone.into_cgroup && controller.version == CgroupVersion::V2);
        if let Some(path) = recipes {
            let bounded = fs::write(path.join("pids.max"), PROCESSES.to_string()).is_ok();
            return bounded.then(|| (path.to_owned(), None));
        }
        let own = self.group.get_or_insert_with(|| Own::make(controller)).as_ref()?;
        let file = match own.version {
            CgroupVersion::V1 => "tasks",
            CgroupVersion::V2 => "cgroup.procs",
        };
        let join = OpenOptions::new().write(true).open(own.path.join(file)).ok()?;
        Some((own.path.clone(), Some(join)))
    }

    /// Watches a line from now on.
    pub fn watch(&self, directory: Option<&Path>) -> LineWatch {
        let now = Instant::now();
        LineWatch {
            until: self.time.and_then(|time| Some((now.checked_add(time)?, time))),
            disk: directory.map(Disk::new),
            next: now + PACE,
        }
    }
}

impl LineWatch {
    /// Watches the disk alone, for as long as something stays.
    pub(super) fn of_disk(directory: &Path) -> Self {
        Self { until: None, disk: Some(Disk::new(directory)), next: Instant::now() }
    }
}

/// Both limits, quietly; where the caller's own is lower already, that one stays (EPERM).
fn limit(resource: libc::__rlimit_resource_t, most: u64) -> Syscall {
    Syscall::limit(resource, most, most).tolerating(libc::EPERM)
}

/// `RLIMIT_NPROC` of a process of this plan: so many in a user namespace of its own, or so many more than the user has.
/// `None` where the kernel would not hold root to it, or where it cannot be told how many there are.
fn own_processes(plan: &Plan, machine: &Machine) -> Option<u64> {
    if plan.clone.namespaces.contains(&Namespace::User) && counts_by_namespace(&machine.kernel) {
        return Some(PROCESSES);
    }
    if machine.euid == 0 {
        return None;
    }
    Some(proc::tasks_of(nix::unistd::getuid().as_raw())? + PROCESSES)
}

/// Whether `RLIMIT_NPROC` counts the processes of a user namespace, and not all that the user has (since Linux 5.14).
fn counts_by_namespace(kernel: &str) -> bool {
    let mut numbers = kernel.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) >= (5, 14)
}

impl Own {
    fn make(controller: &Controller) -> Option<Self> {
        let parent = Path::new(&controller.parent);
        let unified = controller.version == CgroupVersion::V2;
        let _lock = if unified { cgroup::lock(parent) } else { None };
        if unified && handing::may_switch_on(parent) {
            // Where it is refused, the new group has no `pids.max`, which is found below.
            let _ = handing::switch_on(parent, "pids", &mut Vec::new());
        }
        let enabled = unified.then(|| parent.to_owned());
        let path = parent.join(format!("{}{}", owner::own_name(), owner::CAPS));
        fs::create_dir(&path).ok()?;
        let own = Self { path, version: controller.version, enabled };
        // Where it cannot be bounded it is of no use, and goes; and where it takes nobody in: below a group that has both
        // processes and controllers for its children it is "domain invalid".
        fs::write(own.path.join("pids.max"), PROCESSES.to_string()).ok()?;
        let takes_in = !unified || cgroup::read(&own.path, "cgroup.type").is_ok_and(|kind| kind == "domain");
        takes_in.then_some(own)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // What cannot be removed now is collected by the next rlab.
        let _ = owner::remove_group(&self.path);
        if let Some(parent) = &self.enabled {
            handing::switch_off(parent, &mut Vec::new());
        }
    }
}

impl Bound {
    /// Hands the process what it is bound by.
    pub fn give(&mut self, ground: &mut Ground<'_>) {
        ground.caps = self.join.as_ref().map(AsRawFd::as_raw_fd);
        ground.limits = std::mem::take(&mut self.limits);
    }

    /// Whether a fork was refused for want of room.
    pub fn met(&self) -> Option<Capped> {
        let (path, before) = self.counter.as_ref()?;
        (cgroup::refused_forks(path) > *before).then_some(Capped::Processes { most: PROCESSES })
    }
}

/// What ends a line that takes too much.
#[derive(Debug)]
pub struct LineWatch {
    until: Option<(Instant, Duration)>,
    disk: Option<Disk>,
    /// When to look at the disk again.
    next: Instant,
}

impl LineWatch {
    /// Why the line has to end now, if it has.
    pub fn over(&mut self) -> Option<Capped> {
        let now = Instant::now();
        if let Some((_, time)) = self.until.filter(|(until, _)| now >= *until) {
            return Some(Capped::Time { seconds: time.as_secs() });
        }
        if now < self.next {
            return None;
        }
        self.next = now + PACE;
        let full = self.disk.as_mut().is_some_and(Disk::is_full);
        full.then_some(Capped::Space { bytes: BYTES, files: FILES })
    }

    /// Whether a line that has ended like this had a file that may not grow. A process that SIGXFSZ does not end, such as
    /// PID 1, is told EFBIG and says so in its own words.
    pub fn file(&self, end: End) -> Option<Capped> {
        let well = end == End::Exited(0);
        let found = !well && self.disk.as_ref().is_some_and(Disk::has_largest_file);
        found.then_some(Capped::File { bytes: FILE })
    }
}

/// The directory of the session. To add it up takes long, so that is done only when the file system has lost a part of
/// what may be used.
#[derive(Debug)]
struct Disk {
    directory: PathBuf,
    /// Free bytes and files at the beginning.
    first: Option<(u64, u64)>,
    /// And when it was last added up.
    free: Option<(u64, u64)>,
}

impl Disk {
    fn new(directory: &Path) -> Self {
        let free = tree::free(directory);
        Self { directory: directory.to_owned(), first: free, free }
    }

    fn has_largest_file(&self) -> bool {
        let bytes = |free: Option<(u64, u64)>| free.unwrap_or_default().0;
        bytes(self.first).saturating_sub(bytes(tree::free(&self.directory))) > FILE / 2
            && tree::any_file(&self.directory, |file| file.len() >= FILE)
    }

    fn is_full(&mut self) -> bool {
        let Some((bytes, files)) = tree::free(&self.directory) else { return false };
        let lost = |(bytes_then, files_then): (u64, u64)| {
            bytes_then.saturating_sub(bytes) > BYTES / 8 || files_then.saturating_sub(files) > FILES / 8
        };
        if !self.free.is_some_and(lost) {
            return false;
        }
        self.free = Some((bytes, files));
        tree::holds_more(&self.directory, BYTES, FILES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_count_all_processes_of_a_user() {
        for (kernel, by_namespace) in
            [("6.18.0-x", true), ("5.14.0", true), ("5.10.0-29", false), ("4.19", false), ("", false)]
        {
            assert_eq!(counts_by_namespace(kernel), by_namespace, "{kernel}");
        }
    }

    #[test]
    fn a_line_has_its_time_and_no_more() {
        let mut watch = Caps::default().watch(None);
        assert_eq!(watch.over(), None);
        assert!(watch.until.is_some_and(|(_, time)| time > Duration::from_secs(500)));
        assert!(Caps::lasting(0).watch(None).until.is_none());
        assert!(
            Caps::lasting(u64::MAX).watch(None).until.is_none(),
            "longer than the clock goes is for ever"
        );
        watch.until = Some((Instant::now(), Duration::from_secs(7)));
        assert_eq!(watch.over(), Some(Capped::Time { seconds: 7 }));
    }
}
