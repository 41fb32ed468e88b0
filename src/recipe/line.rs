//! The line grammar: one for the REPL, lab files, scripts and the book.

mod cgroup;
mod docker;
mod enter;
mod image;
mod ingredients;
mod mount;
mod print;
mod program;
mod scan;
mod unshare;
mod words;

use crate::recipe::enter::Enter;
use crate::recipe::image::Act;
use crate::recipe::ingredient::Ingredient;
pub(crate) use cgroup::resource as limited_resource;
pub(crate) use docker::{PASSED_ON as DOCKER_WORDS, entered};
pub(crate) use enter::flags as nsenter_flags;
pub(crate) use image::{ACTS as IMAGE_ACTS, CONFIG_FLAGS as IMAGE_FLAGS};
pub(crate) use mount::FLAGS as MOUNT_FLAGS;
pub(crate) use print::quoted;
pub(crate) use unshare::{Flag as UnshareFlag, flag as unshare_flags};
pub use words::{OF_THE_SHELL, WORDS, near_word, of_the_shell};

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
    /// Where the book tells of this step.
    Book,
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
    /// `nsenter -t N … PROGRAM`: a program that joins a container which stays.
    Enter(Enter, Command),
    /// `escape PROGRAM`: a program that first climbs out of its root, on a stage.
    Escape(Command),
    /// `!COMMAND`: a shell line on the host, "the second terminal".
    Host(String),
    /// `jobs`.
    Jobs,
    /// `peek [N]`; without a number the latest.
    Peek(Option<u32>),
    /// `inspect [N]`: a container that stays, or any process; without a number the latest container.
    Inspect(Option<u32>),
    /// `kill [-SIGNAL] N`; SIGKILL where no signal is named, since PID 1 ignores the gentle ones.
    Kill {
        /// The signal's number.
        signal: i32,
        /// Which background container.
        job: u32,
    },
    /// `shell`.
    Shell,
    /// `docker …`: words of Docker's for the engine of the session.
    Docker(Vec<String>),
    /// `image …`: something done with the image of the session.
    Image(Act),
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
    /// Whether the line is only unfinished (an open quote, a backslash at its end), so that more could be typed.
    pub open: bool,
}

impl LineError {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: None, open: false }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for LineError {}

impl From<LineError> for crate::error::Trouble {
    fn from(error: LineError) -> Self {
        let trouble = Self::usage(error.what);
        match error.hint {
            Some(hint) => trouble.hint(hint),
            None => trouble,
        }
    }
}

/// The longest line that is read, in bytes.
pub const LONGEST: usize = 64 * 1024;

impl Line {
    /// Reads one line. Whatever is no word of rlab's own is a program.
    ///
    /// # Errors
    /// A word of rlab's own with arguments that it does not take, an unbalanced quote, a limit that makes no sense,
    /// control characters, more than [`LONGEST`] bytes.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.len() > LONGEST {
            return Err(LineError::new(LONGEST, format!("the line is longer than {LONGEST} bytes"))
                .hint("put the script into a file and run that"));
        }
        if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n'))
        {
            let code = u32::from(c);
            return Err(LineError::new(at, format!("the line holds a control character (U+{code:04X})"))
                .hint("type the line by hand, or write the character as an escape of `printf`"));
        }
        let blank = [' ', '\t', '\n'];
        let from = text.len() - text.trim_start_matches(blank).len();
        let rest = &text[from..];
        if let Some(script) = rest.strip_prefix('!') {
            let script = scan::trimmed(script, 0, script.len());
            if script.is_empty() {
                return Err(LineError::new(from, "`!` needs a command for the host").hint("type `!ps aux`"));
            }
            return Ok(Self::Host(script.to_owned()));
        }
        if let Some(command) = rest.strip_prefix("$ ").or((rest == "$").then_some("")) {
            return Err(LineError::new(from, "the line begins with the prompt `$`")
                .hint(format!("leave out the prompt: `{}`", command.trim())));
        }
        words::read(text, from)
    }
}

#[cfg(test)]
mod tests;
