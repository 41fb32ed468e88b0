//! A lab's own solution, carried out from end to end by the same code as a learner's lines.

use std::rc::Rc;

use crate::error::{Exit, Result, Trouble};
use crate::lab::file::Lab;
use crate::session::event::Event;
use crate::session::moves::lacks;
use crate::session::shelf::{address, step_index};
use crate::session::stage::Stage;
use crate::session::walk::Walk;
use crate::session::world::World;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Steps whose checks all held.
    pub passed: usize,
    /// Steps with a check that failed.
    pub failed: usize,
    /// Steps that were left out, because this machine cannot.
    pub left_out: usize,
    /// Why the lab was left out, if it was: this machine can do none of its steps.
    pub skipped: Option<Trouble>,
    /// Whether the learner interrupted it.
    pub interrupted: bool,
}

impl Walk {
    /// Replays a lab, `LAB` or `LAB:STEP` (from that step on). Nothing is left on the host afterwards.
    ///
    /// # Errors
    /// There is no such lab or step, its file is wrong, or the host could not be read.
    pub fn replay(
        &mut self,
        at: &str,
        world: &mut dyn World,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Summary> {
        let stage = &mut Stage::new(world, tell);
        let (lab, step) = address(at);
        let lab = Rc::new(self.shelf.lab(lab)?);
        let first = step.map_or(Ok(0), |step| step_index(&lab, step))?;
        self.interrupted = false;
        let lacks = match found(&lab, first, stage) {
            Ok(lacks) => lacks,
            Err(trouble) => {
                let interrupted = trouble.exit == Exit::Interrupted;
                let skipped = Some(trouble).filter(|_| !interrupted);
                return Ok(Summary { skipped, interrupted, ..Summary::default() });
            }
        };
        let mut summary = Summary::default();
        self.open(Rc::clone(&lab), stage)?;
        if let Some(at) = &mut self.at {
            at.lacks.clone_from(&lacks);
        }
        summary.left_out = lacks.iter().skip(first).flatten().count();
        let (mut next, mut arrived) = (self.first_that_can(first, stage), false);
        while let Some(index) = next {
            if std::mem::replace(&mut arrived, true) {
                self.enter(index, stage);
            } else {
                self.arrive(index, stage)?;
            }
            if self.replay_step(stage)? {
                summary.passed += 1;
            } else {
                summary.failed += 1;
            }
            if self.interrupted {
                summary.interrupted = true;
                break;
            }
            next = self.first_that_can(index + 1, stage);
        }
        self.finish_lab(stage);
        // What comes next is for a learner, not for a replay.
        self.ahead = None;
        Ok(summary)
    }

    /// What the machine lacks for all of a lab, told as a lab that is left out.
    ///
    /// # Errors
    /// There is no such lab, or its file is wrong.
    pub fn lacking(
        &mut self,
        at: &str,
        world: &mut dyn World,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Option<Trouble>> {
        let lab = self.shelf.lab(address(at).0)?;
        Ok(found(&lab, 0, &mut Stage::new(world, tell)).err())
    }

    /// Runs the solution of the step on the page and judges it. A line that could not be carried out is a failure,
    /// whatever the checks say: a tested solution has none.
    fn replay_step(&mut self, stage: &mut Stage<'_>) -> Result<bool> {
        let Some(at) = &self.at else { return Ok(false) };
        let (lab, index) = (Rc::clone(&at.lab), at.index);
        let mut carried = true;
        for line in &lab.steps[index].try_lines {
            carried &= self.told(line, stage);
            if self.interrupted {
                break;
            }
        }
        if !self.interrupted {
            self.last_look(stage);
        }
        let verdicts = self.judge(stage)?;
        let complete = carried && !self.interrupted && self.complete(&verdicts);
        let why = self.undone(&verdicts, carried);
        stage.tell(Event::Judged(verdicts));
        if complete {
            self.finish_step(stage);
        } else {
            stage.tell(Event::StepFailed(why));
        }
        Ok(complete)
    }
}

/// Of each step why this machine cannot do it.
///
/// # Errors
/// It can do none from this one on, told as a lab that is left out; or the learner has interrupted it.
fn found(lab: &Lab, from: usize, stage: &mut Stage<'_>) -> Result<Vec<Option<Trouble>>> {
    let (lacks, _) = lacks(lab, stage)?;
    let first = lacks.get(from).cloned().flatten();
    let Some(trouble) = first.filter(|_| lacks.iter().skip(from).all(Option::is_some)) else {
        return Ok(lacks);
    };
    stage.tell(Event::LabSkipped { lab: lab.id.clone(), title: lab.title.clone(), trouble: trouble.clone() });
    Err(trouble)
}
