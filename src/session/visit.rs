//! One step while the learner is in it: what was seen, what was said, how far the hints went.

use crate::lab::file::Step;
use crate::recipe::line::Line;
use crate::recipe::outcome::{AblationTable, Outcome};
use crate::session::event::Graded;
use crate::session::progress::{Attempt, Prediction, Solver};

/// Outcomes kept of one step. A learner who plays for hours in one step must not fill the memory; the first outcome
/// (the probe before) and the latest ones are what checks look at.
const KEPT: usize = 256;

/// The state of one step.
#[derive(Debug, Clone, Default)]
pub(super) struct Visit {
    /// Every outcome so far, oldest first.
    pub(super) outcomes: Vec<Outcome>,
    /// The probe before the first line.
    pub(super) before: Option<Outcome>,
    /// The table of `ablate`.
    pub(super) ablation: Option<AblationTable>,
    /// The answer to the prediction.
    pub(super) said: Option<Said>,
    /// Hints told.
    pub(super) hints: usize,
    /// Which lines of the solution were carried out.
    pub(super) ticked: Vec<bool>,
    /// Whether the line under way ran the probe.
    pub(super) probed: bool,
    /// The probe as it was last shown since the step began.
    pub(super) shown: Option<Outcome>,
    /// Whether all checks have held.
    pub(super) done: bool,
    /// Whether rlab solved it.
    pub(super) solved_for: bool,
    /// Whether `next` has said that the step is not done.
    pub(super) warned: bool,
    /// When the page was shown, in milliseconds since 1970.
    pub(super) began: u64,
    /// Milliseconds spent before it was done.
    pub(super) millis: u64,
    /// Lines that the learner had carried out before it was done.
    pub(super) tries: u32,
}

/// What the learner predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The number typed.
    pub(super) number: u64,
    /// In full.
    pub(super) text: String,
}

impl Visit {
    /// A step that begins now.
    pub(super) fn new(step: &Step, now: u64) -> Self {
        Self { ticked: vec![false; step.try_lines.len()], began: now, ..Self::default() }
    }

    /// What is to be remembered of it; nothing where the learner has only looked at the page.
    pub(super) fn attempt(&self, session: u32, graded: Option<&Graded>) -> Option<Attempt> {
        let said = |said: &Said| Prediction { said: said.text.clone(), right: None, verdict: None };
        let prediction = graded.map(Prediction::from).or_else(|| self.said.as_ref().map(said));
        let solver = if self.solved_for { Solver::Solve } else { Solver::Hand };
        let attempt = Attempt {
            began: self.began,
            session,
            millis: self.millis,
            tries: self.tries,
            hints: u32::try_from(self.hints).unwrap_or(u32::MAX),
            prediction,
            solved: self.done.then_some(solver),
        };
        let anything = attempt.tries > 0
            || attempt.hints > 0
            || attempt.prediction.is_some()
            || attempt.solved.is_some();
        anything.then_some(attempt)
    }

    /// Keeps an outcome as evidence.
    pub(super) fn keep(&mut self, outcome: Outcome) {
        if self.outcomes.len() >= KEPT {
            self.outcomes.remove(1);
        }
        self.outcomes.push(outcome);
    }

    /// Notes that a line was carried out. Where it ran the probe by itself and the solution would run the same next,
    /// that is done too: nobody wants to see the same output twice.
    pub(super) fn tick(&mut self, step: &Step, line: &Line) {
        let found =
            step.try_lines.iter().zip(&mut self.ticked).find(|(l, ticked)| !**ticked && l.line == *line);
        if let Some((_, ticked)) = found {
            *ticked = true;
        }
        let next = self.first_open();
        if let (true, Some(next), Some(probe)) = (std::mem::take(&mut self.probed), next, &step.probe)
            && step.try_lines[next].line == probe.line
        {
            self.ticked[next] = true;
        }
    }

    /// The first line of the solution that was not carried out yet.
    pub(super) fn first_open(&self) -> Option<usize> {
        self.ticked.iter().position(|ticked| !ticked)
    }

    /// The line of the solution after the last one that was carried out; none for a learner who found another way.
    pub(super) fn open_after_last(&self) -> Option<usize> {
        let last = self.ticked.iter().rposition(|ticked| *ticked)?;
        (last + 1 < self.ticked.len()).then_some(last + 1)
    }
}
