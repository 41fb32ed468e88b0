//! PURE. The learner's walk through a lab: a state machine over lines, outcomes and verdicts.
//!
//! - [`world`]: the real world behind one small trait. The sandbox is one; tests bring a fake, chosen at run time.
//! - [`event`]: everything that the walk has to tell, as values. `render` turns them into text.
//! - [`shelf`]: where the walk finds labs.
//! - [`goals`]: what a challenge wants to see, and what of it was reached.
//! - [`progress`]: what is remembered from one session to the next.
//! - [`walk`]: the state machine; [`visit`](self) is one step of it, [`moves`](self) go between steps,
//!   [`carry`](self) takes a line to the kernel.
//! - [`replay`]: a lab's own solution, carried out from end to end; [`left`](self) judges what a script leaves.
//! - [`seen`]: what whoever sits beside the learner may know.
//! - [`fake`]: a world without a kernel, for tests.

mod ablate;
pub mod answer;
mod carry;
mod decode;
pub mod event;
pub mod fake;
pub mod goals;
mod left;
mod moves;
pub mod progress;
pub mod replay;
pub mod seen;
pub mod shelf;
mod stage;
mod visit;
pub mod walk;
mod words;
pub mod world;

#[cfg(test)]
mod tests;
