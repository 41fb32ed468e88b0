//! `rlab workshop`: the instructor's side of a workshop for a room.
//!
//! - [`host`]: `rlab workshop host`, the board.
//! - [`preflight`]: everyone's machine before the start.

pub mod host;
pub mod preflight;

use crate::cli::Workshop;
use crate::error::{Exit, Result};
use crate::frontend::terminal::Terminal;
use crate::lab::course::Course;

/// Does what is asked for.
///
/// # Errors
/// What was asked for cannot be done.
pub fn run(what: &Workshop, course: &Course, terminal: &mut Terminal) -> Result<Exit> {
    match what {
        Workshop::Host(args) => host::run(args, course, terminal),
        Workshop::Preflight { files, format } => preflight::run(files, *format, terminal),
    }
}
