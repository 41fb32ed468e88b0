//! Everything that the walk tells, as a document: one function, every variant.

use super::document::{Line, Look, Role, Sign, Text};
use super::inspect::Inspected;
use super::mask::Masker;
use super::pen::{MARGIN, Pen};
use super::{ablation, beforeafter, calls, ended, jobs, map, markdown, page, trouble, verdicts};
use crate::recipe::outcome::Composed;
use crate::session::event::{Event, Position, Undone};

/// One event as a document. A piece of output becomes its lines; [`super::teller::Teller`] puts pieces together
/// first.
pub fn event(event: &Event, look: &Look) -> Text {
    told(event, &Pen { look, mask: None })
}

/// One event as a document, with the names of the masker for volatile values. The event is a masked copy already
/// ([`Masker::event`]).
pub fn masked(event: &Event, look: &Look, mask: &Masker) -> Text {
    told(event, &Pen { look, mask: Some(mask) })
}

fn told(event: &Event, pen: &Pen<'_>) -> Text {
    match event {
        Event::LabBegins { title, number, minutes, steps, .. } => {
            page::lab(title, *number, *minutes, *steps, pen)
        }
        Event::LabSkipped { title, trouble, .. } => skipped([title.clone()], trouble, pen),
        Event::StepsSkipped { steps, trouble } => {
            let title = |at: &Position| format!("step {} of {}  {}", at.step_number, at.steps, at.step_title);
            skipped(steps.iter().map(title), trouble, pen)
        }
        Event::StepBegins { position, say, predict, type_line, suggestion } => page::step(
            &page::Page {
                position,
                say,
                predict: predict.as_ref(),
                type_line: type_line.as_deref(),
                suggestion: suggestion.as_deref(),
            },
            pen,
        ),
        Event::Line { prompt, text } => typed(prompt, text, pen),
        Event::Composed(what) => composed(what, pen),
        Event::Calls(what) => calls::calls(what, pen),
        Event::Output { text, stderr } => output(text, *stderr),
        Event::Ended(outcome) => ended::ended(outcome, pen),
        Event::ProbedBefore(_) | Event::Working(_) => Text::new(),
        Event::BeforeAfter { before, after } => beforeafter::before_after(before.as_ref(), after, pen),
        Event::Judged(what) => verdicts::verdicts(what, pen),
        Event::StepDone { step, graded, why, solved_for } => {
            page::done(*step, graded.as_ref(), why.as_deref(), *solved_for, pen)
        }
        Event::StepFailed(why) => Line::indented(1, 3).with(Role::Bad, undone(*why)).into(),
        Event::LabDone { lab, next } => lab_done(lab, next.as_deref()),
        Event::Predicted { said } => Line::indented(MARGIN, MARGIN + 2)
            .with(Role::Dim, "you predict: ")
            .with(Role::Plain, said.clone())
            .into(),
        Event::Hint { number, of, text } => page::hint(*number, *of, text),
        Event::Why(text) => page::why(text, pen),
        Event::Recipe(parts) => page::recipe(parts),
        Event::Jobs(what) => jobs::jobs(what, pen),
        Event::Peeked(what) => jobs::peek(what, pen),
        Event::Inspected(what) => Inspected::new(what).masked(pen),
        Event::Ablated(table) => ablation::ablation(table, pen),
        Event::Map(what) => map::map(what, pen),
        Event::Status { position, steps, recipe } => page::status(position.as_ref(), steps, recipe, pen),
        Event::Labs(what) => page::labs(what, pen),
        Event::Help(text) => {
            let mut help = Text::new();
            help.append_indented(markdown::markdown(text), 1);
            help
        }
        Event::Note(text) => note(text, pen),
        Event::Trouble(what) => trouble::trouble(what),
    }
}

/// Any trouble as a document, for what goes wrong outside a session.
pub fn trouble(what: &crate::error::Trouble) -> Text {
    trouble::trouble(what)
}

fn typed(prompt: &str, text: &str, pen: &Pen<'_>) -> Text {
    let mut out = Text::new();
    for (at, line) in text.lines().enumerate() {
        let mut told = Line::indented(1, 5);
        if at == 0 {
            told.push(
                Role::Dim,
                if pen.look.plain {
                    format!("line ({prompt}): ")
                } else {
                    format!("{prompt} {} ", pen.sign(Sign::Prompt))
                },
            );
        } else {
            told.push(Role::Plain, "  ");
        }
        out.push(told.with(Role::Learner, line));
    }
    out
}

fn composed(what: &Composed, pen: &Pen<'_>) -> Text {
    let mut text = calls::calls(&what.calls, pen);
    text.append(calls::limits(what));
    for sentence in &what.notes {
        text.append(note(sentence, pen));
    }
    text
}

fn note(sentence: &str, pen: &Pen<'_>) -> Text {
    let mut line = Line::indented(MARGIN, MARGIN + 2);
    let lead = if pen.look.plain { "note:" } else { pen.sign(Sign::Dot) };
    line.push(Role::Dim, format!("{lead} {sentence}"));
    line.into()
}

/// Output of a program, line by line.
pub(super) fn output(text: &str, stderr: bool) -> Text {
    let role = if stderr { Role::Bad } else { Role::Plain };
    let line = |line: &str| Line::indented(MARGIN, MARGIN).with(role, line);
    Text { lines: text.lines().map(line).collect() }
}

fn skipped(titles: impl IntoIterator<Item = String>, what: &crate::error::Trouble, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    for title in titles {
        text.push(Line::indented(1, 3).with(Role::Strong, "skipped").with(Role::Plain, format!("  {title}")));
    }
    let mut body = trouble::trouble(what);
    if pen.look.plain {
        body.lines.retain(|line| !line.spans.is_empty());
    }
    text.append_indented(body, 3);
    text
}

fn undone(why: Undone) -> &'static str {
    match why {
        Undone::Check => "the step is not complete: a check above does not hold",
        Undone::Line => "the step is not complete: a line above could not be carried out",
        Undone::Solution => "the step is not complete: not every line of its solution was carried out",
        Undone::Interrupted => "the step is not complete: it was interrupted",
    }
}

fn lab_done(lab: &str, next: Option<&str>) -> Text {
    let mut text = Text::new();
    text.push(Line::indented(1, 3).with(Role::Strong, format!("end of lab {lab}")));
    if let Some(next) = next {
        let line =
            Line::indented(1, 3).with(Role::Plain, "next: ").with(Role::Learner, format!("start {next}"));
        text.push(line);
    }
    text
}
