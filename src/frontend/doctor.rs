//! `rlab doctor`: every need is tried for real, in a throw-away container, and told with the mend where it fails.

use crate::cli::Format;
use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::lab::course::Course;
use crate::lab::file::Need;
use crate::render::doctor::Doctor;
use crate::session::world::World;

/// Tries everything. Exit status 3 where a lab cannot run, 130 where a signal came before all was tried.
///
/// # Errors
/// None of its own: what fails is what it tells.
pub fn run(format: Format, course: &Course, world: &mut Real, terminal: &mut Terminal) -> Result<Exit> {
    let mut doctor = Doctor::new(world.machine());
    doctor.environment = environment(world);
    for need in Need::ALL {
        let found = world.can(need).map_err(reason);
        // What was interrupted has no verdict.
        if world.ending().is_some() || world.interrupted() {
            return Ok(Exit::Interrupted);
        }
        doctor.tried(need, &found);
    }
    for entry in course.entries() {
        match course.lab(entry.id()) {
            Ok(lab) => doctor.lab(lab),
            // One broken file is no reason to say nothing about the machine.
            Err(trouble) => terminal.trouble(&trouble),
        }
    }
    match format {
        Format::Text => {
            let text = doctor.text(&terminal.look());
            terminal.show(&text);
        }
        Format::Json => terminal.data(&doctor.json()),
    }
    Ok(if doctor.healthy() { Exit::Ok } else { Exit::Cannot })
}

/// The table names the need already: only why is left to tell.
fn reason(mut trouble: Trouble) -> Trouble {
    if !trouble.causes.is_empty() {
        trouble.what = trouble.causes.remove(0);
    }
    trouble
}

/// What else shapes what rlab can do here.
fn environment(world: &dyn World) -> Vec<String> {
    let mut told = Vec::new();
    if world.machine().euid != 0 {
        told.push(
            "rlab is not root: it adds a user namespace of its own to every container, and control groups work only \
             where they were delegated"
                .to_owned(),
        );
    }
    let sysctl = |name: &str| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        std::fs::read_to_string(path).ok().map(|value| value.trim().to_owned())
    };
    if sysctl("kernel.apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        told.push(
            "`kernel.apparmor_restrict_unprivileged_userns` is 1: AppArmor lets no program without a profile use a \
             user namespace"
                .to_owned(),
        );
    }
    if sysctl("user.max_user_namespaces").as_deref() == Some("0") {
        told.push("`user.max_user_namespaces` is 0: no user namespace can be made".to_owned());
    }
    if std::path::Path::new("/.dockerenv").exists() || std::path::Path::new("/run/.containerenv").exists() {
        told.push(
            "rlab runs in a container already: what that container is not allowed to do fails here too"
                .to_owned(),
        );
    }
    told
}
