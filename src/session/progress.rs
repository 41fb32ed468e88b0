//! What is remembered from one session to the next: where the learner stands, and which steps are done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The version of the format that is written.
pub const FORMAT: u32 = 1;

/// Progress through the labs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Version of the format, [`FORMAT`].
    pub format: u32,
    /// Lab and step in which the learner stands.
    pub at: Option<At>,
    /// Ids of the steps that are done, by lab id.
    pub done: BTreeMap<String, BTreeSet<String>>,
}

/// A lab and one of its steps, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// Lab id.
    pub lab: String,
    /// Step id; the first step where there is none.
    pub step: Option<String>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { format: FORMAT, at: None, done: BTreeMap::new() }
    }
}

impl Progress {
    /// Remembers a step as done.
    pub fn finish(&mut self, lab: &str, step: &str) {
        self.done.entry(lab.to_owned()).or_default().insert(step.to_owned());
    }

    /// Whether a step is done.
    pub fn is_done(&self, lab: &str, step: &str) -> bool {
        self.done.get(lab).is_some_and(|steps| steps.contains(step))
    }
}
