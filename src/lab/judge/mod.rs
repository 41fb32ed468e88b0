//! Judging one condition. [`Check::judge`](crate::lab::check::Check::judge) puts the conditions of a check together.
//!
//! - [`outcome`]: conditions on one outcome; [`seen`]: on what the host saw of its process.
//! - [`state`]: conditions on the machine as it is now.
//! - [`ablation`]: conditions on the table that `ablate` fills.
//! - [`words`]: small words for what was observed.

pub(in crate::lab) mod ablation;
pub(in crate::lab) mod outcome;
pub(in crate::lab) mod seen;
pub(in crate::lab) mod state;
#[cfg(test)]
mod tests;
pub(in crate::lab) mod words;
