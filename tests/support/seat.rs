//! Where a learner sits: the size of the window, the home, the environment.

#![allow(clippy::expect_used, reason = "a test's helper fails it like the test itself")]

use std::path::{Path, PathBuf};
use std::process::Command;

use super::screen::Screen;
use super::window::Window;

/// What a program is started with.
pub(crate) struct Seat {
    columns: u16,
    rows: u16,
    home: Option<PathBuf>,
    env: Vec<(String, Option<String>)>,
    answers: bool,
}

impl Seat {
    /// A terminal of this size, an empty home, colours and UTF-8.
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self { columns, rows, home: None, env: Vec::new(), answers: true }
    }

    /// With this home, so that a second session finds what the first one kept.
    pub(crate) fn home(mut self, home: &Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// With this variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Without this variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.push((name.to_owned(), None));
        self
    }

    /// At a terminal that does not say where its cursor is. A shell of BusyBox asks for it, does without, and takes an answer
    /// that comes late for something that was typed.
    pub(crate) fn mute(mut self) -> Self {
        self.answers = false;
        self
    }

    /// rlab, with these words, as the session leader of its terminal: Ctrl-C and a hang-up reach it as they do from a
    /// terminal's window.
    pub(crate) fn start(self, words: &[&str]) -> Screen {
        let home = tempfile::tempdir().expect("a directory");
        let at = self.home.clone().unwrap_or_else(|| home.path().to_owned());
        let mut command = leader(env!("CARGO_BIN_EXE_rlab"));
        command
            .args(words)
            .env("HOME", &at)
            .env("XDG_STATE_HOME", at.join("state"))
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8");
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES"] {
            command.env_remove(name);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let (child, window) = Window::open(command, self.columns, self.rows, self.answers);
        Screen::new(child, window, home)
    }

    /// Another program, as it is: whoever sits at a terminal of this size has its own environment.
    pub(crate) fn run(self, program: &str, words: &[String]) -> Screen {
        let mut command = leader(program);
        command.args(words).env("TERM", "xterm-256color");
        let (child, window) = Window::open(command, self.columns, self.rows, true);
        Screen::new(child, window, tempfile::tempdir().expect("a directory"))
    }
}

/// A program that will be the leader of its session. util-linux's (or BusyBox's) setsid makes the session and then
/// becomes the program: the same PID.
fn leader(program: &str) -> Command {
    let mut command = Command::new("setsid");
    command.arg("-c").arg(program);
    command
}
