//! The state machine of a learner who walks through a lab.
//!
//! A line comes in, the world does the real thing, and everything worth telling goes out as [`Event`]s. The walk never
//! ends by itself because of an error: it is told, and the next line is read.

use std::rc::Rc;

use crate::error::{Result, Trouble};
use crate::lab::check::{Evidence, Verdict};
use crate::lab::file::{Lab, LabLine, Step};
use crate::recipe::compose::Recipe;
use crate::recipe::line::{Line, LineError, Word};
use crate::recipe::outcome::{End, HostState, Outcome};
use crate::session::event::{Event, Position, Undone};
use crate::session::progress::{At, Progress};
use crate::session::seen::Judged;
use crate::session::shelf::Shelf;
use crate::session::stage::Stage;
use crate::session::visit::Visit;
use crate::session::world::World;

/// Characters of a refused word that are quoted.
const WORD_SHOWN: usize = 60;

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Another line, please.
    Continue,
    /// The learner wants to leave.
    Quit,
}

/// Milliseconds after which a learner is taken to have left the table: five minutes.
const PAUSE: u64 = 5 * 60 * 1000;

/// A learner's walk: the course, the recipe, the step, the progress.
pub struct Walk {
    pub(super) shelf: Box<dyn Shelf>,
    pub(super) recipe: Recipe,
    /// The lab in which the learner stands; `None` in `play` and between two labs.
    pub(super) at: Option<InLab>,
    /// The lab that the next line begins, so that nothing is done before the learner has pressed a key.
    pub(super) ahead: Option<At>,
    pub(super) progress: Progress,
    /// The last command that was run inside, for `recipe`.
    pub(super) last_command: Option<String>,
    /// Whether the container engine was asked for something.
    pub(super) docked: bool,
    /// Whether something was done with an image, so that there may be one.
    pub(super) imaged: bool,
    /// Whether the learner interrupted the last outcome.
    pub(super) interrupted: bool,
    /// Milliseconds since 1970, as the frontend said last; 0 where it never did.
    pub(super) now: u64,
    /// The number under which attempts are kept.
    session: u32,
    /// How checks were judged last, for whoever sits beside the learner.
    pub(super) judged: Option<Judged>,
    /// Whether the step on the page is judged when it is left.
    pub(super) judged_when_left: bool,
}

/// A lab under way.
#[derive(Clone)]
pub(super) struct InLab {
    pub(super) lab: Rc<Lab>,
    /// Number in the course, from 1, and how many there are.
    pub(super) number: Option<(usize, usize)>,
    /// The step, from 0.
    pub(super) index: usize,
    pub(super) visit: Visit,
    /// Of each step, why this machine cannot do it, where that was found out.
    pub(super) lacks: Vec<Option<Trouble>>,
    /// The host before the lab's `start` lines.
    pub(super) host_then: HostState,
    /// Whether the learner's recipe is another than the lab's own, and that was said.
    pub(super) apart: bool,
}

impl InLab {
    pub(super) fn step(&self) -> &Step {
        &self.lab.steps[self.index]
    }

    /// Why this machine cannot do a step.
    pub(super) fn lacking(&self, index: usize) -> Option<&Trouble> {
        self.lacks.get(index).and_then(Option::as_ref)
    }

    /// The lines that come before a step: those of `start`, and the solutions of the steps that this machine can do.
    pub(super) fn lines_before(&self, index: usize) -> impl Iterator<Item = &LabLine> {
        let steps = self.lab.steps.iter().enumerate().take(index);
        let can = steps.filter(|(index, _)| self.lacking(*index).is_none());
        self.lab.start.iter().chain(can.flat_map(|(_, step)| &step.try_lines))
    }
}

impl Walk {
    /// A walk with no lab: every line works, nothing is asked.
    pub fn play(shelf: Box<dyn Shelf>) -> Self {
        Self {
            shelf,
            recipe: Recipe::default(),
            at: None,
            ahead: None,
            progress: Progress::default(),
            last_command: None,
            docked: false,
            imaged: false,
            interrupted: false,
            now: 0,
            session: 0,
            judged: None,
            judged_when_left: false,
        }
    }

    /// A walk that goes on where the learner left off, or begins with the first lab. The lab begins with the first
    /// line: until then nothing is read and nothing is done.
    pub fn resume(shelf: Box<dyn Shelf>, progress: Progress) -> Self {
        let ids = shelf.ids();
        let ahead = progress
            .at
            .clone()
            .filter(|at| ids.contains(&at.lab))
            .or_else(|| ids.into_iter().next().map(|lab| At { lab, step: None }));
        Self { ahead, progress, ..Self::play(shelf) }
    }

    /// What is remembered from one session to the next.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Takes up what was remembered, without going anywhere.
    #[must_use]
    pub fn remembering(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// The number under which attempts are kept, so that two sessions at once do not take theirs for the other's.
    #[must_use]
    pub fn known_as(mut self, session: u32) -> Self {
        self.session = session;
        self
    }

    /// What is kept now, by this session and by others.
    pub fn absorb(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// The time, in milliseconds since 1970: before each line and after it. What has passed since the last time was
    /// spent in the step, unless it was a pause.
    pub fn clock(&mut self, now: u64) {
        let passed = now.saturating_sub(self.now).min(PAUSE);
        if std::mem::replace(&mut self.now, now) == 0 {
            return;
        }
        if let Some(at) = self.at.as_mut().filter(|at| !at.visit.done) {
            at.visit.millis += passed;
        }
        self.remember();
    }

    /// Remembers how far the learner has come in the step. Once it is done, that stands.
    pub(super) fn remember(&mut self) {
        let Some(at) = self.at.as_ref().filter(|at| !at.visit.done) else { return };
        if let Some(attempt) = at.visit.attempt(self.session, None) {
            self.progress.note(&at.lab.id, &at.step().id, attempt);
        }
    }

    /// The learner has had a line carried out, well or not. To look at what is there is no try.
    fn tried(&mut self, line: &Line) {
        if matches!(line, Line::Recipe | Line::Jobs | Line::Peek(_) | Line::Inspect(_)) {
            return;
        }
        if let Some(at) = self.at.as_mut().filter(|at| !at.visit.done) {
            at.visit.tries = at.visit.tries.saturating_add(1);
        }
    }

    /// The short name of the recipe, for the prompt.
    pub fn prompt(&self) -> String {
        self.recipe.summary()
    }

    /// The recipe as it is.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Whether the learner interrupted the last thing that ran.
    pub const fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// Whether the step in which the learner stands is done; `None` outside a lab.
    pub fn step_done(&self) -> Option<bool> {
        self.at.as_ref().map(|at| at.visit.done)
    }

    /// Ids of the steps of the lab in which the learner stands, for completion.
    pub fn step_ids(&self) -> Vec<String> {
        self.at.iter().flat_map(|at| &at.lab.steps).map(|step| step.id.clone()).collect()
    }

    /// Ids of the labs, for completion.
    pub fn lab_ids(&self) -> Vec<String> {
        self.shelf.ids()
    }

    /// The line that an empty one stands for, shown as ghost text.
    pub fn suggestion(&self) -> Option<String> {
        if let Some(At { lab, step }) = &self.ahead {
            return Some(match step {
                Some(step) => format!("start {lab}:{step}"),
                None => format!("start {lab}"),
            });
        }
        let at = self.at.as_ref()?;
        if at.visit.done {
            // The checks hold, but the solution may have more to show.
            let more = at.visit.open_after_last();
            return Some(more.map_or_else(|| "next".to_owned(), |n| at.step().try_lines[n].text.clone()));
        }
        let open = at.visit.first_open();
        Some(open.map_or_else(|| "check".to_owned(), |n| at.step().try_lines[n].text.clone()))
    }

    /// Where the learner stands.
    pub fn position(&self) -> Option<Position> {
        let at = self.at.as_ref()?;
        Some(Position::of(&at.lab, at.number, at.index))
    }

    /// Number of a lab in the course, from 1, and how many there are.
    pub(super) fn number(&self, lab: &str) -> Option<(usize, usize)> {
        let ids = self.shelf.ids();
        ids.iter().position(|id| id == lab).map(|n| (n + 1, ids.len()))
    }

    /// Carries out one typed line and tells what happened.
    pub fn line(&mut self, text: &str, world: &mut dyn World, tell: &mut dyn FnMut(Event)) -> Flow {
        self.interrupted = false;
        let stage = &mut Stage::new(world, tell);
        let flow = self.read(text.trim(), stage);
        self.remember();
        flow.unwrap_or_else(|trouble| {
            stage.tell(Event::Trouble(trouble));
            Flow::Continue
        })
    }

    /// Whether a line that nobody has seen yet begins the lab ahead: then the page stands above it, as above every
    /// line of a learner's. A line that does no more than go there stands above what it brings.
    pub fn begins_with(&self, text: &str) -> bool {
        let line = Line::parse(text.trim());
        self.ahead.is_some()
            && line.is_ok_and(|line| {
                begins(&line) && !matches!(line, Line::Empty | Line::Walk(Word::Next | Word::Goto(_)))
            })
    }

    /// Begins the lab ahead.
    ///
    /// # Errors
    /// Its file is wrong, or the host could not be read.
    pub fn begin(&mut self, world: &mut dyn World, tell: &mut dyn FnMut(Event)) -> Result<()> {
        self.go_ahead(&mut Stage::new(world, tell))
    }

    /// Leaves: background containers are killed and what stands on the host is taken away.
    pub fn leave(&mut self, world: &mut dyn World, tell: &mut dyn FnMut(Event)) {
        self.clear(&mut Stage::new(world, tell));
    }

    fn read(&mut self, text: &str, stage: &mut Stage<'_>) -> Result<Flow> {
        if let Some(number) = self.bare_answer(text) {
            self.predict(number, stage)?;
            return Ok(Flow::Continue);
        }
        let line = parse(text)?;
        if let (Some(ahead), Line::Walk(Word::Goto(step))) = (&self.ahead, &line) {
            let at = format!("{}:{step}", ahead.lab);
            self.start_at(&at, stage)?;
            return Ok(Flow::Continue);
        }
        if self.ahead.is_some() && begins(&line) {
            self.go_ahead(stage)?;
            // The key that brought the learner here has done its work.
            if matches!(line, Line::Empty | Line::Walk(Word::Next)) {
                return Ok(Flow::Continue);
            }
        }
        match line {
            // A comment is not a wish for the suggestion.
            Line::Empty if !text.is_empty() => Ok(Flow::Continue),
            Line::Empty => self.suggested(stage),
            Line::Walk(word) => self.word(&word, stage),
            line => {
                self.tried(&line);
                if self.carry(&line, stage)? {
                    self.after(&line, stage)?;
                }
                Ok(Flow::Continue)
            }
        }
    }

    /// An empty line: the suggestion, told as if it had been typed.
    fn suggested(&mut self, stage: &mut Stage<'_>) -> Result<Flow> {
        let Some(text) = self.suggestion() else { return Ok(Flow::Continue) };
        stage.tell(Event::Line { prompt: self.prompt(), text: text.clone() });
        match parse(&text)? {
            Line::Walk(word) => self.word(&word, stage),
            line => {
                self.tried(&line);
                let done = self.carry(&line, stage);
                // Ticked even when it failed, or an empty line would try the same for ever.
                self.tick(&line);
                if done? {
                    self.judge_quietly(stage)?;
                }
                Ok(Flow::Continue)
            }
        }
    }

    /// After a line that did something.
    fn after(&mut self, line: &Line, stage: &mut Stage<'_>) -> Result<()> {
        self.tick(line);
        self.judge_quietly(stage)
    }

    pub(super) fn tick(&mut self, line: &Line) {
        if let Some(at) = &mut self.at {
            let lab = Rc::clone(&at.lab);
            at.visit.tick(&lab.steps[at.index], line);
        }
    }

    /// Keeps an outcome as evidence of the step.
    pub(super) fn keep(&mut self, outcome: &Outcome) {
        self.interrupted |= outcome.interrupted;
        if let Some(at) = &mut self.at {
            at.visit.keep(outcome.clone());
        }
    }

    /// The verdicts of the step's checks now; empty outside a lab.
    pub(super) fn judge(&mut self, stage: &mut Stage<'_>) -> Result<Vec<Verdict>> {
        self.look_again(stage);
        let Some(at) = &self.at else { return Ok(Vec::new()) };
        let jobs = stage.world.jobs();
        let host_now = stage.world.host_state()?;
        let evidence = Evidence {
            outcomes: &at.visit.outcomes,
            jobs: &jobs,
            host_then: &at.host_then,
            host_now: &host_now,
            ablation: at.visit.ablation.as_ref(),
        };
        let verdicts: Vec<Verdict> = at.step().checks.iter().map(|check| check.judge(&evidence)).collect();
        self.note_judged(&verdicts);
        Ok(verdicts)
    }

    /// Containers of this step that live are looked at once more: what somebody did to them since, from the host or from
    /// inside, is as good as what they were born with.
    fn look_again(&mut self, stage: &mut Stage<'_>) {
        let Some(at) = self.at.as_mut().filter(|at| at.visit.outcomes.iter().any(|o| o.job.is_some())) else {
            return;
        };
        let map = stage.world.map();
        for container in map.containers {
            let pid = container.job.seen.pid;
            let last = at.visit.outcomes.iter().rfind(|outcome| {
                outcome.job == Some(container.job.number)
                    && outcome.seen.as_ref().is_some_and(|s| s.pid == pid)
            });
            let Some(last) = last else { continue };
            let its = map.groups.iter().filter(|group| group.state.members.contains(&pid));
            let limits = its.flat_map(|group| group.limits.iter().filter(|limit| limit.number.is_some()));
            let limits: Vec<_> = limits.cloned().collect();
            if last.seen.as_ref() != Some(&container.job.seen) || last.limits != limits {
                let now =
                    Outcome { seen: Some(container.job.seen), limits, end: End::Running, ..last.clone() };
                at.visit.keep(now);
            }
        }
    }

    /// Judges without a word, until all checks hold for the first time.
    pub(super) fn judge_quietly(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        if self.at.as_ref().is_none_or(|at| at.visit.done) {
            return Ok(());
        }
        let verdicts = self.judge(stage)?;
        if self.complete(&verdicts) {
            self.last_look(stage);
            stage.tell(Event::Judged(verdicts));
            self.finish_step(stage);
        }
        Ok(())
    }

    /// Whether the step is complete. A step without checks is complete when its solution was carried out.
    pub(super) fn complete(&self, verdicts: &[Verdict]) -> bool {
        let tried = self.at.as_ref().is_some_and(|at| at.visit.first_open().is_none());
        verdicts.iter().all(|v| v.pass) && (!verdicts.is_empty() || tried)
    }

    /// Why the step is not complete; `carried` is whether every line was carried out.
    pub(super) fn undone(&self, verdicts: &[Verdict], carried: bool) -> Undone {
        if self.interrupted {
            Undone::Interrupted
        } else if verdicts.iter().any(|verdict| !verdict.pass) {
            Undone::Check
        } else if !carried {
            Undone::Line
        } else {
            Undone::Solution
        }
    }

    /// The step is done: the prediction is graded, why is told, and it is remembered.
    pub(super) fn finish_step(&mut self, stage: &mut Stage<'_>) {
        let graded = self.grade();
        let Some(at) = &mut self.at else { return };
        at.visit.done = true;
        if let Some(attempt) = at.visit.attempt(self.session, graded.as_ref()) {
            self.progress.note(&at.lab.id, &at.lab.steps[at.index].id, attempt);
        }
        let (why, solved_for) = (at.step().why.clone(), at.visit.solved_for);
        let step = (at.index + 1, at.lab.steps.len());
        self.progress.finish(&at.lab.id, &at.lab.steps[at.index].id);
        stage.tell(Event::StepDone { step, graded, why, solved_for });
    }
}

/// Whether a line needs the lab ahead to have begun.
fn begins(line: &Line) -> bool {
    !matches!(
        line,
        Line::Walk(Word::Start(_) | Word::Labs | Word::Help(_) | Word::Quit | Word::Status | Word::Reset)
    )
}

/// Reads a line of the grammar.
pub(super) fn parse(text: &str) -> Result<Line> {
    Line::parse(text).map_err(|error| refused(text, error))
}

/// A line that the grammar refuses, told with the place where it went wrong.
fn refused(text: &str, error: LineError) -> Trouble {
    let mut trouble = Trouble::usage(error.what.clone());
    let rest = text.get(error.at..).unwrap_or_default();
    let word = rest.split_whitespace().next().unwrap_or_default();
    // One word is its own place; so is a word that the message names.
    if !word.is_empty() && error.at > 0 && !error.what.contains(word) {
        // A word without end (a paste) is told by its beginning.
        let (shown, rest) =
            word.split_at(word.char_indices().nth(WORD_SHOWN).map_or(word.len(), |(at, _)| at));
        let more = if rest.is_empty() { "" } else { "…" };
        let column = text[..error.at].chars().count() + 1;
        trouble = trouble.because(format!("at `{shown}{more}`, column {column}"));
    }
    trouble.hint = error.hint;
    trouble
}
