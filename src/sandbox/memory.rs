//! What memory did in a run: the kill counter before and after, the peak, the victim from the kernel's own log. "No
//! error" proves nothing: only the counter does.

use std::path::PathBuf;

use crate::kernel::cgroup::{self, Generation};
use crate::kernel::kmsg;
use crate::recipe::outcome::{MemorySeen, Victim};

/// Watches one group over one run.
#[derive(Debug)]
pub struct Watch {
    group: PathBuf,
    generation: Generation,
    before: u64,
    log: Option<kmsg::Log>,
}

/// The room that a limit leaves in a group.
#[derive(Debug)]
pub struct Room {
    /// Its directory.
    pub group: PathBuf,
    /// v1 or v2.
    pub generation: Generation,
    /// Bytes that it may hold.
    pub bytes: u64,
}

impl Room {
    /// Bytes that it holds now, and may hold.
    pub fn used(&self) -> Option<(u64, u64)> {
        cgroup::in_use(&self.group, self.generation).map(|used| (used, self.bytes))
    }
}

impl Watch {
    /// Begins: notes the counter, sets the peak back, opens the log at its end.
    pub fn begin(group: PathBuf, generation: Generation) -> Self {
        cgroup::reset_peak(&group, generation);
        let before = cgroup::oom_kills(&group, generation).unwrap_or_default();
        Self { group, generation, before, log: kmsg::Log::open() }
    }

    /// Ends: what happened meanwhile. `killed` is the first process of the run with the path of its program, where it
    /// ended by SIGKILL: the kernel limits how often it logs (ten kills in five seconds), so its line may be missing.
    pub fn end(mut self, killed: Option<(i32, &str)>) -> MemorySeen {
        let after = cgroup::oom_kills(&self.group, self.generation).unwrap_or(self.before);
        let victim = if after > self.before { self.victim().or_else(|| killed.map(unlogged)) } else { None };
        MemorySeen {
            oom_kill_before: self.before,
            oom_kill_after: after,
            peak: cgroup::peak(&self.group, self.generation),
            victim,
        }
    }

    /// The kernel tells a kill in two lines: one names the group and the task, the other the sizes.
    fn victim(&mut self) -> Option<Victim> {
        let name = self.group.file_name()?.to_string_lossy().into_owned();
        let lines = self.log.as_mut()?.news();
        let ours = lines.iter().find(|line| line.starts_with("oom-kill:") && line.contains(&name))?;
        let pid: i32 = ours.split(',').find_map(|field| field.strip_prefix("pid=")?.parse().ok())?;
        let (line, victim) = lines.iter().find_map(|line| {
            let killed = kmsg::killed(line)?;
            (killed.0 == pid).then_some((line, killed.1))
        })?;
        Some(Victim { pid, name: victim, line: line.clone() })
    }
}

/// A victim that is known by its wait status alone. The kernel names a process after the file of its program.
fn unlogged((pid, program): (i32, &str)) -> Victim {
    let name = program.rsplit('/').next().unwrap_or(program).chars().take(15).collect();
    Victim { pid, name, line: String::new() }
}
