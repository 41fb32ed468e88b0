//! What a line does: ingredients, programs, containers that stay, and what happens when the world refuses.

use super::{Learner, kinds};
use crate::error::Trouble;
use crate::recipe::outcome::{Call, CallResult, End, Outcome};
use crate::session::event::Event;

#[test]
fn an_ingredient_shows_before_and_after_and_completes_the_step() {
    let mut learner = Learner::at("one");
    let events = learner.types("mount -t proc proc /proc");
    assert_eq!(kinds(&events), ["Composed", "BeforeAfter", "Judged", "StepDone"]);
    let Event::BeforeAfter { before: Some(before), after } = &events[1] else { panic!() };
    assert_eq!(before.seen.as_ref().unwrap().processes, None);
    assert_eq!(after.seen.as_ref().unwrap().processes, Some(84));
    assert_eq!(learner.walk.suggestion().as_deref(), Some("next"));
    assert!(learner.walk.progress().is_done("one", "proc"));
}

#[test]
fn who_is_not_root_is_told_once_what_the_id_maps_mean() {
    let mut learner = Learner::playing();
    (learner.world.machine.euid, learner.world.machine.egid) = (1000, 1001);
    let notes = |events: &[Event]| -> Vec<String> {
        let notes = events.iter().filter_map(|event| match event {
            Event::Note(note) if note.contains("uid_map") => Some(note.clone()),
            _ => None,
        });
        notes.collect()
    };
    assert_eq!(notes(&learner.types("rootfs")), [""; 0], "a directory needs no namespace");
    let told = notes(&learner.types("chroot"));
    assert!(told.len() == 1 && told[0].contains("`0 1000 1`") && told[0].contains("`0 1001 1`"), "{told:?}");
    assert_eq!(notes(&learner.types("unshare --pid")), [""; 0], "told already");
    let mut root = Learner::playing();
    assert_eq!(notes(&root.types("unshare --pid")), [""; 0]);
    // One that was asked for is the learner's own.
    let mut asking = Learner::playing();
    asking.world.machine.euid = 1000;
    assert_eq!(notes(&asking.types("unshare --user")), [""; 0]);
}

#[test]
fn an_ingredient_that_no_program_could_notice_runs_no_probe() {
    let mut learner = Learner::at("one");
    assert_eq!(kinds(&learner.types("rootfs host")), ["Composed", "BeforeAfter"], "it is the root");
    learner.types("drop chroot");
    learner.asked();
    assert_eq!(kinds(&learner.types("rootfs busybox")), ["Composed"], "it is not the root yet");
    assert_eq!(learner.asked(), ["compose rootfs"]);
}

#[test]
fn a_program_is_told_while_it_runs() {
    let mut learner = Learner::playing();
    let outcome = Outcome {
        stdout: "out".to_owned(),
        stderr: "err".to_owned(),
        ..learner.world.outcome(&Default::default(), "x")
    };
    learner.world.script.push_back(Ok(outcome));
    assert_eq!(kinds(&learner.types("x")), ["Calls", "Output", "Output", "Ended"]);
    assert_eq!(kinds(&learner.types("!x")), ["Calls", "Ended"]);
}

#[test]
fn a_container_stays_and_is_killed_when_the_learner_leaves() {
    let mut learner = Learner::at("one:stay");
    let events = learner.types("sleep 1234 &");
    assert_eq!(kinds(&events), ["Calls", "Ended", "Judged", "StepDone"]);
    assert_eq!(kinds(&learner.types("peek")), ["Peeked"]);
    assert_eq!(kinds(&learner.types("inspect 1")), ["Inspected"]);
    assert_eq!(learner.trouble("ablate").hint.as_deref(), Some("`kill 1` first"));
    assert_eq!(kinds(&learner.types("kill 1"))[..2], ["Calls", "Ended"]);
    learner.trouble("kill 1");
    learner.types("sleep 5 &");
    learner.asked();
    let events = learner.types("next");
    assert!(matches!(events.last(), Some(Event::LabDone { next: Some(next), .. }) if next == "two"));
    assert_eq!(learner.asked(), ["kill 1", "compose bare"]);
}

#[test]
fn ablate_fills_the_table_and_brings_the_recipe_back() {
    let mut learner = Learner::at("one:stay");
    let before = learner.walk.prompt();
    learner.asked();
    let Event::Ablated(table) = learner.types("ablate").remove(0) else { panic!() };
    assert_eq!(table.probes, ["ps -A", "ls /"]);
    assert_eq!(table.rows.iter().map(|row| row.cells.len()).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(
        learner.asked(),
        [
            "compose bare",
            "run ps -A",
            "run ls /",
            "compose chroot",
            "run ps -A",
            "run ls /",
            &format!("compose {before}")
        ]
    );
}

#[test]
fn a_failed_compose_leaves_everything_as_it_was() {
    let mut learner = Learner::at("one");
    learner.world.compositions.push_back(Err(Trouble::cannot("no room").hint("make some")));
    learner.asked();
    assert_eq!(learner.trouble("cgroup memory.max=7M").what, "no room");
    assert_eq!(learner.walk.prompt(), "chroot");
    assert_eq!(learner.asked().last().unwrap(), "compose chroot", "the host is brought back");
    learner.types("mount -t proc proc /proc");
    assert_eq!(learner.walk.step_done(), Some(true), "the session goes on");
}

#[test]
fn an_ingredient_that_the_kernel_refuses_is_told_kept_as_evidence_and_taken_out() {
    let mut learner = Learner::at("one");
    let refused = Outcome {
        end: End::Refused(1),
        calls: vec![Call::new("mount", "", CallResult::Errno(1))],
        seen: None,
        ..learner.world.outcome(&Default::default(), "ps -A")
    };
    learner.world.script.push_back(Ok(refused));
    let events = learner.types("mount -t proc proc /proc");
    assert_eq!(kinds(&events), ["Composed", "BeforeAfter", "Note"]);
    assert_eq!(learner.walk.prompt(), "chroot");

    // A program that is not there says nothing against the ingredient.
    let missing = Outcome {
        end: End::Refused(2),
        calls: vec![Call::new("execve", "", CallResult::Errno(2))],
        seen: None,
        ..learner.world.outcome(&Default::default(), "ps -A")
    };
    learner.world.script.push_back(Ok(missing));
    learner.types("mount -t proc proc /proc");
    assert_eq!(learner.walk.prompt(), "chroot+proc");
}

#[test]
fn a_launch_that_rlab_could_not_make_takes_the_ingredient_back() {
    let mut learner = Learner::at("one");
    learner.world.script.push_back(Err(Trouble::sandbox("out of memory")));
    assert_eq!(learner.trouble("unshare --pid").what, "out of memory");
    assert_eq!(learner.walk.prompt(), "chroot");
}

#[test]
fn a_line_that_is_wrong_says_where() {
    let mut learner = Learner::playing();
    let trouble = learner.trouble("unshare --pid --moutn");
    assert!(
        trouble.what.contains("--moutn") || trouble.causes.iter().any(|c| c.contains("--moutn")),
        "{trouble}"
    );
    learner.trouble("echo 'a");
    learner.trouble("cgroup memory.max=0");
}

#[test]
fn a_step_without_an_ingredient_shows_its_probe_once_at_the_end() {
    let mut learner = Learner::looking();
    let events = learner.types("true");
    assert_eq!(kinds(&events)[1..], ["Ended", "BeforeAfter", "Judged", "StepDone"]);
    // The step is done: nobody asked to see it again.
    assert!(!kinds(&learner.types("true")).contains(&"BeforeAfter".to_owned()));
}

#[test]
fn what_is_taken_out_shows_where_the_host_answers_otherwise() {
    let mut learner = Learner::looking();
    learner.types("rootfs");
    assert_eq!(kinds(&learner.types("drop rootfs")), ["Composed", "Note"]);
    learner.types("rootfs");
    let gone = Outcome { stdout: "gone".to_owned(), ..learner.world.outcome(&Default::default(), "ls") };
    learner.world.script.push_back(Ok(gone));
    assert_eq!(kinds(&learner.types("drop rootfs")), ["Composed", "BeforeAfter", "Note"]);
}

#[test]
fn dropping_says_what_and_runs_the_probe() {
    let mut learner = Learner::at("one:pid");
    let events = learner.types("drop /proc");
    assert_eq!(kinds(&events), ["Composed", "BeforeAfter", "Note"]);
    learner.trouble("drop cgroup");
}
