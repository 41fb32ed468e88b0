//! What is taught in the room: of the labs what the instructor's page shows. It is kept with the log of the room, so that a
//! report can be made where the lab files are not.

use serde::{Deserialize, Serialize};

use crate::lab::file::{Answer, Lab};
use crate::workshop::wire::{CourseLab, CourseStep};

/// A lab of the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taught {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Minutes that a learner takes.
    pub minutes: u32,
    /// Its steps, in order.
    pub steps: Vec<TaughtStep>,
}

/// A step of a [`Taught`] lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaughtStep {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// For the instructor: what people get wrong here.
    pub notes: Option<String>,
    /// What the learner is asked before.
    pub ask: Option<Question>,
    /// What must be true afterwards: the claims of the checks, in order.
    pub checks: Vec<String>,
    /// How many hints there are.
    pub hints: usize,
}

/// A question before a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub ask: String,
    /// The answers to choose from; empty where a number is asked for.
    pub choices: Vec<String>,
    /// The number of the right choice, counted from 1; none where it is measured.
    pub answer: Option<usize>,
}

impl Taught {
    /// Of a lab.
    pub fn of(lab: &Lab) -> Self {
        let steps = lab.steps.iter().map(|step| TaughtStep {
            id: step.id.clone(),
            title: step.title.clone(),
            notes: step.notes.clone(),
            ask: step.predict.as_ref().map(|predict| Question {
                ask: predict.ask.clone(),
                choices: predict.choices.clone(),
                answer: match predict.answer {
                    Answer::Choice(choice) => Some(choice),
                    Answer::Measured(_) => None,
                },
            }),
            checks: step.checks.iter().map(|check| check.claim.clone()).collect(),
            hints: step.hints.len(),
        });
        Self { id: lab.id.clone(), title: lab.title.clone(), minutes: lab.minutes, steps: steps.collect() }
    }

    /// As a learner's rlab needs it: no notes and no answers.
    pub fn told(&self) -> CourseLab {
        let step = |step: &TaughtStep| CourseStep { id: step.id.clone(), title: step.title.clone() };
        CourseLab {
            id: self.id.clone(),
            title: self.title.clone(),
            minutes: self.minutes,
            steps: self.steps.iter().map(step).collect(),
        }
    }

    /// Milliseconds that are planned for a step: each of a lab has the same share.
    pub fn planned(&self) -> u64 {
        u64::from(self.minutes) * 60_000 / self.steps.len().max(1) as u64
    }
}
