//! A recipe told as a script, as a Docker line and as an OCI bundle does what rlab does: each is really run, and asked
//! the same questions.
//!
//! - [`same`]: all ways show the same.
//! - [`limit`]: the limit, and who is killed at it.
//! - [`scripts`]: what is written for a shell is clean.
//! - [`written`]: whole or not at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod limit;
mod same;
mod scripts;
#[path = "../support/mod.rs"]
mod support;
mod written;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use rlab::recipe::compose::{Recipe, RootChange};
use serde_json::Value;
use support::peers::{Daemon, Store};
use support::{has, is_root, outcomes, recipe, run, status, stderr, stdout};

/// What is exported: the fullest recipe of every lab, single steps, and the finished container.
const WHAT: [&str; 13] = [
    "chroot",
    "chroot:tools",
    "chroot:chroot",
    "pid-namespace",
    "pid-namespace:stale",
    "memory-cgroup",
    "container",
    "container:files",
    "container:device",
    "exec",
    "image",
    "jailbreak",
    "full",
];

/// Who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A shell, in so many words.
    Shell(&'static [&'static str]),
    Runc,
    Crun,
    Podman,
    Docker,
}

const EVERYONE: [By; 7] = [
    By::Shell(&["sh"]),
    By::Shell(&["dash"]),
    By::Shell(&["busybox", "sh"]),
    By::Runc,
    By::Crun,
    By::Podman,
    By::Docker,
];

impl By {
    /// crun has no mount on the root itself, which is how a bundle without a root of its own is told; the export says so.
    fn takes(self, recipe: &Recipe) -> bool {
        self != Self::Crun || recipe.root_change() != RootChange::None
    }

    const fn is_engine(self) -> bool {
        matches!(self, Self::Podman | Self::Docker)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Shell(_) => "sh",
            Self::Runc | Self::Crun => "oci",
            Self::Podman | Self::Docker => "docker",
        }
    }
}

/// A place for what is exported.
struct Ground {
    store: Store,
    daemon: Daemon,
}

impl Ground {
    fn new() -> Self {
        Self { store: Store::new(), daemon: Daemon::start() }
    }

    /// Exports what is to run this shell line, and gives the command that runs it.
    fn export(&self, what: &str, by: By, line: &str) -> Command {
        self.export_with(what, &[], by, line)
    }

    /// The same with more ingredients.
    fn export_with(&self, what: &str, more: &[&str], by: By, line: &str) -> Command {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("rlab-export-{}-{number}", std::process::id());
        let place = self.store.path(&name);
        let shown = place.to_str().unwrap();
        let more: Vec<&str> = more.iter().flat_map(|line| ["--with", line]).collect();
        let words =
            [&["export", what, "--as", by.word()], &more[..], &[shown, "--", "sh", "-c", line]].concat();
        let told = run(&words);
        assert_eq!(status(&told), 0, "{what}: {}", stderr(&told));
        let mut command = match by {
            By::Shell(words) => {
                let mut command = Command::new(words[0]);
                command.args(&words[1..]).arg(place.join("container.sh"));
                command
            }
            By::Runc => {
                let mut command = Command::new("runc");
                command.args(["run", "--bundle", shown, &name]);
                command
            }
            By::Crun => {
                // Where v1 and v2 are mounted side by side it refuses to work; in a mount namespace one of them can go.
                let line = "umount /sys/fs/cgroup/unified 2>/dev/null; exec crun run --bundle \"$1\" \"$2\"";
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", line, "sh", shown, &name]);
                command
            }
            By::Podman => {
                let mut command = Command::new(place.join("run.sh"));
                command.env("ENGINE", "podman");
                command
            }
            By::Docker => {
                let mut command = Command::new(place.join("run.sh"));
                self.daemon.lend(&mut command);
                command
            }
        };
        self.store.lend(&mut command);
        command
    }
}

fn can() -> bool {
    is_root()
        && ["busybox", "dash", "runc", "crun", "podman", "docker", "dockerd", "unshare"].into_iter().all(has)
}

/// What /proc inside lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Processes {
    None,
    Own,
    Host,
}

/// What is seen from inside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    first: bool,
    host_name: String,
    root: BTreeSet<String>,
    processes: Processes,
}

/// The questions. This test is a process of the host: whoever sees it, sees the host.
fn questions() -> String {
    format!(
        "echo pid $$; echo name $(uname -n); echo root /*; if [ -d /proc/{} ]; then echo sees Host; elif [ -d /proc/1 ]; \
         then echo sees Own; else echo sees None; fi",
        std::process::id()
    )
}

fn answers(text: &str) -> Seen {
    let answer = |to: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(to)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no answer to `{to}` in:\n{text}")).to_owned()
    };
    Seen {
        first: answer("pid") == "1",
        host_name: answer("name"),
        root: answer("root").split(' ').map(str::to_owned).collect(),
        processes: match answer("sees").as_str() {
            "Host" => Processes::Host,
            "Own" => Processes::Own,
            _ => Processes::None,
        },
    }
}

/// The outcome of a line under a recipe, by rlab itself.
fn by_rlab(recipe: &Recipe, line: &str) -> Value {
    outcomes(&(recipe.lines().join("\n") + "\n" + line + "\n")).last().unwrap()["outcome"].clone()
}

/// What is said to be otherwise.
fn note(what: &str, by: By) -> String {
    let place = tempfile::tempdir().unwrap();
    let told = run(&["export", what, "--as", by.word(), place.path().to_str().unwrap()]);
    let script = fs::read_to_string(place.path().join("run.sh")).unwrap_or_default();
    let notes = script.lines().filter(|line| line.starts_with('#')).map(str::to_owned);
    stdout(&told).lines().map(str::to_owned).chain(notes).collect::<Vec<_>>().join("\n")
}
