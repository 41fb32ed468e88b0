//! Takes a line to the kernel, and brings back what happened.

use std::rc::Rc;

use crate::error::{Result, Trouble};
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::image::Act;
use crate::recipe::ingredient::{Ingredient, Tools};
use crate::recipe::line::{Command, Line};
use crate::recipe::outcome::{CallResult, End, Outcome};
use crate::recipe::plan::{Plan, Prepare, RootPlace, adds_user_namespace};
use crate::session::decode::Decoder;
use crate::session::event::Event;
use crate::session::stage::Stage;
use crate::session::walk::Walk;
use crate::session::world::{Listener, Live, World};

impl Walk {
    /// Carries out a line that is not a word for walking. Says whether it did something that checks could see.
    ///
    /// # Errors
    /// It could not be carried out; recipe and host are as they were.
    pub(super) fn carry(&mut self, line: &Line, stage: &mut Stage<'_>) -> Result<bool> {
        match line {
            Line::Empty | Line::Walk(_) => return Ok(false),
            Line::Add(ingredient) => {
                let mut next = self.recipe.clone();
                next.add(ingredient.clone())?;
                self.change(next, Some(ingredient.to_string()), stage)?;
            }
            Line::Drop(what) => {
                let mut next = self.recipe.clone();
                let dropped = next.drop(what)?;
                self.change(next, None, stage)?;
                stage.note(format!("taken out: `{dropped}`"));
            }
            Line::Recipe => {
                self.tell_recipe(stage);
                return Ok(false);
            }
            Line::Jobs => {
                let jobs = stage.world.jobs();
                stage.tell(Event::Jobs(jobs));
                return Ok(false);
            }
            Line::Peek(job) => {
                let peek = stage.world.peek(*job)?;
                stage.tell(Event::Peeked(peek));
            }
            Line::Inspect(number) => {
                let process = stage.world.inspect(*number)?;
                stage.tell(Event::Inspected(Box::new(process)));
            }
            Line::Ablate => self.ablate(stage)?,
            Line::Image(act) => self.image(act, stage)?,
            Line::Docker(words) => self.docker(words, stage)?,
            Line::Run(_)
            | Line::Host(_)
            | Line::Stay(_)
            | Line::Enter(..)
            | Line::Escape(_)
            | Line::Kill { .. }
            | Line::Shell => {
                self.launch(line, stage)?;
            }
        }
        Ok(true)
    }

    /// Runs what a line says, tells it while it happens, and keeps the outcome.
    fn launch(&mut self, line: &Line, stage: &mut Stage<'_>) -> Result<()> {
        let recipe = self.recipe.clone();
        if let Line::Run(command) | Line::Stay(command) = line {
            self.last_command = Some(command.text.clone());
        }
        let outcome = match line {
            Line::Run(command) => live(stage, |world, ear| world.run(&recipe, command, ear)),
            Line::Host(script) => live(stage, |world, ear| world.host(script, ear)),
            Line::Enter(enter, command) => {
                live(stage, |world, ear| world.enter(&recipe, enter, command, ear))
            }
            Line::Escape(command) => live(stage, |world, ear| world.escape(&recipe, command, ear)),
            Line::Stay(command) => live(stage, |world, _| world.stay(&recipe, command)),
            Line::Kill { signal, job } => live(stage, |world, _| world.kill(*job, *signal)),
            Line::Shell => live(stage, |world, _| world.shell(&recipe)),
            _ => return Ok(()),
        }?;
        self.keep(&outcome);
        stage.tell(Event::Ended(outcome));
        // A probe on the host looks at what stays: it is worth a second look when a container came or went.
        if matches!(line, Line::Stay(_) | Line::Kill { .. }) && self.probe_line().is_some_and(is_host) {
            self.probe_again(stage)?;
        }
        Ok(())
    }

    /// Hands words of Docker's on. A probe on the host looks at what came or went.
    fn docker(&mut self, words: &[String], stage: &mut Stage<'_>) -> Result<()> {
        self.docked = true;
        let outcome = live(stage, |world, ear| world.docker(words, ear))?;
        self.keep(&outcome);
        stage.tell(Event::Ended(outcome));
        if self.probe_line().is_some_and(is_host) { self.probe_changes(stage) } else { Ok(()) }
    }

    /// Does something with the image. What it unpacks is the root from then on, which is an ingredient.
    fn image(&mut self, act: &Act, stage: &mut Stage<'_>) -> Result<()> {
        self.imaged = true;
        let mut recipe = self.recipe.clone();
        if *act == Act::Unpack {
            recipe.add(Ingredient::Rootfs(Tools::Image))?;
        }
        let outcome = live(stage, |world, ear| world.image(&recipe, act, ear))?;
        let worked = outcome.end == End::Exited(0);
        self.keep(&outcome);
        stage.tell(Event::Ended(outcome));
        let another_root = *act == Act::Unpack && worked;
        if another_root {
            self.recipe = recipe;
        }
        match act {
            Act::Show(_) | Act::Run(_) => Ok(()),
            _ if self.probe_line().is_some_and(is_host) => self.probe_changes(stage),
            _ if another_root => self.probe_again(stage).map(drop),
            _ => Ok(()),
        }
    }

    /// Makes the host agree with another recipe, and shows by the step's probe what that changed.
    fn change(&mut self, next: Recipe, added: Option<String>, stage: &mut Stage<'_>) -> Result<()> {
        match stage.compose(&next) {
            Ok(mut composed) => {
                // The limits are worth reading back when they changed, not with every ingredient.
                if next.group() == self.recipe.group() {
                    composed.limits.clear();
                }
                stage.tell(Event::Composed(composed));
            }
            Err(trouble) => return Err(self.undo(trouble, stage)),
        }
        let old = std::mem::replace(&mut self.recipe, next);
        self.tell_ids(&old, stage);
        if !self.probe_line().is_some_and(|probe| seen_by(probe, &old, &self.recipe, stage.world)) {
            return Ok(());
        }
        if added.is_none() && self.probe_line().is_some_and(is_host) {
            return self.probe_changes(stage);
        }
        let refused_before = self.at.as_ref().and_then(|at| at.visit.outcomes.last()).and_then(refused);
        match self.probe_again(stage) {
            Ok(after) => {
                let call = after.as_ref().and_then(refused).filter(|_| refused_before.is_none());
                if let (Some(line), Some(call)) = (added, call) {
                    self.recipe = old;
                    let trouble = self.restore(stage);
                    stage.note(format!("the kernel refused `{call}`, so `{line}` was taken out again"));
                    trouble?;
                }
                Ok(())
            }
            Err(trouble) => {
                self.recipe = old;
                Err(self.undo(trouble, stage))
            }
        }
    }

    /// Who is not root is told once, when it begins, what makes the rest possible and what the id maps mean.
    fn tell_ids(&self, old: &Recipe, stage: &mut Stage<'_>) {
        let machine = stage.world.machine();
        if adds_user_namespace(old, machine) || !adds_user_namespace(&self.recipe, machine) {
            return;
        }
        let (uid, gid) = (machine.euid, machine.egid);
        stage.note(format!(
            "you are not root, so rlab adds a user namespace, in which an ordinary user may do the rest. `0 {uid} 1` in \
             its uid_map says that user 0 inside is user {uid} on the host, and nobody else has a number there; \
             `0 {gid} 1` in gid_map says the same of the groups. `cat /proc/self/uid_map` shows it from inside where \
             there is a /proc"
        ));
    }

    /// The host is brought back to the recipe; what went wrong on the way back is told too.
    fn undo(&self, trouble: Trouble, stage: &mut Stage<'_>) -> Trouble {
        if let Err(second) = self.restore(stage) {
            stage.tell(Event::Trouble(second));
        }
        trouble
    }

    fn restore(&self, stage: &mut Stage<'_>) -> Result<()> {
        stage.compose(&self.recipe).map(drop)
    }

    /// The probe of the step.
    pub(super) fn probe_line(&self) -> Option<&Line> {
        self.at.as_ref().and_then(|at| at.step().probe.as_ref()).map(|probe| &probe.line)
    }

    /// What was taken out shows on the host where the probe has another answer now.
    fn probe_changes(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(now) = self.probe(stage)? else { return Ok(()) };
        let last = self.at.as_ref().and_then(|at| at.visit.shown.as_ref().or(at.visit.before.as_ref()));
        if last.is_none_or(|last| (&last.stdout, last.end) != (&now.stdout, now.end)) {
            self.show(&now, stage);
        }
        Ok(())
    }

    /// Runs the probe once more and tells before and after.
    fn probe_again(&mut self, stage: &mut Stage<'_>) -> Result<Option<Outcome>> {
        let Some(after) = self.probe(stage)? else { return Ok(None) };
        self.show(&after, stage);
        Ok(Some(after))
    }

    /// Tells the probe before and after.
    fn show(&mut self, after: &Outcome, stage: &mut Stage<'_>) {
        self.keep(after);
        let before = self.at.as_mut().and_then(|at| {
            at.visit.probed = true;
            at.visit.shown = Some(after.clone());
            at.visit.before.clone()
        });
        stage.tell(Event::BeforeAfter { before, after: after.clone() });
    }

    /// Before a step is judged done or not: where no ingredient has shown the probe, it is shown now. That nothing has
    /// changed is an answer too. Where it cannot run, the learner's own lines have said why.
    pub(super) fn last_look(&mut self, stage: &mut Stage<'_>) {
        if self.at.as_ref().is_some_and(|at| at.visit.shown.is_none()) {
            drop(self.probe_again(stage));
        }
    }

    /// Runs the probe without telling.
    pub(super) fn probe(&mut self, stage: &mut Stage<'_>) -> Result<Option<Outcome>> {
        let Some(at) = &self.at else { return Ok(None) };
        let lab = Rc::clone(&at.lab);
        let Some(probe) = &lab.steps[at.index].probe else { return Ok(None) };
        quiet_run(&self.recipe, &probe.line, stage)
    }

    /// What `recipe` tells the recipe for: the last command, or a shell.
    pub(super) fn shown_command(&self) -> Command {
        let text = self.last_command.clone().unwrap_or_else(|| "sh".to_owned());
        match Line::parse(&text) {
            Ok(Line::Run(command)) => command,
            _ => Command { argv: vec!["sh".to_owned()], text: "sh".to_owned() },
        }
    }
}

/// Runs a probe with nobody listening. Lines that launch nothing give no outcome.
pub(super) fn quiet_run(recipe: &Recipe, line: &Line, stage: &mut Stage<'_>) -> Result<Option<Outcome>> {
    let (world, mut tell) = stage.split();
    let ear: Listener<'_> = &mut |live| {
        if let Live::Working(work) = live {
            tell(Event::Working(work));
        }
    };
    match line {
        Line::Run(command) => world.run(recipe, command, ear).map(Some),
        Line::Host(script) => world.host(script, ear).map(Some),
        _ => Ok(None),
    }
}

/// Runs something and tells its calls and output as they come.
fn live(
    stage: &mut Stage<'_>,
    run: impl FnOnce(&mut dyn World, Listener<'_>) -> Result<Outcome>,
) -> Result<Outcome> {
    let (world, mut tell) = stage.split();
    let mut told = false;
    let mut streams = [Decoder::default(), Decoder::default()];
    let outcome = run(world, &mut |live| match live {
        Live::Calls(calls) => {
            told = true;
            tell(Event::Calls(calls.to_vec()));
        }
        Live::Output(bytes, stderr) => {
            let text = streams[usize::from(stderr)].push(bytes);
            if !text.is_empty() {
                tell(Event::Output { text, stderr });
            }
        }
        Live::Working(work) => tell(Event::Working(work)),
    })?;
    for (mut stream, stderr) in streams.into_iter().zip([false, true]) {
        let text = stream.finish();
        if !text.is_empty() {
            tell(Event::Output { text, stderr });
        }
    }
    if !told && !outcome.calls.is_empty() {
        tell(Event::Calls(outcome.calls.clone()));
    }
    Ok(outcome)
}

fn is_host(line: &Line) -> bool {
    matches!(line, Line::Host(_))
}

/// Whether a probe could tell the two recipes apart: its launch would be another one. A file system that is built but
/// not yet the root changes nothing for a process.
fn seen_by(probe: &Line, old: &Recipe, new: &Recipe, world: &dyn World) -> bool {
    let Line::Run(command) = probe else { return is_host(probe) && old != new };
    let plan = |recipe: &Recipe| {
        let mut plan = Plan::new(recipe, command, world.machine(), RootPlace::Directory).ok()?;
        let unused = recipe.root_change() == RootChange::None;
        plan.prepare.retain(|prepare| !(unused && matches!(prepare, Prepare::Rootfs(_))));
        Some(plan)
    };
    // A recipe that cannot be planned is worth running: the error says why.
    match (plan(old), plan(new)) {
        (Some(old), Some(new)) => old != new,
        _ => true,
    }
}

/// The call that the kernel refused, when the program was never reached. A program that is not there is not the
/// ingredient's fault.
fn refused(outcome: &Outcome) -> Option<String> {
    let End::Refused(_) = outcome.end else { return None };
    let call = outcome.calls.iter().rev().find(|call| matches!(call.result, CallResult::Errno(_)))?;
    (call.name != "execve").then(|| call.name.clone())
}
