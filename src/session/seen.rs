//! What whoever sits beside the learner may know of the walk: where it stands, and numbers. Nothing that was typed.

use crate::lab::check::Verdict;
use crate::lab::file::Answer;
use crate::session::walk::Walk;

/// The step in which the learner stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Lab id.
    pub lab: String,
    /// Step id.
    pub step: String,
    /// When its page was shown: two visits of one step differ in it.
    pub began: u64,
    /// Lines that the learner had carried out in it.
    pub tries: u32,
    /// The number that was predicted, and whether it is right, where that is known before the step is run.
    pub predicted: Option<(u64, Option<bool>)>,
}

/// How the checks of a step were judged, be it told or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Lab id.
    pub lab: String,
    /// Step id.
    pub step: String,
    /// Places of the checks that did not hold, from 0.
    pub failed: Vec<usize>,
}

impl Walk {
    /// The step in which the learner stands.
    pub fn seen(&self) -> Option<Seen> {
        let at = self.at.as_ref()?;
        let question = at.step().predict.as_ref();
        let predicted = at.visit.said.as_ref().map(|said| {
            let right = question.and_then(|question| match question.answer {
                Answer::Choice(choice) => Some(u64::try_from(choice) == Ok(said.number)),
                Answer::Measured(_) => None,
            });
            (said.number, right)
        });
        Some(Seen {
            lab: at.lab.id.clone(),
            step: at.step().id.clone(),
            began: at.visit.began,
            tries: at.visit.tries,
            predicted,
        })
    }

    /// How checks were judged last, once.
    pub fn take_judged(&mut self) -> Option<Judged> {
        self.judged.take()
    }

    /// Whether the step asks for a prediction that can still be made.
    pub fn is_asked(&self) -> bool {
        self.open_question().is_some()
    }

    pub(super) fn note_judged(&mut self, verdicts: &[Verdict]) {
        let Some(at) = self.at.as_ref().filter(|_| !verdicts.is_empty()) else { return };
        let failed = verdicts.iter().enumerate().filter(|(_, verdict)| !verdict.pass).map(|(place, _)| place);
        self.judged =
            Some(Judged { lab: at.lab.id.clone(), step: at.step().id.clone(), failed: failed.collect() });
    }
}
