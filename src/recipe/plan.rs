//! The plan: the ordered list of kernel operations that a recipe and a command become.
//!
//! A closed list of operations is planned first, then one interpreter (the sandbox) carries it out. So a plan can be
//! explained, printed without being run, and compared with a snapshot.

use std::collections::BTreeSet;

mod enter;
mod escape;
mod groups;
mod layers;
mod mounts;
mod print;

pub(in crate::recipe) use groups::writes;

use crate::error::Result;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Ingredient, Namespace, Resource, Tools};
use crate::recipe::line::Command;
use crate::recipe::machine::{CgroupVersion, Machine};
pub use escape::{DOOR, HOST_FILE, JAIL, STEPS_UP};
pub use layers::Layers;

/// A path, and from where it is meant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// On the host.
    Host(String),
    /// Under the container's root directory, named from outside; `/` is the root directory itself.
    Root(String),
    /// As the process itself names it, after the root has changed (or on the host, where it does not).
    Inside(String),
}

/// An operation by rlab on the host, before the launch. These stand until the recipe no longer asks for them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prepare {
    /// The container's file system is built.
    Rootfs(Tools),
    /// rlab itself moves from the parent group to a leaf below: a v2 group with processes hands no controller on.
    StepAside {
        /// The directory of the parent group.
        parent: String,
    },
    /// The controller is switched on for the children of the parent group (v2 `cgroup.subtree_control`).
    EnableController {
        /// `memory`, `pids` or `cpu`.
        controller: &'static str,
        /// The directory whose `cgroup.subtree_control` is written.
        parent: String,
    },
    /// The session's group is made in this parent directory.
    MakeGroup {
        /// Generation.
        version: CgroupVersion,
        /// The parent directory.
        parent: String,
    },
    /// A value is written to a control file of the group.
    WriteLimit {
        /// Which resource's controller.
        resource: Resource,
        /// Name of the file.
        file: &'static str,
        /// What is written.
        value: String,
        /// Whether the file may be missing (the swap files are, on kernels without swap accounting).
        optional: bool,
    },
    /// A proc file system is made, not yet attached, by rlab itself: it belongs to the PID namespace of the host.
    DetachedProc,
}

/// How the new process is cloned.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Clone3 {
    /// The namespaces that it gets at birth.
    pub namespaces: BTreeSet<Namespace>,
    /// Whether it is born in the session's v2 group (`CLONE_INTO_CGROUP`).
    pub into_cgroup: bool,
}

/// An operation by the new process, before its program.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Ends when rlab ends: `prctl(PR_SET_PDEATHSIG, SIGKILL)`.
    DieWithParent,
    /// Writes 0 to the `tasks` file of the session's v1 group of this controller.
    JoinGroup(&'static str),
    /// `deny` to setgroups, one line each to uid_map and gid_map: `INSIDE OUTSIDE 1`.
    MapIds {
        /// User id on the host that becomes 0 inside.
        uid: u32,
        /// Group id on the host that becomes 0 inside.
        gid: u32,
    },
    /// unshare(2), for what cannot be had at birth (the cgroup namespace, after joining the group).
    Unshare(Namespace),
    /// `mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)`: no mount leaks back to the host.
    MakePrivate,
    /// The root directory is bound on itself, since pivot_root wants a mount point.
    BindRoot,
    /// An empty tmpfs on the root directory, filled with the tools by bind mounts (one-shot containers).
    TmpfsRoot(Tools),
    /// A mount. A target under [`At::Root`] is opened inside the root without following links, first.
    Mount {
        /// A name such as `proc` ([`At::Inside`], passed on as it is), or for a bind a path.
        source: At,
        /// Where.
        target: At,
        /// Type, for a new file system.
        fstype: Option<String>,
        /// Names of the flags, such as `MS_NOSUID`, in the order in which strace prints them.
        flags: Vec<&'static str>,
        /// Data for the file system, such as `mode=755`.
        data: Option<String>,
    },
    /// A mount that can only be read from now on, if it is still there.
    ReadOnly {
        /// Its mount point, as the process names it.
        target: String,
        /// Names of the flags: those that it has, and what changes a mount.
        flags: Vec<&'static str>,
    },
    /// Attaches the proc of [`Prepare::DetachedProc`] at this path.
    AttachProc(At),
    /// chroot(2) to the root directory, then chdir("/").
    Chroot,
    /// chdir into the root directory, `pivot_root(".", ".")`, `umount2(".", MNT_DETACH)`, chdir("/").
    PivotRoot,
    /// sethostname(2).
    SetHostname(String),
    /// Capabilities given up, in every set.
    DropCapabilities(BTreeSet<String>),
    /// pidfd_open(2) of the container that is joined.
    FindTarget,
    /// Its root directory is opened, as /proc shows it.
    FindRoot,
    /// And its working directory.
    FindDirectory,
    /// setns(2): into one namespace of that container.
    SetNamespace(Namespace),
    /// fchdir(2) to its root directory, `chroot(".")`, chdir("/").
    TakeRoot,
    /// fchdir(2) to its working directory.
    TakeDirectory,
    /// A child goes on: a PID namespace that was entered is for children only.
    Fork,
    /// Writes 0 to the `cgroup.procs` of the container's control groups.
    JoinTheirGroup,
    /// chdir(2) into the working directory that an image names.
    WorkIn(String),
    /// setgroups, setresgid, setresuid: the user that an image names.
    BecomeUser {
        /// User id inside.
        uid: u32,
        /// Group id inside.
        gid: u32,
    },
    /// A root in memory that stands for the host, and the container's root directory in it: it becomes the root of the
    /// mount namespace, and the real one is detached.
    Stage,
    /// The classic way out of a chroot: mkdir, `chroot` into it, `chdir("..")` again and again, `chroot(".")`.
    ClimbOut,
    /// execve(2): the program.
    Exec(Command),
}

/// The whole: what is prepared, how the process is born, what it does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// By rlab, on the host.
    pub prepare: Vec<Prepare>,
    /// The birth.
    pub clone: Clone3,
    /// By the new process.
    pub child: Vec<Op>,
}

/// Where the root file system of a plan lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootPlace {
    /// A directory on the host, which learners can look at.
    Directory,
    /// A tmpfs in the container's own mount namespace: nothing on disk (one-shot `rlab exec`).
    Memory,
}

impl Plan {
    /// Plans a command under a recipe on a machine.
    ///
    /// # Errors
    /// A limit where the machine has no controller for it, or one larger than the machine.
    pub fn new(recipe: &Recipe, command: &Command, machine: &Machine, place: RootPlace) -> Result<Self> {
        let namespaces = effective(recipe, machine, place);
        let groups = groups::plan(recipe, machine)?;
        let mounts = mounts::plan(recipe, machine, &namespaces);
        let tools = recipe.rootfs();

        let mut prepare = Vec::new();
        if let (Some(tools), RootPlace::Directory) = (tools, place) {
            prepare.push(Prepare::Rootfs(tools));
        }
        prepare.extend(groups.prepare);
        if mounts.detached_proc {
            prepare.push(Prepare::DetachedProc);
        }

        // The group before everything else, so that every byte is charged to it; by a descriptor of rlab's, so before
        // the ids change too.
        let mut child = vec![Op::DieWithParent];
        child.extend(groups.join);
        if namespaces.contains(&Namespace::User) {
            child.push(Op::MapIds { uid: machine.euid, gid: machine.egid });
        }
        if namespaces.contains(&Namespace::Cgroup) {
            child.push(Op::Unshare(Namespace::Cgroup));
        }
        if namespaces.contains(&Namespace::Mnt) {
            child.push(Op::MakePrivate);
        }
        match (tools, place) {
            (Some(tools), RootPlace::Memory) if in_memory(recipe, place) => child.push(Op::TmpfsRoot(tools)),
            (_, RootPlace::Directory) if recipe.root_change() == RootChange::Pivot => {
                child.push(Op::BindRoot)
            }
            _ => {}
        }
        child.extend(mounts.before);
        child.extend(recipe.hostname().map(|name| Op::SetHostname(name.to_owned())));
        match recipe.root_change() {
            RootChange::None => {}
            RootChange::Chroot => child.push(Op::Chroot),
            RootChange::Pivot => child.push(Op::PivotRoot),
        }
        child.extend(mounts.after);
        child.extend(recipe.dropped_capabilities().map(|names| Op::DropCapabilities(names.clone())));
        child.push(Op::Exec(command.clone()));

        let at_birth = namespaces.into_iter().filter(|own| *own != Namespace::Cgroup).collect();
        Ok(Self { prepare, clone: Clone3 { namespaces: at_birth, into_cgroup: groups.into_cgroup }, child })
    }

    /// The same, started as an image says: in this directory, as this user.
    #[must_use]
    pub fn started_in(mut self, directory: &str, uid: u32, gid: u32) -> Self {
        let exec = self.child.pop();
        if directory != "/" {
            self.child.push(Op::WorkIn(directory.to_owned()));
        }
        if (uid, gid) != (0, 0) {
            self.child.push(Op::BecomeUser { uid, gid });
        }
        self.child.extend(exec);
        self
    }

    /// What rlab added to or changed of the recipe by itself, and why: one sentence each.
    pub fn added(&self, recipe: &Recipe) -> Vec<String> {
        let asked = recipe.namespaces();
        let mut notes = Vec::new();
        for own in self.clone.namespaces.difference(&asked) {
            notes.push(match own {
                Namespace::Mnt => {
                    "a mount namespace was added, so that no mount shows on the host".to_owned()
                }
                Namespace::User => {
                    "a user namespace was added, since without root the kernel refuses the rest".to_owned()
                }
                other => format!("a {} namespace was added", other.name()),
            });
        }
        if self.prepare.contains(&Prepare::DetachedProc) {
            notes.push(
                "the proc is older than the PID namespace, so it shows the processes of the host".to_owned(),
            );
        }
        if self.child.iter().any(mounts::is_host_proc) {
            notes.push(
                "the proc of the host is bound in place of a new one, which the kernel would refuse here"
                    .to_owned(),
            );
        }
        if self.prepare.iter().any(|step| matches!(step, Prepare::StepAside { .. })) {
            notes.push(
                "rlab itself moves to a leaf, since a v2 group with processes of its own hands no controller on"
                    .to_owned(),
            );
        }
        if self.prepare.iter().any(groups::closes_swap) {
            notes.push("swap is closed off too, since the limit would only push memory out to it".to_owned());
        }
        notes
    }
}

/// Whether rlab adds a user namespace that the recipe does not ask for, since who is not root could not do the rest.
pub fn adds_user_namespace(recipe: &Recipe, machine: &Machine) -> bool {
    let own = Namespace::User;
    effective(recipe, machine, RootPlace::Directory).contains(&own) && !recipe.namespaces().contains(&own)
}

/// Whether the root is made in memory. One that nothing changes to would never be seen: the command has the host's.
fn in_memory(recipe: &Recipe, place: RootPlace) -> bool {
    place == RootPlace::Memory && recipe.rootfs().is_some() && recipe.root_change() != RootChange::None
}

/// The namespaces asked for, and those that the rest cannot do without.
fn effective(recipe: &Recipe, machine: &Machine, place: RootPlace) -> BTreeSet<Namespace> {
    let mut namespaces = recipe.namespaces();
    let in_memory = in_memory(recipe, place);
    if in_memory
        || recipe.mount_proc()
        || !recipe.mounts().is_empty()
        || recipe.root_change() == RootChange::Pivot
    {
        namespaces.insert(Namespace::Mnt);
    }
    // A directory and a control group need rights on files only, everything else a capability.
    let only_files = |known: &Ingredient| matches!(known, Ingredient::Rootfs(_) | Ingredient::Cgroup(_));
    if machine.euid != 0 && (in_memory || !recipe.ingredients().iter().all(only_files)) {
        namespaces.insert(Namespace::User);
    }
    namespaces
}

#[cfg(test)]
mod tests;
