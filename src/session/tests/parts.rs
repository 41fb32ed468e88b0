//! A lab of which the machine cannot do all is done in part.

use super::{Labs, Learner, kinds};
use crate::lab::file::Need;
use crate::session::event::Event;
use crate::session::fake::Fake;
use crate::session::walk::Walk;

const PARTS: &str = r#"
format = 1
id = "parts"
title = "Parts"
minutes = 3
needs = ["chroot", "memory-cgroup", "bind-mount"]

[[step]]
id = "root"
title = "Root"
say = "Say."
try = ["rootfs", "chroot"]
hints = ["nudge", "stronger", "nearly"]

[[step]]
id = "limit"
title = "Limit"
say = "Say."
try = ["cgroup memory.max=7M"]
hints = ["nudge", "stronger", "nearly"]

[[step]]
id = "device"
title = "Device"
say = "Say."
try = ["mount --bind /dev/null /dev/null"]
needs = ["chroot", "bind-mount"]
hints = ["nudge", "stronger", "nearly"]

[[step]]
id = "all"
title = "All"
say = "Say."
try = ["true"]
hints = ["nudge", "stronger", "nearly"]

[[step]]
id = "end"
title = "End"
say = "Say."
try = ["drop cgroup"]
hints = ["nudge", "stronger", "nearly"]
"#;

fn world(lacks: &[Need]) -> Fake {
    let mut world = Fake::default();
    world.lacks.extend(lacks);
    world
}

fn walk() -> Walk {
    Walk::play(Box::new(Labs(vec![("parts", PARTS)])))
}

fn skipped(events: &[Event]) -> Vec<Vec<String>> {
    let told = events.iter().filter_map(|event| match event {
        Event::StepsSkipped { steps, .. } => Some(steps.iter().map(|step| step.step.clone()).collect()),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_replay_goes_over_what_the_machine_cannot() {
    let mut world = world(&[Need::MemoryCgroup]);
    let mut events = Vec::new();
    let summary = walk().replay("parts", &mut world, &mut |event| events.push(event)).unwrap();
    assert_eq!((summary.passed, summary.failed, summary.left_out), (2, 0, 3));
    assert_eq!(summary.skipped, None);
    assert_eq!(skipped(&events), [vec!["limit"], vec!["all", "end"]]);
    assert!(!world.asked.iter().any(|asked| asked.contains("memory")), "{:?}", world.asked);
    // From a later step on the state is rebuilt without it too.
    let mut events = Vec::new();
    walk().replay("parts:limit", &mut world, &mut |event| events.push(event)).unwrap();
    assert_eq!(skipped(&events), [vec!["limit"], vec!["all", "end"]]);
    assert!(!world.asked.iter().any(|asked| asked.contains("memory")), "{:?}", world.asked);
}

#[test]
fn a_lab_of_which_nothing_can_be_done_is_left_out() {
    // The root is part of every step's recipe.
    let mut events = Vec::new();
    let summary =
        walk().replay("parts", &mut world(&[Need::Chroot]), &mut |event| events.push(event)).unwrap();
    assert!(summary.skipped.is_some());
    assert!(kinds(&events).contains(&"LabSkipped".to_owned()));
}

#[test]
fn next_goes_over_what_the_machine_cannot() {
    let mut learner = Learner { walk: walk(), world: world(&[Need::MemoryCgroup]) };
    let events = learner.types("start parts");
    assert!(kinds(&events).contains(&"Trouble".to_owned()), "it is told at once");
    learner.types("solve");
    assert_eq!(kinds(&learner.types("next")), ["StepsSkipped", "StepBegins"]);
    assert_eq!((learner.step(), learner.walk.prompt()), ("device".to_owned(), "chroot".to_owned()));
    learner.types("solve");
    let events = learner.types("next");
    assert_eq!(kinds(&events)[..2], ["StepsSkipped", "LabDone"]);
    // Who names a step wants to see it.
    learner.types("start parts:limit");
    assert_eq!(learner.step(), "limit");
    learner.types("goto device");
    assert_eq!(learner.walk.prompt(), "chroot", "its state is rebuilt without what cannot be done");
}
