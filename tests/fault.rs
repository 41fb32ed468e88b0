//! Nothing is left behind, however rlab ends: it is killed at random moments, alone and eight at once, and the machine is
//! compared before and after.
//!
//! Each test runs in a PID namespace and a mount namespace of its own, or another rlab that starts on this machine at
//! the same time would collect what this test is to find. And there nothing at all may be left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use support::{LABS, alone, fed, left_by, marked_by, others, rlab, status, stderr, stdout, wait_for};

/// What is run while it is killed: every lab, what needs no lab, what stays in the background, what runs away from its
/// first process, with a PID namespace and without.
fn victims() -> Vec<(&'static str, String)> {
    let mut victims: Vec<(&str, String)> = LABS.iter().map(|lab| (*lab, String::new())).collect();
    victims.push(("doctor", String::new()));
    let away = "sh -c 'setsid sleep 4321 & (setsid sleep 4321 &); sleep 4321'";
    victims.extend([
        ("play", format!("{away} &\nrootfs\nchroot\nunshare --uts\n{away} &\ncgroup memory.max=64M pids.max=40\n{away} &\n{away}\n")),
        ("play", "rootfs\ncgroup memory.max=64M cpu.max=50%\nunshare --pid --mount-proc\npivot_root\nsleep 4321 &\nsleep 4321 &\nsleep 4321\n".to_owned()),
        ("play", "rootfs host\nchroot\ndrop rootfs\nrootfs\nchroot\nmount -t tmpfs tmpfs /tmp\nsh -c 'while :; do : > /tmp/x; done'\n".to_owned()),
        ("play", "!sleep 4321 & sleep 4321\n".to_owned()),
        ("exec", format!("--with=unshare --uts|--with=cgroup memory.max=64M|--|sh|-c|{}", "setsid sleep 4321 & sleep 4321")),
        ("exec", "--with=full|--|sleep|4321".to_owned()),
    ]);
    victims
}

/// Starts one victim.
fn start(home: &Path, (what, with): &(&str, String)) -> Child {
    let mut command = rlab(home);
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::piped());
    match *what {
        "play" | "doctor" => command.arg(what),
        "exec" => command.arg("exec").args(with.split('|')),
        lab => command.args(["run", lab]),
    };
    let child = command.spawn().unwrap();
    if *what == "play" {
        // The pipe stays open: the session goes on until it is killed.
        child.stdin.as_ref().unwrap().write_all(with.as_bytes()).unwrap();
    }
    child
}

/// A small generator of numbers; the seed is printed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let told = std::env::var("RLAB_FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = told.unwrap_or_else(|| {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
        });
        let _ = writeln!(std::io::stderr(), "RLAB_FAULT_SEED={seed}");
        Self(seed | 1)
    }

    /// Below `end`. xorshift64*.
    fn throw(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}

/// Kills one and takes its PID.
fn kill(mut child: Child) -> u32 {
    child.kill().unwrap();
    child.wait().unwrap();
    child.id()
}

/// What these rlabs have left after one `rlab clean`.
fn left_after_clean(home: &Path, pids: &[u32]) -> Vec<String> {
    let cleaned = rlab(home).arg("clean").output().unwrap();
    assert_eq!(status(&cleaned), 0, "{}", stderr(&cleaned));
    let mut left: Vec<String> = pids.iter().flat_map(|pid| left_by(*pid)).chain(others()).collect();
    let kept = std::fs::read_dir(home.join("state/rlab")).into_iter().flatten().flatten();
    let names = kept.map(|entry| entry.file_name().to_string_lossy().into_owned());
    left.extend(names.filter(|name| !["history", "progress.json", "progress.lock"].contains(&name.as_str())));
    left
}

#[test]
fn killed_at_any_moment_it_leaves_nothing() {
    if !alone("killed_at_any_moment_it_leaves_nothing") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    let mut dice = Dice::new();
    let victims = victims();
    // How long each takes on this machine, busy as it is: the moments are spread over that.
    let spans: Vec<Duration> = victims.iter().map(|victim| span(home.path(), victim)).collect();
    let mut kills = 0;
    let told = std::env::var("RLAB_FAULT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..told.unwrap_or(54) {
        // Alone and eight at once in turn.
        let together = if round % 5 < 2 { 8 } else { 1 };
        let mut alive: Vec<(Instant, Child, String)> = (0..together)
            .map(|_| {
                let which = dice.throw(victims.len() as u64) as usize;
                let moment = spans[which].mul_f64(dice.throw(1000) as f64 / 1000.0);
                let child = start(home.path(), &victims[which]);
                (Instant::now() + moment, child, format!("{} {:?}", victims[which].0, moment))
            })
            .collect();
        alive.sort_by_key(|(moment, ..)| *moment);
        let (mut pids, mut told) = (Vec::new(), Vec::new());
        for (moment, child, name) in alive {
            std::thread::sleep(moment.saturating_duration_since(Instant::now()));
            pids.push(kill(child));
            told.push(name);
        }
        kills += pids.len();
        // Containers die at once, by themselves.
        wait_for(&format!("the end of {told:?}"), || others().is_empty());
        assert_eq!(left_after_clean(home.path(), &pids), Vec::<String>::new(), "round {round}: {told:?}");
    }
    assert!(kills >= 200, "only {kills}");
    assert_eq!(mounts(), before);
}

/// How long a victim takes until it stands still or has ended.
fn span(home: &Path, victim: &(&'static str, String)) -> Duration {
    let begun = Instant::now();
    let mut child = start(home, victim);
    match victim.0 {
        "play" | "exec" => std::thread::sleep(Duration::from_millis(500)),
        _ => drop(child.wait().unwrap()),
    }
    let span = begun.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    span
}

/// A session with a process that has run away from its container, and a word that tells that it has.
fn runaway(home: &Path) -> (Child, String) {
    let marker = format!("{}", 900_000 + std::process::id());
    let lines = format!(
        "rootfs\ncgroup memory.max=64M\nunshare --uts\nsh -c '(setsid sleep {marker} &); sleep {marker}' &\n"
    );
    let child = start(home, &("play", lines));
    wait_for("the container", || marked_by(child.id()).len() >= 2);
    (child, marker)
}

#[test]
fn after_kill_9_even_what_ran_away_is_dead_at_once_and_no_start_is_needed() {
    if !alone("after_kill_9_even_what_ran_away_is_dead_at_once_and_no_start_is_needed") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (child, _) = runaway(home.path());
    assert!(left_by(child.id()).len() >= 4, "{:?}", left_by(child.id()));
    let pid = kill(child);
    wait_for("the end of all that is left", || left_by(pid).is_empty() && others().is_empty());
}

#[test]
fn after_kill_9_of_a_one_shot_container_its_groups_go_at_once_too() {
    if !alone("after_kill_9_of_a_one_shot_container_its_groups_go_at_once_too") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for with in ["--with=full", "--with=unshare --pid", "--with=cgroup memory.max=64M"] {
        let child = start(home.path(), &("exec", format!("{with}|--|sleep|4321")));
        wait_for("the program", || left_by(child.id()).iter().any(|left| left.contains("/pids/")));
        wait_for("the keeper", || keeper_of(child.id()).is_some());
        let pid = kill(child);
        wait_for("the end of all that is left", || left_by(pid).is_empty() && others().is_empty());
    }
}

#[test]
fn where_the_keeper_is_killed_too_the_next_start_collects() {
    if !alone("where_the_keeper_is_killed_too_the_next_start_collects") {
        return;
    }
    for start in [&["clean"][..], &["run", "chroot:root"]] {
        let home = tempfile::tempdir().unwrap();
        let (child, _) = runaway(home.path());
        let keeper = keeper_of(child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper), nix::sys::signal::Signal::SIGKILL)
            .unwrap();
        let pid = kill(child);
        std::thread::sleep(Duration::from_millis(300));
        assert!(
            !marked_by(pid).is_empty() && left_by(pid).len() >= 3,
            "nothing to collect; the test proves nothing"
        );
        let output = rlab(home.path()).args(start).output().unwrap();
        assert_eq!(left_by(pid), Vec::<String>::new(), "{}{}", stdout(&output), stderr(&output));
        assert_eq!(others(), Vec::<String>::new());
    }
}

/// The PID of the helper that outlives rlab.
fn keeper_of(pid: u32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let name = |child: &&str| std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
    children.split(' ').find(|child| name(child) == "keeper\n")?.parse().ok()
}

#[test]
fn signals_that_end_rlab_end_all_of_it() {
    if !alone("signals_that_end_rlab_end_all_of_it") {
        return;
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGABRT] {
        let home = tempfile::tempdir().unwrap();
        let (mut child, _) = runaway(home.path());
        let pid = child.id();
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid as i32),
            nix::sys::signal::Signal::try_from(signal).unwrap(),
        )
        .unwrap();
        let ended = child.wait().unwrap();
        if [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT].contains(&signal) {
            // These are taken as a wish: all is cleaned up before the end.
            assert_eq!(ended.code(), Some(130), "signal {signal}");
            assert_eq!(left_by(pid), Vec::<String>::new(), "signal {signal}");
        } else {
            assert_eq!(ended.signal(), Some(signal));
            wait_for("the end of all that is left", || left_by(pid).is_empty() && others().is_empty());
        }
    }
}

#[test]
fn a_session_in_its_own_limited_group_is_cleaned_up_too() {
    if !alone("a_session_in_its_own_limited_group_is_cleaned_up_too") {
        return;
    }
    // The learner moves rlab itself into the group: then it cannot be removed before rlab has left it.
    let lines = "cgroup memory.max=64M\n!echo $PPID > $CGROUP/cgroup.procs; cat $CGROUP/cgroup.procs\ndrop memory.max\nquit\n";
    let home = tempfile::tempdir().unwrap();
    let child = start(home.path(), &("play", lines.to_owned()));
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(left_by(pid), Vec::<String>::new());
}

#[test]
fn killed_for_want_of_memory_before_its_program_starts_a_container_is_told_and_gone() {
    if !alone("killed_for_want_of_memory_before_its_program_starts_a_container_is_told_and_gone") {
        return;
    }
    let lines = "cgroup memory.max=4096\nrootfs\nunshare --pid --mount-proc\npivot_root\nls /\n";
    let output = play(lines);
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(told.contains("SIGKILL"), "{told}");
}

fn play(lines: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let child = fed(rlab(home.path()).arg("play"), lines);
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(left_by(pid), Vec::<String>::new());
    assert_eq!(others(), Vec::<String>::new());
    output
}

#[test]
fn a_fork_bomb_without_a_pid_namespace_is_swept_away() {
    if !alone("a_fork_bomb_without_a_pid_namespace_is_swept_away") {
        return;
    }
    // Each process forks itself anew for ever; the first one ends, so nobody but rlab is left to end the others.
    let bomb = "b() { b & b & }; b 2> /dev/null; sleep 1";
    let output = play(&format!("cgroup pids.max=100\nsh -c '{bomb}'\n!echo the host is fine\nquit\n"));
    assert!(stdout(&output).contains("the host is fine"), "{output:?}");
}
