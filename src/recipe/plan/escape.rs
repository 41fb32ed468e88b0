//! The plan of the classic way out of a chroot, on a stage that stands for the host. Source: chroot(2), NOTES.

use super::{At, Op, Plan, RootPlace};
use crate::error::{Result, Trouble};
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::Command;
use crate::recipe::machine::Machine;

/// Where the container's root directory is on the stage.
pub const JAIL: &str = "/home/jail";
/// The file that only the stage has, and what it says.
pub const HOST_FILE: (&str, &str) = ("host.txt", "you stand in the root of the host, which is a stage\n");
/// The directory that is made for the way out.
pub const DOOR: &str = "x";
/// How many times the way out goes up. More than it takes to the top: there `..` leads nowhere else.
pub const STEPS_UP: usize = 4;

impl Plan {
    /// Plans a command that first tries to get out of its root. The host that could be reached is a stage: a root in
    /// memory in the process's own mount namespace, in which the container's root directory is a directory. The real
    /// root is detached before the container's own change of the root, so there is no way back to it.
    ///
    /// # Errors
    /// A recipe without a root of its own, and what [`Plan::new`] says.
    pub fn escape(recipe: &Recipe, command: &Command, machine: &Machine) -> Result<Self> {
        if recipe.root_change() == RootChange::None {
            return Err(Trouble::usage("there is nothing to escape from")
                .because("what runs now has the root of the host")
                .hint("type `rootfs` and `chroot` first"));
        }
        let mut plan = Self::new(recipe, command, machine, RootPlace::Directory)?;
        plan.clone.namespaces.insert(Namespace::Mnt);
        if !plan.child.contains(&Op::MakePrivate) {
            let first = |op: &Op| {
                matches!(op, Op::DieWithParent | Op::JoinGroup(_) | Op::MapIds { .. } | Op::Unshare(_))
            };
            let at = plan.child.iter().take_while(|op| first(op)).count();
            plan.child.insert(at, Op::MakePrivate);
        }
        let changes = |op: &Op| matches!(op, Op::Chroot | Op::PivotRoot);
        let at = plan.child.iter().position(changes).unwrap_or(plan.child.len());
        // In a user namespace a new proc may be mounted only while one can be seen, and the stage hides the host's.
        let hidden = |op: &Op| plan.clone.namespaces.contains(&Namespace::User) && is_new_proc(op);
        let (first, after): (Vec<Op>, Vec<Op>) = plan.child.split_off(at).into_iter().partition(hidden);
        plan.child.extend(first.into_iter().map(from_outside));
        plan.child.push(Op::Stage);
        plan.child.extend(after);
        plan.child.insert(plan.child.len().saturating_sub(1), Op::ClimbOut);
        Ok(plan)
    }
}

fn is_new_proc(op: &Op) -> bool {
    matches!(op, Op::Mount { fstype: Some(fstype), target: At::Inside(_), .. } if fstype == "proc")
}

/// The same mount before the root has changed.
fn from_outside(op: Op) -> Op {
    match op {
        Op::Mount { source, target: At::Inside(path), fstype, flags, data } => {
            Op::Mount { source, target: At::Root(path), fstype, flags, data }
        }
        other => other,
    }
}
