//! PURE. A workshop for a room, as values: what a learner's rlab and the board tell each other.
//!
//! - [`wire`]: the messages, as JSON.
//! - [`chain`]: each event holds the hash of the one before it, so that none can be left out or changed unseen.
//! - [`course`]: what is taught, as the instructor's page shows it and as a learner's rlab needs it.
//! - [`evidence`]: the record that a learner keeps, and whether it is whole.
//! - [`preflight`]: everyone's machine before the start, in one table.
//! - [`room`]: the room as its events tell it. [`export`]: the same as a table for other programs.
//! - [`report`]: afterwards, what the room has done.
//! - [`rules`]: how much is taken, what a name may be, what a code is.

pub mod chain;
pub mod course;
pub mod evidence;
pub mod export;
pub mod preflight;
pub mod report;
pub mod room;
pub mod rules;
pub mod wire;
