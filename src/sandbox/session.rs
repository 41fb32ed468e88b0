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
use crate::recipe::outcome::{Composed, End, HostState, Job, LimitSeen, Map, Outcome, Peek, Place, Work};
use crate::recipe::plan::{Plan, RootPlace};
use crate::sandbox::caps::{self, Bound, Caps};
use crate::sandbox::collect::Look;
use crate::sandbox::engine::Engine;
use crate::sandbox::image::Draft;
use crate::sandbox::jobs::Jobs;
use crate::sandbox::keeper::Keeper;
use crate::sandbox::launch::{self, Base, Launched};
use crate::sandbox::memory::Watch;
use crate::sandbox::orphans::{self, Orphans};
use crate::sandbox::program::Ground;
use crate::sandbox::standing::Standing;
use crate::sandbox::{collect, group, machine, observe};

/// The sandbox of one session. When it is dropped, its containers end and nothing of it stays on the machine.
#[derive(Debug)]
pub struct Sandbox {
    /// Asked for when it is needed: not before the first prompt.
    pub(super) machine: OnceCell<Machine>,
    // The order matters: containers end before the group and the directories go.
    pub(super) jobs: Jobs,
    pub(super) standing: Standing,
    pub(super) caps: Caps,
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
    /// Nothing is made yet.
    pub fn new(caps: Caps) -> Self {
        orphans::adopt();
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

    /// The children that stay: the background containers, the keeper, the helpers that were named, and what the engine has.
    pub(super) fn known(&self) -> Vec<i32> {
        let engine = self.standing.engine().map(Engine::processes).unwrap_or_default();
        self.known_but_engine().chain(engine).collect()
    }

    /// The same without the engine's.
    pub(super) fn known_but_engine(&self) -> impl Iterator<Item = i32> {
        let keeper = self.keeper.iter().map(Keeper::pid);
        self.jobs.pids().into_iter().chain(keeper).chain(self.helper).chain(self.companion)
    }

    /// The orphans of a container that runs, whose first process this is.
    pub(super) fn orphans(&self, first: i32) -> Orphans {
        Orphans::beside(self.known().into_iter().chain([first]).collect())
    }

    /// Ends what a container has left that has ended. What an engine has started meanwhile is known now.
    pub(super) fn end_orphans(&self) {
        Orphans::beside(self.known()).end();
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
            self.end_orphans();
        }
        Ok(Outcome {
            job: Some(job),
            stdout: ended.output,
            capped: ended.capped.into_iter().collect(),
            seen: Some(ended.seen),
            millis: ended.millis,
            ..Outcome::new(Place::Inside, ended.command, ended.end)
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
        Orphans::beside(self.keeper.iter().map(Keeper::pid).collect()).end();
    }
}

fn hostname() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
