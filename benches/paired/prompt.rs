//! What a learner waits for, through a pseudo terminal: the first prompt, the first key, a completion.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use tempfile::TempDir;

use super::{RLAB, Result};

/// What both prompts end with.
const PROMPT: &str = "▸ ";
/// The first word of rlab's prompt, before any lab line was typed.
const RECIPE: &str = "bare";
/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines of earlier sessions that both find.
const LINES: usize = 500;

/// The bare loop: an editor with a history, and nothing else.
pub(crate) fn bare() -> Result<()> {
    let history = history(Path::new(&std::env::var("XDG_STATE_HOME")?));
    let mut editor = rustyline::DefaultEditor::new()?;
    editor.load_history(&history)?;
    while let Ok(line) = editor.readline(&format!("{RECIPE} {PROMPT}")) {
        editor.add_history_entry(line)?;
        editor.append_history(&history)?;
    }
    Ok(())
}

fn history(state: &Path) -> std::path::PathBuf {
    state.join("rlab/history")
}

/// A program with a prompt.
pub(crate) struct Repl {
    program: String,
    arguments: Vec<String>,
    /// Where it keeps what it remembers: nothing of the user's is touched.
    state: TempDir,
}

/// What one start cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Until the prompt was on the screen.
    pub(crate) prompt: Duration,
    /// Until a key, pressed as soon as the prompt was there, was on the screen too.
    pub(crate) key: Duration,
    /// Resident memory after that, in KiB (`VmRSS`).
    pub(crate) resident: u64,
}

impl Repl {
    /// `rlab`, as somebody starts it who is here for the first time: the most that a start has to do.
    pub(crate) fn rlab() -> Result<Self> {
        Self::new(RLAB.to_owned(), &[])
    }

    /// This binary as the bare loop.
    pub(crate) fn bare(this: &Path) -> Result<Self> {
        Self::new(this.to_string_lossy().into_owned(), &["bare-repl"])
    }

    fn new(program: String, arguments: &[&str]) -> Result<Self> {
        let state = TempDir::new()?;
        let history = history(state.path());
        fs::create_dir_all(history.parent().ok_or("no parent")?)?;
        let lines: String = (0..LINES).map(|n| format!("unshare --pid --mount-proc # {n}\n")).collect();
        fs::write(history, format!("#V2\n{lines}"))?;
        Ok(Self { program, arguments: arguments.iter().map(|word| (*word).to_owned()).collect(), state })
    }

    /// Starts it, waits for the prompt, presses a key and leaves.
    pub(crate) fn start(&self) -> Result<Start> {
        let mut screen = Screen::open(self)?;
        let seen = screen.prompt().and_then(|()| {
            let prompt = screen.started.elapsed();
            screen.press("x")?;
            screen.see("x")?;
            Ok(Start { prompt, key: screen.started.elapsed(), resident: resident(screen.process.id())? })
        });
        screen.leave()?;
        seen
    }

    /// Builds a root with the tools, and completes in it: how long the name of a program took, and a path.
    pub(crate) fn completions(&self) -> Result<(Duration, Duration)> {
        let mut screen = Screen::open(self)?;
        let done = screen.prompt().and_then(|()| {
            for line in ["rootfs busybox", "chroot"] {
                screen.press(&format!("{line}\r"))?;
                screen.see(if line == "chroot" { "chroot \u{25b8}" } else { "rootfs \u{25b8}" })?;
            }
            // As a line begins: nothing is looked up yet.
            let mut tab = |typed: &str, whole: &str| -> Result<Duration> {
                screen.press(&format!("\x15{typed}"))?;
                screen.see(typed)?;
                let start = Instant::now();
                screen.press("\t")?;
                screen.see(whole)?;
                Ok(start.elapsed())
            };
            Ok((tab("base6", "base64")?, tab("ls /bin/base6", "/bin/base64")?))
        });
        screen.press("\x15")?;
        screen.leave()?;
        done
    }
}

/// A program at its terminal.
struct Screen {
    process: Child,
    terminal: File,
    _other_end: OwnedFd,
    shown: Vec<u8>,
    started: Instant,
}

impl Screen {
    fn open(repl: &Repl) -> Result<Self> {
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None)?;
        let stream = || pty.slave.try_clone().map(Stdio::from);
        let mut command = Command::new(&repl.program);
        command.args(&repl.arguments).env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        command.env("XDG_STATE_HOME", repl.state.path()).env("HOME", repl.state.path());
        command.stdin(stream()?).stdout(stream()?).stderr(stream()?);
        let started = Instant::now();
        let process = command.spawn()?;
        let terminal = File::from(pty.master);
        Ok(Self { process, terminal, _other_end: pty.slave, shown: Vec::new(), started })
    }

    fn press(&mut self, keys: &str) -> Result<()> {
        self.shown.clear();
        Ok(self.terminal.write_all(keys.as_bytes())?)
    }

    fn prompt(&mut self) -> Result<()> {
        // Colours stand between the words.
        self.until("no prompt", |text| {
            text.rfind(RECIPE).is_some_and(|at| text[at..].contains(PROMPT.trim_end()))
        })
    }

    /// Waits until this was shown since the last key, whatever colours are between the letters.
    fn see(&mut self, wanted: &str) -> Result<()> {
        self.until(wanted, |text| plain(text).contains(wanted))
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        loop {
            if is_so(&String::from_utf8_lossy(&self.shown)) {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::try_from(left)?)? == 0 {
                return Err(format!("never saw {what:?}").into());
            }
            let read = self.terminal.read(&mut buffer)?;
            self.shown.extend_from_slice(&buffer[..read]);
        }
    }

    fn leave(mut self) -> Result<()> {
        // The line is cleared; end of input is the way out.
        self.press("\x03")?;
        let until = Instant::now() + PATIENCE;
        while self.process.try_wait()?.is_none() {
            if Instant::now() > until {
                self.process.kill()?;
            }
            self.terminal.write_all(b"\x04")?;
            let mut fds = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(2_u8))? > 0 {
                let _ = self.terminal.read(&mut [0; 4096])?;
            }
        }
        Ok(())
    }
}

/// Text without the sequences that colour it and move about.
fn plain(text: &str) -> String {
    let mut pieces = text.split('\x1b');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic()).map_or(piece.len(), |end| end + 1);
        out.push_str(&piece[end..]);
    }
    out
}

fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
