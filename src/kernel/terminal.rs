//! Who owns the foreground of the terminal (tcsetpgrp(3), termios(3)).
//!
//! After an inner shell ends, the terminal's foreground group is still the dead one, and a read would give EIO. So the
//! terminal is always taken back, and its modes are set as they were.

use std::fs::File;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// The terminal, lent to a process group; taken back when this is dropped.
#[derive(Debug)]
pub struct Lent {
    terminal: File,
    modes: Option<Termios>,
    owner: Pid,
}

impl Lent {
    /// Lends the controlling terminal to the process group of a child.
    ///
    /// # Errors
    /// ENXIO without a controlling terminal, and what tcsetpgrp(3) says.
    pub fn to(group: i32) -> nix::Result<Self> {
        let terminal = File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .map_err(|error| nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::ENXIO)))?;
        let owner = tcgetpgrp(&terminal).unwrap_or_else(|_| getpgrp());
        let modes = tcgetattr(&terminal).ok();
        tcsetpgrp(&terminal, Pid::from_raw(group))?;
        Ok(Self { terminal, modes, owner })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Who is in the background is stopped by SIGTTOU for taking the foreground, unless it is blocked.
        let quiet: SigSet = std::iter::once(Signal::SIGTTOU).collect();
        let before = quiet.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let _ = tcsetpgrp(&self.terminal, self.owner);
        if let Some(modes) = &self.modes {
            let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, modes);
        }
        if let Ok(before) = before {
            let _ = before.thread_set_mask();
        }
    }
}
