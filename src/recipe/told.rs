//! The recipe told in other words: as a shell script, as `docker run`, as OCI runtime JSON.
//!
//! Each says what it cannot say: Docker has no word for a proc that is older than the PID namespace, and a plain root
//! directory has no tool to give capabilities up after pivot_root.

mod docker;
mod oci;
mod shell;

pub use docker::docker;
pub use oci::oci;
pub use shell::shell;

use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::{Ingredient, Mount, MountKind, Namespace};

/// Every mount of the recipe in its order, `--mount-proc` as the proc on /proc that it is.
fn mounts(recipe: &Recipe) -> Vec<Mount> {
    let mounts = recipe.ingredients().iter().filter_map(|known| match known {
        Ingredient::Mount(mount) => Some(mount.clone()),
        Ingredient::Unshare { mount_proc: true, .. } => Some(Mount {
            source: "proc".to_owned(),
            target: "/proc".to_owned(),
            kind: MountKind::Fs("proc".to_owned()),
            options: Vec::new(),
        }),
        _ => None,
    });
    mounts.collect()
}

/// Whether some proc is older than the PID namespace.
fn has_stale_proc(recipe: &Recipe) -> bool {
    let all = recipe.ingredients();
    let is_pid = |known: &Ingredient| matches!(known, Ingredient::Unshare { namespaces, .. } if namespaces.contains(&Namespace::Pid));
    let Some(pid) = all.iter().position(is_pid) else { return false };
    let is_proc = |mount: &Mount| mount.kind == MountKind::Fs("proc".to_owned());
    let later: Vec<&Mount> = all[pid..]
        .iter()
        .filter_map(|known| if let Ingredient::Mount(mount) = known { Some(mount) } else { None })
        .collect();
    all[..pid].iter().any(|known| match known {
        Ingredient::Mount(mount) if is_proc(mount) => {
            let covered = mount.target == "/proc" && recipe.mount_proc();
            !covered && !later.iter().any(|other| is_proc(other) && other.target == mount.target)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests;
