//! The recipe that comes closest to a process that runs already, and what no line of the grammar says of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::{Amount, Ingredient, Limit, Mount, MountKind, Namespace, Resource, Tools};
use crate::recipe::line::Line;
use crate::recipe::process::{CAP, Group, MapRow, Mounted, Process, RootKind, Seccomp, names};

/// What follows the name of the group with which rlab bounds what a recipe does not.
const CAPS: &str = ".caps";

/// The recipe, and what it does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closest {
    /// The lines.
    pub recipe: Recipe,
    /// One sentence each.
    pub notes: Vec<String>,
}

/// Finds it.
pub fn closest(process: &Process) -> Closest {
    let mut found = Closest::default();
    if process.kernel_thread {
        found.note("a thread of the kernel has no program, so there is no recipe for it");
        return found;
    }
    if process.has_ended() {
        found.note("it has ended, so there is no recipe for it");
        return found;
    }
    found.root(process);
    found.namespaces(process);
    found.mounts(process);
    found.host_name(process);
    found.groups(process);
    found.rights(process);
    found
}

impl Closest {
    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds an ingredient if the grammar has a line for it.
    fn add(&mut self, ingredient: Ingredient) -> bool {
        let line = ingredient.to_string();
        Line::parse(&line) == Ok(Line::Add(ingredient.clone())) && self.recipe.add(ingredient).is_ok()
    }

    fn root(&mut self, process: &Process) {
        let Some(root) = process.root.as_ref().filter(|root| root.kind != RootKind::Host) else { return };
        self.add(Ingredient::Rootfs(if process.busybox { Tools::Busybox } else { Tools::Host }));
        self.add(if root.kind == RootKind::Chroot { Ingredient::Chroot } else { Ingredient::PivotRoot });
        if !process.busybox {
            self.note("the files of its root are its own; `rootfs` fills one with tools");
        }
    }

    fn namespaces(&mut self, process: &Process) {
        let asked: BTreeSet<Namespace> =
            Namespace::ALL.into_iter().filter(|kind| process.own(kind.name())).collect();
        let proc = proc_mount(process);
        if let Some(mount) = proc.filter(|_| process.stale_proc()) {
            self.add(new(mount));
        }
        let mount_proc = proc.is_some() && !process.stale_proc() && asked.contains(&Namespace::Pid);
        if !asked.is_empty() {
            self.add(Ingredient::Unshare { namespaces: asked, mount_proc });
        }
        if let Some(mount) = proc.filter(|_| !process.own("pid")) {
            self.add(new(mount));
        }
        if process.own("time") {
            self.note("it has a time namespace of its own, and no line makes one");
        }
        if process.own("user") {
            self.id_maps(process);
        }
    }

    fn id_maps(&mut self, process: &Process) {
        if process.uid_map.is_empty() {
            self.note("no user id is mapped into its user namespace; `unshare --user` maps root");
        } else if !is_one_root(&process.uid_map) || !is_one_root(&process.gid_map) {
            self.note(
                "its id maps have other rows; `unshare --user` maps root inside to you, and no one else",
            );
        }
    }

    fn mounts(&mut self, process: &Process) {
        let mut masks = 0_usize;
        let mut unsaid: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for mount in process.mounts.iter().filter(|mount| mount.own) {
            let is_proc = mount.target == "/proc" && mount.fstype == "proc";
            if mount.target == "/" || is_proc {
                continue;
            }
            if ["/proc/", "/sys/"].iter().any(|below| mount.target.starts_with(below)) && process.own_root() {
                masks += 1;
                continue;
            }
            let said = match &mount.bound {
                Some(source) => self.add(bind(mount, source)),
                None => self.add(new(mount)),
            };
            if !said {
                unsaid.entry(&mount.fstype).or_default().push(&mount.target);
            }
        }
        if masks > 0 {
            self.note(format!("{masks} mounts cover or change parts of /proc and /sys"));
        }
        for (fstype, targets) in unsaid {
            self.note(format!("no line says how its {fstype} came to {}", targets.join(", ")));
        }
    }

    fn host_name(&mut self, process: &Process) {
        if !process.own("uts") {
            return;
        }
        match &process.host_name {
            None => self.note("its host name cannot be read from here"),
            Some(name) if *name == process.own_host_name => {}
            Some(name) => {
                if !self.add(Ingredient::Hostname(name.clone())) {
                    self.note(format!("no line sets the host name `{}`", name.escape_debug()));
                }
            }
        }
    }

    fn groups(&mut self, process: &Process) {
        let mut limits = Vec::new();
        for (resource, group) in process.groups.iter().filter(|(_, group)| group.own) {
            let Some(number) = group.limit.as_ref().and_then(|limit| limit.number) else { continue };
            // On v1 the cap has a group of its own, on v2 it is in the recipe's.
            let capped = *resource == Resource::Pids && number == CAP && group.path.contains("/rlab.");
            if capped || group.path.ends_with(CAPS) {
                self.note(format!("{}={number} is a cap of rlab's own, not of a recipe", resource.name()));
                continue;
            }
            let amount = match (resource, group.period) {
                (Resource::Cpu, Some(period)) => Amount::Cpu { quota: number, period },
                (Resource::Cpu, None) => continue,
                _ => Amount::Number(number),
            };
            limits.push(Limit { resource: *resource, amount });
        }
        let of_rlab = |group: &Group| group.path.contains("/rlab.") && !group.path.ends_with(CAPS);
        let own = |group: &&Group| group.own && !group.path.ends_with(CAPS);
        let mut groups = process.groups.values().filter(own);
        // Every login has a group of its own; only beside other ingredients it means something.
        if !limits.is_empty() || groups.any(|group| of_rlab(group) || !self.recipe.is_bare()) {
            self.add(Ingredient::Cgroup(limits));
        }
    }

    /// Capabilities, filters, and who it is.
    fn rights(&mut self, process: &Process) {
        // Root has what it can have at all, until somebody takes it away.
        let root = process.ids.0 == 0 && !process.own("user");
        let sets = process.capabilities;
        let has = if root { sets.bounding & sets.permitted } else { sets.bounding };
        let lacks = process.own_bounding & !has;
        if lacks != 0 && !process.unread.iter().any(|unread| unread.what == "status") {
            let dropped = match has & process.own_bounding {
                0 => BTreeSet::from([crate::recipe::capability::ALL.to_owned()]),
                _ => names(lacks).into_iter().collect(),
            };
            self.add(Ingredient::Capdrop(dropped));
        }
        match process.seccomp {
            Seccomp::None => {}
            Seccomp::Strict => self.note("seccomp allows it four system calls; no line does that"),
            Seccomp::Filter => {
                let many = if process.filters > 1 { "s look" } else { " looks" };
                self.note(format!("a seccomp filter{many} at its system calls; no line sets one"));
            }
        }
        if process.no_new_privs {
            self.note("no_new_privs is set: it gains no right by running a program; no line sets it");
        }
        if process.capabilities.ambient != 0 {
            self.note("it has ambient capabilities; no line gives any");
        }
        if !process.own("user") && process.ids.0 != 0 && !self.recipe.is_bare() {
            self.note(format!("it runs as user {}; a program under a recipe runs as root", process.ids.0));
        }
    }
}

/// The proc on /proc that is its own.
fn proc_mount(process: &Process) -> Option<&Mounted> {
    process.mounts.iter().find(|mount| mount.own && mount.target == "/proc" && mount.fstype == "proc")
}

fn is_one_root(map: &[MapRow]) -> bool {
    matches!(map, [MapRow { inside: 0, count: 1, .. }])
}

/// A new instance of a file system.
fn new(mount: &Mounted) -> Ingredient {
    // What a new one has by itself, and what the kernel adds, is not worth a word.
    let told = |option: &&String| {
        *option == "ro"
            || (mount.fstype == "tmpfs" && ["size=", "mode="].iter().any(|key| option.starts_with(key)))
    };
    let mut options: Vec<String> = mount.options.iter().filter(told).cloned().collect();
    options.dedup();
    Ingredient::Mount(Mount {
        source: mount.fstype.clone(),
        target: mount.target.clone(),
        kind: MountKind::Fs(mount.fstype.clone()),
        options,
    })
}

fn bind(mount: &Mounted, source: &str) -> Ingredient {
    let read_only = mount.options.first().is_some_and(|option| option == "ro");
    Ingredient::Mount(Mount {
        source: source.to_owned(),
        target: mount.target.clone(),
        kind: MountKind::Bind,
        options: if read_only { vec!["ro".to_owned()] } else { Vec::new() },
    })
}
