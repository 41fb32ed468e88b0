//! A program at a terminal, driven key by key: a real pseudo-terminal of a size, the keys that are pressed, and the
//! picture that comes of it.
//!
//! Nothing here waits for time to pass. [`Screen::wait`] ends when the picture is as it should be, and
//! [`Screen::settle`] when the program waits for a key and everything it wrote is on the screen. The limits are only
//! there so that a test that fails also ends.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helper fails it like the test itself")]

use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{Termios, tcgetattr};

use super::picture::{Picture, Row, Style, joined};
use super::window::{Shown, Window};

pub(crate) use super::seat::Seat;

/// How long the program may take for one thing. Generous: nothing here measures time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The editor says this to the terminal each time it begins to read a line.
const READS: &[u8] = b"\x1b[?2004h";

/// Enter, as the key sends it.
pub(crate) const ENTER: &str = "\r";
/// Ctrl-C.
pub(crate) const CTRL_C: &str = "\x03";
/// Ctrl-D.
pub(crate) const CTRL_D: &str = "\x04";

/// A program at its terminal.
pub(crate) struct Screen {
    child: Child,
    window: Window,
    /// Where in the bytes the last key was pressed, and the row of the cursor then.
    pressed: usize,
    from: usize,
    home: tempfile::TempDir,
}

impl Screen {
    pub(super) fn new(child: Child, window: Window, home: tempfile::TempDir) -> Self {
        Self { child, window, pressed: 0, from: 0, home }
    }

    /// rlab at a terminal of this size.
    pub(crate) fn start(columns: u16, rows: u16, words: &[&str]) -> Self {
        Seat::new(columns, rows).start(words)
    }

    /// The program's PID.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The home that is only this program's, unless the seat named another.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.press_bytes(keys.as_bytes());
    }

    /// Presses what is no text.
    pub(crate) fn press_bytes(&mut self, keys: &[u8]) {
        {
            let shown = self.window.shown();
            (self.pressed, self.from) = (shown.bytes.len(), shown.picture.cursor().0);
        }
        let mut until = Instant::now() + PATIENCE;
        let mut rest = keys;
        while !rest.is_empty() {
            match self.window.keys().write(rest) {
                Ok(written) => {
                    rest = &rest[written..];
                    until = Instant::now() + PATIENCE;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.insist(until, "the program takes no keys");
                    let mut fds = [PollFd::new(self.window.keys().as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut fds, PollTimeout::from(100u8));
                }
                Err(error) => panic!("the terminal takes no keys: {error}"),
            }
        }
    }

    /// Types a line, presses Enter, waits until the program asks for the next one, and gives what was shown.
    pub(crate) fn line(&mut self, text: &str) -> String {
        self.press(&format!("{text}{ENTER}"));
        self.prompt();
        self.since()
    }

    /// Waits until the editor reads a line that it did not read when the last key was pressed.
    pub(crate) fn prompt(&mut self) {
        let pressed = self.pressed;
        self.until("no prompt", |shown| {
            shown.picture.editing()
                && shown.bytes[pressed..].windows(READS.len()).any(|piece| piece == READS)
                && asks(&mut shown.picture)
        });
        self.rest(4);
    }

    /// Waits for the next prompt of the editor where the terminal cannot be told that a line is read (`TERM=dumb`):
    /// the cursor stands after the prompt's sign, and the program waits.
    pub(crate) fn asks_next(&mut self) {
        let from = self.from;
        let first = self.pressed == 0;
        self.until("no prompt", |shown| {
            (shown.picture.cursor().0 > from || first) && asks(&mut shown.picture)
        });
        self.settle();
    }

    /// Waits until the cursor stands below the row of the last key, after a prompt that ends so. For programs that do
    /// not tell when they read a line.
    pub(crate) fn asks(&mut self, sign: &str) {
        let from = self.from;
        self.until(&format!("no prompt {sign:?}"), |shown| {
            let (row, column) = shown.picture.cursor();
            let text = &shown.picture.rows(row)[0].text;
            row > from && text.ends_with(sign) && text.chars().count() <= column
        });
    }

    /// What was shown since the last key, from the row on in which the cursor stood.
    pub(crate) fn since(&self) -> String {
        joined(&self.window.shown().picture.rows(self.from))
    }

    /// Waits until this was shown since the last key.
    pub(crate) fn see(&mut self, text: &str) {
        let from = self.from;
        self.until(&format!("never saw {text:?}"), |shown| joined(&shown.picture.rows(from)).contains(text));
    }

    /// Waits until the picture, scrollback included, is so.
    pub(crate) fn wait(&mut self, what: &str, is_so: impl Fn(&[Row]) -> bool) {
        self.until(what, |shown| is_so(&shown.picture.rows(0)));
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&mut Shown) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut shown = self.window.shown();
        while !is_so(&mut shown) {
            if shown.closed || Instant::now() > until {
                let ended = if shown.closed { " before the program closed the terminal" } else { "" };
                let rows = shown.picture.rows(0);
                drop(shown);
                panic!("{what}{ended}:\n{}", tail(&rows));
            }
            shown = self.window.changed(shown);
        }
    }

    /// Waits until something is so that no byte of the program tells.
    pub(crate) fn until_so(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so(self) {
            self.insist(until, what);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether the editor reads a line.
    pub(crate) fn reads(&self) -> bool {
        self.window.shown().picture.editing()
    }

    fn insist(&self, until: Instant, what: &str) {
        assert!(Instant::now() < until, "{what}:\n{}", tail(&self.rows()));
    }

    /// Waits until the program has read every key, waits for another one, and all that it wrote is on the screen.
    pub(crate) fn settle(&self) {
        self.rest(12);
    }

    /// The same, looked at so many times.
    fn rest(&self, times: u32) {
        let until = Instant::now() + PATIENCE;
        let (mut bytes, mut quiet) = (0, 0);
        while quiet < times {
            self.insist(until, "the program does not come to rest");
            let rests = !self.unread() && waits(self.pid());
            let (now, closed) = {
                let shown = self.window.shown();
                (shown.bytes.len(), shown.closed)
            };
            assert!(!closed, "the program has closed the terminal:\n{}", tail(&self.rows()));
            quiet = if rests && now == bytes { quiet + 1 } else { 0 };
            bytes = now;
            // The kernel carries bytes from one end of a terminal to the other when it finds the time.
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    /// Whether keys were pressed that the program has not read yet.
    fn unread(&self) -> bool {
        let path = format!("/proc/{}/fd/0", self.pid());
        let options = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let Ok(end) = nix::fcntl::open(path.as_str(), options, nix::sys::stat::Mode::empty()) else {
            return false;
        };
        let mut fds = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Every row, scrollback included, without the empty ones at the end.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = self.window.shown().picture.rows(0);
        while rows.last().is_some_and(|row| row.text.is_empty()) {
            rows.pop();
        }
        rows
    }

    /// All that was ever shown and not overwritten, a line that the terminal broke in one piece.
    pub(crate) fn text(&self) -> String {
        joined(&self.rows())
    }

    /// The bytes that the program has written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.window.shown().bytes.clone()
    }

    /// Where the cursor stands: row (from the first that was ever shown) and column, from 0.
    pub(crate) fn cursor(&self) -> (usize, usize) {
        self.window.shown().picture.cursor()
    }

    /// The row in which the cursor stands.
    pub(crate) fn cursor_row(&self) -> Row {
        let mut shown = self.window.shown();
        let (row, _) = shown.picture.cursor();
        shown.picture.rows(row).swap_remove(0)
    }

    /// How the last row that has this text shows it.
    pub(crate) fn style_of(&self, text: &str) -> Style {
        let rows = self.rows();
        let row = rows.iter().rev().find(|row| row.text.contains(text));
        let row = row.unwrap_or_else(|| panic!("{text:?} is not shown:\n{}", tail(&rows)));
        row.style_of(text).unwrap_or_else(|| panic!("{text:?} has several looks: {}", row.styled()))
    }

    /// Makes the window another size, as a learner does with the mouse.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let shown = self.window.shown();
        (self.pressed, self.from) = (shown.bytes.len(), shown.picture.cursor().0);
        drop(shown);
        self.window.resize(columns, rows);
    }

    /// The modes of the terminal.
    pub(crate) fn termios(&self) -> Termios {
        tcgetattr(self.window.keys()).expect("the modes of the terminal")
    }

    /// The process group that has the terminal.
    pub(crate) fn foreground(&self) -> i32 {
        nix::unistd::tcgetpgrp(self.window.keys()).expect("a process group").as_raw()
    }

    /// Processes that the program started, and those that they started.
    pub(crate) fn descendants(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut parents = vec![self.pid()];
        while let Some(parent) = parents.pop() {
            let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
            for child in children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()) {
                found.push(child);
                parents.push(child);
            }
        }
        found
    }

    /// Whether one of them has these words on its command line.
    pub(crate) fn runs(&self, words: &str) -> bool {
        self.descendants().into_iter().any(|pid| has_words(pid, words))
    }

    /// Whether one of them has, and is not stopped.
    pub(crate) fn goes_on(&self, words: &str) -> bool {
        self.descendants().into_iter().any(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            has_words(pid, words) && !status.contains("\nState:\tT")
        })
    }

    /// Closes the window.
    pub(crate) fn hang_up(&mut self) {
        self.window.close();
    }

    /// Waits for the program's end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                // What it wrote last is still on its way.
                let mut shown = self.window.shown();
                while self.window.is_open() && !shown.closed && Instant::now() < until {
                    shown = self.window.changed(shown);
                }
                drop(shown);
                return status;
            }
            self.insist(until, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Leaves with Ctrl-D, and holds that the terminal is as a shell wants it and nothing is left on the machine.
    pub(crate) fn leave(mut self) -> String {
        self.press(CTRL_D);
        let status = self.end();
        assert!(status.success(), "{status}:\n{}", tail(&self.rows()));
        assert_eq!(self.window.shown().picture.odd(), Vec::<&str>::new());
        assert_eq!(&self.termios(), self.window.modes(), "the modes of the terminal are not as they were");
        assert_eq!(super::left_by(self.pid()), Vec::<String>::new());
        self.text()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Of a test that failed; the end of a session leader ends what is in front at its terminal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the cursor stands after the sign of the editor's prompt, or after a line that is kept there. Where the
/// window is too narrow for the prompt, it may.
fn asks(picture: &mut Picture) -> bool {
    let (row, column) = picture.cursor();
    let before: String = picture.rows(row)[0].text.chars().take(column).collect();
    picture.columns() < 20 || [" ▸ ", " > "].iter().any(|sign| format!("{before} ").contains(sign))
}

/// Whether the main thread of a process waits for something to read: proc(5), `/proc/PID/syscall`.
fn waits(pid: u32) -> bool {
    let calls = [
        libc::SYS_read,
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_epoll_pwait,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait,
    ];
    // A kernel that does not tell leaves it to the bytes.
    let Ok(told) = std::fs::read_to_string(format!("/proc/{pid}/syscall")) else { return true };
    told.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .is_some_and(|number| calls.contains(&number))
}

/// The last rows, for a test that fails.
fn tail(rows: &[Row]) -> String {
    let from = rows.len().saturating_sub(60);
    rows[from..]
        .iter()
        .map(|row| format!("  | {}{}\n", row.text, if row.wrapped { " ↩" } else { "" }))
        .collect()
}

/// Whether a process has these words on its command line.
fn has_words(pid: u32, words: &str) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ").contains(words)
}
