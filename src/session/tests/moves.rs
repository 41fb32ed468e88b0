//! Between steps and labs.

use super::{Learner, kinds, shelf};
use crate::lab::file::Need;
use crate::recipe::outcome::Work;
use crate::session::event::Event;
use crate::session::fake::Fake;
use crate::session::progress::{At, Progress};
use crate::session::walk::{Flow, Walk};

#[test]
fn a_lab_begins_with_its_start_lines_and_the_probe() {
    let mut learner = Learner::playing();
    let events = learner.types("start one");
    assert_eq!(
        kinds(&events),
        ["LabBegins", "Line", "Composed", "Line", "Composed", "StepBegins", "ProbedBefore"]
    );
    assert_eq!(learner.asked().last().unwrap(), "run ps -A");
    assert_eq!(learner.walk.prompt(), "chroot");
}

#[test]
fn next_says_once_that_the_step_is_not_done() {
    let mut learner = Learner::at("one");
    assert_eq!(kinds(&learner.types("next")), ["Note"]);
    assert_eq!(learner.step(), "proc");
    learner.asked();
    let events = learner.types("next");
    assert_eq!(kinds(&events), ["StepBegins", "ProbedBefore"], "the state is rebuilt without a word");
    assert_eq!(learner.step(), "pid");
    assert_eq!(learner.walk.prompt(), "chroot+proc");
    assert!(!learner.walk.progress().is_done("one", "proc"));
}

#[test]
fn back_goto_and_start_rebuild_the_state() {
    let mut learner = Learner::at("one:stay");
    assert_eq!(learner.step(), "stay");
    let full = learner.walk.prompt();
    learner.types("back");
    assert_eq!((learner.step(), learner.walk.prompt()), ("pid".to_owned(), "chroot+proc".to_owned()));
    learner.types("goto stay");
    assert_eq!((learner.step(), learner.walk.prompt()), ("stay".to_owned(), full));
    learner.types("goto 1");
    assert_eq!((learner.step(), learner.walk.prompt()), ("proc".to_owned(), "chroot".to_owned()));
    let trouble = learner.trouble("goto nowhere");
    assert!(trouble.hint.unwrap().starts_with("its steps are 1 `proc`, 2 `pid`"));
    assert!(learner.trouble("goto sty").hint.unwrap().starts_with("did you mean `stay`?"));
    assert_eq!(learner.step(), "proc");
    learner.trouble("back");
    learner.trouble("start nowhere");
    learner.trouble("start one:nowhere");
    assert_eq!(learner.step(), "proc", "the learner stays where they are");
}

#[test]
fn what_is_rebuilt_without_a_word_says_how_far_it_has_come() {
    let mut learner = Learner::at("one");
    let mut told = Vec::new();
    learner.walk.line("goto stay", &mut learner.world, &mut |event| told.push(event));
    let lines: Vec<(usize, usize, String)> = told
        .into_iter()
        .filter_map(|event| match event {
            Event::Working(Work::Rebuilding(at, of, line)) => Some((at, of, line)),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines.iter().map(|(at, of, _)| (*at, *of)).collect::<Vec<_>>(),
        (1..=5).map(|n| (n, 5)).collect::<Vec<_>>()
    );
    assert_eq!(lines[4].2, "unshare --pid --mount-proc");
}

#[test]
fn reset_brings_the_step_back_to_its_beginning() {
    let mut learner = Learner::at("one:stay");
    let found = learner.walk.prompt();
    for line in ["sleep 1234 &", "drop chroot", "unshare --uts", "cgroup memory.max=7M"] {
        learner.types(line);
    }
    assert_ne!(learner.walk.prompt(), found);
    learner.asked();
    let events = learner.types("reset");
    assert_eq!(kinds(&events), ["StepBegins"]);
    assert_eq!((learner.step(), learner.walk.prompt()), ("stay".to_owned(), found));
    assert_eq!(learner.walk.suggestion().as_deref(), Some("sleep 1234 &"), "nothing is ticked");
    assert_eq!(learner.asked()[..2], ["kill 1", "compose bare"]);
}

#[test]
fn who_comes_with_another_recipe_is_told_once() {
    let mut learner = Learner::at("one");
    learner.types("unshare --uts");
    learner.types("mount -t proc proc /proc");
    let events = learner.types("next");
    assert_eq!(kinds(&events), ["StepBegins", "ProbedBefore", "Note"]);
    let Some(Event::Note(note)) = events.last() else { panic!() };
    assert!(note.contains("`chroot+proc`") && note.contains("`chroot+uts+proc`"), "{note}");
    learner.types("unshare --pid --mount-proc");
    assert_eq!(kinds(&learner.types("next")), ["StepBegins"]);
    learner.types("reset");
    assert_eq!(learner.walk.prompt(), "chroot+pid+proc");

    let mut learner = Learner::at("one");
    learner.types("mount -t proc other /proc");
    assert_eq!(kinds(&learner.types("next")), ["StepBegins", "ProbedBefore"], "the same by other words");
}

#[test]
fn reset_of_the_first_step_begins_with_the_lab() {
    let mut learner = Learner::at("one");
    learner.types("drop chroot");
    let events = learner.types("reset");
    assert_eq!(kinds(&events)[..2], ["Line", "Composed"], "its start lines are told again");
    assert_eq!((learner.step(), learner.walk.prompt()), ("proc".to_owned(), "chroot".to_owned()));
}

#[test]
fn after_the_last_lab_every_line_still_works() {
    let mut learner = Learner::at("two");
    learner.types("");
    let events = learner.types("next");
    assert_eq!(kinds(&events), ["LabDone", "Note"]);
    assert_eq!(learner.walk.suggestion(), None);
    assert_eq!(kinds(&learner.types("true")), ["Calls", "Ended"]);
}

#[test]
fn nothing_happens_before_the_first_key() {
    let progress = Progress {
        at: Some(At { lab: "one".to_owned(), step: Some("pid".to_owned()) }),
        ..Progress::default()
    };
    let mut learner = Learner { walk: Walk::resume(shelf(), progress), world: Fake::default() };
    assert_eq!(learner.walk.suggestion().as_deref(), Some("start one:pid"));
    assert_eq!(learner.asked(), [""; 0]);
    assert_eq!(kinds(&learner.types("help")), ["Help"]);
    let Event::Status { position, steps, .. } = learner.types("status").remove(0) else { panic!() };
    assert_eq!((position.unwrap().step_number, steps.len()), (2, 3), "where Enter will go");
    assert_eq!(learner.asked(), [""; 0]);
    learner.types("");
    assert_eq!(learner.step(), "pid");
}

#[test]
fn a_line_typed_at_the_first_prompt_is_carried_out_in_the_lab() {
    let mut learner = Learner { walk: Walk::resume(shelf(), Progress::default()), world: Fake::default() };
    learner.types("mount -t proc proc /proc");
    assert_eq!(learner.walk.step_done(), Some(true));
}

#[test]
fn goto_at_the_first_prompt_goes_there_at_once() {
    let mut learner = Learner { walk: Walk::resume(shelf(), Progress::default()), world: Fake::default() };
    let events = learner.types("goto pid");
    assert_eq!(kinds(&events), ["LabBegins", "StepBegins", "ProbedBefore"]);
    assert_eq!(learner.step(), "pid");
}

#[test]
fn progress_of_another_course_is_no_trouble() {
    let gone = |lab: &str, step: &str| Progress {
        at: Some(At { lab: lab.to_owned(), step: Some(step.to_owned()) }),
        ..Progress::default()
    };
    for progress in [gone("nowhere", "x"), gone("one", "nowhere")] {
        let mut learner = Learner { walk: Walk::resume(shelf(), progress), world: Fake::default() };
        learner.types("");
        assert_eq!(learner.step(), "proc");
    }
}

#[test]
fn quit_is_told_to_the_frontend_and_leaving_cleans_up() {
    let mut learner = Learner::at("one");
    learner.types("sleep 1 &");
    assert_eq!(learner.walk.line("quit", &mut learner.world, &mut |_| {}), Flow::Quit);
    learner.asked();
    learner.walk.leave(&mut learner.world, &mut |_| {});
    assert_eq!(learner.asked(), ["kill 1", "compose bare"]);
    let at = learner.walk.progress().at.clone().unwrap();
    assert_eq!((at.lab.as_str(), at.step.as_deref()), ("one", Some("proc")), "the place is kept");
}

#[test]
fn what_the_machine_lacks_is_told_at_the_start() {
    let mut learner = Learner::playing();
    learner.world.lacks.push(Need::MemoryCgroup);
    assert_eq!(kinds(&learner.types("start two")), ["LabBegins", "Trouble", "Note", "StepBegins"]);
    assert_eq!(learner.step(), "only");
}
