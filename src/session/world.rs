//! The real world, as the walk sees it.

use crate::error::Result;
use crate::lab::file::Need;
use crate::recipe::compose::Recipe;
use crate::recipe::enter::Enter;
use crate::recipe::image::Act;
use crate::recipe::line::Command;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{Call, Composed, HostState, Job, Map, Outcome, Peek, Work};
use crate::recipe::process::Process;

/// What happens while a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live<'a> {
    /// The calls up to the program, in order: sent once, before any output.
    Calls(&'a [Call]),
    /// A piece of output as it comes; `true` for standard error.
    Output(&'a [u8], bool),
    /// It takes a while: told about ten times a second while nothing else is.
    Working(Work),
}

/// Listens while a command runs.
pub type Listener<'a> = &'a mut dyn FnMut(Live<'_>);

/// What the walk needs from the machine. Every method does the real thing, at once.
///
/// A failure of a call *inside* the launch is an [`Outcome`] (it is a lesson); `Err` means that rlab itself could not
/// do its part.
pub trait World {
    /// The facts about this machine.
    fn machine(&self) -> &Machine;

    /// Whether the machine can do this; the reason and the mend where it cannot. Tried for real, remembered.
    fn can(&mut self, need: Need) -> Result<()>;

    /// Makes what stands on the host (file system, control group) agree with the recipe; takes away what the recipe
    /// no longer has. Calls that changed nothing are not made.
    fn compose(&mut self, recipe: &Recipe, live: Listener<'_>) -> Result<Composed>;

    /// Runs a program inside, in a fresh process under the recipe.
    fn run(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome>;

    /// Starts a container that stays. The outcome's end is `Running`, and its job has the number.
    fn stay(&mut self, recipe: &Recipe, command: &Command) -> Result<Outcome>;

    /// Runs a program in what a container that stays has.
    fn enter(
        &mut self,
        recipe: &Recipe,
        enter: &Enter,
        command: &Command,
        live: Listener<'_>,
    ) -> Result<Outcome>;

    /// Runs a program that first climbs out of its root, on a stage that stands for the host.
    fn escape(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome>;

    /// Runs a shell line on the host, with `$ROOTFS` and `$CGROUP` set to the session's own.
    fn host(&mut self, script: &str, live: Listener<'_>) -> Result<Outcome>;

    /// The background containers of this session.
    fn jobs(&mut self) -> Vec<Job>;

    /// Looks at a background container from both sides; the latest where no number is given.
    fn peek(&mut self, job: Option<u32>) -> Result<Peek>;

    /// Takes a process apart: that of a background container of this number, else the one of this PID; that of the latest
    /// container where no number is given.
    fn inspect(&mut self, number: Option<u32>) -> Result<Process>;

    /// Sends a signal to the first process of a background container; the outcome tells how it ended, or `Running`.
    fn kill(&mut self, job: u32, signal: i32) -> Result<Outcome>;

    /// Does something with the session's image. What is refused of an image is an outcome, as it is with a program.
    fn image(&mut self, recipe: &Recipe, act: &Act, live: Listener<'_>) -> Result<Outcome>;

    /// Hands words of Docker's to a container engine that keeps its things in this session.
    fn docker(&mut self, words: &[String], live: Listener<'_>) -> Result<Outcome>;

    /// Ends the containers of that engine, and removes what it keeps.
    fn forget_engine(&mut self);

    /// An interactive shell inside, on the learner's terminal.
    fn shell(&mut self, recipe: &Recipe) -> Result<Outcome>;

    /// The host and every container that lives, side by side.
    fn map(&mut self) -> Map;

    /// The host as it is now.
    fn host_state(&mut self) -> Result<HostState>;
}
