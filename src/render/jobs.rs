//! Background containers: the list, and one of them from both sides.

use super::document::{Line, Role, Text};
use super::ended::seen_inside;
use super::grid::{Cell, grid};
use super::pen::{MARGIN, Pen};
use crate::recipe::outcome::{Job, Peek};

/// `jobs`.
pub(super) fn jobs(jobs: &[Job], pen: &Pen<'_>) -> Text {
    if jobs.is_empty() {
        return Line::indented(MARGIN, MARGIN)
            .with(Role::Dim, "no background containers; `COMMAND &` starts one")
            .into();
    }
    let mut rows = vec![heads(&["job", "PID inside", "PID on the host", "command", "state"])];
    for job in jobs {
        let state = if job.alive { Cell::new(Role::Good, "runs") } else { Cell::new(Role::Dim, "ended") };
        rows.push(vec![
            Cell::new(Role::Strong, job.number.to_string()),
            Cell::new(Role::Plain, seen_inside(&job.seen, pen)),
            Cell::new(Role::Plain, pen.pid(job.seen.pid)),
            Cell::new(Role::Code, job.command.clone()),
            state,
        ]);
    }
    grid(&rows, MARGIN, pen)
}

/// `peek`: every process of a container, with its PID on each side.
pub(super) fn peek(peek: &Peek, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let head = Line::indented(MARGIN, MARGIN + 2)
        .with(Role::Strong, format!("container {}", peek.job.number))
        .with(Role::Plain, "  ")
        .with(Role::Code, peek.job.command.clone());
    text.push(head);
    text.append(processes(peek, pen));
    text.append(namespaces(peek));
    text
}

/// Which namespaces are its own, and which the host's.
fn namespaces(peek: &Peek) -> Text {
    let mut text = Text::new();
    for (label, own) in [("its own", true), ("the host's", false)] {
        let pairs = peek.job.seen.namespaces.iter().filter(|(_, pair)| pair.own() == own);
        let names: Vec<&str> = pairs.map(|(kind, _)| kind.name()).collect();
        if !names.is_empty() {
            let role = if own { Role::Good } else { Role::Plain };
            let line = Line::indented(MARGIN + 2, MARGIN + 4)
                .with(Role::Dim, format!("namespaces, {label}: "))
                .with(role, names.join(" "));
            text.push(line);
        }
    }
    text
}

/// The table of [`peek`] alone.
pub(super) fn processes(peek: &Peek, pen: &Pen<'_>) -> Text {
    let mut rows = vec![heads(&["PID inside", "PID on the host", "command"])];
    let own = peek.job.seen.nspid.len() > 1;
    for process in &peek.processes {
        let inside = if own { process.pid_inside.to_string() } else { pen.pid(process.pid) };
        rows.push(vec![
            Cell::new(Role::Strong, inside),
            Cell::new(Role::Plain, pen.pid(process.pid)),
            Cell::new(Role::Code, process.command.clone()),
        ]);
    }
    grid(&rows, MARGIN + 2, pen)
}

/// A row of headings.
pub(super) fn heads(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| Cell::new(Role::Dim, *name)).collect()
}
