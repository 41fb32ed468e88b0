//! The page of a step, and the other pages about the walk: labs, status, recipe, help, hint.

use super::document::{Break, Line, Role, Sign, Text};
use super::grid::{Cell, grid};
use super::jobs::heads;
use super::markdown::markdown;
use super::pen::{MARGIN, Pen};
use super::progress::tally;
use super::wrap;
use crate::lab::file::Predict;
use crate::session::event::{Graded, LabStatus, Position, StepStatus};

/// What a step's page shows below its title.
pub(super) struct Page<'a> {
    pub(super) position: &'a Position,
    pub(super) say: &'a str,
    pub(super) predict: Option<&'a Predict>,
    pub(super) type_line: Option<&'a str>,
    pub(super) suggestion: Option<&'a str>,
}

/// Parts of a title, with a sign between them.
fn title(parts: &[String], pen: &Pen<'_>) -> Line {
    let between = format!(" {} ", pen.sign(Sign::Dot));
    Line::indented(1, 3).with(Role::Title, parts.join(&between))
}

/// A lab begins.
pub(super) fn lab(
    name: &str,
    number: Option<(usize, usize)>,
    minutes: u32,
    steps: usize,
    pen: &Pen<'_>,
) -> Text {
    let mut parts = vec!["rlab".to_owned()];
    parts.extend(number.map(|(at, of)| format!("lab {at} of {of}")));
    parts.push(name.to_owned());
    let mut text = Text::new();
    text.push(title(&parts, pen));
    let steps = super::pen::counted(steps, "step", "steps");
    text.push(Line::indented(1, 3).with(Role::Dim, format!("{steps}, about {minutes} minutes")));
    text
}

/// A step begins.
pub(super) fn step(page: &Page<'_>, pen: &Pen<'_>) -> Text {
    let position = page.position;
    let mut parts = vec!["rlab".to_owned()];
    parts.extend(position.lab_number.map(|(at, of)| format!("{at} of {of}")));
    parts.push(position.lab_title.clone());
    parts.push(format!("step {} of {}", position.step_number, position.steps));
    let mut text = Text::new();
    text.push(title(&parts, pen));
    let mut head = Line::indented(1, 3).with(Role::Strong, position.step_title.clone());
    if let Some(page) = &position.book {
        head.push(Role::Dim, format!("   book: {page}"));
    }
    text.push(head);
    text.push(Line::new());
    text.append_indented(markdown(page.say), 1);
    if let Some(line) = page.type_line {
        text.gap();
        text.push(Line::indented(1, 3).with(Role::Dim, "the same on a plain Linux box"));
        for line in line.lines() {
            text.push(Line::indented(3, 7).with(Role::Code, line));
        }
    }
    if let Some(predict) = page.predict {
        text.gap();
        text.append(question(predict, pen));
    }
    if let Some(line) = page.suggestion.filter(|_| pen.look.plain) {
        text.gap();
        text.push(Line::indented(1, 3).with(Role::Dim, "suggested: ").with(Role::Learner, line));
    }
    text.gap();
    text
}

/// The question, its choices beside it where they fit.
fn question(predict: &Predict, pen: &Pen<'_>) -> Text {
    let mut ask = Line::indented(1, 10).with(Role::Strong, "predict").with(Role::Plain, "  ");
    for span in markdown(&predict.ask).lines.into_iter().flat_map(|line| line.spans) {
        ask.push(span.role, span.text);
    }
    let choices: Vec<Line> = predict
        .choices
        .iter()
        .enumerate()
        .map(|(at, choice)| {
            let mut line =
                Line::indented(10, 13).with(Role::Learner, (at + 1).to_string()).with(Role::Plain, " ");
            for span in markdown(choice).lines.into_iter().flat_map(|line| line.spans) {
                line.push(span.role, span.text);
            }
            line
        })
        .collect();
    if choices.is_empty() {
        return ask.with(Role::Dim, "   (type a number)").into();
    }
    let whole = 1 + ask.width() + choices.iter().map(|choice| 3 + choice.width()).sum::<usize>();
    let mut text = Text::new();
    if whole <= pen.look.width && !pen.look.plain {
        for choice in choices {
            ask.push(Role::Plain, "   ");
            ask.spans.extend(choice.spans);
        }
        text.push(ask);
    } else {
        text.push(ask);
        text.lines.extend(choices);
        text.push(Line::indented(10, 10).with(Role::Dim, "type a number, or just go on"));
    }
    text
}

/// A step is done: that it is, how the prediction came out, and why.
pub(super) fn done(
    (number, of): (usize, usize),
    graded: Option<&Graded>,
    why: Option<&str>,
    solved_for: bool,
    pen: &Pen<'_>,
) -> Text {
    let mut text = Text::new();
    let who = if solved_for { ", solved by rlab" } else { "" };
    let mut line = Line::indented(1, 3).with(Role::Good, if pen.look.plain { "done:" } else { "Done" });
    line.pad_to(DONE);
    text.push(line.with(Role::Plain, format!("step {number} of {of}{who}")));
    if let Some(graded) = graded {
        text.append(self::graded(graded));
    }
    if let Some(why) = why {
        text.append(self::why(why, pen));
    }
    text
}

/// Column of what stands beside `Done`, as beside `Killed`.
const DONE: usize = 9;

/// What was predicted and what happened, without reproach: that is what a prediction is for.
fn graded(graded: &Graded) -> Text {
    let mut text = Text::new();
    let mut row = |label: &str, role: Role, what: &str| {
        let mut line = Line::indented(3, 19).with(Role::Dim, label);
        line.pad_to(16);
        for span in markdown(what).lines.into_iter().flat_map(|line| line.spans) {
            line.push(if span.role == Role::Plain { role } else { span.role }, span.text);
        }
        text.push(line);
    };
    if graded.agrees {
        row("as predicted:", Role::Good, &graded.right);
        return text;
    }
    row("you predicted:", Role::Plain, &graded.said);
    let seen =
        if graded.close { format!("{}, so you were close", graded.right) } else { graded.right.clone() };
    row("in fact:", Role::Strong, &seen);
    text
}

/// Why it is so.
pub(super) fn why(source: &str, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let label = if pen.look.plain { "why:".to_owned() } else { format!("why {}", pen.sign(Sign::Prompt)) };
    text.append(led(Role::Strong, &label, source));
    text
}

/// A rung of the hint ladder.
pub(super) fn hint(number: usize, of: usize, source: &str) -> Text {
    led(Role::Strong, &format!("hint {number} of {of}"), source)
}

/// Markdown with a label before its first line.
fn led(role: Role, label: &str, source: &str) -> Text {
    let mut body = markdown(source);
    let lead = Line::indented(3, 5).with(role, label).with(Role::Plain, "  ");
    match body.lines.first_mut() {
        // A list or a block of code begins on a line of its own.
        Some(first) if first.indent == 0 && first.hang == 0 => {
            first.spans.splice(0..0, lead.spans);
        }
        _ => body.lines.insert(0, lead),
    }
    let mut text = Text::new();
    text.append_indented(body, 3);
    text
}

/// `labs`.
pub(super) fn labs(labs: &[LabStatus], pen: &Pen<'_>) -> Text {
    let mut rows = vec![heads(&["lab", "title", "minutes", ""])];
    for LabStatus { id, title, minutes, done } in labs {
        rows.push(vec![
            Cell::new(Role::Code, id.clone()),
            Cell::new(Role::Plain, title.clone()),
            Cell::new(Role::Plain, minutes.to_string()),
            match *done {
                (done, of) if done == of => Cell::new(Role::Good, done_word(pen)),
                (0, _) => Cell::new(Role::Plain, ""),
                (done, of) => Cell::new(Role::Plain, format!("{done} of {of}")),
            },
        ]);
    }
    grid(&rows, MARGIN, pen)
}

fn done_word(pen: &Pen<'_>) -> &'static str {
    if pen.look.plain || pen.look.ascii { "done" } else { "✓ done" }
}

/// `status`.
pub(super) fn status(
    position: Option<&Position>,
    steps: &[StepStatus],
    recipe: &[String],
    pen: &Pen<'_>,
) -> Text {
    let mut text = Text::new();
    if let Some(position) = position {
        let of = format!("step {} of {}", position.step_number, position.steps);
        text.push(title(&[position.lab_title.clone(), of, position.step_title.clone()], pen));
    }
    let titles = steps.iter().map(|step| wrap::width(&step.title)).max().unwrap_or(0);
    for (at, step) in steps.iter().enumerate() {
        let here = position.is_some_and(|position| position.step_number == at + 1);
        let (role, mark) = match (step.done, here) {
            (true, _) if pen.look.plain => (Role::Good, "done:"),
            (true, _) => (Role::Good, pen.sign(Sign::Pass)),
            (false, true) if pen.look.plain => (Role::Learner, "here:"),
            (false, true) => (Role::Learner, pen.sign(Sign::Prompt)),
            (false, false) if pen.look.plain => (Role::Dim, "open:"),
            (false, false) => (Role::Dim, " "),
        };
        let mut line = Line::indented(MARGIN, MARGIN + 4).with(role, mark);
        line.pad_to(wrap::width(pen.sign(Sign::Pass)).max(wrap::width(mark)) + 1);
        let role = if here { Role::Strong } else { Role::Plain };
        line.push(role, format!("{}  {}", at + 1, step.title));
        let told = step.tally.as_ref().map(tally).unwrap_or_default();
        let column = line.width() - wrap::width(&step.title) + titles + 3;
        if told.is_empty() {
            text.push(line);
        } else if pen.wide() && MARGIN + column + wrap::width(&told) <= pen.look.width {
            line.pad_to(column);
            text.push(line.with(Role::Dim, told));
        } else {
            text.push(line);
            text.push(Line::indented(MARGIN + 5, MARGIN + 7).with(Role::Dim, told));
        }
    }
    text.gap();
    text.push(Line::indented(1, 3).with(Role::Strong, "recipe"));
    if recipe.is_empty() {
        text.push(
            Line::indented(MARGIN + 1, 5)
                .with(Role::Dim, "empty: what you run is an ordinary process of the host"),
        );
    }
    for line in recipe {
        text.push(Line::indented(MARGIN + 1, 7).with(Role::Learner, line.clone()));
    }
    text
}

/// `recipe`: told in several ways. What is told is code: it begins in the first column, where a here-document ends, and is
/// never broken, so that it can be copied out of a terminal and out of a pipe.
pub(super) fn recipe(parts: &[(String, String)]) -> Text {
    let mut text = Text::new();
    for (heading, body) in parts {
        text.gap();
        text.push(Line::indented(1, 3).with(Role::Strong, heading.clone()));
        for line in body.lines() {
            text.push(Line { breaks: Break::Never, ..Line::new() }.with(Role::Code, line));
        }
    }
    text
}
