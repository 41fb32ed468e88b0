//! The parent's view of a child that was launched: where it stands, what it has reported, whether it may go on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::{REPORT, pidfd_open, signal_to};

/// Milliseconds after which the parent looks whether a pipe full of reports keeps the child from the gate.
const FULL_PIPE: u16 = 20;

/// What the child reported of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Which call: an index into [`Program::before`](super::Program::before), then on into [`Program::after`](super::Program::after).
    pub index: usize,
    /// The value, or the errno.
    pub result: Result<i64, i32>,
}

impl Report {
    fn read(record: &[u8; REPORT]) -> Self {
        let [i0, i1, i2, i3, e0, e1, e2, e3, value @ ..] = *record;
        let errno = i32::from_ne_bytes([e0, e1, e2, e3]);
        let result = if errno == 0 { Ok(i64::from_ne_bytes(value)) } else { Err(errno) };
        Self { index: u32::from_ne_bytes([i0, i1, i2, i3]) as usize, result }
    }
}

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// At the gate: prepared, the program not started.
    AtGate,
    /// The pipe ended: the program runs, or the child is dead; its wait status tells which.
    Gone,
}

/// A child of this process that was launched.
#[derive(Debug)]
pub struct Child {
    /// PID as this process sees it.
    pub pid: i32,
    /// Becomes readable when the child ends.
    pub pidfd: OwnedFd,
    pub(super) reports: File,
    /// Bytes of a report that has not come whole.
    pub(super) half: Vec<u8>,
    /// Becomes readable when the child stands at the gate.
    pub(super) ready: Option<OwnedFd>,
    /// Stays open for as long as this process lives and wants the child to live; `None` where there is no gate.
    pub(super) gate: Option<File>,
    /// The call by which the child will hand its work to another, as long as it has not.
    pub(super) hand_over: Option<usize>,
}

impl Child {
    /// Where the child has handed its work over, its heir is the child from now on. Says whether that was so.
    fn follow(&mut self, reports: &[Report]) -> nix::Result<bool> {
        let Some(at) = self.hand_over else { return Ok(false) };
        let told = reports.iter().find(|report| report.index == at).map(|report| report.result);
        let Some(Ok(pid)) = told else { return Ok(false) };
        self.hand_over = None;
        // It is our child, and nobody else reaps it: the number is its own.
        let heir = pidfd_open(pid as i32)?;
        let elder = std::mem::replace(&mut self.pidfd, heir);
        self.pid = pid as i32;
        waitid(Id::PIDFd(elder.as_fd()), WaitPidFlag::WEXITED)?;
        Ok(true)
    }

    /// Waits until the child stands at the gate or is gone, and reads what it has reported.
    ///
    /// # Errors
    /// When the pipe cannot be read.
    pub fn reports(&mut self, into: &mut Vec<Report>) -> std::io::Result<Stand> {
        let Some(ready) = self.ready.take() else { return self.reports_to_the_end(into) };
        loop {
            let mut fds = [
                PollFd::new(ready.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::from(FULL_PIPE)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let told = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
            let [at_gate, ended] = [told(&fds[0]), told(&fds[1])];
            self.drain(into)?;
            if self.follow(into)? {
                self.ready = Some(ready);
                return self.reports(into);
            }
            // The other end of `ready` closes with the child too: then nothing is there to be read.
            if at_gate && nix::unistd::read(&ready, &mut [0])? == 1 {
                return Ok(Stand::AtGate);
            }
            if at_gate || ended {
                return Ok(Stand::Gone);
            }
        }
    }

    /// Reads what a child has reported that has ended.
    ///
    /// # Errors
    /// When the pipe cannot be read.
    pub fn last_reports(&mut self, into: &mut Vec<Report>) -> std::io::Result<()> {
        self.drain(into).map(drop)
    }

    /// Reads reports until the pipe ends: execve has closed it, or death.
    fn reports_to_the_end(&mut self, into: &mut Vec<Report>) -> std::io::Result<Stand> {
        while !self.drain(into)? {
            let mut fds = [PollFd::new(self.reports.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Stand::Gone)
    }

    /// Reads what is there, without waiting. Says whether the pipe has ended.
    fn drain(&mut self, into: &mut Vec<Report>) -> std::io::Result<bool> {
        let mut piece = [0; 64 * REPORT];
        loop {
            match self.reports.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(length) => self.half.extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            let (whole, half) = self.half.as_chunks::<REPORT>();
            into.extend(whole.iter().map(Report::read));
            self.half = half.to_vec();
        }
    }

    /// Opens the gate: the program starts.
    pub fn go(&mut self) {
        // A child that died at the gate has closed its end; its wait status tells.
        let _ = self.gate.as_mut().map(|gate| gate.write_all(b"g"));
    }

    /// pidfd_send_signal(2): never hits another process that has the same number by now.
    ///
    /// # Errors
    /// ESRCH when the child has ended, EPERM when it may not be signalled.
    pub fn signal(&self, signal: i32) -> nix::Result<()> {
        signal_to(self.pidfd.as_fd(), signal)
    }
}
