//! `rlab doctor`: every need is tried for real, in a throw-away container, and told with the mend where it fails.

use crate::cli::{self, Format};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::frontend::workshop::preflight;
use crate::frontend::world::{ASK_DOCTOR, Real};
use crate::lab::course::Course;
use crate::lab::file::Need;
use crate::recipe::machine::Absence;
use crate::recipe::surroundings::Facts;
use crate::render::doctor::Doctor;
use crate::sandbox;
use crate::session::world::World;

/// Tries everything. Exit status 3 where a lab cannot run, 130 where a signal came before all was tried.
///
/// # Errors
/// The report cannot be written; what else fails is what it tells.
pub fn run(args: &cli::Doctor, course: &Course, world: &mut Real, terminal: &mut Terminal) -> Result<Exit> {
    // A name that cannot be one, or a file that must not be written over, is told before anything is tried.
    let report = args.report.as_deref().map(|file| preflight::Report::begin(file, args.name.as_deref()));
    let report = report.transpose()?;
    let facts = sandbox::surroundings::look();
    let mut doctor = Doctor::new(world.machine(), &facts, sandbox::surroundings::tools().ok());
    for need in Need::ALL {
        let found = world.can(need);
        // What was interrupted has no verdict.
        let interrupted = found.as_ref().is_err_and(|trouble| trouble.exit == Exit::Interrupted);
        if interrupted || world.ending().is_some() {
            return Ok(Exit::Interrupted);
        }
        doctor.tried(need, &found.map_err(|trouble| mended(need, reason(trouble), world, &facts)));
    }
    for entry in course.entries() {
        match course.lab(entry.id()) {
            Ok(lab) => doctor.lab(lab),
            // One broken file is no reason to say nothing about the machine.
            Err(trouble) => terminal.trouble(&trouble),
        }
    }
    if let Some(report) = report {
        report.write(&doctor)?;
    }
    match args.format {
        Format::Text => {
            let text = doctor.text(&terminal.look());
            terminal.show(&text);
        }
        Format::Json => terminal.data(&doctor.json()),
    }
    Ok(if doctor.healthy() { Exit::Ok } else { Exit::Cannot })
}

/// The table names the need already: only why is left to tell. This is the doctor that others send to.
fn reason(mut trouble: Trouble) -> Trouble {
    trouble.hint = trouble.hint.filter(|hint| hint != ASK_DOCTOR);
    if !trouble.causes.is_empty() {
        trouble.what = trouble.causes.remove(0);
    }
    trouble
}

/// A controller that was not handed into a container: only whoever started that one can mend it.
fn mended(need: Need, trouble: Trouble, world: &dyn World, facts: &Facts) -> Trouble {
    let absent = need.resource().and_then(|resource| world.machine().cgroups.absent.get(&resource));
    let kept_out = matches!(absent, Some(Absence::NotHandedOn { .. })) && facts.container().is_some();
    if kept_out {
        trouble.hint("start the outer container with `--privileged --cgroupns=private`")
    } else {
        trouble
    }
}
