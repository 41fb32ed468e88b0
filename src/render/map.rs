//! `map`: a picture of what each container shares with the host and what is its own. One box a side; a line from box to
//! box is what they share, and where there is none they have two of it.
//!
//! | width | what is drawn |
//! |---|---|
//! | from 66 columns | the host and as many containers as fit, side by side; the next ones below, beside the host again |
//! | below, or plain | one below the other, and words say what is shared |

use super::beforeafter::fitted;
use super::document::{Line, Role, Text};
use super::pen::{MARGIN, Pen, counted};
use super::wrap;
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::outcome::{GroupNow, Map, Peek, Seen, SeenMount};

/// Columns of the host's box, of a container's, and between two, at least.
const HOST: usize = 26;
const CONTAINER: usize = 34;
const BETWEEN: usize = 4;
/// No box is wider than this: the eye has to find the end of its row.
const WIDEST: usize = 44;
/// Column of the values in a box.
const VALUES: usize = 8;
/// So many mounts, and so many processes, are listed.
const LISTED: usize = 5;

/// The host, and every container beside it.
pub(super) fn map(map: &Map, pen: &Pen<'_>) -> Text {
    let host = host(map, pen);
    let containers: Vec<Side> = map.containers.iter().map(|peek| container(peek, map, pen)).collect();
    let mut text = Text::new();
    if pen.look.plain {
        for side in std::iter::once(&host).chain(&containers) {
            text.gap();
            text.append(in_words(side));
        }
    } else {
        let room = pen.look.width.saturating_sub(MARGIN);
        let beside = room.saturating_sub(HOST) / (BETWEEN + CONTAINER);
        if beside == 0 || containers.is_empty() {
            for side in std::iter::once(&host).chain(&containers) {
                text.gap();
                text.append(boxes(&[side], &[room.min(WIDEST)], pen));
            }
        } else {
            for band in containers.chunks(beside) {
                text.gap();
                let sides: Vec<&Side> = std::iter::once(&host).chain(band).collect();
                text.append(boxes(&sides, &widths(room, band.len()), pen));
            }
        }
    }
    if containers.is_empty() {
        text.gap();
        let none = "no container lives: `COMMAND &` starts one, and `map` shows it beside the host";
        text.push(Line::indented(MARGIN, MARGIN).with(Role::Dim, none));
    }
    text
}

/// What one side is made of.
struct Side {
    title: Line,
    /// Sections of rows; the same section stands at the same height in every box.
    sections: Vec<Vec<Row>>,
}

/// A row in a box.
struct Row {
    label: &'static str,
    value: String,
    role: Role,
    /// Whether it is the host's or its own; rows of the host, and rows that only tell, say nothing.
    own: Option<bool>,
    /// What two sides with equal ones share.
    same: Option<String>,
}

impl Row {
    fn tells(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, value: value.into(), role: Role::Plain, own: None, same: None }
    }

    fn kernel(self) -> Self {
        Self { role: Role::Kernel, ..self }
    }

    fn shares(self, what: impl Into<String>) -> Self {
        Self { same: Some(what.into()), ..self }
    }
}

fn host(map: &Map, pen: &Pen<'_>) -> Side {
    let seen = &map.host;
    let mut title = Line::new().with(Role::Strong, "host");
    title.push(Role::Plain, format!("  {}", map.hostname));
    let mut rows = sections(seen, None, map, pen);
    rows.push(vec![Row::tells("sees", sees(seen, pen))]);
    Side { title, sections: rows }
}

fn container(peek: &Peek, map: &Map, pen: &Pen<'_>) -> Side {
    let seen = &peek.job.seen;
    let mut title = Line::new().with(Role::Strong, format!("container {}", peek.job.number));
    title.push(Role::Code, format!("  {}", peek.job.command));
    let mut rows = sections(seen, Some(&map.host), map, pen);
    let mut processes = vec![Row::tells("sees", sees(seen, pen))];
    let own = seen.nspid.len() > 1;
    for process in peek.processes.iter().take(LISTED) {
        let host = pen.pid(process.pid);
        let pid = if own {
            format!("{} = {host} on the host", process.pid_inside)
        } else {
            format!("{host} on both sides")
        };
        processes.push(Row::tells("PID", pid));
        if peek.processes.len() > 1 {
            processes.push(Row { role: Role::Code, ..Row::tells("", process.command.clone()) });
        }
    }
    more(&mut processes, peek.processes.len());
    rows.push(processes);
    Side { title, sections: rows }
}

/// Namespaces, root, mounts, control group.
fn sections(seen: &Seen, host: Option<&Seen>, map: &Map, pen: &Pen<'_>) -> Vec<Vec<Row>> {
    let namespaces = seen.namespaces.iter().map(|(kind, pair)| Row {
        own: host.map(|_| pair.own()),
        ..Row::tells(kind.name(), pen.namespace(seen.pid, pair.inside))
            .kernel()
            .shares(pair.inside.to_string())
    });
    let root = Row {
        own: host.map(|_| seen.root_own),
        ..Row::tells("root", seen.root.clone()).kernel().shares(if seen.root_own { &seen.root } else { "/" })
    };
    let files = vec![root].into_iter().chain(mounts(seen, host.is_some(), pen)).collect();
    vec![namespaces.collect(), files, group(seen, host, &map.groups, pen)]
}

/// The mounts under its root; those of the whole host are counted.
fn mounts(seen: &Seen, inside: bool, pen: &Pen<'_>) -> Vec<Row> {
    if !inside || !seen.root_own {
        // A masked copy of the host has none left, and their number is nobody's business.
        return vec![Row::tells("mounts", pen.volatile(seen.mounts.len()))];
    }
    if seen.mounts.is_empty() {
        return vec![Row::tells("mounts", "none of its own")];
    }
    let told = |mount: &SeenMount| format!("{} ({})", mount.target, mount.fstype);
    let mut rows: Vec<Row> = seen
        .mounts
        .iter()
        .take(LISTED)
        .enumerate()
        .map(|(at, mount)| Row::tells(if at == 0 { "mounts" } else { "" }, told(mount)))
        .collect();
    more(&mut rows, seen.mounts.len());
    rows
}

fn more(rows: &mut Vec<Row>, number: usize) {
    if number > LISTED {
        rows.push(Row { role: Role::Dim, ..Row::tells("", format!("and {} more", number - LISTED)) });
    }
}

/// Its control group: the session's with limits and members, or the one that it shares with the host.
fn group(seen: &Seen, host: Option<&Seen>, groups: &[GroupNow], pen: &Pen<'_>) -> Vec<Row> {
    let its: Vec<&GroupNow> = groups.iter().filter(|group| group.state.members.contains(&seen.pid)).collect();
    let Some(first) = its.first().filter(|_| host.is_some()) else {
        let path = ["memory", "", "unified"].iter().find_map(|name| seen.cgroups.get(*name));
        let path = path.cloned().unwrap_or_else(|| "/".to_owned());
        let same = format!("host {path}");
        return vec![Row { own: host.map(|_| false), ..Row::tells("group", path).kernel().shares(same) }];
    };
    let name = first.state.path.rsplit('/').next().unwrap_or(&first.state.path).to_owned();
    let mut rows = vec![Row { own: Some(true), ..Row::tells("group", name.clone()).kernel().shares(name) }];
    for group in &its {
        for limit in group.limits.iter().filter(|limit| limit.number.is_some()) {
            let unit = if limit.resource == Resource::Memory { " B" } else { "" };
            rows.push(Row::tells("", format!("{} {}{unit}", limit.resource.name(), limit.value)).kernel());
        }
        if let Some(bytes) = group.in_use {
            rows.push(Row::tells("", format!("in use {} B", pen.volatile(bytes))));
        }
    }
    rows.push(Row::tells("", counted(first.state.members.len(), "member", "members")));
    rows
}

fn sees(seen: &Seen, pen: &Pen<'_>) -> String {
    match seen.processes {
        None => "no process: no proc is mounted".to_owned(),
        Some(1) => "1 process".to_owned(),
        Some(number) if seen.nspid.len() > 1 => format!("{number} processes"),
        Some(number) => format!("{} processes", pen.volatile(number)),
    }
}

/// The host's box takes what it needs, the containers' share the rest.
fn widths(room: usize, containers: usize) -> Vec<usize> {
    let each = ((room - HOST) / containers).saturating_sub(BETWEEN).min(WIDEST);
    let host = (room - containers * (each + BETWEEN)).min(HOST + 8);
    std::iter::once(host).chain(std::iter::repeat_n(each, containers)).collect()
}

/// What boxes are drawn with.
struct Frame {
    corners: [&'static str; 4],
    across: &'static str,
    down: &'static str,
    /// Where a line to the right leaves a box, and where one from the left comes in.
    leaves: &'static str,
    comes: &'static str,
}

const LINES: Frame =
    Frame { corners: ["┌", "┐", "└", "┘"], across: "─", down: "│", leaves: "├", comes: "┤" };
const ASCII: Frame = Frame { corners: ["+"; 4], across: "-", down: "|", leaves: "+", comes: "+" };

/// Boxes side by side, their rows at one height, joined where they share.
fn boxes(sides: &[&Side], widths: &[usize], pen: &Pen<'_>) -> Text {
    let frame = if pen.look.ascii { &ASCII } else { &LINES };
    let gap = " ".repeat(BETWEEN);
    let mut text = Text::new();
    let mut heads = Line::indented(MARGIN, MARGIN);
    let (mut top, mut bottom) = (heads.clone(), heads.clone());
    let mut column = 0;
    for (at, (side, width)) in sides.iter().zip(widths).enumerate() {
        if at > 0 {
            column += BETWEEN;
            heads.spans.push(blanks(column - heads.width()));
            top.push(Role::Plain, gap.clone());
            bottom.push(Role::Plain, gap.clone());
        }
        heads.push(Role::Plain, " ");
        heads.spans.extend(fitted(cleaned(&side.title, pen), width - 2, pen).spans);
        let across = frame.across.repeat(width - 2);
        let [from, to, end_from, end_to] = frame.corners;
        top.push(Role::Dim, format!("{from}{across}{to}"));
        bottom.push(Role::Dim, format!("{end_from}{across}{end_to}"));
        column += width;
    }
    text.push(heads);
    text.push(top);
    let sections = sides.iter().map(|side| side.sections.len()).max().unwrap_or(0);
    for section in 0..sections {
        if section > 0 {
            text.push(row(&vec![None; sides.len()], widths, frame, pen));
        }
        let rows: Vec<&[Row]> =
            sides.iter().map(|side| side.sections.get(section).map_or(&[][..], Vec::as_slice)).collect();
        for at in 0..rows.iter().map(|rows| rows.len()).max().unwrap_or(0) {
            let cells: Vec<Option<&Row>> = rows.iter().map(|rows| rows.get(at)).collect();
            text.push(row(&cells, widths, frame, pen));
        }
    }
    text.push(bottom);
    text
}

/// One row of every box.
fn row(cells: &[Option<&Row>], widths: &[usize], frame: &Frame, pen: &Pen<'_>) -> Line {
    let joined = |left: usize| {
        let same = |at: usize| cells.get(at).copied().flatten().and_then(|row| row.same.as_ref());
        same(left).is_some() && same(left) == same(left + 1)
    };
    let mut line = Line::indented(MARGIN, MARGIN);
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let from_left = at > 0 && joined(at - 1);
        if at > 0 {
            let across = if from_left { frame.across } else { " " };
            line.push(Role::Dim, across.repeat(BETWEEN));
        }
        line.push(Role::Dim, if from_left { frame.comes } else { frame.down });
        let inner = width - 2;
        let shown = cell.map_or_else(Line::new, |cell| inside(cell, inner - 2, pen));
        line.push(Role::Plain, " ");
        let used = shown.width();
        line.spans.extend(shown.spans);
        line.spans.push(blanks(inner - 1 - used));
        line.push(Role::Dim, if joined(at) { frame.leaves } else { frame.down });
    }
    line
}

/// What stands in a box: label, value, and whose it is.
fn inside(row: &Row, room: usize, pen: &Pen<'_>) -> Line {
    let whose = row.own.map(|own| if own { (Role::Good, "own") } else { (Role::Dim, "shared") });
    let word = whose.map_or(0, |(_, word)| word.len() + 1);
    let mut line = Line::new().with(Role::Plain, row.label);
    line.spans.push(blanks(VALUES - wrap::width(row.label)));
    let value =
        from_the_end(&wrap::clean(&row.value, 0, pen.look), room.saturating_sub(VALUES + word), row, pen);
    line.push(row.role, value);
    if let Some((role, word)) = whose {
        line.spans.push(blanks((room - word.len()).saturating_sub(line.width())));
        line.push(role, word);
    }
    fitted(line, room, pen)
}

/// A path that is too long is cut at its beginning, since its end tells more; everything else at its end.
fn from_the_end(value: &str, room: usize, row: &Row, pen: &Pen<'_>) -> String {
    let sign = pen.sign(super::document::Sign::More);
    if wrap::width(value) <= room || !(row.role == Role::Kernel && value.starts_with('/')) {
        return value.to_owned();
    }
    let mut left = room.saturating_sub(wrap::width(sign));
    let mut kept: Vec<char> = Vec::new();
    for c in value.chars().rev() {
        let columns = wrap::width(c.encode_utf8(&mut [0; 4]));
        if columns > left {
            break;
        }
        left -= columns;
        kept.push(c);
    }
    sign.chars().chain(kept.into_iter().rev()).collect()
}

fn blanks(number: usize) -> super::document::Span {
    super::document::Span { text: " ".repeat(number), role: Role::Plain }
}

/// What a learner typed stands in the title: harmless, and as wide as it says.
fn cleaned(line: &Line, pen: &Pen<'_>) -> Line {
    let mut clean = Line::new();
    for span in &line.spans {
        clean.push(span.role, wrap::clean(&span.text, 0, pen.look));
    }
    clean
}

/// The same without a picture: every row a line, whose it is a word.
fn in_words(side: &Side) -> Text {
    let mut text = Text::new();
    let mut title = Line::indented(MARGIN, MARGIN + 2);
    title.spans.clone_from(&side.title.spans);
    text.push(title);
    let mut label = "";
    for row in side.sections.iter().flatten() {
        if !row.label.is_empty() {
            label = row.label;
        }
        let is_namespace = Namespace::ALL.iter().any(|kind| kind.name() == row.label);
        let kind = if is_namespace { format!("{label} namespace: ") } else { format!("{label}: ") };
        let mut line = Line::indented(MARGIN + 2, MARGIN + 4).with(Role::Dim, kind);
        line.push(row.role, row.value.clone());
        match row.own {
            Some(true) => line.push(Role::Good, ", its own"),
            Some(false) => line.push(Role::Plain, ", shared with the host"),
            None => {}
        }
        text.push(line);
    }
    text
}
