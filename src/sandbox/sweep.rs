//! Ends processes for good. What forks faster than it is killed (a fork bomb) is stopped first: what is stopped cannot
//! fork, so each look at the list finds fewer that are new.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::kernel::launch::signal_if;

/// How long a process may take to die: one that waits for a disk does not even notice SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills all of a list until none is left, and tells whom. `is_one` tells of one process whether it is on the list: it
/// is asked once more before a signal is sent, since its number may have gone to somebody else. Who may not be
/// signalled (somebody else's) is let be, and so is whoever asks.
pub fn end_all(list: impl Fn() -> Vec<i32>, is_one: impl Fn(i32) -> bool) -> Vec<i32> {
    let deadline = Instant::now() + PATIENCE;
    let (mut killed, mut refused) = (BTreeSet::new(), BTreeSet::from([std::process::id() as i32]));
    let mut pause = Duration::from_micros(200);
    loop {
        let found = stop_all(&list, &is_one, &mut refused, deadline);
        for pid in &found {
            if signal_if(*pid, libc::SIGKILL, &is_one).is_ok() {
                killed.insert(*pid);
            }
        }
        if found.is_empty() || Instant::now() > deadline {
            return killed.into_iter().collect();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Stops all until a look finds nobody new.
fn stop_all(
    list: impl Fn() -> Vec<i32>,
    is_one: impl Fn(i32) -> bool,
    refused: &mut BTreeSet<i32>,
    deadline: Instant,
) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    while Instant::now() <= deadline {
        let new: Vec<i32> =
            list().into_iter().filter(|pid| !found.contains(pid) && !refused.contains(pid)).collect();
        if new.is_empty() {
            break;
        }
        for pid in new {
            match signal_if(pid, libc::SIGSTOP, &is_one) {
                Err(Errno::EPERM) => refused.insert(pid),
                // ESRCH: it has ended by itself; what it forked before is found at the next look.
                _ => found.insert(pid),
            };
        }
    }
    found
}
