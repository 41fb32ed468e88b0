//! The messages between a learner's rlab and the board, as JSON. The book's page on JSON lists them.
//!
//! Nothing that was typed is in here, and nothing of the learner's machine: a lab, a step, a verdict, the name of an
//! errno. A message with a field that is not in here is refused.

use serde::{Deserialize, Serialize};

use crate::workshop::chain::Hash;
use crate::workshop::rules;

/// The version of these messages, of the spool and of the evidence file.
pub const FORMAT: u32 = 1;

/// `POST /api/join`: who wants to come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// [`FORMAT`].
    pub format: u32,
    /// The code of the room, as it was typed.
    pub code: String,
    /// As the room shall see it.
    pub name: String,
    /// What the board gave at the first time; whoever has it is the one with this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The answer to a [`Join`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The learner's id: 16 hexadecimal digits.
    pub learner: String,
    /// The key to everything else: 64 hexadecimal digits.
    pub token: String,
    /// The `seq` of the last event that the board has; 0 where there is none.
    pub acknowledged: u64,
    /// What is taught.
    pub course: Vec<CourseLab>,
}

/// A lab of the course, as a learner's rlab needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourseLab {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Minutes that a learner takes.
    pub minutes: u32,
    /// Its steps, in order.
    pub steps: Vec<CourseStep>,
}

/// A step of a [`CourseLab`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourseStep {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
}

/// `POST /api/events`: what happened since the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// In the order of their `seq`, with no gap; at most [`rules::EVENTS_A_BATCH`].
    pub events: Vec<Event>,
}

/// The answer to a [`Batch`]: how far it is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Every event up to this `seq` is on the board's disk.
    pub acknowledged: u64,
}

/// One thing that happened at a learner's. The order of the fields is part of the format: its hash is made of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Counted from 1 for each learner.
    pub seq: u64,
    /// When, by the learner's clock: milliseconds since 1970.
    pub at: u64,
    /// The hash of the event before; zeros for the first.
    pub previous: Hash,
    /// What.
    pub what: What,
}

impl Event {
    /// Whether every value is one that an rlab would send.
    ///
    /// # Errors
    /// What is not, in words.
    pub fn check(&self) -> Result<(), String> {
        // JSON's readers in other languages lose digits above this.
        if self.seq == 0 || self.seq > rules::LARGEST || self.at > rules::LARGEST {
            return Err("`seq` counts from 1, and `at` is milliseconds since 1970".to_owned());
        }
        self.what.check()
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// Came to a step.
    Step {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
    },
    /// A line was run in a step.
    Tried {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
        /// How many lines were run in this step so far.
        tries: u32,
    },
    /// The checks of a step were judged.
    Verdict {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
        /// Whether all held.
        passed: bool,
        /// Which did not, counted from 0.
        failed: Vec<u32>,
    },
    /// A hint was shown.
    Hint {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
        /// Which, counted from 1.
        hint: u32,
        /// How many the step has.
        of: u32,
    },
    /// The kernel refused a call.
    Errno {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
        /// Its name, such as `EPERM`.
        errno: String,
        /// The call, such as `mount`.
        call: String,
    },
    /// The question of a step was answered.
    Predicted {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
        /// Which choice, counted from 1; or the number, where one was asked for.
        choice: u32,
        /// Whether it was right, where that is known already.
        right: Option<bool>,
    },
    /// A hand was raised.
    Asked {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
    },
    /// The hand was taken down.
    Unasked {},
    /// The learner's rlab ended.
    Left {},
}

impl What {
    /// Lab and step, where it has to do with one.
    pub fn place(&self) -> Option<(&str, &str)> {
        match self {
            Self::Step { lab, step }
            | Self::Tried { lab, step, .. }
            | Self::Verdict { lab, step, .. }
            | Self::Hint { lab, step, .. }
            | Self::Errno { lab, step, .. }
            | Self::Predicted { lab, step, .. }
            | Self::Asked { lab, step } => Some((lab, step)),
            Self::Unasked {} | Self::Left {} => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.place().is_some_and(|(lab, step)| !rules::is_id(lab) || !rules::is_id(step)) {
            return Err("`lab` and `step` are ids: `a-z`, `0-9` and `-`, at most 64".to_owned());
        }
        match self {
            Self::Verdict { failed, .. } if failed.len() > rules::CHECKS => {
                Err(format!("a step has at most {} checks", rules::CHECKS))
            }
            Self::Hint { hint, of, .. } if *hint == 0 || hint > of => {
                Err("`hint` counts from 1 to `of`".to_owned())
            }
            Self::Errno { errno, call, .. } if !rules::is_errno(errno) || !rules::is_call(call) => {
                Err("`errno` is a name such as `EPERM`, `call` one such as `mount`".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The answer to `GET /api/orders?after=ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Those with a larger id, in order; empty where there was none for a while.
    pub orders: Vec<Order>,
}

/// What the instructor wants the room to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Counted from 1 for the whole room.
    pub id: u64,
    /// When, by the board's clock: milliseconds since 1970.
    pub at: u64,
    /// What.
    pub what: OrderWhat,
}

/// The kinds of [`Order`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderWhat {
    /// Everyone stops and listens.
    Pause {},
    /// And goes on.
    Resume {},
    /// Everyone at this step.
    Goto {
        /// Id of the lab.
        lab: String,
        /// Id of the step.
        step: String,
    },
    /// To be shown.
    Message {
        /// Plain text, at most [`rules::MESSAGE`] characters.
        text: String,
    },
}

impl OrderWhat {
    /// Whether every value is one that the board would send.
    ///
    /// # Errors
    /// What is not, in words.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Goto { lab, step } if !rules::is_id(lab) || !rules::is_id(step) => {
                Err("`lab` and `step` are ids: `a-z`, `0-9` and `-`, at most 64".to_owned())
            }
            Self::Message { text } if rules::message(text).as_ref() != Some(text) => {
                Err(format!("a message is a line of at most {} characters", rules::MESSAGE))
            }
            _ => Ok(()),
        }
    }
}

/// What the board answers when it refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong.
    pub error: String,
    /// What to do.
    pub hint: String,
    /// The last event that is safe, where that is what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
}

/// The first line of a learner's spool and evidence file; after it comes one [`Event`] a line, exactly as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heading {
    /// [`FORMAT`].
    pub format: u32,
    /// Address of the board.
    pub board: String,
    /// The learner's id.
    pub learner: String,
    /// The learner's name.
    pub name: String,
}
