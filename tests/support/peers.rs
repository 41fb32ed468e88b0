//! Tools that make containers too: what they need to work in a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Podman with a store of its own: nothing of the machine's is used, and nothing is left behind. Podman never removes the
/// group in which it makes those of its containers and of their monitors, and its monitors may outlive a container that was
/// killed: so its containers are made below a group of the store's, and go with it.
pub(crate) struct Store {
    directory: tempfile::TempDir,
    group: String,
}

impl Store {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let engine =
            "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n";
        // Its own limits may be more than this machine lets anyone have.
        let containers = "[containers]\nlog_driver = \"none\"\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
        fs::write(at("containers.conf"), format!("{engine}{containers}")).unwrap();
        let store = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            at("graph"),
            at("state")
        );
        fs::write(at("storage.conf"), store).unwrap();
        let group = format!("rlab-test.{}.{}", std::process::id(), directory.path().display())
            .replace(['/', ' '], "-");
        // No file of settings has this one: it is a flag of `run`.
        let words = format!(
            "#!/bin/sh\nPATH=${{PATH#*:}}\n[ \"$1\" != run ] || {{ shift; set -- run --cgroup-parent=/{group} \"$@\"; }}\n\
             exec podman \"$@\"\n"
        );
        fs::create_dir(at("bin")).unwrap();
        let made = Command::new("sh")
            .args(["-c", "printf %s \"$0\" >$1 && chmod +x $1", &words, &at("bin/podman")])
            .status();
        assert!(made.unwrap().success());
        Self { directory, group }
    }

    /// A path beside the store.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Has a command, and what it starts, use this store.
    pub(crate) fn lend(&self, command: &mut Command) {
        command
            .env("CONTAINERS_CONF", self.path("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", self.path("storage.conf"))
            .env("TMPDIR", self.directory.path())
            .env("PATH", format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap()));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        take_away(&self.group);
    }
}

/// The groups of this name, in every hierarchy, with those below, the deepest first.
fn groups(name: &str) -> Vec<PathBuf> {
    let tops = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|top| top.path());
    let tops = tops.chain([PathBuf::from("/sys/fs/cgroup")]).map(|top| top.join(name));
    let mut found: Vec<PathBuf> = tops.filter(|group| group.is_dir()).collect();
    let mut next = 0;
    while let Some(group) = found.get(next) {
        let below = fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
        let below: Vec<PathBuf> = below.filter(|path| path.is_dir()).collect();
        found.extend(below);
        next += 1;
    }
    found.reverse();
    found
}

/// Ends whatever is in the groups of a test's own name, and removes them.
fn take_away(name: &str) {
    for _ in 0..500 {
        let groups = groups(name);
        for group in &groups {
            for pid in fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default().lines() {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(pid.parse().unwrap()),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
            let _ = fs::remove_dir(group);
        }
        if groups.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(std::thread::panicking(), "left of an engine: {:?}", groups(name));
}

/// A Docker daemon of the test's own. Its mounts and its network are its own, and so is what it writes to `/etc`, `/run` and
/// `/opt`; its processes and its containers are in groups that go with it.
pub(crate) struct Daemon {
    directory: tempfile::TempDir,
    group: String,
    child: Child,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        const SCRIPT: &str = "
            for place in /run /opt; do [ ! -d $place ] || mount -t tmpfs tmpfs $place; done
            mkdir /run/etc && cp -a /etc/. /run/etc && mount --bind /run/etc /etc
            for top in /sys/fs/cgroup/memory /sys/fs/cgroup; do
                [ -e $top/cgroup.procs ] || continue
                mkdir -p \"$top/$2/daemon\" && echo $$ >\"$top/$2/daemon/cgroup.procs\"
                break
            done
            exec dockerd --host unix:///run/docker.sock --data-root \"$1/data\" --exec-root /run/docker \
                --pidfile /run/docker.pid --storage-driver vfs --bridge none --iptables=false \
                --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent \"/$2\"";
        let directory = tempfile::tempdir().unwrap();
        let group = format!("rlab-test.{}.{}", std::process::id(), directory.path().display())
            .replace(['/', ' '], "-");
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "sh", "-c", SCRIPT, "sh"]).arg(directory.path()).arg(&group);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let daemon = Self { child: command.spawn().unwrap(), directory, group };
        let answers = || {
            let mut command = Command::new("docker");
            daemon.lend(&mut command);
            command.arg("version").output().unwrap().status.success()
        };
        super::wait_for("a Docker daemon", answers);
        daemon
    }

    /// Has a command, and what it starts, speak to this daemon.
    pub(crate) fn lend(&self, command: &mut Command) {
        // The shell has become `unshare`, and that the daemon.
        let host = format!("unix:///proc/{}/root/run/docker.sock", self.child.id());
        command.env("DOCKER_HOST", host).env("DOCKER_CONFIG", self.directory.path());
    }

    /// Asks it something.
    pub(crate) fn docker(&self, words: &[&str]) -> String {
        let mut command = Command::new("docker");
        self.lend(&mut command);
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        take_away(&self.group);
    }
}

/// The one process whose words are these, in a moment at the latest.
pub(crate) fn find(words: &[&str]) -> i32 {
    let wanted: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            if fs::read(entry.path().join("cmdline")).is_ok_and(|bytes| bytes == wanted) {
                return entry.file_name().to_str().unwrap().parse().unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no process has the words {words:?}");
}

/// A copy of the program, where another user may run it. Another process writes it: a descriptor of ours could be open in
/// a child that another test has just forked, and then the program is busy (ETXTBSY).
pub(crate) fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_rlab")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// A number of seconds to sleep that no other process sleeps.
pub(crate) fn seconds() -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("{}{:02}", 1000 + std::process::id(), number)
}

/// Whether a process is there.
pub(crate) fn lives(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}/exe")).exists()
}
