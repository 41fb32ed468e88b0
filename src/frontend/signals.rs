//! Signals that come while rlab waits for a line: whoever ends the session (a closed window, `kill`, Ctrl-C in front of
//! a pipe) must not keep it from cleaning up.
//!
//! The sandbox has SIGINT, SIGQUIT, SIGTERM and SIGHUP blocked for as long as it lives. Here they are read while nothing runs.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

/// Waits until there is something to read, or a signal asks rlab to end: then its number.
pub fn wait_for(input: BorrowedFd<'_>) -> Option<i32> {
    let signals = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    // Without a descriptor (EMFILE) the read blocks as it always did.
    let listening = listen(&signals)?;
    first_of(&listening, input)
}

/// Reads a line with the editor. SIGQUIT, SIGTERM and SIGHUP make it give up, and their number is told.
///
/// The editor waits in read(2) and would start over after any signal. So a thread of its own waits for them, and
/// then makes the terminal say "nothing there" (EAGAIN) instead of waiting for a key. SIGWINCH wakes a read that waits
/// already; one that has not begun yet needs no waking.
pub fn watched<T>(read: impl FnOnce() -> T) -> (T, Option<i32>) {
    let signals = [Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    let (Some(listening), Ok((stop, stopper))) = (listen(&signals), std::io::pipe()) else {
        return (read(), None);
    };
    std::thread::scope(|scope| {
        // Where no thread can be had, the line is read all the same.
        let waiting = std::thread::Builder::new().spawn_scoped(scope, move || {
            let _ = SigSet::all().thread_block();
            let signal = first_of(&listening, stop.as_fd())?;
            let _ = waits(false);
            let _ = kill(Pid::this(), Signal::SIGWINCH);
            Some(signal)
        });
        let line = read();
        // The end of the pipe wakes the thread.
        drop(stopper);
        let signal = waiting.ok().and_then(|thread| thread.join().ok().flatten());
        if signal.is_some() {
            let _ = waits(true);
        }
        (line, signal)
    })
}

/// Whether a read of the terminal waits for a key.
fn waits(waits: bool) -> nix::Result<()> {
    let stdin = std::io::stdin();
    let mut flags = OFlag::from_bits_retain(fcntl(&stdin, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, !waits);
    fcntl(&stdin, FcntlArg::F_SETFL(flags)).map(drop)
}

fn listen(signals: &SigSet) -> Option<SignalFd> {
    SignalFd::with_flags(signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).ok()
}

/// The signal that came before the other descriptor could be read.
fn first_of(listening: &SignalFd, other: BorrowedFd<'_>) -> Option<i32> {
    loop {
        let mut fds =
            [PollFd::new(listening.as_fd(), PollFlags::POLLIN), PollFd::new(other, PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return None,
        }
        if let Ok(Some(info)) = listening.read_signal() {
            return i32::try_from(info.ssi_signo).ok();
        }
        if fds[1].revents().is_some_and(|events| !events.is_empty()) {
            return None;
        }
    }
}
