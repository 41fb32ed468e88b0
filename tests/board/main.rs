//! The board of a workshop, driven over real HTTP: the built program listens on loopback, and every learner is a
//! connection of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod again;
mod browser;
#[allow(dead_code, reason = "the tests of the book use more of it")]
#[path = "../browser/chrome.rs"]
mod chrome;
mod client;
#[path = "../browser/firefox.rs"]
mod firefox;
mod hostile;
mod instructor;
mod joined;
mod killed;
#[allow(dead_code, reason = "the tests of the book use more of it")]
#[path = "../browser/page.rs"]
mod page;
mod rooms;
mod slow;
#[path = "../support/mod.rs"]
mod support;
