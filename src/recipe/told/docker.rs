//! The recipe as a `docker run` line. Source: docker-container-run(1).

use super::{Proc, mounts, usual_words};
use crate::recipe::capability::ALL;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Amount, Limit, Mount, MountKind, Namespace, Resource, Tools};
use crate::recipe::line::{Command, quoted};

/// The line, one option a row, and below it as comments what Docker does otherwise.
pub fn docker(recipe: &Recipe, command: &Command) -> String {
    let mut told = Told::of(recipe);
    if recipe.rootfs() == Some(Tools::Host) {
        told.note("there is no image of this machine's own tools; `busybox` stands in");
    }
    if recipe.rootfs() == Some(Tools::Image) {
        told.note("it would run your image, once Docker has it; `busybox` stands in");
    }
    let argv: Vec<String> = command.argv.iter().map(|word| quoted(word)).collect();
    told.words.insert(0, "docker run --rm".to_owned());
    told.words.push(format!("busybox {}", argv.join(" ")));
    let mut text = told.words.join(" \\\n    ");
    text.push('\n');
    text + &told.notes()
}

/// The line as a script that makes the image of a `rootfs.tar` beside it; `name` is what the recipe is called.
pub fn docker_file(recipe: &Recipe, command: &Command, name: &str) -> String {
    let told = Told::of(recipe);
    let words = usual_words(command);
    let lines: String =
        recipe.lines().iter().map(|line| format!("#     {}\n", line.replace(['\n', '\r'], " "))).collect();
    let options: String = told.words.iter().map(|word| format!("    {word} \\\n")).collect();
    format!(
        r#"#!/bin/sh
# {name}, in Docker's words. Podman takes the same: ENGINE=podman ./run.sh
#
{lines}#
# Usage: ./run.sh [COMMAND...]
# The image is made of rootfs.tar, which lies beside: nothing is pulled. It goes when the command has ended.
{notes}set -eu

{words}cd "$(dirname "$0")"
engine=${{ENGINE:-docker}}
if ! command -v "$engine" >/dev/null; then
    echo "\`$engine\` is not installed; ENGINE names another one" >&2
    exit 3
fi
tty=
if [ -t 0 ]; then tty=--tty; fi

image=$("$engine" import rootfs.tar)
image=${{image#sha256:}}
clean_up() {{
    status=$?
    trap - EXIT
    "$engine" rmi "$image" >/dev/null
    exit "$status"
}}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

"$engine" run --rm --interactive ${{tty:+"$tty"}} \
{options}    "$image" "$@"
"#,
        notes = told.notes(),
    )
}

struct Told {
    words: Vec<String>,
    notes: Vec<String>,
}

impl Told {
    /// The options of a recipe, and what Docker does otherwise.
    fn of(recipe: &Recipe) -> Self {
        let mut told = Self { words: Vec::new(), notes: Vec::new() };
        told.namespaces(recipe);
        for limit in recipe.group().unwrap_or_default() {
            told.limit(limit);
        }
        for mount in mounts(recipe) {
            told.mount(&mount);
        }
        if let Some(names) = recipe.dropped_capabilities() {
            for name in names {
                let name = if name == ALL { "ALL" } else { name.trim_start_matches("CAP_") };
                told.words.push(format!("--cap-drop={name}"));
            }
        }
        told.differences(recipe);
        told
    }

    fn notes(&self) -> String {
        self.notes.iter().map(|note| format!("# {note}\n")).collect()
    }

    fn word(&mut self, word: &str) {
        self.words.push(word.to_owned());
    }

    fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    /// Docker makes every namespace by itself: the ones that are not asked for have to be handed in.
    fn namespaces(&mut self, recipe: &Recipe) {
        let asked = recipe.namespaces();
        for (own, host) in [
            (Namespace::Pid, "--pid=host"),
            (Namespace::Ipc, "--ipc=host"),
            (Namespace::Uts, "--uts=host"),
            (Namespace::Cgroup, "--cgroupns=host"),
        ] {
            if !asked.contains(&own) {
                self.word(host);
            }
        }
        let network = if asked.contains(&Namespace::Net) { "--network=none" } else { "--network=host" };
        self.word(network);
        if asked.contains(&Namespace::User) {
            self.note(
                "a user namespace is a setting of Docker's daemon (`userns-remap`), not of one container",
            );
        }
        match recipe.hostname() {
            Some(name) => self.words.push(format!("--hostname={}", quoted(name))),
            // Docker would give the container's id, the kernel a copy of the host's name.
            None if asked.contains(&Namespace::Uts) => self.word("--hostname=\"$(uname -n)\""),
            None => {}
        }
    }

    fn limit(&mut self, limit: Limit) {
        // Docker's own lower bound (daemon_unix.go): 6 MiB.
        const LEAST: u64 = 6 << 20;
        match (limit.resource, limit.amount) {
            (Resource::Memory, Amount::Number(bytes)) => {
                self.words.push(format!("--memory={bytes}"));
                // Memory and swap together: no swap.
                self.words.push(format!("--memory-swap={bytes}"));
                if bytes < LEAST {
                    self.note("Docker refuses a memory limit below 6 MiB");
                }
            }
            (Resource::Pids, Amount::Number(count)) => self.words.push(format!("--pids-limit={count}")),
            (Resource::Cpu, Amount::Cpu { quota, period }) => {
                self.words.push(format!("--cpu-period={period}"));
                self.words.push(format!("--cpu-quota={quota}"));
            }
            // No limit is what Docker does anyway.
            _ => {}
        }
    }

    fn mount(&mut self, mount: &Mount) {
        let target = &mount.target;
        match &mount.kind {
            MountKind::Bind | MountKind::Rbind => {
                if mount.source.contains([',', '"']) || target.contains([',', '"']) {
                    self.notes.push(format!("`--mount` has no way to write the path of `{mount}`"));
                    return;
                }
                let mut word = format!("type=bind,source={},target={target}", mount.source);
                if mount.options.iter().any(|option| option == "ro") {
                    word.push_str(",readonly");
                }
                self.words.push(format!("--mount {}", quoted(&word)));
            }
            MountKind::Fs(fstype) if fstype == "tmpfs" => {
                let options = if mount.options.is_empty() { String::new() } else { ":".to_owned() };
                let word = format!("{target}{options}{}", mount.options.join(","));
                self.words.push(format!("--tmpfs {}", quoted(&word)));
            }
            MountKind::Fs(fstype) => {
                let by_itself =
                    [("proc", "/proc"), ("sysfs", "/sys"), ("devpts", "/dev/pts"), ("mqueue", "/dev/mqueue")];
                if !by_itself.contains(&(fstype.as_str(), target.as_str())) {
                    self.notes.push(format!("Docker has no option for `{mount}`"));
                }
            }
        }
    }

    fn differences(&mut self, recipe: &Recipe) {
        if recipe.root_change() == RootChange::None {
            self.note("Docker always changes the root; this recipe does not");
        }
        match Proc::of(recipe) {
            Proc::None => self.note("Docker mounts /proc by itself; this recipe has none"),
            Proc::Older => self.note(
                "Docker mounts a proc of the container's own PID namespace; here the host's, an older one, is bound over it",
            ),
            Proc::New => {}
        }
        self.note(
            "Docker mounts /dev and /sys by itself too, gives up most capabilities and filters system calls",
        );
        self.note(
            "it puts a file or two of its own into the root: /.dockerenv, /etc/hosts, with Podman /run",
        );
    }
}
