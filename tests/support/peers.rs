//! Tools that make containers too: what they need to work in a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
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

    /// What is left of its groups: whatever is in them is the store's own.
    fn groups(&self) -> Vec<PathBuf> {
        let tops = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|top| top.path());
        let tops = tops.chain([PathBuf::from("/sys/fs/cgroup")]).map(|top| top.join(&self.group));
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
}

impl Drop for Store {
    fn drop(&mut self) {
        for _ in 0..500 {
            let groups = self.groups();
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
        assert!(std::thread::panicking(), "left of podman: {:?}", self.groups());
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
