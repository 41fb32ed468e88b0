//! `rlab progress`: how far a learner has come, and how: a table a lab, and the same as JSON.

use serde::Serialize;

use super::document::{Line, Look, Role, Sign, Text};
use super::pen::{MARGIN, Pen, counted};
use super::wrap;
use crate::session::progress::{Agreement, At, Attempt, Progress as Kept, Solver, Tally};

/// Version of the JSON; it rises when a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// The whole of `rlab progress --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// [`FORMAT`].
    pub format: u32,
    /// Lab and step in which the learner stands.
    pub at: Option<At>,
    /// The labs, in the order of the course; then those that the course does not have.
    pub labs: Vec<LabProgress>,
}

/// One lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabProgress {
    /// Its id.
    pub id: String,
    /// Its title; the id of a lab that the course does not have.
    pub title: String,
    /// How many of its steps are done.
    pub done: usize,
    /// Its steps, in order.
    pub steps: Vec<StepProgress>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepProgress {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether it is done.
    pub done: bool,
    /// How it was gone through, oldest first.
    pub attempts: Vec<Attempt>,
    #[serde(skip)]
    tally: Option<Tally>,
}

impl Progress {
    /// Nothing but the place.
    pub fn new(at: Option<At>) -> Self {
        Self { format: FORMAT, at, labs: Vec::new() }
    }

    /// A lab with its steps, (id, title) each.
    pub fn lab(&mut self, id: &str, title: &str, steps: &[(String, String)], kept: &Kept) {
        let steps: Vec<StepProgress> = steps
            .iter()
            .map(|(step, title)| StepProgress {
                id: step.clone(),
                title: title.clone(),
                done: kept.is_done(id, step),
                attempts: kept.attempts(id, step).to_vec(),
                tally: kept.tally(id, step),
            })
            .collect();
        let done = steps.iter().filter(|step| step.done).count();
        self.labs.push(LabProgress { id: id.to_owned(), title: title.to_owned(), done, steps });
    }

    /// The page: a line a lab, a line a step of each lab that was begun.
    pub fn text(&self, look: &Look) -> Text {
        let pen = Pen { look, mask: None };
        let mut text = Text::new();
        for lab in &self.labs {
            let begun = lab.steps.iter().any(|step| step.done || !step.attempts.is_empty());
            if begun {
                text.gap();
            }
            let line = Line::indented(0, 2)
                .with(Role::Title, lab.title.clone())
                .with(Role::Plain, "  ")
                .with(Role::Code, lab.id.clone())
                .with(
                    Role::Plain,
                    format!("  {} of {}", lab.done, counted(lab.steps.len(), "step", "steps")),
                );
            text.push(line);
            if begun {
                text.append(steps(&lab.steps, &pen));
                text.push(Line::new());
            }
        }
        while text.lines.last().is_some_and(|line| line.spans.is_empty()) {
            text.lines.pop();
        }
        text
    }

    /// The JSON, pretty, with a line end.
    pub fn json(&self) -> String {
        super::report::pretty(self)
    }
}

fn steps(steps: &[StepProgress], pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let column = steps.iter().map(|step| wrap::width(&step.title)).max().unwrap_or(0) + 3;
    for step in steps {
        let mark = match (step.done, pen.look.plain) {
            (true, true) => "done:",
            (true, false) => pen.sign(Sign::Pass),
            (false, true) => "open:",
            (false, false) => "",
        };
        let mut line = Line::indented(MARGIN, MARGIN + 4).with(Role::Good, mark);
        line.pad_to(wrap::width(pen.sign(Sign::Pass)) + 1);
        let start = line.width();
        line.push(Role::Plain, step.title.clone());
        let told = step.tally.as_ref().map(tally).unwrap_or_default();
        if told.is_empty() {
            text.push(line);
        } else if pen.wide() && MARGIN + start + column + wrap::width(&told) <= pen.look.width {
            line.pad_to(start + column);
            text.push(line.with(Role::Dim, told));
        } else {
            text.push(line);
            text.push(Line::indented(MARGIN + 4, MARGIN + 6).with(Role::Dim, told));
        }
    }
    text
}

/// `3 tries, 1 hint, 2 min, predicted right, by hand`: what there is to say, and no more.
pub(super) fn tally(tally: &Tally) -> String {
    let mut told = Vec::new();
    if tally.attempts > 1 {
        told.push(format!("{} times", tally.attempts));
    }
    if tally.tries > 0 {
        told.push(counted(tally.tries as usize, "try", "tries"));
    }
    if tally.hints > 0 {
        told.push(counted(tally.hints as usize, "hint", "hints"));
    }
    if tally.millis >= 1000 {
        told.push(spent(tally.millis));
    }
    if let Some(verdict) = tally.prediction.as_ref().and_then(|prediction| prediction.verdict) {
        told.push(
            match verdict {
                Agreement::Right => "predicted right",
                Agreement::Close => "predicted closely",
                Agreement::Wrong => "predicted otherwise",
            }
            .to_owned(),
        );
    }
    told.extend(tally.solved.map(|solver| match solver {
        Solver::Hand => "by hand".to_owned(),
        Solver::Solve => "by `solve`".to_owned(),
    }));
    told.join(", ")
}

/// `45 s`, `2 min`, `1 h 5 min`.
fn spent(millis: u64) -> String {
    let minutes = (millis + 30_000) / 60_000;
    match millis {
        0..=89_999 => format!("{} s", millis / 1000),
        90_000..=3_569_999 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}
