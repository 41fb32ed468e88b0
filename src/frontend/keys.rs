//! The learner's keys, where no library reads them: what is waiting, without echo and key by key.

use std::io::Read;
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

/// Milliseconds without a key after which a paste is over.
const QUIET: u8 = 100;

/// While it lives, keys come one by one and are not shown, as an editor of lines wants them. Output is as always.
#[derive(Debug)]
pub struct OneByOne(Termios);

impl OneByOne {
    /// From now on. `None` where standard input is no terminal.
    pub fn begin() -> Option<Self> {
        let keys = std::io::stdin();
        let before = tcgetattr(&keys).ok()?;
        let mut raw = before.clone();
        raw.input_flags &= !(InputFlags::BRKINT
            | InputFlags::ICRNL
            | InputFlags::INPCK
            | InputFlags::ISTRIP
            | InputFlags::IXON);
        raw.control_flags |= ControlFlags::CS8;
        raw.local_flags &= !(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::IEXTEN | LocalFlags::ISIG);
        for (index, value) in [(SpecialCharacterIndices::VMIN, 1), (SpecialCharacterIndices::VTIME, 0)] {
            if let Some(place) = raw.control_chars.get_mut(index as usize) {
                *place = value;
            }
        }
        tcsetattr(&keys, SetArg::TCSADRAIN, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for OneByOne {
    fn drop(&mut self) {
        // A terminal that has gone has no modes.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// Whether a read of the terminal waits for a key.
pub fn wait(wait: bool) {
    let keys = std::io::stdin();
    let Ok(flags) = fcntl(&keys, FcntlArg::F_GETFL) else { return };
    let mut flags = OFlag::from_bits_retain(flags);
    flags.set(OFlag::O_NONBLOCK, !wait);
    let _ = fcntl(&keys, FcntlArg::F_SETFL(flags));
}

/// Throws away what is being pasted, until it is quiet: none of it is to be taken for a line.
pub fn discard() {
    let Some(_raw) = OneByOne::begin() else { return };
    let Ok(keys) = std::io::stdin().as_fd().try_clone_to_owned() else { return };
    let mut keys = std::fs::File::from(keys);
    let mut piece = [0; 4096];
    loop {
        let mut fds = [PollFd::new(keys.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(QUIET)) {
            Ok(1..) => {}
            _ => return,
        }
        if !matches!(keys.read(&mut piece), Ok(1..)) {
            return;
        }
    }
}
