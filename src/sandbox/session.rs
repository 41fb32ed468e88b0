//! The sandbox of one session: everything that the walk asks of the machine.

use std::cell::OnceCell;
use std::path::PathBuf;

use crate::error::Result;
use crate::kernel::proc;
use crate::kernel::signals::Interrupts;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::Resource;
use crate::recipe::line::Command;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{
    Call, Composed, End, HostState, Job, LimitSeen, Map, Outcome, Peek, Place, Seen, Work,
};
use crate::recipe::plan::{Plan, RootPlace};
use crate::sandbox::caps::{self, Bound, Caps};
use crate::sandbox::capture::{Capture, Output};
use crate::sandbox::collect::Look;
use crate::sandbox::engine::Engine;
use crate::sandbox::enter::Target;
use crate::sandbox::image::Draft;
use crate::sandbox::jobs::{self, Jobs};
use crate::sandbox::keeper::Keeper;
use crate::sandbox::launch::{self, Base, Heard, Launched, Process, Supervised};
use crate::sandbox::memory::{Room, Watch};
use crate::sandbox::program::Ground;
use crate::sandbox::standing::Standing;
use crate::sandbox::teach::{self, Case};
use crate::sandbox::{collect, group, machine, observe};

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

/// The sandbox of one session. When it is dropped, its containers end and nothing of it stays on the machine.
#[derive(Debug)]
pub struct Sandbox {
    /// Asked for when it is needed: not before the first prompt.
    pub(super) machine: OnceCell<Machine>,
    // The order matters: containers end before the group and the directories go.
    pub(super) jobs: Jobs,
    pub(super) standing: Standing,
    caps: Caps,
    collected: bool,
    /// A process beside the containers, which is no stray.
    helper: Option<i32>,
    /// Another one, which stays for the whole session.
    companion: Option<i32>,
    pub(super) interrupts: Option<Interrupts>,
    pub(super) ending: Option<i32>,
    // Last: until then there is something to keep.
    keeper: Option<Keeper>,
}

impl Sandbox {
    /// Nothing is made yet. rlab becomes the reaper of what its containers leave.
    pub fn new(caps: Caps) -> Self {
        // Without it strays would go to the host's init; then they could not be told from others.
        let _ = nix::sys::prctl::set_child_subreaper(true);
        Self {
            machine: OnceCell::new(),
            jobs: Jobs::default(),
            standing: Standing::default(),
            caps,
            collected: false,
            helper: None,
            companion: None,
            interrupts: Interrupts::of_session().ok(),
            ending: None,
            keeper: None,
        }
    }

    /// The signal that asks this session to end, if one has come: SIGTERM or SIGHUP at any time, and from then on;
    /// SIGINT (also told for SIGQUIT) while no command ran that it could have meant, once.
    pub fn ending(&mut self) -> Option<i32> {
        let pending = self.interrupts.as_mut().and_then(Interrupts::take);
        self.ending = self.ending.or(pending.filter(|signal| *signal != libc::SIGINT));
        self.ending.or(pending)
    }

    /// Has a line of the learner read. SIGTERM and SIGHUP end the reading; [`Self::ending`] tells them.
    pub fn at_prompt<T>(&mut self, read: impl FnOnce() -> T) -> T {
        let Some(interrupts) = &self.interrupts else { return read() };
        let (line, signal) = interrupts.at_prompt(read);
        self.ending = self.ending.or(signal);
        line
    }

    /// Names a process that rlab started beside the containers, so that nobody takes it for a stray.
    pub fn spare(&mut self, helper: Option<i32>) {
        self.helper = helper;
    }

    /// Names another one, which stays for the whole session.
    pub fn spare_too(&mut self, companion: Option<i32>) {
        self.companion = companion;
    }

    /// The facts about this machine.
    pub fn machine(&self) -> &Machine {
        self.machine.get_or_init(machine::find)
    }

    /// The root directory on the host, if there is one.
    pub fn root(&self) -> Option<PathBuf> {
        self.standing.root().map(std::path::Path::to_owned)
    }

    /// Before the first thing that could be left behind: what others have left is collected, and a keeper is posted.
    pub(super) fn begin(&mut self) {
        if !std::mem::replace(&mut self.collected, true) {
            collect::collect(self.machine(), Look::Everywhere);
            self.keeper = Keeper::post();
        }
    }

    /// Makes what stands on the host agree with the recipe.
    ///
    /// # Errors
    /// What could not be built, made or removed.
    pub fn compose(&mut self, recipe: &Recipe, work: &mut dyn FnMut(Work)) -> Result<Composed> {
        self.begin();
        let nothing = Command { argv: vec!["true".to_owned()], text: "true".to_owned() };
        let machine = self.machine.get_or_init(machine::find);
        let plan = Plan::new(recipe, &nothing, machine, RootPlace::Directory)?;
        self.standing.agree(recipe, &plan.prepare, machine, work)
    }

    /// The children that stay: the background containers, the keeper, and the helpers that were named.
    pub(super) fn known(&self) -> Vec<i32> {
        let keeper = self.keeper.iter().map(Keeper::pid);
        let engine = self.standing.engine().map(Engine::processes).unwrap_or_default();
        let helpers = self.helper.into_iter().chain(self.companion);
        self.jobs.pids().into_iter().chain(keeper).chain(helpers).chain(engine).collect()
    }

    pub(super) fn plan(&self, recipe: &Recipe, command: &Command) -> Result<Plan> {
        Plan::new(recipe, command, self.machine(), RootPlace::Directory)
    }

    pub(super) fn ground(&self, recipe: &Recipe, command: &Command) -> Ground<'_> {
        let root = self.standing.root();
        let seen_root = if recipe.root_change() == RootChange::None { None } else { root };
        let program = command.argv.first().map_or("", String::as_str);
        Ground {
            root,
            program: launch::resolve(program, seen_root),
            environment: launch::clean_environment(),
            ..Ground::default()
        }
    }

    /// What bounds a process of this plan where its recipe does not.
    pub(super) fn bind(&mut self, plan: &Plan) -> Bound {
        let machine = self.machine.get_or_init(machine::find);
        self.caps.bind(plan, machine, &self.standing.group, true)
    }

    pub(super) fn launch(&self, plan: &Plan, ground: Ground<'_>) -> Result<Launched> {
        launch::launch(plan, Base { machine: self.machine(), group: &self.standing.group, ground })
    }

    pub(super) fn watch(&self) -> Option<Watch> {
        let directory = self.standing.group.directory(Resource::Memory, self.machine())?;
        let version = self.machine().cgroups.memory.as_ref()?.version;
        Some(Watch::begin(directory, group::generation(version)))
    }

    /// What limits the recipe's group: what the recipe asked for, and what somebody wrote there by hand.
    pub(super) fn limits(&self, recipe: &Recipe) -> Vec<LimitSeen> {
        let Some(asked) = recipe.group() else { return Vec::new() };
        let is_asked = |seen: &LimitSeen| asked.iter().any(|limit| limit.resource == seen.resource);
        let all = self.standing.group.now(self.machine()).into_iter().flat_map(|group| group.limits);
        // On v2 the group that caps is the recipe's too, and the cap is no ingredient.
        let is_cap =
            |seen: &LimitSeen| seen.resource == Resource::Pids && seen.number == Some(caps::PROCESSES);
        all.filter(|seen| is_asked(seen) || (seen.number.is_some() && !is_cap(seen))).collect()
    }

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
        let inside = !matches!(kind, Kind::Host(_));
        // Only what is in the group is limited by it.
        let grouped = match kind {
            Kind::Inside | Kind::Started(_) => true,
            Kind::Joins(target) => target.joins_group(),
            Kind::Host(_) => false,
        };
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
                let done = process.supervise(capture, self.interrupts.as_mut(), &mut lasts, &mut sink)?;
                self.ending = self.ending.or(done.interrupted.filter(|signal| *signal != libc::SIGINT));
                if inside {
                    launch::kill_strays(&self.known());
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
            place: if inside { Place::Inside } else { Place::Host },
            command: command.text.clone(),
            job: None,
            calls: if inside { launched.calls } else { Vec::new() },
            end,
            stdout,
            stderr,
            truncated,
            interrupted: interrupted.is_some(),
            capped,
            seen,
            limits: if grouped { self.limits(recipe) } else { Vec::new() },
            memory: watch.map(|watch| watch.end(killed.map(|pid| (pid, program.as_str())))),
            millis,
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
        Ok(Outcome {
            place: Place::Inside,
            command: command.text.clone(),
            job,
            calls,
            end,
            stdout: String::new(),
            stderr: String::new(),
            truncated: false,
            interrupted: false,
            capped: Vec::new(),
            seen,
            limits,
            memory: None,
            millis: 0,
        })
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

    /// The background containers.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.list()
    }

    /// Looks at a background container from both sides.
    ///
    /// # Errors
    /// No such container.
    pub fn peek(&self, job: Option<u32>) -> Result<Peek> {
        self.jobs.peek(job)
    }

    /// Sends a signal to the first process of a background container.
    ///
    /// # Errors
    /// No such container.
    pub fn kill(&mut self, job: u32, signal: i32) -> Result<Outcome> {
        let ended = self.jobs.signal(job, signal)?;
        if ended.end != End::Running {
            launch::kill_strays(&self.known());
        }
        Ok(Outcome {
            place: Place::Inside,
            command: ended.command,
            job: Some(job),
            calls: Vec::new(),
            end: ended.end,
            stdout: ended.output,
            stderr: String::new(),
            truncated: false,
            interrupted: false,
            capped: ended.capped.into_iter().collect(),
            seen: Some(ended.seen),
            limits: Vec::new(),
            memory: None,
            millis: ended.millis,
        })
    }

    /// The host and every container that lives, side by side.
    pub fn map(&self) -> Map {
        Map {
            hostname: hostname(),
            host: observe::process(std::process::id() as i32),
            containers: self.jobs.now(),
            groups: self.standing.group.now(self.machine()),
        }
    }

    /// The host as it is now.
    ///
    /// # Errors
    /// None today; the signature leaves room for a machine whose /proc is closed.
    pub fn host_state(&mut self) -> Result<HostState> {
        let known = self.known();
        let strays = proc::own_children().into_iter().filter(|pid| !known.contains(pid));
        Ok(HostState {
            mounts: observe::host_mounts(),
            hostname: hostname(),
            processes: proc::all().len() as u32,
            strays: strays.filter_map(observe::paired).collect(),
            groups: self.standing.group.state(self.machine()),
            jobs: self.jobs.alive(),
            directories: self
                .standing
                .work()
                .filter(|path| observe::exists(path))
                .map(|path| path.to_string_lossy().into_owned())
                .into_iter()
                .collect(),
            rootfs: self
                .standing
                .root()
                .and(self.standing.work())
                .map(|path| path.to_string_lossy().into_owned()),
            image: self.standing.image().map(Draft::state),
        })
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new(Caps::default())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.jobs.end_all();
        launch::kill_strays(&self.keeper.iter().map(Keeper::pid).collect::<Vec<_>>());
    }
}

fn hostname() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
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
