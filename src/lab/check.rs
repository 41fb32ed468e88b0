//! A claim about outcomes or kernel state, and its verdict. Checks read what the kernel showed, never what the
//! learner typed: every way that really works passes.

use crate::recipe::outcome::{AblationTable, HostState, Job, Outcome};

/// `[[step.check]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is claimed, in the learner's words.
    pub claim: String,
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

impl Check {
    /// Judges the claim by the evidence.
    pub fn judge(&self, _evidence: &Evidence<'_>) -> Verdict {
        todo!()
    }
}
