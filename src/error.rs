//! What went wrong, what it means, and what to do about it.
//!
//! Every room that can fail returns [`Trouble`]. It is shown in one voice (`error:`, `caused by:`, `hint:`), so a
//! learner always finds the same three things in the same place.

use std::fmt;

/// The exit codes of the program, as documented in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for is true.
    Ok = 0,
    /// A check of a lab failed.
    CheckFailed = 1,
    /// The command line or a lab file is wrong.
    Usage = 2,
    /// This machine lacks something that was needed.
    Cannot = 3,
    /// rlab could not set the sandbox up.
    Sandbox = 125,
    /// The learner interrupted the run.
    Interrupted = 130,
}

/// One failure, told so that the reader knows what to do next.
///
/// `what` and `causes` are lower case without a full stop, names are in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What could not be done.
    pub what: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The call that the kernel refused, where that is what went wrong.
    pub refusal: Option<Box<Refusal>>,
    /// The status the process ends with when this reaches `main`.
    pub exit: Exit,
}

/// Which call was refused, for machines: what it means is told in the causes and the hint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Name of the system call.
    pub call: String,
    /// Name of the errno, such as `EPERM`.
    pub errno: String,
    /// Id of the entry in the table of errnos, where the table knows it.
    pub entry: Option<&'static str>,
}

/// The result of anything in rlab that can fail.
pub type Result<T, E = Trouble> = std::result::Result<T, E>;

impl Trouble {
    /// A failure of the sandbox: rlab could not set something up (exit 125).
    pub fn sandbox(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), hint: None, refusal: None, exit: Exit::Sandbox }
    }

    /// A mistake in what was typed or written (exit 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::sandbox(what) }
    }

    /// Something that this machine does not have (exit 3).
    pub fn cannot(what: impl Into<String>) -> Self {
        Self { exit: Exit::Cannot, ..Self::sandbox(what) }
    }

    /// The learner asked rlab to stop (exit 130).
    pub fn interrupted(what: impl Into<String>) -> Self {
        Self { exit: Exit::Interrupted, ..Self::sandbox(what) }
    }

    /// Adds why it happened, below the causes already known.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}
