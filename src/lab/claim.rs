//! The conditions that a check can be made of: a closed set of plain values.

use std::collections::{BTreeMap, BTreeSet};

use crate::lab::number::Number;
use crate::recipe::ingredient::{Namespace, Resource};

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The container has one of its own.
    Own,
    /// It is the host's.
    Host,
}

/// How many processes the container's /proc lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// This many.
    Count(Number),
    /// Those of the host: at least two, and at least half of what the host had in that moment. (The number on the host
    /// moves all the time; a PID namespace with its own proc lists exactly one as its program starts.)
    Host,
    /// None at all: no proc is mounted, or nothing is in it.
    None,
}

/// What a control file of the group says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitClaim {
    /// No limit.
    Max,
    /// This number, in the unit of the resource (bytes, processes, microseconds of quota).
    Number(Number),
}

/// A condition on one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeClaim {
    /// `exit`: the program ended by itself with this status.
    Exit(Number),
    /// `status`: `$?` of a shell, 128 + signal for a kill.
    Status(Number),
    /// `signal`: killed by the signal of this number.
    Signal(i32),
    /// `errno`, with `call`: a narrated call was refused so.
    Errno {
        /// The errno's number.
        errno: i32,
        /// Only this system call.
        call: Option<String>,
    },
    /// `stdout`: the whole of it, blanks at both ends aside.
    Stdout(String),
    /// `stdout_contains`: all of these.
    StdoutContains(Vec<String>),
    /// `stdout_lacks`: none of these.
    StdoutLacks(Vec<String>),
    /// `stdout_lines`: how many lines.
    StdoutLines(Number),
    /// `stderr_contains`: all of these.
    StderrContains(Vec<String>),
    /// `running`: whether it is a background container that is alive now.
    Running(bool),
    /// `limit`: what the kernel reads back.
    Limits(BTreeMap<Resource, LimitClaim>),
    /// What the group's memory controller counted.
    Memory(MemoryClaim),
    /// What the host saw of the process.
    Seen(SeenClaim),
}

/// A condition on what the group's memory controller counted during the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryClaim {
    /// `oom_kill`: how many kills the group counted during the run.
    OomKill(Number),
    /// `peak_at_least`: bytes.
    PeakAtLeast(u64),
    /// `peak_at_most`: bytes.
    PeakAtMost(u64),
    /// `victim`: the name of the process that the kernel killed, from its own log.
    Victim(String),
}

/// A condition on what the host saw of the process, the moment before its program started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenClaim {
    /// `processes_seen`.
    ProcessesSeen(Processes),
    /// `pid_inside`: the PID in the innermost namespace.
    PidInside(Number),
    /// `pid_differs`: whether the PID inside is another than on the host.
    PidDiffers(bool),
    /// `namespace`: whose namespace, by kind.
    Namespaces(BTreeMap<Namespace, Owner>),
    /// `root`: whose root directory.
    Root(Owner),
    /// `root_path`: the root directory as the host names it.
    RootPath(String),
    /// `root_entries`: exactly these names in the root directory.
    RootEntries(BTreeSet<String>),
    /// `root_has`: at least these names.
    RootHas(BTreeSet<String>),
    /// `mounted`: the type of what is mounted at each target; `any` is any type.
    Mounted(BTreeMap<String, String>),
    /// `not_mounted`: nothing is mounted at any of these.
    NotMounted(BTreeSet<String>),
    /// `capability`: by canonical name, whether it is in effect.
    Capabilities(BTreeMap<&'static str, bool>),
}

/// A condition on the machine as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateClaim {
    /// `cgroup_exists`: whether the session has a control group.
    CgroupExists(bool),
    /// `cgroup_members`: how many processes are in it.
    CgroupMembers(Number),
    /// `jobs`: how many background containers are alive.
    Jobs(Number),
    /// `rootfs_exists`: whether the session has a root file system on disk.
    RootfsExists(bool),
    /// `image_layers`: how many layers the session's image has on disk, their digests right.
    ImageLayers(Number),
    /// `image_complete`: whether its index leads to all of them, every size and digest right.
    ImageComplete(bool),
    /// `host_unchanged`: mount table and host name as when the lab began, and no stray process.
    HostUnchanged,
    /// `nothing_left`: no container, process, control group or directory of the session.
    NothingLeft,
}

/// A cell of the ablation table: `cell = { row = "+ PID namespace", probe = "ps -A" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Name of the row.
    pub row: String,
    /// The probe.
    pub probe: String,
}

/// `changes = { "ps -A" = "+ PID namespace" }`: the answer of the probe changes for the first time in that row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The probe.
    pub probe: String,
    /// Name of the row.
    pub row: String,
}
