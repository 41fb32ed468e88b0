//! What is remembered: each attempt with its tries, hints, prediction, time, and who solved it.

use proptest::prelude::*;

use super::{Learner, shelf};
use crate::error::Trouble;
use crate::session::fake::Fake;
use crate::session::progress::{Agreement, At, Attempt, FORMAT, Found, Prediction, Progress, Solver};
use crate::session::walk::Walk;

const MINUTE: u64 = 60_000;

/// A learner whose clock is set before and after each line.
struct Timed {
    learner: Learner,
    now: u64,
}

impl Timed {
    fn at(at: &str) -> Self {
        let walk = Walk::play(shelf()).known_as(7);
        let mut timed = Self { learner: Learner { walk, world: Fake::default() }, now: MINUTE };
        timed.types(&format!("start {at}"), 0);
        timed
    }

    /// Types a line after so many milliseconds.
    fn types(&mut self, line: &str, after: u64) {
        self.now += after;
        self.learner.walk.clock(self.now);
        self.learner.types(line);
        self.learner.walk.clock(self.now);
    }

    fn attempts(&self, step: &str) -> Vec<Attempt> {
        self.learner.walk.progress().attempts("one", step).to_vec()
    }
}

#[test]
fn an_attempt_tells_how_the_step_was_gone_through() {
    let mut timed = Timed::at("one");
    assert!(timed.attempts("proc").is_empty(), "to look at a page is no attempt");
    timed.types("1", 10_000);
    for line in
        ["unshare --uts", "hint", "hint", "status", "recipe", "check", "# a thought", "unshare --nonsense"]
    {
        timed.types(line, 1_000);
    }
    let [open] = timed.attempts("proc").try_into().unwrap();
    assert_eq!((open.tries, open.hints, open.millis, open.solved), (1, 2, 18_000, None));
    let prediction = open.prediction.unwrap();
    assert_eq!((prediction.said.as_str(), prediction.right, prediction.verdict), ("none", None, None));
    timed.types("mount -t proc proc /proc", 2_000);
    let [done] = timed.attempts("proc").try_into().unwrap();
    assert_eq!((done.began, done.session), (MINUTE, 7));
    assert_eq!((done.tries, done.hints, done.millis, done.solved), (2, 2, 20_000, Some(Solver::Hand)));
    let prediction = done.prediction.clone().unwrap();
    assert_eq!((prediction.right.as_deref(), prediction.verdict), (Some("all"), Some(Agreement::Wrong)));
    // Once it is done, that stands.
    for line in ["hint", "ps -A", "check"] {
        timed.types(line, MINUTE);
    }
    assert_eq!(timed.attempts("proc"), [done]);
}

#[test]
fn solve_is_remembered_as_such_and_a_later_attempt_by_hand_counts_more() {
    let mut timed = Timed::at("one");
    timed.types("solve", 3_000);
    let [shown] = timed.attempts("proc").try_into().unwrap();
    assert_eq!((shown.tries, shown.solved), (0, Some(Solver::Solve)));
    assert_eq!(timed.learner.walk.progress().tally("one", "proc").unwrap().solved, Some(Solver::Solve));
    timed.types("reset", 1_000);
    timed.types("", 1_000);
    let attempts = timed.attempts("proc");
    assert_eq!((attempts.len(), attempts[1].tries, attempts[1].solved), (2, 1, Some(Solver::Hand)));
    let tally = timed.learner.walk.progress().tally("one", "proc").unwrap();
    assert_eq!((tally.attempts, tally.millis, tally.solved), (2, 4_000, Some(Solver::Hand)));
}

#[test]
fn a_step_that_was_left_is_remembered_with_its_time_and_a_pause_is_short() {
    let mut timed = Timed::at("one:pid");
    timed.types("true", 1_000);
    timed.types("back", 60 * MINUTE);
    let [left] = timed.attempts("pid").try_into().unwrap();
    assert_eq!((left.millis, left.tries, left.solved), (1_000 + 5 * MINUTE, 1, None));
    timed.types("goto pid", 1_000);
    timed.types("false", 1_000);
    assert_eq!(timed.attempts("pid").len(), 2);
}

#[test]
fn a_line_that_fails_is_a_try() {
    let mut timed = Timed::at("one");
    timed.learner.world.script.push_back(Err(Trouble::sandbox("out of memory")));
    timed.types("ls /", 1);
    timed.types("drop cgroup", 1);
    assert_eq!(timed.attempts("proc")[0].tries, 2);
}

#[test]
fn only_the_latest_attempts_are_kept() {
    let mut progress = Progress::default();
    for began in 0..60 {
        progress.note("one", "proc", Attempt { began, ..Attempt::default() });
    }
    let kept = progress.attempts("one", "proc");
    assert_eq!((kept.len(), kept[0].began, kept[49].began), (50, 10, 59));
}

#[test]
fn forgetting_takes_everything_of_the_lab_and_nothing_else() {
    let mut timed = Timed::at("one:pid");
    timed.types("solve", 1);
    timed.types("start two", 1);
    timed.types("", 1);
    timed.types("start one:pid", 1);
    let mut progress = timed.learner.walk.progress().clone();
    assert_eq!(progress.forget("nowhere"), None);
    assert_eq!(progress.forget("one"), Some(1));
    assert!(!progress.is_done("one", "pid") && progress.tally("one", "pid").is_none());
    assert!(progress.is_done("two", "only"));
    let at = progress.at.clone().unwrap();
    assert_eq!((at.lab.as_str(), at.step), ("one", None), "the lab begins anew");
    assert_eq!(progress.forget("one"), None);
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let agreement = proptest::sample::select(vec![Agreement::Right, Agreement::Close, Agreement::Wrong]);
    let prediction = (".{0,8}", proptest::option::of(".{0,8}"), proptest::option::of(agreement))
        .prop_map(|(said, right, verdict)| Prediction { said, right, verdict });
    let solved = proptest::sample::select(vec![None, Some(Solver::Hand), Some(Solver::Solve)]);
    (0..20_u64, 0..4_u32, any::<u64>(), any::<u32>(), any::<u32>(), proptest::option::of(prediction), solved)
        .prop_map(|(began, session, millis, tries, hints, prediction, solved)| Attempt {
            began,
            session,
            millis,
            tries,
            hints,
            prediction,
            solved,
        })
}

/// Progress as sessions make it: step by step.
fn progress() -> impl Strategy<Value = Progress> {
    let id = || proptest::sample::select(vec!["one", "two", "é\n\"", ""]);
    let at = proptest::option::of((id(), proptest::option::of(id())));
    let done = proptest::collection::vec((id(), id()), 0..6);
    let attempts = proptest::collection::vec((id(), id(), attempt()), 0..8);
    (at, done, attempts).prop_map(|(at, done, attempts)| {
        let mut progress = Progress {
            at: at.map(|(lab, step)| At { lab: lab.to_owned(), step: step.map(str::to_owned) }),
            ..Progress::default()
        };
        for (lab, step) in done {
            progress.finish(lab, step);
        }
        for (lab, step, attempt) in attempts {
            progress.note(lab, step, attempt);
        }
        progress
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(progress in progress()) {
        let bytes = serde_json::to_vec(&progress).unwrap();
        prop_assert_eq!(Progress::read(&bytes), Found::Progress(progress));
    }

    #[test]
    fn no_file_panics_and_none_is_taken_for_what_it_is_not(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        progress in progress(),
        at in any::<proptest::sample::Index>(),
        put in any::<u8>(),
    ) {
        drop(Progress::read(&bytes));
        let mut damaged = serde_json::to_vec(&progress).unwrap();
        let place = at.index(damaged.len());
        damaged[place] = put;
        if let Found::Progress(read) = Progress::read(&damaged) {
            prop_assert_eq!(read.format, FORMAT);
            // What was read is read again as the same, so nothing grows or is lost from start to start.
            let again = serde_json::to_vec(&read).unwrap();
            prop_assert_eq!(Progress::read(&again), Found::Progress(read));
        }
        damaged.truncate(place);
        drop(Progress::read(&damaged));
    }

    #[test]
    fn a_session_that_changed_nothing_changes_nothing(kept in progress(), then in progress()) {
        prop_assert_eq!(kept.clone().merged(&then, &then), kept);
    }

    #[test]
    fn merging_twice_is_merging_once(kept in progress(), then in progress(), mine in progress()) {
        let once = kept.merged(&then, &mine);
        prop_assert_eq!(once.clone().merged(&then, &mine), once);
    }

    #[test]
    fn nothing_that_either_session_did_is_lost(then in progress(), kept in progress(), mine in progress()) {
        let merged = kept.clone().merged(&then, &mine);
        for (lab, steps) in &kept.done {
            prop_assert!(steps.iter().all(|step| merged.is_done(lab, step)));
        }
        for (lab, steps) in &mine.done {
            prop_assert!(steps.iter().all(|step| merged.is_done(lab, step) || then.is_done(lab, step)));
        }
        for (lab, steps) in &mine.attempts {
            for (step, attempts) in steps {
                let new = attempts.iter().filter(|attempt| !then.attempts(lab, step).contains(attempt));
                for attempt in new {
                    prop_assert!(merged.attempts(lab, step).contains(attempt));
                }
            }
        }
    }
}
