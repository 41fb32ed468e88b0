//! The real world: the sandbox, and what was found out about this machine so far.

use std::collections::BTreeMap;

use crate::error::{Exit, Result, Trouble};
use crate::frontend::inspect;
use crate::lab::file::Need;
use crate::recipe::compose::Recipe;
use crate::recipe::enter::Enter;
use crate::recipe::errno::{self, Context};
use crate::recipe::image::Act;
use crate::recipe::line::{Command, Line};
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{Composed, End, HostState, Job, Map, Outcome, Peek};
use crate::recipe::process::Process;
use crate::sandbox::caps::Caps;
use crate::sandbox::challenge::Looker;
use crate::sandbox::look::View;
use crate::sandbox::{Sandbox, errand};
use crate::session::world::{Listener, Live, World};

/// The sandbox as the walk sees it.
#[derive(Debug, Default)]
pub struct Real {
    sandbox: Sandbox,
    /// What stands on the host, to come back to after a need was tried.
    recipe: Recipe,
    needs: BTreeMap<Need, Result<()>>,
}

impl Real {
    /// A world in which a line may take so many seconds; 0 for ever.
    pub fn lasting(seconds: u64) -> Self {
        Self {
            sandbox: Sandbox::new(Caps::lasting(seconds)),
            recipe: Recipe::default(),
            needs: BTreeMap::new(),
        }
    }

    /// The signal that asks rlab to end, if one has come while nothing ran that it could have meant.
    pub fn ending(&mut self) -> Option<i32> {
        self.sandbox.ending()
    }

    /// Has a line of the learner read; a signal that asks rlab to end cuts it short, and [`Self::ending`] tells it.
    pub fn at_prompt<T>(&mut self, read: impl FnOnce() -> T) -> T {
        self.sandbox.at_prompt(read)
    }

    /// A process that rlab started beside the containers, which nobody shall take for a stray.
    pub fn spare(&mut self, helper: Option<i32>) {
        self.sandbox.spare(helper);
    }

    /// Another one, which stays for the whole session.
    pub fn spare_too(&mut self, companion: Option<i32>) {
        self.sandbox.spare_too(companion);
    }

    /// A plain root shell in a place of its own, which `look` sees from outside again and again.
    ///
    /// # Errors
    /// No terminal, or what rlab itself could not do.
    pub fn challenge(&mut self, shell: &str, look: Looker<'_>) -> Result<End> {
        self.sandbox.challenge(shell, look)
    }

    /// The files that a program under this recipe sees.
    pub fn view(&self, recipe: &Recipe) -> View {
        View::inside(recipe, self.sandbox.root().as_deref())
    }

    /// Tries the engine with a root of its own, whatever the recipe has.
    fn attempt_engine(&mut self, need: Need) -> Result<()> {
        let (recipe, _) = trial(need)?;
        let tried = self
            .sandbox
            .compose(&recipe, &mut |_| {})
            .and_then(|_| self.sandbox.try_engine())
            .map_err(|trouble| lacking(need, trouble));
        self.sandbox.compose(&self.recipe, &mut |_| {})?;
        tried
    }

    /// Tries a need in a throw-away container.
    fn attempt(&mut self, need: Need) -> Result<()> {
        if need == Need::DockerOrPodman {
            return self.attempt_engine(need);
        }
        let (recipe, command) = trial(need)?;
        let outcome = self
            .sandbox
            .compose(&recipe, &mut |_| {})
            .and_then(|_| self.sandbox.run(&recipe, &command, &mut |_| {}))
            .map_err(|trouble| lacking(need, trouble));
        self.sandbox.compose(&self.recipe, &mut |_| {})?;
        let outcome = outcome?;
        // Even where it came to its end before the signal did: the learner has asked to stop.
        if outcome.interrupted {
            return Err(Trouble::interrupted(format!("the trial of `{}` was interrupted", need.name())));
        }
        judge(need, &outcome)
    }
}

/// The mend where nothing better is known.
pub const ASK_DOCTOR: &str = "`rlab doctor` tells what this machine can do, and what mends it";

/// The recipe and the command that try a need.
fn trial(need: Need) -> Result<(Recipe, Command)> {
    let broken =
        |line: &str| Trouble::sandbox(format!("the trial of `{}` has a bad line `{line}`", need.name()));
    let mut recipe = Recipe::default();
    for line in need.lines() {
        match Line::parse(line) {
            Ok(Line::Add(ingredient)) => recipe.add(ingredient)?,
            _ => return Err(broken(line)),
        }
    }
    match Line::parse(need.probe()) {
        Ok(Line::Run(command)) => Ok((recipe, command)),
        _ => Err(broken(need.probe())),
    }
}

fn judge(need: Need, outcome: &Outcome) -> Result<()> {
    if outcome.end == End::Exited(0) {
        return Ok(());
    }
    let trouble =
        Trouble::cannot(format!("this machine cannot do `{}`: {}", need.name(), need.description()));
    let refused = outcome.calls.iter().rposition(|call| call.errno().is_some());
    Err(match (outcome.end, refused) {
        (End::Refused(_), Some(at)) => {
            return Err(errno::told(
                trouble,
                outcome.calls.get(..=at).unwrap_or_default(),
                &Context::default(),
            ));
        }
        (end, _) => {
            let status = end.status(&outcome.calls).unwrap_or_default();
            let said = outcome.stderr.lines().next().unwrap_or("and said nothing");
            trouble.because(format!("`{}` ended with status {status}: {said}", outcome.command))
        }
    }
    .hint(ASK_DOCTOR))
}

/// What rlab could not even try.
fn lacking(need: Need, trouble: Trouble) -> Trouble {
    let mut told =
        Trouble::cannot(format!("this machine cannot do `{}`: {}", need.name(), need.description()))
            .because(trouble.what);
    told.causes.extend(trouble.causes);
    told.hint = trouble.hint;
    told.refusal = trouble.refusal;
    told
}

/// The sandbox's events are the walk's.
fn pass_on(live: Listener<'_>) -> impl FnMut(errand::Live<'_>) {
    |event| match event {
        errand::Live::Calls(calls) => live(Live::Calls(calls)),
        errand::Live::Output(bytes, stderr) => live(Live::Output(bytes, stderr)),
        errand::Live::Working(work) => live(Live::Working(work)),
    }
}

impl World for Real {
    fn machine(&self) -> &Machine {
        self.sandbox.machine()
    }

    fn can(&mut self, need: Need) -> Result<()> {
        if let Some(known) = self.needs.get(&need) {
            return known.clone();
        }
        let found = self.attempt(need);
        if !found.as_ref().is_err_and(|trouble| trouble.exit == Exit::Interrupted) {
            self.needs.insert(need, found.clone());
        }
        found
    }

    fn compose(&mut self, recipe: &Recipe, live: Listener<'_>) -> Result<Composed> {
        let composed = self.sandbox.compose(recipe, &mut |work| live(Live::Working(work)))?;
        self.recipe = recipe.clone();
        Ok(composed)
    }

    fn run(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome> {
        self.sandbox.run(recipe, command, &mut pass_on(live))
    }

    fn stay(&mut self, recipe: &Recipe, command: &Command) -> Result<Outcome> {
        self.sandbox.stay(recipe, command)
    }

    fn enter(
        &mut self,
        recipe: &Recipe,
        enter: &Enter,
        command: &Command,
        live: Listener<'_>,
    ) -> Result<Outcome> {
        self.sandbox.enter(recipe, enter, command, &mut pass_on(live))
    }

    fn escape(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome> {
        self.sandbox.escape(recipe, command, &mut pass_on(live))
    }

    fn host(&mut self, script: &str, live: Listener<'_>) -> Result<Outcome> {
        self.sandbox.host(script, &mut pass_on(live))
    }

    fn jobs(&mut self) -> Vec<Job> {
        self.sandbox.jobs()
    }

    fn peek(&mut self, job: Option<u32>) -> Result<Peek> {
        self.sandbox.peek(job)
    }

    fn inspect(&mut self, number: Option<u32>) -> Result<Process> {
        let job = |job: &Job| number.is_none_or(|number| job.number == number);
        let pid = match (self.sandbox.jobs().iter().rfind(|of| job(of)), number) {
            (Some(job), _) => job.seen.pid,
            (None, Some(number)) => inspect::number(&number.to_string())?,
            // Told as `peek` tells it: nothing stays.
            (None, None) => self.sandbox.peek(None)?.job.seen.pid,
        };
        crate::sandbox::inspect::inspect(pid)
    }

    fn kill(&mut self, job: u32, signal: i32) -> Result<Outcome> {
        self.sandbox.kill(job, signal)
    }

    fn image(&mut self, recipe: &Recipe, act: &Act, live: Listener<'_>) -> Result<Outcome> {
        let outcome = self.sandbox.image(recipe, act, &mut pass_on(live))?;
        if *act == Act::Unpack && outcome.end == End::Exited(0) {
            self.recipe = recipe.clone();
        }
        Ok(outcome)
    }

    fn docker(&mut self, words: &[String], live: Listener<'_>) -> Result<Outcome> {
        self.sandbox.docker(words, &mut pass_on(live))
    }

    fn forget_engine(&mut self) {
        self.sandbox.forget_engine();
    }

    fn shell(&mut self, recipe: &Recipe) -> Result<Outcome> {
        self.sandbox.shell(recipe)
    }

    fn map(&mut self) -> Map {
        self.sandbox.map()
    }

    fn host_state(&mut self) -> Result<HostState> {
        self.sandbox.host_state()
    }
}
