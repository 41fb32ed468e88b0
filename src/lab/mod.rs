//! PURE. Lab files: the data, reading them, checks and their verdicts, lint, and the course that is built in.
//!
//! - [`file`]: what a lab file holds, and reading one.
//! - [`check`]: a claim about outcomes or kernel state, and its verdict.
//! - [`course`]: the labs that are built into the program.
//! - [`lint`]: what a lab must have beyond being readable.

pub mod check;
pub mod course;
pub mod file;
pub mod lint;
