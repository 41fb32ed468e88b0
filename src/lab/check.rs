//! A claim about outcomes or kernel state, and its verdict. Checks read what the kernel showed, never what the
//! learner typed: every way that really works passes.
//!
//! All conditions on an outcome must hold of one and the same outcome; conditions on the machine hold now.

use crate::lab::claim::{Cell, Change, OutcomeClaim, StateClaim};
use crate::lab::judge::ablation::{changes_at, find_cell};
use crate::lab::judge::outcome::judge_outcome;
use crate::lab::judge::state::judge_state;
use crate::recipe::outcome::{AblationTable, HostState, Job, Outcome, Place};

/// `[[step.check]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is claimed, in the learner's words.
    pub claim: String,
    /// Which outcomes are looked at: those inside, or those of `!` lines.
    pub on: Place,
    /// `cell`: the conditions on an outcome are about this cell of the ablation table instead.
    pub cell: Option<Cell>,
    /// Conditions on one outcome.
    pub outcome: Vec<OutcomeClaim>,
    /// Conditions on the machine as it is now.
    pub state: Vec<StateClaim>,
    /// Conditions on the ablation table.
    pub changes: Vec<Change>,
}

/// Everything that happened in a step so far, and the state of the machine now.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Every outcome of the step, oldest first: the probe before, the learner's lines, the probe after.
    pub outcomes: &'a [Outcome],
    /// The background containers now.
    pub jobs: &'a [Job],
    /// The host when the lab began, before its `start` lines.
    pub host_then: &'a HostState,
    /// The host now.
    pub host_now: &'a HostState,
    /// The table of `ablate`, if it was filled in this step.
    pub ablation: Option<&'a AblationTable>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// The claim.
    pub claim: String,
    /// Whether it holds.
    pub pass: bool,
    /// The value that was observed, for example `PID 1 inside, 24163 on the host`.
    pub observed: String,
}

/// What one condition came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) holds: bool,
    /// Whether there was anything to observe: an outcome that never got a PID says nothing about PIDs.
    pub(super) known: bool,
    pub(super) text: String,
}

impl Observation {
    pub(super) fn new(holds: bool, text: impl Into<String>) -> Self {
        Self { holds, known: true, text: text.into() }
    }

    /// There was nothing to observe: the condition does not hold.
    pub(super) fn unknown(text: impl Into<String>) -> Self {
        Self { holds: false, known: false, text: text.into() }
    }
}

impl Check {
    /// Judges the claim by the evidence.
    pub fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
        let mut observations = self.judge_outcomes(evidence);
        observations.extend(self.changes.iter().map(|change| changes_at(change, evidence)));
        observations.extend(self.state.iter().map(|claim| judge_state(claim, evidence)));
        let pass = observations.iter().all(|observation| observation.holds);
        let mut observed: Vec<String> = Vec::new();
        for Observation { holds, text, .. } in observations {
            // A failed check tells what stands in its way, not what is fine.
            if holds == pass && !text.is_empty() && !observed.contains(&text) {
                observed.push(text);
            }
        }
        Verdict { claim: self.claim.clone(), pass, observed: observed.join(", ") }
    }

    /// The conditions on an outcome, judged of the outcome that speaks best for the claim.
    fn judge_outcomes(&self, evidence: &Evidence<'_>) -> Vec<Observation> {
        if self.outcome.is_empty() {
            return Vec::new();
        }
        let judged = |outcome| -> Vec<Observation> {
            self.outcome.iter().map(|claim| judge_outcome(claim, outcome, evidence)).collect()
        };
        if let Some(cell) = &self.cell {
            return match find_cell(cell, evidence) {
                Ok(outcome) => judged(outcome),
                Err(missing) => vec![missing],
            };
        }
        let latest_first =
            evidence.outcomes.iter().rev().filter(|outcome| outcome.place == self.on).map(judged);
        let mut best: Option<(usize, Vec<Observation>)> = None;
        for observations in latest_first {
            if observations.iter().all(|observation| observation.holds) {
                return observations;
            }
            let known = observations.iter().filter(|observation| observation.known).count();
            if best.as_ref().is_none_or(|(most, _)| known > *most) {
                best = Some((known, observations));
            }
        }
        let nothing = || {
            vec![Observation::unknown(match self.on {
                Place::Inside => "nothing was run yet",
                Place::Host => "nothing was run on the host yet",
            })]
        };
        best.map_or_else(nothing, |(_, observations)| observations)
    }
}
