//! clone3 and the child between clone3 and execve. The only file with `unsafe`.
//!
//! Everything is prepared before the clone: strings, descriptors, structures ([`super::call::Syscall`]). The child is
//! a small interpreter over them: it makes raw system calls, allocates nothing, takes no lock, and reports each
//! result as (index, errno, value) over a close-on-exec pipe. Before the program starts it waits at a gate, so that
//! the parent can look at it while it stands; end of file at the gate means that the parent is dead.
//!
//! The child is a copy of a process that may have other threads, so only async-signal-safe things are allowed here
//! (signal-safety(7)); that is why this is not ordinary Rust.

#![allow(
    unsafe_code,
    reason = "raw system calls between clone3 and execve, and calls that nix does not wrap"
)]

use std::ffi::{CStr, c_char, c_long};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::call::{Arg, SLOTS, Syscall};

/// How many arguments a system call can have.
const ARGUMENTS: usize = 6;
/// Bytes of one report: index (4), errno (4), value (8), in the machine's order.
const REPORT: usize = 16;
/// Index that the child reports when it stands at the gate.
const GATE: u32 = u32::MAX;
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

/// How the child is born.
#[derive(Debug, Clone, Copy, Default)]
pub struct Birth<'a> {
    /// `CLONE_NEW…` flags.
    pub namespaces: u64,
    /// A v2 group's directory to be born in.
    pub group: Option<BorrowedFd<'a>>,
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

/// What the child reported of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Which call: an index into [`Program::before`], then on into [`Program::after`].
    pub index: usize,
    /// The value, or the errno.
    pub result: Result<i64, i32>,
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
    reports: File,
    gate: Option<File>,
}

impl Child {
    /// Reads what the child reports until it stands at the gate or the pipe ends.
    ///
    /// # Errors
    /// When the pipe cannot be read.
    pub fn reports(&mut self, into: &mut Vec<Report>) -> std::io::Result<Stand> {
        loop {
            let mut record = [0; REPORT];
            match self.reports.read_exact(&mut record) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Stand::Gone),
                Err(error) => return Err(error),
            }
            let [i0, i1, i2, i3, e0, e1, e2, e3, value @ ..] = record;
            let index = u32::from_ne_bytes([i0, i1, i2, i3]);
            let errno = i32::from_ne_bytes([e0, e1, e2, e3]);
            if index == GATE {
                return Ok(Stand::AtGate);
            }
            let result = if errno == 0 { Ok(i64::from_ne_bytes(value)) } else { Err(errno) };
            into.push(Report { index: index as usize, result });
        }
    }

    /// Opens the gate: the program starts.
    pub fn go(&mut self) {
        if let Some(mut gate) = self.gate.take() {
            // A child that died at the gate has closed its end; its wait status tells.
            let _ = gate.write_all(b"g");
        }
    }

    /// pidfd_send_signal(2): never hits another process that has the same number by now.
    ///
    /// # Errors
    /// ESRCH when the child has ended, EPERM when it may not be signalled.
    pub fn signal(&self, signal: i32) -> nix::Result<()> {
        // SAFETY: a descriptor that we own, a number, a null siginfo and no flags; no memory is handed over.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        Errno::result(answer).map(drop)
    }
}

/// Clones a child and has it carry the program out.
///
/// # Errors
/// The errno of clone3(2) or of pipe2(2): EPERM without the right to a namespace, ENOSPC at the limit of nested
/// namespaces, EAGAIN or ENOMEM at a limit of processes.
pub fn launch(program: &Program, birth: Birth<'_>) -> nix::Result<Child> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let (reports, child_reports) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let (child_gate, gate) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
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
        gate: child_gate.as_raw_fd(),
        parent_gate: gate.as_raw_fd(),
    };
    // SAFETY: `args` is a valid clone_args of the size given, with pointers into this frame. Without CLONE_VM the
    // child has its own copy of all memory, so both may return from here.
    let answer =
        unsafe { libc::syscall(libc::SYS_clone3, std::ptr::from_ref(&args), size_of::<CloneArgs>()) };
    match answer {
        0 => child(program, own),
        pid if pid > 0 => Ok(Child {
            pid: pid as i32,
            // SAFETY: the kernel has just made this descriptor for us (CLONE_PIDFD), and nothing else owns it.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
            reports: File::from(reports),
            gate: Some(File::from(gate)),
        }),
        _ => Err(Errno::last()),
    }
}

/// The descriptors of the pipes as the child sees them.
#[derive(Clone, Copy)]
struct ChildEnds {
    reports: i32,
    gate: i32,
    parent_gate: i32,
}

/// The child. Never returns; allocates nothing; makes raw system calls only.
fn child(program: &Program, ends: ChildEnds) -> ! {
    let mut slots = [-1_i64; SLOTS];
    // Its own copy of the parent's end has to go, or the gate would never see end of file.
    raw(libc::SYS_close, [ends.parent_gate as c_long, 0, 0, 0, 0, 0]);
    for (index, call) in program.before.iter().enumerate() {
        carry_out(call, index, &mut slots, ends.reports);
    }
    report(ends.reports, GATE, 0, 0);
    let mut byte = 0_u8;
    let got = raw(libc::SYS_read, [ends.gate as c_long, std::ptr::from_mut(&mut byte) as c_long, 1, 0, 0, 0]);
    if got != 1 {
        leave(REFUSED);
    }
    for (index, call) in program.after.iter().enumerate() {
        carry_out(call, program.before.len() + index, &mut slots, ends.reports);
    }
    leave(REFUSED)
}

/// Makes one call, keeps and reports its result; ends the child where it was refused.
fn carry_out(call: &Syscall, index: usize, slots: &mut [i64; SLOTS], reports: i32) {
    let mut path = [0_u8; 32];
    let mut arguments: [c_long; ARGUMENTS] = [0; ARGUMENTS];
    for (place, arg) in arguments.iter_mut().zip(&call.args) {
        *place = match arg {
            Arg::Int(value) => *value as c_long,
            Arg::Null => 0,
            Arg::Str(text) => text.as_ptr() as c_long,
            Arg::Bytes(bytes) => bytes.as_ptr() as c_long,
            Arg::Strings(strings) => strings.pointers.as_ptr() as c_long,
            Arg::Slot(slot) => slots.get(*slot).copied().unwrap_or(-1) as c_long,
            Arg::FdPath(slot) => {
                fd_path(slots.get(*slot).copied().unwrap_or(-1), &mut path);
                path.as_ptr() as c_long
            }
        };
    }
    let answer = raw(call.number, arguments);
    // The kernel answers an errno as a small negative number; libc has turned that into -1 and errno.
    let errno = if answer == -1 { Errno::last_raw() } else { 0 };
    if let Some(slot) = call.save.and_then(|slot| slots.get_mut(slot)) {
        *slot = answer as i64;
    }
    report(reports, index as u32, errno, answer as i64);
    if errno != 0 && call.tolerated != Some(errno) {
        leave(REFUSED);
    }
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

fn report(pipe: i32, index: u32, errno: i32, value: i64) {
    let mut record = [0_u8; REPORT];
    let fields = index.to_ne_bytes().into_iter().chain(errno.to_ne_bytes()).chain(value.to_ne_bytes());
    for (place, byte) in record.iter_mut().zip(fields) {
        *place = byte;
    }
    raw(libc::SYS_write, [pipe as c_long, record.as_ptr() as c_long, REPORT as c_long, 0, 0, 0]);
}

/// One raw system call: the value, or -1 with errno set.
fn raw(number: c_long, arguments: [c_long; ARGUMENTS]) -> c_long {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: every number and its arguments come from the constructors in `call` or from this file. Pointers lead
    // to memory that the `Program` or the caller's frame owns and that lives longer than the call.
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
