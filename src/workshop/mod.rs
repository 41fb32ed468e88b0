//! PURE. A workshop for a room, as values: what a learner's rlab and the board tell each other.
//!
//! - [`wire`]: the messages, as JSON.
//! - [`chain`]: each event holds the hash of the one before it, so that none can be left out or changed unseen.
//! - [`rules`]: how much is taken, what a name may be, what a code is.

pub mod chain;
pub mod rules;
pub mod wire;
