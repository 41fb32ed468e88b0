//! Kernel state is judged, not what was typed: what somebody did by hand on the host counts as well.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::Path;

use support::{can_run_labs, feed, rlab, status, stderr, stdout};

/// The file of the limit, and that of the members, of this machine's memory controller.
fn files() -> [&'static str; 2] {
    match Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists() {
        true => ["memory.limit_in_bytes", "tasks"],
        false => ["memory.max", "cgroup.procs"],
    }
}

/// Types lines at a step; every step in which a line was typed has to be done when it is left.
fn holds(at: &str, labs: Option<&str>, lines: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = rlab(home.path());
    if let Some(lab) = labs {
        std::fs::create_dir(home.path().join("labs")).unwrap();
        std::fs::write(home.path().join("labs/mine.toml"), lab).unwrap();
        command.arg("--labs").arg(home.path().join("labs"));
    }
    let output = feed(command.args(["run", at, "--script", "-"]), lines);
    assert_eq!(status(&output), 0, "{at}: {lines}\n{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

#[test]
fn a_limit_that_was_written_by_hand_limits() {
    if !can_run_labs() {
        return;
    }
    let [limit, _] = files();
    let by_hand = format!("!echo 7340032 > $CGROUP/{limit}\n!cat $CGROUP/{limit}\n");
    holds("memory-cgroup:limit", None, &by_hand);
    // The steps that follow live with it.
    let on = "next\nsleep 600 &\nnext\ntoomuch=$(head -c 7500000 /dev/urandom)\nnext\nsome=$(head -c 3000000 /dev/urandom)\n";
    holds("memory-cgroup:limit", None, &(by_hand + on));
}

/// A lab that asks for a container in a limited group.
const LAB: &str = r#"
format = 1
id = "mine"
title = "Into a group"
minutes = 1

[[step]]
id = "join"
title = "Join"
say = "Put a container into a group with a limit of 7 MiB."
try = ["cgroup memory.max=7M", "sleep 611 &"]
hints = ["one", "two", "three"]
[[step.check]]
claim = "it runs under the limit"
running = true
limit = { "memory.max" = 7340032 }
[[step.check]]
claim = "it is in the group"
cgroup_members = 1
"#;

#[test]
fn a_container_that_was_moved_into_the_group_is_in_it() {
    if !can_run_labs() {
        return;
    }
    let [_, members] = files();
    let moved = format!(
        "sleep 611 &\ncgroup memory.max=7M\n!for p in $(pgrep -P $PPID -x sleep); do echo $p > $CGROUP/{members}; done\n"
    );
    let told = holds("mine", Some(LAB), &moved);
    assert!(told.contains("runs as") && told.contains("7340032 in"), "{told}");
}
