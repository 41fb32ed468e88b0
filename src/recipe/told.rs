//! The recipe told in other words: as a shell script, as `docker run`, as OCI runtime JSON.
//!
//! Each says what it cannot say: Docker has no word for a proc that is older than the PID namespace, and a plain root
//! directory has no tool to give capabilities up after pivot_root.

mod docker;
mod filled;
mod oci;
mod shell;

pub use docker::{docker, docker_file};
pub use oci::oci;
pub use shell::{shell, shell_file};

use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Ingredient, Mount, MountKind, Namespace};
use crate::recipe::line::{Command, quoted};

/// The line of a script that sets its words where it is given none.
fn usual_words(command: &Command) -> String {
    let words: Vec<String> = command.argv.iter().map(|word| quoted(word)).collect();
    let line = format!("[ $# -gt 0 ] || set -- {}\n", words.join(" "));
    // What is quoted is for the shell inside, or for nobody: nothing that shellcheck need warn of.
    let odd = command.argv.iter().any(|word| word.contains(['$', '`', '\\']));
    if odd { format!("# shellcheck disable=SC1003,SC2016\n{line}") } else { line }
}

/// The proc on /proc as the container finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proc {
    /// None.
    None,
    /// One of its own PID namespace, or of the host's where it has none of its own.
    New,
    /// One that is older than its PID namespace: it lists the processes of the host.
    Older,
}

impl Proc {
    fn of(recipe: &Recipe) -> Self {
        let on_proc = |mount: &&Mount| mount.target == "/proc";
        match mounts(recipe).iter().rfind(on_proc) {
            None => Self::None,
            Some(mount) if mount.kind == MountKind::Rbind && mount.source == "/proc" => Self::Older,
            Some(_) => Self::New,
        }
    }
}

/// A new proc on /proc, as `--mount-proc` mounts it.
fn new_proc() -> Mount {
    Mount {
        source: "proc".to_owned(),
        target: "/proc".to_owned(),
        kind: MountKind::Fs("proc".to_owned()),
        options: Vec::new(),
    }
}

fn is_new_proc(mount: &Mount) -> bool {
    mount.kind == MountKind::Fs("proc".to_owned())
}

/// The host's proc, bound where this one would be mounted.
fn hosts_proc(mount: Mount) -> Mount {
    Mount { source: "/proc".to_owned(), kind: MountKind::Rbind, options: Vec::new(), ..mount }
}

/// Whether a recipe changes the root and has no /proc there: a runtime wants one.
fn lacks_proc(recipe: &Recipe) -> bool {
    recipe.root_change() != RootChange::None && Proc::of(recipe) == Proc::None
}

/// Every mount of the recipe in its order, `--mount-proc` as the proc on /proc that it is; without a proc that a later
/// one covers. A runtime mounts when the namespaces are there already, so what is a proc from before the PID namespace
/// has to be the host's, bound: that one shows the same.
fn mounts(recipe: &Recipe) -> Vec<Mount> {
    let is_proc =
        |mount: &Mount| is_new_proc(mount) || (mount.kind == MountKind::Rbind && mount.source == "/proc");
    let mut pid_comes = recipe.namespaces().contains(&Namespace::Pid);
    let mut all: Vec<Mount> = Vec::new();
    for known in recipe.ingredients() {
        let mut mount = match known {
            Ingredient::Mount(mount) => mount.clone(),
            Ingredient::Unshare { namespaces, mount_proc } => {
                pid_comes &= !namespaces.contains(&Namespace::Pid);
                if !*mount_proc {
                    continue;
                }
                new_proc()
            }
            _ => continue,
        };
        if is_proc(&mount) {
            all.retain(|earlier| !(is_proc(earlier) && earlier.target == mount.target));
            if pid_comes && is_new_proc(&mount) {
                mount = hosts_proc(mount);
            }
        }
        all.push(mount);
    }
    all
}

/// Whether a runtime, which makes the namespaces before its mounts, may mount no proc for this recipe: a user namespace
/// mounts only the one of a PID namespace that belongs to it.
fn may_mount_no_proc(recipe: &Recipe) -> bool {
    let own = recipe.namespaces();
    own.contains(&Namespace::User) && !own.contains(&Namespace::Pid)
}

/// What a bundle cannot say of a recipe, one sentence each.
pub fn oci_notes(recipe: &Recipe) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if recipe.root_change() == RootChange::None {
        notes.push(
            "a runtime always changes the root; this recipe does not, so the root of the host is bound on `rootfs` (runc \
             does so, crun refuses)",
        );
    } else if lacks_proc(recipe) {
        notes
            .push("this recipe has no /proc, and runc and crun do not start without one: it is mounted here");
    }
    if may_mount_no_proc(recipe) && (lacks_proc(recipe) || mounts(recipe).iter().any(is_new_proc)) {
        notes.push(
            "a user namespace without a PID namespace of its own may mount no proc; here the host's is bound in its place",
        );
    }
    if Proc::of(recipe) == Proc::Older {
        notes.push(
            "a runtime always mounts a proc of the container's own PID namespace; here the host's is bound in its place",
        );
    }
    notes
}

#[cfg(test)]
mod tests;
