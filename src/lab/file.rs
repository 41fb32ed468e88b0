//! What a lab file holds; [`Lab::read`] reads one. The keys are the ones in the book's chapter "The lab format".

use crate::lab::check::Check;
pub use crate::lab::need::Need;
use crate::recipe::line::Line;

/// A line of a lab file: as written, and as the grammar reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabLine {
    /// As written.
    pub text: String,
    /// As read.
    pub line: Line,
}

/// One TOML file: an ordered list of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// `a-z0-9-`; the word for `rlab start`.
    pub id: String,
    /// One line.
    pub title: String,
    /// How long a learner takes, in minutes.
    pub minutes: u32,
    /// Page of the book.
    pub book: Option<String>,
    /// What the machine must be able to do, names of `rlab doctor`.
    pub needs: Vec<Need>,
    /// Lines run before the first step.
    pub start: Vec<LabLine>,
    /// The steps, at least one.
    pub steps: Vec<Step>,
    /// What `rlab challenge` wants to see: claims on any process of the challenge, and on what is left.
    pub goals: Vec<Check>,
}

impl Lab {
    /// Page and anchor of a step in the book, where the lab has a page.
    pub fn page(&self, index: usize) -> Option<String> {
        let step = self.steps.get(index)?;
        Some(format!("{}#{}", self.book.as_ref()?, step.id))
    }
}

/// One teachable act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `a-z0-9-`, unique in the lab.
    pub id: String,
    /// One line.
    pub title: String,
    /// What this is and why, in Markdown.
    pub say: String,
    /// The tested solution.
    pub try_lines: Vec<LabLine>,
    /// A command run before and after, so that the change shows.
    pub probe: Option<LabLine>,
    /// What the machine must be able to do for it, where that is not what its recipe and its lines ask for.
    pub needs: Option<Vec<Need>>,
    /// From a nudge to nearly the answer.
    pub hints: Vec<String>,
    /// Shown after it worked, in Markdown.
    pub why: Option<String>,
    /// The line for a plain Linux box (`type`), often the article's own.
    pub type_line: Option<String>,
    /// For the instructor.
    pub notes: Option<String>,
    /// What the learner is asked before.
    pub predict: Option<Predict>,
    /// What must be true afterwards.
    pub checks: Vec<Check>,
    /// The table that `ablate` fills.
    pub ablation: Option<Ablation>,
}

/// A question asked before the step is run. Never blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predict {
    /// The question.
    pub ask: String,
    /// The answers to choose from; empty where a number is asked for.
    pub choices: Vec<String>,
    /// What is right.
    pub answer: Answer,
}

/// The right answer to a [`Predict`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `answer = 2`: the choice with this number, counted from 1.
    Choice(usize),
    /// `measure = "processes_seen"`: the number that is measured when the step is run.
    Measured(Measure),
}

/// A number that a run measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Processes that the container's /proc lists.
    ProcessesSeen,
    /// PID inside.
    PidInside,
    /// Exit status as a shell shows it.
    Status,
    /// Kills counted in the group.
    OomKill,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 4] = [Self::ProcessesSeen, Self::PidInside, Self::Status, Self::OomKill];

    /// The word in a lab file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProcessesSeen => "processes_seen",
            Self::PidInside => "pid_inside",
            Self::Status => "status",
            Self::OomKill => "oom_kill",
        }
    }

    /// One line, for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ProcessesSeen => "processes that the container's /proc lists",
            Self::PidInside => "the process id inside",
            Self::Status => "the exit status as a shell shows it",
            Self::OomKill => "kills for want of memory that the group counted",
        }
    }
}

/// The same probes under ever more ingredients, to see which ingredient changes which observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ablation {
    /// The columns: commands.
    pub probes: Vec<LabLine>,
    /// The rows, in order; each has its own lines from an empty recipe.
    pub rows: Vec<AblationRow>,
}

/// One row of an [`Ablation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AblationRow {
    /// What is shown in the first column, such as `+ PID namespace`.
    pub name: String,
    /// The recipe of this row.
    pub lines: Vec<LabLine>,
}
