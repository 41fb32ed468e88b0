//! What really happened: every call with its result, how the process ended, what it printed, what was observed.
//!
//! These are plain values. The sandbox fills them, checks judge them, `render` shows them, and `rlab run --format
//! json` prints them.

use std::collections::BTreeMap;

use nix::errno::Errno;

use crate::recipe::errno::Meaning;
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::machine::CgroupVersion;

/// Every call that rlab makes and may tell, in the order of the alphabet.
pub const CALLS: &[&str] = &[
    "capset",
    "chdir",
    "chroot",
    "clone",
    "clone3",
    "close_range",
    "dup3",
    "execve",
    "fchdir",
    "fsconfig",
    "fsmount",
    "fsopen",
    "ioctl",
    "mkdir",
    "mkdirat",
    "mknodat",
    "mount",
    "move_mount",
    "openat",
    "openat2",
    "pidfd_open",
    "pivot_root",
    "prctl",
    "read",
    "rmdir",
    "rt_sigaction",
    "rt_sigprocmask",
    "setgroups",
    "sethostname",
    "setns",
    "setresgid",
    "setresuid",
    "setsid",
    "symlinkat",
    "umount2",
    "unshare",
    "write",
];

/// One system call that was made, told in the notation of strace(1).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Call {
    /// Name of the system call, such as `clone3`.
    pub name: String,
    /// The arguments as strace prints them, without the parentheses, shortened with `…` where they only distract.
    pub args: String,
    /// What the kernel answered: the value, or the errno.
    pub result: CallResult,
    /// Where it was refused: what that means here, and the mend, as far as the table knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Meaning>,
}

impl Call {
    /// A call with its answer; what a refusal means is found out by who knows the place.
    pub fn new(name: impl Into<String>, args: impl Into<String>, result: CallResult) -> Self {
        Self { name: name.into(), args: args.into(), result, meaning: None }
    }

    /// The errno of a call that was refused.
    pub const fn errno(&self) -> Option<i32> {
        match self.result {
            CallResult::Errno(errno) => Some(errno),
            CallResult::Value(_) => None,
        }
    }
}

/// What the kernel answered to a [`Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallResult {
    /// The return value.
    Value(i64),
    /// The errno, by its number.
    Errno(i32),
}

/// How the process of a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// exit(status).
    Exited(i32),
    /// Killed by this signal number.
    Signaled(i32),
    /// A call before the program failed, so the program never ran: the last of the calls has the errno.
    Refused(i32),
    /// It stays in the background; `kill N` or the end of the lab ends it.
    Running,
}

impl End {
    /// The status a shell shows in `$?`: 128 + signal for a kill; for a program that never ran 127 where it is not
    /// there, 126 where it cannot be run, and 125 where a call before it was refused; none for one that still runs.
    /// `calls` are the calls of the same run.
    pub fn status(self, calls: &[Call]) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Signaled(signal) => Some(128 + signal),
            Self::Refused(errno) => Some(match calls.last() {
                Some(call) if call.name == "execve" && errno == Errno::ENOENT as i32 => 127,
                Some(call) if call.name == "execve" => 126,
                _ => 125,
            }),
            Self::Running => None,
        }
    }
}

/// Where a command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Under the recipe.
    Inside,
    /// On the host (`!COMMAND`).
    Host,
}

/// A namespace of the process beside that of rlab: inode numbers under `/proc/PID/ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct NsPair {
    /// Of the observed process.
    pub inside: u64,
    /// Of rlab.
    pub host: u64,
}

impl NsPair {
    /// Whether the process has a namespace of its own.
    pub const fn own(self) -> bool {
        self.inside != self.host
    }
}

/// A mount that a process sees, from `/proc/PID/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SeenMount {
    /// Mount point, relative to the root of the process.
    pub target: String,
    /// File system type.
    pub fstype: String,
}

/// What the host sees of a process that stands ready, the moment before its program starts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// PID on the host.
    pub pid: i32,
    /// The PID in each nested PID namespace, outermost first (`NSpid` of `/proc/PID/status`).
    pub nspid: Vec<i32>,
    /// Each namespace beside the host's.
    pub namespaces: BTreeMap<Namespace, NsPair>,
    /// Whether its root directory is another than the host's (device and inode differ).
    pub root_own: bool,
    /// Path of its root directory as the host names it (`/` after pivot_root).
    pub root: String,
    /// Names in its root directory, sorted.
    pub root_entries: Vec<String>,
    /// How many processes its /proc lists; `None` where nothing is mounted there.
    pub processes: Option<u32>,
    /// How many the host had in the same moment: on a busy machine the number says little a second later.
    pub host_processes: u32,
    /// Every mount it sees under its root.
    pub mounts: Vec<SeenMount>,
    /// Path of its group in each controller's tree, relative to that tree's root.
    pub cgroups: BTreeMap<String, String>,
    /// Capabilities in effect, as the bit mask `CapEff`.
    pub cap_eff: u64,
    /// The uid map, as in `/proc/PID/uid_map`, blanks folded.
    pub uid_map: String,
}

impl Seen {
    /// PID in the innermost PID namespace.
    pub fn pid_inside(&self) -> i32 {
        self.nspid.last().copied().unwrap_or(self.pid)
    }
}

/// One control file of the group: what was asked, what the kernel says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LimitSeen {
    /// Which resource.
    pub resource: Resource,
    /// Which generation.
    pub version: CgroupVersion,
    /// The file, absolute.
    pub file: String,
    /// What reading it gave, trimmed.
    pub value: String,
    /// The same as a number in the unit of the resource (bytes, processes, microseconds of quota); `None`: no limit.
    pub number: Option<u64>,
}

/// The memory side of a run in a control group.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MemorySeen {
    /// The group's kill counter before.
    pub oom_kill_before: u64,
    /// And after.
    pub oom_kill_after: u64,
    /// The most bytes the group held during this run; `None` where the kernel does not say.
    pub peak: Option<u64>,
    /// Who was killed, from the kernel's own log where it can be read.
    pub victim: Option<Victim>,
}

/// The process that the kernel killed for want of memory.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Victim {
    /// PID on the host.
    pub pid: i32,
    /// Name of the process.
    pub name: String,
    /// The kernel's own line; empty where its log says nothing of it.
    pub line: String,
}

/// What takes a while, as far as it has come. It is told again and again while it goes on, and no more when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A command runs.
    Running {
        /// As typed.
        command: String,
        /// For how long, in milliseconds.
        millis: u64,
        /// Bytes that its group holds and may hold, where it has such a limit.
        memory: Option<(u64, u64)>,
    },
    /// Tools are copied into a root: bytes so far, and of all of them.
    Copying(u64, u64),
    /// The state of a step is rebuilt: which line, from 1, of how many, and the line.
    Rebuilding(usize, usize, String),
    /// The table of `ablate` is filled: which cell, from 1, of how many, and its probe.
    Filling(usize, usize, String),
    /// What the machine can do is tried: a need's name.
    Trying(String),
}

/// A cap of rlab's own that a run has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capped {
    /// A fork was refused: so many processes are the most at once.
    Processes {
        /// How many.
        most: u64,
    },
    /// A process could write no further (SIGXFSZ, EFBIG): no file may be larger.
    File {
        /// How large.
        bytes: u64,
    },
    /// The line was ended: the session's directory may hold no more.
    Space {
        /// Bytes on the disk.
        bytes: u64,
        /// Or so many files.
        files: u64,
    },
    /// The line was ended: none may take longer.
    Time {
        /// How long.
        seconds: u64,
    },
}

impl Capped {
    /// One sentence: what the cap is, whose it is, and what to do about it.
    pub fn text(self) -> String {
        match self {
            Self::Processes { most } => format!(
                "rlab let it have {most} processes at once and the kernel refused more (EAGAIN); `cgroup pids.max=N` \
                 sets a limit of your own"
            ),
            Self::File { bytes } => format!(
                "rlab lets no file grow beyond {} MiB: who writes on is ended by SIGXFSZ, or told EFBIG",
                bytes >> 20
            ),
            Self::Space { bytes, files } => format!(
                "rlab ended it: what it wrote took more than {} MiB or {files} files of this machine's disk",
                bytes >> 20
            ),
            Self::Time { seconds } => {
                format!(
                    "rlab ended it after {seconds} seconds; `--time-limit SECONDS` sets another limit, 0 none"
                )
            }
        }
    }
}

/// What one command did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Where it ran.
    pub place: Place,
    /// The command as typed.
    pub command: String,
    /// The number of the background container, for `COMMAND &`.
    pub job: Option<u32>,
    /// Every narrated call, in the order in which it was made.
    pub calls: Vec<Call>,
    /// How it ended.
    pub end: End,
    /// What it wrote to standard output (at most [`OUTPUT_LIMIT`] bytes, invalid UTF-8 replaced).
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Whether output beyond the limit was thrown away.
    pub truncated: bool,
    /// Whether the learner interrupted it.
    pub interrupted: bool,
    /// The caps of rlab's own that it has met; none of them is the recipe's.
    pub capped: Vec<Capped>,
    /// What the host saw of it.
    pub seen: Option<Seen>,
    /// Limits of its group, read back.
    pub limits: Vec<LimitSeen>,
    /// Memory, where it ran in a group with a memory controller.
    pub memory: Option<MemorySeen>,
    /// How long it ran, in milliseconds.
    pub millis: u64,
}

impl Outcome {
    /// A command that ended so. Nothing else is known of it.
    pub fn new(place: Place, command: impl Into<String>, end: End) -> Self {
        Self {
            place,
            command: command.into(),
            job: None,
            calls: Vec::new(),
            end,
            stdout: String::new(),
            stderr: String::new(),
            truncated: false,
            interrupted: false,
            capped: Vec::new(),
            seen: None,
            limits: Vec::new(),
            memory: None,
            millis: 0,
        }
    }
}

/// Bytes kept of a command's output.
pub const OUTPUT_LIMIT: usize = 1 << 20;

/// What composing a recipe did on the host: a file system built, a group made.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Composed {
    /// The calls that were made, in order.
    pub calls: Vec<Call>,
    /// What else is worth knowing (`copied /usr/bin/busybox, 2.0 MB, static`), one sentence each.
    pub notes: Vec<String>,
    /// Limits as the kernel reads them back.
    pub limits: Vec<LimitSeen>,
}

/// A background container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Job {
    /// Its number, for `kill N`.
    pub number: u32,
    /// The command as typed.
    pub command: String,
    /// Whether it still runs.
    pub alive: bool,
    /// What the host sees of its first process.
    pub seen: Seen,
}

/// A process of a container, from both sides.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Paired {
    /// PID on the host.
    pub pid: i32,
    /// PID in the innermost namespace.
    pub pid_inside: i32,
    /// The command line, or the name in brackets.
    pub command: String,
}

/// `peek`: a background container looked at from inside and from the host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Peek {
    /// Which container.
    pub job: Job,
    /// Every process in it.
    pub processes: Vec<Paired>,
}

/// The control group of the session, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GroupState {
    /// Its directory.
    pub path: String,
    /// Which controllers have this directory (`memory` on v1; `memory pids cpu` on v2).
    pub controllers: Vec<String>,
    /// Host PIDs of the processes in it.
    pub members: Vec<i32>,
}

/// A control group as it is now, with what it allows and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupNow {
    /// Which.
    pub state: GroupState,
    /// Every limit of its controllers, read back; one without a number limits nothing.
    pub limits: Vec<LimitSeen>,
    /// Bytes of memory that its members hold; `None` without a memory controller.
    pub in_use: Option<u64>,
}

/// `map`: the host and every container that lives, as /proc shows them now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// The name of the machine.
    pub hostname: String,
    /// rlab itself, for the host.
    pub host: Seen,
    /// The containers, each as it is now.
    pub containers: Vec<Peek>,
    /// The control groups of this session.
    pub groups: Vec<GroupNow>,
}

/// The image of the session on disk, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImageState {
    /// Its directory.
    pub directory: String,
    /// Layers whose bytes are there and have the digest that is their name.
    pub layers: u32,
    /// Whether the index leads by manifest and config to just these layers, every size and digest right.
    pub complete: bool,
}

/// What of the host a lab could have changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HostState {
    /// The mount table of rlab's own namespace, one `target fstype` a mount.
    pub mounts: Vec<String>,
    /// The host name.
    pub hostname: String,
    /// How many processes the host has.
    pub processes: u32,
    /// Processes that came out of a container and are still there, without the background containers.
    pub strays: Vec<Paired>,
    /// Control groups of this session.
    pub groups: Vec<GroupState>,
    /// Background containers alive.
    pub jobs: u32,
    /// Work directories of this session.
    pub directories: Vec<String>,
    /// The work directory that holds a root file system, where there is one.
    pub rootfs: Option<String>,
    /// The image, where there is one.
    pub image: Option<ImageState>,
}

/// What `ablate` measured: the same probes under ever more ingredients.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AblationTable {
    /// The columns: the commands.
    pub probes: Vec<String>,
    /// The rows, in order.
    pub rows: Vec<AblationOutcomes>,
}

/// One row of an [`AblationTable`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AblationOutcomes {
    /// Name of the row.
    pub name: String,
    /// One outcome a probe.
    pub cells: Vec<Outcome>,
}
