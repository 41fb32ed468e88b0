//! A fork bomb, a program that fills the disk, one that never ends: whatever runs inside harms nobody, without a limit in
//! the recipe.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::user::User;
use support::{alone, fed, has, is_root, marked_by, others, rlab, skip, status, stderr, stdout, wait_for};

/// Forks itself anew for ever.
const BOMB: &str = "b() { while :; do b & done; }; b 2> /dev/null & exec sleep 1000";
/// What fits in a PID namespace of its own.
const CONTAINER: &str = "rootfs\nunshare --pid --mount-proc\nmount --bind /dev/null /dev/null\nmount --bind /dev/zero /dev/zero\npivot_root\n";

/// How many processes there are in this world.
fn processes() -> usize {
    let names = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok())).count()
}

/// Starts a session with these lines.
fn play(home: &std::path::Path, arguments: &[&str], lines: &str) -> Child {
    fed(rlab(home).arg("play").args(arguments), lines)
}

/// What these lines come to, as the report tells it.
fn report(home: &std::path::Path, arguments: &[&str], lines: &str) -> String {
    let script = home.join("script");
    std::fs::write(&script, lines).unwrap();
    let output = rlab(home)
        .args(["run", "--format", "json", "--script"])
        .arg(&script)
        .args(arguments)
        .output()
        .unwrap();
    stdout(&output)
}

#[test]
fn a_fork_bomb_has_so_many_processes_and_the_machine_goes_on() {
    if !alone("a_fork_bomb_has_so_many_processes_and_the_machine_goes_on") {
        return;
    }
    for container in [CONTAINER, ""] {
        let home = tempfile::tempdir().unwrap();
        let child = play(home.path(), &[], &format!("{container}sh -c '{BOMB}'\n"));
        let pid = child.id();
        wait_for("the bomb", || processes() > 300);
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            // While the list is read some end and others come, so it may tell of more than there are at once.
            let there = processes();
            assert!(there <= 2 * 512 + 20, "{there} processes");
            // Another process can be had all the time.
            assert!(Command::new("true").status().unwrap().success());
        }
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGINT)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(stdout(&output).contains("EAGAIN"), "{}", stdout(&output));
        assert_eq!(others(), Vec::<String>::new());
    }
}

#[test]
fn the_cap_is_not_the_recipes() {
    if !alone("the_cap_is_not_the_recipes") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let many = "sh -c 'i=0; while [ $i -lt 40 ]; do sleep 99 & i=$((i+1)); done; echo all of them'";
    let told = report(home.path(), &[], &format!("unshare --pid\n{many}\nrecipe\n"));
    assert!(told.contains("all of them") && !told.contains("\"processes\": {"), "{told}");
    assert!(!told.contains("pids.max"), "{told}");
    // One of the learner's own takes its place.
    let told = report(home.path(), &[], &format!("unshare --pid\ncgroup pids.max=20\n{many}\n"));
    assert!(!told.contains("all of them\\n"), "{told}");
    assert!(told.contains("\"capped\": []"), "{told}");
}

#[test]
fn a_one_shot_container_is_capped_too() {
    if !alone("a_one_shot_container_is_capped_too") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let many = "i=0; while [ $i -lt 600 ]; do sleep 99 & i=$((i+1)); done; echo all";
    let output =
        rlab(home.path()).args(["exec", "--with=unshare --pid", "--", "sh", "-c", many]).output().unwrap();
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("512 processes"), "{}", stderr(&output));
    let fill = ["sh", "-c", "head -c 300000000 /dev/zero > /f; stat -c %s /f"];
    let output = rlab(home.path())
        .args(["exec", "--with=rootfs", "--with=mount --bind /dev/zero /dev/zero", "--with=pivot_root", "--"])
        .args(fill)
        .output()
        .unwrap();
    let held: u64 = stdout(&output).trim().parse().unwrap();
    assert!((200 << 20..=256 << 20).contains(&held), "{held} bytes in memory");
    let output = rlab(home.path()).args(["exec", "--", "sh", "-c", "ulimit -f"]).output().unwrap();
    assert_eq!(stdout(&output), "unlimited\n", "what it writes is the caller's own");
}

/// Starts a thousand and a half programs one after the other, whose parents end at once.
const ORPHANS: &str = "i=0; while [ $i -lt 1500 ]; do (true &); i=$((i+1)); done; echo all";

#[test]
fn what_has_ended_counts_no_longer() {
    if !alone("what_has_ended_counts_no_longer") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let told = report(home.path(), &[], &format!("sh -c '{ORPHANS}'\n"));
    assert!(told.contains("\"stdout\": \"all\\n\"") && told.contains("\"capped\": []"), "{told}");
    let output = rlab(home.path()).args(["exec", "--", "sh", "-c", ORPHANS]).output().unwrap();
    assert_eq!((stdout(&output), stderr(&output)), ("all\n".to_owned(), String::new()));
}

#[test]
fn a_one_shot_without_a_pid_namespace_ends_what_it_started() {
    if !alone("a_one_shot_without_a_pid_namespace_ends_what_it_started") || !has("setpriv") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let user = User::new(65_534);
    for mut rlab in [rlab(home.path()), user.rlab()] {
        let words =
            ["exec", "--", "sh", "-c", "sleep 901 & (sleep 902 &); setsid sleep 903 & echo on its way"];
        assert!(rlab.args(words).stdout(Stdio::null()).status().unwrap().success());
        // At once, and not by the next one that collects.
        assert_eq!(others(), Vec::<String>::new());
    }
}

/// The first PID namespace of a machine, from which all processes of a user can be seen.
fn sees_all_processes() -> bool {
    std::fs::metadata("/proc/self/ns/pid").unwrap().ino() == 0xEFFF_FFFC
}

/// Not in a world of its own: a plain program of a user counts with all that the user has.
#[test]
fn without_root_a_plain_program_counts_with_the_rest_of_the_users() {
    if !is_root() || !has("setpriv") {
        return;
    }
    if !sees_all_processes() {
        skip("in an inner PID namespace nobody can tell how many processes a user has");
        return;
    }
    let user = User::new(65_532);
    let exec = |count: u32| -> Output {
        let many = format!("i=0; while [ $i -lt {count} ]; do sleep 99 & i=$((i+1)); done; echo all");
        user.rlab().args(["exec", "--", "sh", "-c", &many]).output().unwrap()
    };
    assert_eq!(stdout(&exec(400)), "all\n", "{}", stderr(&exec(400)));
    assert_eq!(stdout(&exec(600)), "");
}

#[test]
fn without_root_the_user_namespace_counts() {
    if !alone("without_root_the_user_namespace_counts") || !has("setpriv") {
        return;
    }
    let user = User::new(65_533);
    let many =
        |count: u32| format!("i=0; while [ $i -lt {count} ]; do sleep 99 & i=$((i+1)); done; echo all");
    let exec = |count| -> Output {
        let words = ["exec", "--with=unshare --pid --user", "--", "sh", "-c", &many(count)];
        user.rlab().args(words).output().unwrap()
    };
    assert_eq!(stdout(&exec(400)), "all\n", "{}", stderr(&exec(400)));
    assert_eq!(stdout(&exec(600)), "");
}

/// Mounts a disk of 4 GiB, in memory, and in this mount namespace alone.
fn disk_on(directory: &std::path::Path) {
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=4g", "disk"]).arg(directory).status().unwrap();
    assert!(mounted.success());
}

/// Bytes that are taken of a disk.
fn used_of(directory: &std::path::Path) -> u64 {
    let now = nix::sys::statvfs::statvfs(directory).unwrap();
    (now.blocks() - now.blocks_free()) * now.fragment_size()
}

#[test]
fn what_fills_the_disk_is_ended() {
    if !alone("what_fills_the_disk_is_ended") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    disk_on(home.path());
    for (fill, cap) in [
        ("head -c 1000000000 /dev/zero > /file", "\"file\": {"),
        ("sh -c 'i=0; while :; do head -c 100000000 /dev/zero > /file$i; i=$((i+1)); done'", "\"space\": {"),
        ("sh -c 'i=0; while :; do : > /tmp$i; i=$((i+1)); done'", "\"space\": {"),
    ] {
        let script = home.path().join("script");
        std::fs::write(&script, format!("{CONTAINER}{fill}\n")).unwrap();
        let output = rlab(home.path())
            .env("TMPDIR", home.path())
            .args(["run", "--format", "json", "--script"])
            .arg(&script)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let told = stdout(&output);
        assert!(told.contains(cap), "{fill}: {told}");
        let used = used_of(home.path());
        assert!(used < 64 << 20, "{used} bytes are still there after {fill}");
    }
}

#[test]
fn a_container_that_stays_fills_no_disk_while_nobody_types() {
    if !alone("a_container_that_stays_fills_no_disk_while_nobody_types") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    disk_on(home.path());
    let used = || used_of(home.path());
    let mut child = rlab(home.path())
        .env("TMPDIR", home.path())
        .args(["run", "--format", "json", "--script", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let fill =
        "sh -c 'i=0; while :; do head -c 100000000 /dev/zero > /file$i; sleep 0.2; i=$((i+1)); done' &\n";
    input.write_all(format!("{CONTAINER}{fill}").as_bytes()).unwrap();
    wait_for("a full disk", || used() > 900 << 20);
    wait_for("its end", || marked_by(child.id()).is_empty() || used() > 2 << 30);
    // 1 GiB, and what is written before somebody looks again.
    assert!(used() < 2 << 30, "{} bytes", used());
    input.write_all(b"kill 1\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("\"space\": {"), "{}", stdout(&output));
    assert!(used() < 64 << 20, "{} bytes are still there", used());
}

#[test]
fn a_line_that_never_ends_is_ended() {
    if !alone("a_line_that_never_ends_is_ended") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let told =
        report(home.path(), &["--time-limit", "1"], "sleep 1000\n!sleep 1000 & sleep 1000\necho next\n");
    assert!(begun.elapsed() < Duration::from_secs(100));
    assert_eq!(told.matches("\"time\": {").count(), 2, "{told}");
    assert!(told.contains("next\\n"), "{told}");
    assert_eq!(others(), Vec::<String>::new());
}

#[test]
fn a_container_that_stays_and_writes_without_end_fills_no_memory() {
    if !alone("a_container_that_stays_and_writes_without_end_fills_no_memory") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut child = rlab(home.path())
        .args(["run", "--format", "json", "--script", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"yes &\n").unwrap();
    let written = || -> u64 {
        let found = marked_by(child.id());
        let Some(path) = found.first().and_then(|told| told.strip_prefix("process ")) else { return 0 };
        let text = std::fs::read_to_string(format!("{path}/io")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap_or("0");
        line.parse().unwrap()
    };
    wait_for("a full pipe", || written() >= 1 << 20);
    std::thread::sleep(Duration::from_millis(500));
    assert!(written() < 2 << 20, "{} bytes", written());
    input.write_all(b"kill 1\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 0);
    let kept = stdout(&output).matches("y\\n").count();
    assert!(kept > 100_000, "{kept} lines were kept");
}
