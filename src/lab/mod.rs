//! PURE. Lab files: the data, reading them, checks and their verdicts, lint, and the course that is built in.
//!
//! - [`file`]: what a lab file holds.
//! - [`need`]: what a machine must be able to do, and how each is tried.
//! - [`diagnostic`]: a mistake in a lab file, with the place where it is.
//! - [`claim`], [`number`]: the conditions that a check is made of.
//! - [`check`]: a claim about outcomes or kernel state, and its verdict.
//! - [`course`]: the labs that are built into the program.
//! - [`lint`]: what a lab must have beyond being readable.
//!
//! `read` makes a [`Lab`](file::Lab) of a text, over the cursor in `fields`; `conditions` is the table of condition
//! names; the `judge_*` files judge one condition each way.

pub mod check;
pub mod claim;
mod conditions;
pub mod course;
pub mod diagnostic;
mod fields;
pub mod file;
mod judge_ablation;
mod judge_outcome;
mod judge_seen;
mod judge_state;
#[cfg(test)]
mod judge_tests;
pub mod lint;
pub mod need;
pub mod number;
pub mod read;
pub mod read_check;
mod token;
mod words;
