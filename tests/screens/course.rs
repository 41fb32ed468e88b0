//! The whole course at a terminal: by Enter alone, and by other lines that work too.

use crate::support::picture::Row;
use crate::support::screen::Screen;
use crate::support::{LABS, can_run_labs};

/// More lines than the course has.
const ENOUGH: usize = 200;

/// What stands in grey after the prompt: the line that Enter will run.
pub(crate) fn ghost(row: &Row) -> Option<String> {
    let ghost: String =
        row.pieces.iter().filter(|(_, style)| style.dim).map(|(piece, _)| piece.as_str()).collect();
    (!ghost.trim().is_empty()).then(|| ghost.trim().to_owned())
}

/// Rows that the terminal had to break: text wider than the screen. A line that somebody typed may be as long as it
/// likes.
pub(crate) fn broken(rows: &[Row]) -> Vec<&str> {
    let mut typed = false;
    let mut broken = Vec::new();
    for row in rows {
        typed = row.wrapped && (typed || row.text.contains(" ▸ ") || row.text.contains(" > "));
        if row.wrapped && !typed {
            broken.push(row.text.as_str());
        }
    }
    broken
}

fn by_enter_alone(columns: u16) {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(columns, 24, &[]);
    screen.prompt();
    let mut lines = 0;
    while ghost(&screen.cursor_row()).is_some() {
        screen.line("");
        lines += 1;
        assert!(lines < ENOUGH, "no end:\n{}", screen.text());
    }
    let rows = screen.rows();
    assert_eq!(broken(&rows), Vec::<&str>::new(), "wider than {columns} columns");
    let text = screen.text();
    assert!(!text.contains('✗'), "a check failed:\n{text}");
    let labs = screen.line("labs");
    assert_eq!(labs.matches("✓ done").count(), LABS.len(), "not every lab is done:\n{labs}");
    screen.leave();
}

#[test]
fn two_masked_sessions_draw_the_same_picture() {
    if !can_run_labs() {
        return;
    }
    let picture = || {
        let mut screen = Screen::start(80, 24, &["start", "memory-cgroup", "--masked"]);
        screen.prompt();
        while ghost(&screen.cursor_row()).is_some_and(|line| !line.starts_with("start ")) {
            screen.line("");
        }
        screen.line("map");
        screen.leave()
    };
    let first = picture();
    assert!(first.contains("<pid-1> on the host"), "{first}");
    assert_eq!(first, picture());
}

#[test]
fn enter_alone_walks_the_course_at_40_columns() {
    by_enter_alone(40);
}

#[test]
fn enter_alone_walks_the_course_at_80_columns() {
    by_enter_alone(80);
}

#[test]
fn enter_alone_walks_the_course_at_120_columns() {
    by_enter_alone(120);
}
