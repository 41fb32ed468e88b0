//! PURE. Lab files: the data, reading them, checks and their verdicts, lint, and the course that is built in.
//!
//! - [`file`]: what a lab file holds.
//! - [`need`]: what a machine must be able to do, and how each is tried.
//! - [`needs`]: what of it a lab needs, and each of its steps.
//! - [`diagnostic`]: a mistake in a lab file, with the place where it is.
//! - [`claim`], [`number`]: the conditions that a check is made of.
//! - [`check`]: a claim about outcomes or kernel state, and its verdict.
//! - [`course`]: the labs that are built into the program.
//! - [`composed`]: the recipe that a lab composes.
//! - [`lint`]: what a lab must have beyond being readable.
//! - [`trust`]: which lines of a lab run on the host, and whether they may.
//! - [`scaffold`]: a lab to start from.
//! - [`read`]: a text becomes a [`Lab`](file::Lab), or every mistake in it.
//! - `judge`: one condition each way.

pub mod check;
pub mod claim;
pub mod composed;
pub mod course;
pub mod diagnostic;
pub mod file;
mod judge;
pub mod lint;
pub mod need;
pub mod needs;
pub mod number;
pub mod read;
pub mod scaffold;
pub mod trust;
