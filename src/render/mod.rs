//! PURE. Values become a document, a document becomes text.
//!
//! - [`document`]: lines of spans with a role each, and [`document::paint`], which makes them text.
//! - [`wrap`]: no painted line is wider than the terminal, and no program drives the learner's terminal.
//! - [`markdown`]: the Markdown of labs.
//! - [`event`]: everything that the walk tells, as a document.
//! - [`work`]: something that takes a while, shown in passing.
//! - [`teller`]: a stream of events as text: output is put together to lines, volatile values are masked.
//! - [`mask`]: volatile values become names that keep identity, so that two runs compare equal.
//! - [`challenge`]: goals, as they are reached.
//! - [`report`], [`shelf`], [`doctor`], [`progress`], [`inspect`]: the JSON of `rlab run`, `rlab list`, `rlab doctor`,
//!   `rlab progress` and `rlab inspect`, and the tables of the last four.
//! - [`preflight`]: everyone's machine before a workshop. [`present`]: a step on the wall.
//! - `book` (with the feature of that name): the pages of the book, made of labs and recorded runs.
//!
//! The remaining files show one kind of thing each.

#[cfg(feature = "book")]
pub mod book;
pub mod challenge;
pub mod doctor;
pub mod document;
pub mod event;
pub mod inspect;
pub mod markdown;
pub mod mask;
pub mod preflight;
pub mod present;
pub mod progress;
pub mod report;
pub mod shelf;
pub mod teller;
pub mod work;
pub mod wrap;

mod ablation;
mod beforeafter;
mod calls;
mod ended;
mod grid;
mod jobs;
mod listing;
mod map;
mod maskcopy;
mod maskjson;
mod page;
mod pen;
mod tokens;
mod trouble;
mod verdicts;

#[cfg(test)]
mod mask_tests;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
