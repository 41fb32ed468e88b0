//! Runs a lab, masked, and keeps what happened.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::Global;
use crate::error::{Exit, Result, Trouble};
use crate::frontend::labs::{CourseShelf, course};
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::render::book::recording::{Recorder, Recording};
use crate::session::shelf::Shelf as _;
use crate::session::walk::Walk;
use crate::session::world::World as _;
use crate::workshop::export::date;

/// A run of the lab on this machine; none where the machine cannot run all of it.
///
/// # Errors
/// The lab is not there or cannot be read, or a check of its failed.
pub fn record(lab: &str, global: &Global) -> Result<Option<Recording>> {
    let shelf = CourseShelf { course: course(global.labs.as_deref())?, trusted: global.trust };
    let mut world = Real::lasting(global.time_limit);
    let (machine, host) = (world.machine().clone(), world.host_state()?);
    let mut recorder = Recorder::new(shelf.lab(lab)?, &machine, &host, today());
    let mut walk = Walk::play(Box::new(shelf));
    let summary = walk.replay(lab, &mut world, &mut |event| recorder.hear(&event));
    walk.leave(&mut world, &mut |_| {});
    let summary = summary?;
    if summary.interrupted {
        return Err(Trouble::interrupted(format!("the run of `{lab}` was interrupted")));
    }
    if summary.failed > 0 {
        let failed = Trouble::usage(format!("a check of `{lab}` failed on this machine"));
        return Err(failed.hint(format!("`rlab run {lab}` tells which")));
    }
    Ok((summary.skipped.is_none() && summary.left_out == 0).then(|| recorder.end()))
}

/// Writes a file for each of these labs, or for all of them.
///
/// # Errors
/// A lab cannot be run here, or a file cannot be written.
pub fn write(dir: &Path, labs: &[String], global: &Global, terminal: &mut Terminal) -> Result<Exit> {
    let course = course(global.labs.as_deref())?;
    let all: Vec<String> = course.entries().iter().map(|entry| entry.id().to_owned()).collect();
    for lab in if labs.is_empty() { &all } else { labs } {
        let recording = record(lab, global)?.ok_or_else(|| {
            Trouble::cannot(format!("this machine cannot run all of `{lab}`"))
                .hint(format!("`rlab run {lab}` tells why"))
        })?;
        let path = dir.join(format!("{lab}@{}.json", recording.cgroups));
        std::fs::write(&path, recording.json()).map_err(|error| {
            Trouble::usage(format!("`{}` cannot be written", path.display()))
                .because(error)
                .hint("make the directory first")
        })?;
        terminal.aside(&format!("{}\n", path.display()));
    }
    Ok(Exit::Ok)
}

/// The day, as `2026-11-25`, in UTC.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    date(seconds / 86_400)
}
