//! Who looks at the disk while a container stays and rlab itself waits for a key: a thread that does nothing else.
//!
//! A thread, since the one of the session waits in read(2) inside the line editor. Processes are launched by that one
//! alone, so nothing of what makes clone3 and threads a bad pair touches this one; and it takes no signal, since all are
//! meant for the other.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;

use crate::kernel::{launch, proc};
use crate::recipe::outcome::Capped;
use crate::sandbox::caps::{LineWatch, PACE};

/// What the thread is left on its stack.
const STACK: usize = 128 << 10;

/// A thread that ends one container when it fills the disk.
#[derive(Debug)]
pub(super) struct Guard {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    met: Arc<OnceLock<Capped>>,
}

/// The container that is looked after.
#[derive(Debug)]
pub(super) struct Ward {
    /// Its first process.
    pub(super) pid: i32,
    pub(super) descriptor: OwnedFd,
    /// Whether the end of that one ends all of it.
    pub(super) is_init: bool,
}

impl Guard {
    /// Begins to look. `None` where no thread can be had: then it is looked at only while a line runs.
    pub(super) fn post(ward: Ward, mut watch: LineWatch) -> Option<Self> {
        let (stop, stopped) = channel();
        let met = Arc::new(OnceLock::new());
        let told = Arc::clone(&met);
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok()?;
        let thread = Builder::new().name("guard".to_owned()).stack_size(STACK).spawn(move || {
            while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                if let Some(capped) = watch.over() {
                    let _ = told.set(capped);
                    ward.end();
                    return;
                }
            }
        });
        let _ = before.thread_set_mask();
        Some(Self { stop: Some(stop), thread: Some(thread.ok()?), met })
    }

    /// The cap for which the container was ended, if it was.
    pub(super) fn met(&self) -> Option<Capped> {
        self.met.get().copied()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Ward {
    fn end(&self) {
        let below = if self.is_init { Vec::new() } else { proc::descendants(self.pid) };
        // ESRCH: it has ended by itself meanwhile.
        let _ = launch::signal_to(self.descriptor(), libc::SIGKILL);
        for pid in below.into_iter().skip(1) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
