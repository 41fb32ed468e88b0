//! Bare hands: a plain root shell in a place of its own, watched from outside.
//!
//! The place is made so that everything that is made in it can be found again. Its mounts are its own, and so are its host
//! name and its System V and POSIX objects. `/tmp` and `/dev/shm` are file systems in memory, with the shell's home in the
//! first. And over the mount point of each hierarchy of control groups lies a group of the session's: what is made below
//! `/sys/fs/cgroup/memory` in there is made in a group that bears our name, and no group of a stranger is ever touched.
//! Every other file system can only be read in there, from the root on: what cannot be made need not be taken away.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::cgroup;
use crate::kernel::kmsg;
use crate::kernel::proc::{self, MountEntry};
use crate::kernel::terminal::{Over, Relay};
use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::Resource;
use crate::recipe::line::{Command, quoted};
use crate::recipe::outcome::{End, GroupState, HostState, LimitSeen, MemorySeen, Outcome, Place, Seen};
use crate::recipe::plan::{Op, Plan, RootPlace};
use crate::sandbox::caps::Bound;
use crate::sandbox::group::{self, limit_file, limit_number};
use crate::sandbox::observe;
use crate::sandbox::owner;
use crate::sandbox::session::Sandbox;

/// The home of the shell, in a file system that goes with it.
const HOME: &str = "/tmp/challenge";
/// What lies in memory, and goes with the place.
const MEMORY: [&str; 2] = ["/tmp", "/dev/shm"];
/// File systems that show the kernel, and keep nothing that is made by hand.
const VIEWS: [&str; 3] = ["proc", "sysfs", "devpts"];
/// Where the article finds its BusyBox.
const DOWNLOADS: &str = "Downloads/busybox-x86_64";
/// Processes that a challenge may have at once.
const PROCESSES: u32 = 512;

/// What is seen of a challenge at one moment.
#[derive(Debug)]
pub struct Sight {
    /// Every process of it, and every group that was made in it.
    pub outcomes: Vec<Outcome>,
    /// What stands of it: mounts, groups, processes beside the shell.
    pub host: HostState,
}

/// Has a look at a challenge; what it gives is told to the learner.
pub type Looker<'a> = &'a mut dyn FnMut(Sight) -> Option<String>;

/// What the watch remembers from one look to the next.
#[derive(Debug, Default)]
struct Memory {
    /// Each group by its name below ours: its limits as they were read last, and the kills that were counted.
    groups: BTreeMap<String, (Vec<LimitSeen>, u64)>,
    log: Option<kmsg::Log>,
}

impl Sandbox {
    /// Opens the shell, and looks until it ends. The first look is at the place as it begins.
    ///
    /// # Errors
    /// No terminal, no root, or what rlab itself could not do.
    pub fn challenge(&mut self, shell: &str, look: Looker<'_>) -> Result<End> {
        let mut relay = Relay::new().map_err(|errno| {
            Trouble::usage("`rlab challenge` needs a terminal")
                .because(errno)
                .hint("start it in a terminal: it opens a shell for you to type in")
        })?;
        let (recipe, groups) = self.place_of_its_own()?;
        // When the shell has ended, its place is looked at once more: whoever holds it stops, and goes after that.
        let script = "cd && \"$0\"; kill -STOP $$".to_owned();
        let command = Command {
            argv: vec!["sh".to_owned(), "-c".to_owned(), script, shell.to_owned()],
            text: shell.to_owned(),
        };
        let mut plan = Plan::new(&recipe, &command, self.machine(), RootPlace::Directory)?;
        // A v2 group that hands controllers on may hold no process of its own.
        plan.clone.into_cgroup = false;
        let last = plan.child.iter().rposition(|op| matches!(op, Op::Mount { .. })).map_or(0, |at| at + 1);
        plan.child.splice(last..last, read_only(&groups));
        let mut bound: Bound = self.bind(&plan);
        let mut ground = self.ground(&recipe, &command);
        bound.give(&mut ground);
        ground.stdio = Some([relay.inner(); 3]);
        ground.terminal = true;
        ground.environment = environment(shell);
        let mut launched = self.launch(&plan, ground)?;
        let Some(process) = launched.process.as_mut() else {
            return Err(refused(&launched.calls));
        };
        let pid = process.pid();
        if process.at_gate() {
            let kept = writable(pid, &groups);
            if let Some(entry) = kept.first() {
                let _ = process.signal(libc::SIGKILL);
                process.wait()?;
                return Err(Trouble::sandbox("the place of the challenge is not as it must be")
                    .because(format!(
                        "`{}` was mounted meanwhile, and can be written to in there",
                        entry.target
                    ))
                    .hint("begin again: `rlab challenge` takes in what is mounted then"));
            }
            furnish(pid)?;
        }
        let mut memory = Memory { log: kmsg::Log::open(), ..Memory::default() };
        look(self.sight(pid, &mut memory));
        let mut calls = Vec::new();
        process.start(&mut calls)?;
        if process.refused().is_some() {
            process.wait()?;
            launched.calls.extend(calls);
            return Err(refused(&launched.calls));
        }
        let orphans = self.orphans(pid);
        let over = {
            let process = &*process;
            let left = Cell::new(false);
            let mut tick = || {
                let over = left.get();
                let told = look(self.sight(pid, &mut memory));
                if over {
                    let _ = process.signal(libc::SIGKILL);
                }
                told
            };
            let mut stopped = || {
                left.set(left.get() || process.has_stopped());
                orphans.reap();
            };
            relay.run_beside(process.descriptor(), &mut stopped, Some(&mut tick))
        };
        if !matches!(over, Ok(Over::Ended)) {
            let _ = process.signal(libc::SIGKILL);
        }
        let end = process.wait()?;
        self.end_orphans();
        match over {
            Ok(Over::Asked(signal)) => self.ending = self.ending.or(Some(signal)),
            Ok(Over::Ended) => {}
            Err(errno) => return Err(Trouble::sandbox("the terminal cannot be relayed").because(errno)),
        }
        Ok(end)
    }

    /// Makes the groups, and gives the recipe of the place, with the mount points over which a group lies.
    fn place_of_its_own(&mut self) -> Result<(Recipe, Vec<String>)> {
        let mut lines = vec!["unshare --mount --uts --ipc".to_owned()];
        for place in MEMORY.into_iter().filter(|place| Path::new(place).is_dir()) {
            lines.push(format!("mount -t tmpfs -o mode=1777,size=256m tmpfs {place}"));
        }
        let has = |resource: &Resource| self.machine().cgroups.of(*resource).is_some();
        let limits: Vec<String> = Resource::ALL
            .iter()
            .filter(|resource| has(resource))
            .map(|resource| match resource {
                Resource::Pids => format!("{}={PROCESSES}", resource.name()),
                _ => format!("{}=max", resource.name()),
            })
            .collect();
        if !limits.is_empty() {
            lines.push(format!("cgroup {}", limits.join(" ")));
        }
        let recipe = Recipe::read(lines.iter().map(String::as_str))?;
        self.compose(&recipe, &mut |_| {})?;
        let tops = hierarchies();
        let mut covered = Vec::new();
        for group in self.standing.group.state(self.machine()) {
            let path = Path::new(&group.path);
            without_swap(path);
            hand_on(path);
            if let Some(top) = mount_point(path, &tops) {
                lines.push(format!("mount --bind {} {}", quoted(&group.path), quoted(top)));
                covered.push(top.clone());
            }
        }
        Ok((Recipe::read(lines.iter().map(String::as_str))?, covered))
    }

    /// What is seen of the challenge now.
    fn sight(&self, holder: i32, memory: &mut Memory) -> Sight {
        let known = self.known();
        let ours = |pid: &i32| !known.contains(pid) && alive(*pid);
        let pids: Vec<i32> = proc::own_children()
            .into_iter()
            .filter(ours)
            .flat_map(proc::descendants)
            .filter(|pid| alive(*pid))
            .collect();
        let groups = self.groups_made();
        let mut outcomes: Vec<Outcome> = Vec::new();
        let limits_of = |pid: i32| {
            let its = groups.iter().filter(|(_, state)| state.members.contains(&pid));
            its.flat_map(|(_, state)| self.limits_at(Path::new(&state.path))).collect::<Vec<_>>()
        };
        for pid in &pids {
            outcomes.push(outcome(Some(observe::process(*pid)), limits_of(*pid), None));
        }
        self.remember(&groups, memory);
        for (limits, kills) in memory.groups.values() {
            let seen = MemorySeen { oom_kill_before: 0, oom_kill_after: *kills, peak: None, victim: None };
            outcomes.push(outcome(None, limits.clone(), Some(seen)));
        }
        // The shell itself is no stray, nor who holds its place.
        let own = |pid: i32| pid == holder || proc::stat(pid).is_some_and(|stat| stat.parent == holder);
        let strays = pids.iter().filter(|pid| !own(**pid)).filter_map(|pid| observe::paired(*pid));
        let host = HostState {
            mounts: mounts(holder),
            hostname: String::new(),
            processes: pids.len() as u32,
            strays: strays.collect(),
            groups: groups.into_iter().map(|(_, state)| state).collect(),
            jobs: 0,
            directories: Vec::new(),
            rootfs: None,
            image: None,
        };
        Sight { outcomes, host }
    }

    /// The groups that were made in there: each by its name below ours, and as it is now.
    fn groups_made(&self) -> Vec<(String, GroupState)> {
        let mut found = Vec::new();
        for own in self.standing.group.state(self.machine()) {
            let top = PathBuf::from(&own.path);
            for path in owner::groups_below(&top).into_iter().filter(|path| *path != top) {
                let name = path.strip_prefix(&top).unwrap_or(&path).to_string_lossy().into_owned();
                let members = cgroup::members(&path).unwrap_or_default();
                let path = path.to_string_lossy().into_owned();
                found.push((name, GroupState { path, controllers: own.controllers.clone(), members }));
            }
        }
        found
    }

    /// The limits of a group that was made by hand, as the kernel reads them back.
    fn limits_at(&self, group: &Path) -> Vec<LimitSeen> {
        let seen = |resource: Resource| {
            let version = self.machine().cgroups.of(resource)?.version;
            let file = limit_file(resource, version);
            let value = cgroup::read(group, file).ok()?;
            let number = limit_number(&value);
            let file = group.join(file).to_string_lossy().into_owned();
            Some(LimitSeen { resource, version, file, value, number })
        };
        Resource::ALL.into_iter().filter_map(seen).collect()
    }

    /// Keeps what was read of each group, and counts the kills in it: by its counter as long as it is there, and by the
    /// kernel's log, since a group may be gone before anybody looks again.
    fn remember(&self, groups: &[(String, GroupState)], memory: &mut Memory) {
        let version = self.machine().cgroups.memory.as_ref().map(|memory| memory.version);
        for (name, state) in groups {
            let path = Path::new(&state.path);
            let limits = self.limits_at(path);
            let kills = version.and_then(|version| cgroup::oom_kills(path, group::generation(version)));
            let kept = memory.groups.entry(name.clone()).or_default();
            kept.1 = kept.1.max(kills.unwrap_or_default());
            if !limits.is_empty() {
                kept.0 = limits;
            }
        }
        let Some(log) = memory.log.as_mut() else { return };
        for line in log.news() {
            let Some(name) = killed_in(&line, owner::own_name()) else { continue };
            if let Some(kept) = memory.groups.get_mut(name) {
                kept.1 = kept.1.max(1);
            }
        }
    }
}

/// The group below ours in which a line of the kernel's log tells of a kill.
fn killed_in<'a>(line: &'a str, ours: &str) -> Option<&'a str> {
    let line = line.strip_prefix("oom-kill:")?;
    let path = line.split(',').find_map(|field| field.strip_prefix("oom_memcg="))?;
    let (_, below) = path.split_once(ours)?;
    below.strip_prefix('/')
}

/// Whether a process is more than an entry that nobody has taken out of the list yet.
fn alive(pid: i32) -> bool {
    proc::stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

fn mounts(pid: i32) -> Vec<String> {
    let entries = proc::mounts(pid).unwrap_or_default();
    entries.into_iter().map(|entry| format!("{} {}", entry.target, entry.fstype)).collect()
}

/// A process, or a group without one, as an outcome that goals can be judged by.
fn outcome(seen: Option<Seen>, limits: Vec<LimitSeen>, memory: Option<MemorySeen>) -> Outcome {
    Outcome { seen, limits, memory, ..Outcome::new(Place::Inside, "", End::Running) }
}

/// The mount point of every hierarchy of control groups.
fn hierarchies() -> Vec<String> {
    let entries = proc::mounts(0).unwrap_or_default().into_iter();
    entries.filter(|entry| entry.fstype.starts_with("cgroup")).map(|entry| entry.target).collect()
}

/// The mount point of the hierarchy in which a group is, of all of them.
fn mount_point<'a>(group: &Path, tops: &'a [String]) -> Option<&'a String> {
    tops.iter().filter(|top| group.starts_with(top)).max_by_key(|top| top.len())
}

/// Has everything that is mounted be only read from now on, but for what lies in memory here, the mount points with a group
/// of ours, and the kernel's own views: a process writes to its own files there. Device nodes work all the same.
fn read_only(groups: &[String]) -> Vec<Op> {
    to_be_read(0, groups)
        .into_iter()
        .map(|entry| {
            let kept = [("nosuid", "MS_NOSUID"), ("nodev", "MS_NODEV"), ("noexec", "MS_NOEXEC")];
            let has = |option: &str| entry.options.split(',').any(|own| own == option);
            let kept = kept.into_iter().filter(|(option, _)| has(option)).map(|(_, flag)| flag);
            let flags = ["MS_RDONLY"].into_iter().chain(kept).chain(["MS_REMOUNT", "MS_BIND"]).collect();
            Op::ReadOnly { target: entry.target.clone(), flags }
        })
        .collect()
}

/// What a process has mounted that is only to be read in the place.
fn to_be_read(pid: i32, groups: &[String]) -> Vec<MountEntry> {
    let own = |target: &str| {
        let below = |place: &&str| Path::new(target).starts_with(place);
        MEMORY.iter().any(below) || groups.iter().any(|group| group == target)
    };
    let entries = proc::mounts(pid).unwrap_or_default().into_iter();
    entries
        .filter(|entry| {
            !VIEWS.contains(&entry.fstype.as_str()) && !own(&entry.target) && entry.is_in_view(pid)
        })
        .collect()
}

/// What can be written to all the same: it was mounted between the look at this process and the birth of that one.
fn writable(pid: i32, groups: &[String]) -> Vec<MountEntry> {
    let is_writable = |entry: &MountEntry| !entry.options.split(',').any(|option| option == "ro");
    to_be_read(pid, groups).into_iter().filter(is_writable).collect()
}

/// The article sets one limit, and where there is swap the kernel would push memory out to it and kill nobody. Groups take
/// this from the one above.
fn without_swap(group: &Path) {
    for (file, value) in [("memory.swappiness", "0"), ("memory.swap.max", "0")] {
        if group.join(file).exists() {
            let _ = fs::write(group.join(file), value);
        }
    }
}

/// Switches the controllers on for the groups that will be made below. A v1 group has no such file.
fn hand_on(group: &Path) {
    let file = group.join("cgroup.subtree_control");
    for controller in cgroup::read(group, "cgroup.controllers").unwrap_or_default().split_whitespace() {
        let _ = fs::write(&file, format!("+{controller}"));
    }
}

/// What the shell finds: the learner's environment, with a home that goes with the challenge.
fn environment(shell: &str) -> Vec<String> {
    const OWN: [&str; 9] =
        ["HOME", "PWD", "OLDPWD", "SHELL", "PS1", "HISTFILE", "INPUTRC", "ENV", "BASH_ENV"];
    let kept = std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value));
    let mut environment: Vec<String> = kept
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, value)| match name.as_str() {
            "PATH" => format!("PATH={HOME}/.tools:{}", value.to_string_lossy()),
            _ => format!("{name}={}", value.to_string_lossy()),
        })
        .collect();
    environment.extend([
        format!("HOME={HOME}"),
        format!("SHELL={shell}"),
        // Nothing of it is kept, its history neither.
        "HISTFILE=/dev/null".to_owned(),
        format!("INPUTRC={HOME}/.inputrc"),
    ]);
    environment
}

/// Puts into the home what the article takes for granted: a downloaded BusyBox, and a `sudo` that asks nothing and keeps the
/// home. The process stands at the gate, so its own `/tmp` is seen through it.
fn furnish(pid: i32) -> Result<()> {
    let home = proc::inside(pid, HOME);
    let make = || -> std::io::Result<()> {
        let downloads = home.join(DOWNLOADS);
        let tools = home.join(".tools");
        for directory in [downloads.parent().unwrap_or(&home), &tools] {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
        }
        if let Some(busybox) = in_path("busybox") {
            fs::copy(busybox, &downloads)?;
            // It has to be made executable, as after a download.
            fs::set_permissions(&downloads, fs::Permissions::from_mode(0o644))?;
        }
        let sudo = tools.join("sudo");
        fs::write(&sudo, "#!/bin/sh\n# You are root already, and at home.\nexec \"$@\"\n")?;
        fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755))?;
        // Lines that are pasted go one by one to whoever reads: a shell in a shell has to get its own.
        fs::write(home.join(".inputrc"), "$include /etc/inputrc\nset enable-bracketed-paste off\n")?;
        Ok(())
    };
    make().map_err(|error| Trouble::sandbox(format!("cannot furnish `{HOME}`")).because(error))
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// The call that kept the shell from starting.
fn refused(calls: &[crate::recipe::outcome::Call]) -> Trouble {
    crate::sandbox::teach::told(Trouble::sandbox("cannot open the shell of the challenge"), calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_told_of_the_group_below_ours() {
        let line = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
                    oom_memcg=/rlab.7.99/busybox,task_memcg=/rlab.7.99/busybox,task=sh,pid=4,uid=0";
        assert_eq!(killed_in(line, "rlab.7.99"), Some("busybox"));
        assert_eq!(killed_in(line, "rlab.8.99"), None);
        assert_eq!(killed_in("Memory cgroup out of memory: Killed process 4 (sh)", "rlab.7.99"), None);
        let own = "oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/rlab.7.99,task=sh,pid=4";
        assert_eq!(killed_in(own, "rlab.7.99"), None);
    }
}
