//! From a plan to a running process: prepared, born, watched, and its end told.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::error::{Result, Trouble};
use crate::kernel::call::SLOTS;
use crate::kernel::launch::{self, Child, Program, Report, Stand};
use crate::kernel::proc;
use crate::kernel::signals::{Ends, Interrupts};
use crate::recipe::ingredient::Namespace;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{Call, CallResult, Capped, End, Seen};
use crate::recipe::plan::{Op, Plan, Prepare};
use crate::sandbox::caps::LineWatch;
use crate::sandbox::capture::{Capture, Output};
use crate::sandbox::group::Group;
use crate::sandbox::orphans::Orphans;
use crate::sandbox::program::{self, Ground};
use crate::sandbox::{birth, observe};

/// What a process is launched on.
#[derive(Debug)]
pub struct Base<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The session's group.
    pub group: &'a Group,
    /// Paths, standard streams and environment.
    pub ground: Ground<'a>,
}

/// A launched process that stands at the gate, or one that did not get there.
#[derive(Debug)]
pub struct Launched {
    /// The calls so far.
    pub calls: Vec<Call>,
    /// The process, where there is one.
    pub process: Option<Process>,
    /// The errno that refused the birth, where there is none.
    pub refused: Option<i32>,
}

/// A process of ours.
#[derive(Debug)]
pub struct Process {
    child: Child,
    program: Program,
    reports: Vec<Report>,
    told: usize,
    slots: [i64; SLOTS],
    at_gate: bool,
    /// Whether there was no gate: what it reports is read when it has ended.
    straight: bool,
    started: Instant,
    /// Whether it is the first of a PID namespace of its own, whose end ends everything in it.
    pub is_init: bool,
}

/// Carries a plan out up to the gate.
///
/// # Errors
/// What rlab itself could not do: a pipe, the group's `tasks` file, reading what the child reports.
pub fn launch(plan: &Plan, mut base: Base<'_>) -> Result<Launched> {
    let mut calls = Vec::new();
    let mut keep: Vec<OwnedFd> = Vec::new();
    for op in &plan.child {
        if let Op::JoinGroup(controller) = op {
            let fd = birth::open_tasks(controller, &base, &mut calls)?;
            base.ground.tasks.push((controller, fd.as_raw_fd()));
            keep.push(fd);
        }
    }
    for path in std::mem::take(&mut base.ground.to_join) {
        let fd = birth::open_to_join(&path, "cgroup.procs", &mut calls)?;
        base.ground.their_groups.push(fd.as_raw_fd());
        keep.push(fd);
    }
    if plan.prepare.contains(&Prepare::DetachedProc) {
        let (told, fd) = launch::detached_proc();
        calls.extend(told.into_iter().map(|made| told_call(made.name, made.text, made.result)));
        let Some(fd) = fd else {
            let refused = calls.last().and_then(|call| errno_of(call.result));
            return Ok(Launched { calls, process: None, refused });
        };
        base.ground.detached_proc = Some(fd.as_raw_fd());
        keep.push(fd);
    }
    let mut prepared = program::compile(plan, &mut base.ground);
    let straight = base.ground.straight;
    let mut child = match birth::born(plan, &base, &mut prepared, &mut calls)? {
        Ok(child) => child,
        Err(errno) => return Ok(Launched { calls, process: None, refused: Some(errno as i32) }),
    };
    let mut reports = Vec::new();
    let at_gate = !straight && child.reports(&mut reports).map_err(unreadable)? == Stand::AtGate;
    let mut process = Process {
        child,
        program: prepared,
        reports,
        told: 0,
        slots: [-1; SLOTS],
        at_gate,
        straight,
        started: Instant::now(),
        is_init: plan.clone.namespaces.contains(&Namespace::Pid),
    };
    process.tell(&mut calls);
    Ok(Launched { calls, process: Some(process), refused: None })
}

fn unreadable(error: std::io::Error) -> Trouble {
    Trouble::sandbox("cannot read what the new process reports").because(error)
}

pub(super) fn told_call(name: &str, args: String, result: Result<i64, i32>) -> Call {
    let result = match result {
        Ok(value) => CallResult::Value(value),
        Err(errno) => CallResult::Errno(errno),
    };
    Call::new(name, args, result)
}

const fn errno_of(result: CallResult) -> Option<i32> {
    match result {
        CallResult::Errno(errno) => Some(errno),
        CallResult::Value(_) => None,
    }
}

impl Process {
    /// PID on the host.
    pub const fn pid(&self) -> i32 {
        self.child.pid
    }

    /// Whether it is prepared and waits for [`Process::start`].
    pub const fn at_gate(&self) -> bool {
        self.at_gate
    }

    /// Looks at it while it stands at the gate.
    pub fn observe(&self) -> Option<Seen> {
        self.at_gate.then(|| observe::process(self.child.pid))
    }

    /// Opens the gate, and tells the calls up to the program.
    ///
    /// # Errors
    /// When what the child reports cannot be read.
    pub fn start(&mut self, calls: &mut Vec<Call>) -> Result<()> {
        if !self.at_gate {
            return Ok(());
        }
        self.started = Instant::now();
        self.child.go();
        self.child.reports(&mut self.reports).map_err(unreadable)?;
        self.tell_all(calls);
        Ok(())
    }

    /// Tells the calls that are not told yet, up to the program.
    pub fn tell_all(&mut self, calls: &mut Vec<Call>) {
        self.tell(calls);
        // The pipe closed and execve did not report: it succeeded, or the process was killed on its way; the wait
        // status tells.
        if self.refused().is_none() {
            let exec = self.program.after.last();
            calls.extend(exec.map(|exec| told_call(exec.name(), exec.text(&self.slots), Ok(0))));
        }
    }

    /// Turns the reports since the last time into calls.
    fn tell(&mut self, calls: &mut Vec<Call>) {
        let all: Vec<_> = self.program.before.iter().chain(&self.program.after).collect();
        for report in self.reports.get(self.told..).unwrap_or_default() {
            let Some(call) = all.get(report.index) else { continue };
            // A refused call that is plumbing is told all the same: it is why the program did not start.
            let tolerated = call.tolerates(report.result);
            if !tolerated && (call.narrated() || report.result.is_err()) {
                calls.push(told_call(call.name(), call.text(&self.slots), report.result));
            }
            if let (Some(slot), Ok(value)) =
                (call.slot().and_then(|slot| self.slots.get_mut(slot)), report.result)
            {
                *slot = value;
            }
        }
        self.told = self.reports.len();
    }

    /// The errno that kept the program from starting, if one did.
    pub fn refused(&self) -> Option<i32> {
        let all: Vec<_> = self.program.before.iter().chain(&self.program.after).collect();
        let last = self.reports.last()?;
        let tolerated = all.get(last.index).is_some_and(|call| call.tolerates(last.result));
        if tolerated { None } else { last.result.err() }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// ESRCH when it has ended.
    pub fn signal(&self, signal: i32) -> nix::Result<()> {
        self.child.signal(signal)
    }

    /// Becomes readable when it ends.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Lets it go on where it has stopped itself: nobody above it would.
    pub fn continue_if_stopped(&self) {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        if let Ok(WaitStatus::Stopped(..)) = waitid(Id::PIDFd(self.child.pidfd.as_fd()), flags) {
            // ESRCH: it has been killed since.
            let _ = self.signal(libc::SIGCONT);
        }
    }

    /// Whether it has stopped itself since this was asked last.
    pub fn has_stopped(&self) -> bool {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        matches!(waitid(Id::PIDFd(self.child.pidfd.as_fd()), flags), Ok(WaitStatus::Stopped(..)))
    }

    /// Whether it has ended; it is not reaped.
    pub fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Waits for its end and reaps it.
    ///
    /// # Errors
    /// ECHILD when somebody else has reaped it.
    pub fn wait(&mut self) -> Result<End> {
        let status = loop {
            match waitid(Id::PIDFd(self.child.pidfd.as_fd()), WaitPidFlag::WEXITED) {
                Err(Errno::EINTR) => {}
                other => break other,
            }
        };
        let status =
            status.map_err(|errno| Trouble::sandbox("cannot wait for the process").because(errno))?;
        if self.straight {
            self.child.last_reports(&mut self.reports).map_err(unreadable)?;
        }
        Ok(match (status, self.refused()) {
            (WaitStatus::Exited(_, _), Some(errno)) => End::Refused(errno),
            (WaitStatus::Exited(_, code), None) => End::Exited(code),
            (WaitStatus::Signaled(_, signal, _), _) => End::Signaled(signal as i32),
            _ => End::Exited(0),
        })
    }

    /// Whether it ends so soon; it is not waited for longer, and not reaped.
    pub fn ends_within(&self, time: Duration) -> bool {
        let mut fds = [PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)];
        let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
        matches!(poll(&mut fds, time), Ok(1..))
    }

    /// Waits for its end. A signal that comes to rlab meanwhile is passed on; a process that has no handler for it is
    /// killed, since PID 1 of a namespace would ignore it. Where it has no PID namespace, its `orphans` are rlab's.
    ///
    /// # Errors
    /// What poll(2) or waitid(2) says.
    pub fn wait_or_pass_on(
        &mut self,
        mut interrupts: Option<&mut Interrupts>,
        orphans: Option<&Orphans>,
    ) -> Result<End> {
        let mut ends = orphans.and_then(|_| Ends::listen().ok());
        loop {
            let mut fds = vec![PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)];
            fds.extend(interrupts.as_ref().map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
            fds.extend(ends.as_ref().map(|ends| PollFd::new(ends.as_fd(), PollFlags::POLLIN)));
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Trouble::sandbox("cannot wait for the process").because(errno)),
            }
            drop(fds);
            if self.has_ended() {
                return self.wait();
            }
            if let (Some(orphans), true) = (orphans, ends.as_mut().is_some_and(Ends::take)) {
                orphans.reap();
            }
            if let Some(signal) = interrupts.as_mut().and_then(|interrupts| interrupts.take()) {
                // The terminal has sent SIGINT and SIGQUIT to a program in the foreground already.
                let handled = proc::catches(self.pid(), signal);
                let signal = if handled { signal } else { libc::SIGKILL };
                if !(handled && matches!(signal, libc::SIGINT | libc::SIGQUIT)) {
                    let _ = self.signal(signal);
                }
            }
        }
    }

    /// Milliseconds since the program started.
    pub fn millis(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Waits for its end while its output is read, the learner may interrupt it, and it takes no more than it may.
    ///
    /// # Errors
    /// What poll(2) or waitid(2) says.
    pub fn supervise(
        &mut self,
        mut capture: Capture,
        mut interrupts: Option<&mut Interrupts>,
        lasts: &mut LineWatch,
        orphans: &Orphans,
        sink: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Supervised> {
        let (mut interrupted, mut capped) = (None, None);
        let mut ends = Ends::listen().ok();
        loop {
            let mut fds = vec![PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)];
            fds.extend(capture.open().map(|pipe| PollFd::new(pipe, PollFlags::POLLIN)));
            fds.extend(interrupts.as_ref().map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
            fds.extend(ends.as_ref().map(|ends| PollFd::new(ends.as_fd(), PollFlags::POLLIN)));
            match poll(&mut fds, PollTimeout::from(TICK)) {
                Ok(0) => sink(Heard::Silence(self.millis())),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Trouble::sandbox("cannot wait for the process").because(errno)),
            }
            let ended = fds
                .first()
                .and_then(PollFd::revents)
                .is_some_and(|events| events.contains(PollFlags::POLLIN));
            drop(fds);
            capture.drain(&mut |bytes, error| sink(Heard::Output(bytes, error)));
            if ended {
                break;
            }
            if ends.as_mut().is_some_and(Ends::take) {
                orphans.reap();
            }
            let signal = interrupts.as_mut().and_then(|interrupts| interrupts.take());
            interrupted = interrupted.or(signal);
            let over = if capped.is_none() { lasts.over() } else { None };
            capped = capped.or(over);
            if signal.is_some() || over.is_some() {
                // PID 1 of a namespace ignores SIGINT; the learner means it. The shell of a line on the host has
                // children, and nobody would end them after it: all are in the group that it leads.
                let _ = killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
                let _ = self.signal(libc::SIGKILL);
            }
        }
        let millis = self.millis();
        let end = self.wait()?;
        capture.drain(&mut |bytes, error| sink(Heard::Output(bytes, error)));
        Ok(Supervised { end, output: capture.into_output(), interrupted, capped, millis })
    }
}

/// Milliseconds in which nothing may happen before that is told.
const TICK: u8 = 100;

/// What comes of a supervised process while it runs.
#[derive(Debug)]
pub enum Heard<'a> {
    /// A piece of output; `true` for standard error.
    Output(&'a [u8], bool),
    /// Nothing for a tenth of a second; it has run for so many milliseconds.
    Silence(u64),
}

/// How a supervised process ended.
#[derive(Debug)]
pub struct Supervised {
    /// Its end.
    pub end: End,
    /// What it wrote.
    pub output: Output,
    /// The signal with which the learner interrupted it.
    pub interrupted: Option<i32>,
    /// The cap for which it was ended.
    pub capped: Option<Capped>,
    /// How long it ran.
    pub millis: u64,
}

/// Where programs are looked for inside, in this order.
pub(super) const PROGRAM_DIRECTORIES: [&str; 6] =
    ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"];

/// The environment of a contained program: nothing of the learner's but the kind of terminal.
pub fn clean_environment() -> Vec<String> {
    let mut environment = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "HOME=/".to_owned(),
    ];
    for name in ["TERM", "LANG", "LC_ALL"] {
        if let Ok(value) = std::env::var(name) {
            environment.push(format!("{name}={value}"));
        }
    }
    environment
}

/// Where a program is, as the process will name it. One that is not found is asked for in /bin, so that the kernel's
/// own answer (ENOENT) is what the learner sees; so is one that has no name.
pub fn resolve(program: &str, root: Option<&Path>) -> String {
    if program.contains('/') || program.is_empty() {
        return program.to_owned();
    }
    for directory in PROGRAM_DIRECTORIES {
        let below: PathBuf = Path::new(directory).join(program);
        // A link counts as found: inside, it may lead somewhere that does not exist out here.
        if root.unwrap_or(Path::new("/")).join(&below).symlink_metadata().is_ok() {
            return format!("/{}", below.display());
        }
    }
    format!("/bin/{program}")
}
