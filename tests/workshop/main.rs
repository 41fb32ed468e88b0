//! A workshop for a room, from the learner's and the instructor's terminal: the built program, real files, real HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

#[path = "../support/mod.rs"]
mod support;

mod board;
mod join;
mod preflight;
mod present;
mod report;
#[cfg(feature = "workshop")]
mod whole;
