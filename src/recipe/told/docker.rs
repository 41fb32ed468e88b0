//! The recipe as a `docker run` line. Source: docker-container-run(1).

use super::{has_stale_proc, mounts};
use crate::recipe::capability::ALL;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Amount, Limit, Mount, MountKind, Namespace, Resource, Tools};
use crate::recipe::line::{Command, quoted};

/// The line, one option a row, and below it as comments what Docker does otherwise.
pub fn docker(recipe: &Recipe, command: &Command) -> String {
    let mut told = Told { words: vec!["docker run --rm".to_owned()], notes: Vec::new() };
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
    let argv: Vec<String> = command.argv.iter().map(|word| quoted(word)).collect();
    told.words.push(format!("busybox {}", argv.join(" ")));
    let mut text = told.words.join(" \\\n    ");
    text.push('\n');
    for note in told.notes {
        text.push_str("# ");
        text.push_str(&note);
        text.push('\n');
    }
    text
}

struct Told {
    words: Vec<String>,
    notes: Vec<String>,
}

impl Told {
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
        if let Some(name) = recipe.hostname() {
            self.words.push(format!("--hostname={}", quoted(name)));
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
                if mount.kind == MountKind::Bind {
                    word.push_str(",bind-recursive=disabled");
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
        if recipe.rootfs() == Some(Tools::Host) {
            self.note("there is no image of this machine's own tools; `busybox` stands in");
        }
        if has_stale_proc(recipe) {
            self.note(
                "Docker always mounts a proc of the container's own PID namespace; here it is an older one",
            );
        } else if !mounts(recipe).iter().any(|mount| mount.target == "/proc") {
            self.note("Docker mounts /proc by itself; this recipe has none");
        }
        self.note(
            "Docker mounts /dev and /sys by itself too, gives up most capabilities and filters system calls",
        );
    }
}
