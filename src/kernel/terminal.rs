//! A terminal of a container's own (pty(7)), with the learner's terminal as its keys and its screen.
//!
//! The learner's terminal is never given away: a program inside cannot leave it in a strange mode, cannot push keys
//! into it, and has nothing to hold on to after its end. What a key means (Ctrl-C, Ctrl-Z) is decided by the inner
//! terminal, so it goes to the program inside.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use super::aside::Aside;
use super::screen::Screen;

/// Keys that are kept while the program inside does not read them. Beyond it the learner's own terminal keeps them.
const KEYS: usize = 64 << 10;

/// The learner's terminal and the one inside.
#[derive(Debug)]
pub struct Relay {
    keys: File,
    screen: File,
    master: File,
    slave: OwnedFd,
    modes: Termios,
}

/// Why the relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The process inside has ended.
    Ended,
    /// This signal asks rlab to end; SIGHUP where the learner's terminal has gone.
    Asked(i32),
}

impl Relay {
    /// Makes a terminal with the size and the modes of the learner's.
    ///
    /// # Errors
    /// ENOTTY where standard input is no terminal, and what opening a pseudo-terminal says.
    pub fn new() -> nix::Result<Self> {
        let of = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        let keys = File::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(of)?);
        let screen = File::from(std::io::stdout().as_fd().try_clone_to_owned().map_err(of)?);
        let modes = tcgetattr(&keys)?;
        let pty = nix::pty::openpty(None, &modes)?;
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let relay = Self { keys, screen, master: pty.master.into(), slave: pty.slave, modes };
        relay.resize();
        Ok(relay)
    }

    /// The descriptor of the inner terminal, for the process.
    pub fn inner(&self) -> i32 {
        self.slave.as_raw_fd()
    }

    /// The inner terminal gets the size of the learner's.
    fn resize(&self) {
        // A terminal without a size is one of unknown size inside too.
        if let Ok(size) = rustix::termios::tcgetwinsize(&self.keys) {
            let _ = rustix::termios::tcsetwinsize(&self.master, size);
        }
    }

    /// Carries keys in and output out until the process ends. A process that stops itself has nobody above it to
    /// continue it: `stopped` is called whenever a child of rlab has changed its state.
    ///
    /// # Errors
    /// What poll(2) or signalfd(2) says. The terminal is as before then too.
    pub fn run(&mut self, process: BorrowedFd<'_>, stopped: &mut dyn FnMut()) -> nix::Result<Over> {
        self.run_beside(process, stopped, None)
    }

    /// As [`Relay::run`], and `look` is called again and again meanwhile, more often while something moves. What it gives
    /// is told when nothing is being typed and nothing is being written.
    ///
    /// # Errors
    /// As [`Relay::run`].
    pub fn run_beside(
        &mut self,
        process: BorrowedFd<'_>,
        stopped: &mut dyn FnMut(),
        look: Option<&mut dyn FnMut() -> Option<String>>,
    ) -> nix::Result<Over> {
        let heard: SigSet = [
            Signal::SIGWINCH,
            Signal::SIGCHLD,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTSTP,
        ]
        .into_iter()
        .collect();
        let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = heard.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let raw = self.raw();
        // What was resized before the signal was heard.
        self.resize();
        let mut seen = Screen::default();
        let mut aside = look.map(Aside::new);
        let over = self.carry(process, &signals, &mut seen, stopped, aside.as_mut());
        let _ = self.screen.write_all(seen.undo().as_bytes());
        let restored = raw.and_then(|()| self.cooked());
        let _ = before.thread_set_mask();
        restored.and(over)
    }

    fn raw(&self) -> nix::Result<()> {
        let mut raw = self.modes.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&self.keys, SetArg::TCSADRAIN, &raw)
    }

    fn cooked(&self) -> nix::Result<()> {
        // Who is in the background is stopped by SIGTTOU for this, unless it is blocked.
        let quiet: SigSet = std::iter::once(Signal::SIGTTOU).collect();
        let before = quiet.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let restored = match tcsetattr(&self.keys, SetArg::TCSADRAIN, &self.modes) {
            // A terminal that has gone has no modes.
            Err(Errno::EIO) => Ok(()),
            other => other,
        };
        if let Ok(before) = before {
            let _ = before.thread_set_mask();
        }
        restored
    }

    fn carry(
        &mut self,
        process: BorrowedFd<'_>,
        signals: &SignalFd,
        seen: &mut Screen,
        stopped: &mut dyn FnMut(),
        mut aside: Option<&mut Aside<'_>>,
    ) -> nix::Result<Over> {
        let mut waiting: Vec<u8> = Vec::new();
        loop {
            let full = waiting.len() >= KEYS;
            let ready = match aside.as_ref() {
                None => waiting.len(),
                Some(aside) => aside.may_hand_in(&waiting, self.has_unread()),
            };
            let master = if ready == 0 { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
            let keys = if full { PollFlags::empty() } else { PollFlags::POLLIN };
            let mut fds = [
                PollFd::new(process, PollFlags::POLLIN),
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.master.as_fd(), master),
                PollFd::new(self.keys.as_fd(), keys),
            ];
            let pause = aside.as_ref().map_or(PollTimeout::NONE, |aside| aside.pause());
            match poll(&mut fds, pause) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let [ended, signal, _, typed] =
                fds.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
            if signal && let Some(asked) = self.signalled(signals, stopped) {
                return Ok(Over::Asked(asked));
            }
            let shown = self.show(seen, if ended { 64 } else { 8 });
            if let Some(aside) = aside.as_mut() {
                aside.written(&shown);
                let text = aside.look(seen.elsewhere() || ended, self.has_unread());
                let _ = self.screen.write_all(&text);
            }
            if ended {
                return Ok(Over::Ended);
            }
            let before = waiting.len();
            if typed && !self.type_in(&mut waiting) {
                return Ok(Over::Asked(libc::SIGHUP));
            }
            match aside.as_mut() {
                None => drop(self.hand_in(&mut waiting, usize::MAX)),
                Some(aside) => {
                    let (mut answers, keys) = aside.typed(&waiting.split_off(before));
                    self.hand_in(&mut answers, usize::MAX);
                    waiting.extend(keys);
                    let most = aside.may_hand_in(&waiting, self.has_unread());
                    aside.handed_in(&self.hand_in(&mut waiting, most));
                }
            }
        }
    }

    /// The signal that ends the relay, if one came.
    fn signalled(&self, signals: &SignalFd, stopped: &mut dyn FnMut()) -> Option<i32> {
        while let Ok(Some(info)) = signals.read_signal() {
            match info.ssi_signo as i32 {
                libc::SIGWINCH => self.resize(),
                libc::SIGCHLD => stopped(),
                signal @ (libc::SIGTERM | libc::SIGHUP) => return Some(signal),
                // The keys of these go to the program inside; whoever sends them from elsewhere can mean rlab only.
                _ => {}
            }
        }
        None
    }

    /// Shows what the program inside has written: a bounded number of pieces, so that one that writes without end does
    /// not keep the keys from it. Gives what was shown.
    fn show(&mut self, seen: &mut Screen, pieces: usize) -> Vec<u8> {
        let mut piece = [0; 4096];
        let mut all = Vec::new();
        for _ in 0..pieces {
            match self.master.read(&mut piece) {
                Ok(length @ 1..) => {
                    let bytes = piece.get(..length).unwrap_or_default();
                    seen.note(bytes);
                    all.extend_from_slice(bytes);
                    // A screen that has gone is told by its keys.
                    let _ = self.screen.write_all(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        all
    }

    /// Takes keys from the learner; `false` where the terminal has gone.
    fn type_in(&mut self, waiting: &mut Vec<u8>) -> bool {
        let mut piece = [0; 4096];
        match self.keys.read(&mut piece) {
            Ok(0) => false,
            Ok(length) => {
                waiting.extend_from_slice(piece.get(..length).unwrap_or_default());
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock),
        }
    }

    /// Whether something was handed in that nobody has read yet. A line more would be read together with it, and be lost
    /// with whoever read it.
    fn has_unread(&self) -> bool {
        rustix::io::ioctl_fionread(&self.slave).is_ok_and(|bytes| bytes > 0)
    }

    /// Gives them to the program inside, as many as its terminal takes and no more than this. They are given back.
    fn hand_in(&mut self, waiting: &mut Vec<u8>, most: usize) -> Vec<u8> {
        let most = most.min(waiting.len());
        let mut handed = Vec::new();
        while handed.len() < most {
            let rest = most - handed.len();
            match self.master.write(waiting.get(..rest).unwrap_or_default()) {
                Ok(length @ 1..) => handed.extend(waiting.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        handed
    }
}
