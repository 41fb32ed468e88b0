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
use support::{fed, left_by, rlab, run, status, stderr, stdout};

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
    while !waits(pid) && since.elapsed() < Duration::from_secs(10) {
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
