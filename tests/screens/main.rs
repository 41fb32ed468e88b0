//! What a learner sees: the built program on a pseudo-terminal, the picture made by a terminal emulator.
//!
//! One test binary, one file a theme. The harness is `tests/support/screen.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod busy;
mod course;
mod editing;
mod hang_up;
mod interrupts;
mod looks;
mod page;
mod pictures;
mod readme;
mod resize;
mod restart;
mod shell;
mod words;
