//! What of a session is reported to the board: names and numbers from what the walk tells. The learner's lines, their
//! output and the machine's own names are in none of it.

use crate::recipe::errno;
use crate::recipe::outcome::{End, Outcome, Place};
use crate::session::event::Event;
use crate::session::seen::{Judged, Seen};
use crate::session::walk::Walk;
use crate::workshop::wire::What;

/// Listens to one line after the other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    before: Option<Seen>,
    place: Option<(String, String)>,
    whats: Vec<What>,
    predicted: bool,
    /// How a prediction came out that had to be measured.
    agrees: Option<bool>,
}

impl Watch {
    /// A line is about to be carried out.
    pub(super) fn begins(&mut self, walk: &Walk) {
        self.before = walk.seen();
    }

    /// Something is told.
    pub(super) fn hears(&mut self, event: &Event) {
        match event {
            Event::StepBegins { position, .. } => {
                let (lab, step) = (position.lab.clone(), position.step.clone());
                self.place = Some((lab.clone(), step.clone()));
                self.whats.push(What::Step { lab, step });
            }
            Event::LabDone { .. } => self.place = None,
            Event::Hint { number, of, .. } => {
                let (hint, of) = (small(*number), small(*of));
                self.push(|lab, step| What::Hint { lab, step, hint, of });
            }
            Event::Predicted { .. } => self.predicted = true,
            Event::StepDone { graded: Some(graded), .. } => self.agrees = Some(graded.agrees),
            Event::Ended(outcome) | Event::BeforeAfter { after: outcome, .. } => self.refused(outcome),
            Event::Trouble(trouble) => {
                if let Some(refusal) = &trouble.refusal {
                    let (errno, call) = (refusal.errno.clone(), refusal.call.clone());
                    self.push(|lab, step| What::Errno { lab, step, errno, call });
                }
            }
            _ => {}
        }
    }

    /// The line was carried out: what there is to report of it, in order.
    pub(super) fn ended(&mut self, walk: &mut Walk) -> Vec<What> {
        let (before, after, judged) = (self.before.take(), walk.seen(), walk.take_judged());
        let mut whats = std::mem::take(&mut self.whats);
        if let Some(after) = &after {
            let earlier =
                before.as_ref().filter(|before| same(before, after)).map_or(0, |before| before.tries);
            if after.tries > earlier {
                // Before what came of it.
                let step = whats.iter().rposition(|what| matches!(what, What::Step { .. }));
                let from = step.map_or(0, |step| step + 1);
                let came = whats.iter().skip(from).position(|what| matches!(what, What::Errno { .. }));
                let (lab, step, tries) = (after.lab.clone(), after.step.clone(), after.tries);
                whats.insert(from + came.unwrap_or(0), What::Tried { lab, step, tries });
            }
        }
        let (said, agrees) = (std::mem::take(&mut self.predicted), self.agrees.take());
        let answered = |right: Option<bool>| {
            let after = after.as_ref()?;
            let (choice, known) = after.predicted?;
            let (lab, step) = (after.lab.clone(), after.step.clone());
            Some((
                What::Predicted { lab, step, choice: u32::try_from(choice).ok()?, right: right.or(known) },
                known,
            ))
        };
        whats.extend(answered(None).filter(|_| said).map(|(what, _)| what));
        if let Some(Judged { lab, step, failed }) = judged {
            let failed: Vec<u32> = failed.into_iter().map(small).collect();
            whats.push(What::Verdict { lab, step, passed: failed.is_empty(), failed });
        }
        // What was measured is known only now.
        let measured = agrees.and_then(|agrees| answered(Some(agrees)));
        whats.extend(measured.filter(|(_, known)| known.is_none()).map(|(what, _)| what));
        whats
    }

    fn push(&mut self, what: impl FnOnce(String, String) -> What) {
        if let Some((lab, step)) = self.place.clone() {
            self.whats.push(what(lab, step));
        }
    }

    fn refused(&mut self, outcome: &Outcome) {
        let last = outcome.calls.iter().rev().find_map(|call| Some((call.errno()?, call.name.clone())));
        if let (End::Refused(_), Place::Inside, Some((errno, call))) = (outcome.end, outcome.place, last) {
            self.push(|lab, step| What::Errno { lab, step, errno: errno::name(errno), call });
        }
    }
}

fn same(one: &Seen, other: &Seen) -> bool {
    (&one.lab, &one.step, one.began) == (&other.lab, &other.step, other.began)
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
