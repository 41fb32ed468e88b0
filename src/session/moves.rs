//! Between steps and labs: begin, next, back, goto, reset, solve. A state that the learner did not make is rebuilt by
//! running the tested solutions of the steps before, quietly.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::{Exit, Result, Trouble};
use crate::lab::file::{Lab, LabLine, Need};
use crate::recipe::compose::Recipe;
use crate::recipe::image::Act;
use crate::recipe::line::Line;
use crate::recipe::outcome::Work;
use crate::session::event::{Event, Position};
use crate::session::progress::At;
use crate::session::shelf::{address, step_index};
use crate::session::stage::Stage;
use crate::session::visit::Visit;
use crate::session::walk::{InLab, Walk};
use crate::session::world::World;

/// SIGKILL, the only signal that PID 1 of a namespace cannot ignore.
const SIGKILL: i32 = 9;

impl Walk {
    /// Begins a lab, `LAB` or `LAB:STEP`.
    ///
    /// # Errors
    /// There is no such lab or step, its file is wrong, or the host could not be read. The learner stays where they
    /// are.
    pub fn start(&mut self, at: &str, world: &mut dyn World, tell: &mut dyn FnMut(Event)) -> Result<()> {
        self.start_at(at, &mut Stage::new(world, tell))
    }

    pub(super) fn start_at(&mut self, at: &str, stage: &mut Stage<'_>) -> Result<()> {
        let (lab, step) = address(at);
        let lab = Rc::new(self.shelf.lab(lab)?);
        let index = step.map_or(Ok(0), |step| step_index(&lab, step))?;
        // The same step once more is a new try of it.
        if self.at.as_ref().is_some_and(|at| at.lab.id != lab.id || at.index != index) {
            self.leaves_step(stage)?;
        }
        self.ahead = None;
        self.open(Rc::clone(&lab), stage)?;
        self.warn(&lab, stage);
        // Who names a step wants to see it, whatever this machine can do of it.
        let index = if step.is_some() { index } else { self.first_that_can(index, stage).unwrap_or(index) };
        self.arrive(index, stage)
    }

    /// What this machine cannot do of the lab is told before the learner looks for the fault in what they typed.
    fn warn(&mut self, lab: &Lab, stage: &mut Stage<'_>) {
        let (lacks, missing) = match lacks(lab, stage) {
            Ok(found) => found,
            Err(_) => {
                stage.note("interrupted: what this machine lacks for the lab was not tried to the end");
                return;
            }
        };
        if missing.is_empty() {
            return;
        }
        for trouble in missing {
            stage.tell(Event::Trouble(trouble));
        }
        let can = lacks.iter().filter(|lacking| lacking.is_none()).count();
        stage.note(match can {
            0 => {
                "you can look at the steps all the same: none of them will be done on this machine".to_owned()
            }
            _ => format!(
                "{can} of the {} steps can be done on this machine; `next` goes over the others",
                lacks.len()
            ),
        });
        // Where nothing can be done there is nothing to go over to.
        if let Some(at) = self.at.as_mut().filter(|_| can > 0) {
            at.lacks = lacks;
        }
    }

    /// The first step from here on that this machine can do. Those before it are told as left out.
    pub(super) fn first_that_can(&self, from: usize, stage: &mut Stage<'_>) -> Option<usize> {
        let at = self.at.as_ref()?;
        let position = |index| Position::of(&at.lab, at.number, index);
        let mut index = from;
        while let Some(trouble) = at.lacking(index) {
            let same = (index..at.lab.steps.len()).take_while(|index| at.lacking(*index) == Some(trouble));
            let steps: Vec<Position> = same.map(position).collect();
            index += steps.len();
            stage.tell(Event::StepsSkipped { steps, trouble: trouble.clone() });
        }
        (index < at.lab.steps.len()).then_some(index)
    }

    /// The lab that was promised begins.
    pub(super) fn go_ahead(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(At { lab, step }) = self.ahead.take() else { return Ok(()) };
        let Some(step) = step else { return self.start_at(&lab, stage) };
        // A step that a newer course no longer has is no reason to be stuck.
        self.start_at(&format!("{lab}:{step}"), stage).or_else(|_| self.start_at(&lab, stage))
    }

    /// Leaves the old lab and opens another one, before its `start` lines.
    pub(super) fn open(&mut self, lab: Rc<Lab>, stage: &mut Stage<'_>) -> Result<()> {
        self.clear(stage);
        let host_then = stage.world.host_state()?;
        let number = self.number(&lab.id);
        let visit = Visit::new(&lab.steps[0], self.now);
        stage.tell(Event::LabBegins {
            lab: lab.id.clone(),
            title: lab.title.clone(),
            number,
            minutes: lab.minutes,
            steps: lab.steps.len(),
        });
        self.at = Some(InLab { lab, number, index: 0, visit, lacks: Vec::new(), host_then, apart: false });
        Ok(())
    }

    /// From the lab's beginning to a step: its `start` lines are told when it is the first one.
    pub(super) fn arrive(&mut self, index: usize, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Ok(()) };
        let lab = Rc::clone(&at.lab);
        if index == 0 {
            // No step is on the page yet, so there is no probe to run and nothing to judge.
            let at = self.at.take();
            for line in &lab.start {
                self.told(line, stage);
            }
            self.at = at;
        } else {
            self.rebuild(index, stage);
        }
        self.enter(index, stage);
        Ok(())
    }

    /// A step begins with the state as it is.
    pub(super) fn enter(&mut self, index: usize, stage: &mut Stage<'_>) {
        let Some(at) = &mut self.at else { return };
        at.index = index;
        at.visit = Visit::new(&at.lab.steps[index], self.now);
        let step = at.step().clone();
        self.progress.at = Some(At { lab: at.lab.id.clone(), step: Some(step.id.clone()) });
        if let Some(position) = self.position() {
            stage.tell(Event::StepBegins {
                position,
                say: step.say,
                predict: step.predict,
                type_line: step.type_line,
                suggestion: self.suggestion(),
            });
        }
        // A probe that cannot run yet has nothing to show; the learner's own lines will say why.
        if let Ok(Some(before)) = self.probe(&mut stage.quiet()) {
            self.keep(&before);
            if let Some(at) = &mut self.at {
                at.visit.before = Some(before.clone());
            }
            stage.tell(Event::ProbedBefore(before));
        }
    }

    /// Runs one line of a lab as if it had been typed. Says whether it could be carried out.
    pub(super) fn told(&mut self, line: &LabLine, stage: &mut Stage<'_>) -> bool {
        stage.tell(Event::Line { prompt: self.prompt(), text: line.text.clone() });
        let done = match &line.line {
            Line::Walk(word) => self.look(word, stage).map(drop),
            line => self.carry(line, stage).map(drop),
        };
        self.tick(&line.line);
        match done {
            Ok(()) => true,
            Err(trouble) => {
                stage.tell(Event::Trouble(trouble));
                false
            }
        }
    }

    /// The state in which a step finds the machine, made by the tested solutions of the steps before it.
    fn rebuild(&mut self, index: usize, stage: &mut Stage<'_>) {
        let Some(at) = &self.at else { return };
        let mut stage = stage.quiet();
        let lines: Vec<LabLine> = at.lines_before(index).cloned().collect();
        let of = lines.len();
        for (at, line) in lines.iter().enumerate() {
            stage.working(Work::Rebuilding(at + 1, of, line.text.clone()));
            // The table changes nothing that stays.
            if !matches!(line.line, Line::Ablate) {
                self.unprobed(&line.line, &mut stage);
            }
            if self.interrupted {
                stage
                    .note("interrupted: the state of the earlier steps is not complete, `reset` starts over");
                break;
            }
        }
    }

    /// Carries out a line of an earlier step, without the probe of the step that is on the page.
    fn unprobed(&mut self, line: &Line, stage: &mut Stage<'_>) {
        let at = self.at.take();
        if let Err(trouble) = self.carry(line, stage) {
            stage.tell(Event::Trouble(trouble));
        }
        self.at = at;
    }

    /// Nothing of the learner's is left: background containers are killed, the recipe is empty.
    pub(super) fn clear(&mut self, stage: &mut Stage<'_>) {
        // One that has ended by itself is taken off the list the same way.
        for job in stage.world.jobs() {
            if let Err(trouble) = stage.world.kill(job.number, SIGKILL) {
                stage.tell(Event::Trouble(trouble));
            }
        }
        self.recipe = Recipe::default();
        if std::mem::take(&mut self.docked) {
            stage.world.forget_engine();
        }
        let composed = stage.compose(&self.recipe).map(drop);
        let forgotten = if std::mem::take(&mut self.imaged) {
            stage.world.image(&self.recipe, &Act::Remove, &mut |_| {}).map(drop)
        } else {
            Ok(())
        };
        for trouble in [composed, forgotten].into_iter().filter_map(Result::err) {
            stage.tell(Event::Trouble(trouble));
        }
        self.at = None;
    }

    /// `goto`, `back`, and `next` over a step that is not done: to a step of this lab, its state rebuilt.
    pub(super) fn jump(&mut self, index: usize, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Err(no_lab()) };
        let kept = at.clone();
        self.clear(stage);
        self.at = Some(kept);
        self.arrive(index, stage)
    }

    /// `next`.
    pub(super) fn next(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &mut self.at else { return Err(no_lab()) };
        let (index, done, last) = (at.index, at.visit.done, at.index + 1 == at.lab.steps.len());
        if !done && !std::mem::replace(&mut at.visit.warned, true) {
            stage.note(
                "this step is not done yet: `hint` helps, `check` says what is missing, `solve` does it for you, \
                 and `next` once more goes on without it",
            );
            return Ok(());
        }
        self.leaves_step(stage)?;
        let Some(at) = &self.at else { return Err(no_lab()) };
        let done = at.visit.done;
        let to = if last { None } else { self.first_that_can(index + 1, stage) };
        match (to, done) {
            (None, _) => {
                self.finish_lab(stage);
                if self.ahead.is_none() {
                    stage.note(
                        "that was the last lab: `labs` lists them all, and every line works here without one",
                    );
                }
                Ok(())
            }
            (Some(to), true) => {
                self.enter(to, stage);
                self.say_if_apart(stage);
                Ok(())
            }
            (Some(to), false) => self.jump(to, stage),
        }
    }

    /// A learner may come to a step by another way, or with more than it took. That is fine and mostly works; where it
    /// does not, they should know why. Said once.
    fn say_if_apart(&mut self, stage: &mut Stage<'_>) {
        let Some(at) = &self.at else { return };
        let mut own = Recipe::default();
        for line in at.lines_before(at.index) {
            // What the lab itself could not add or drop is not there.
            let _ = own.follow(&line.line);
        }
        let (own, mine) = (own.summary(), self.prompt());
        let apart = own != mine;
        if apart && !at.apart {
            stage.note(format!(
                "the lab goes on from `{own}` here, and yours is `{mine}`: where that does not work, `reset` brings \
                 you to the lab's"
            ));
        }
        if let Some(at) = &mut self.at {
            at.apart = apart;
        }
    }

    /// The lab is over: nothing of it stays, and the next one is ahead.
    pub(super) fn finish_lab(&mut self, stage: &mut Stage<'_>) {
        let Some(lab) = self.at.as_ref().map(|at| at.lab.id.clone()) else { return };
        self.clear(stage);
        let ids = self.shelf.ids();
        let next = ids.iter().position(|id| *id == lab).and_then(|n| ids.get(n + 1)).cloned();
        self.ahead = next.clone().map(|lab| At { lab, step: None });
        self.progress.at.clone_from(&self.ahead);
        stage.tell(Event::LabDone { lab, next });
    }

    /// `back`.
    pub(super) fn back(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Err(no_lab()) };
        let index = at.index.checked_sub(1).ok_or_else(|| {
            Trouble::usage("this is the first step of the lab")
                .hint("`labs` lists the labs, `start LAB` begins one")
        })?;
        self.leaves_step(stage)?;
        self.jump(index, stage)
    }

    /// `goto STEP`.
    pub(super) fn goto(&mut self, step: &str, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Err(no_lab()) };
        let index = step_index(&at.lab, step)?;
        if index != at.index {
            self.leaves_step(stage)?;
        }
        self.jump(index, stage)
    }

    /// `reset`: the step starts again, from the state in which it was found. Whatever the learner has tried meanwhile is
    /// gone.
    pub(super) fn reset(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        match (&self.at, &self.ahead) {
            (Some(at), _) => {
                let index = at.index;
                self.jump(index, stage)
            }
            (None, Some(_)) => self.go_ahead(stage),
            (None, None) => {
                self.clear(stage);
                stage.note("the recipe is empty again");
                Ok(())
            }
        }
    }

    /// `solve`: the lines of the solution that the learner has not run yet.
    pub(super) fn solve(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &mut self.at else { return Err(no_lab()) };
        if at.visit.done {
            stage.note("this step is done already: `next` goes on");
            return Ok(());
        }
        at.visit.solved_for = true;
        let lab = Rc::clone(&at.lab);
        let index = at.index;
        let open: Vec<usize> = (0..at.visit.ticked.len()).filter(|n| !at.visit.ticked[*n]).collect();
        // Everything was run and still something is missing: once more, from the first line.
        let lines = if open.is_empty() { (0..lab.steps[index].try_lines.len()).collect() } else { open };
        for line in lines {
            self.told(&lab.steps[index].try_lines[line], stage);
            if self.interrupted {
                return Ok(());
            }
        }
        self.last_look(stage);
        let verdicts = self.judge(stage)?;
        let complete = self.complete(&verdicts);
        stage.tell(Event::Judged(verdicts));
        if complete {
            self.finish_step(stage);
        } else {
            stage.note("the solution alone did not do it from this state: `goto` the step to rebuild it, then `solve`");
        }
        Ok(())
    }
}

/// Of each step why this machine cannot do it, and every need that it lacks for the lab, once.
pub(super) type Lacks = (Vec<Option<Trouble>>, Vec<Trouble>);

/// Tries what a lab needs.
///
/// # Errors
/// The learner has interrupted it: then nothing is known.
pub(super) fn lacks(lab: &Lab, stage: &mut Stage<'_>) -> Result<Lacks> {
    let mut found: BTreeMap<Need, Trouble> = BTreeMap::new();
    for need in lab.all_needs() {
        stage.quiet().working(Work::Trying(need.name().to_owned()));
        match stage.world.can(need) {
            Err(trouble) if trouble.exit == Exit::Interrupted => return Err(trouble),
            Err(trouble) => drop(found.insert(need, trouble)),
            Ok(()) => {}
        }
    }
    let of = |index| lab.needs_of_step(index).iter().find_map(|need| found.get(need)).cloned();
    let steps = (0..lab.steps.len()).map(of).collect();
    Ok((steps, found.into_values().collect()))
}

/// A word that needs a lab, where there is none.
pub(super) fn no_lab() -> Trouble {
    Trouble::usage("you are in no lab").hint("`labs` lists them, `start LAB` begins one")
}
