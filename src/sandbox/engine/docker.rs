//! Docker, with a daemon of the session's own: the learner's would keep what is made here, and `docker import - busybox`
//! would take the place of an image of theirs.
//!
//! The daemon runs in a mount namespace of its own, with a `/run` and an `/etc` of its own, so that it finds no other
//! daemon's things there and nobody finds its; and in a network namespace of its own, so that nothing of the host's network
//! is touched. Of the host's programs it is shown those that it needs and no others: none that loads a module, a profile or
//! a rule. It is reached through its root directory in /proc. Source: dockerd(8).

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::choice::DockerTools;
use super::{Leading, Place, RUNTIME, group_name};
use crate::error::{Result, Trouble};
use crate::kernel::{cgroup, proc};
use crate::recipe::compose::Recipe;
use crate::recipe::line::Command;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{Call, End};
use crate::recipe::plan::{Plan, RootPlace};
use crate::sandbox::group::Group;
use crate::sandbox::launch::{self, Base, Process};
use crate::sandbox::program::Ground;
use crate::sandbox::teach;

/// What the daemon has to itself. It keeps a key in `/etc`, its sockets in `/run`, and containerd makes a directory for its
/// plugins in `/opt`. Nothing of the host's `/etc` is wanted.
const APART: [&str; 4] = [
    "unshare --mount --net",
    "mount -t tmpfs -o mode=755 tmpfs /etc",
    "mount -t tmpfs -o mode=755 tmpfs /run",
    "mount -t tmpfs -o mode=755 tmpfs /opt",
];

/// Where it listens, in its own `/run`.
const SOCKET: &str = "/run/docker.sock";

/// How long it may take to come up: two seconds are usual, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long it may take to answer one question.
const ANSWER: Duration = Duration::from_secs(2);

/// Docker.
#[derive(Debug)]
pub(super) struct Docker {
    client: PathBuf,
    daemon: Process,
    /// When it was started, or has answered last.
    since: Instant,
    has_come: bool,
}

/// Writes what the daemon reads, and lays out the programs that it may start.
pub(super) fn furnish(place: &Place, tools: &DockerTools) -> std::io::Result<()> {
    fs::create_dir(place.path("bin"))?;
    for (name, program) in &tools.helpers {
        std::os::unix::fs::symlink(program, place.path("bin").join(name))?;
    }
    fs::write(place.path("daemon.json"), settings(place).to_string())?;
    place.write_runtime(&tools.runc)
}

/// Its settings. No storage driver but this works everywhere; a user's configuration is not asked for.
fn settings(place: &Place) -> serde_json::Value {
    serde_json::json!({
        "data-root": place.text("data"),
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "hosts": [format!("unix://{SOCKET}")],
        "storage-driver": "vfs",
        "features": { "containerd-snapshotter": false },
        "bridge": "none",
        "iptables": false,
        "ip-forward": false,
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": format!("/{}", group_name()),
        "default-runtime": "rlab",
        "runtimes": { "rlab": { "path": place.text(RUNTIME) } },
    })
}

/// The daemon's environment. Told that it is in a container, it leaves AppArmor's profiles alone. What it hands to the
/// runtime for `docker exec` is a file for a moment, which is nothing for the host's `/tmp`.
fn environment(place: &Place) -> Vec<String> {
    [
        ("PATH", place.text("bin")),
        ("HOME", place.text("home")),
        ("TMPDIR", "/run".to_owned()),
        ("container", "rlab".to_owned()),
    ]
    .map(|(name, value)| format!("{name}={value}"))
    .into()
}

impl Docker {
    /// Starts the daemon; it is on its way then.
    ///
    /// # Errors
    /// The call that was refused on the way to its program.
    pub(super) fn start(place: &Place, tools: DockerTools, machine: &Machine) -> Result<Self> {
        let cannot = || Trouble::cannot("Docker's daemon cannot be started");
        let io = |error: std::io::Error| cannot().because(error);
        let recipe = Recipe::read(APART.into_iter().filter(|line| has_place(line)))?;
        let argv = ["dockerd".to_owned(), format!("--config-file={}", place.text("daemon.json"))];
        let command = Command { argv: argv.into(), text: "dockerd".to_owned() };
        let plan = Plan::new(&recipe, &command, machine, RootPlace::Directory)?;
        let log = fs::File::create(place.path("log")).map_err(io)?;
        let nothing = fs::File::open("/dev/null").map_err(io)?;
        let group = own_group().map_err(io)?;
        let ground = Ground {
            program: tools.daemon.display().to_string(),
            environment: environment(place),
            stdio: Some([nothing.as_raw_fd(), log.as_raw_fd(), log.as_raw_fd()]),
            caps: group.as_ref().map(AsRawFd::as_raw_fd),
            ..Ground::default()
        };
        let mut launched = launch::launch(&plan, Base { machine, group: &Group::new(), ground })?;
        let mut calls = std::mem::take(&mut launched.calls);
        let refused = |calls: &[Call]| teach::told(cannot(), calls).hint(OTHERWISE);
        let Some(mut daemon) = launched.process else { return Err(refused(&calls)) };
        daemon.start(&mut calls)?;
        if daemon.refused().is_some() {
            daemon.wait()?;
            return Err(refused(&calls));
        }
        Ok(Self { client: tools.client, daemon, since: Instant::now(), has_come: false })
    }

    /// The daemon.
    pub(super) fn pid(&self) -> i32 {
        self.daemon.pid()
    }

    /// For how long it has not answered.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the daemon answers.
    pub(super) fn is_ready(&mut self, place: &Place) -> Result<bool> {
        let said = |trouble: Trouble| match last_words(&place.path("log")) {
            Some(line) => trouble.because(format!("the last that it said: {line}")),
            None => trouble.because("it said nothing"),
        };
        if self.daemon.has_ended() {
            let how = match self.daemon.wait() {
                Ok(End::Exited(code)) => format!("exit status {code}"),
                Ok(End::Signaled(signal)) => format!("signal {signal}"),
                _ => "nobody knows how".to_owned(),
            };
            let (when, hint) = if self.has_come {
                ("has ended", "what it kept is gone: begin again with `docker import - busybox`")
            } else {
                ("has ended before it was ready", OTHERWISE)
            };
            return Err(said(Trouble::cannot(format!("Docker's daemon {when} ({how})"))).hint(hint));
        }
        let answers = self.ask("/_ping").is_some();
        if answers {
            (self.has_come, self.since) = (true, Instant::now());
        } else if self.since.elapsed() > PATIENCE {
            let late = format!("Docker's daemon does not answer after {} seconds", PATIENCE.as_secs());
            return Err(said(Trouble::cannot(late)).hint(OTHERWISE));
        }
        Ok(answers)
    }

    /// Where its socket is seen from outside: no path of the session's would surely be short enough for one (unix(7)).
    fn socket(&self) -> String {
        proc::inside(self.pid(), SOCKET).display().to_string()
    }

    /// The variables that lead a command to the daemon.
    pub(super) fn leading(&self, place: &Place) -> Leading {
        vec![
            ("DOCKER_HOST", format!("unix://{}", self.socket())),
            ("DOCKER_CONFIG", place.text("home")),
            ("HOME", place.text("home")),
        ]
    }

    /// The command line for words of Docker's.
    pub(super) fn command(&self, place: &Place, words: &[String], archive: Option<&Path>) -> Vec<String> {
        let mut argv = vec![self.client.display().to_string()];
        match words {
            [word, rest @ ..] if word == "run" => {
                let _ = fs::remove_file(place.path("cid"));
                argv.extend([
                    "run".to_owned(),
                    "--pull=never".to_owned(),
                    format!("--cidfile={}", place.text("cid")),
                ]);
                // There is no network but this one, and Docker would complain that the other is not there.
                if !rest.iter().any(|word| word.starts_with("--net")) {
                    argv.push("--network=none".to_owned());
                }
                argv.extend(rest.iter().cloned());
            }
            [word, _, rest @ ..] if word == "import" => {
                argv.push("import".to_owned());
                argv.extend(archive.iter().map(|path| path.display().to_string()));
                argv.extend(rest.iter().cloned());
            }
            words => argv.extend(words.iter().cloned()),
        }
        argv
    }

    /// The first process of the container that `run` has just started.
    pub(super) fn started(&self, place: &Place) -> Option<i32> {
        let id = fs::read_to_string(place.path("cid")).ok()?;
        let told: serde_json::Value =
            serde_json::from_str(&self.ask(&format!("/containers/{}/json", id.trim()))?).ok()?;
        told["State"]["Pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0)
    }

    /// What the daemon answers, where it does so with 200.
    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(ANSWER)).ok()?;
        // Of this version nobody answers in pieces.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        (head.split(' ').nth(1) == Some("200")).then(|| body.to_owned())
    }
}

/// What to do without it.
const OTHERWISE: &str =
    "Podman does the same without a daemon: `apt-get install podman runc`, then `RLAB_ENGINE=podman`";

/// Whether the place that a line mounts on is there.
fn has_place(line: &str) -> bool {
    line.split(' ').next_back().is_none_or(|target| !target.starts_with('/') || Path::new(target).is_dir())
}

/// The group of the daemon, where it and what it starts is found again, opened to be joined. On v2 the group above hands
/// controllers on to the containers, so it may hold no process itself.
fn own_group() -> std::io::Result<Option<fs::File>> {
    let Some(hierarchy) = cgroup::Hierarchies::read().of("memory") else { return Ok(None) };
    let group = hierarchy.mount.join(group_name()).join("daemon");
    fs::create_dir_all(&group)?;
    fs::OpenOptions::new().write(true).open(group.join("cgroup.procs")).map(Some)
}

/// The last line of a log that says something, as its message where it has fields.
fn last_words(log: &Path) -> Option<String> {
    let text = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    let said = match line.split_once(" msg=") {
        Some((_, message)) => message.trim_matches('"'),
        None => line.trim(),
    };
    Some(said.chars().filter(|c| !c.is_control()).take(300).collect())
}
