//! `rlab inspect` looks at real processes of every kind: a container of rlab's, runc's, Podman's and bubblewrap's, a shell
//! in a user namespace, a plain process, one of somebody else's, and odd ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[path = "../support/mod.rs"]
mod support;

mod bad;
mod odd;
mod own;
mod page;
mod peers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use rlab::recipe::compose::{Recipe, RootChange};
use rlab::recipe::line::{Command as Program, Line};
use rlab::recipe::plan::{Plan, RootPlace};
use rlab::sandbox::machine;
use serde_json::{Value, json};
use support::peers::{Daemon, Store, find, lives, seconds};
use support::{can_run_labs, has, is_root, outcomes, recipe, rlab, run, status, stderr, stdout};

/// A process that is ended when the test is done with it.
struct Sleeper {
    pid: i32,
    child: Child,
}

impl Sleeper {
    /// Starts a command that has to become, or bring about, `sleep` for this many seconds.
    fn start(command: &mut Command, seconds: &str) -> Self {
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { pid: find(&["sleep", seconds]), child }
    }

    /// A container of rlab's that stays.
    fn of_rlab(recipe: &Recipe) -> Self {
        let home = tempfile::tempdir().unwrap();
        let seconds = seconds();
        let mut child =
            rlab(home.path()).arg("play").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let lines = recipe.lines().join("\n") + &format!("\nsleep {seconds} &\n");
        child.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
        Self { pid: find(&["sleep", &seconds]), child }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if lives(self.pid) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), nix::sys::signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// What is told of it.
fn inspect(who: &str) -> Value {
    let output = run(&["inspect", who, "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["unread"], json!([]));
    told
}

/// The kinds of namespace that are its own, as the links in /proc say.
fn own_namespaces(pid: i32) -> BTreeSet<String> {
    let links = |pid: &str| -> BTreeMap<String, String> {
        let entries = fs::read_dir(format!("/proc/{pid}/ns")).unwrap().flatten();
        let link = |entry: fs::DirEntry| {
            let target = fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
            (entry.file_name().to_string_lossy().into_owned(), target)
        };
        entries.map(link).filter(|(kind, _)| !kind.ends_with("_for_children")).collect()
    };
    let own = links("self");
    links(&pid.to_string())
        .into_iter()
        .filter(|(kind, target)| own[kind] != *target)
        .map(|(kind, _)| kind)
        .collect()
}

fn told_namespaces(told: &Value) -> BTreeSet<String> {
    let pairs = told["namespaces"].as_object().unwrap().iter();
    pairs.filter(|(_, pair)| pair["inside"] != pair["host"]).map(|(kind, _)| kind.clone()).collect()
}

fn kinds(kinds: &[&str]) -> BTreeSet<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

/// A field of its status, as the kernel prints it.
fn field(pid: i32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim().to_owned()
}

fn lines(told: &Value) -> Vec<&str> {
    told["recipe"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

fn notes(told: &Value) -> String {
    told["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// What a recipe asks the kernel for, whatever the order of its lines.
fn asked(recipe: &Recipe) -> BTreeSet<String> {
    let Ok(Line::Run(command)) = Line::parse("true") else { panic!("`true` is no program") };
    let command: Program = command;
    let plan = Plan::new(recipe, &command, &machine::find(), RootPlace::Directory).unwrap();
    let prepare = plan.prepare.iter().map(|step| format!("{step:?}").replace("Any", "Busybox"));
    let child = plan.child.iter().map(|op| format!("{op:?}"));
    prepare.chain(child).chain([format!("{:?}", plan.clone)]).collect()
}
