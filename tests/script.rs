//! `rlab run --script`: someone's own lines, from wherever they come.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use serde_json::Value;
use support::screen::{CTRL_C, Screen};
use support::{can_run_labs, fed, feed, is_root, left_by, rlab, run, status, stderr, stdout};

/// Waits for an end that must come soon.
fn soon(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it goes on for ever: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// Whether a process waits for something to read.
fn waits(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let wait = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let call = wait.split(' ').next().and_then(|number| number.parse::<i64>().ok());
    // openat is where a FIFO without a writer would be waited for.
    let calls = [libc::SYS_poll, libc::SYS_ppoll, libc::SYS_read, libc::SYS_openat];
    status.contains(") S ") && call.is_some_and(|call| calls.contains(&call))
}

/// Starts a script that comes through a FIFO, has a signal come while it waits, and writes one line more.
fn ended_by(signal: Signal, begun: &str, labs: &[&str], as_stdin: bool) -> Output {
    let home = tempfile::tempdir().unwrap();
    let fifo = home.path().join("lines");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let open = || -> File { OpenOptions::new().read(true).write(true).open(&fifo).unwrap() };
    let mut command = rlab(home.path());
    command.arg("run").args(labs).arg("--script").stdout(Stdio::piped()).stderr(Stdio::piped());
    // The end of the pipe that is written to stays open, so that it never ends.
    let mut lines = (as_stdin || !begun.is_empty()).then(open);
    match &lines {
        Some(lines) if as_stdin => command.arg("-").stdin(lines.try_clone().unwrap()),
        _ => command.arg(&fifo),
    };
    if let Some(lines) = &mut lines {
        lines.write_all(begun.as_bytes()).unwrap();
    }
    let child = command.spawn().unwrap();
    let pid = child.id();
    let since = Instant::now();
    while !(waits(pid) && blocks(pid)) && since.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // What it waits for might be something else, on the way there.
    std::thread::sleep(Duration::from_millis(500));
    kill(Pid::from_raw(pid as i32), signal).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    lines.unwrap_or_else(open).write_all(b"\necho this-$((40+2))-ran\n").unwrap();
    let output = soon(child);
    assert_eq!(left_by(pid), Vec::<String>::new());
    output
}

#[test]
fn a_signal_ends_a_script_that_waits_for_a_line() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // Before a line, within one, and before anyone has opened the other end.
        for (begun, as_stdin) in [("", true), ("echo half", true), ("echo half", false), ("", false)] {
            let output = ended_by(signal, begun, &[], as_stdin);
            assert_eq!(status(&output), 130, "{signal}, {begun:?}: {output:?}");
            let told = stdout(&output) + &stderr(&output);
            assert!(!told.contains("ran") && !told.contains("half"), "{signal}, {begun:?}: {told}");
        }
    }
    let output = ended_by(Signal::SIGTERM, "", &["chroot"], true);
    assert_eq!(status(&output), 130, "{output:?}");
    assert!(!stdout(&output).contains("ran"), "{}", stdout(&output));
}

#[test]
fn ctrl_c_ends_a_script_that_is_typed() {
    let mut screen = Screen::start(80, 24, &["run", "--script", "-"]);
    screen.until_so("it waits", |screen| waits(screen.pid()) && blocks(screen.pid()));
    screen.press("echo half");
    screen.press(CTRL_C);
    assert_eq!(screen.end().code(), Some(130));
}

/// Whether a process has SIGINT blocked, as rlab has once it listens for it.
fn blocks(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
    u64::from_str_radix(mask, 16).unwrap() & 0b10 != 0
}

#[test]
fn a_line_without_an_end_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let endless = ["run", "--script", "/dev/zero"];
    let command = rlab(home.path()).args(endless).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    refused(&soon(command.unwrap()));
    let file = home.path().join("lines");
    let long = "x".repeat(70_000);
    let open = "echo 'never closed\n".to_owned() + &"and on\n".repeat(20_000);
    for lines in [format!("{long}\n"), open] {
        std::fs::write(&file, format!("{lines}echo this-$((40+2))-ran\n")).unwrap();
        let output = run(&["run", "--script", file.to_str().unwrap()]);
        refused(&output);
        assert!(!stdout(&output).contains("42"), "{}", stdout(&output));
    }
}

fn refused(output: &Output) {
    let told = stderr(output);
    assert_eq!(status(output), 2, "{told}");
    let (why, what) = (told.contains("is longer than 65536 bytes"), told.contains("hint:"));
    assert!(why && what && told.len() < 1000, "{told}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let home = tempfile::tempdir().unwrap();
    let lines = "\u{feff}help\n";
    let file = home.path().join("lines");
    std::fs::write(&file, lines).unwrap();
    let of_file = run(&["run", "--script", file.to_str().unwrap()]);
    let of_pipe = fed(rlab(home.path()).args(["run", "--script", "-"]), lines).wait_with_output().unwrap();
    for output in [of_file, of_pipe] {
        let told = stdout(&output);
        assert_eq!(status(&output), 0, "{told}");
        assert!(told.contains("▸ help") && told.contains("rootfs"), "{told}");
    }
}

/// A lab of two steps, of which the second one can only be done by its own line.
const LAB: &str = r#"
format = 1
id = "mine"
title = "Mine"
minutes = 1

[[step]]
id = "one"
title = "One"
say = "Fail, and then do not."
try = ["true"]
hints = ["one", "two", "three"]
[[step.check]]
claim = "it came to a good end"
exit = 0
[[step.check]]
claim = "the host did not change"
host_unchanged = true

[[step]]
id = "two"
title = "Two"
say = "Say it."
try = ["echo yes", "kill 1"]
hints = ["one", "two", "three"]
[[step.check]]
claim = "it says yes"
stdout = "yes"
"#;

/// Runs the lab with these words.
fn mine(words: &[&str], lines: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("labs")).unwrap();
    std::fs::write(home.path().join("labs/mine.toml"), LAB).unwrap();
    let mut command = rlab(home.path());
    command.arg("--labs").arg(home.path().join("labs")).args(["run", "mine"]).args(words);
    feed(&mut command, lines)
}

/// What a script is judged to be: the exit status, and of each step the verdict and what of its checks holds.
fn judged(lines: &str) -> (i32, Vec<(String, Vec<bool>)>) {
    let output = mine(&["--script", "-", "--format", "json"], lines);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let step = |step: &Value| {
        let checks = step["checks"].as_array().unwrap().iter();
        let passes = checks.map(|check| check["pass"].as_bool().unwrap()).collect();
        (step["verdict"].as_str().unwrap().to_owned(), passes)
    };
    (status(&output), report["labs"][0]["steps"].as_array().unwrap().iter().map(step).collect())
}

const UNDONE: &str = "the step is not complete: a check above does not hold";

#[test]
fn a_step_that_a_script_leaves_is_judged() {
    if !is_root() {
        return;
    }
    let fail = |checks: &[bool]| ("fail".to_owned(), checks.to_vec());
    let pass = |checks: &[bool]| ("pass".to_owned(), checks.to_vec());
    let (one, two) = (fail(&[false, true]), fail(&[false]));
    // Where the script ends, asked for or not.
    for end in ["", "check\n", "quit\n", "hint\n", "goto nowhere\n"] {
        assert_eq!(judged(&format!("false\n{end}")), (1, vec![one.clone()]), "{end}");
    }
    // Where it goes on to another step, and what it does there is judged as well.
    for on in ["next\nnext\n", "goto two\n"] {
        let lines = format!("false\n{on}");
        assert_eq!(judged(&lines), (1, vec![one.clone(), pass(&[])]), "{on}");
        assert_eq!(judged(&format!("{lines}echo no\n")), (1, vec![one.clone(), two.clone()]), "{on}");
        assert_eq!(judged(&format!("{lines}echo yes\n")), (1, vec![one.clone(), pass(&[true])]), "{on}");
    }
    let back = judged("true\nnext\necho no\nback\ntrue\n");
    assert_eq!(back, (1, vec![pass(&[true, true]), two.clone(), pass(&[true, true])]));
    let out = judged("true\nnext\necho no\nnext\nnext\n");
    assert_eq!(out, (1, vec![pass(&[true, true]), two]));
    // Where nothing was tried nothing is missing.
    assert_eq!(judged(""), (0, vec![pass(&[])]));
    assert_eq!(judged("true\n"), (0, vec![pass(&[true, true])]));
    assert_eq!(judged("goto two\ngoto one\ntrue\n").0, 0);
    assert_eq!(judged("false\nreset\ntrue\n").0, 0);
}

#[test]
fn the_checks_of_a_step_that_is_left_are_shown_once() {
    if !is_root() {
        return;
    }
    for lines in ["false\n", "false\ncheck\n", "false\ngoto two\n"] {
        let told = stdout(&mine(&["--script", "-"], lines));
        let at = |text: &str| {
            let found: Vec<usize> = told.match_indices(text).map(|(at, _)| at).collect();
            assert_eq!(found.len(), 1, "{lines}: {text}: {told}");
            found[0]
        };
        let (bad, good, undone) =
            (at("✗ it came to a good end"), at("✓ the host did not change"), at(UNDONE));
        assert!(bad < good && good < undone, "{told}");
        if lines.contains("goto") {
            assert!(undone < at("step 2 of 2"), "{told}");
        }
    }
}

#[test]
fn a_step_of_a_lab_that_is_built_in_is_judged_before_its_end() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let lines = "rootfs busybox\nchroot\nls /\n";
    let output = feed(rlab(home.path()).args(["run", "chroot", "--script", "-"]), lines);
    let told = stdout(&output);
    assert_eq!(status(&output), 1, "{told}");
    assert!(told.find("✗").unwrap() < told.find(UNDONE).unwrap(), "{told}");
}

#[test]
fn a_line_that_could_not_be_carried_out_is_no_check_that_does_not_hold() {
    if !is_root() {
        return;
    }
    let output = mine(&[], "");
    let told = stdout(&output);
    assert_eq!(status(&output), 1, "{told}");
    assert!(!told.contains("✗") && !told.contains("a check above does not hold"), "{told}");
    assert!(told.contains("the step is not complete: a line above could not be carried out"), "{told}");
}
