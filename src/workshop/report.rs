//! Afterwards: what a room has done, put together from everyone's events. It knows no clock and no file, so that the board's
//! page and `rlab workshop report` tell the same.
//!
//! - [`pages`](self): the report as Markdown and as HTML.

mod pages;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::workshop::chain::{self, End};
use crate::workshop::course::Taught;
use crate::workshop::wire::{Event, What};

/// The version of the report's JSON.
pub const FORMAT: u32 = 1;

/// Milliseconds after which a learner is taken to have left the table, as in `rlab progress`: five minutes.
const PAUSE: u64 = 5 * 60 * 1000;

/// One learner's events, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learner {
    /// The name in the room.
    pub name: String,
    /// The id that the board gave.
    pub id: String,
    /// Everything that was told.
    pub events: Vec<Event>,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// Everyone, by name.
    pub learners: Vec<Row>,
    /// Each lab of the course of which something was told, in order.
    pub labs: Vec<LabRow>,
    /// The predictions, the hardest first.
    pub predictions: Vec<Guess>,
    /// Checks that did not hold, the commonest first.
    pub failures: Vec<Failure>,
    /// Calls that the kernel refused, the commonest first.
    pub refusals: Vec<Refused>,
}

/// What one learner has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The name.
    pub name: String,
    /// The id.
    pub id: String,
    /// How many events.
    pub events: u64,
    /// The hash of the last one: the learner's own record ends with the same.
    pub hash: String,
    /// Steps that are done, by lab.
    pub done: BTreeMap<String, usize>,
    /// How each step was gone through.
    pub steps: Vec<Walked>,
}

/// One step of one learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Walked {
    /// Lab id.
    pub lab: String,
    /// Step id.
    pub step: String,
    /// Whether all its checks have held.
    pub done: bool,
    /// Milliseconds until then, or so far; a pause of more than five minutes counts as five.
    pub millis: u64,
    /// Lines that were carried out.
    pub tries: u32,
    /// Hints that were shown.
    pub hints: u32,
    /// The last answer to its question, and whether it is right.
    pub predicted: Option<(u32, Option<bool>)>,
}

/// A lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its steps, in order.
    pub steps: Vec<StepRow>,
}

/// A step of a lab, over all learners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Milliseconds that were planned: the same share of the lab for each step.
    pub planned: u64,
    /// How many came to it.
    pub reached: usize,
    /// How many have done it.
    pub done: usize,
    /// The median of the milliseconds of those who have done it.
    pub median: Option<u64>,
    /// The most of them.
    pub slowest: Option<u64>,
    /// Lines, of all learners.
    pub tries: u64,
    /// Hints, of all learners.
    pub hints: u64,
}

/// A question, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// Lab id.
    pub lab: String,
    /// Step id.
    pub step: String,
    /// The question.
    pub ask: String,
    /// How many were right.
    pub right: usize,
    /// How many were not.
    pub wrong: usize,
    /// How many gave which answer.
    pub answers: BTreeMap<u32, usize>,
    /// The choices, where there are some.
    pub choices: Vec<String>,
}

/// A check that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Lab id.
    pub lab: String,
    /// Step id.
    pub step: String,
    /// Which check, from 0.
    pub check: u32,
    /// What it claims.
    pub claim: String,
    /// How many learners.
    pub learners: usize,
    /// How many times.
    pub times: usize,
}

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Lab id.
    pub lab: String,
    /// Step id.
    pub step: String,
    /// The call.
    pub call: String,
    /// The errno.
    pub errno: String,
    /// How many learners.
    pub learners: usize,
    /// How many times.
    pub times: usize,
}

/// Who did something, and how often.
#[derive(Default)]
struct Count {
    who: BTreeSet<usize>,
    times: usize,
}

impl Count {
    fn one(&mut self, who: usize) {
        self.who.insert(who);
        self.times += 1;
    }
}

impl Report {
    /// Of these learners, who were taught this.
    pub fn of(learners: &[Learner], course: &[Taught]) -> Self {
        let mut rows: Vec<Row> = learners.iter().map(row).collect();
        rows.sort_by_key(|row| (row.name.to_lowercase(), row.id.clone()));
        let (mut failures, mut refusals) = (BTreeMap::new(), BTreeMap::new());
        for (who, learner) in learners.iter().enumerate() {
            for event in &learner.events {
                match &event.what {
                    What::Verdict { lab, step, failed, .. } => {
                        for check in failed {
                            let key = (lab.clone(), step.clone(), *check);
                            failures.entry(key).or_insert_with(Count::default).one(who);
                        }
                    }
                    What::Errno { lab, step, errno, call } => {
                        let key = (lab.clone(), step.clone(), call.clone(), errno.clone());
                        refusals.entry(key).or_insert_with(Count::default).one(who);
                    }
                    _ => {}
                }
            }
        }
        let taught = |lab: &str, step: &str| {
            let lab = course.iter().find(|taught| taught.id == lab)?;
            lab.steps.iter().find(|taught| taught.id == step)
        };
        let mut failures: Vec<Failure> = failures
            .into_iter()
            .map(|((lab, step, check), count)| {
                let claims = taught(&lab, &step).map(|step| step.checks.as_slice()).unwrap_or_default();
                let claim = usize::try_from(check).ok().and_then(|check| claims.get(check)).cloned();
                let claim = claim.unwrap_or_else(|| format!("check {}", u64::from(check) + 1));
                Failure { lab, step, check, claim, learners: count.who.len(), times: count.times }
            })
            .collect();
        failures.sort_by_key(|failure| std::cmp::Reverse((failure.learners, failure.times)));
        let mut refusals: Vec<Refused> = refusals
            .into_iter()
            .map(|((lab, step, call, errno), count)| Refused {
                lab,
                step,
                call,
                errno,
                learners: count.who.len(),
                times: count.times,
            })
            .collect();
        refusals.sort_by_key(|refused| std::cmp::Reverse((refused.learners, refused.times)));
        let labs = course.iter().map(|lab| lab_row(lab, &rows));
        Self {
            format: FORMAT,
            labs: labs.filter(|lab| lab.steps.iter().any(|step| step.reached > 0)).collect(),
            predictions: guesses(course, &rows),
            failures,
            refusals,
            learners: rows,
        }
    }

    /// The JSON, pretty, with a line end.
    pub fn json(&self) -> String {
        // Every key is text or a number, so there is nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn row(learner: &Learner) -> Row {
    let mut steps: Vec<Walked> = Vec::new();
    // The step under way, and since when it is counted.
    let (mut place, mut since) = (None, None);
    for event in &learner.events {
        let (mut spent, at) = (0, event.at);
        if let Some(since) = since.replace(at) {
            spent = at.saturating_sub(since).min(PAUSE);
        }
        if let Some(walked) =
            place.and_then(|place: usize| steps.get_mut(place)).filter(|walked| !walked.done)
        {
            walked.millis += spent;
        }
        if let Some((lab, step)) = event.what.place() {
            let known = steps.iter().position(|walked| walked.lab == lab && walked.step == step);
            let at = known.unwrap_or_else(|| {
                steps.push(Walked {
                    lab: lab.to_owned(),
                    step: step.to_owned(),
                    done: false,
                    millis: 0,
                    tries: 0,
                    hints: 0,
                    predicted: None,
                });
                steps.len() - 1
            });
            place = Some(at);
            if let Some(walked) = steps.get_mut(at) {
                happened(walked, &event.what);
            }
        }
        if event.what == (What::Left {}) {
            // What was done at home until the learner came back is nobody's time.
            (place, since) = (None, None);
        }
    }
    let mut done = BTreeMap::new();
    for walked in steps.iter().filter(|walked| walked.done) {
        *done.entry(walked.lab.clone()).or_insert(0) += 1;
    }
    let last = learner.events.last();
    Row {
        name: learner.name.clone(),
        id: learner.id.clone(),
        events: last.map_or(0, |event| event.seq),
        hash: last.map_or(End::START.hash, chain::hash).to_string(),
        done,
        steps,
    }
}

fn happened(walked: &mut Walked, what: &What) {
    match what {
        What::Tried { .. } => walked.tries = walked.tries.saturating_add(1),
        What::Hint { hint, .. } => walked.hints = walked.hints.max(*hint),
        What::Verdict { passed, .. } => walked.done |= *passed,
        What::Predicted { choice, right, .. } => walked.predicted = Some((*choice, *right)),
        _ => {}
    }
}

fn lab_row(lab: &Taught, rows: &[Row]) -> LabRow {
    let steps = lab.steps.iter().map(|step| {
        let of = |row: &'_ Row| row.steps.iter().find(|w| w.lab == lab.id && w.step == step.id).cloned();
        let walked: Vec<Walked> = rows.iter().filter_map(of).collect();
        let mut times: Vec<u64> = walked.iter().filter(|w| w.done).map(|w| w.millis).collect();
        times.sort_unstable();
        StepRow {
            id: step.id.clone(),
            title: step.title.clone(),
            planned: lab.planned(),
            reached: walked.len(),
            done: times.len(),
            median: times.get(times.len().saturating_sub(1) / 2).copied(),
            slowest: times.last().copied(),
            tries: walked.iter().map(|w| u64::from(w.tries)).sum(),
            hints: walked.iter().map(|w| u64::from(w.hints)).sum(),
        }
    });
    LabRow { id: lab.id.clone(), title: lab.title.clone(), steps: steps.collect() }
}

/// The questions that somebody answered: where the smallest share was right first.
fn guesses(course: &[Taught], rows: &[Row]) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for lab in course {
        for step in &lab.steps {
            let Some(question) = &step.ask else { continue };
            let mut guess = Guess {
                lab: lab.id.clone(),
                step: step.id.clone(),
                ask: question.ask.clone(),
                right: 0,
                wrong: 0,
                answers: BTreeMap::new(),
                choices: question.choices.clone(),
            };
            for walked in rows.iter().flat_map(|row| &row.steps) {
                let Some((choice, right)) =
                    walked.predicted.filter(|_| walked.lab == lab.id && walked.step == step.id)
                else {
                    continue;
                };
                *guess.answers.entry(choice).or_insert(0) += 1;
                match right {
                    Some(true) => guess.right += 1,
                    Some(false) => guess.wrong += 1,
                    None => {}
                }
            }
            if !guess.answers.is_empty() {
                guesses.push(guess);
            }
        }
    }
    // right/all, without a division: a/b < c/d as a·d < c·b.
    guesses.sort_by(|one, other| {
        let share = |guess: &Guess| (guess.right as u64, (guess.right + guess.wrong).max(1) as u64);
        let ((a, b), (c, d)) = (share(one), share(other));
        (a * d).cmp(&(c * b)).then(other.wrong.cmp(&one.wrong))
    });
    guesses
}

#[cfg(test)]
mod tests;
