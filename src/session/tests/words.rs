//! The words: suggestions, predictions, hints, and everything that tells where one is.

use super::{Learner, graded, kinds};
use crate::session::event::{Event, LabStatus};

#[test]
fn enter_runs_the_suggestion_and_then_the_next_step() {
    let mut learner = Learner::at("one");
    assert_eq!(learner.walk.suggestion().as_deref(), Some("mount -t proc proc /proc"));
    let events = learner.types("");
    assert!(
        matches!(&events[0], Event::Line { prompt, text } if prompt == "chroot" && text.starts_with("mount"))
    );
    assert!(kinds(&events).contains(&"StepDone".to_owned()));
    learner.types("");
    assert_eq!(learner.step(), "pid");
    // A comment is not a wish for the suggestion.
    assert_eq!(kinds(&learner.types("# just a thought")), [""; 0]);
}

#[test]
fn the_same_output_is_not_suggested_twice() {
    let mut learner = Learner::at("one");
    // The check does not hold: the probe sees nothing.
    for _ in 0..2 {
        let mut outcome = learner.world.outcome(&Default::default(), "ps -A");
        outcome.seen = None;
        learner.world.script.push_back(Ok(outcome));
    }
    learner.types("");
    assert_eq!(learner.walk.step_done(), Some(false));
    assert_eq!(learner.walk.suggestion().as_deref(), Some("check"), "the probe was `ps -A` already");
}

#[test]
fn a_step_that_is_done_may_have_more_to_show() {
    let mut learner = Learner::at("one:stay");
    learner.types("");
    assert_eq!(learner.walk.step_done(), Some(true));
    assert_eq!(learner.walk.suggestion().as_deref(), Some("ablate"));
    // A learner who found another way is not led back.
    let mut learner = Learner::at("one:stay");
    learner.types("sleep 99 &");
    assert_eq!(learner.walk.step_done(), Some(true));
    assert_eq!(learner.walk.suggestion().as_deref(), Some("next"));
}

#[test]
fn predictions_are_graded_and_never_block() {
    let mut learner = Learner::at("one");
    assert_eq!(learner.trouble("3").what, "`3` is not one of the answers");
    assert_eq!(kinds(&learner.types("1")), ["Predicted"]);
    assert_eq!(kinds(&learner.types("predict 2")), ["Predicted"]);
    let events = learner.types("mount -t proc proc /proc");
    assert_eq!(graded(&events), Some(("all".to_owned(), "all".to_owned(), true)));

    learner.types("next");
    learner.types("84");
    let events = learner.types("unshare --pid --mount-proc");
    assert_eq!(graded(&events), Some(("84".to_owned(), "1".to_owned(), false)));
    let close = |said: &str, seen: u32| {
        let mut learner = Learner::at("one:pid");
        let mut outcome = learner.world.outcome(&Default::default(), "ps -A");
        if let Some(seen_there) = &mut outcome.seen {
            (seen_there.processes, seen_there.nspid) = (Some(seen), vec![24_000, 1]);
        }
        learner.types(said);
        learner.world.script.push_back(Ok(outcome));
        match learner.types("unshare --pid").pop() {
            Some(Event::StepDone { graded: Some(graded), .. }) => (graded.agrees, graded.close),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        [close("130", 130), close("120", 130), close("90", 130)],
        [(true, false), (false, true), (false, false)]
    );
    // Nothing is open any more: a number is a program.
    assert_eq!(kinds(&learner.types("84")), ["Calls", "Ended"]);
    learner.trouble("predict 1");
}

#[test]
fn solve_runs_what_is_left_and_says_who_did_it() {
    let mut learner = Learner::at("one");
    let events = learner.types("solve");
    assert!(matches!(events.last(), Some(Event::StepDone { solved_for: true, .. })));
    assert_eq!(kinds(&learner.types("solve")), ["Note"]);
}

#[test]
fn hints_climb_to_the_solution_and_stay_there() {
    let mut learner = Learner::at("one");
    let texts: Vec<(usize, usize, String)> = (0..5)
        .flat_map(|_| learner.types("hint"))
        .map(|event| match event {
            Event::Hint { number, of, text } => (number, of, text),
            other => panic!("{other:?}"),
        })
        .collect();
    let numbers: Vec<(usize, usize)> = texts.iter().map(|(n, of, _)| (*n, *of)).collect();
    assert_eq!(numbers, [(1, 4), (2, 4), (3, 4), (4, 4), (4, 4)]);
    assert_eq!(texts[0].2, "nudge");
    assert!(texts[3].2.contains("mount -t proc proc /proc\nps -A"));
}

#[test]
fn the_words_that_tell_something() {
    let mut learner = Learner::at("one");
    assert_eq!(kinds(&learner.types("check")), ["Judged", "Note"], "what failed, and what to try");
    assert_eq!(kinds(&learner.types("why")), ["Why"]);
    assert_eq!(kinds(&learner.types("map")), ["Map"]);
    assert_eq!(kinds(&learner.types("book")), ["Note"]);
    assert_eq!(kinds(&learner.types("jobs")), ["Jobs"]);
    assert_eq!(kinds(&learner.types("recipe")), ["Recipe"]);
    assert_eq!(kinds(&learner.types("help")), ["Help"]);
    assert_eq!(kinds(&learner.types("help unshare")), ["Help"]);
    assert_eq!(learner.trouble("help unshar").hint.as_deref(), Some("did you mean `help unshare`?"));
    let Event::Labs(labs) = learner.types("labs").remove(0) else { panic!() };
    let stand =
        |labs: &[LabStatus]| -> Vec<_> { labs.iter().map(|lab| (lab.id.clone(), lab.done)).collect() };
    assert_eq!(stand(&labs), [("one".to_owned(), (0, 3)), ("two".to_owned(), (0, 1))]);
    learner.types("solve");
    let Event::Labs(labs) = learner.types("labs").remove(0) else { panic!() };
    assert_eq!(stand(&labs)[0].1, (1, 3));
    let Event::Status { position, steps, recipe } = learner.types("status").remove(0) else { panic!() };
    assert_eq!(position.unwrap().step_number, 1);
    assert_eq!(steps.iter().map(|step| step.done).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(recipe, ["rootfs", "chroot", "mount -t proc proc /proc"]);
}

#[test]
fn outside_a_lab_the_words_say_so() {
    let mut learner = Learner::playing();
    for word in ["next", "back", "goto 1", "hint", "why", "check", "solve", "ablate"] {
        assert_eq!(learner.trouble(word).what, "you are in no lab", "{word}");
    }
    learner.types("rootfs");
    assert_eq!(kinds(&learner.types("reset")), ["Note"]);
    assert_eq!(learner.walk.prompt(), "bare");
    assert_eq!(kinds(&learner.types("")), [""; 0]);
}
