//! Orphans: processes whose parent has ended. Those of a PID namespace go to its first process, and end with it. Those of a
//! container without one come to rlab, which is their subreaper (PR_SET_CHILD_SUBREAPER(2const)) and has the same two duties.

use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;

use crate::kernel::proc;
use crate::sandbox::{mark, sweep};

/// Has the orphans of all containers come to rlab from now on. Without it they would go to the host's init, and could not be
/// told from others.
pub fn adopt() {
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// The orphans of a container that runs.
#[derive(Debug)]
pub struct Orphans {
    known: Vec<i32>,
}

impl Orphans {
    /// Every child of rlab is one, but for those that are known: somebody else waits for them.
    pub fn beside(known: Vec<i32>) -> Self {
        Self { known }
    }

    /// Reaps those that have ended. Until then each counts as a process, for `pids.max` and for `RLIMIT_NPROC`.
    pub fn reap(&self) {
        let anybody = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Some(pid) = waitid(Id::All, anybody).ok().and_then(|status| status.pid()) {
            if self.known.contains(&pid.as_raw()) {
                // As long as it is not waited for, no other is told.
                self.all().into_iter().for_each(reap);
                return;
            }
            reap(pid.as_raw());
        }
    }

    /// Kills those that are left when the container has ended, and what is below them, and reaps them.
    pub fn end(&self) {
        for _ in 0..8 {
            if self.all().is_empty() {
                return;
            }
            let below =
                || proc::descendants_of(self.all()).into_iter().filter(|pid| mark::lives(*pid)).collect();
            sweep::end_all(below, |pid| mark::lives(pid) && self.is_one(pid));
            self.reap();
        }
    }

    fn all(&self) -> Vec<i32> {
        proc::own_children().into_iter().filter(|pid| !self.known.contains(pid)).collect()
    }

    /// Whether a process is a descendant of ours, but not of a child that is known.
    fn is_one(&self, mut pid: i32) -> bool {
        let own = std::process::id() as i32;
        while let Some(stat) = proc::stat(pid).filter(|_| !self.known.contains(&pid)) {
            if stat.parent == own {
                return true;
            }
            pid = stat.parent;
        }
        false
    }
}

fn reap(pid: i32) {
    let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
}
