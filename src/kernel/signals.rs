//! The signals that end a run, read from a descriptor (signalfd(2)), so that one poll(2) waits for everything; and while a
//! line is typed, where a library waits in read(2), by a handler that ends that wait.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::launch;

/// The signals that end a session at its prompt. Ctrl-C is a key there.
const ENDING: [Signal; 2] = [Signal::SIGTERM, Signal::SIGHUP];

/// While it lives, SIGINT, SIGQUIT, SIGTERM and SIGHUP of this thread are read from the descriptor and end nothing by
/// themselves, so that whoever reads them can clean up first.
#[derive(Debug)]
pub struct Interrupts {
    descriptor: SignalFd,
    before: SigSet,
    /// Whether SIGQUIT is told as SIGINT.
    quit_is_interrupt: bool,
}

impl Interrupts {
    /// Starts to listen.
    ///
    /// # Errors
    /// EMFILE or ENOMEM of signalfd(2).
    pub fn listen() -> nix::Result<Self> {
        Self::listen_as(false)
    }

    /// Starts to listen for a session: Ctrl-\ means there what Ctrl-C does, and ends nothing but a line.
    ///
    /// # Errors
    /// EMFILE or ENOMEM of signalfd(2).
    pub fn of_session() -> nix::Result<Self> {
        Self::listen_as(true)
    }

    fn listen_as(quit_is_interrupt: bool) -> nix::Result<Self> {
        let signals: SigSet =
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&signals, flags)?;
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { descriptor, before, quit_is_interrupt })
    }

    /// The signal that came, if one did.
    pub fn take(&mut self) -> Option<i32> {
        let signal = self.descriptor.read_signal().ok().flatten().map(|info| info.ssi_signo as i32)?;
        let interrupt = self.quit_is_interrupt && signal == libc::SIGQUIT;
        Some(if interrupt { libc::SIGINT } else { signal })
    }

    /// Has a line read from standard input by something that waits in read(2) and would start over after any signal.
    /// SIGTERM and SIGHUP make that read fail (EAGAIN), whether it waits already or has not begun yet, and the one that
    /// came is told.
    pub fn at_prompt<T>(&self, read: impl FnOnce() -> T) -> (T, Option<i32>) {
        let ending: SigSet = ENDING.into_iter().collect();
        let handled = ENDING.into_iter().all(|signal| launch::handle(signal, came).is_ok());
        if handled {
            let _ = ending.thread_unblock();
        }
        let done = read();
        if handled {
            let _ = ending.thread_block();
        }
        let signal = CAME.swap(0, Ordering::Relaxed);
        if signal == 0 {
            return (done, None);
        }
        let _ = keys_wait(true);
        (done, Some(signal))
    }
}

/// While it lives, the end of a child wakes whoever polls the descriptor.
#[derive(Debug)]
pub struct Ends {
    descriptor: SignalFd,
    before: SigSet,
}

impl Ends {
    /// Starts to listen.
    ///
    /// # Errors
    /// EMFILE or ENOMEM of signalfd(2).
    pub fn listen() -> nix::Result<Self> {
        let signals: SigSet = std::iter::once(Signal::SIGCHLD).collect();
        let descriptor = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { descriptor, before })
    }

    /// Whether some have ended since this was asked last: one, or many.
    pub fn take(&mut self) -> bool {
        self.descriptor.read_signal().is_ok_and(|signal| signal.is_some())
    }
}

impl AsFd for Ends {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// The signal that came at the prompt; 0 for none.
static CAME: AtomicI32 = AtomicI32::new(0);

/// The handler: one store and fcntl(2), both async-signal-safe (signal-safety(7)).
extern "C" fn came(signal: i32) {
    let errno = Errno::last_raw();
    CAME.store(signal, Ordering::Relaxed);
    let _ = keys_wait(false);
    Errno::set_raw(errno);
}

/// Whether a read of standard input waits for a key.
fn keys_wait(wait: bool) -> nix::Result<()> {
    let keys = rustix::stdio::stdin();
    let mut flags = OFlag::from_bits_retain(fcntl(keys, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, !wait);
    fcntl(keys, FcntlArg::F_SETFL(flags)).map(drop)
}

impl AsFd for Interrupts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}
