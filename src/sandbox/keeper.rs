//! The keeper: a helper that does nothing until rlab is dead, and then collects what rlab could not.
//!
//! After `kill -9` the kernel ends the first process of every container with us, and a PID namespace ends the rest of
//! it. What is left of a container without one, and the directory and the control group of the session, would stay
//! until the next start. The keeper holds the end of a pipe that only rlab can write to. When the pipe ends it becomes
//! `rlab clean`. It is a copy of rlab that shares its memory, so it costs a clone3 and no more.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::kernel::call::Syscall;
use crate::kernel::launch::{self, Program};
use crate::sandbox::owner;

/// What `ps` calls it: not `rlab`, so that `killall rlab` leaves it to its work.
const NAME: &str = "keeper";

/// A keeper at its post; sent away when it is dropped.
#[derive(Debug)]
pub struct Keeper {
    pid: Pid,
    /// Closes when rlab dies, however it dies.
    _life: OwnedFd,
}

impl Keeper {
    /// Posts one. Without it (no descriptor, no process left) a later start has to collect.
    pub fn post() -> Option<Self> {
        let (waiting, life) = nix::unistd::pipe2(OFlag::O_CLOEXEC).ok()?;
        let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").ok()?;
        let argv = ["rlab", "clean", "--of", owner::own_name()].map(str::to_owned);
        let environment: Vec<String> = std::env::vars_os()
            .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
            .collect();
        let before = vec![
            Syscall::setsid(),
            Syscall::set_name(NAME),
            Syscall::redirect(waiting.as_raw_fd(), 0),
            Syscall::redirect(nothing.as_raw_fd(), 1),
            Syscall::redirect(nothing.as_raw_fd(), 2),
            // The other end of the pipe is among them, and a reader of rlab's output must not wait for the keeper.
            Syscall::close_from_3(),
            Syscall::read_byte(0),
            Syscall::execve("/proc/self/exe", &argv, &environment),
        ];
        let pid = launch::helper(&Program { before, after: Vec::new() }).ok()?;
        Some(Self { pid, _life: life })
    }

    /// Its PID.
    pub const fn pid(&self) -> i32 {
        self.pid.as_raw()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It is our child and nobody else waits for it, so the number is still its own.
        let _ = kill(self.pid, Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
    }
}
