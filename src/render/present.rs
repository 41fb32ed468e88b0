//! A step on the wall: few words, much room, and for the instructor alone what the lab file notes. It works in 60 columns,
//! which is what is left of a screen in type that the last row can read.

use super::document::{Line, Look, Role, Sign, Text};
use super::markdown::markdown;
use super::pen::Pen;
use super::wrap;
use crate::lab::file::Predict;
use crate::session::event::Position;

/// From this width on the notes stand beside the step.
const WIDE: usize = 100;
/// Columns of the notes there, and between the two.
const NOTES: usize = 36;
const BETWEEN: usize = 3;

/// What is shown of a step.
pub struct Shown<'a> {
    /// Which step.
    pub position: &'a Position,
    /// Markdown; its first paragraph is shown, the others are what the instructor says.
    pub say: &'a str,
    /// The question.
    pub predict: Option<&'a Predict>,
    /// What the lab file notes.
    pub notes: Option<&'a str>,
    /// How the time stands.
    pub pace: &'a str,
}

/// The step, with the notes beside it where there is room, and below it where there is not.
pub fn step(shown: &Shown<'_>, look: &Look) -> Text {
    let pen = Pen { look, mask: None };
    let wide = look.width >= WIDE && !look.plain && shown.notes.is_some();
    let room = if wide { look.width - NOTES - BETWEEN } else { look.width };
    let left = page(shown, &pen);
    let notes = shown.notes.map(|notes| notes_of(notes, shown.pace)).unwrap_or_else(|| pace(shown.pace));
    let mut text = Text::new();
    text.push(Line::new());
    if wide {
        text.append(side_by_side(&left, &notes, room, look));
    } else {
        text.append(left);
        text.gap();
        text.append(notes);
    }
    text.gap();
    text
}

/// What a step has left over: all of its page, for who asks for it.
pub fn whole(say: &str) -> Text {
    let mut text = Text::new();
    text.append_indented(markdown(say), 2);
    text.gap();
    text
}

fn page(shown: &Shown<'_>, pen: &Pen<'_>) -> Text {
    let Position { lab_title, step_number, steps, step_title, .. } = shown.position;
    let mut text = Text::new();
    let dot = pen.sign(Sign::Dot);
    text.push(Line::indented(2, 4).with(Role::Dim, format!("{lab_title} {dot} {step_number} of {steps}")));
    text.push(Line::new());
    text.push(Line::indented(2, 4).with(Role::Title, step_title.clone()));
    text.push(Line::new());
    let first = shown.say.trim_start().split("\n\n").next().unwrap_or_default();
    text.append_indented(markdown(first), 2);
    if let Some(predict) = shown.predict {
        text.gap();
        for line in markdown(&predict.ask).lines {
            let mut ask = Line::indented(2, 4);
            line.spans.into_iter().for_each(|span| ask.push(Role::Strong, span.text));
            text.push(ask);
        }
        for (at, choice) in predict.choices.iter().enumerate() {
            // A row of its own, and room around it.
            text.push(Line::new());
            let mut line = Line::indented(4, 8).with(Role::Learner, format!("{}   ", at + 1));
            for span in markdown(choice).lines.into_iter().flat_map(|line| line.spans) {
                line.push(span.role, span.text);
            }
            text.push(line);
        }
    }
    text
}

fn notes_of(notes: &str, time: &str) -> Text {
    let mut text = Text::new();
    text.push(Line::indented(2, 4).with(Role::Dim, "notes"));
    for line in markdown(notes).lines {
        let mut note = Line::indented(2, 2);
        line.spans.into_iter().for_each(|span| note.push(span.role, span.text));
        text.push(note);
    }
    text.gap();
    text.append(pace(time));
    text
}

/// How the time stands.
pub fn pace(told: &str) -> Text {
    Line::indented(2, 4).with(Role::Dim, told).into()
}

/// Two documents, each in its columns.
fn side_by_side(left: &Text, right: &Text, room: usize, look: &Look) -> Text {
    let rows = |text: &Text, width: usize| {
        let look = Look { width, ..*look };
        text.lines.iter().flat_map(|line| wrap::rows(line, &look)).collect::<Vec<_>>()
    };
    let (mut left, mut right) = (rows(left, room).into_iter(), rows(right, NOTES).into_iter());
    let mut text = Text::new();
    loop {
        let (one, other) = (left.next(), right.next());
        if one.is_none() && other.is_none() {
            return text;
        }
        let mut line = Line::new();
        one.into_iter().flatten().for_each(|span| line.push(span.role, span.text));
        if let Some(other) = other.filter(|row| !row.is_empty()) {
            let used = line.width();
            line.push(Role::Plain, " ".repeat((room + BETWEEN).saturating_sub(used)));
            other.into_iter().for_each(|span| line.push(span.role, span.text));
        }
        text.push(line);
    }
}

/// `4:05`, minutes and seconds.
fn minutes(millis: u64) -> String {
    format!("{}:{:02}", millis / 60_000, millis / 1000 % 60)
}

/// How the time of a lab stands at a step, counted from 0: what has passed, of what was planned, and which is more. Each step
/// has the same share of the lab's minutes. `done` where the step is over.
pub fn timing(passed: u64, step: usize, steps: usize, planned_minutes: u32, done: bool) -> String {
    let whole = u64::from(planned_minutes) * 60_000;
    let over = step as u64 + u64::from(done);
    let should = whole * over / steps.max(1) as u64;
    let apart = match (passed.abs_diff(should) / 1000, passed > should) {
        (0..15, _) => "on time".to_owned(),
        (_, true) => format!("{} behind", minutes(passed - should)),
        (_, false) => format!("{} ahead", minutes(should - passed)),
    };
    format!("{} of {} min, {apart}", minutes(passed), planned_minutes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::document::paint;

    #[test]
    fn the_time_is_compared_with_the_share_of_the_steps() {
        assert_eq!(timing(60_000, 1, 10, 10, false), "1:00 of 10 min, on time");
        assert_eq!(timing(150_000, 1, 10, 10, false), "2:30 of 10 min, 1:30 behind");
        assert_eq!(timing(60_000, 4, 10, 10, true), "1:00 of 10 min, 4:00 ahead");
        assert_eq!(timing(5_000, 0, 0, 0, false), "0:05 of 0 min, on time");
    }

    #[test]
    fn notes_stand_beside_the_step_where_there_is_room_and_below_it_where_there_is_not() {
        let lab = crate::lab::course::Course::built_in();
        let lab = lab.lab("chroot").unwrap();
        let position = Position::of(lab, Some((1, 7)), 0);
        let step_ = &lab.steps[0];
        let shown = Shown {
            position: &position,
            say: &step_.say,
            predict: step_.predict.as_ref(),
            notes: step_.notes.as_deref(),
            pace: "0:00 of 10 min, on time",
        };
        for width in [60, 80, 100, 140] {
            let look = Look { width, ..Look::default() };
            let text = paint(&step(&shown, &look), &look);
            let rows: Vec<&str> = text.lines().collect();
            assert!(rows.iter().all(|row| wrap::width(row) <= width), "{text}");
            let row = |of: &str| {
                rows.iter().position(|row| row.contains(of)).unwrap_or_else(|| panic!("{of}: {text}"))
            };
            // The words of both are there, and nothing of the second paragraph.
            assert!(text.contains("every container") || text.contains("runs on the"), "{text}");
            assert!(!text.contains("It takes very little"), "{text}");
            if width >= WIDE {
                assert!(row("notes") < row("a copy of"), "{text}");
            } else {
                assert!(row("notes") > row("a copy of"), "{text}");
                assert!(rows.len() <= 24, "{} rows:\n{text}", rows.len());
            }
        }
    }
}
