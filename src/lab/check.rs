//! A claim about outcomes or kernel state, and its verdict. Checks read what the kernel showed, never what the
//! learner typed: every way that really works passes.

/// `[[step.check]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is claimed, in the learner's words.
    pub claim: String,
}
