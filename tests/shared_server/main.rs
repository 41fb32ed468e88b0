//! One shared server: learners who log in by ssh walk the labs for real, and none sees or harms another. Each protection
//! is taken out in turn, and then the attack that it was against succeeds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[path = "../support/mod.rs"]
mod support;

mod at_once;
mod attacks;
mod board;
#[cfg(feature = "workshop")]
#[allow(dead_code, reason = "the tests of the board use more of it")]
#[path = "../board/client.rs"]
mod client;
mod room;
mod unit;
mod v2;

/// Whether a room can be opened here.
fn can_open_a_room() -> bool {
    support::is_root()
        && ["sshd", "ssh", "bwrap", "socat", "nsenter", "useradd"].into_iter().all(support::has)
}
