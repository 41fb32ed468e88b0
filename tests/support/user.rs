//! An ordinary user of a test: a number that nobody has, with a home and a copy of the program in it.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use super::peers::copy_program;

/// A user; the home goes with it.
pub(crate) struct User {
    id: u32,
    home: tempfile::TempDir,
}

impl User {
    pub(crate) fn new(id: u32) -> Self {
        let home = tempfile::tempdir().unwrap();
        chown(home.path(), Some(id), Some(id)).unwrap();
        copy_program(&home.path().join("rlab"));
        Self { id, home }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// rlab as this user; its words follow.
    pub(crate) fn rlab(&self) -> Command {
        self.after("", &[] as &[&str])
    }

    /// The same, where root does something first, in the process that becomes rlab.
    pub(crate) fn after(&self, before: &str, words: &[impl AsRef<OsStr>]) -> Command {
        let (id, home) = (self.id, self.home());
        let script =
            format!("{before} exec setpriv --reuid={id} --regid={id} --clear-groups \"$HOME/rlab\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, "sh"])
            .args(words)
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("TMPDIR", home)
            .env("NO_COLOR", "1")
            .current_dir("/");
        command
    }
}
