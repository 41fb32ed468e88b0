//! One errand of a session: a program is started, heard while it runs, and its end told with what was seen of it.

use crate::error::Result;
use crate::kernel::proc;
use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::Resource;
use crate::recipe::line::Command;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{Call, End, Outcome, Place, Seen, Work};
use crate::recipe::plan::{Plan, RootPlace};
use crate::sandbox::caps::Bound;
use crate::sandbox::capture::{Capture, Output};
use crate::sandbox::engine::Engine;
use crate::sandbox::enter::Target;
use crate::sandbox::launch::{Heard, Process, Supervised};
use crate::sandbox::memory::Room;
use crate::sandbox::session::Sandbox;
use crate::sandbox::teach::{self, Case};
use crate::sandbox::{group, jobs};

/// What happens while a command runs.
#[derive(Debug)]
pub enum Live<'a> {
    /// The calls up to the program: once, before any output.
    Calls(&'a [Call]),
    /// A piece of output; `true` for standard error.
    Output(&'a [u8], bool),
    /// It takes a while.
    Working(Work),
}

/// Listens while a command runs.
pub type Listener<'a> = &'a mut dyn FnMut(Live<'_>);

/// One command to be carried out while its output is heard.
pub(super) struct Errand<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) command: &'a Command,
    pub(super) plan: &'a Plan,
    pub(super) kind: Kind,
}

/// Where a command is carried out.
pub(super) enum Kind {
    /// Under the recipe.
    Inside,
    /// Under the recipe, with the environment of an image.
    Started(Vec<String>),
    /// On the host, with this environment.
    Host(Vec<String>),
    /// In what a container has that stays.
    Joins(Target),
}

impl Kind {
    fn is_inside(&self) -> bool {
        !matches!(self, Self::Host(_))
    }

    /// Whether it is in the recipe's group: only what is in there is limited by it.
    fn is_grouped(&self) -> bool {
        match self {
            Self::Inside | Self::Started(_) => true,
            Self::Joins(target) => target.joins_group(),
            Self::Host(_) => false,
        }
    }
}

impl Sandbox {
    /// Runs a program inside, in a fresh process under the recipe.
    ///
    /// # Errors
    /// What rlab itself could not do. A refused call of the new process is an outcome.
    pub fn run(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome> {
        self.begin();
        let plan = self.plan(recipe, command)?;
        self.supervised(&Errand { recipe, command, plan: &plan, kind: Kind::Inside }, live)
    }

    /// Runs a program that first climbs out of its root, on a stage.
    ///
    /// # Errors
    /// A recipe without a root of its own; what rlab itself could not do.
    pub fn escape(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome> {
        self.begin();
        let plan = Plan::escape(recipe, command, self.machine())?;
        self.supervised(&Errand { recipe, command, plan: &plan, kind: Kind::Inside }, live)
    }

    /// Runs a shell line on the host: the second terminal. `$ROOTFS` and `$CGROUP` name what the session has. A tool
    /// that the host lacks is taken from the container's root.
    ///
    /// # Errors
    /// What rlab itself could not do.
    pub fn host(&mut self, script: &str, live: Listener<'_>) -> Result<Outcome> {
        self.begin();
        let command = Command {
            argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()],
            text: script.to_owned(),
        };
        let bare = Recipe::default();
        let plan =
            Plan::new(&bare, &command, &Machine { euid: 0, ..self.machine().clone() }, RootPlace::Directory)?;
        let kind = Kind::Host(self.host_environment());
        self.supervised(&Errand { recipe: &bare, command: &command, plan: &plan, kind }, live)
    }

    pub(super) fn host_environment(&self) -> Vec<String> {
        let mut environment: Vec<String> = std::env::vars_os()
            .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
            .collect();
        if let Some(root) = self.standing.root() {
            environment.push(format!("ROOTFS={}", root.display()));
            if let Some(path) = environment.iter_mut().find(|variable| variable.starts_with("PATH=")) {
                path.push_str(&format!(":{}", root.join("bin").display()));
            }
        }
        if let Some(image) = self.standing.image() {
            environment.push(format!("IMAGE={}", image.directory().display()));
        }
        if let Some((group, _)) = self.standing.engine().and_then(Engine::memory_group) {
            environment.push(format!("CONTAINER={}", group.display()));
        }
        let groups = self.standing.group.directory(Resource::Memory, self.machine());
        if let Some(group) = groups {
            environment.push(format!("CGROUP={}", group.display()));
        }
        environment
    }

    pub(super) fn supervised(&mut self, errand: &Errand<'_>, live: Listener<'_>) -> Result<Outcome> {
        let Errand { recipe, command, plan, kind } = errand;
        let (inside, grouped) = (kind.is_inside(), kind.is_grouped());
        let (capture, ends) = Capture::new()?;
        let mut bound = if inside { self.bind(plan) } else { Bound::default() };
        let mut lasts = self.caps.watch(self.standing.work().filter(|_| inside));
        let mut ground = self.ground(recipe, command);
        match kind {
            Kind::Inside => {}
            Kind::Host(environment) | Kind::Started(environment) => {
                ground.environment.clone_from(environment);
            }
            Kind::Joins(target) => target.give(&mut ground, &mut bound, self.machine()),
        }
        bound.give(&mut ground);
        let program = ground.program.clone();
        ground.stdio = Some(raw(&ends));
        let watch = if grouped { self.watch() } else { None };
        let mut launched = self.launch(plan, ground)?;
        drop(ends);
        let mut seen = None;
        let supervised = match &mut launched.process {
            None => refused(launched.refused),
            Some(process) => {
                seen = if inside { process.observe() } else { None };
                if watch.is_some() {
                    // Where the kernel, still short of memory, takes a second victim, it is not the container that stays.
                    proc::offer_to_oom_killer(process.pid());
                }
                process.start(&mut launched.calls)?;
                if inside {
                    self.explain(&mut launched.calls, recipe, plan, &program);
                    live(Live::Calls(&launched.calls));
                }
                let room = if grouped { self.room(recipe) } else { None };
                let mut sink = |heard: Heard<'_>| match heard {
                    Heard::Output(bytes, error) => live(Live::Output(bytes, error)),
                    Heard::Silence(millis) => {
                        let memory = room.as_ref().and_then(Room::used);
                        live(Live::Working(Work::Running { command: command.text.clone(), millis, memory }));
                    }
                };
                let orphans = self.orphans(process.pid());
                let done =
                    process.supervise(capture, self.interrupts.as_mut(), &mut lasts, &orphans, &mut sink)?;
                self.ending = self.ending.or(done.interrupted.filter(|signal| *signal != libc::SIGINT));
                if inside {
                    self.end_orphans();
                }
                done
            }
        };
        if launched.process.is_none() {
            self.explain(&mut launched.calls, recipe, plan, &program);
            live(Live::Calls(&launched.calls));
        }
        let Supervised { end, output: Output { stdout, stderr, truncated }, interrupted, capped, millis } =
            supervised;
        let capped = bound.met().into_iter().chain(lasts.file(end)).chain(capped).collect();
        let killed = killed(end, launched.process.as_ref());
        Ok(Outcome {
            calls: if inside { launched.calls } else { Vec::new() },
            stdout,
            stderr,
            truncated,
            interrupted: interrupted.is_some(),
            capped,
            seen,
            limits: if grouped { self.limits(recipe) } else { Vec::new() },
            memory: watch.map(|watch| watch.end(killed.map(|pid| (pid, program.as_str())))),
            millis,
            ..Outcome::new(if inside { Place::Inside } else { Place::Host }, command.text.clone(), end)
        })
    }

    /// The memory that the group may hold, where the recipe limits it.
    fn room(&self, recipe: &Recipe) -> Option<Room> {
        let limits = self.limits(recipe);
        let limit = limits.into_iter().find(|limit| limit.resource == Resource::Memory)?;
        let group = self.standing.group.directory(Resource::Memory, self.machine())?;
        Some(Room { group, generation: group::generation(limit.version), bytes: limit.number? })
    }

    /// Writes beside a refused call what that means.
    pub(super) fn explain(&self, calls: &mut [Call], recipe: &Recipe, plan: &Plan, program: &str) {
        teach::explain(calls, Case { recipe, plan, program, root: self.standing.root(), manifest: None });
    }

    /// Starts a container that stays.
    ///
    /// # Errors
    /// What rlab itself could not do.
    pub fn stay(&mut self, recipe: &Recipe, command: &Command) -> Result<Outcome> {
        self.begin();
        let plan = self.plan(recipe, command)?;
        let (output, ends) = jobs::output_pipe()?;
        let mut bound = self.bind(&plan);
        let mut ground = self.ground(recipe, command);
        bound.give(&mut ground);
        let program = ground.program.clone();
        ground.stdio = Some(raw(&ends));
        let mut launched = self.launch(&plan, ground)?;
        drop(ends);
        let limits = self.limits(recipe);
        let mut calls = std::mem::take(&mut launched.calls);
        let (end, job, seen) = match launched.process.take() {
            None => (End::Refused(launched.refused.unwrap_or_default()), None, None),
            Some(process) => self.take_in(command, process, &mut calls, output)?,
        };
        self.explain(&mut calls, recipe, &plan, &program);
        Ok(Outcome { job, calls, seen, limits, ..Outcome::new(Place::Inside, command.text.clone(), end) })
    }

    fn take_in(
        &mut self,
        command: &Command,
        mut process: Process,
        calls: &mut Vec<Call>,
        output: std::fs::File,
    ) -> Result<(End, Option<u32>, Option<Seen>)> {
        let seen = process.observe();
        process.start(calls)?;
        match (process.refused(), seen) {
            (None, Some(seen)) => {
                let number =
                    self.jobs.add(&command.text, process, seen.clone(), output, self.standing.work());
                Ok((End::Running, Some(number), Some(seen)))
            }
            (_, seen) => Ok((process.wait()?, None, seen)),
        }
    }
}

fn raw(ends: &[std::os::fd::OwnedFd; 3]) -> [i32; 3] {
    use std::os::fd::AsRawFd;
    [ends[0].as_raw_fd(), ends[1].as_raw_fd(), ends[2].as_raw_fd()]
}

/// The PID of a process that ended by SIGKILL.
pub(super) fn killed(end: End, process: Option<&Process>) -> Option<i32> {
    process.filter(|_| end == End::Signaled(libc::SIGKILL)).map(Process::pid)
}

fn refused(errno: Option<i32>) -> Supervised {
    Supervised {
        end: End::Refused(errno.unwrap_or_default()),
        output: Output::default(),
        interrupted: None,
        capped: None,
        millis: 0,
    }
}
