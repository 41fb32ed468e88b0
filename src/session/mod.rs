//! PURE. The learner's walk through a lab: a state machine over lines, outcomes and verdicts.
//!
//! - [`world`]: the real world behind one small trait. The sandbox is one; tests bring a fake, chosen at run time.
//! - [`event`]: everything that the walk has to tell, as values. `render` turns them into text.
//! - [`walk`]: the state machine.

pub mod event;
pub mod walk;
pub mod world;
