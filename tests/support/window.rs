//! The window of a terminal: a pseudo-terminal with a program at its other end, and a reader that shows whatever the
//! program writes.

#![allow(clippy::expect_used, reason = "a test's helper fails it like the test itself")]

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{Termios, tcgetattr};

use super::picture::Picture;

/// Held while a program starts: openpty(3) gives descriptors that children inherit. One that has its own terminal's
/// other end never sees it hang up, and no child of a test beside this one may have it either.
static STARTING: Mutex<()> = Mutex::new(());

/// What has come of the program so far.
pub(super) struct Shown {
    pub(super) picture: Picture,
    pub(super) bytes: Vec<u8>,
    /// Whether nobody has the other end any more.
    pub(super) closed: bool,
}

/// What the reader of the terminal shares with the test.
struct Shared {
    shown: Mutex<Shown>,
    changed: Condvar,
}

impl Shared {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The window.
pub(super) struct Window {
    /// Our end of the terminal; `None` once it is closed.
    terminal: Option<File>,
    shared: Arc<Shared>,
    /// The modes of the terminal before anything ran at it.
    modes: Termios,
    /// The reader, and what wakes it when the window is closed.
    reader: Option<(JoinHandle<()>, PipeWriter)>,
}

impl Window {
    /// Starts a program at a terminal of this size, which answers what it is asked or does not.
    pub(super) fn open(mut command: Command, columns: u16, rows: u16, answers: bool) -> (Child, Self) {
        let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let size = nix::pty::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(Some(&size), None).expect("a pseudo-terminal");
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a flag of our own descriptor");
        }
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK)).expect("the same");
        let modes = tcgetattr(&pty.slave).expect("the modes of the terminal");
        let end = || Stdio::from(pty.slave.try_clone().expect("the terminal's other end"));
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program starts");
        // The command has copies of the descriptors: with them open nobody would ever see the other end hang up.
        drop((command, pty.slave, alone));
        let shown = Shown { picture: Picture::new(columns, rows), bytes: Vec::new(), closed: false };
        let shared = Arc::new(Shared { shown: Mutex::new(shown), changed: Condvar::new() });
        let (stopped, stop) = std::io::pipe().expect("a pipe");
        let terminal = File::from(pty.master);
        let reader = {
            let (shared, terminal) = (Arc::clone(&shared), terminal.try_clone().expect("the terminal"));
            std::thread::spawn(move || read(&shared, terminal, answers, &stopped))
        };
        (child, Self { terminal: Some(terminal), shared, modes, reader: Some((reader, stop)) })
    }

    /// Where keys are written.
    pub(super) fn keys(&self) -> &File {
        self.terminal.as_ref().expect("the window is open")
    }

    pub(super) fn modes(&self) -> &Termios {
        &self.modes
    }

    pub(super) fn is_open(&self) -> bool {
        self.terminal.is_some()
    }

    /// What is shown now. Nothing is added to it while this is held.
    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shared.shown()
    }

    /// Waits until more is shown, or a while.
    pub(super) fn changed<'a>(&self, shown: MutexGuard<'a, Shown>) -> MutexGuard<'a, Shown> {
        let waited = self.shared.changed.wait_timeout(shown, Duration::from_millis(200));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Another size; the kernel tells the program with SIGWINCH.
    pub(super) fn resize(&self, columns: u16, rows: u16) {
        self.shown().picture.resize(columns, rows);
        let to = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(self.keys(), to).expect("a size");
    }

    /// Closes the window: the kernel hangs up.
    pub(super) fn close(&mut self) {
        self.terminal = None;
        if let Some((reader, stop)) = self.reader.take() {
            drop(stop);
            reader.join().expect("the reader ends");
        }
    }
}

/// Shows what the program writes and maybe answers what it asks, until it closes the terminal or the test does.
fn read(shared: &Shared, mut terminal: File, answers: bool, stopped: &PipeReader) {
    let mut piece = [0; 8192];
    loop {
        let mut fds = [
            PollFd::new(terminal.as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        let _ = poll(&mut fds, PollTimeout::NONE);
        if fds[1].any().unwrap_or(true) {
            return;
        }
        // What is read and not shown yet is nowhere: nobody may look in between.
        let mut shown = shared.shown();
        match terminal.read(&mut piece) {
            Ok(n @ 1..) => {
                shown.bytes.extend_from_slice(&piece[..n]);
                let answer = shown.picture.show(&piece[..n]);
                if answers {
                    let _ = terminal.write_all(&answer);
                }
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            // EIO: nobody has the other end.
            Ok(_) | Err(_) => shown.closed = true,
        }
        shared.changed.notify_all();
        if shown.closed {
            return;
        }
    }
}
