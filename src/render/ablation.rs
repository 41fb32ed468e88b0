//! The table of `ablate`: rows of ever more ingredients, columns of probes, the changed cell marked.

use super::beforeafter::{lists_processes, summary};
use super::document::{Role, Sign, Text};
use super::grid::{Cell, grid};
use super::jobs::heads;
use super::listing::sees_host;
use super::mask::HOST_PROCESSES;
use super::pen::{MARGIN, Pen};
use crate::recipe::outcome::{AblationOutcomes, AblationTable, Outcome};

/// One row: its name, and each cell with whether the row's ingredient changed it.
#[cfg(feature = "book")]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<(String, bool)>,
}

/// The table as plain values, its heads first.
#[cfg(feature = "book")]
pub(super) fn rows(table: &AblationTable) -> Vec<Row> {
    let heads = table.probes.iter().map(|probe| (probe.clone(), false)).collect();
    let mut rows = vec![Row { name: String::new(), cells: heads }];
    for (at, row) in table.rows.iter().enumerate() {
        let above = at.checked_sub(1).and_then(|at| table.rows.get(at));
        let cell = |(at, outcome): (usize, &Outcome)| (stable(outcome), changed(outcome, above, at));
        rows.push(Row { name: row.name.clone(), cells: row.cells.iter().enumerate().map(cell).collect() });
    }
    rows
}

/// A cell without what differs from run to run.
#[cfg(feature = "book")]
fn stable(outcome: &Outcome) -> String {
    if lists_processes(outcome) && sees_host(outcome) {
        "the host's processes".to_owned()
    } else {
        summary(outcome)
    }
}

/// Whether a cell tells something else than the one above it.
fn changed(outcome: &Outcome, above: Option<&AblationOutcomes>, at: usize) -> bool {
    let above = above.and_then(|above| above.cells.get(at));
    above.is_some_and(|above| answer(above) != answer(outcome))
}

/// The table. A cell that differs from the one above it is what the row's ingredient changed.
pub(super) fn ablation(table: &AblationTable, pen: &Pen<'_>) -> Text {
    let mut names = vec![""];
    names.extend(table.probes.iter().map(String::as_str));
    let mut rows = vec![heads(&names)];
    let mut above: Option<&AblationOutcomes> = None;
    for row in &table.rows {
        let mut cells = vec![Cell::new(Role::Strong, row.name.clone())];
        for (at, outcome) in row.cells.iter().enumerate() {
            let cell = summary(outcome);
            cells.push(if changed(outcome, above, at) {
                Cell::new(Role::Good, format!("{} {cell}", changed_sign(pen)))
            } else {
                Cell::new(Role::Plain, format!("{}{cell}", if pen.look.plain { "" } else { "  " }))
            });
        }
        above = Some(row);
        rows.push(cells);
    }
    grid(&rows, MARGIN, pen)
}

/// What makes one answer another. The host's processes come and go, and are the host's all the same.
fn answer(outcome: &Outcome) -> String {
    if lists_processes(outcome) && sees_host(outcome) { HOST_PROCESSES.to_owned() } else { summary(outcome) }
}

fn changed_sign(pen: &Pen<'_>) -> &'static str {
    if pen.look.plain { "changed:" } else { pen.sign(Sign::Prompt) }
}
