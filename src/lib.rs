//! The map of the house.
//!
//! rlab teaches what a container is made of. A learner types a line, rlab asks the kernel for it for real, in the
//! open, and shows what changed.
//!
//! | room | what it is for |
//! |---|---|
//! | [`error`] | what went wrong, what it means, what to do |
//! | [`cli`] | the command line: clap types, no side effects |
//! | [`lab`] | PURE lab files, steps, checks, lint, the built-in course |
//! | [`recipe`] | PURE line grammar, recipe, plan, outcome, and the recipe told as shell, docker, OCI |
//! | [`session`] | PURE the learner's walk: state machine, progress |
//! | [`workshop`] | PURE a workshop for a room: messages between learner and board, hash chain, rules, reports |
//! | [`render`] | PURE values → document → text; tables, before and after, masking |
//! | [`kernel`] | the only room that talks to the kernel: thin typed wrappers, one file a primitive |
//! | [`sandbox`] | runs a plan for real: rootfs, launch, supervise, observe, clean up |
//! | `board` | what serves a workshop's room: log, HTTP, the instructor's page; with the feature `workshop` |
//! | [`frontend`] | REPL, script, book, workshop: terminal, files, environment, clock |
//!
//! The arrows: `lab → recipe`; `session → lab, recipe`; `workshop → lab`; `render → every pure room`;
//! `sandbox → recipe, kernel`; `board → workshop`; `frontend → all but kernel`. `tests/house.rs` reads the `use` lines and holds this.

#[cfg(feature = "workshop")]
pub mod board;
pub mod cli;
pub mod error;
pub mod frontend;
pub mod kernel;
pub mod lab;
pub mod recipe;
pub mod render;
pub mod sandbox;
pub mod session;
pub mod workshop;
