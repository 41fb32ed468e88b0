//! PURE. What the learner has composed, and what the kernel has to be asked for it.
//!
//! - [`ingredient`]: one thing a learner adds: a root, a namespace, a mount, a limit…
//! - [`image`]: what a root file system and its start are packed into.
//! - [`line`]: the line grammar, one for the REPL, lab files, scripts and the book.
//! - [`capability`]: the capabilities of Linux, by name and number.
//! - [`nearest`]: "did you mean".
//! - [`process`]: a process that runs already, taken apart; [`closest`] is the recipe that comes closest to it.
//! - [`compose`]: the [`Recipe`](compose::Recipe), an ordered set of ingredients.
//! - [`machine`]: the facts about this machine that a plan depends on.
//! - [`plan`]: recipe and command become an ordered list of kernel operations.
//! - [`place`]: the place in which rlab itself runs.
//! - [`surroundings`]: what kind of machine it is, recognised from facts.
//! - [`outcome`]: what really happened when a plan was carried out.
//! - [`enter`]: what of a container that stays a new process joins.
//! - [`errno`]: what an errno means *here*, and the mend.
//! - [`told`]: the recipe as a shell script, as `docker run`, as OCI JSON.
//!
//! Nothing here makes a system call: everything can be printed, compared with a snapshot and tested without root.

pub mod capability;
pub mod closest;
pub mod compose;
pub mod enter;
pub mod errno;
pub mod image;
pub mod ingredient;
pub mod line;
pub mod machine;
pub mod nearest;
pub mod outcome;
pub mod place;
pub mod plan;
pub mod process;
#[cfg(test)]
mod properties;
pub mod surroundings;
pub mod told;
