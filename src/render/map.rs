//! `map`: what each container shares with the host, and what is its own.

use super::document::{Line, Role, Text};
use super::grid::{Cell, grid};
use super::jobs::{heads, processes};
use super::pen::{MARGIN, Pen, counted};
use crate::recipe::outcome::{HostState, Peek};

/// The host, and every container beside it.
pub(super) fn map(host: &HostState, peeks: &[Peek], pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let facts = format!(
        "   {}, {} processes, {} mounts",
        host.hostname,
        pen.volatile(host.processes),
        pen.volatile(host.mounts.len())
    );
    text.push(Line::indented(MARGIN, MARGIN + 2).with(Role::Strong, "host").with(Role::Plain, facts));
    for group in &host.groups {
        let line = Line::indented(MARGIN + 2, MARGIN + 4)
            .with(Role::Dim, "group ")
            .with(Role::Kernel, group.path.clone())
            .with(Role::Plain, format!("   {}", group.controllers.join(" ")))
            .with(Role::Plain, format!("   {}", counted(group.members.len(), "process", "processes")));
        text.push(line);
    }
    if peeks.is_empty() {
        let line =
            Line::indented(MARGIN, MARGIN).with(Role::Dim, "no container runs; `COMMAND &` starts one");
        text.push(line);
    }
    for peek in peeks {
        text.append(container(peek, pen));
    }
    text
}

fn container(peek: &Peek, pen: &Pen<'_>) -> Text {
    let seen = &peek.job.seen;
    let mut text = Text::new();
    text.gap();
    let head = Line::indented(MARGIN, MARGIN + 2)
        .with(Role::Strong, format!("container {}", peek.job.number))
        .with(Role::Plain, "   ")
        .with(Role::Code, peek.job.command.clone());
    text.push(head);
    let mut rows = vec![heads(&["", "container", "host", ""])];
    for (kind, pair) in &seen.namespaces {
        let (role, word) = if pair.own() { (Role::Good, "own") } else { (Role::Dim, "shared") };
        rows.push(vec![
            Cell::new(Role::Plain, format!("{} namespace", kind.name())),
            Cell::new(Role::Kernel, pen.namespace(seen.pid, pair.inside)),
            Cell::new(Role::Kernel, pen.namespace(seen.pid, pair.host)),
            Cell::new(role, word),
        ]);
    }
    text.append(grid(&rows, MARGIN + 2, pen));
    let whose = if seen.root_own { (Role::Good, "own: ") } else { (Role::Dim, "shared: ") };
    text.push(fact("root").with(whose.0, whose.1).with(Role::Kernel, seen.root.clone()));
    let mounts: Vec<String> =
        seen.mounts.iter().map(|mount| format!("{} ({})", mount.target, mount.fstype)).collect();
    if seen.root_own && !mounts.is_empty() {
        text.push(fact("mounts").with(Role::Plain, mounts.join(", ")));
    }
    for (controller, group) in &seen.cgroups {
        text.push(fact(&format!("{controller} group")).with(Role::Kernel, group.clone()));
    }
    text.append(processes(peek, pen));
    text
}

/// A line `label   value` in the column of the namespaces' values.
fn fact(label: &str) -> Line {
    const COLUMN: usize = 19;
    let mut line = Line::indented(MARGIN + 2, MARGIN + 2 + COLUMN).with(Role::Plain, label);
    line.pad_to(COLUMN);
    line
}
