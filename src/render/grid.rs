//! Rows and columns without lines between them; a list of `heading: value` where they do not fit.

use super::document::{Line, Role, Text};
use super::pen::Pen;
use super::wrap;

/// Blanks between two columns.
const BETWEEN: usize = 3;

/// One cell of a grid.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) role: Role,
    pub(super) text: String,
}

impl Cell {
    /// A cell with its text.
    pub(super) fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into() }
    }
}

/// A grid whose first row is its headings.
pub(super) fn grid(rows: &[Vec<Cell>], indent: usize, pen: &Pen<'_>) -> Text {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| wrap::width(&wrap::clean(&cell.text, 0, pen.look)))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let whole = indent + widths.iter().sum::<usize>() + BETWEEN * columns.saturating_sub(1);
    if pen.look.plain || whole > pen.look.width {
        listed(rows, indent)
    } else {
        aligned(rows, &widths, indent, pen)
    }
}

fn aligned(rows: &[Vec<Cell>], widths: &[usize], indent: usize, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    for row in rows {
        let mut line = Line::indented(indent, indent + 2);
        let mut column = 0;
        for (cell, width) in row.iter().zip(widths) {
            line.push(cell.role, wrap::clean(&cell.text, 0, pen.look));
            column += width + BETWEEN;
            line.pad_to(column);
        }
        text.push(line);
    }
    text
}

/// One block a row: its first cell, then every other that is not empty with its heading.
fn listed(rows: &[Vec<Cell>], indent: usize) -> Text {
    let mut text = Text::new();
    let Some((heads, rows)) = rows.split_first() else { return text };
    for row in rows {
        let cells = row.iter().zip(heads).filter(|(cell, _)| !cell.text.trim().is_empty());
        for (at, (cell, head)) in cells.enumerate() {
            let indent = if at == 0 { indent } else { indent + 2 };
            let mut line = Line::indented(indent, indent + 2);
            if !head.text.is_empty() {
                line.push(Role::Dim, format!("{}: ", head.text));
            }
            line.push(cell.role, cell.text.trim());
            text.push(line);
        }
    }
    text
}
