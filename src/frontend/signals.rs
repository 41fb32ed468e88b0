//! Signals that come while rlab waits for a line: whoever ends the session (a closed window, `kill`, Ctrl-C in front of
//! a pipe) must not keep it from cleaning up.
//!
//! The sandbox has SIGINT, SIGQUIT, SIGTERM and SIGHUP blocked for as long as it lives. Here they are read while nothing
//! runs.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// There is something to read from the first descriptor.
    Input,
    /// There is something to read from the other one.
    Other,
    /// Nothing, for as long as that was to be.
    Nothing,
    /// A signal: SIGTERM and SIGHUP ask rlab to end, SIGINT (also told for SIGQUIT) takes back what was typed.
    Signal(i32),
}

/// Waits until there is something to read, a signal comes, or nothing has come for so many milliseconds.
pub fn wait_for(input: BorrowedFd<'_>, other: Option<BorrowedFd<'_>>, patience: Option<u16>) -> Came {
    let signals = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    // Without a descriptor (EMFILE) the read blocks as it always did.
    let Ok(listening) = SignalFd::with_flags(&signals, flags) else { return Came::Input };
    loop {
        let mut fds =
            vec![PollFd::new(listening.as_fd(), PollFlags::POLLIN), PollFd::new(input, PollFlags::POLLIN)];
        fds.extend(other.map(|other| PollFd::new(other, PollFlags::POLLIN)));
        match poll(&mut fds, patience.map_or(PollTimeout::NONE, PollTimeout::from)) {
            Ok(0) => return Came::Nothing,
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return Came::Input,
        }
        if let Ok(Some(info)) = listening.read_signal() {
            let signal = info.ssi_signo as i32;
            return Came::Signal(if signal == libc::SIGQUIT { libc::SIGINT } else { signal });
        }
        let came = |at: usize| fds.get(at).and_then(PollFd::revents).is_some_and(|events| !events.is_empty());
        // Keys first: nobody waits for what they pressed.
        if came(1) {
            return Came::Input;
        }
        if came(2) {
            return Came::Other;
        }
    }
}
