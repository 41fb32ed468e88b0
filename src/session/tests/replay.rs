//! A lab's own solution from end to end.

use super::{kinds, shelf};
use crate::lab::file::Need;
use crate::recipe::outcome::{End, Outcome};
use crate::session::event::Event;
use crate::session::fake::Fake;
use crate::session::replay::Summary;
use crate::session::walk::Walk;

fn replay(world: &mut Fake, at: &str) -> (Summary, Vec<Event>) {
    let mut events = Vec::new();
    let summary = Walk::play(shelf()).replay(at, world, &mut |event| events.push(event)).unwrap();
    events.retain(|event| !matches!(event, Event::Working(_)));
    (summary, events)
}

#[test]
fn a_replay_runs_every_line_and_leaves_nothing() {
    let mut world = Fake::default();
    world.compositions.clear();
    let (summary, events) = replay(&mut world, "two");
    assert_eq!((summary.passed, summary.failed), (1, 0));
    assert_eq!(
        kinds(&events),
        ["LabBegins", "StepBegins", "Line", "Calls", "Ended", "Judged", "StepDone", "LabDone"]
    );
    assert_eq!(world.asked.last().unwrap(), "compose bare");
}

#[test]
fn a_replay_runs_a_line_even_where_the_probe_ran_it() {
    let mut world = Fake::default();
    let (_, events) = replay(&mut world, "one");
    let lines = events.iter().filter(|event| matches!(event, Event::Line { .. })).count();
    assert_eq!(lines, 2 + 2 + 1 + 2);
}

#[test]
fn a_replay_tells_what_failed() {
    let mut world = Fake::default();
    let failed = Outcome { end: End::Exited(1), ..world.outcome(&Default::default(), "true") };
    world.script.push_back(Ok(failed));
    let (summary, events) = replay(&mut world, "two");
    assert_eq!((summary.passed, summary.failed), (0, 1));
    assert!(kinds(&events).contains(&"StepFailed".to_owned()));

    // In the lab `one` the table cannot be filled while the container stays: the line fails, so the step does.
    let (summary, _) = replay(&mut Fake::default(), "one");
    assert_eq!((summary.passed, summary.failed), (2, 1));
}

#[test]
fn a_replay_from_a_step_on_rebuilds_what_came_before() {
    let (summary, events) = replay(&mut Fake::default(), "one:pid");
    assert_eq!(summary.passed, 1);
    assert_eq!(kinds(&events)[..3], ["LabBegins", "StepBegins", "ProbedBefore"]);
}

#[test]
fn a_replay_skips_what_the_machine_cannot() {
    let mut world = Fake::default();
    world.lacks.push(Need::MemoryCgroup);
    let (summary, events) = replay(&mut world, "two");
    assert!(summary.skipped.is_some());
    assert_eq!(kinds(&events), ["LabSkipped"]);
    assert_eq!(world.asked, [""; 0]);
}

#[test]
fn an_interrupt_ends_a_replay() {
    let mut world = Fake::default();
    let interrupted = Outcome { interrupted: true, ..world.outcome(&Default::default(), "true") };
    world.script.push_back(Ok(interrupted));
    let (summary, _) = replay(&mut world, "two");
    assert!(summary.interrupted);
    assert_eq!(summary.passed, 0);
}
