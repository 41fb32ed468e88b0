//! The probe of a step, before and after: side by side where the terminal is wide enough, what changed marked.

use super::document::{Line, Role, Sign, Text};
use super::ended::{ended, oom_kills};
use super::listing::HOST_FILES;
use super::mask::HOST_PROCESSES;
use super::pen::{MARGIN, Pen, counted};
use super::{calls, wrap};
use crate::recipe::errno;
use crate::recipe::outcome::{End, Outcome};

/// So many lines of a listing are shown, unless everything is asked for.
const SHOWN: usize = 6;

/// Both sides; the calls of `after` first.
pub(super) fn before_after(before: Option<&Outcome>, after: &Outcome, pen: &Pen<'_>) -> Text {
    let mut text = calls::calls(&after.calls, pen);
    text.gap();
    let Some(before) = before else {
        text.push(head(&after.command).with(Role::Plain, format!("   {}", told(after))));
        text.append_indented(one_side(side(after, None, Sign::Added, pen), pen), MARGIN);
        text.append(ended(after, pen));
        return text;
    };
    let left = side(before, Some(after), Sign::Gone, pen);
    let right = side(after, Some(before), Sign::Added, pen);
    let (before_head, after_head) = (format!("before: {}", told(before)), format!("after: {}", told(after)));
    if pen.wide() {
        text.append(beside(&after.command, [(before_head, left), (after_head, right)], pen));
    } else {
        text.push(head(&after.command));
        // Once is enough for what is as it was.
        let sides = if before.stdout == after.stdout && before.stderr == after.stderr {
            vec![(format!("before and after, the same: {}", told(after)), right)]
        } else {
            vec![(before_head, left), (after_head, right)]
        };
        for (name, side) in sides {
            text.push(Line::indented(MARGIN, MARGIN + 2).with(Role::Dim, name));
            text.append_indented(one_side(side, pen), MARGIN);
        }
    }
    text.append(ended(after, pen));
    text
}

fn head(command: &str) -> Line {
    Line::indented(MARGIN, MARGIN + 2).with(Role::Code, command)
}

/// What an output comes to in a few words: `84 processes`, `3 lines`, `killed (137)`.
fn told(outcome: &Outcome) -> String {
    match outcome.end {
        End::Signaled(_) => return summary(outcome),
        End::Refused(_) => return "refused".to_owned(),
        _ => {}
    }
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    match processes(&lines) {
        _ if lines == [HOST_FILES] => "<n> lines".to_owned(),
        Some(Listed::Host) => "<n> processes".to_owned(),
        Some(Listed::Number(0)) => "no process".to_owned(),
        Some(Listed::Number(number)) => counted(number, "process", "processes"),
        // What was printed instead says why.
        None if lines.is_empty() && !outcome.stderr.is_empty() => "an error".to_owned(),
        None if lines.is_empty() => "nothing".to_owned(),
        None => counted(lines.len(), "line", "lines"),
    }
}

/// The rows of a process listing.
enum Listed {
    Number(usize),
    /// The host's, masked.
    Host,
}

/// How many processes an output lists, where it is a listing: a heading with `PID`.
fn processes(lines: &[&str]) -> Option<Listed> {
    let (head, rows) = lines.split_first()?;
    let listing = head.split_whitespace().any(|word| word == "PID");
    listing.then(|| {
        if rows.iter().any(|row| row.contains(HOST_PROCESSES)) {
            Listed::Host
        } else {
            Listed::Number(rows.len())
        }
    })
}

/// Whether an output is a listing with at least one process.
pub(super) fn lists_processes(outcome: &Outcome) -> bool {
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    matches!(processes(&lines), Some(Listed::Host | Listed::Number(1..)))
}

/// What an outcome comes to in a table cell: `84 processes`, `header only`, `bin dev etc`, `killed (137)`,
/// `survived`.
pub(super) fn summary(outcome: &Outcome) -> String {
    match outcome.end {
        End::Signaled(signal) => return format!("killed ({})", 128 + signal),
        End::Refused(errno) => return format!("refused ({})", errno::name(errno)),
        End::Running => return "stays".to_owned(),
        End::Exited(_) => {}
    }
    if outcome.memory.as_ref().is_some_and(|memory| oom_kills(memory) > 0) {
        return "a child was killed".to_owned();
    }
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let status = match outcome.end {
        End::Exited(0) | End::Refused(_) | End::Running | End::Signaled(_) => String::new(),
        End::Exited(status) => format!("status {status}"),
    };
    let output = match processes(&lines) {
        Some(Listed::Host) => "<n> processes".to_owned(),
        Some(Listed::Number(0)) => "header only".to_owned(),
        Some(Listed::Number(number)) => counted(number, "process", "processes"),
        None => brief(&lines),
    };
    match (output.is_empty(), status.is_empty()) {
        (true, true) => "survived".to_owned(),
        (true, false) => status,
        (false, true) => output,
        (false, false) => format!("{output}, {status}"),
    }
}

/// A short output as its words, a long one as how many.
fn brief(lines: &[&str]) -> String {
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let joined = words.join(" ");
    if wrap::width(&joined) <= 24 {
        joined
    } else if lines.len() > 1 {
        counted(lines.len(), "line", "lines")
    } else {
        counted(words.len(), "word", "words")
    }
}

/// The output of one side, shortened, each line marked that the other side lacks. What it printed to standard error is no
/// part of what is compared: it is told below, unmarked.
fn side(outcome: &Outcome, other: Option<&Outcome>, sign: Sign, pen: &Pen<'_>) -> Vec<Line> {
    let mut theirs: Vec<String> =
        other.map(|other| other.stdout.lines().map(folded).collect()).unwrap_or_default();
    let role = if sign == Sign::Added { Role::Good } else { Role::Bad };
    let output = outcome.stdout.lines().map(|line| (line, other.is_some()));
    let lines: Vec<(&str, bool)> = output.chain(outcome.stderr.lines().map(|line| (line, false))).collect();
    let shown = if pen.look.verbose || lines.len() <= SHOWN + 1 { lines.len() } else { SHOWN };
    let mut rows = Vec::new();
    for (text, compared) in lines.iter().take(shown) {
        let text = wrap::clean(text, 0, pen.look);
        let mine = folded(&text);
        let same = theirs.iter().position(|theirs| *compared && *theirs == mine);
        if let Some(at) = same {
            theirs.swap_remove(at);
        }
        let changed = *compared && same.is_none();
        let mut line = Line::indented(0, 4);
        if changed {
            line.push(role, format!("{} {text}", pen.sign(sign)));
        } else {
            line.push(Role::Plain, format!("  {text}"));
        }
        rows.push(line);
    }
    if shown < lines.len() {
        let more = format!("  {} {} more", pen.sign(Sign::More), lines.len() - shown);
        rows.push(Line::indented(0, 4).with(Role::Dim, more));
    }
    rows
}

/// Blanks folded, so that a moved column is no change.
fn folded(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One side alone. A row of a listing is cut at the edge rather than wrapped, unless everything is asked for.
fn one_side(rows: Vec<Line>, pen: &Pen<'_>) -> Text {
    if pen.look.plain || pen.look.verbose {
        return Text { lines: rows };
    }
    let room = pen.look.width.saturating_sub(MARGIN);
    Text { lines: rows.into_iter().map(|row| fitted(row, room, pen)).collect() }
}

/// Two columns below the command. A line that is too long for its column is cut, with a sign; `verbose` stacks it.
fn beside(command: &str, sides: [(String, Vec<Line>); 2], pen: &Pen<'_>) -> Text {
    let [(left_head, left), (right_head, right)] = sides;
    let mut text = Text::new();
    // A long command stands above its columns.
    let lead = wrap::width(command) + 3;
    let above = MARGIN + lead + wrap::width(&left_head) + 4 + wrap::width(&right_head) > pen.look.width;
    let (lead, mut heads) = if above {
        text.push(head(command));
        (2, Line::indented(MARGIN, MARGIN + 2).with(Role::Plain, format!("  {left_head}")))
    } else {
        (lead, head(command).with(Role::Plain, format!("   {left_head}")))
    };
    let room = pen.look.width.saturating_sub(MARGIN + 2) / 2;
    let widest = left.iter().map(Line::width).chain([lead + wrap::width(&left_head)]).max().unwrap_or(0);
    let column = widest.min(room) + 2;
    heads.pad_to(column);
    text.push(heads.with(Role::Plain, format!("  {right_head}")));
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    loop {
        let (l, r) = (left.next(), right.next());
        if l.is_none() && r.is_none() {
            return text;
        }
        let mut line = Line::indented(MARGIN, MARGIN + column);
        if let Some(row) = l {
            for span in fitted(row, column.saturating_sub(2), pen).spans {
                line.push(span.role, span.text);
            }
        }
        if let Some(row) = r {
            line.pad_to(column);
            let room = pen.look.width.saturating_sub(MARGIN + column);
            for span in fitted(row, room, pen).spans {
                line.push(span.role, span.text);
            }
        }
        text.push(line);
    }
}

/// The line, cut to a number of columns, with a sign where something was cut.
pub(super) fn fitted(line: Line, room: usize, pen: &Pen<'_>) -> Line {
    if line.width() <= room {
        return line;
    }
    let sign = pen.sign(Sign::More);
    let mut left = room.saturating_sub(wrap::width(sign));
    let mut cut = Line::new();
    for span in line.spans {
        let mut text = String::new();
        for c in span.text.chars() {
            let columns = wrap::width(c.encode_utf8(&mut [0; 4]));
            if columns > left {
                left = 0;
                break;
            }
            left -= columns;
            text.push(c);
        }
        cut.push(span.role, text);
    }
    cut.with(Role::Dim, sign)
}
