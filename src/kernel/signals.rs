//! The signals that end a run, read from a descriptor (signalfd(2)), so that one poll(2) waits for everything.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// While it lives, SIGINT, SIGQUIT, SIGTERM and SIGHUP of this thread are read from the descriptor and end nothing by
/// themselves, so that whoever reads them can clean up first.
#[derive(Debug)]
pub struct Interrupts {
    descriptor: SignalFd,
    signals: SigSet,
    before: SigSet,
}

impl Interrupts {
    /// Starts to listen.
    ///
    /// # Errors
    /// EMFILE or ENOMEM of signalfd(2).
    pub fn listen() -> nix::Result<Self> {
        let signals: SigSet =
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&signals, flags)?;
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { descriptor, signals, before })
    }

    /// The signal that came, if one did.
    pub fn take(&mut self) -> Option<i32> {
        self.descriptor.read_signal().ok().flatten().map(|info| info.ssi_signo as i32)
    }

    /// The signals act as before while the guard lives: at a prompt, nothing polls the descriptor.
    pub fn suspend(&self) -> Suspended<'_> {
        let _ = self.before.thread_set_mask();
        Suspended(self)
    }
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

/// See [`Interrupts::suspend`].
#[derive(Debug)]
pub struct Suspended<'a>(&'a Interrupts);

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        let _ = self.0.signals.thread_block();
    }
}
