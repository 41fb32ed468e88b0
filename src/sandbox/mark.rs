//! The mark: how a process is known as ours when nothing else tells it.
//!
//! A container without a PID namespace of its own can outlive rlab: the kernel ends its first process with us
//! (`PR_SET_PDEATHSIG`), but not what came out of it. Its parent is init by then, it may have no control group and the
//! root of the host. So every process that rlab starts gets a limit that nothing else uses, `RLIMIT_RTTIME`, set to
//! numbers that no machine reaches (over a hundred thousand years) and that spell the owner's name: PID, start time and
//! PID namespace. The kernel hands limits down over fork and execve whatever the process does, and shows them to
//! everyone in `/proc/PID/limits`.

use crate::kernel::call::Syscall;
use crate::kernel::proc;
use crate::sandbox::owner::Owner;

/// What every hard limit of ours begins with: 30 bits above the inode of the PID namespace. In microseconds.
const TAG: u64 = 0x524c_4142;
/// Bits of a PID: `/proc/sys/kernel/pid_max` is at most 2^22.
const PID_BITS: u32 = 22;
/// Bits of a start time in clock ticks: eighty years.
const START_BITS: u32 = 38;

/// A mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    soft: u64,
    hard: u64,
}

impl Mark {
    /// Of what this process starts.
    pub fn own() -> Self {
        let own = Owner::this();
        Self { soft: spelled(own.pid, own.start), hard: hard(own) }
    }

    /// Sets it, in the new process. Where the caller's own limit is lower already (EPERM) there is no mark.
    pub fn set(self) -> Syscall {
        Syscall::limit(libc::RLIMIT_RTTIME, self.soft, self.hard).tolerating(libc::EPERM)
    }

    /// Of a process that lives.
    fn of(pid: i32) -> Option<Self> {
        let (soft, hard) = proc::realtime_limits(pid)?;
        let mark = Self { soft, hard };
        (mark.hard >> 32 == TAG && lives(pid)).then_some(mark)
    }

    /// Whether the owner is dead. Who belongs to another PID namespace is nobody's business here: the same PID means
    /// somebody else there.
    fn is_orphaned(self) -> bool {
        let (pid, start) = ((self.soft & ((1 << PID_BITS) - 1)) as i32, self.soft >> PID_BITS);
        self.hard == hard(Owner::this())
            && proc::stat(pid)
                .is_none_or(|stat| spelled(pid, stat.start) != spelled(pid, start) || !alive(stat))
    }
}

/// Whether a process came out of an rlab that is dead by now.
pub fn is_orphan(pid: i32) -> bool {
    pid != std::process::id() as i32 && Mark::of(pid).is_some_and(Mark::is_orphaned)
}

/// Every process that came out of an rlab that is dead by now.
pub fn orphans() -> Vec<i32> {
    proc::all().into_iter().filter(|pid| is_orphan(*pid)).collect()
}

/// Whether there is such a process, not merely a zombie that nobody has waited for.
pub fn lives(pid: i32) -> bool {
    proc::stat(pid).is_some_and(alive)
}

const fn alive(stat: proc::Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X')
}

fn hard(owner: Owner) -> u64 {
    TAG << 32 | (owner.namespace.unwrap_or_default() & 0xffff_ffff)
}

fn spelled(pid: i32, start: u64) -> u64 {
    (start & ((1 << START_BITS) - 1)) << PID_BITS | (pid as u64 & ((1 << PID_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_never_exceeds_the_hard_one() {
        assert!(spelled(i32::MAX, u64::MAX) < TAG << 32);
        // RLIM_INFINITY and what the kernel adds when it rounds are far away.
        const { assert!(TAG << 32 < u64::MAX / 2) };
    }

    #[test]
    fn an_owner_is_dead_when_its_pid_is_somebody_elses() {
        let own = Mark::own();
        assert!(!own.is_orphaned());
        let pid = std::process::id() as i32;
        assert!(Mark { soft: spelled(pid, 1), ..own }.is_orphaned());
        assert!(Mark { soft: spelled(4_194_303, 77), ..own }.is_orphaned());
        assert!(!Mark { soft: spelled(pid, 1), hard: own.hard + 1 }.is_orphaned(), "another PID namespace");
    }

    #[test]
    fn a_process_of_somebody_else_has_no_mark() {
        let pid = std::process::id() as i32;
        assert_eq!(Mark::of(pid), None);
        assert!(!is_orphan(1));
    }
}
