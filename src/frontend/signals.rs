//! Signals that come while rlab waits for a line: whoever ends the session (a closed window, `kill`, Ctrl-C in front of
//! a pipe) must not keep it from cleaning up.
//!
//! The sandbox has SIGINT, SIGTERM and SIGHUP blocked for as long as it lives. Here they are read while nothing runs.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

/// Waits until there is something to read, or a signal asks rlab to end: then its number.
pub fn wait_for(input: BorrowedFd<'_>) -> Option<i32> {
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    // Without a descriptor (EMFILE) the read blocks as it always did.
    let listening = listen(&signals)?;
    first_of(&listening, input)
}

/// Reads a line with the editor. SIGTERM and SIGHUP make it give up, and their number is told.
///
/// The editor listens to SIGINT alone, so a thread of its own waits for the other two and passes them on as that.
pub fn watched<T>(read: impl FnOnce() -> T) -> (T, Option<i32>) {
    let signals = [Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    let (Some(listening), Ok((stop, stopper))) = (listen(&signals), std::io::pipe()) else {
        return (read(), None);
    };
    let interrupt: SigSet = std::iter::once(Signal::SIGINT).collect();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let signal = first_of(&listening, stop.as_fd());
            if signal.is_some() {
                // To our own process: it cannot fail for want of permission.
                let _ = kill(Pid::this(), Signal::SIGINT);
            }
            signal
        });
        let _ = interrupt.thread_unblock();
        let line = read();
        let _ = interrupt.thread_block();
        // The end of the pipe wakes the thread.
        drop(stopper);
        (line, waiting.join().ok().flatten())
    })
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
