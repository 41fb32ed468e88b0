//! What is remembered: each attempt with its tries, hints, prediction, time, and who solved it.

use super::{Learner, shelf};
use crate::error::Trouble;
use crate::session::fake::Fake;
use crate::session::progress::{Agreement, Attempt, Progress, Solver};
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
