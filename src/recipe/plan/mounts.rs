//! The mounts of a plan: which are made, how, and whether before or after the root changes.

use std::collections::BTreeSet;

use super::{At, Op};
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Ingredient, Mount, MountKind, Namespace};
use crate::recipe::line::MOUNT_FLAGS;
use crate::recipe::machine::Machine;

/// Flags of mount(2) in the order of their bits, which is the order in which strace prints them.
const ORDER: &[&str] = &[
    "MS_RDONLY",
    "MS_NOSUID",
    "MS_NODEV",
    "MS_NOEXEC",
    "MS_SYNCHRONOUS",
    "MS_REMOUNT",
    "MS_DIRSYNC",
    "MS_NOSYMFOLLOW",
    "MS_NOATIME",
    "MS_NODIRATIME",
    "MS_BIND",
    "MS_REC",
    "MS_RELATIME",
    "MS_STRICTATIME",
    "MS_LAZYTIME",
];

/// What the mounts add to a plan.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) before: Vec<Op>,
    pub(super) after: Vec<Op>,
    pub(super) detached_proc: bool,
}

/// How one mount is really made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As the learner asked.
    Asked,
    /// A proc that is older than the PID namespace, made by rlab before the birth.
    Detached,
    /// The proc of the host, bound.
    HostProc,
}

/// A mount on its way into the plan.
struct Placed {
    mount: Mount,
    way: Way,
    before: bool,
}

/// Arranges the mounts of a recipe in a container with these namespaces.
pub(super) fn plan(recipe: &Recipe, machine: &Machine, namespaces: &BTreeSet<Namespace>) -> Mounts {
    let mut placed = wanted(recipe, machine, namespaces);
    if recipe.root_change() != RootChange::None {
        let hides = namespaces.contains(&Namespace::User) && recipe.root_change() == RootChange::Pivot;
        place(&mut placed, hides);
    }
    let mut mounts = Mounts::default();
    for Placed { mount, way, before } in placed {
        mounts.detached_proc |= way == Way::Detached;
        let target = if before { At::Root(mount.target.clone()) } else { At::Inside(mount.target.clone()) };
        let ops = match way {
            Way::Detached => vec![Op::AttachProc(target)],
            Way::HostProc => vec![bind("/proc", target, before, true)],
            Way::Asked => operations(&mount, target, before, namespaces),
        };
        if before { &mut mounts.before } else { &mut mounts.after }.extend(ops);
    }
    mounts
}

/// The mounts asked for, `--mount-proc` among them, without the procs that a later one covers.
fn wanted(recipe: &Recipe, machine: &Machine, namespaces: &BTreeSet<Namespace>) -> Vec<Placed> {
    // Whether the PID namespace is asked for by a later line than the mount.
    let mut pid_comes = namespaces.contains(&Namespace::Pid);
    let rootless = machine.euid != 0;
    let mut placed: Vec<Placed> = Vec::new();
    for known in recipe.ingredients() {
        let mount = match known {
            Ingredient::Mount(mount) => mount.clone(),
            Ingredient::Unshare { namespaces, mount_proc } => {
                pid_comes &= !namespaces.contains(&Namespace::Pid);
                if !*mount_proc {
                    continue;
                }
                Mount {
                    source: "proc".to_owned(),
                    target: "/proc".to_owned(),
                    kind: MountKind::Fs("proc".to_owned()),
                    options: Vec::new(),
                }
            }
            _ => continue,
        };
        let mut way = Way::Asked;
        if is_proc(&mount) {
            placed.retain(|earlier| !(is_proc(&earlier.mount) && earlier.mount.target == mount.target));
            // Without root the user namespace is rlab's doing, and there the kernel refuses a proc of the PID
            // namespace of the host; the host's own shows the same.
            way = match (pid_comes, rootless && !namespaces.contains(&Namespace::Pid)) {
                (true, _) if rootless => Way::HostProc,
                (true, _) => Way::Detached,
                (false, true) => Way::HostProc,
                (false, false) => Way::Asked,
            };
        }
        placed.push(Placed { mount, way, before: false });
    }
    placed
}

fn is_proc(mount: &Mount) -> bool {
    matches!(&mount.kind, MountKind::Fs(fstype) if fstype == "proc")
}

/// Decides which mounts come before the root changes: binds, whose source is on the host, and every earlier mount
/// that meets one of those at the same path or above or below it, so that the order stays true where it matters.
///
/// `hides`: in a user namespace a new proc or sysfs is allowed only where another one is in full view
/// (mount_too_revealing() of the kernel), and after pivot_root the host's is gone. So these come before, too.
fn place(placed: &mut [Placed], hides: bool) {
    for at in (0..placed.len()).rev() {
        let (head, later) = placed.split_at_mut(at + 1);
        let Some(this) = head.last_mut() else { continue };
        let meets = |other: &Placed| {
            other.before
                && (covers(&this.mount.target, &other.mount.target)
                    || covers(&other.mount.target, &this.mount.target))
        };
        let is_bind =
            matches!(this.mount.kind, MountKind::Bind | MountKind::Rbind) || this.way == Way::HostProc;
        let needs_sight = hides
            && matches!(&this.mount.kind, MountKind::Fs(fstype) if fstype == "proc" || fstype == "sysfs");
        this.before = is_bind || needs_sight || later.iter().any(meets);
    }
}

/// Whether a mount at `upper` hides or holds `lower`, component by component.
fn covers(upper: &str, lower: &str) -> bool {
    lower.strip_prefix(upper).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The one or two operations of a mount.
fn operations(mount: &Mount, target: At, before: bool, namespaces: &BTreeSet<Namespace>) -> Vec<Op> {
    let (flags, data) = options(&mount.options);
    match &mount.kind {
        MountKind::Fs(fstype) => vec![file_system(mount, fstype, target, &flags, data, namespaces)],
        MountKind::Bind | MountKind::Rbind => {
            let first = bind(&mount.source, target.clone(), before, mount.kind == MountKind::Rbind);
            if flags.is_empty() {
                return vec![first];
            }
            // The kernel ignores other flags beside MS_BIND: they need a second call. Source: mount(2), "Creating
            // a bind mount".
            let again = Op::Mount {
                source: At::Inside("none".to_owned()),
                target,
                fstype: None,
                flags: ordered(flags.iter().copied().chain(["MS_REMOUNT", "MS_BIND"])),
                data: None,
            };
            vec![first, again]
        }
    }
}

fn bind(source: &str, target: At, before: bool, deep: bool) -> Op {
    let source = source.to_owned();
    Op::Mount {
        source: if before { At::Host(source) } else { At::Inside(source) },
        target,
        fstype: None,
        flags: if deep { vec!["MS_BIND", "MS_REC"] } else { vec!["MS_BIND"] },
        data: None,
    }
}

fn file_system(
    mount: &Mount,
    fstype: &str,
    target: At,
    asked: &[&'static str],
    mut data: Vec<String>,
    namespaces: &BTreeSet<Namespace>,
) -> Op {
    let given = |data: &[String], key: &str| data.iter().any(|option| option.split('=').next() == Some(key));
    let usual: &[&str] = match fstype {
        "tmpfs" => &["MS_NOSUID", "MS_NODEV"],
        "devpts" => &["MS_NOSUID", "MS_NOEXEC"],
        _ => &["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"],
    };
    if fstype == "devpts" {
        let defaults = [("newinstance", ""), ("ptmxmode", "=0666"), ("mode", "=620")];
        let missing = defaults.into_iter().filter(|(key, _)| !given(&data, key));
        data = missing
            .map(|(key, value)| format!("{key}{value}"))
            .collect::<Vec<_>>()
            .into_iter()
            .chain(data)
            .collect();
    }
    if fstype == "tmpfs"
        && mount.target == "/dev"
        && namespaces.contains(&Namespace::User)
        && !given(&data, "mode")
    {
        // The default, sticky and writable by all, makes `> /dev/null` EACCES there (fs.protected_regular).
        data.push("mode=755".to_owned());
    }
    let lifted = |flag: &&&'static str| {
        let word = match **flag {
            "MS_NOSUID" => "suid",
            "MS_NODEV" => "dev",
            _ => "exec",
        };
        !mount.options.iter().any(|option| option == word)
    };
    Op::Mount {
        source: At::Inside(mount.source.clone()),
        target,
        fstype: Some(fstype.to_owned()),
        flags: ordered(usual.iter().filter(lifted).chain(asked).copied()),
        data: (!data.is_empty()).then(|| data.join(",")),
    }
}

/// `-o` options as flags of mount(2), and the rest for the file system.
fn options(options: &[String]) -> (Vec<&'static str>, Vec<String>) {
    let mut flags = Vec::new();
    let mut data = Vec::new();
    for option in options {
        match MOUNT_FLAGS.iter().find(|(name, _)| name == option) {
            Some((_, "")) => {}
            Some((_, flag)) => flags.push(*flag),
            None => data.push(option.clone()),
        }
    }
    (flags, data)
}

fn ordered(flags: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let flags: BTreeSet<&str> = flags.collect();
    ORDER.iter().copied().filter(|flag| flags.contains(flag)).collect()
}

/// Whether this operation binds the proc of the host in place of a new one.
pub(super) fn is_host_proc(op: &Op) -> bool {
    matches!(op, Op::Mount { source: At::Host(path) | At::Inside(path), fstype: None, flags, .. }
        if path == "/proc" && flags.contains(&"MS_REC"))
}
