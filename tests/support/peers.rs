//! Tools that make containers too: what they need to work in a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Podman with a store of its own: nothing of the machine's is used, and nothing is left behind.
pub(crate) struct Store {
    directory: tempfile::TempDir,
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
        Self { directory }
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
            .env("TMPDIR", self.directory.path());
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
