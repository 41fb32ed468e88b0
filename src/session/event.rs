//! Everything that the walk has to tell, as values, in the order in which it happens. `render` turns one event into
//! text; `render::report` folds them into the JSON of `rlab run`.

use crate::error::Trouble;
use crate::lab::check::Verdict;
use crate::lab::file::{Lab, Predict};
use crate::recipe::outcome::{AblationTable, Call, Composed, Job, Map, Outcome, Peek, Work};
use crate::recipe::process::Process;
use crate::session::progress::Tally;

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Lab id.
    pub lab: String,
    /// Lab title.
    pub lab_title: String,
    /// Number of the lab in the course, from 1, and how many there are; `None` for a lab outside the course.
    pub lab_number: Option<(usize, usize)>,
    /// Step id.
    pub step: String,
    /// Step title.
    pub step_title: String,
    /// Number of the step, from 1.
    pub step_number: usize,
    /// How many steps the lab has.
    pub steps: usize,
    /// Page and anchor in the book.
    pub book: Option<String>,
}

impl Position {
    /// The place of a step, counted from 0, in a lab that has it.
    pub fn of(lab: &Lab, lab_number: Option<(usize, usize)>, index: usize) -> Self {
        let step = lab.steps.get(index);
        Self {
            lab: lab.id.clone(),
            lab_title: lab.title.clone(),
            lab_number,
            step: step.map(|step| step.id.clone()).unwrap_or_default(),
            step_title: step.map(|step| step.title.clone()).unwrap_or_default(),
            step_number: index + 1,
            steps: lab.steps.len(),
            book: lab.page(index),
        }
    }
}

/// How a step of the lab stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStatus {
    /// Its title.
    pub title: String,
    /// Whether it is done.
    pub done: bool,
    /// How it was gone through, if it was.
    pub tally: Option<Tally>,
}

/// How a lab stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabStatus {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Minutes that a learner takes.
    pub minutes: u32,
    /// How many of its steps are done, and how many there are.
    pub done: (usize, usize),
}

/// How a prediction came out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Graded {
    /// What the learner said.
    pub said: String,
    /// What was right.
    pub right: String,
    /// Whether they agree.
    pub agrees: bool,
    /// Whether a number that does not agree is within a tenth of what was measured.
    pub close: bool,
}

/// Why a step is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// A check does not hold.
    Check,
    /// The checks hold, and a line could not be carried out.
    Line,
    /// There are no checks, and lines of the solution were not carried out.
    Solution,
    /// Someone has interrupted it.
    Interrupted,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one event lives at a time; a box would only be in the way")]
pub enum Event {
    /// A lab begins; its `start` lines follow as ordinary lines.
    LabBegins {
        /// Lab id.
        lab: String,
        /// Lab title.
        title: String,
        /// Number in the course, from 1, and how many there are.
        number: Option<(usize, usize)>,
        /// Minutes that a learner takes.
        minutes: u32,
        /// How many steps.
        steps: usize,
    },
    /// A lab was left out, because the machine cannot.
    LabSkipped {
        /// Lab id.
        lab: String,
        /// Lab title.
        title: String,
        /// Why, and the mend.
        trouble: Trouble,
    },
    /// Steps were left out, because the machine cannot.
    StepsSkipped {
        /// Which: one after the other, all for one reason.
        steps: Vec<Position>,
        /// Why, and the mend.
        trouble: Trouble,
    },
    /// A step begins.
    StepBegins {
        /// Which.
        position: Position,
        /// Markdown.
        say: String,
        /// The question.
        predict: Option<Predict>,
        /// The line for a plain Linux box.
        type_line: Option<String>,
        /// The first line of the solution, shown as ghost text.
        suggestion: Option<String>,
    },
    /// A line is about to be carried out.
    Line {
        /// The recipe's short name before the line.
        prompt: String,
        /// The line.
        text: String,
    },
    /// What a new ingredient did on the host.
    Composed(Composed),
    /// The calls of a launch, before its output.
    Calls(Vec<Call>),
    /// A piece of output.
    Output {
        /// Text, as it came.
        text: String,
        /// Whether it came on standard error.
        stderr: bool,
    },
    /// A command ended (its calls and output were told already).
    Ended(Outcome),
    /// The probe of the step was run before the first line. Not shown by itself; it is one side of
    /// [`Event::BeforeAfter`].
    ProbedBefore(Outcome),
    /// The probe of the step, before and after.
    BeforeAfter {
        /// Before; `None` where it could not be run.
        before: Option<Outcome>,
        /// After. Its calls are the ones to narrate.
        after: Outcome,
    },
    /// The step's checks.
    Judged(Vec<Verdict>),
    /// All checks of the step hold for the first time.
    StepDone {
        /// Number of the step, from 1, and how many the lab has.
        step: (usize, usize),
        /// How the prediction came out, if there was one.
        graded: Option<Graded>,
        /// Markdown, told now.
        why: Option<String>,
        /// Whether rlab solved it for the learner.
        solved_for: bool,
    },
    /// The step was not completed by the lines that were there for it: its own, or those of a script.
    StepFailed(Undone),
    /// A lab is over.
    LabDone {
        /// Lab id.
        lab: String,
        /// The next lab of the course.
        next: Option<String>,
    },
    /// The learner answered the question.
    Predicted {
        /// The answer in full.
        said: String,
    },
    /// A rung of the hint ladder.
    Hint {
        /// Number, from 1.
        number: usize,
        /// How many there are; the last is the solution.
        of: usize,
        /// Markdown.
        text: String,
    },
    /// `why`, asked for.
    Why(String),
    /// The recipe, told in several ways: (heading, text).
    Recipe(Vec<(String, String)>),
    /// `jobs`.
    Jobs(Vec<Job>),
    /// `peek`.
    Peeked(Peek),
    /// `inspect`.
    Inspected(Box<Process>),
    /// `ablate`.
    Ablated(AblationTable),
    /// `map`: every live container beside the host.
    Map(Map),
    /// `status`.
    Status {
        /// Where the learner stands; `None` in `play`.
        position: Option<Position>,
        /// Each step of the lab.
        steps: Vec<StepStatus>,
        /// The recipe's lines.
        recipe: Vec<String>,
    },
    /// `labs`.
    Labs(Vec<LabStatus>),
    /// `help`: Markdown.
    Help(String),
    /// Something takes a while. It is shown in passing, on a terminal alone, and is no part of what is told.
    Working(Work),
    /// Something worth knowing, one sentence.
    Note(String),
    /// A line could not be carried out; the session goes on.
    Trouble(Trouble),
}
