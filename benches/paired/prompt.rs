//! From the start of a line editor to its first prompt, through a pseudo terminal.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use std::os::fd::AsFd;
use tempfile::TempDir;

use super::{RLAB, Result};

/// What both prompts end with.
const PROMPT: &str = "▸ ";
/// The first word of rlab's prompt, before any lab line was typed.
const RECIPE: &str = "bare";
/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The bare loop.
pub(crate) fn bare() -> Result<()> {
    let mut editor = rustyline::DefaultEditor::new()?;
    while let Ok(line) = editor.readline(&format!("{RECIPE} {PROMPT}")) {
        editor.add_history_entry(line)?;
    }
    Ok(())
}

/// A program with a prompt.
pub(crate) struct Repl {
    program: String,
    arguments: Vec<String>,
    /// Where it keeps what it remembers: nothing of the user's is touched.
    state: TempDir,
}

impl Repl {
    /// `rlab play`: the REPL with no lab.
    pub(crate) fn rlab() -> Result<Self> {
        Ok(Self { program: RLAB.to_owned(), arguments: vec!["play".to_owned()], state: TempDir::new()? })
    }

    /// This binary as the bare loop.
    pub(crate) fn bare(this: &Path) -> Result<Self> {
        let program = this.to_string_lossy().into_owned();
        Ok(Self { program, arguments: vec!["bare-repl".to_owned()], state: TempDir::new()? })
    }

    /// Starts it, waits for the prompt and leaves: the time, and resident memory in KiB (`VmRSS`).
    pub(crate) fn first_prompt(&self) -> Result<(Duration, u64)> {
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None)?;
        let mut terminal = File::from(pty.master);
        let stream = || pty.slave.try_clone().map(Stdio::from);
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        command.env("XDG_STATE_HOME", self.state.path()).env("HOME", self.state.path());
        command.stdin(stream()?).stdout(stream()?).stderr(stream()?);
        let start = Instant::now();
        let mut process = command.spawn()?;
        // It holds the terminal open too.
        drop(command);
        let seen = wait_for_prompt(&mut terminal, start);
        let resident = resident(process.id());
        // End of input is the way out of both.
        terminal.write_all(b"\x04")?;
        if seen.is_err() {
            process.kill()?;
        }
        drop(pty.slave);
        drain(&mut terminal);
        process.wait()?;
        Ok((seen?, resident?))
    }
}

fn wait_for_prompt(terminal: &mut File, start: Instant) -> Result<Duration> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = PATIENCE.saturating_sub(start.elapsed());
        let timeout = PollTimeout::try_from(left)?;
        let mut fds = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout)? == 0 {
            return Err(format!("no prompt within {PATIENCE:?}").into());
        }
        let read = terminal.read(&mut buffer)?;
        text.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&text);
        // Colours stand between the words.
        if text.rfind(RECIPE).is_some_and(|at| text[at..].contains(PROMPT.trim_end())) {
            return Ok(start.elapsed());
        }
    }
}

/// Reads until the other side is closed, so that nobody blocks on a full terminal.
fn drain(terminal: &mut File) {
    let mut buffer = [0; 4096];
    while terminal.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
