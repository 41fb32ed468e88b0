//! `rlab challenge`: bare hands. The learner types the real tools' commands, and the goals are ticked as they become true.

use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::lab::course::Course;
use crate::render::challenge::{begins, summed_up, ticked};
use crate::render::document::paint;
use crate::session::goals::Goals;
use crate::session::world::World as _;

/// Opens the shell. Exit status 1 where a goal was not reached, 130 where a signal ended it.
///
/// # Errors
/// No such lab, or one without goals (2); no root (3).
pub fn run(id: &str, course: &Course, world: &mut Real, terminal: &mut Terminal) -> Result<Exit> {
    let lab = course.lab(id)?;
    if lab.goals.is_empty() {
        return Err(no_goals(id, course));
    }
    if world.machine().euid != 0 {
        return Err(Trouble::cannot("`rlab challenge` needs root")
            .because("the shell is a root shell, in mounts and control groups of its own")
            .hint(format!(
                "`sudo rlab challenge {id}`; or `rlab start {id}`, which an ordinary user can do too"
            )));
    }
    let look = terminal.look();
    terminal.show(&begins(lab, &look));
    let mut goals: Option<Goals> = None;
    let shell =
        std::env::var("SHELL").ok().filter(|shell| shell.starts_with('/')).unwrap_or_else(|| "sh".to_owned());
    world.challenge(&shell, &mut |sight| {
        let Some(goals) = &mut goals else {
            goals = Some(Goals::new(&lab.goals, sight.host));
            return None;
        };
        let reached = goals.look(&sight.outcomes, &sight.host);
        if reached.is_empty() { None } else { Some(paint(&ticked(goals, &reached, &look), &look)) }
    })?;
    let Some(goals) = goals else { return Ok(Exit::CheckFailed) };
    terminal.show(&summed_up(&goals, &look));
    Ok(match (world.ending().is_some(), goals.complete()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Ok,
        (false, false) => Exit::CheckFailed,
    })
}

fn no_goals(id: &str, course: &Course) -> Trouble {
    let has = |lab: &str| course.lab(lab).is_ok_and(|lab| !lab.goals.is_empty());
    let ids = course.entries().iter().map(|entry| entry.id());
    let known: Vec<String> = ids.filter(|lab| has(lab)).map(|lab| format!("`{lab}`")).collect();
    let hint = if known.is_empty() {
        "a lab file gets one with `[[goal]]`".to_owned()
    } else {
        format!("these have: {}", known.join(", "))
    };
    Trouble::usage(format!("the lab `{id}` has no challenge")).hint(hint)
}
