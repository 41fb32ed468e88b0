//! Every condition: evidence of which it holds, evidence of which it does not, and what is told of it.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use crate::lab::check::{Check, Evidence, Verdict};
use crate::lab::conditions::CONDITIONS;
use crate::lab::diagnostic::Findings;
use crate::lab::fields::Fields;
use crate::lab::file::{Ablation, AblationRow, LabLine};
use crate::lab::read_check::read_checks;
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::line::{Command, Line};
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::{
    AblationOutcomes, AblationTable, Call, CallResult, End, GroupState, HostState, Job, LimitSeen,
    MemorySeen, NsPair, Outcome, Paired, Place, Seen, SeenMount, Victim,
};

/// The check with this condition, claimed of what ran inside.
fn check(condition: &str) -> Check {
    let source = format!("[[check]]\nclaim = \"it is so\"\n{condition}\n");
    let document = DeTable::parse(&source).unwrap();
    let mut findings = Findings::new("test.toml", &source);
    let fields = Fields::open(document.get_ref(), 0..0, &["check"], "a step", &mut findings);
    let checks = read_checks(&fields, Some(&three_rows()), &mut findings);
    let mistakes = findings.into_vec();
    assert!(mistakes.is_empty(), "{}", mistakes[0]);
    checks.into_iter().next().unwrap()
}

/// The table that `cell` and `changes` name.
fn three_rows() -> Ablation {
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
fn outcome() -> Outcome {
    Outcome {
        place: Place::Inside,
        command: "ps -A".to_owned(),
        job: None,
        calls: vec![Call { name: "execve".to_owned(), args: String::new(), result: CallResult::Value(0) }],
        end: End::Exited(0),
        stdout: "PID USER\n1 root\n".to_owned(),
        stderr: "a warning\n".to_owned(),
        truncated: false,
        interrupted: false,
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
    }
}

fn seen() -> Seen {
    let pair = |inside| NsPair { inside, host: 100 };
    Seen {
        pid: 24163,
        nspid: vec![24163, 1],
        namespaces: BTreeMap::from([(Namespace::Pid, pair(7)), (Namespace::Net, pair(100))]),
        root_own: true,
        root: "/".to_owned(),
        root_entries: ["bin", "dev", "etc", "proc", "sys"].map(str::to_owned).to_vec(),
        processes: Some(1),
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

fn host() -> HostState {
    HostState {
        mounts: vec!["/ ext4".to_owned(), "/proc proc".to_owned()],
        hostname: "desk".to_owned(),
        processes: 84,
        strays: Vec::new(),
        groups: Vec::new(),
        jobs: 0,
        directories: Vec::new(),
    }
}

fn job(alive: bool) -> Job {
    Job { number: 1, command: "sleep 1234".to_owned(), alive, seen: seen() }
}

fn table(rows: &[(&str, &str, End)]) -> AblationTable {
    let cell = |stdout: &str, end| Outcome { stdout: stdout.to_owned(), end, ..outcome() };
    let row = |(name, stdout, end): &(&str, &str, End)| AblationOutcomes {
        name: (*name).to_owned(),
        cells: vec![cell(stdout, *end)],
    };
    AblationTable { probes: vec!["ps -A".to_owned()], rows: rows.iter().map(row).collect() }
}

/// Evidence that owns what it shows.
struct Case {
    outcomes: Vec<Outcome>,
    jobs: Vec<Job>,
    then: HostState,
    now: HostState,
    ablation: Option<AblationTable>,
}

impl Case {
    fn new() -> Self {
        Self { outcomes: vec![outcome()], jobs: Vec::new(), then: host(), now: host(), ablation: None }
    }

    fn judge(&self, condition: &str) -> Verdict {
        check(condition).judge(&Evidence {
            outcomes: &self.outcomes,
            jobs: &self.jobs,
            host_then: &self.then,
            host_now: &self.now,
            ablation: self.ablation.as_ref(),
        })
    }
}

fn changed(change: impl FnOnce(&mut Outcome)) -> Case {
    let mut case = Case::new();
    change(&mut case.outcomes[0]);
    case
}

fn unseen(change: impl FnOnce(&mut Seen)) -> Case {
    changed(|outcome| change(outcome.seen.as_mut().unwrap()))
}

fn remembered(change: impl FnOnce(&mut MemorySeen)) -> Case {
    changed(|outcome| change(outcome.memory.as_mut().unwrap()))
}

fn on_host(change: impl FnOnce(&mut HostState)) -> Case {
    let mut case = Case::new();
    change(&mut case.now);
    case
}

fn group() -> GroupState {
    GroupState {
        path: "/sys/fs/cgroup/memory/rlab".to_owned(),
        controllers: vec!["memory".to_owned()],
        members: Vec::new(),
    }
}

fn refused(call: &str, errno: i32) -> Case {
    changed(|outcome| {
        outcome.end = End::Refused(errno);
        outcome.calls =
            vec![Call { name: call.to_owned(), args: String::new(), result: CallResult::Errno(errno) }];
        outcome.seen = None;
        outcome.memory = None;
    })
}

/// Condition; evidence of which it holds, and what is told then; evidence of which it does not, and what is told.
type Row = (&'static str, Case, &'static str, Case, &'static str);

fn of_the_end() -> Vec<Row> {
    let killed = || changed(|outcome| outcome.end = End::Signaled(9));
    let exited = |code| changed(|outcome| outcome.end = End::Exited(code));
    vec![
        ("exit = 0", Case::new(), "exit status 0", exited(3), "exit status 3"),
        ("exit = 137", exited(137), "exit status 137", killed(), "killed by SIGKILL, status 137"),
        ("status = 137", killed(), "killed by SIGKILL, status 137", Case::new(), "exit status 0"),
        ("status = 127", refused("execve", 2), "execve was refused: ENOENT", exited(1), "exit status 1"),
        ("status = 126", refused("execve", 13), "execve was refused: EACCES", exited(1), "exit status 1"),
        ("status = 125", refused("mount", 1), "mount was refused: EPERM", exited(1), "exit status 1"),
        ("signal = \"SIGKILL\"", killed(), "killed by SIGKILL, status 137", exited(137), "exit status 137"),
        ("signal = 9", killed(), "killed by SIGKILL, status 137", exited(9), "exit status 9"),
        (
            "errno = \"EPERM\"",
            refused("mount", 1),
            "mount was refused: EPERM",
            refused("mount", 2),
            "mount was refused: ENOENT",
        ),
        (
            "errno = \"EPERM\"\ncall = \"chroot\"",
            refused("chroot", 1),
            "chroot was refused: EPERM",
            refused("mount", 1),
            "mount was refused: EPERM",
        ),
    ]
}

fn of_the_output() -> Vec<Row> {
    let printed = |text: &'static str| changed(move |outcome| outcome.stdout = text.to_owned());
    vec![
        (
            "stdout = \"7340032\"",
            printed("7340032\n"),
            "output `7340032`",
            printed("17340032\n"),
            "output `17340032`",
        ),
        (
            "stdout_contains = [\"1 root\", \"PID\"]",
            Case::new(),
            "output `PID USER 1 root`",
            printed("PID\n"),
            "no `1 root` in the output, output `PID`",
        ),
        (
            "stdout_lacks = \"init\"",
            Case::new(),
            "output `PID USER 1 root`",
            printed("1 init"),
            "the output has `init`",
        ),
        ("stdout_lines = 2", Case::new(), "2 lines of output", printed("a\n"), "1 line of output"),
        (
            "stderr_contains = \"warn\"",
            Case::new(),
            "error output `a warning`",
            changed(|outcome| outcome.stderr.clear()),
            "no `warn` in the error output, no error output",
        ),
    ]
}

fn of_the_process() -> Vec<Row> {
    let sees = |count| unseen(move |seen| seen.processes = count);
    let as_on_host = || {
        unseen(|seen| {
            seen.nspid = vec![24163];
            seen.root_own = false;
            seen.root = "/tmp/root".to_owned();
            seen.root_entries = vec!["bin".to_owned(), "home".to_owned()];
            seen.mounts.clear();
        })
    };
    let root = "its root holds bin dev etc proc sys";
    let pids = "PID 1 inside, 24163 on the host";
    let same = "PID 24163 inside and on the host";
    vec![
        ("processes_seen = 1", Case::new(), "it sees 1 process", sees(Some(2)), "it sees 2 processes"),
        ("processes_seen = \">= 2\"", sees(Some(2)), "it sees 2 processes", sees(None), "no proc is mounted"),
        (
            "processes_seen = \"host\"",
            sees(Some(80)),
            "it sees 80 processes, the host has 84",
            Case::new(),
            "it sees 1 process, the host has 84",
        ),
        ("processes_seen = \"none\"", sees(None), "no proc is mounted", Case::new(), "it sees 1 process"),
        ("pid_inside = 1", Case::new(), pids, as_on_host(), same),
        ("pid_differs = true", Case::new(), pids, as_on_host(), same),
        ("pid_differs = false", as_on_host(), same, Case::new(), pids),
        (
            "namespace = { pid = \"own\" }",
            Case::new(),
            "pid namespace 7, the host's is 100",
            unseen(|seen| seen.namespaces.get_mut(&Namespace::Pid).unwrap().inside = 100),
            "pid namespace 100, as the host",
        ),
        (
            "namespace = { pid = \"own\", net = \"host\" }",
            Case::new(),
            "net namespace 100, as the host, pid namespace 7, the host's is 100",
            unseen(|seen| {
                seen.namespaces.remove(&Namespace::Net);
            }),
            "this kernel has no net namespace",
        ),
        ("root = \"own\"", Case::new(), "a root of its own", as_on_host(), "the host's root"),
        ("root = \"host\"", as_on_host(), "the host's root", Case::new(), "a root of its own"),
        (
            "root_path = \"/\"",
            Case::new(),
            "the host names its root `/`",
            as_on_host(),
            "the host names its root `/tmp/root`",
        ),
        (
            "root_entries = [\"sys\", \"proc\", \"etc\", \"dev\", \"bin\"]",
            Case::new(),
            root,
            unseen(|seen| seen.root_entries.push("usr".to_owned())),
            "its root holds bin dev etc proc sys usr",
        ),
        ("root_has = [\"bin\", \"sys\"]", Case::new(), root, as_on_host(), "its root has no `sys`"),
        (
            "mounted = { \"/proc\" = \"proc\", \"/dev/urandom\" = \"any\" }",
            Case::new(),
            "devtmpfs on /dev/urandom, proc on /proc",
            // What lies on top is what counts.
            unseen(|seen| {
                seen.mounts.push(SeenMount { target: "/proc".to_owned(), fstype: "tmpfs".to_owned() });
            }),
            "tmpfs on /proc",
        ),
        ("not_mounted = [\"/proc\"]", as_on_host(), "nothing on /proc", Case::new(), "proc on /proc"),
    ]
}

fn of_the_group() -> Vec<Row> {
    let unlimited = || changed(|outcome| outcome.limits[0].number = None);
    vec![
        (
            "limit = { \"memory.max\" = 7340032 }",
            Case::new(),
            "7340032 in memory.limit_in_bytes",
            changed(|outcome| outcome.limits.clear()),
            "no memory.max is set",
        ),
        (
            "limit = { \"memory.max\" = \"max\" }",
            unlimited(),
            "7340032 in memory.limit_in_bytes",
            Case::new(),
            "7340032 in memory.limit_in_bytes",
        ),
        (
            "oom_kill = 1",
            Case::new(),
            "oom_kill 2 → 3",
            remembered(|memory| memory.oom_kill_after = 2),
            "oom_kill 2 → 2",
        ),
        (
            "oom_kill = 0",
            remembered(|memory| memory.oom_kill_after = 2),
            "oom_kill 2 → 2",
            changed(|outcome| outcome.memory = None),
            "it ran in no group with a memory controller",
        ),
        (
            "peak_at_least = 3000000",
            Case::new(),
            "peak 7340032 B",
            remembered(|memory| memory.peak = Some(2_999_999)),
            "peak 2999999 B",
        ),
        (
            "peak_at_most = 7340032",
            Case::new(),
            "peak 7340032 B",
            remembered(|memory| memory.peak = Some(7_340_033)),
            "peak 7340033 B",
        ),
        (
            "victim = \"sh\"",
            remembered(|memory| memory.victim = Some(victim("sh"))),
            "the kernel killed `sh`",
            remembered(|memory| memory.victim = Some(victim("head"))),
            "the kernel killed `head`",
        ),
        (
            "victim = \"sh\"",
            Case::new(),
            "the kernel's log cannot be read here",
            remembered(|memory| memory.oom_kill_after = 2),
            "the kernel killed nothing",
        ),
    ]
}

fn victim(name: &str) -> Victim {
    Victim { pid: 24170, name: name.to_owned(), line: String::new() }
}

fn of_the_machine() -> Vec<Row> {
    let with_group = || on_host(|host| host.groups.push(group()));
    let joined = || {
        on_host(|host| {
            host.groups = vec![GroupState { members: vec![5], ..group() }; 2];
        })
    };
    let background = |alive| {
        let mut case = changed(|outcome| {
            outcome.command = "sleep 1234".to_owned();
            outcome.job = Some(1);
            outcome.end = End::Running;
        });
        case.jobs = vec![job(alive)];
        case.now.jobs = u32::from(alive);
        case
    };
    let runs = "`sleep 1234` runs as 24163 on the host";
    let stray = || {
        on_host(|host| {
            host.strays = vec![Paired { pid: 9, pid_inside: 1, command: "sleep 9".to_owned() }];
        })
    };
    let fine = "2 mounts, 84 processes, 0 cgroups of ours";
    vec![
        ("running = true", background(true), runs, background(false), "`sleep 1234` has ended"),
        (
            "running = false",
            background(false),
            "`sleep 1234` has ended",
            Case::new(),
            "it was not left running in the background",
        ),
        (
            "cgroup_exists = true",
            with_group(),
            "/sys/fs/cgroup/memory/rlab",
            Case::new(),
            "no control group of ours",
        ),
        (
            "cgroup_exists = false",
            Case::new(),
            "no control group of ours",
            with_group(),
            "/sys/fs/cgroup/memory/rlab",
        ),
        ("cgroup_members = 0", with_group(), "0 processes in the group", joined(), "1 process in the group"),
        ("cgroup_members = 1", joined(), "1 process in the group", Case::new(), "there is no control group"),
        ("jobs = 1", background(true), "1 background container", Case::new(), "0 background containers"),
        (
            "rootfs_exists = true",
            on_host(|host| host.directories.push("/tmp/rlab".to_owned())),
            "/tmp/rlab",
            Case::new(),
            "no root file system of ours",
        ),
        (
            "host_unchanged = true",
            Case::new(),
            fine,
            on_host(|host| host.mounts.push("/proc proc".to_owned())),
            "1 mount more: /proc proc",
        ),
        (
            "host_unchanged = true",
            on_host(|host| host.mounts.reverse()),
            fine,
            on_host(|host| {
                host.mounts.pop();
                host.hostname = "box".to_owned();
            }),
            "1 mount fewer: /proc proc, the host name is `box`, it was `desk`",
        ),
        ("host_unchanged = true", Case::new(), fine, stray(), "1 process out of a container: 9 `sleep 9`"),
        (
            "nothing_left = true",
            Case::new(),
            "no process, control group or directory of ours",
            with_group(),
            "still there: /sys/fs/cgroup/memory/rlab",
        ),
        (
            "nothing_left = true",
            Case::new(),
            "no process, control group or directory of ours",
            background(true),
            "still there: 1 background container",
        ),
    ]
}

fn every_row() -> Vec<Row> {
    [of_the_end(), of_the_output(), of_the_process(), of_the_group(), of_the_machine()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_condition_holds_and_fails_as_it_says() {
    for (condition, good, told, bad, told_of_bad) in every_row() {
        let verdict = good.judge(condition);
        assert_eq!((verdict.pass, verdict.observed.as_str()), (true, told), "{condition}");
        let verdict = bad.judge(condition);
        assert_eq!((verdict.pass, verdict.observed.as_str()), (false, told_of_bad), "{condition}");
    }
}

#[test]
fn no_condition_is_left_out_above() {
    let rows = every_row();
    let tried: BTreeSet<&str> =
        rows.iter().filter_map(|(condition, ..)| condition.split_whitespace().next()).collect();
    let known: BTreeSet<&str> = CONDITIONS.iter().map(|(key, _)| *key).collect();
    assert_eq!(tried, known);
}

#[test]
fn before_anything_ran_a_condition_on_an_outcome_fails() {
    let mut case = Case::new();
    case.outcomes.clear();
    assert_eq!(case.judge("status = 0").observed, "nothing was run yet");
    assert_eq!(case.judge("on = \"host\"\nstatus = 0").observed, "nothing was run on the host yet");
    assert!(!case.judge("stdout_lacks = \"x\"").pass);
}

#[test]
fn conditions_must_hold_of_one_and_the_same_outcome() {
    let both = "status = 0\npid_inside = 1";
    let mut case = unseen(|seen| seen.nspid = vec![24163]);
    case.outcomes.push(Outcome { end: End::Exited(1), ..outcome() });
    let verdict = case.judge(both);
    assert!(!verdict.pass);
    assert_eq!(verdict.observed, "exit status 1");
    case.outcomes.insert(0, outcome());
    let verdict = case.judge(both);
    assert!(verdict.pass, "an outcome before the latest may be the one");
    assert_eq!(verdict.observed, "exit status 0, PID 1 inside, 24163 on the host");
}

#[test]
fn a_condition_on_the_machine_is_needed_besides_the_outcome() {
    let mut case = Case::new();
    assert!(case.judge("status = 0\nnothing_left = true").pass);
    case.now.groups.push(group());
    let verdict = case.judge("status = 0\nnothing_left = true");
    assert_eq!((verdict.pass, verdict.observed.as_str()), (false, "still there: /sys/fs/cgroup/memory/rlab"));
}

#[test]
fn what_ran_on_the_host_says_nothing_about_inside() {
    let case = changed(|outcome| outcome.place = Place::Host);
    assert!(case.judge("on = \"host\"\nstatus = 0").pass);
    assert!(!case.judge("status = 0").pass);
}

#[test]
fn a_failure_tells_of_the_outcome_that_shows_most() {
    // The last line never got as far as a PID; the one before did.
    let mut case = unseen(|seen| seen.nspid = vec![24163]);
    case.outcomes.extend(refused("mount", 1).outcomes);
    assert_eq!(case.judge("pid_inside = 1").observed, "PID 24163 inside and on the host");
}

const HOST_LISTING: &str = "PID CMD\n1 a\n2 b\n3 c\n";

#[test]
fn the_row_at_which_an_answer_first_changes_is_found() {
    let changes = "changes = { \"ps -A\" = \"+ PID namespace\" }";
    let mut case = Case::new();
    case.now.processes = 4;
    assert_eq!(case.judge(changes).observed, "`ablate` was not run yet");
    case.ablation = Some(table(&[
        ("nothing", HOST_LISTING, End::Exited(0)),
        // Another process of the host has come: still the same answer.
        ("chroot", "PID CMD\n1 a\n2 b\n3 c\n4 d\n", End::Exited(0)),
        ("+ PID namespace", "PID CMD\n1 ps\n", End::Exited(0)),
    ]));
    let verdict = case.judge(changes);
    assert!(verdict.pass, "{}", verdict.observed);
    assert_eq!(verdict.observed, "`ps -A` at `+ PID namespace`: the host's processes → 1 process");
    let verdict = case.judge("changes = { \"ps -A\" = \"chroot\" }");
    assert!(!verdict.pass, "the answer is the same there");
}

#[test]
fn a_kill_is_a_change_and_no_change_is_told() {
    let mut case = Case::new();
    let changes = "changes = { \"ps -A\" = \"limit\" }";
    case.ablation = Some(table(&[("nothing", "", End::Exited(0)), ("limit", "", End::Signaled(9))]));
    let verdict = case.judge(changes);
    assert!(verdict.pass && verdict.observed.ends_with("exit status 0 → killed by SIGKILL, status 137"));
    case.ablation = Some(table(&[("nothing", "", End::Exited(0)), ("limit", "", End::Exited(0))]));
    assert_eq!(case.judge(changes).observed, "`ps -A` answers the same in every row");
}

#[test]
fn a_cell_is_judged_by_any_condition_on_an_outcome() {
    let mut case = Case::new();
    let condition = "cell = { row = \"limit\", probe = \"ps -A\" }\nstatus = 137";
    case.ablation = Some(table(&[("nothing", "", End::Exited(0)), ("limit", "", End::Signaled(9))]));
    assert!(case.judge(condition).pass);
    case.ablation = Some(table(&[("nothing", "", End::Signaled(9)), ("limit", "", End::Exited(0))]));
    assert!(!case.judge(condition).pass);
}
