//! `rlab exec` does what the same lines do in the REPL.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::process::Output;

use support::user::User;
use support::{can_run_labs, feed, has, outcomes, run_and_leave_nothing, stderr, stdout};

fn words<'a>(with: &[&'a str], command: &'a str) -> Vec<&'a str> {
    let with = with.iter().flat_map(|line| ["--with", line]);
    ["exec"].into_iter().chain(with).chain(["--", "sh", "-c", command]).collect()
}

fn exec(with: &[&str], command: &str) -> Output {
    run_and_leave_nothing(&words(with, command))
}

/// Recipes with a root that nothing changes to.
const UNCHANGED: [&[&str]; 5] = [
    &["rootfs"],
    &["rootfs host"],
    &["rootfs", "unshare --mount"],
    &["rootfs", "unshare --pid --mount-proc"],
    &["rootfs", "mount -t proc proc /proc"],
];

/// Whose root and ids they are, and whether other processes are seen.
const ASKED: &str =
    "[ -e /usr ] && echo the root of the host; id -u; [ $$ = 1 ] && ls -d /proc/[0-9]* | head -n 1";

#[test]
fn a_root_that_nothing_changes_to_leaves_the_command_the_root_of_the_host() {
    if !can_run_labs() || !has("unshare") {
        return;
    }
    for lines in UNCHANGED.into_iter().chain([&["full", "drop pivot_root"][..]]) {
        let output = exec(lines, ASKED);
        let repl = match lines {
            ["full", ..] => "the root of the host\n0\n/proc/1\n".to_owned(),
            lines => {
                let told = outcomes(&format!("{}\n{ASKED}\n", lines.join("\n")));
                told.last().unwrap()["outcome"]["stdout"].as_str().unwrap().to_owned()
            }
        };
        assert!(repl.starts_with("the root of the host\n0\n"), "{lines:?}: {repl}");
        assert_eq!(stdout(&output), repl, "{lines:?}: {}", stderr(&output));
    }
}

#[test]
fn so_it_is_for_an_ordinary_user() {
    if !can_run_labs() || !has("setpriv") {
        return;
    }
    let user = User::new(1001);
    for lines in UNCHANGED {
        let output = user.rlab().args(words(lines, ASKED)).output().unwrap();
        let script = format!("{}\n{ASKED}\n", lines.join("\n"));
        let played = feed(user.rlab().args(["run", "--script", "-", "--format", "json"]), script);
        let told = support::told(&played);
        let repl = told.last().unwrap()["outcome"]["stdout"].as_str().unwrap();
        assert!(repl.starts_with("the root of the host\n"), "{lines:?}: {repl}");
        assert_eq!(stdout(&output), repl, "{lines:?}: {}", stderr(&output));
    }
    // The directory needs rights on files alone, so no user namespace is added.
    let output = user.rlab().args(words(&["rootfs"], "id -u")).output().unwrap();
    assert_eq!(stdout(&output), "1001\n", "{}", stderr(&output));
}
