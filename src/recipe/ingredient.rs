//! One thing that a learner adds to the recipe.
//!
//! Each ingredient prints itself as the line that adds it, so parsing and printing are inverse.

use std::collections::BTreeSet;

/// The kinds of namespace, by their name under `/proc/PID/ns` (namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// Mount points, `CLONE_NEWNS`.
    Mnt,
    /// Process ids, `CLONE_NEWPID`.
    Pid,
    /// Host and domain name, `CLONE_NEWUTS`.
    Uts,
    /// System V and POSIX message queues, `CLONE_NEWIPC`.
    Ipc,
    /// Network devices, ports, routes, `CLONE_NEWNET`.
    Net,
    /// User and group ids, capabilities, `CLONE_NEWUSER`.
    User,
    /// The root of the cgroup tree as seen, `CLONE_NEWCGROUP`.
    Cgroup,
}

impl Namespace {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 7] =
        [Self::Mnt, Self::Pid, Self::Uts, Self::Ipc, Self::Net, Self::User, Self::Cgroup];

    /// The name under `/proc/PID/ns`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnt => "mnt",
            Self::Pid => "pid",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Net => "net",
            Self::User => "user",
            Self::Cgroup => "cgroup",
        }
    }

    /// The long flag of unshare(1), without the dashes.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Mnt => "mount",
            other => other.name(),
        }
    }

    /// The flag of clone(2).
    pub const fn clone_flag(self) -> &'static str {
        match self {
            Self::Mnt => "CLONE_NEWNS",
            Self::Pid => "CLONE_NEWPID",
            Self::Uts => "CLONE_NEWUTS",
            Self::Ipc => "CLONE_NEWIPC",
            Self::Net => "CLONE_NEWNET",
            Self::User => "CLONE_NEWUSER",
            Self::Cgroup => "CLONE_NEWCGROUP",
        }
    }
}

/// Where the tools of the container's file system come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tools {
    /// BusyBox where the machine has it, its own tools where not (plain `rootfs`).
    Any,
    /// `rootfs busybox`: BusyBox is asked for; the machine's own tools stand in, with a note, where there is none.
    Busybox,
    /// `rootfs host`: the machine's own sh, ps, ls, cat, head…, with their libraries.
    Host,
    /// `rootfs image`: what the layers of the session's image hold.
    Image,
}

/// One mount inside, as mount(8) names it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mount {
    /// What is mounted: a name such as `proc`, or for a bind a path on the host.
    pub source: String,
    /// Where, an absolute path inside.
    pub target: String,
    /// How.
    pub kind: MountKind,
    /// `-o` options other than `bind`, as typed, in order (`ro`, `size=1m`, `mode=755`…).
    pub options: Vec<String>,
}

/// How a [`Mount`] is made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// `-t TYPE`: a new instance of a file system (proc, tmpfs, sysfs, devpts, mqueue).
    Fs(String),
    /// `--bind`: a file or directory of the host appears inside.
    Bind,
    /// `--rbind`: with everything mounted below it.
    Rbind,
}

/// The resources that can be limited, by their cgroup v2 name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Resource {
    /// Bytes of memory.
    #[serde(rename = "memory.max")]
    Memory,
    /// Number of processes and threads.
    #[serde(rename = "pids.max")]
    Pids,
    /// Microseconds of processor time a period.
    #[serde(rename = "cpu.max")]
    Cpu,
}

impl Resource {
    /// Every resource, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// The v2 file, which is also the name in the line grammar.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory.max",
            Self::Pids => "pids.max",
            Self::Cpu => "cpu.max",
        }
    }

    /// The controller that limits it.
    pub const fn controller(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }
}

/// How much of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Amount {
    /// No limit (`max`).
    Max,
    /// Bytes for memory, a count for pids.
    Number(u64),
    /// `cpu.max=QUOTA PERIOD`, both in microseconds.
    Cpu {
        /// Microseconds that may be used in a period.
        quota: u64,
        /// Length of the period in microseconds.
        period: u64,
    },
}

/// One limit of a control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Limit {
    /// What is limited.
    pub resource: Resource,
    /// To how much.
    pub amount: Amount,
}

/// One ingredient of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ingredient {
    /// `rootfs [busybox|host]`: the container's file system exists.
    Rootfs(Tools),
    /// `chroot`: the root is changed with chroot(2).
    Chroot,
    /// `pivot_root`: the root is changed with pivot_root(2) and the old one detached.
    PivotRoot,
    /// `unshare …`: namespaces of its own.
    Unshare {
        /// Which ones.
        namespaces: BTreeSet<Namespace>,
        /// `--mount-proc`: a proc of the new PID namespace at /proc.
        mount_proc: bool,
    },
    /// `mount …`: a mount inside.
    Mount(Mount),
    /// `cgroup …`: a control group, with these limits (none: the bare group).
    Cgroup(Vec<Limit>),
    /// `hostname NAME`.
    Hostname(String),
    /// `capdrop CAP…`: capabilities given up; the single name `all` is every one.
    Capdrop(BTreeSet<String>),
}
