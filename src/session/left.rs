//! A step that a script leaves. A learner asks with `check`; of a script the step is judged without being asked, while
//! what its lines made is still there.

use crate::error::Result;
use crate::session::event::Event;
use crate::session::stage::Stage;
use crate::session::walk::Walk;
use crate::session::world::World;

impl Walk {
    /// Whether the step on the page is to be judged when the next line leaves it: a script has tried something there.
    pub const fn judge_when_left(&mut self, tried: bool) {
        self.judged_when_left = tried;
    }

    /// Judges the step on the page, where a script ends in it. `shown` is whether its last line has shown the checks.
    pub fn leave_step(&mut self, shown: bool, world: &mut dyn World, tell: &mut dyn FnMut(Event)) {
        let stage = &mut Stage::new(world, tell);
        if let Err(trouble) = self.judge_left(shown, stage) {
            stage.tell(Event::Trouble(trouble));
        }
    }

    /// The step on the page is about to be left for another one.
    pub(super) fn leaves_step(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        if std::mem::take(&mut self.judged_when_left) { self.judge_left(false, stage) } else { Ok(()) }
    }

    fn judge_left(&mut self, shown: bool, stage: &mut Stage<'_>) -> Result<()> {
        if self.at.as_ref().is_none_or(|at| at.visit.done) {
            return Ok(());
        }
        let verdicts = self.judge(stage)?;
        let complete = self.complete(&verdicts);
        let why = self.undone(&verdicts, true);
        if complete {
            self.last_look(stage);
        }
        if complete || !shown {
            stage.tell(Event::Judged(verdicts));
        }
        if complete {
            self.finish_step(stage);
        } else {
            stage.tell(Event::StepFailed(why));
        }
        Ok(())
    }
}
