//! The table of `ablate`: rows of ever more ingredients, columns of probes, the changed cell marked.

use super::beforeafter::{lists_processes, summary};
use super::document::{Role, Sign, Text};
use super::grid::{Cell, grid};
use super::jobs::heads;
use super::listing::sees_host;
use super::mask::HOST_PROCESSES;
use super::pen::{MARGIN, Pen};
use crate::recipe::outcome::{AblationOutcomes, AblationTable, Outcome};

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
            let above = above.and_then(|above| above.cells.get(at));
            let changed = above.is_some_and(|above| answer(above) != answer(outcome));
            cells.push(if changed {
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
