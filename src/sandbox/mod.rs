//! Runs a plan for real: rootfs, launch, supervise, observe, clean up.
//!
//! - [`machine`]: the facts about this machine.
//! - [`place`]: the place in which rlab itself runs.
//! - [`surroundings`]: the facts by which the kind of machine is recognised.
//! - [`teach`]: what was refused, looked at, and told.
//! - [`owner`]: whose things are whose: names that carry the owner's PID and start time. [`mark`]: the same for
//!   processes.
//! - [`collect`]: what a dead owner left is taken away. [`keeper`]: at once. [`sweep`]: ends processes for good.
//! - [`caps`]: what bounds a container where its recipe does not.
//! - `guard`: looks at the disk while a container stays and nothing else runs.
//! - [`rootfs`]: the container's file system: which tools, with which libraries.
//! - [`standing`]: what stands on the host between two lines: the root directory and the control group.
//! - [`group`]: the control group.
//! - [`engine`]: a real container engine, Podman or Docker, its things kept in the session.
//! - [`image`]: the image of the session, and what others made.
//! - `docking`: what is done with that engine.
//! - [`imaging`]: what is done with it, and its program.
//! - `handing`: controllers switched on for the groups below, and off again.
//! - `leaf`: where rlab moves to when it is in the way of its own group.
//! - [`program`]: a plan becomes prepared system calls.
//! - `birth`: the process is born, in its namespaces and its v2 group.
//! - [`launch`]: from the plan to the running process: watched, and its end told.
//! - [`orphans`]: what a container without a PID namespace leaves to rlab: reaped, and ended.
//! - [`capture`]: what a process writes.
//! - [`observe`]: what the host sees of a process, and of itself.
//! - [`memory`]: the kill counter, the peak, the victim.
//! - [`jobs`]: containers that stay.
//! - [`shell`]: an interactive shell inside. [`enter`]: a program that joins a container which stays.
//! - [`challenge`]: a plain root shell in a place of its own, watched from outside.
//! - [`look`]: what a program inside would find at a path, without running one.
//! - [`errand`]: one command of a session: heard while it runs, its end told.
//! - [`session`]: all of it together, for one session.
//! - [`inspect`]: any process of the machine, from the outside.
//! - [`oneshot`]: one command under a recipe, nothing else (`rlab exec`).
//! - [`beside`]: a directory that appears whole or not at all. [`pack`]: the file system as an archive (`rlab export`).

pub mod beside;
mod birth;
pub mod caps;
pub mod capture;
pub mod challenge;
pub mod collect;
mod docking;
pub mod engine;
pub mod enter;
pub mod errand;
pub mod group;
mod guard;
mod handing;
pub mod image;
pub mod imaging;
pub mod inspect;
pub mod jobs;
pub mod keeper;
pub mod launch;
mod leaf;
pub mod look;
pub mod machine;
pub mod mark;
pub mod memory;
pub mod observe;
pub mod oneshot;
pub mod orphans;
pub mod owner;
pub mod pack;
pub mod place;
pub mod program;
pub mod rootfs;
pub mod session;
pub mod shell;
pub mod standing;
pub mod surroundings;
pub mod sweep;
pub mod teach;

pub use session::Sandbox;
