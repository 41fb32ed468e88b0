//! The walk against a made-up world: every word, every kind of line, and what happens when the world refuses.

use crate::error::{Result, Trouble};
use crate::lab::file::{Lab, Need};
use crate::recipe::outcome::{Call, CallResult, End, Outcome};
use crate::session::event::Event;
use crate::session::fake::Fake;
use crate::session::progress::{At, Progress};
use crate::session::shelf::Shelf;
use crate::session::walk::{Flow, Walk};

const ONE: &str = r#"
format = 1
id = "one"
title = "One"
minutes = 5
start = ["rootfs", "chroot"]

[[step]]
id = "proc"
title = "See"
say = "Say."
try = ["mount -t proc proc /proc", "ps -A"]
probe = "ps -A"
hints = ["nudge", "stronger", "nearly"]
why = "Because."
[step.predict]
ask = "How many?"
choices = ["none", "all"]
answer = 2
[[step.check]]
claim = "it sees processes"
processes_seen = ">= 2"

[[step]]
id = "pid"
title = "Hide"
say = "Say."
try = ["unshare --pid --mount-proc"]
probe = "ps -A"
hints = ["nudge", "stronger", "nearly"]
[step.predict]
ask = "How many?"
measure = "processes_seen"
[[step.check]]
claim = "it is PID 1"
pid_inside = 1

[[step]]
id = "stay"
title = "Stay"
say = "Say."
try = ["sleep 1234 &", "ablate"]
hints = ["nudge", "stronger", "nearly"]
[step.ablation]
probes = ["ps -A", "ls /"]
[[step.ablation.row]]
name = "nothing"
lines = []
[[step.ablation.row]]
name = "chroot"
lines = ["rootfs", "chroot"]
[[step.check]]
claim = "it stays"
running = true
"#;

const TWO: &str = r#"
format = 1
id = "two"
title = "Two"
minutes = 3
needs = ["memory-cgroup"]

[[step]]
id = "only"
title = "Only"
say = "Say."
try = ["true"]
hints = ["nudge", "stronger", "nearly"]
[[step.check]]
claim = "it ended well"
status = 0
"#;

struct Labs(Vec<(&'static str, &'static str)>);

impl Shelf for Labs {
    fn ids(&self) -> Vec<String> {
        self.0.iter().map(|(id, _)| (*id).to_owned()).collect()
    }

    fn lab(&self, id: &str) -> Result<Lab> {
        let found = self.0.iter().find(|(known, _)| *known == id);
        let (_, source) = found.ok_or_else(|| Trouble::usage(format!("no lab is called `{id}`")))?;
        Ok(Lab::read(id, source).unwrap())
    }
}

fn shelf() -> Box<dyn Shelf> {
    Box::new(Labs(vec![("one", ONE), ("two", TWO)]))
}

/// A learner with a world.
struct Learner {
    walk: Walk,
    world: Fake,
}

impl Learner {
    fn playing() -> Self {
        Self { walk: Walk::play(shelf()), world: Fake::default() }
    }

    fn at(at: &str) -> Self {
        let mut learner = Self::playing();
        learner.walk.start(at, &mut learner.world, &mut |_| {}).unwrap();
        learner
    }

    fn types(&mut self, line: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let flow = self.walk.line(line, &mut self.world, &mut |event| events.push(event));
        assert_eq!(flow, Flow::Continue, "{line}");
        events
    }

    fn trouble(&mut self, line: &str) -> Trouble {
        let events = self.types(line);
        let found = events.into_iter().find_map(|e| if let Event::Trouble(t) = e { Some(t) } else { None });
        found.unwrap_or_else(|| panic!("`{line}` is no trouble"))
    }

    /// What was asked of the world since the last look.
    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.world.asked)
    }

    fn step(&self) -> String {
        self.walk.position().map(|p| p.step).unwrap_or_default()
    }
}

/// The kinds of the events, for orders.
fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Event| format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
    events.iter().map(kind).collect()
}

fn graded(events: &[Event]) -> Option<(String, String, bool)> {
    events.iter().find_map(|event| match event {
        Event::StepDone { graded: Some(g), .. } => Some((g.said.clone(), g.right.clone(), g.agrees)),
        _ => None,
    })
}

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
    // Nothing is open any more: a number is a program.
    assert_eq!(kinds(&learner.types("84")), ["Calls", "Ended"]);
    learner.trouble("predict 1");
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
    assert!(trouble.hint.unwrap().contains("`pid`"));
    assert_eq!(learner.step(), "proc");
    learner.trouble("back");
    learner.trouble("start nowhere");
    learner.trouble("start one:nowhere");
    assert_eq!(learner.step(), "proc", "the learner stays where they are");
}

#[test]
fn reset_begins_the_lab_again() {
    let mut learner = Learner::at("one:stay");
    learner.types("sleep 1234 &");
    learner.asked();
    let events = learner.types("reset");
    assert_eq!(kinds(&events)[0], "LabBegins");
    assert_eq!((learner.step(), learner.walk.prompt()), ("proc".to_owned(), "chroot".to_owned()));
    assert_eq!(learner.asked()[..2], ["kill 1", "compose bare"]);
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
    assert_eq!(kinds(&learner.types("check")), ["Judged"]);
    assert_eq!(kinds(&learner.types("why")), ["Why"]);
    assert_eq!(kinds(&learner.types("map")), ["Map"]);
    assert_eq!(kinds(&learner.types("jobs")), ["Jobs"]);
    assert_eq!(kinds(&learner.types("recipe")), ["Recipe"]);
    assert_eq!(kinds(&learner.types("help")), ["Help"]);
    assert_eq!(kinds(&learner.types("help unshare")), ["Help"]);
    assert_eq!(learner.trouble("help unshar").hint.as_deref(), Some("did you mean `help unshare`?"));
    let Event::Labs(labs) = learner.types("labs").remove(0) else { panic!() };
    assert_eq!(
        labs,
        [("one".to_owned(), "One".to_owned(), 5, false), ("two".to_owned(), "Two".to_owned(), 3, false)]
    );
    learner.types("solve");
    let Event::Status { position, steps, recipe } = learner.types("status").remove(0) else { panic!() };
    assert_eq!(position.unwrap().step_number, 1);
    assert_eq!(steps.iter().map(|(_, done)| *done).collect::<Vec<_>>(), [true, false, false]);
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

#[test]
fn a_container_stays_and_is_killed_when_the_learner_leaves() {
    let mut learner = Learner::at("one:stay");
    let events = learner.types("sleep 1234 &");
    assert_eq!(kinds(&events), ["Calls", "Ended", "Judged", "StepDone"]);
    assert_eq!(kinds(&learner.types("peek")), ["Peeked"]);
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
fn after_the_last_lab_every_line_still_works() {
    let mut learner = Learner::at("two");
    learner.types("");
    let events = learner.types("next");
    assert_eq!(kinds(&events), ["LabDone", "Note"]);
    assert_eq!(learner.walk.suggestion(), None);
    assert_eq!(kinds(&learner.types("true")), ["Calls", "Ended"]);
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
        calls: vec![Call { name: "mount".to_owned(), args: String::new(), result: CallResult::Errno(1) }],
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
        calls: vec![Call { name: "execve".to_owned(), args: String::new(), result: CallResult::Errno(2) }],
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
fn dropping_says_what_and_runs_the_probe() {
    let mut learner = Learner::at("one:pid");
    let events = learner.types("drop /proc");
    assert_eq!(kinds(&events), ["Composed", "BeforeAfter", "Note"]);
    learner.trouble("drop cgroup");
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

fn replay(world: &mut Fake, at: &str) -> (crate::session::replay::Summary, Vec<Event>) {
    let mut events = Vec::new();
    let summary = Walk::play(shelf()).replay(at, world, &mut |event| events.push(event)).unwrap();
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
