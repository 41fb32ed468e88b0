//! Something that takes a while, on one row: a sign that moves, words, and a bar where it is known how much is left.

use super::document::{Line, Look, Role, Sign, Text};
use super::pen::MARGIN;
use super::wrap;
use crate::recipe::outcome::Work;

/// Columns of a bar.
const BAR: usize = 20;

/// Columns of `^C`.
const CTRL_C: usize = 2;

/// The row, for the turn of the sign: never so wide that the terminal would break it, not even behind the `^C` that it
/// writes itself. In a plain look only the words.
pub fn work(work: &Work, turn: usize, look: &Look) -> Text {
    let mut line = Line::indented(MARGIN, MARGIN);
    if look.plain {
        line.push(Role::Plain, format!("working: {}", words(work)));
        return line.into();
    }
    let signs: &[&str] =
        if look.ascii { &["|", "/", "-", "\\"] } else { &["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"] };
    line.push(Role::Strong, format!("{} ", signs[turn % signs.len()]));
    if let Some((done, of)) = share(work) {
        let bar = if look.width < 60 { BAR / 2 } else { BAR };
        let full = (bar as u64 * done.min(of)).checked_div(of).unwrap_or(0) as usize;
        let (mark, rest) = if look.ascii { ("#", ".") } else { ("━", "─") };
        line.push(Role::Good, mark.repeat(full));
        line.push(Role::Dim, rest.repeat(bar - full));
        line.push(Role::Plain, " ");
    }
    let room = look.width.saturating_sub(MARGIN + CTRL_C + 1 + line.width());
    line.push(Role::Plain, cut(&wrap::clean(&words(work), 0, look), room, look));
    line.into()
}

/// How much of how much is done; nothing where nobody knows.
const fn share(work: &Work) -> Option<(u64, u64)> {
    match work {
        Work::Running { memory, .. } => *memory,
        Work::Copying(done, of) => Some((*done, *of)),
        Work::Rebuilding(at, of, _) | Work::Filling(at, of, _) => {
            Some((at.saturating_sub(1) as u64, *of as u64))
        }
        Work::Trying(_) => None,
    }
}

/// What goes on. What matters most stands first: the end may be cut.
fn words(work: &Work) -> String {
    match work {
        Work::Running { command, millis, memory } => {
            let held = memory.map(|(used, limit)| format!("{} of {} MiB held, ", mebi(used), mebi(limit)));
            format!("{}{} s, Ctrl-C ends it: {command}", held.unwrap_or_default(), millis / 1000)
        }
        Work::Copying(done, of) => format!("copying the tools: {} of {} MiB", mebi(*done), mebi(*of)),
        Work::Rebuilding(at, of, line) => format!("rebuilding the step, line {at} of {of}: {line}"),
        Work::Filling(at, of, probe) => format!("filling the table, {at} of {of}: {probe}"),
        Work::Trying(need) => format!("trying what this machine can do: {need}"),
    }
}

/// Mebibytes, `7.0`: of limits that are told in bytes elsewhere this is for the eye.
fn mebi(bytes: u64) -> String {
    format!("{}.{}", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

/// The text, cut to so many columns.
fn cut(text: &str, room: usize, look: &Look) -> String {
    if wrap::width(text) <= room {
        return text.to_owned();
    }
    let sign = look.sign(Sign::More);
    let mut left = room.saturating_sub(wrap::width(sign));
    let mut out = String::new();
    for c in text.chars() {
        let columns = wrap::width(c.encode_utf8(&mut [0; 4]));
        if columns > left {
            break;
        }
        left -= columns;
        out.push(c);
    }
    out + sign
}

#[cfg(test)]
mod tests {
    use super::super::document::paint;
    use super::*;

    fn row(what: &Work, look: Look) -> String {
        paint(&work(what, 1, &look), &look)
    }

    fn load(used: u64) -> Work {
        Work::Running {
            command: "toomuch=$(head -c 7500000 /dev/urandom)".to_owned(),
            millis: 2_300,
            memory: Some((used, 7_340_032)),
        }
    }

    #[test]
    fn bytes_are_told_against_the_limit() {
        let look = Look { width: 100, ..Look::default() };
        assert_eq!(
            row(&load(3_670_016), look),
            "  ⠙ ━━━━━━━━━━────────── 3.5 of 7.0 MiB held, 2 s, Ctrl-C ends it: toomuch=$(head -c 7500000 /de…\n"
        );
        assert!(row(&load(7_340_032), look).contains(&"━".repeat(20)));
        let plain = row(&load(0), Look { plain: true, ..look });
        assert!(plain.starts_with("  working: 0.0 of 7.0 MiB held, 2 s"), "{plain}");
    }

    #[test]
    fn it_is_one_row_on_every_terminal() {
        let all = [
            load(1),
            Work::Copying(0, 0),
            Work::Rebuilding(3, 9, "\x1b[2J\n界界界".repeat(20)),
            Work::Filling(1, 20, "ls /".to_owned()),
            Work::Trying("memory-cgroup".to_owned()),
        ];
        for width in [40, 60, 200] {
            for ascii in [false, true] {
                for what in &all {
                    let row = row(what, Look { width, ascii, ..Look::default() });
                    assert_eq!(row.lines().count(), 1, "{row:?}");
                    assert!(wrap::width(row.trim_end_matches('\n')) + CTRL_C < width, "{row:?}");
                    assert!(!row.contains('\x1b') && (!ascii || row.is_ascii()), "{row:?}");
                }
            }
        }
    }
}
