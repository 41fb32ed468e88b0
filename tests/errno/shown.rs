//! The same refusal in every place where a learner can meet it: the REPL, `rlab run`, `rlab exec`.

use crate::support::{feed, is_root, rlab, status, stderr, stdout};

/// The entry that is met everywhere, from the table itself.
fn entry() -> rlab::recipe::errno::Entry {
    rlab::recipe::errno::entries().find(|entry| entry.id == "proc-of-foreign-pid-namespace").unwrap()
}

/// Lines are folded to the terminal's width: what is looked for is looked for in one line.
fn unfolded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn holds(text: &str) {
    let told = unfolded(text);
    for part in ["EPERM", entry().means, &format!("hint: {}", entry().mend)] {
        assert!(told.contains(part), "no `{part}` in\n{text}");
    }
}

const LINES: &str = "unshare --user\nmount -t proc proc /proc\ntrue\n";

fn fed(arguments: &[&str]) -> std::process::Output {
    let home = tempfile::tempdir().unwrap();
    feed(rlab(home.path()).args(arguments), LINES)
}

#[test]
fn a_refusal_is_explained_in_the_repl() {
    if is_root() {
        holds(&stdout(&fed(&["play"])));
    }
}

#[test]
fn a_refusal_is_explained_by_run() {
    if is_root() {
        holds(&stdout(&fed(&["run", "--script", "-"])));
    }
}

#[test]
fn a_refusal_is_explained_by_exec() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let with = ["exec", "--with", "unshare --user", "--with", "mount -t proc proc /proc", "--", "true"];
    let output = rlab(home.path()).args(with).output().unwrap();
    assert_eq!(status(&output), 125);
    holds(&stderr(&output));
}
