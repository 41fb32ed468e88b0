//! The table of `ablate`: rows of ever more ingredients, columns of probes, the changed cell marked.

use super::beforeafter::summary;
use super::document::{Role, Sign, Text};
use super::grid::{Cell, grid};
use super::jobs::heads;
use super::pen::{MARGIN, Pen};
use crate::recipe::outcome::AblationTable;

/// The table. A cell that differs from the one above it is what the row's ingredient changed.
pub(super) fn ablation(table: &AblationTable, pen: &Pen<'_>) -> Text {
    let mut names = vec![""];
    names.extend(table.probes.iter().map(String::as_str));
    let mut rows = vec![heads(&names)];
    let mut above: Option<Vec<String>> = None;
    for row in &table.rows {
        let told: Vec<String> = row.cells.iter().map(summary).collect();
        let mut cells = vec![Cell::new(Role::Strong, row.name.clone())];
        for (at, cell) in told.iter().enumerate() {
            let changed =
                above.as_ref().is_some_and(|above| above.get(at).is_some_and(|above| above != cell));
            cells.push(if changed {
                Cell::new(Role::Good, format!("{} {cell}", changed_sign(pen)))
            } else {
                Cell::new(Role::Plain, format!("{}{cell}", if pen.look.plain { "" } else { "  " }))
            });
        }
        above = Some(told);
        rows.push(cells);
    }
    grid(&rows, MARGIN, pen)
}

fn changed_sign(pen: &Pen<'_>) -> &'static str {
    if pen.look.plain { "changed:" } else { pen.sign(Sign::Prompt) }
}
