//! A program that joins a container which stays: what `docker exec` does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::kernel::proc;
use crate::recipe::compose::Recipe;
use crate::recipe::enter::Enter;
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::line::Command;
use crate::recipe::machine::{CgroupVersion, Machine};
use crate::recipe::outcome::{Outcome, Seen};
use crate::recipe::plan::Plan;
use crate::sandbox::caps::Bound;
use crate::sandbox::errand::{Errand, Kind, Listener};
use crate::sandbox::launch;
use crate::sandbox::observe;
use crate::sandbox::program::Ground;
use crate::sandbox::session::Sandbox;

/// A container that is joined.
pub(super) struct Target {
    pid: i32,
    /// The program, as the process will name it.
    program: String,
    /// The `cgroup.procs` of its control groups, where they are joined.
    groups: Vec<PathBuf>,
}

impl Target {
    /// Whether its limits are the program's too.
    pub(super) const fn joins_group(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Hands a process what it joins.
    pub(super) fn give(&self, ground: &mut Ground<'_>, bound: &mut Bound, machine: &Machine) {
        ground.target = self.pid;
        ground.program.clone_from(&self.program);
        ground.to_join.clone_from(&self.groups);
        let version = machine.cgroups.of(Resource::Pids).map(|controller| controller.version);
        if self.joins_group() && version == Some(CgroupVersion::V2) {
            // A process lives in one v2 group, and that one bounds it already.
            bound.join = None;
        }
    }
}

impl Sandbox {
    /// Runs a program in what a background container has. Whatever it does not join is the host's.
    ///
    /// # Errors
    /// No such container, or what rlab itself could not do.
    pub fn enter(
        &mut self,
        recipe: &Recipe,
        enter: &Enter,
        command: &Command,
        live: Listener<'_>,
    ) -> Result<Outcome> {
        self.begin();
        let pid = self.jobs.living(enter.job)?;
        let seen = observe::process(pid);
        let own: BTreeSet<Namespace> =
            seen.namespaces.iter().filter(|(_, pair)| pair.own()).map(|(kind, _)| *kind).collect();
        let plan = Plan::enter(enter, &own, command, self.machine());
        let program = command.argv.first().map_or("", String::as_str);
        let root = lands_inside(enter, &seen).then(|| proc::inside(pid, "/"));
        let target = Target {
            pid,
            program: launch::resolve(program, root.as_deref()),
            groups: if enter.group { self.groups_of(pid) } else { Vec::new() },
        };
        self.supervised(&Errand { recipe, command, plan: &plan, kind: Kind::Joins(target) }, live)
    }

    /// The session's groups of which a process is a member.
    fn groups_of(&self, pid: i32) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for resource in Resource::ALL {
            let group = self.standing.group.directory(resource, self.machine());
            found.extend(group.filter(|group| !found.contains(group) && holds(group, pid)));
        }
        found
    }
}

/// Whether a process is a member of a group.
fn holds(group: &Path, pid: i32) -> bool {
    let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    members.lines().any(|line| line.parse() == Ok(pid))
}

/// Whether the program will be looked up in the container's root: where that is taken, or where it is the root of the
/// mounts that are entered. After chroot(2) the latter is still the host's.
fn lands_inside(enter: &Enter, seen: &Seen) -> bool {
    let mounts = enter.all || enter.namespaces.contains(&Namespace::Mnt);
    enter.root || (mounts && seen.root_own && seen.root == "/")
}
