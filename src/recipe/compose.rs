//! The recipe: what the learner has composed so far. Pure data; the prompt shows it.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::recipe::ingredient::{Ingredient, Limit, Mount, Namespace, Tools};
use crate::recipe::line::What;

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

    /// Adds an ingredient, or changes the one that is there (a second limit, another root).
    ///
    /// # Errors
    /// An ingredient that needs another one first (`chroot` a rootfs, `hostname` a UTS namespace), told with the
    /// line that mends it.
    pub fn add(&mut self, _ingredient: Ingredient) -> Result<()> {
        todo!()
    }

    /// Takes an ingredient out, and says what it was.
    ///
    /// # Errors
    /// Nothing of that name is in, or another ingredient needs it.
    pub fn drop(&mut self, _what: &What) -> Result<String> {
        todo!()
    }

    /// The ingredients, oldest first.
    pub fn ingredients(&self) -> &[Ingredient] {
        &self.ingredients
    }

    /// The short name for the prompt: `bare`, `rootfs`, `chroot+proc`, `pivot+pid+uts+memory`.
    pub fn summary(&self) -> String {
        todo!()
    }

    /// The tools of the root file system, where there is one.
    pub fn rootfs(&self) -> Option<Tools> {
        todo!()
    }

    /// How the root is changed.
    pub fn root_change(&self) -> RootChange {
        todo!()
    }

    /// The namespaces asked for (`--mount-proc` and mounts imply the mount namespace; see [`super::plan`]).
    pub fn namespaces(&self) -> BTreeSet<Namespace> {
        todo!()
    }

    /// The mounts, in order.
    pub fn mounts(&self) -> Vec<&Mount> {
        todo!()
    }

    /// The limits, or `None` without a control group.
    pub fn group(&self) -> Option<Vec<Limit>> {
        todo!()
    }
}
