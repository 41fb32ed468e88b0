//! No check that cannot fail: every lab is replayed with each line of its solution taken out in turn, and with no
//! solution at all, and each time at least one check of that step or a later one must fail.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::process::{Command, Stdio};

use support::{LABS, can_run_labs, rlab, source, stdout};
use toml::{Table, Value};

/// A lab without its `chroot` does to this machine what it should do to a root of its own.
const READ_ONLY: &str = "mount --bind /etc /etc && mount -o remount,bind,ro /etc && exec \"$@\"";

/// The same command, in a mount namespace where it cannot harm `/etc`.
fn where_etc_is_read_only(command: &Command) -> Command {
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "--propagation", "private", "sh", "-c", READ_ONLY, "sh"]);
    inside.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside
}

#[test]
fn a_changed_lab_cannot_harm_this_machine() {
    if !can_run_labs() {
        return;
    }
    let file = format!("/etc/rlab-test-{}", std::process::id());
    let told = where_etc_is_read_only(Command::new("touch").arg(&file)).output().unwrap();
    let there = std::fs::remove_file(&file).is_ok();
    assert!(!told.status.success() && !there, "{}", String::from_utf8_lossy(&told.stderr));
}

/// Runs a changed lab through the built program, and tells the steps with a check that failed.
fn failing_steps(lab: &Table) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let labs = home.path().join("labs");
    std::fs::create_dir(&labs).unwrap();
    std::fs::write(labs.join("changed.toml"), toml::to_string(lab).unwrap()).unwrap();
    let id = lab["id"].as_str().unwrap();
    let mut whole = rlab(home.path());
    whole.args(["--labs".as_ref(), labs.as_os_str()]).args(["--trust", "run", id, "--format", "json"]);
    let output = where_etc_is_read_only(&whole).output().unwrap();
    let text = stdout(&output);
    let report: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{id}: {error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    let steps = report["labs"][0]["steps"].as_array().unwrap();
    let failed = |step: &&serde_json::Value| {
        step["checks"].as_array().unwrap().iter().any(|check| check["pass"] == false)
    };
    steps.iter().filter(failed).map(|step| step["id"].as_str().unwrap().to_owned()).collect()
}

fn steps(lab: &Table) -> usize {
    lab["step"].as_array().unwrap().len()
}

fn step_mut(lab: &mut Table, index: usize) -> &mut Table {
    lab["step"].as_array_mut().unwrap()[index].as_table_mut().unwrap()
}

fn lines(step: &mut Table) -> &mut Vec<Value> {
    step["try"].as_array_mut().unwrap()
}

#[test]
fn a_lab_without_one_of_its_lines_fails() {
    if !can_run_labs() {
        return;
    }
    let mut unnoticed = Vec::new();
    for lab in LABS {
        let whole: Table = source(lab).parse().unwrap();
        for index in 0..steps(&whole) {
            for line in 0..lines(step_mut(&mut whole.clone(), index)).len() {
                let mut changed = whole.clone();
                let taken = lines(step_mut(&mut changed, index)).remove(line);
                // Only looks; whoever does not look has changed nothing.
                if taken.as_str() == Some("peek") {
                    continue;
                }
                if failing_steps(&changed).is_empty() {
                    unnoticed.push(format!("{lab}, step {}: without {taken}", index + 1));
                }
            }
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices:\n{}", unnoticed.join("\n"));
}

#[test]
fn no_step_is_done_before_its_solution() {
    if !can_run_labs() {
        return;
    }
    let mut done = Vec::new();
    for lab in LABS {
        let whole: Table = source(lab).parse().unwrap();
        for index in 0..steps(&whole) {
            let mut changed = whole.clone();
            lines(step_mut(&mut changed, index)).clear();
            let id = step_mut(&mut changed, index)["id"].as_str().unwrap().to_owned();
            if !failing_steps(&changed).contains(&id) {
                done.push(format!("{lab}:{id}"));
            }
        }
    }
    assert!(done.is_empty(), "these steps hold before anything was done:\n{}", done.join("\n"));
}
