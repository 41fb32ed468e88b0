//! Calls that join what another process has. Sources: pidfd_open(2), setns(2), chdir(2), clone(2).

use super::{Arg, Piece, Slot, Syscall, c};
use crate::kernel::launch::Way;

/// `struct clone_args` up to its cgroup field, all of eight bytes.
const CLONE_ARGS: usize = 11;

impl Syscall {
    /// pidfd_open(2).
    pub fn pidfd_open(pid: i32) -> Self {
        let args = vec![Arg::Int(pid.into()), Arg::Int(0)];
        Self::new(libc::SYS_pidfd_open, "pidfd_open", args, vec![Piece::Arg(0), ", 0".into()])
    }

    /// openat(2) of a directory as a place (`O_PATH`), links followed: those of /proc lead to what no path names.
    pub fn open_place(path: &str) -> Self {
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let args = vec![Arg::Int(libc::AT_FDCWD.into()), Arg::Str(c(path)), Arg::Int(flags.into())];
        let text = vec!["AT_FDCWD, ".into(), Piece::Arg(1), ", O_RDONLY|O_DIRECTORY|O_CLOEXEC|O_PATH".into()];
        Self::new(libc::SYS_openat, "openat", args, text)
    }

    /// setns(2) into one namespace of the process behind the pidfd in a slot: the flag's number and name.
    pub fn setns(process: Slot, flag: u64, name: &'static str) -> Self {
        let args = vec![Arg::Slot(process), Arg::Int(flag as i64)];
        Self::new(libc::SYS_setns, "setns", args, vec![Piece::Arg(0), ", ".into(), name.into()])
    }

    /// fchdir(2) to the directory in a slot.
    pub fn fchdir(directory: Slot) -> Self {
        Self::new(libc::SYS_fchdir, "fchdir", vec![Arg::Slot(directory)], vec![Piece::Arg(0)])
    }

    /// clone3(2) or clone(2) of a child of the caller's parent (`CLONE_PARENT`), which goes on in the caller's place: the
    /// interpreter ends the caller.
    pub fn hand_over(way: Way) -> Self {
        if way == Way::Clone {
            let flags = Arg::Int(libc::CLONE_PARENT.into());
            let args = vec![flags, Arg::Int(0), Arg::Int(0), Arg::Int(0), Arg::Int(0)];
            return Self::new(libc::SYS_clone, way.name(), args, vec!["CLONE_PARENT".into()]);
        }
        let mut fields = [0_u64; CLONE_ARGS];
        fields[0] = libc::CLONE_PARENT as u64;
        let bytes = fields.iter().flat_map(|field| field.to_ne_bytes()).collect();
        let args = vec![Arg::Bytes(bytes), Arg::Int((CLONE_ARGS * size_of::<u64>()) as i64)];
        Self::new(libc::SYS_clone3, way.name(), args, vec!["CLONE_PARENT".into()])
    }

    /// Whether a child goes on in the caller's place.
    pub(in crate::kernel) fn hands_over(&self) -> bool {
        matches!(self.number, libc::SYS_clone3 | libc::SYS_clone)
    }
}
