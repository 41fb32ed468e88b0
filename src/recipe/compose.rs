//! The recipe: what the learner has composed so far. Pure data; the prompt shows it.

use std::collections::BTreeSet;

mod take_out;

use crate::error::{Result, Trouble};
use crate::recipe::image::Act;
use crate::recipe::ingredient::{Ingredient, Limit, Mount, MountKind, Namespace, Tools};
use crate::recipe::line::{Line, What};

/// How the root is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootChange {
    /// It is not: the process sees the host's files.
    None,
    /// chroot(2).
    Chroot,
    /// pivot_root(2), the old root detached.
    Pivot,
}

/// An ordered set of ingredients. The order matters: a proc mounted before `unshare --pid` shows the old PID
/// namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Recipe {
    ingredients: Vec<Ingredient>,
}

impl Recipe {
    /// The lines that make up the finished container of the course (`rlab exec --with full`).
    pub const FULL: &'static [&'static str] = &[
        "rootfs",
        "unshare --pid --mount --uts --ipc --cgroup --mount-proc",
        "mount --bind /dev/null /dev/null",
        "mount --bind /dev/urandom /dev/urandom",
        "hostname container",
        "cgroup memory.max=7340032 pids.max=64",
        "pivot_root",
    ];

    /// The finished container of the course, made of [`Self::FULL`].
    pub fn full() -> Self {
        let mut recipe = Self::default();
        for line in Self::FULL {
            if let Ok(Line::Add(ingredient)) = Line::parse(line) {
                // A line that did not go in would be found by the test of this function.
                let _added = recipe.add(ingredient);
            }
        }
        recipe
    }

    /// The recipe that these lines compose, ingredients only.
    ///
    /// # Errors
    /// A line that does not read, that is no ingredient, or whose ingredient cannot go in yet.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut recipe = Self::default();
        for text in lines {
            match Line::parse(text)? {
                Line::Empty => {}
                Line::Add(ingredient) => recipe.add(ingredient)?,
                _ => {
                    return Err(Trouble::usage(format!("`{text}` is not an ingredient")).hint(
                        "ingredients are rootfs chroot pivot_root unshare mount cgroup hostname capdrop",
                    ));
                }
            }
        }
        Ok(recipe)
    }

    /// Adds an ingredient, or changes the one that is there (a second limit, another root).
    ///
    /// # Errors
    /// An ingredient that needs another one first (`chroot` a rootfs, `hostname` a UTS namespace), told with the
    /// line that mends it.
    pub fn add(&mut self, ingredient: Ingredient) -> Result<()> {
        match &ingredient {
            Ingredient::Chroot | Ingredient::PivotRoot if self.rootfs().is_none() => {
                return Err(Trouble::usage(format!("`{ingredient}` has no root to change to"))
                    .because("there is no file system for the container yet")
                    .hint(format!("type `rootfs`, then `{ingredient}`")));
            }
            Ingredient::Hostname(_) if !self.namespaces().contains(&Namespace::Uts) => {
                return Err(Trouble::usage(format!("`{ingredient}` would rename the host"))
                    .because(
                        "the host name belongs to the UTS namespace, and that is still the one of the host",
                    )
                    .hint(format!("type `unshare --uts`, then `{ingredient}`")));
            }
            _ => {}
        }
        match ingredient {
            Ingredient::Unshare { namespaces, mount_proc } => self.unshare(namespaces, mount_proc),
            Ingredient::Cgroup(limits) => self.limit(limits),
            Ingredient::Capdrop(names) => self.capdrop(names),
            Ingredient::Mount(_) => {
                // The same mount twice shows the same thing once; what counts is when it was made last.
                self.ingredients.retain(|known| *known != ingredient);
                self.ingredients.push(ingredient);
            }
            Ingredient::Rootfs(_) => self.replace(|known| matches!(known, Ingredient::Rootfs(_)), ingredient),
            Ingredient::Chroot | Ingredient::PivotRoot => {
                self.replace(|known| matches!(known, Ingredient::Chroot | Ingredient::PivotRoot), ingredient);
            }
            Ingredient::Hostname(_) => {
                self.replace(|known| matches!(known, Ingredient::Hostname(_)), ingredient)
            }
        }
        Ok(())
    }

    fn replace(&mut self, same: impl Fn(&Ingredient) -> bool, ingredient: Ingredient) {
        match self.ingredients.iter_mut().find(|known| same(known)) {
            Some(known) => *known = ingredient,
            None => self.ingredients.push(ingredient),
        }
    }

    /// Merges into the last `unshare`, unless that would hide that a proc was mounted before the PID namespace.
    fn unshare(&mut self, namespaces: BTreeSet<Namespace>, mount_proc: bool) {
        let had = self.namespaces();
        let new_pid = namespaces.contains(&Namespace::Pid) && !had.contains(&Namespace::Pid);
        let proc_already = self.ingredients.iter().any(mounts_proc);
        let last = self.ingredients.iter_mut().rev().find_map(|known| match known {
            Ingredient::Unshare { namespaces, mount_proc } => Some((namespaces, mount_proc)),
            _ => None,
        });
        match last {
            Some((known, known_proc)) if !(new_pid && proc_already) => {
                known.extend(namespaces.difference(&had));
                *known_proc |= mount_proc;
            }
            _ => {
                let namespaces = namespaces.difference(&had).copied().collect();
                self.ingredients.push(Ingredient::Unshare { namespaces, mount_proc });
            }
        }
    }

    fn limit(&mut self, limits: Vec<Limit>) {
        let group = self.ingredients.iter_mut().find_map(|known| match known {
            Ingredient::Cgroup(limits) => Some(limits),
            _ => None,
        });
        let Some(group) = group else {
            self.ingredients.push(Ingredient::Cgroup(limits));
            return;
        };
        for limit in limits {
            match group.iter_mut().find(|known| known.resource == limit.resource) {
                Some(known) => *known = limit,
                None => group.push(limit),
            }
        }
    }

    fn capdrop(&mut self, names: BTreeSet<String>) {
        use crate::recipe::capability::ALL;
        let dropped = self.ingredients.iter_mut().find_map(|known| match known {
            Ingredient::Capdrop(names) => Some(names),
            _ => None,
        });
        match dropped {
            None => self.ingredients.push(Ingredient::Capdrop(names)),
            Some(known) if known.contains(ALL) => {}
            Some(known) if names.contains(ALL) => *known = names,
            Some(known) => known.extend(names),
        }
    }

    /// Takes an ingredient out, and says what it was.
    ///
    /// # Errors
    /// Nothing of that name is in, or another ingredient needs it.
    pub fn drop(&mut self, what: &What) -> Result<String> {
        let taken = take_out::take_out(self, what)?;
        self.settle();
        Ok(taken)
    }

    /// Composes anew what is left: what stood apart because of the part that is gone comes together again, so that the
    /// recipe stays what its lines say.
    fn settle(&mut self) {
        let mut settled = Self::default();
        let left = self.ingredients.iter().cloned();
        if left.into_iter().try_for_each(|ingredient| settled.add(ingredient)).is_ok() {
            *self = settled;
        }
    }

    /// Takes up what a line makes of the recipe: an ingredient more or less. Other lines leave it as it is.
    ///
    /// # Errors
    /// The recipe refuses it at this place.
    pub fn follow(&mut self, line: &Line) -> Result<()> {
        match line {
            Line::Add(ingredient) => self.add(ingredient.clone()),
            Line::Drop(what) => self.drop(what).map(drop),
            Line::Image(Act::Unpack) => self.add(Ingredient::Rootfs(Tools::Image)),
            _ => Ok(()),
        }
    }

    /// What [`Self::drop`] would take now, for completion.
    pub fn droppable(&self) -> Vec<String> {
        take_out::names(self)
    }

    /// The ingredients, oldest first.
    pub fn ingredients(&self) -> &[Ingredient] {
        &self.ingredients
    }

    /// The lines that compose this recipe, in order. Reading them again gives the same recipe.
    pub fn lines(&self) -> Vec<String> {
        self.ingredients.iter().map(ToString::to_string).collect()
    }

    /// Whether nothing is in.
    pub fn is_bare(&self) -> bool {
        self.ingredients.is_empty()
    }

    /// The short name for the prompt: `bare`, `rootfs`, `chroot+proc`, `pivot+pid+uts+memory`.
    ///
    /// What others imply (the mount namespace) or what is only detail (binds, the host name) is left out where there
    /// is something better to say. A proc older than the PID namespace stands before it: `chroot+proc+pid`.
    pub fn summary(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        match (self.root_change(), self.rootfs()) {
            (RootChange::Chroot, _) => parts.push("chroot"),
            (RootChange::Pivot, _) => parts.push("pivot"),
            (RootChange::None, Some(_)) => parts.push("rootfs"),
            (RootChange::None, None) => {}
        }
        let namespaces = self.namespaces();
        let proc = self.ingredients.iter().any(mounts_proc);
        let (early, late): (&[&str], &[&str]) = match (proc, self.proc_is_stale()) {
            (false, _) => (&[], &[]),
            (true, true) => (&["proc"], &[]),
            (true, false) => (&[], &["proc"]),
        };
        parts.extend(early);
        let told = [Namespace::Pid, Namespace::Uts, Namespace::Ipc, Namespace::Net, Namespace::User];
        parts.extend(told.into_iter().filter(|own| namespaces.contains(own)).map(Namespace::name));
        parts.extend(late);
        match self.group() {
            Some(limits) if limits.is_empty() => parts.push("cgroup"),
            Some(mut limits) => {
                limits.sort_by_key(|limit| limit.resource);
                parts.extend(limits.iter().map(|limit| limit.resource.controller()));
            }
            None => {}
        }
        if parts.is_empty() {
            let mut detail = Vec::new();
            if namespaces.contains(&Namespace::Mnt) {
                detail.push("mnt");
            }
            if namespaces.contains(&Namespace::Cgroup) {
                detail.push("cgroupns");
            }
            if !self.mounts().is_empty() {
                detail.push("mounts");
            }
            if self.dropped_capabilities().is_some() {
                detail.push("capdrop");
            }
            parts = if detail.is_empty() { vec!["bare"] } else { detail };
        }
        parts.join("+")
    }

    /// Whether the proc on /proc that would be seen is older than the PID namespace.
    fn proc_is_stale(&self) -> bool {
        let pid = self.ingredients.iter().position(
            |known| matches!(known, Ingredient::Unshare { namespaces, .. } if namespaces.contains(&Namespace::Pid)),
        );
        let proc = self.ingredients.iter().rposition(mounts_proc);
        matches!((proc, pid), (Some(proc), Some(pid)) if proc < pid)
    }

    /// The tools of the root file system, where there is one.
    pub fn rootfs(&self) -> Option<Tools> {
        self.ingredients.iter().find_map(|known| match known {
            Ingredient::Rootfs(tools) => Some(*tools),
            _ => None,
        })
    }

    /// How the root is changed.
    pub fn root_change(&self) -> RootChange {
        let change = self.ingredients.iter().find_map(|known| match known {
            Ingredient::Chroot => Some(RootChange::Chroot),
            Ingredient::PivotRoot => Some(RootChange::Pivot),
            _ => None,
        });
        change.unwrap_or(RootChange::None)
    }

    /// The namespaces asked for (`--mount-proc` and mounts imply the mount namespace; see [`super::plan`]).
    pub fn namespaces(&self) -> BTreeSet<Namespace> {
        let asked = self.ingredients.iter().filter_map(|known| match known {
            Ingredient::Unshare { namespaces, .. } => Some(namespaces),
            _ => None,
        });
        asked.flatten().copied().collect()
    }

    /// Whether `--mount-proc` was asked for.
    pub fn mount_proc(&self) -> bool {
        self.ingredients.iter().any(|known| matches!(known, Ingredient::Unshare { mount_proc: true, .. }))
    }

    /// The mounts, in order.
    pub fn mounts(&self) -> Vec<&Mount> {
        let mounts = self.ingredients.iter().filter_map(|known| match known {
            Ingredient::Mount(mount) => Some(mount),
            _ => None,
        });
        mounts.collect()
    }

    /// The limits, or `None` without a control group.
    pub fn group(&self) -> Option<Vec<Limit>> {
        self.ingredients.iter().find_map(|known| match known {
            Ingredient::Cgroup(limits) => Some(limits.clone()),
            _ => None,
        })
    }

    /// The host name of its own, where one was given.
    pub fn hostname(&self) -> Option<&str> {
        self.ingredients.iter().find_map(|known| match known {
            Ingredient::Hostname(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The capabilities given up, where any are; see [`Ingredient::Capdrop`].
    pub fn dropped_capabilities(&self) -> Option<&BTreeSet<String>> {
        self.ingredients.iter().find_map(|known| match known {
            Ingredient::Capdrop(names) => Some(names),
            _ => None,
        })
    }
}

/// Whether this ingredient mounts a proc at /proc.
fn mounts_proc(ingredient: &Ingredient) -> bool {
    match ingredient {
        Ingredient::Mount(mount) => mount.target == "/proc" && mount.kind == MountKind::Fs("proc".to_owned()),
        Ingredient::Unshare { mount_proc, .. } => *mount_proc,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
