//! A running process, taken apart: which of the ingredients it uses. Found by `sandbox::inspect`; here plain data, and
//! what it means.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::recipe::capability::NAMES;
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::{LimitSeen, NsPair};

/// The kinds of namespace that a process is asked for, in the order in which they are told: those of the line grammar,
/// and the one that it has no line for.
pub const KINDS: [&str; 8] = ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup", "time"];

/// How many processes rlab lets a container have where its recipe does not say.
pub const CAP: u64 = 512;

/// Everything that is known of a process. What could not be read is empty here and stands in `unread`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// PID here.
    pub pid: i32,
    /// The PID in each nested PID namespace, outermost first.
    pub nspid: Vec<i32>,
    /// Its words, or its name in brackets.
    pub command: String,
    /// State letter of `/proc/PID/stat`.
    pub state: char,
    /// The process that it is a thread of, where it is not the first.
    pub thread_of: Option<i32>,
    /// PID of its parent.
    pub parent: i32,
    /// Where its first thread has ended: another one that goes on.
    pub goes_on: Option<i32>,
    /// Whether it is a thread of the kernel, which has no program.
    pub kernel_thread: bool,
    /// Effective user and group id, as rlab's own user namespace has them.
    pub ids: (u32, u32),
    /// Each namespace beside rlab's own.
    pub namespaces: BTreeMap<&'static str, NsPair>,
    /// Its root.
    pub root: Option<Root>,
    /// The mounts below its root, the last one at each place.
    pub mounts: Vec<Mounted>,
    /// Whether its /proc lists the process itself under its own number.
    pub lists_itself: bool,
    /// Whether its shell is BusyBox.
    pub busybox: bool,
    /// Its group for each resource.
    pub groups: BTreeMap<Resource, Group>,
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// Those that rlab itself may hand on.
    pub own_bounding: u64,
    /// How system calls are filtered.
    pub seccomp: Seccomp,
    /// How many filters there are.
    pub filters: u32,
    /// Whether it can gain no right by running a program.
    pub no_new_privs: bool,
    /// How user ids are mapped, seen from rlab's user namespace.
    pub uid_map: Vec<MapRow>,
    /// How group ids are.
    pub gid_map: Vec<MapRow>,
    /// The host name that it sees.
    pub host_name: Option<String>,
    /// The one that rlab sees.
    pub own_host_name: String,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// What rlab itself may do about that.
    pub reader: Reader,
}

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reader {
    /// Whether it is root.
    pub root: bool,
    /// Whether it has `CAP_SYS_PTRACE`.
    pub traces: bool,
}

/// A part that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Which: a file below `/proc/PID`.
    pub what: String,
    /// Name of the errno.
    pub errno: String,
}

/// The root of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Whose it is.
    pub kind: RootKind,
    /// Its path, as the kernel names it: `/` is the root of its mount namespace.
    pub path: String,
}

/// Whose root a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RootKind {
    /// The same directory as rlab's.
    Host,
    /// A directory below the root of its mount namespace: chroot(2).
    Chroot,
    /// The root of a mount namespace that begins elsewhere: pivot_root(2).
    Pivot,
}

/// One mount of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mounted {
    /// Mount point, as the process names it.
    pub target: String,
    /// File system type.
    pub fstype: String,
    /// What was named as its source.
    pub source: String,
    /// Of a bind, what is seen there, as rlab names it; where that can be told.
    pub bound: Option<String>,
    /// Its options, those of the file system last.
    pub options: Vec<String>,
    /// Whether rlab's own mount namespace lacks it.
    pub own: bool,
}

/// The group of a process for one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Which generation.
    pub version: CgroupVersion,
    /// Its path in the tree.
    pub path: String,
    /// Whether rlab is in another one.
    pub own: bool,
    /// Its limit; `null` where the group has no such file, as the first of a tree.
    pub limit: Option<LimitSeen>,
    /// Of a limit of processor time, the microseconds of a period.
    pub period: Option<u64>,
    /// The tightest limit of the groups above, where one is tighter.
    pub above: Option<LimitSeen>,
    /// Of memory: bytes in use.
    pub in_use: Option<u64>,
    /// Of memory: how often the kernel has killed in it.
    pub oom_kill: Option<u64>,
}

/// The five sets of capabilities, as masks (capabilities(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// In effect.
    pub effective: u64,
    /// What it can bring into effect.
    pub permitted: u64,
    /// What a program that asks for it inherits.
    pub inheritable: u64,
    /// What it and its children can have at all.
    pub bounding: u64,
    /// What any program that it runs inherits.
    pub ambient: u64,
}

/// How system calls are filtered (seccomp(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// They are not.
    #[default]
    None,
    /// Only read, write, exit and sigreturn.
    Strict,
    /// By programs.
    Filter,
}

/// One row of an id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MapRow {
    /// The first id inside.
    pub inside: u64,
    /// The id that it is outside.
    pub outside: u64,
    /// How many.
    pub count: u64,
}

impl Process {
    /// Whether it has ended, and only its entry in the list is left (or another thread of it goes on).
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether it has a namespace of this kind of its own.
    pub fn own(&self, kind: &str) -> bool {
        self.namespaces.get(kind).is_some_and(|pair| pair.own())
    }

    /// Whether its root is another than rlab's.
    pub fn own_root(&self) -> bool {
        self.root.as_ref().is_some_and(|root| root.kind != RootKind::Host)
    }

    /// Whether its /proc is older than its PID namespace: it lists the processes of another one.
    pub fn stale_proc(&self) -> bool {
        let has_one = self.mounts.iter().any(|mount| mount.target == "/proc" && mount.fstype == "proc");
        self.own("pid") && has_one && !self.lists_itself
    }
}

/// The names of a set, by number. A number that rlab has no name for yet is told as such.
pub fn names(set: u64) -> Vec<String> {
    let numbers = (0..u64::BITS).filter(|number| set >> number & 1 == 1);
    numbers
        .map(|number| {
            let name = usize::try_from(number).ok().and_then(|at| NAMES.get(at));
            name.map_or_else(|| format!("CAP_{number}"), |name| (*name).to_owned())
        })
        .collect()
}

/// Reads an id map, `INSIDE OUTSIDE COUNT` a line.
pub fn id_map(text: &str) -> Vec<MapRow> {
    let row = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(MapRow { inside: next()?, outside: next()?, count: next()? })
    };
    text.lines().filter_map(row).collect()
}
