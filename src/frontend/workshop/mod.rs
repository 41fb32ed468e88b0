//! `rlab workshop`: the instructor's side of a room.
//!
//! - [`host`]: `rlab workshop host`, the board.

pub mod host;

use crate::cli::Workshop;
use crate::error::{Exit, Result};
use crate::frontend::terminal::Terminal;
use crate::lab::course::Course;

/// Does it.
///
/// # Errors
/// What was asked for cannot be done.
pub fn run(what: &Workshop, course: &Course, terminal: &mut Terminal) -> Result<Exit> {
    match what {
        Workshop::Host(args) => host::run(args, course, terminal),
    }
}
