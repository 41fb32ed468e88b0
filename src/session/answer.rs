//! The prediction: what the learner says before, and how it came out. It never blocks.

use crate::error::{Result, Trouble};
use crate::lab::file::{Answer, Measure, Predict};
use crate::recipe::outcome::{Outcome, Place};
use crate::session::event::{Event, Graded};
use crate::session::stage::Stage;
use crate::session::visit::Said;
use crate::session::walk::Walk;

impl Walk {
    /// The prediction that can still be answered.
    pub(super) fn open_question(&self) -> Option<&Predict> {
        let at = self.at.as_ref().filter(|at| !at.visit.done)?;
        at.step().predict.as_ref()
    }

    /// How many answers the prediction offers that can still be answered, for completion; 0 where it wants a number.
    pub fn answers(&self) -> usize {
        self.open_question().map_or(0, |question| question.choices.len())
    }

    /// A line that is only a number, while a prediction is open.
    pub(super) fn bare_answer<'t>(&self, text: &'t str) -> Option<&'t str> {
        let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (number && self.open_question().is_some()).then_some(text)
    }

    /// Takes an answer down.
    pub(super) fn predict(&mut self, text: &str, stage: &mut Stage<'_>) -> Result<()> {
        let Some(question) = self.open_question() else {
            return Err(Trouble::usage("nothing is to be predicted now")
                .hint("a step asks before it is done; `next` goes on"));
        };
        let said = read(question, text)?;
        stage.tell(Event::Predicted { said: said.text.clone() });
        if let Some(at) = &mut self.at {
            at.visit.said = Some(said);
        }
        Ok(())
    }

    /// Compares what was said with what is right.
    pub(super) fn grade(&self) -> Option<Graded> {
        let at = self.at.as_ref()?;
        let said = at.visit.said.clone()?;
        let question = at.step().predict.as_ref()?;
        let (right, agrees, close) = match question.answer {
            Answer::Choice(n) => {
                let right = question.choices.get(n.checked_sub(1)?)?.clone();
                (right, u64::try_from(n).is_ok_and(|n| n == said.number), false)
            }
            Answer::Measured(measure) => {
                let value = at.visit.outcomes.iter().rev().find_map(|outcome| measured(measure, outcome))?;
                let agrees = value == said.number;
                // Nobody counts a living machine's processes in advance: near is good enough to be told so.
                let close = !agrees && counts(measure) && value.abs_diff(said.number) <= value / 10;
                (value.to_string(), agrees, close)
            }
        };
        Some(Graded { said: said.text, right, agrees, close })
    }
}

/// Reads an answer.
fn read(question: &Predict, text: &str) -> Result<Said> {
    let number = text.parse::<u64>().ok();
    if question.choices.is_empty() {
        return number.map(|number| Said { number, text: number.to_string() }).ok_or_else(|| {
            Trouble::usage(format!("`{text}` is not a number")).hint("type a whole number, such as 1")
        });
    }
    let index = number.and_then(|n| usize::try_from(n).ok()).and_then(|n| n.checked_sub(1));
    match (number, index.and_then(|n| question.choices.get(n))) {
        (Some(number), Some(choice)) => Ok(Said { number, text: choice.clone() }),
        _ => {
            let choices: Vec<String> = question
                .choices
                .iter()
                .enumerate()
                .map(|(n, choice)| format!("{} {choice}", n + 1))
                .collect();
            Err(Trouble::usage(format!("`{text}` is not one of the answers"))
                .hint(format!("type a number: {}", choices.join(", "))))
        }
    }
}

/// Whether the number is a count, of which one can be nearly right. A status or a process id is right or not.
const fn counts(measure: Measure) -> bool {
    matches!(measure, Measure::ProcessesSeen | Measure::OomKill)
}

/// The number that an outcome shows.
pub fn measured(measure: Measure, outcome: &Outcome) -> Option<u64> {
    if outcome.place != Place::Inside {
        return None;
    }
    match measure {
        Measure::ProcessesSeen => outcome.seen.as_ref()?.processes.map(u64::from),
        Measure::PidInside => u64::try_from(outcome.seen.as_ref()?.pid_inside()).ok(),
        Measure::Status => u64::try_from(outcome.end.status(&outcome.calls)?).ok(),
        Measure::OomKill => {
            let memory = outcome.memory.as_ref()?;
            Some(memory.oom_kill_after.saturating_sub(memory.oom_kill_before))
        }
    }
}
