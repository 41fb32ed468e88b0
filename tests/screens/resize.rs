//! A window that changes its size: what comes next fits it.

use crate::course::broken;
use crate::support::can_run_labs;
use crate::support::screen::{CTRL_C, ENTER, Screen};

#[test]
fn the_next_page_fits_the_new_width() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(120, 40, &["start", "chroot"]);
    screen.prompt();
    for (columns, rows) in [(40, 20), (80, 24), (200, 50), (60, 24)] {
        screen.resize(columns, rows);
        screen.settle();
        let from = screen.rows().len();
        screen.line("goto 1");
        screen.line("rootfs busybox");
        let rows = screen.rows();
        let page = &rows[from..];
        assert_eq!(broken(page), Vec::<&str>::new(), "at {columns} columns");
        let widest = page.iter().map(|row| row.text.chars().count()).max().unwrap_or(0);
        assert!(widest <= usize::from(columns), "{widest} columns of {columns}");
        // And it uses the width there is.
        assert!(widest * 3 >= usize::from(columns) * 2, "{widest} columns of {columns}");
    }
    screen.leave();
}

#[test]
fn a_line_that_is_being_typed_survives() {
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    screen.press("echo one two three four five six seven eight nine");
    screen.settle();
    for (columns, rows) in [(40, 10), (100, 30), (41, 8), (80, 24)] {
        screen.resize(columns, rows);
        screen.settle();
    }
    screen.press(" ten");
    screen.settle();
    let told = screen.line("");
    assert!(told.contains("\n  one two three four five six seven eight nine ten\n"), "{told}");
    screen.press("typed");
    screen.resize(40, 10);
    screen.settle();
    screen.press(CTRL_C);
    screen.prompt();
    screen.leave();
}

#[test]
fn a_resize_while_something_runs_ends_nothing() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    screen.press(&format!("!echo be''gun; sleep 0.3; echo do''ne{ENTER}"));
    screen.see("begun");
    for columns in [40, 120, 80] {
        screen.resize(columns, 24);
    }
    screen.wait("never done", |rows| rows.iter().any(|row| row.text.trim() == "done"));
    screen.settle();
    let told = screen.line("echo $((40 + 2))");
    assert!(told.contains("\n  42\n"), "{told}");
    screen.leave();
}

#[test]
fn a_very_small_window_is_no_trouble() {
    let mut screen = Screen::start(10, 3, &["play"]);
    screen.prompt();
    screen.line("labs");
    screen.line("unshare --nonsense");
    screen.resize(1, 1);
    screen.settle();
    screen.line("echo x");
    screen.resize(80, 24);
    screen.settle();
    let told = screen.line("echo $((40 + 2))");
    assert!(told.contains("\n  42\n"), "{told}");
    screen.leave();
}
