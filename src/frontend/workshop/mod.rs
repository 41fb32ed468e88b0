//! A workshop for a room: `rlab workshop`, the instructor's side, and `rlab join`, a learner's.
//!
//! - [`host`]: `rlab workshop host`, the board. `supervisor`: keeps it serving.
//! - [`preflight`]: everyone's machine before the start.
//! - [`report`]: afterwards, and whether a record is whole.
//! - [`join`]: a learner comes in. [`seat`]: who they are there; [`room`]: what sits beside their session; [`watch`]: what is
//!   told of it; [`spool`]: written down before it is sent; [`courier`]: the process that carries it; [`http`]: how.

pub mod courier;
pub mod host;
pub mod http;
pub mod join;
pub mod preflight;
pub mod report;
mod room;
pub mod seat;
pub mod spool;
#[cfg(feature = "workshop")]
mod supervisor;
mod watch;

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
        Workshop::Report(args) => report::report(args, course, terminal),
        Workshop::Verify { files } => report::verify(files, terminal),
        Workshop::Preflight { files, format } => preflight::run(files, *format, terminal),
    }
}
