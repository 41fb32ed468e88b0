//! On v2 a group with processes of its own hands no controller on to the groups below it. Where rlab itself is in the
//! group in which it makes its own (a delegated scope, the top group of a container), it moves to a leaf below, and
//! back again at the end. Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, "No Internal Process
//! Constraint".

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::call::quoted;
use crate::kernel::{cgroup, proc};
use crate::recipe::outcome::Call;
use crate::sandbox::group::write_file;
use crate::sandbox::rootfs::call;
use crate::sandbox::{owner, teach};

/// The leaf that rlab has moved to.
#[derive(Debug)]
pub(super) struct Leaf {
    parent: PathBuf,
    path: PathBuf,
}

impl Leaf {
    /// Moves rlab and its children out of a group, down to a new leaf.
    ///
    /// # Errors
    /// The group holds processes of others, which are not rlab's to move; or a call that was refused. Then rlab is where
    /// it was.
    pub(super) fn step_aside(parent: &Path, calls: &mut Vec<Call>) -> Result<Self> {
        let leaf = Self {
            parent: parent.to_owned(),
            path: parent.join(format!("{}{}", owner::own_name(), owner::LEAF)),
        };
        // Asked first: the kernel would take the threaded controllers (`pids`, `cpu`) all the same, and turn the group
        // into one in which nothing can be started.
        let (ours, others) = members(parent);
        if !others.is_empty() {
            return Err(crowded(parent, &others));
        }
        let made = fs::create_dir(&leaf.path);
        calls.push(call("mkdir", format!("{}, 0777", quoted(&leaf.path.to_string_lossy())), &made));
        if made.is_err() {
            let what = format!("cannot make the control group `{}`", leaf.path.display());
            return Err(teach::told(Trouble::sandbox(what), calls));
        }
        for pid in ours {
            if let Err(trouble) = write_file(&leaf.path.join("cgroup.procs"), &written(pid), calls) {
                leaf.step_back(&mut Vec::new());
                return Err(trouble);
            }
        }
        Ok(leaf)
    }

    /// Moves everyone back and removes the leaf; `false` where the kernel refuses, because another rlab still has
    /// controllers handed on. Then rlab stays in the leaf, and when it has ended a later one collects it.
    pub(super) fn step_back(&self, calls: &mut Vec<Call>) -> bool {
        if cgroup::read(&self.parent, "cgroup.subtree_control").is_ok_and(|on| !on.is_empty()) {
            return false;
        }
        for pid in cgroup::members(&self.path).unwrap_or_default() {
            let _ = write_file(&self.parent.join("cgroup.procs"), &written(pid), calls);
        }
        let removed = owner::remove_group(&self.path).map_err(std::io::Error::from);
        calls.push(call("rmdir", quoted(&self.path.to_string_lossy()), &removed));
        removed.is_ok()
    }
}

/// A process as it is written to `cgroup.procs`, where 0 is the one that writes.
fn written(pid: i32) -> String {
    if pid == std::process::id() as i32 { "0".to_owned() } else { pid.to_string() }
}

/// Who is in a group: rlab with its children, and others.
fn members(group: &Path) -> (Vec<i32>, Vec<i32>) {
    let own = std::process::id() as i32;
    let family = proc::descendants(own);
    cgroup::members(group)
        .unwrap_or_default()
        .into_iter()
        .partition(|pid| *pid == own || family.contains(pid))
}

/// Whether rlab is alone in a group, or nobody is in it.
pub(super) fn alone_in(group: &Path) -> bool {
    members(group).1.is_empty()
}

fn crowded(parent: &Path, others: &[i32]) -> Trouble {
    const SHOWN: usize = 3;
    let group = parent.display();
    // A process of another PID namespace has no number here, and so no name.
    let name = |pid: &i32| proc::name(*pid).unwrap_or_else(|| "one that cannot be seen from here".to_owned());
    let names: BTreeSet<String> = others.iter().map(name).collect();
    let mut list: Vec<&str> = names.iter().map(String::as_str).take(SHOWN).collect();
    if names.len() > SHOWN {
        list.push("…");
    }
    let plural = if others.len() == 1 { "" } else { "es" };
    Trouble::cannot(format!("the control group `{group}` cannot hand its controllers on"))
        .because(format!(
            "on v2 only a group without processes of its own can, and beside rlab it holds {} process{plural} ({})",
            others.len(),
            list.join(", ")
        ))
        .hint(format!(
            "move them to a leaf: `mkdir {group}/leaf; for pid in $(cat {group}/cgroup.procs); do echo $pid > \
             {group}/leaf/cgroup.procs; done`, then start rlab again"
        ))
}
