//! The line grammar: one for the REPL, lab files, scripts and the book.

use crate::recipe::ingredient::Ingredient;

/// A program to run, and how it was typed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Command {
    /// The words of the program. With shell syntax these are `sh`, `-c` and the text.
    pub argv: Vec<String>,
    /// As typed, without `run ` and without a final `&`.
    pub text: String,
}

/// What an ingredient is called in `drop WHAT`: the first word of its line, a flag of unshare (`--pid`), a limit's
/// name (`memory.max`), or a mount's target (`/proc`).
pub type What = String;

/// A word for walking the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// On to the next step.
    Next,
    /// One step back.
    Back,
    /// To a step of this lab, by number or id.
    Goto(String),
    /// The next rung of the hint ladder.
    Hint,
    /// Why it is so.
    Why,
    /// The step's solution is run for the learner.
    Solve,
    /// Kernel state is judged now.
    Check,
    /// The lab starts again.
    Reset,
    /// The list of labs.
    Labs,
    /// To another lab, `LAB` or `LAB:STEP`.
    Start(String),
    /// Where the learner stands.
    Status,
    /// What is shared and what is its own.
    Map,
    /// An answer to the prediction: `predict 2`, or a bare number while one is open.
    Predict(String),
    /// Help, about one word if there is one.
    Help(Option<String>),
    /// Leave.
    Quit,
}

/// One typed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Nothing, or only a comment.
    Empty,
    /// An ingredient from now on.
    Add(Ingredient),
    /// `drop WHAT`.
    Drop(What),
    /// `recipe`.
    Recipe,
    /// A program inside.
    Run(Command),
    /// `COMMAND &`: a container that stays.
    Stay(Command),
    /// `!COMMAND`: a shell line on the host, "the second terminal".
    Host(String),
    /// `jobs`.
    Jobs,
    /// `peek [N]`; without a number the latest.
    Peek(Option<u32>),
    /// `kill [-SIGNAL] N`; SIGKILL where no signal is named, since PID 1 ignores the gentle ones.
    Kill {
        /// The signal's number.
        signal: i32,
        /// Which background container.
        job: u32,
    },
    /// `shell`.
    Shell,
    /// `ablate`: the step's probes under each row of its ablation table.
    Ablate,
    /// Walking the lab.
    Walk(Word),
}

/// A line that the grammar refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Where, in bytes from the start of the line.
    pub at: usize,
    /// What is wrong: lower case, names in backticks.
    pub what: String,
    /// What to type.
    pub hint: Option<String>,
}

impl Line {
    /// Reads one line.
    ///
    /// # Errors
    /// A lab word with arguments that it does not take, an unbalanced quote, a limit that makes no sense.
    pub fn parse(_text: &str) -> Result<Self, LineError> {
        todo!()
    }
}
