//! `drop WHAT`: an ingredient is taken out of the recipe, or a part of one.

use super::{Recipe, RootChange};
use crate::error::{Result, Trouble};
use crate::recipe::capability;
use crate::recipe::ingredient::{Ingredient, Namespace};
use crate::recipe::line::{UnshareFlag, limited_resource, unshare_flags};
use crate::recipe::nearest::nearest;

/// Takes `what` out and says what it was, as the line that would add it again.
pub(super) fn take_out(recipe: &mut Recipe, what: &str) -> Result<String> {
    if what.starts_with('/') {
        return mount(recipe, what);
    }
    if what.starts_with('-') {
        return flags(recipe, what);
    }
    if what.contains('.') {
        return limit(recipe, what);
    }
    match what {
        "rootfs" => rootfs(recipe),
        "chroot" => whole(recipe, what, |known| matches!(known, Ingredient::Chroot)),
        "pivot_root" | "pivot" => whole(recipe, what, |known| matches!(known, Ingredient::PivotRoot)),
        "unshare" => {
            keep_uts(recipe, what, &[Namespace::Uts])?;
            whole(recipe, what, |known| matches!(known, Ingredient::Unshare { .. }))
        }
        "mount" => any_mount(recipe),
        "cgroup" => whole(recipe, what, |known| matches!(known, Ingredient::Cgroup(_))),
        "memory" | "pids" | "cpu" => limit(recipe, &format!("{what}.max")),
        "hostname" => whole(recipe, what, |known| matches!(known, Ingredient::Hostname(_))),
        "capdrop" => whole(recipe, what, |known| matches!(known, Ingredient::Capdrop(_))),
        _ => match capability::canonical(what) {
            Some(name) => capability(recipe, name),
            None => Err(missing(recipe, what)),
        },
    }
}

/// Takes out every ingredient that matches.
fn whole(recipe: &mut Recipe, what: &str, is: impl Fn(&Ingredient) -> bool) -> Result<String> {
    let lines: Vec<String> =
        recipe.ingredients.iter().filter(|known| is(known)).map(ToString::to_string).collect();
    if lines.is_empty() {
        return Err(missing(recipe, what));
    }
    recipe.ingredients.retain(|known| !is(known));
    Ok(lines.join("; "))
}

fn rootfs(recipe: &mut Recipe) -> Result<String> {
    let root = match recipe.root_change() {
        RootChange::None => return whole(recipe, "rootfs", |known| matches!(known, Ingredient::Rootfs(_))),
        RootChange::Chroot => "chroot",
        RootChange::Pivot => "pivot_root",
    };
    Err(Trouble::usage(format!("`{root}` needs the `rootfs`"))
        .hint(format!("type `drop {root}` first, then `drop rootfs`")))
}

/// The newest mount at this target.
fn mount(recipe: &mut Recipe, target: &str) -> Result<String> {
    let clean = format!("/{}", target.trim_matches('/'));
    let at = recipe.ingredients.iter().rposition(
        |known| matches!(known, Ingredient::Mount(mount) if mount.target == clean || mount.target == target),
    );
    match at {
        Some(at) => Ok(recipe.ingredients.remove(at).to_string()),
        None if clean == "/proc" && recipe.mount_proc() => {
            Err(Trouble::usage("`/proc` comes from `unshare --mount-proc`").hint("type `drop --mount-proc`"))
        }
        None => Err(missing(recipe, target)),
    }
}

fn any_mount(recipe: &mut Recipe) -> Result<String> {
    let targets: Vec<String> = recipe.mounts().iter().map(|mount| mount.target.clone()).collect();
    match targets.as_slice() {
        [] => Err(missing(recipe, "mount")),
        [only] => mount(recipe, only),
        [first, ..] => Err(Trouble::usage("there is more than one mount")
            .because(format!("they are on {}", targets.join(" ")))
            .hint(format!("name one by its target: `drop {first}`"))),
    }
}

/// One or more flags of `unshare`, long or short.
fn flags(recipe: &mut Recipe, what: &str) -> Result<String> {
    let Some(flags) = unshare_flags(what) else { return Err(missing(recipe, what)) };
    let namespaces: Vec<Namespace> = flags
        .iter()
        .filter_map(|flag| if let UnshareFlag::Own(namespace) = flag { Some(*namespace) } else { None })
        .collect();
    let proc = flags.contains(&UnshareFlag::MountProc);
    let had = recipe.namespaces();
    if namespaces.iter().any(|own| !had.contains(own))
        || (proc && !recipe.mount_proc())
        || (namespaces.is_empty() && !proc)
    {
        return Err(missing(recipe, what));
    }
    keep_uts(recipe, what, &namespaces)?;
    for known in &mut recipe.ingredients {
        if let Ingredient::Unshare { namespaces: own, mount_proc } = known {
            own.retain(|own| !namespaces.contains(own));
            *mount_proc &= !proc;
        }
    }
    recipe.ingredients.retain(
        |known| !matches!(known, Ingredient::Unshare { namespaces, mount_proc: false } if namespaces.is_empty()),
    );
    let taken = Ingredient::Unshare { namespaces: namespaces.into_iter().collect(), mount_proc: proc };
    Ok(taken.to_string())
}

/// Without its UTS namespace, `hostname` would rename the host.
fn keep_uts(recipe: &Recipe, what: &str, taken: &[Namespace]) -> Result<()> {
    match recipe.hostname() {
        Some(name) if taken.contains(&Namespace::Uts) && recipe.namespaces().contains(&Namespace::Uts) => {
            Err(Trouble::usage(format!("`hostname {name}` needs the UTS namespace"))
                .hint(format!("type `drop hostname` first, then `drop {what}`")))
        }
        _ => Ok(()),
    }
}

fn limit(recipe: &mut Recipe, what: &str) -> Result<String> {
    let Some(resource) = limited_resource(what) else { return Err(missing(recipe, what)) };
    for known in &mut recipe.ingredients {
        if let Ingredient::Cgroup(limits) = known
            && let Some(at) = limits.iter().position(|limit| limit.resource == resource)
        {
            return Ok(format!("cgroup {}", limits.remove(at)));
        }
    }
    Err(missing(recipe, what))
}

fn capability(recipe: &mut Recipe, name: &str) -> Result<String> {
    let mut found = false;
    for known in &mut recipe.ingredients {
        if let Ingredient::Capdrop(names) = known {
            found |= names.remove(name);
        }
    }
    if !found {
        return Err(missing(recipe, name));
    }
    recipe.ingredients.retain(|known| !matches!(known, Ingredient::Capdrop(names) if names.is_empty()));
    Ok(format!("capdrop {name}"))
}

/// Every name that `drop` would take now, for completion and "did you mean".
pub(super) fn names(recipe: &Recipe) -> Vec<String> {
    let mut names = Vec::new();
    for known in &recipe.ingredients {
        let line = known.to_string();
        let first = line.split(' ').next().unwrap_or_default();
        match known {
            Ingredient::Mount(mount) => names.push(mount.target.clone()),
            Ingredient::Unshare { .. } => names.extend(line.split(' ').map(str::to_owned)),
            Ingredient::Cgroup(limits) => {
                names.push(first.to_owned());
                names.extend(limits.iter().map(|limit| limit.resource.name().to_owned()));
            }
            _ => names.push(first.to_owned()),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn missing(recipe: &Recipe, what: &str) -> Trouble {
    let trouble = Trouble::usage(format!("`{what}` is not in the recipe"));
    let names = names(recipe);
    match nearest(what, names.iter().map(String::as_str)) {
        Some(near) if near != what => trouble.hint(format!("did you mean `drop {near}`?")),
        _ if names.is_empty() => trouble.hint("the recipe is bare: nothing is in it yet"),
        _ => trouble.hint(format!("in it are {}", names.join(" "))),
    }
}
