//! Who sits beside a session: the room of a workshop that a learner has joined, or the notes of an instructor who
//! presents. The session asks them at fixed moments, and they never carry out a line themselves.

use std::os::fd::BorrowedFd;

use crate::error::Trouble;
use crate::render::document::{Look, Text};
use crate::session::event::Event;
use crate::session::walk::Walk;

/// How something is told.
pub enum Told {
    /// As it always is.
    AsAlways,
    /// With this below it.
    Also(Text),
    /// As this.
    Instead(Text),
}

/// What shall be done between two lines.
pub enum Act {
    /// Tell this, one sentence.
    Note(String),
    /// Tell what went wrong.
    Trouble(Trouble),
    /// Show this.
    Show(Text),
    /// Go to this step, `LAB:STEP`.
    Start(String),
}

/// Whoever sits beside a session. What they have no use for does nothing.
pub trait Beside {
    /// What the learner reads first, one sentence each.
    fn hello(&self) -> Vec<String> {
        Vec::new()
    }

    /// Ids of the labs to which a session keeps that goes on where the learner left off; none where any is fine.
    fn course(&self) -> &[String] {
        &[]
    }

    /// Words of their own, for completion and colours.
    fn words(&self) -> &'static [&'static str] {
        &[]
    }

    /// A word of their own was typed, or a line that shall not be carried out now: what is told in its place.
    fn takes(&mut self, _line: &str, _walk: &Walk) -> Option<Vec<Act>> {
        None
    }

    /// A line is about to be carried out.
    fn begins(&mut self, _walk: &Walk) {}

    /// Something is about to be told.
    fn hears(&mut self, _event: &Event, _look: &Look) -> Told {
        Told::AsAlways
    }

    /// The line was carried out.
    fn ended(&mut self, _walk: &mut Walk) -> Vec<Act> {
        Vec::new()
    }

    /// What becomes readable when there is something to do.
    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What there is to do now.
    fn came(&mut self) -> Vec<Act> {
        Vec::new()
    }

    /// A process of theirs, which nobody shall take for a stray.
    fn pid(&self) -> Option<i32> {
        None
    }

    /// The session is over: the last words.
    fn leaves(&mut self) -> Vec<Act> {
        Vec::new()
    }
}
