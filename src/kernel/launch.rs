//! clone3 and the child between clone3 and execve. The only file with `unsafe`, so what else needs it is here too.
//!
//! Everything is prepared before the clone: strings, descriptors, structures ([`super::call::Syscall`]). The child is
//! a small interpreter over them: it makes raw system calls, allocates nothing, takes no lock, and reports each
//! result that somebody asks for as (index, errno, value) over a close-on-exec pipe. Before the program starts it passes
//! a gate: the parent can look at it while it stands there, and a gate whose other end is gone means that the parent is
//! dead. Meanwhile the parent sleeps on another pipe: were it woken by every report, the two would spend their time
//! taking turns (a launch with a hundred calls took twice as long). Where nobody wants to look there is no gate: the
//! reports are kept and written at once, and that nobody can read them tells that the parent is dead.
//!
//! The child is a copy of a process that may have other threads, so only async-signal-safe things are allowed here
//! (signal-safety(7)); that is why this is not ordinary Rust.
//!
//! Where there is no clone3 (ENOSYS: the seccomp filter of Docker hides it, since a filter cannot look at its flags),
//! the older clone(2) does the same, but for the group: the child has to join that one itself.

#![allow(
    unsafe_code,
    reason = "raw system calls between clone3 and execve, and calls that nix does not wrap"
)]

use std::ffi::{CStr, c_char, c_long};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::unistd::Pid;

mod child;
mod reports;

use super::call::{Arg, SLOTS, Syscall};
pub use child::{Child, Report, Stand};
use reports::Reports;

/// How many arguments a system call can have.
const ARGUMENTS: usize = 6;
/// Bytes of one report: index (4), errno (4), value (8), in the machine's order.
const REPORT: usize = 16;
/// Exit status of a child whose preparation was refused.
const REFUSED: c_long = 125;

/// What the child does, in order; the last call is execve.
#[derive(Debug, Default)]
pub struct Program {
    /// Before the gate.
    pub before: Vec<Syscall>,
    /// After it: at least execve.
    pub after: Vec<Syscall>,
}

/// The call by which a child is born.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// clone3(2).
    #[default]
    Clone3,
    /// clone(2), where the other is missing.
    Clone,
}

/// Whether a launch of this process has found that there is no clone3.
static NO_CLONE3: AtomicBool = AtomicBool::new(false);

impl Way {
    /// The one that works, as far as is known.
    pub fn known() -> Self {
        if NO_CLONE3.load(Ordering::Relaxed) { Self::Clone } else { Self::Clone3 }
    }

    /// The name of the call.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clone3 => "clone3",
            Self::Clone => "clone",
        }
    }
}

/// How the child is born.
#[derive(Debug, Clone, Copy, Default)]
pub struct Birth<'a> {
    /// `CLONE_NEW…` flags.
    pub namespaces: u64,
    /// By which call.
    pub way: Way,
    /// A v2 group's directory to be born in; only clone3 can.
    pub group: Option<BorrowedFd<'a>>,
    /// Whether there is no gate: the program starts as soon as it is prepared.
    pub straight: bool,
}

/// The arguments of clone3(2), `struct clone_args`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Clones a child and has it carry the program out.
///
/// # Errors
/// The errno of clone3(2), clone(2) or pipe2(2): EPERM without the right to a namespace, ENOSPC at the limit of nested
/// namespaces, EAGAIN or ENOMEM at a limit of processes, ENOSYS where there is no clone3.
pub fn launch(program: &Program, birth: Birth<'_>) -> nix::Result<Child> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let (reports, child_reports) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let pipe = || nix::unistd::pipe2(OFlag::O_CLOEXEC);
    let (ready, gate) = if birth.straight { (None, None) } else { (Some(pipe()?), Some(pipe()?)) };
    // Only this end: the child waits while the pipe is full.
    fcntl(&reports, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let hand_over = program.before.iter().position(Syscall::hands_over);
    let parting = hand_over.map(|_| pipe()).transpose()?;
    let mut pidfd: i32 = -1;
    let mut args = CloneArgs {
        flags: birth.namespaces | libc::CLONE_PIDFD as u64,
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(group) = birth.group {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group.as_raw_fd() as u64;
    }
    let own = ChildEnds {
        reports: child_reports.as_raw_fd(),
        gate: ready.as_ref().zip(gate.as_ref()).map(|((_, ready), (child_gate, gate))| Gate {
            ready: ready.as_raw_fd(),
            gate: child_gate.as_raw_fd(),
            parent_gate: gate.as_raw_fd(),
        }),
        parting: parting.as_ref().map_or([-1; 2], |(end, held)| [end.as_raw_fd(), held.as_raw_fd()]),
    };
    match born(&args, birth.way) {
        0 => child(program, own),
        pid if pid > 0 => Ok(Child {
            pid: pid as i32,
            // SAFETY: the kernel has just made this descriptor for us (CLONE_PIDFD), and nothing else owns it.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
            reports: File::from(reports),
            half: Vec::new(),
            ready: ready.map(|(ready, _)| ready),
            gate: gate.map(|(_, gate)| File::from(gate)),
            hand_over,
        }),
        _ => {
            let errno = Errno::last();
            if birth.way == Way::Clone3 && errno == Errno::ENOSYS {
                NO_CLONE3.store(true, Ordering::Relaxed);
            }
            Err(errno)
        }
    }
}

/// clone3(2), or clone(2) with the same flags: 0 in the child, its PID in the parent, -1 with errno set.
fn born(args: &CloneArgs, way: Way) -> c_long {
    match way {
        // SAFETY: `args` is a valid clone_args of the size given, with pointers into the caller's frame. Without CLONE_VM
        // the child has its own copy of all memory, so both may return from here.
        Way::Clone3 => unsafe {
            libc::syscall(libc::SYS_clone3, std::ptr::from_ref(args), size_of::<CloneArgs>())
        },
        // The signal is in the low byte of the flags, and the pidfd comes in the third argument.
        Way::Clone => raw(
            libc::SYS_clone,
            [(args.flags | args.exit_signal) as c_long, 0, args.pidfd as c_long, 0, 0, 0],
        ),
    }
}

/// Clones a helper of rlab's own: no container, nothing is reported, and it waits at no gate.
///
/// # Errors
/// The errno of clone3(2), or of clone(2) where there is none: EAGAIN or ENOMEM at a limit of processes.
pub fn helper(program: &Program) -> nix::Result<Pid> {
    let args = CloneArgs { exit_signal: libc::SIGCHLD as u64, ..CloneArgs::default() };
    let mut answer = born(&args, Way::known());
    if answer == -1 && Errno::last() == Errno::ENOSYS {
        answer = born(&args, Way::Clone);
    }
    if answer == 0 {
        let mut state = State { slots: [-1; SLOTS], reports: Reports::new(-1), parting: [-1; 2] };
        for (index, call) in program.before.iter().enumerate() {
            carry_out(call, index, &mut state);
        }
        leave(REFUSED);
    }
    Errno::result(answer).map(|pid| Pid::from_raw(pid as i32))
}

/// pidfd_open(2), then SIGKILL or another signal if it is still the process that is meant: a number that has been given
/// to somebody else meanwhile is never hit.
///
/// # Errors
/// ESRCH when it has ended or is no longer the one, EPERM when it may not be signalled.
pub fn signal_if(pid: i32, signal: i32, still: impl FnOnce(i32) -> bool) -> nix::Result<()> {
    let pidfd = pidfd_open(pid)?;
    if still(pid) { signal_to(pidfd.as_fd(), signal) } else { Err(Errno::ESRCH) }
}

/// pidfd_open(2).
fn pidfd_open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: two numbers; no memory is handed over.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// pidfd_send_signal(2).
///
/// # Errors
/// ESRCH when the process has ended, EPERM when it may not be signalled.
pub fn signal_to(pidfd: BorrowedFd<'_>, signal: i32) -> nix::Result<()> {
    // SAFETY: a descriptor that is open, a number, a null siginfo and no flags; no memory is handed over.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    Errno::result(answer).map(drop)
}

/// The descriptors of the pipes as the child sees them.
#[derive(Clone, Copy)]
struct ChildEnds {
    reports: i32,
    gate: Option<Gate>,
    /// A pipe that ends when the child has handed its work over and is gone: the end to read, the end that is held.
    parting: [i32; 2],
}

/// The two pipes of the gate: the child says that it is there, and waits for a byte.
#[derive(Clone, Copy)]
struct Gate {
    ready: i32,
    gate: i32,
    parent_gate: i32,
}

/// The child. Never returns; allocates nothing; makes raw system calls only.
fn child(program: &Program, ends: ChildEnds) -> ! {
    let mut state = State { slots: [-1; SLOTS], reports: Reports::new(ends.reports), parting: ends.parting };
    if let Some(gate) = ends.gate {
        // Its own copy of the parent's end has to go, or the gate would never see end of file.
        raw(libc::SYS_close, [gate.parent_gate as c_long, 0, 0, 0, 0, 0]);
    }
    state.reports.kept = ends.gate.is_none();
    for (index, call) in program.before.iter().enumerate() {
        carry_out(call, index, &mut state);
    }
    match ends.gate {
        Some(gate) => wait_at(gate),
        None => {
            state.reports.write();
            // A parent that died before PR_SET_PDEATHSIG reads no more.
            if has_ended(ends.reports) {
                leave(REFUSED);
            }
        }
    }
    state.reports.kept = false;
    for (index, call) in program.after.iter().enumerate() {
        carry_out(call, program.before.len() + index, &mut state);
    }
    leave(REFUSED)
}

/// Tells the parent that the child is prepared, and waits until it may go on.
fn wait_at(Gate { ready, gate, .. }: Gate) {
    let mut byte = 0_u8;
    raw(libc::SYS_write, [ready as c_long, std::ptr::from_ref(&byte) as c_long, 1, 0, 0, 0]);
    let got = raw(libc::SYS_read, [gate as c_long, std::ptr::from_mut(&mut byte) as c_long, 1, 0, 0, 0]);
    // A parent that died before PR_SET_PDEATHSIG sends nothing, but its end of the gate is closed.
    if got != 1 || has_ended(gate) {
        leave(REFUSED);
    }
}

/// Whether nobody has the other end of a pipe any more.
fn has_ended(pipe: i32) -> bool {
    let mut end = libc::pollfd { fd: pipe, events: 0, revents: 0 };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let (fds, timeout) = (std::ptr::from_mut(&mut end), std::ptr::from_ref(&now));
    raw(libc::SYS_ppoll, [fds as c_long, 1, timeout as c_long, 0, 0, 0]);
    end.revents & (libc::POLLHUP | libc::POLLERR) != 0
}

/// What the child has in hand.
struct State {
    slots: [i64; SLOTS],
    reports: Reports,
    parting: [i32; 2],
}

/// Makes one call, keeps its result, and reports it where somebody asks for it; ends the child where it was refused.
fn carry_out(call: &Syscall, index: usize, state: &mut State) {
    let mut path = [0_u8; 32];
    let mut arguments: [c_long; ARGUMENTS] = [0; ARGUMENTS];
    for (place, arg) in arguments.iter_mut().zip(&call.args) {
        *place = match arg {
            Arg::Int(value) => *value as c_long,
            Arg::Null => 0,
            Arg::Str(text) => text.as_ptr() as c_long,
            Arg::Bytes(bytes) => bytes.as_ptr() as c_long,
            Arg::Strings(strings) => strings.pointers.as_ptr() as c_long,
            Arg::Slot(slot) => state.slots.get(*slot).copied().unwrap_or(-1) as c_long,
            Arg::FdPath(slot) => {
                fd_path(state.slots.get(*slot).copied().unwrap_or(-1), &mut path);
                path.as_ptr() as c_long
            }
        };
    }
    if call.hands_over() {
        // The heir has a copy of what is kept: it would be told twice.
        state.reports.write();
    }
    let answer = raw(call.number, arguments);
    if call.hands_over() && answer == 0 {
        wait_for_elder(state.parting);
        return;
    }
    // The kernel answers an errno as a small negative number; libc has turned that into -1 and errno.
    let errno = if answer == -1 { Errno::last_raw() } else { 0 };
    if let Some(slot) = call.save.and_then(|slot| state.slots.get_mut(slot)) {
        *slot = answer as i64;
    }
    if call.asked_for() || errno != 0 {
        state.reports.add(index as u32, errno, answer as i64);
    }
    let refused = errno != 0 && !call.tolerated.contains(&errno);
    let handed_over = call.hands_over() && errno == 0;
    if refused || handed_over {
        state.reports.write();
        leave(if refused { REFUSED } else { 0 });
    }
}

/// The heir of a child that has handed its work over: what it reports must come after its own number, and only the
/// elder knows that. The pipe ends when the elder has told it and is gone.
fn wait_for_elder([end, held]: [i32; 2]) {
    let mut byte = 0_u8;
    raw(libc::SYS_close, [held as c_long, 0, 0, 0, 0, 0]);
    raw(libc::SYS_read, [end as c_long, std::ptr::from_mut(&mut byte) as c_long, 1, 0, 0, 0]);
}

/// Writes `/proc/self/fd/N` and a NUL into a buffer, without allocating.
fn fd_path(fd: i64, path: &mut [u8; 32]) {
    const PREFIX: &[u8] = b"/proc/self/fd/";
    let mut digits = [0_u8; 12];
    let mut rest = fd.max(0);
    let mut count = 0;
    while let Some(place) = digits.get_mut(count) {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    let text = PREFIX.iter().chain(digits.iter().take(count).rev());
    for (place, byte) in path.iter_mut().zip(text) {
        *place = *byte;
    }
}

/// One raw system call: the value, or -1 with errno set.
fn raw(number: c_long, arguments: [c_long; ARGUMENTS]) -> c_long {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: every number and its arguments come from the constructors in `call` or from this file. Pointers lead
    // to memory that the `Program` or the caller's frame owns and that lives longer than the call. The only call that
    // makes a process is clone in `born`, without CLONE_VM: the child has its own copy of all memory.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

fn leave(status: c_long) -> ! {
    loop {
        raw(libc::SYS_exit_group, [status, 0, 0, 0, 0, 0]);
    }
}

/// A call that was made outside a program, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The name.
    pub name: &'static str,
    /// The arguments in strace's notation.
    pub text: String,
    /// The value, or the errno.
    pub result: Result<i64, i32>,
}

/// A proc file system of the caller's PID namespace that is not attached anywhere, by fsopen(2), fsconfig(2) and
/// fsmount(2), with each call's name, text and result for the narration. A proc mount belongs to the PID namespace of
/// whoever makes it, so this one will still list the host after it is attached in a container.
///
/// # Errors
/// The calls so far, the last one with the errno: EPERM without CAP_SYS_ADMIN, ENOSYS before Linux 5.2.
pub fn detached_proc() -> (Vec<Answered>, Option<OwnedFd>) {
    const FSOPEN_CLOEXEC: c_long = 1;
    const FSCONFIG_CMD_CREATE: c_long = 6;
    const FSMOUNT_CLOEXEC: c_long = 1;
    const MOUNT_ATTR_NOSUID_NODEV_NOEXEC: c_long = 2 | 4 | 8;
    const PROC: &CStr = c"proc";
    let mut told = Vec::new();
    let mut tell = |name, text: String, answer: c_long| {
        let result = if answer == -1 { Err(Errno::last_raw()) } else { Ok(answer) };
        let made = result.is_ok();
        told.push(Answered { name, text, result });
        made
    };
    let name: *const c_char = PROC.as_ptr();
    let context = raw(libc::SYS_fsopen, [name as c_long, FSOPEN_CLOEXEC, 0, 0, 0, 0]);
    if !tell("fsopen", "\"proc\", FSOPEN_CLOEXEC".to_owned(), context) {
        return (told, None);
    }
    // SAFETY: fsopen has just made this descriptor for us, and nothing else owns it.
    let context = unsafe { OwnedFd::from_raw_fd(context as i32) };
    let fd = context.as_raw_fd();
    let created = raw(libc::SYS_fsconfig, [fd as c_long, FSCONFIG_CMD_CREATE, 0, 0, 0, 0]);
    if !tell("fsconfig", format!("{fd}, FSCONFIG_CMD_CREATE, NULL, NULL, 0"), created) {
        return (told, None);
    }
    let attributes = MOUNT_ATTR_NOSUID_NODEV_NOEXEC;
    let mount = raw(libc::SYS_fsmount, [fd as c_long, FSMOUNT_CLOEXEC, attributes, 0, 0, 0]);
    let text = format!("{fd}, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC");
    if !tell("fsmount", text, mount) {
        return (told, None);
    }
    // SAFETY: fsmount has just made this descriptor for us, and nothing else owns it.
    let mount = unsafe { OwnedFd::from_raw_fd(mount as i32) };
    (told, Some(mount))
}

/// Has a signal handled (sigaction(2)), and a call that it interrupts not started over.
///
/// # Errors
/// EINVAL for a signal that cannot be handled.
pub(super) fn handle(signal: Signal, handler: extern "C" fn(i32)) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handlers of this room make async-signal-safe calls only and keep errno; they live as long as the
    // program.
    unsafe { nix::sys::signal::sigaction(signal, &action) }.map(drop)
}
