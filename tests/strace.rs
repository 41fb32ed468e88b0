//! The narrated calls are the calls that were made: `strace -f` sees the same ones in the same order, with the same
//! arguments and the same answers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::Path;
use std::process::Command;

use support::{LABS, can_run_labs, has, status, stdout, without_clone3};

/// Every call of these names is narrated, whoever makes it, so the two lists must be equal, not merely alike.
const NARRATED: [&str; 15] = [
    "clone3",
    "clone",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "chdir",
    "sethostname",
    "unshare",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "setns",
    "fchdir",
];

/// One call: name, arguments, answer.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    name: String,
    args: String,
    answer: String,
}

fn narrated(report: &serde_json::Value) -> Vec<Call> {
    let mut calls = Vec::new();
    collect(report, &mut calls);
    calls
}

/// The JSON holds the calls in the order in which they were made: its fields are in the order of time.
fn collect(value: &serde_json::Value, into: &mut Vec<Call>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        serde_json::Value::Object(fields) => {
            if let (Some(name), Some(args), Some(result)) =
                (fields.get("name"), fields.get("args"), fields.get("result"))
            {
                let answer = match (&result["value"], &result["errno"]) {
                    (serde_json::Value::Number(value), _) => value.to_string(),
                    (_, errno) => format!("-{errno}"),
                };
                let (name, args) = (name.as_str().unwrap().to_owned(), args.as_str().unwrap().to_owned());
                if NARRATED.contains(&name.as_str()) {
                    into.push(Call { name, args, answer });
                }
                return;
            }
            // `after` is the last line's `probe` once more.
            fields.iter().filter(|(name, _)| *name != "after").for_each(|(_, field)| collect(field, into));
        }
        _ => {}
    }
}

/// Reads strace's own lines. With `-f` a call may be cut in two (`<unfinished ...>`, `<... mount resumed>`); it counts
/// from where it began, since a child may be seen before the clone3 that made it returns.
fn traced(log: &str) -> Vec<Call> {
    let mut unfinished = std::collections::BTreeMap::new();
    let mut whole: Vec<String> = Vec::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        if let Some(front) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid.to_owned(), whole.len());
            whole.push(front.to_owned());
        } else if let Some((_, back)) =
            rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"))
        {
            whole[unfinished.remove(pid).unwrap()].push_str(back);
        } else {
            whole.push(rest.to_owned());
        }
    }
    whole.iter().filter_map(|line| call(line)).collect()
}

fn call(line: &str) -> Option<Call> {
    let (call, answer) = line.rsplit_once(" = ")?;
    let (name, args) = call.trim_end().split_once('(')?;
    // Without CLONE_PIDFD it is no launch of a container: a helper such as `busybox --list`, a shell's own child. But
    // CLONE_PARENT is a child that goes on in the place of another.
    // A thread is no process.
    let launches =
        (args.contains("CLONE_PIDFD") || args.contains("CLONE_PARENT")) && !args.contains("CLONE_THREAD");
    if !NARRATED.contains(&name) || (is_birth(name) && !launches) {
        return None;
    }
    let mut answer = answer.split(' ');
    let value = answer.next()?;
    let answer = match (value, answer.next()) {
        ("-1", Some(errno)) => format!("-{}", number(errno)),
        _ => value.to_owned(),
    };
    let args = args.strip_suffix(')').unwrap_or(args).to_owned();
    Some(Call { name: name.to_owned(), args, answer })
}

fn number(errno: &str) -> i32 {
    (1..134).find(|raw| format!("{:?}", nix::errno::Errno::from_raw(*raw)) == errno).unwrap()
}

fn is_birth(name: &str) -> bool {
    matches!(name, "clone3" | "clone")
}

/// What strace prints of a birth beside the namespaces: the pidfd, the exit signal, the stack.
fn namespaces(args: &str) -> String {
    let flags =
        args.split(['{', ',', '}', ' ']).find_map(|field| field.strip_prefix("flags=")).unwrap_or(args);
    let mut flags: Vec<&str> =
        flags.split('|').filter(|flag| !["CLONE_PIDFD", "SIGCHLD", "0"].contains(flag)).collect();
    flags.sort_unstable();
    flags.join("|")
}

fn same(narrated: &Call, traced: &Call) -> bool {
    let args = if is_birth(&narrated.name) {
        namespaces(&narrated.args) == namespaces(&traced.args)
    } else {
        narrated.args == traced.args
    };
    args && narrated.name == traced.name && narrated.answer == traced.answer
}

#[test]
fn strace_sees_the_calls_that_are_narrated() {
    if can_run_labs() && has("strace") {
        // The filter of strace itself is only quicker.
        hold("clone3", |_| Command::new("strace"), &["--seccomp-bpf"]);
    }
}

#[test]
fn where_clone3_is_hidden_every_lab_runs_and_tells_of_clone() {
    if can_run_labs() && has("strace") && has("bwrap") {
        let hidden = |home: &Path| {
            let mut command = without_clone3(home);
            command.arg("strace");
            command
        };
        hold("clone", hidden, &[]);
    }
}

/// Replays every lab, and holds that all its births are by this call, and that the two lists are the same. In the lab
/// `docker` another program makes containers, with hundreds of these calls: those are not rlab's to tell, and its own are
/// those of the other labs.
fn hold(birth: &str, strace: impl Fn(&Path) -> Command, more: &[&str]) {
    for lab in LABS.into_iter().filter(|lab| *lab != "docker") {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log");
        let output = strace(home.path())
            .args(more)
            .args(["-f", "-s", "4096", "-o"])
            .arg(&log)
            .arg(format!("--trace={}", NARRATED.join(",")))
            .arg(env!("CARGO_BIN_EXE_rlab"))
            .args(["run", lab, "--format", "json"])
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path())
            .output()
            .unwrap();
        assert_eq!(status(&output), 0, "{lab}: {}", stdout(&output));
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        let narrated = narrated(&report);
        let mut traced = traced(&std::fs::read_to_string(&log).unwrap());
        // Host lines (`!ls`) are launched as well; what the host does is not narrated.
        let hosts = host_pids(&traced, &narrated);
        traced.retain(|call| !hosts.contains(&call.answer));
        assert!(narrated.len() >= 3, "{lab}: hardly anything is narrated");
        // Before the lab, rlab tries what the lab needs in throw-away containers.
        let births: Vec<&Call> = narrated.iter().filter(|call| is_birth(&call.name)).collect();
        assert!(births.iter().all(|call| call.name == birth), "{lab}: {births:?}");
        let begin = traced.iter().position(|call| call.name == birth && call.answer == births[0].answer);
        traced.drain(..begin.unwrap());
        for (index, (told, made)) in narrated.iter().zip(&traced).enumerate() {
            assert!(same(told, made), "{lab}, call {index}: told {told:?}, made {made:?}");
        }
        assert_eq!(narrated.len(), traced.len(), "{lab}: {narrated:#?}\n{traced:#?}");
    }
}

/// PIDs that were given for the host's lines: without any namespace, and never told.
fn host_pids(traced: &[Call], narrated: &[Call]) -> Vec<String> {
    let told: Vec<&String> =
        narrated.iter().filter(|call| is_birth(&call.name)).map(|call| &call.answer).collect();
    traced
        .iter()
        .filter(|call| {
            is_birth(&call.name) && !told.contains(&&call.answer) && namespaces(&call.args).is_empty()
        })
        .map(|call| call.answer.clone())
        .collect()
}
