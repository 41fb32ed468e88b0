//! What is remembered from one session to the next: where the learner stands, which steps are done, and how each was
//! gone through.
//!
//! Two sessions of one learner may be open at once. Neither knows of the other, so what is kept is never simply
//! overwritten: [`Progress::merged`] adds to it what this session has changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::session::event::Graded;

/// The version of the format that is written.
pub const FORMAT: u32 = 2;

/// The version before: where the learner stands and which steps are done, without attempts.
const WITHOUT_ATTEMPTS: u32 = 1;

/// Attempts kept of one step. The latest count; a learner who comes back for years must not fill the disk.
const KEPT: usize = 50;

/// Progress through the labs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Version of the format, [`FORMAT`].
    pub format: u32,
    /// Lab and step in which the learner stands.
    pub at: Option<At>,
    /// Ids of the steps that are done, by lab id.
    pub done: BTreeMap<String, BTreeSet<String>>,
    /// How each step was gone through, by lab id and step id, oldest first.
    #[serde(default)]
    pub attempts: BTreeMap<String, BTreeMap<String, Vec<Attempt>>>,
}

/// A lab and one of its steps, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// Lab id.
    pub lab: String,
    /// Step id; the first step where there is none.
    pub step: Option<String>,
}

/// One way through a step, from its page to its verdict or to where the learner left it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// Milliseconds since 1970 at which the page was shown.
    pub began: u64,
    /// The process that kept it; with `began` it names the attempt.
    pub session: u32,
    /// Milliseconds spent until the step was done or left. A long pause counts as a short one.
    pub millis: u64,
    /// Lines that the learner had carried out, the one that did it included.
    pub tries: u32,
    /// Rungs of the hint ladder that were told.
    pub hints: u32,
    /// What was predicted, and how it came out.
    pub prediction: Option<Prediction>,
    /// Who solved it; nobody yet where there is none.
    pub solved: Option<Solver>,
}

/// A prediction that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// What the learner said.
    pub said: String,
    /// What happened; `None` while the step is not done.
    pub right: Option<String>,
    /// How the two compare.
    pub verdict: Option<Agreement>,
}

/// How a prediction compares with what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// It was so.
    Right,
    /// A count within a tenth.
    Close,
    /// It was otherwise.
    Wrong,
}

/// Who solved a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// The learner's own lines.
    Hand,
    /// `solve`.
    Solve,
}

/// Everything that was ever tried in a step, put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many attempts.
    pub attempts: usize,
    /// Lines of all of them.
    pub tries: u32,
    /// The most hints of one of them.
    pub hints: u32,
    /// Milliseconds of all of them.
    pub millis: u64,
    /// The latest prediction.
    pub prediction: Option<Prediction>,
    /// By hand, if ever.
    pub solved: Option<Solver>,
}

/// What is in a file of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Progress, brought to the format of today.
    Progress(Progress),
    /// A newer rlab wrote it, in this format.
    Newer(u64),
    /// It is no progress: why.
    Damaged(String),
}

impl Default for Progress {
    fn default() -> Self {
        Self { format: FORMAT, at: None, done: BTreeMap::new(), attempts: BTreeMap::new() }
    }
}

impl From<&Graded> for Prediction {
    fn from(graded: &Graded) -> Self {
        let verdict = match (graded.agrees, graded.close) {
            (true, _) => Agreement::Right,
            (false, true) => Agreement::Close,
            (false, false) => Agreement::Wrong,
        };
        Self { said: graded.said.clone(), right: Some(graded.right.clone()), verdict: Some(verdict) }
    }
}

impl Attempt {
    fn is(&self, other: &Self) -> bool {
        (self.began, self.session) == (other.began, other.session)
    }
}

impl Progress {
    /// Reads a file of any format that there has been.
    pub fn read(bytes: &[u8]) -> Found {
        let damaged = |error: serde_json::Error| Found::Damaged(error.to_string());
        let value: serde_json::Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) => return damaged(error),
        };
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(newer) if newer > u64::from(FORMAT) => return Found::Newer(newer),
            Some(_) => {}
            None => return Found::Damaged("it has no format number".to_owned()),
        }
        match serde_json::from_value::<Self>(value) {
            Ok(progress) if (WITHOUT_ATTEMPTS..=FORMAT).contains(&progress.format) => {
                Found::Progress(Self { format: FORMAT, ..progress })
            }
            Ok(progress) => Found::Damaged(format!("there is no format {}", progress.format)),
            Err(error) => damaged(error),
        }
    }

    /// Remembers a step as done.
    pub fn finish(&mut self, lab: &str, step: &str) {
        self.done.entry(lab.to_owned()).or_default().insert(step.to_owned());
    }

    /// Whether a step is done.
    pub fn is_done(&self, lab: &str, step: &str) -> bool {
        self.done.get(lab).is_some_and(|steps| steps.contains(step))
    }

    /// Remembers an attempt, in place of what was remembered of the same one.
    pub fn note(&mut self, lab: &str, step: &str, attempt: Attempt) {
        let steps = self.attempts.entry(lab.to_owned()).or_default();
        let attempts = steps.entry(step.to_owned()).or_default();
        match attempts.iter_mut().find(|known| known.is(&attempt)) {
            Some(known) => *known = attempt,
            None => attempts.push(attempt),
        }
        attempts.sort_by_key(|attempt| (attempt.began, attempt.session));
        attempts.drain(..attempts.len().saturating_sub(KEPT));
    }

    /// The attempts at a step, oldest first.
    pub fn attempts(&self, lab: &str, step: &str) -> &[Attempt] {
        self.attempts.get(lab).and_then(|steps| steps.get(step)).map_or(&[], Vec::as_slice)
    }

    /// The attempts at a step, put together; `None` where there was none.
    pub fn tally(&self, lab: &str, step: &str) -> Option<Tally> {
        let attempts = self.attempts(lab, step);
        let solvers = || attempts.iter().filter_map(|attempt| attempt.solved);
        (!attempts.is_empty()).then(|| Tally {
            attempts: attempts.len(),
            tries: attempts.iter().map(|attempt| attempt.tries).fold(0, u32::saturating_add),
            hints: attempts.iter().map(|attempt| attempt.hints).max().unwrap_or(0),
            millis: attempts.iter().map(|attempt| attempt.millis).fold(0, u64::saturating_add),
            prediction: attempts.iter().rev().find_map(|attempt| attempt.prediction.clone()),
            solved: solvers().find(|solver| *solver == Solver::Hand).or_else(|| solvers().next()),
        })
    }

    /// Ids of the labs of which something is remembered.
    pub fn labs(&self) -> BTreeSet<String> {
        self.done.keys().chain(self.attempts.keys()).cloned().collect()
    }

    /// Forgets a lab. Says how many steps were done in it; `None` where nothing was remembered of it.
    pub fn forget(&mut self, lab: &str) -> Option<usize> {
        let done = self.done.remove(lab);
        let attempts = self.attempts.remove(lab);
        let here = self.at.as_mut().filter(|at| at.lab == lab && at.step.is_some());
        let known = done.is_some() || attempts.is_some() || here.is_some();
        if let Some(at) = here {
            at.step = None;
        }
        known.then(|| done.map_or(0, |steps| steps.len()))
    }

    /// What is kept, `self`, with everything that a session has changed since it read `then`: now it has `mine`. What
    /// that session did not touch stays as it is kept, be it added or forgotten meanwhile.
    #[must_use]
    pub fn merged(mut self, then: &Self, mine: &Self) -> Self {
        if mine.at != then.at {
            self.at.clone_from(&mine.at);
        }
        for (lab, steps) in &mine.done {
            for step in steps.iter().filter(|step| !then.is_done(lab, step)) {
                self.finish(lab, step);
            }
        }
        for (lab, steps) in &mine.attempts {
            for (step, attempts) in steps {
                for attempt in attempts.iter().filter(|attempt| !then.attempts(lab, step).contains(attempt)) {
                    self.note(lab, step, attempt.clone());
                }
            }
        }
        self
    }
}
