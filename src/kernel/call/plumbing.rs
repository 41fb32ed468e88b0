//! Calls that only keep the house in order: limits, a name, a wait. Learners are not told of them.

use super::{Arg, Piece, Syscall};

impl Syscall {
    /// prlimit64(2) of the process itself: both limits. It and all that come out of it keep them over fork and execve.
    pub fn limit(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> Self {
        let limit = [soft, hard].iter().flat_map(|field| field.to_ne_bytes()).collect();
        let args = vec![Arg::Int(0), Arg::Int(resource.into()), Arg::Bytes(limit), Arg::Null];
        Self::new(
            libc::SYS_prlimit64,
            "prlimit64",
            args,
            vec![format!("0, {resource}, {{{soft}, {hard}}}, NULL").into()],
        )
        .quiet()
    }

    /// prctl(2) `PR_SET_NAME`: at most 15 bytes are kept.
    pub fn set_name(name: &str) -> Self {
        let args = vec![Arg::Int(libc::PR_SET_NAME.into()), Arg::Str(super::c(name))];
        Self::new(libc::SYS_prctl, "prctl", args, vec!["PR_SET_NAME, ".into(), Piece::Arg(1)]).quiet()
    }

    /// read(2) of at most one byte: waits until there is one, or until nobody is left who could write it.
    pub fn read_byte(fd: i32) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Bytes(vec![0]), Arg::Int(1)];
        Self::new(libc::SYS_read, "read", args, vec![format!("{fd}, …, 1").into()]).quiet()
    }

    /// close_range(2): every descriptor from 3 on is closed now.
    pub fn close_from_3() -> Self {
        let args = vec![Arg::Int(3), Arg::Int(u32::MAX.into()), Arg::Int(0)];
        Self::new(libc::SYS_close_range, "close_range", args, vec!["3, 4294967295, 0".into()]).quiet()
    }
}
