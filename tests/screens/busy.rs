//! What takes a while says so in passing: on a terminal alone, and it is gone when it is over.

use crate::support::can_run_labs;
use crate::support::screen::{CTRL_C, Screen, Seat};

/// What every such row has, of a command.
const GOES_ON: &str = "Ctrl-C ends it";

fn written(screen: &Screen) -> String {
    String::from_utf8_lossy(&screen.bytes()).into_owned()
}

#[test]
fn a_load_shows_its_bytes_against_the_limit_and_leaves_no_trace() {
    if !can_run_labs() {
        return;
    }
    for columns in [40, 80] {
        let mut screen = Screen::start(columns, 24, &["play"]);
        screen.prompt();
        screen.line("cgroup memory.max=7M");
        screen.press("some=$(head -c 3000000 /dev/urandom); sleep 2\r");
        screen.wait("the bytes that it holds", |rows| {
            // The shell holds 3000000 bytes, which are 2.8 MiB, and its copies.
            let row = rows.iter().find(|row| row.text.contains(" of 7.0 MiB"));
            row.is_some_and(|row| {
                let held = row.text.split(" of").next().and_then(|row| row.split(' ').next_back());
                assert!(!row.wrapped, "{}", row.text);
                held.and_then(|held| held.parse::<f64>().ok()).is_some_and(|held| (2.8..7.0).contains(&held))
            })
        });
        screen.prompt();
        assert!(!screen.text().contains("MiB"), "{}", screen.text());
        screen.leave();
    }
}

#[test]
fn ctrl_c_ends_it_and_its_row() {
    if !can_run_labs() {
        return;
    }
    for columns in [40, 80] {
        let mut screen = Screen::start(columns, 24, &["play"]);
        screen.prompt();
        screen.press("sleep 1000\r");
        screen.see("Ctrl-C");
        screen.press(CTRL_C);
        screen.see("interrupted");
        screen.prompt();
        assert!(!screen.text().contains("Ctrl-C ends"), "{}", screen.text());
        screen.leave();
    }
}

#[test]
fn what_is_quick_shows_nothing_and_output_takes_the_place_of_the_row() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    screen.line("echo at once");
    assert!(!written(&screen).contains(GOES_ON));
    let shown = screen.line("sleep 1; echo first; sleep 1; echo second");
    assert!(written(&screen).contains(GOES_ON));
    let rows: Vec<&str> = shown.lines().map(str::trim_end).collect();
    let first = rows.iter().position(|row| *row == "  first").unwrap();
    assert_eq!(rows[first + 1], "  second", "nothing is left between them: {shown}");
    screen.leave();
}

#[test]
fn plain_says_it_in_words_and_erases_nothing() {
    if !can_run_labs() {
        return;
    }
    for (seat, words) in [
        (Seat::new(80, 24), ["--plain", "play"].as_slice()),
        (Seat::new(80, 24).env("TERM", "dumb"), &["play"]),
    ] {
        let mut screen = seat.start(words);
        screen.asks_next();
        screen.press("sleep 2\r");
        screen.asks_next();
        let text = screen.text();
        assert_eq!(text.matches("working: ").count(), 1, "now and then: {text}");
        screen.leave();
    }
}
