//! Evidence to judge by, made by hand.

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::lab::check::{Check, Evidence, Verdict};
use crate::lab::diagnostic::Findings;
use crate::lab::file::{Ablation, AblationRow, LabLine};
use crate::lab::read::check::read_checks;
use crate::lab::read::fields::Fields;
use crate::lab::read::schema;
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::line::{Command, Line};
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::{
    AblationOutcomes, AblationTable, Call, CallResult, End, GroupState, HostState, ImageState, Job,
    LimitSeen, MemorySeen, NsPair, Outcome, Place, Seen, SeenMount,
};

/// The check with this condition, claimed of what ran inside.
pub(super) fn check(condition: &str) -> Check {
    let source = format!("[[check]]\nclaim = \"it is so\"\n{condition}\n");
    let document = DeTable::parse(&source).unwrap();
    let mut findings = Findings::new("test.toml", &source);
    let fields = Fields::open(document.get_ref(), 0..0, &schema::STEP, &mut findings);
    let checks = read_checks(&fields, Some(&three_rows()), &mut findings);
    let mistakes = findings.into_vec();
    assert!(mistakes.is_empty(), "{}", mistakes[0]);
    checks.into_iter().next().unwrap()
}

/// The table that `cell` and `changes` name.
pub(super) fn three_rows() -> Ablation {
    let argv = vec!["ps".to_owned(), "-A".to_owned()];
    let text = "ps -A".to_owned();
    let probe = LabLine { text: text.clone(), line: Line::Run(Command { argv, text }) };
    let row = |name: &str| AblationRow { name: name.to_owned(), lines: Vec::new() };
    Ablation {
        probes: vec![probe],
        rows: ["nothing", "chroot", "+ PID namespace", "limit"].map(row).to_vec(),
    }
}

/// A container with everything of its own, in a group, that ended well.
pub(super) fn outcome() -> Outcome {
    Outcome {
        calls: vec![Call::new("execve", "", CallResult::Value(0))],
        stdout: "PID USER\n1 root\n".to_owned(),
        stderr: "a warning\n".to_owned(),
        seen: Some(seen()),
        limits: vec![LimitSeen {
            resource: Resource::Memory,
            version: CgroupVersion::V1,
            file: "/sys/fs/cgroup/memory/rlab/memory.limit_in_bytes".to_owned(),
            value: "7340032".to_owned(),
            number: Some(7_340_032),
        }],
        memory: Some(MemorySeen {
            oom_kill_before: 2,
            oom_kill_after: 3,
            peak: Some(7_340_032),
            victim: None,
        }),
        millis: 3,
        ..Outcome::new(Place::Inside, "ps -A", End::Exited(0))
    }
}

pub(super) fn seen() -> Seen {
    let pair = |inside| NsPair { inside, host: 100 };
    Seen {
        pid: 24163,
        nspid: vec![24163, 1],
        namespaces: BTreeMap::from([(Namespace::Pid, pair(7)), (Namespace::Net, pair(100))]),
        root_own: true,
        root: "/".to_owned(),
        root_entries: ["bin", "dev", "etc", "proc", "sys"].map(str::to_owned).to_vec(),
        processes: Some(1),
        host_processes: 84,
        mounts: vec![
            SeenMount { target: "/proc".to_owned(), fstype: "proc".to_owned() },
            SeenMount { target: "/dev/urandom".to_owned(), fstype: "devtmpfs".to_owned() },
        ],
        cgroups: BTreeMap::new(),
        // CAP_CHOWN alone.
        cap_eff: 1,
        uid_map: "0 0 4294967295".to_owned(),
    }
}

pub(super) fn host() -> HostState {
    HostState {
        mounts: vec!["/ ext4".to_owned(), "/proc proc".to_owned()],
        hostname: "desk".to_owned(),
        processes: 84,
        strays: Vec::new(),
        groups: Vec::new(),
        jobs: 0,
        directories: Vec::new(),
        rootfs: None,
        image: None,
    }
}

pub(super) fn job(alive: bool) -> Job {
    Job { number: 1, command: "sleep 1234".to_owned(), alive, seen: seen() }
}

pub(super) fn table(rows: &[(&str, &str, End)]) -> AblationTable {
    let cell = |stdout: &str, end| Outcome { stdout: stdout.to_owned(), end, ..outcome() };
    let row = |(name, stdout, end): &(&str, &str, End)| AblationOutcomes {
        name: (*name).to_owned(),
        cells: vec![cell(stdout, *end)],
    };
    AblationTable { probes: vec!["ps -A".to_owned()], rows: rows.iter().map(row).collect() }
}

/// Evidence that owns what it shows.
pub(super) struct Case {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) jobs: Vec<Job>,
    pub(super) then: HostState,
    pub(super) now: HostState,
    pub(super) ablation: Option<AblationTable>,
}

impl Case {
    pub(super) fn new() -> Self {
        Self { outcomes: vec![outcome()], jobs: Vec::new(), then: host(), now: host(), ablation: None }
    }

    pub(super) fn judge(&self, condition: &str) -> Verdict {
        check(condition).judge(&Evidence {
            outcomes: &self.outcomes,
            jobs: &self.jobs,
            host_then: &self.then,
            host_now: &self.now,
            ablation: self.ablation.as_ref(),
        })
    }
}

pub(super) fn changed(change: impl FnOnce(&mut Outcome)) -> Case {
    let mut case = Case::new();
    change(&mut case.outcomes[0]);
    case
}

pub(super) fn unseen(change: impl FnOnce(&mut Seen)) -> Case {
    changed(|outcome| change(outcome.seen.as_mut().unwrap()))
}

pub(super) fn remembered(change: impl FnOnce(&mut MemorySeen)) -> Case {
    changed(|outcome| change(outcome.memory.as_mut().unwrap()))
}

pub(super) fn on_host(change: impl FnOnce(&mut HostState)) -> Case {
    let mut case = Case::new();
    change(&mut case.now);
    case
}

pub(super) fn image(layers: u32, complete: bool) -> Case {
    on_host(|host| {
        host.image = Some(ImageState { directory: "/tmp/rlab/image".to_owned(), layers, complete });
    })
}

pub(super) fn group() -> GroupState {
    GroupState {
        path: "/sys/fs/cgroup/memory/rlab".to_owned(),
        controllers: vec!["memory".to_owned()],
        members: Vec::new(),
    }
}

pub(super) fn refused(call: &str, errno: i32) -> Case {
    changed(|outcome| {
        outcome.end = End::Refused(errno);
        outcome.calls = vec![Call::new(call, "", CallResult::Errno(errno))];
        outcome.seen = None;
        outcome.memory = None;
    })
}
