//! A step's page: what stands where, so that the eye finds it.

use crate::support::can_run_labs;
use crate::support::screen::Screen;

/// The rows from the one that begins so on, blanks at both ends cut off.
fn from<'t>(text: &'t str, begins: &str) -> Vec<&'t str> {
    let rows: Vec<&str> = text.lines().map(str::trim).collect();
    let at = rows.iter().rposition(|row| row.starts_with(begins));
    rows[at.unwrap_or_else(|| panic!("no {begins:?} in\n{text}"))..].to_vec()
}

#[test]
fn the_verdict_stands_free_of_the_checks_and_of_the_prompt() {
    if !can_run_labs() {
        return;
    }
    for columns in [40, 80, 120] {
        let mut screen = Screen::start(columns, 24, &["start", "chroot:chroot"]);
        screen.prompt();
        screen.line("1");
        let shown = screen.line("chroot");
        let rows: Vec<&str> = shown.lines().map(str::trim).collect();
        let done = rows.iter().position(|row| row.starts_with("Done ")).unwrap_or_else(|| panic!("{shown}"));
        let first_check = rows.iter().position(|row| row.starts_with('✓')).unwrap();
        assert_eq!((rows[first_check - 1], rows[done - 1]), ("", ""), "{shown}");
        assert!(rows[done..].iter().any(|row| row.starts_with("you predicted:")), "{shown}");
        assert!(rows[done..].iter().any(|row| row.starts_with("in fact:")), "{shown}");
        let prompt = rows.iter().rposition(|row| row.contains('▸')).unwrap();
        assert_eq!(rows[prompt - 1], "", "the prompt stands free\n{shown}");
        assert!(rows[prompt].ends_with("next"), "{shown}");

        // The page of the next step begins below an empty row, and nothing that was shown is gone.
        let page = screen.line("");
        let rows: Vec<&str> = page.lines().map(str::trim).collect();
        assert!(rows[0].ends_with("▸ next") && rows[1].is_empty() && rows[2].starts_with("rlab ·"), "{page}");
        assert!(from(&screen.text(), "Done ").len() > rows.len());
        screen.leave();
    }
}

#[test]
fn before_and_after_stand_side_by_side_from_80_columns_on() {
    if !can_run_labs() {
        return;
    }
    for (columns, beside) in [(40, false), (79, false), (80, true), (120, true)] {
        let mut screen = Screen::start(columns, 24, &["start", "chroot:chroot"]);
        screen.prompt();
        let shown = screen.line("chroot");
        // Inside there is a \"bin\" as there is outside, and nothing called \"boot\".
        let both = shown.lines().any(|row| row.trim().starts_with("bin ") && row.trim().ends_with(" bin"));
        assert_eq!(both, beside, "{columns}: {shown}");
        let gone =
            shown.lines().find(|row| row.trim_start().starts_with("- ")).unwrap_or_else(|| panic!("{shown}"));
        assert!(!from(&shown, "Done").contains(&gone), "{shown}");
        screen.leave();
    }
}
