//! Hand-made values for the tests of this room.

use std::collections::BTreeMap;

use crate::error::Trouble;
use crate::lab::check::Verdict;
use crate::lab::file::{Answer, Predict};
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::*;
use crate::recipe::process::Process;
use crate::session::event::{Event, Graded, LabStatus, Position, StepStatus, Undone};
use crate::session::progress::{Agreement, Prediction, Solver, Tally};

/// Values that differ from run to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Volatile {
    pub(super) pid: i32,
    pub(super) namespace: u64,
    pub(super) processes: u32,
    pub(super) peak: u64,
    pub(super) start: u64,
}

pub(super) const ONE: Volatile =
    Volatile { pid: 24163, namespace: 4_026_532_501, processes: 84, peak: 7_340_032, start: 8_814_422 };

pub(super) const OTHER: Volatile =
    Volatile { pid: 991, namespace: 4_026_533_000, processes: 79, peak: 7_335_936, start: 12 };

impl Volatile {
    fn work(&self) -> String {
        format!("/tmp/rlab.{}.{}/rootfs", self.pid - 5, self.start)
    }

    fn group(&self) -> String {
        format!("rlab.{}.{}", self.pid - 5, self.start)
    }
}

/// The first step by hand, the second with help.
pub(super) fn tally(step: usize) -> Tally {
    let said = |said: &str| Prediction {
        said: said.to_owned(),
        right: Some("none".to_owned()),
        verdict: Some(if said == "none" { Agreement::Right } else { Agreement::Wrong }),
    };
    match step {
        0 => Tally { attempts: 1, tries: 2, millis: 61_000, solved: Some(Solver::Hand), ..Tally::default() },
        _ => Tally {
            attempts: 2,
            tries: 5,
            hints: 4,
            millis: 3_700_000,
            prediction: Some(said("one")),
            solved: Some(Solver::Solve),
        },
    }
}

pub(super) fn call(name: &str, args: &str, value: i64) -> Call {
    Call::new(name, args, CallResult::Value(value))
}

pub(super) fn failed(name: &str, args: &str, errno: i32) -> Call {
    Call { result: CallResult::Errno(errno), ..call(name, args, 0) }
}

pub(super) fn seen(v: Volatile, own_pid: bool, processes: Option<u32>) -> Seen {
    let mut namespaces = BTreeMap::new();
    for (at, kind) in Namespace::ALL.into_iter().enumerate() {
        let host = 4_026_531_835 + at as u64;
        let own = kind == Namespace::Mnt || (own_pid && kind == Namespace::Pid);
        namespaces.insert(kind, NsPair { inside: if own { v.namespace + at as u64 } else { host }, host });
    }
    Seen {
        pid: v.pid,
        nspid: if own_pid { vec![v.pid, 1] } else { vec![v.pid] },
        namespaces,
        root_own: true,
        root: v.work(),
        root_entries: ["bin", "dev", "etc", "proc", "sys"].map(str::to_owned).to_vec(),
        processes,
        host_processes: v.processes,
        mounts: vec![SeenMount { target: "/proc".to_owned(), fstype: "proc".to_owned() }],
        cgroups: BTreeMap::from([("memory".to_owned(), format!("/{}", v.group()))]),
        cap_eff: 0x1ff_ffff_ffff,
        uid_map: "0 0 4294967295".to_owned(),
    }
}

pub(super) fn outcome(command: &str, stdout: &str, seen: Seen) -> Outcome {
    Outcome {
        calls: vec![
            call("clone3", "{flags=CLONE_NEWPID|CLONE_NEWNS, exit_signal=SIGCHLD}", i64::from(seen.pid)),
            call("chroot", &format!("\"{}\"", seen.root), 0),
            call("mount", "\"proc\", \"/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL", 0),
            call("execve", "\"/bin/ps\", [\"ps\", \"-A\"], 0x… /* 4 vars */", 0),
        ],
        stdout: stdout.to_owned(),
        seen: Some(seen),
        millis: 7,
        ..Outcome::new(Place::Inside, command, End::Exited(0))
    }
}

pub(super) fn host_ps(v: Volatile) -> String {
    let mut out = "PID   USER     TIME  COMMAND\n".to_owned();
    for at in 0..v.processes {
        let pid = if at == 0 { 1 } else { v.pid - 200 + at as i32 };
        out.push_str(&format!(
            "{pid:5} root      0:0{}  /usr/lib/process-{at} --with a long command line\n",
            at % 10
        ));
    }
    out
}

pub(super) fn probe_before(v: Volatile) -> Outcome {
    let mut seen = seen(v, false, Some(v.processes));
    seen.pid -= 2;
    seen.nspid = vec![seen.pid];
    outcome("ps -A", &host_ps(v), seen)
}

pub(super) fn probe_after(v: Volatile) -> Outcome {
    let stdout = "PID   USER     TIME  COMMAND\n    1 root      0:00 ps -A\n";
    outcome("ps -A", stdout, seen(v, true, Some(1)))
}

pub(super) fn killed(v: Volatile) -> Outcome {
    let mut outcome = outcome("data=$(head -c 7500000 /dev/urandom)", "", seen(v, true, Some(1)));
    outcome.end = End::Signaled(9);
    outcome.limits = vec![LimitSeen {
        resource: Resource::Memory,
        version: CgroupVersion::V1,
        file: format!("/sys/fs/cgroup/memory/{}/memory.limit_in_bytes", v.group()),
        value: "7340032".to_owned(),
        number: Some(7_340_032),
    }];
    outcome.memory = Some(MemorySeen {
        oom_kill_before: 0,
        oom_kill_after: 1,
        peak: Some(v.peak),
        victim: Some(Victim {
            pid: v.pid,
            name: "sh".to_owned(),
            line: format!("Memory cgroup out of memory: Killed process {} (sh)", v.pid),
        }),
    });
    outcome
}

pub(super) fn refused(v: Volatile) -> Outcome {
    let mut outcome = outcome("id", "", seen(v, false, None));
    outcome.calls = vec![
        call("clone3", "{flags=CLONE_NEWUSER, exit_signal=SIGCHLD}", i64::from(v.pid)),
        failed("mount", "\"proc\", \"/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL", 1),
    ];
    outcome.end = End::Refused(1);
    outcome.seen = None;
    outcome
}

pub(super) fn job(v: Volatile) -> Job {
    Job { number: 1, command: "sleep 1234".to_owned(), alive: true, seen: seen(v, true, Some(1)) }
}

pub(super) fn peek(v: Volatile) -> Peek {
    let processes = vec![
        Paired { pid: v.pid, pid_inside: 1, command: "sh -c sleep 1234 | cat".to_owned() },
        Paired { pid: v.pid + 1, pid_inside: 2, command: "sleep 1234".to_owned() },
        Paired { pid: v.pid + 2, pid_inside: 3, command: "cat".to_owned() },
    ];
    Peek { job: job(v), processes }
}

pub(super) fn host(v: Volatile) -> HostState {
    HostState {
        mounts: (0..31).map(|at| format!("/mnt/{at} tmpfs")).collect(),
        hostname: "workshop".to_owned(),
        processes: v.processes,
        strays: Vec::new(),
        groups: vec![GroupState {
            path: format!("/sys/fs/cgroup/memory/{}", v.group()),
            controllers: vec!["memory".to_owned()],
            members: vec![v.pid],
        }],
        jobs: 1,
        directories: vec![v.work().trim_end_matches("/rootfs").to_owned()],
        rootfs: None,
        image: None,
    }
}

/// The host, a container with namespaces of its own and one that shares all but its root.
pub(super) fn map(v: Volatile) -> Map {
    let host = Seen {
        pid: v.pid - 5,
        nspid: vec![v.pid - 5],
        root_own: false,
        root: "/".to_owned(),
        cgroups: BTreeMap::from([("memory".to_owned(), "/".to_owned())]),
        namespaces: seen(v, false, None)
            .namespaces
            .into_iter()
            .map(|(kind, pair)| (kind, NsPair { inside: pair.host, host: pair.host }))
            .collect(),
        ..seen(v, false, Some(v.processes))
    };
    let mut other = peek(v);
    other.job.number = 2;
    other.job.command = "sleep 600".to_owned();
    other.job.seen = Seen { pid: v.pid + 9, nspid: vec![v.pid + 9], ..seen(v, false, Some(v.processes)) };
    other.processes = vec![Paired { pid: v.pid + 9, pid_inside: v.pid + 9, command: "sleep 600".to_owned() }];
    let state = super::samples::host(v).groups.remove(0);
    let groups = vec![GroupNow { state, limits: killed(v).limits, in_use: Some(v.peak) }];
    Map { hostname: "workshop".to_owned(), host, containers: vec![peek(v), other], groups }
}

pub(super) fn table(v: Volatile) -> AblationTable {
    let mut hostname = probe_before(v);
    hostname.command = "hostname".to_owned();
    hostname.stdout = "workshop\n".to_owned();
    let mut lived = hostname.clone();
    lived.stdout = String::new();
    let mut header = probe_after(v);
    header.stdout = "PID   USER     TIME  COMMAND\n".to_owned();
    let row = |name: &str, cells: [&Outcome; 3]| AblationOutcomes {
        name: name.to_owned(),
        cells: cells.into_iter().cloned().collect(),
    };
    AblationTable {
        probes: ["ps -A", "hostname", "data=$(head -c 7500000 /dev/urandom)"].map(str::to_owned).to_vec(),
        rows: vec![
            row("nothing", [&probe_before(v), &hostname, &lived]),
            row("+ chroot", [&header, &hostname, &lived]),
            row("+ PID namespace", [&probe_after(v), &hostname, &lived]),
            row("+ memory limit", [&probe_after(v), &hostname, &killed(v)]),
        ],
    }
}

pub(super) fn position() -> Position {
    Position {
        book: Some("pid-namespace.html#isolate".to_owned()),
        lab: "pid-namespace".to_owned(),
        lab_title: "A process tree of its own".to_owned(),
        lab_number: Some((2, 4)),
        step: "isolate".to_owned(),
        step_title: "Give it a PID namespace".to_owned(),
        step_number: 3,
        steps: 6,
    }
}

pub(super) const SAY: &str = "A **PID namespace** gives a process a tree of its own. `unshare(2)` moves *no one*: the \
next child becomes PID 1, and sees nothing of `/proc` but what [the manual](https://man7.org/pid_namespaces.7) says:\n\n\
- its own children, which is a rather long item so that it has to be wrapped at some width or other\n\
- nothing else\n\n```\nps -A\n```\n\nTry it.";

pub(super) fn trouble() -> Trouble {
    Trouble::usage("unknown word `chrot`")
        .because("no lab word, and no program of that name is in `/bin` of the container's file system, which is small")
        .hint("did you mean `chroot`? `run chrot` runs a program of that name")
}

/// Every variant of an event, at least once.
pub(super) fn all(v: Volatile) -> Vec<Event> {
    let prompt = "chroot+proc".to_owned();
    let predict = Predict {
        ask: "How many processes will `ps -A` list?".to_owned(),
        choices: ["every process of this machine", "only its own", "none"].map(str::to_owned).to_vec(),
        answer: Answer::Choice(2),
    };
    let verdict = |claim: &str, pass, observed: String| Verdict { claim: claim.to_owned(), pass, observed };
    let mut stays = outcome("sleep 1234", "", seen(v, true, Some(1)));
    stays.end = End::Running;
    stays.job = Some(1);
    let mut inner = killed(v);
    inner.end = End::Exited(137);
    let mut missing = outcome("frobnicate", "", seen(v, true, Some(1)));
    missing.end = End::Exited(127);
    missing.stderr = "sh: frobnicate: not found\n".to_owned();
    vec![
        Event::LabBegins {
            lab: "pid-namespace".to_owned(),
            title: "A process tree of its own".to_owned(),
            number: Some((2, 4)),
            minutes: 10,
            steps: 6,
        },
        Event::Line { prompt: "bare".to_owned(), text: "rootfs busybox".to_owned() },
        Event::Composed(Composed {
            calls: vec![call("mkdir", &format!("\"{}\", 0755", v.work()), 0)],
            notes: vec![format!("copied /usr/bin/busybox to {}/bin, 2.0 MB, static", v.work())],
            limits: killed(v).limits,
        }),
        Event::StepBegins {
            position: position(),
            say: SAY.to_owned(),
            predict: Some(predict),
            type_line: Some("sudo unshare -f -p --mount-proc=$PWD/proc chroot . /bin/busybox sh".to_owned()),
            suggestion: Some("unshare --pid --mount-proc".to_owned()),
        },
        Event::ProbedBefore(probe_before(v)),
        Event::Predicted { said: "only its own".to_owned() },
        Event::Line { prompt: prompt.clone(), text: "unshare --pid --mount-proc".to_owned() },
        Event::Composed(Composed::default()),
        Event::BeforeAfter { before: Some(probe_before(v)), after: probe_after(v) },
        Event::BeforeAfter { before: None, after: probe_after(v) },
        Event::Judged(vec![
            verdict("it is PID 1 of its namespace", true, format!("PID 1 inside, {} on the host", v.pid)),
            verdict(
                "the host did not change",
                false,
                format!("31 mounts, {} processes, 0 cgroups of ours", v.processes),
            ),
        ]),
        Event::StepDone {
            step: (3, 6),
            graded: Some(Graded {
                said: "every process of the machine".to_owned(),
                right: "only its own".to_owned(),
                agrees: false,
                close: false,
            }),
            why: Some("Because the kernel counts *per namespace*.\n\nAnd a second paragraph.".to_owned()),
            solved_for: true,
        },
        Event::StepFailed(Undone::Check),
        Event::Line { prompt: prompt.clone(), text: "ps -A".to_owned() },
        Event::Calls(probe_before(v).calls),
        Event::Output { text: host_ps(v), stderr: false },
        Event::Ended(probe_before(v)),
        Event::Line { prompt: prompt.clone(), text: killed(v).command },
        Event::Calls(killed(v).calls),
        Event::Ended(killed(v)),
        Event::Line { prompt: prompt.clone(), text: "sh -c 'toomuch'".to_owned() },
        Event::Ended(inner),
        Event::Line { prompt: prompt.clone(), text: "id".to_owned() },
        Event::Calls(refused(v).calls),
        Event::Ended(refused(v)),
        Event::Line { prompt: prompt.clone(), text: "frobnicate".to_owned() },
        Event::Output { text: missing.stderr.clone(), stderr: true },
        Event::Ended(missing),
        Event::Line { prompt, text: "sleep 1234 &".to_owned() },
        Event::Ended(stays),
        Event::Jobs(vec![job(v)]),
        Event::Jobs(Vec::new()),
        Event::Peeked(peek(v)),
        Event::Inspected(Box::new(Process {
            pid: v.pid,
            nspid: vec![v.pid, 1],
            command: "sleep 1234".to_owned(),
            ..Process::default()
        })),
        Event::Map(map(v)),
        Event::Ablated(table(v)),
        Event::Hint { number: 1, of: 4, text: "Which flag of `unshare` is about processes?".to_owned() },
        Event::Why("Because.".to_owned()),
        Event::Recipe(vec![("shell".to_owned(), "set -eu\nchroot rootfs sh".to_owned())]),
        Event::Status {
            position: Some(position()),
            steps: ["Look", "Stale proc", "Give it a PID namespace", "Both sides"]
                .into_iter()
                .enumerate()
                .map(|(at, title)| StepStatus {
                    title: title.to_owned(),
                    done: at < 2,
                    tally: (at < 2).then(|| tally(at)),
                })
                .collect(),
            recipe: vec!["rootfs".to_owned(), "chroot".to_owned()],
        },
        Event::Labs(vec![LabStatus {
            id: "chroot".to_owned(),
            title: "Change the root".to_owned(),
            minutes: 10,
            done: (3, 3),
        }]),
        Event::Help("`next` goes on.".to_owned()),
        Event::Note("the mount namespace was added for the mount".to_owned()),
        Event::Trouble(trouble()),
        Event::LabSkipped {
            lab: "memory-cgroup".to_owned(),
            title: "A limit of memory".to_owned(),
            trouble: Trouble::cannot("this machine has no memory controller").hint("mount cgroup2"),
        },
        Event::StepsSkipped {
            steps: vec![position()],
            trouble: Trouble::cannot("this machine has no memory controller").hint("mount cgroup2"),
        },
        Event::LabDone { lab: "pid-namespace".to_owned(), next: Some("memory-cgroup".to_owned()) },
    ]
}
