//! The board of a workshop, driven over real HTTP: the built program listens on loopback, and every learner is a
//! connection of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[allow(dead_code, reason = "what a later test of the board needs is there already")]
mod client;
mod rooms;
#[path = "../support/mod.rs"]
mod support;
