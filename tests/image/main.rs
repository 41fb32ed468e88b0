//! Images: what rlab makes is taken by the tools that everybody uses, what they make is taken by rlab, and what is
//! damaged or hostile is refused with nothing half-written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[path = "../support/mod.rs"]
mod support;

mod bad;
mod peers;
mod playing;
mod words;
