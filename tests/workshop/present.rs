//! The instructor's own session: notes, time, and the replay that stops at every prediction.

use crate::support::screen::{CTRL_C, CTRL_D, ENTER, Screen};
use crate::support::{can_run_labs, feed, rlab, run, source, status, stderr, stdout};

/// The notes of a step, as the lab file has them, without where lines break.
fn notes(lab: &str, step: usize) -> String {
    let lab: toml::Table = source(lab).parse().unwrap();
    squeezed(lab["step"][step]["notes"].as_str().unwrap())
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_notes_stand_with_the_step_and_the_time_is_compared_with_the_plan() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(60, 40, &["present", "chroot"]);
    screen.prompt();
    let text = squeezed(&screen.text());
    assert!(text.contains(&notes("chroot", 0)) && text.contains("of 10 min"), "{text}");
    assert!(!text.contains("It takes very little"), "only the first paragraph is on the wall: {text}");
    assert!(squeezed(&screen.line("page")).contains("It takes very little"));
    assert!(screen.line("pace").contains("in this step"));
    let told = screen.line("solve");
    assert!(told.contains("of 10 min"), "{told}");
    assert!(squeezed(&screen.line("next")).contains(&notes("chroot", 1)));
    screen.leave();

    // Off the wall until they are asked for.
    let home = tempfile::tempdir().unwrap();
    let output = feed(rlab(home.path()).args(["present", "chroot", "--hide-notes"]), "pace\nnotes\nquit\n");
    let told = squeezed(&stdout(&output));
    assert_eq!(told.matches(&notes("chroot", 0)).count(), 1, "{told}");
    let (before, _) = told.split_once("in this step").unwrap();
    assert!(!before.contains(&notes("chroot", 0)));
}

#[test]
fn a_replay_types_by_itself_and_stops_at_every_prediction() {
    if !can_run_labs() {
        return;
    }
    let lab: toml::Table = source("chroot").parse().unwrap();
    let steps = lab["step"].as_array().unwrap();
    let asked = steps.iter().filter(|step| step.get("predict").is_some()).count();
    assert!(asked >= 3);
    let mut screen = Screen::start(80, 40, &["present", "chroot", "--replay", "--words", "10000"]);
    for stop in 1..=asked {
        let shown = |text: &str| text.matches("what does the room say?").count();
        screen.wait(&format!("stop {stop}"), |rows| {
            shown(&rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n")) == stop
        });
        screen.settle();
        // It waits: however long, nothing goes on by itself.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(shown(&screen.text()), stop);
        screen.press(if stop == 1 { "2\r" } else { ENTER });
    }
    screen.wait("its end", |rows| rows.iter().any(|row| row.text.contains("the replay is over")));
    let text = screen.text();
    assert!(text.contains("as predicted") && !text.contains('✗'), "{text}");
    // The prompt is the instructor's.
    screen.prompt();
    assert!(screen.line("!echo mi\"\"ne").contains("\n  mine"));
    screen.press(CTRL_D);
    assert!(screen.end().success());
}

#[test]
fn ctrl_c_hands_over_the_prompt_in_the_middle_of_a_line() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(80, 40, &["present", "chroot", "--replay", "--words", "10"]);
    screen.see("what does the room say?");
    screen.press(ENTER);
    screen.see("root");
    screen.press(CTRL_C);
    screen.see("the prompt is yours");
    screen.prompt();
    assert!(screen.line("status").contains("step 1 of 6"));
    screen.leave();
}

#[test]
fn a_replay_without_a_terminal_is_refused() {
    let output = run(&["present", "chroot", "--replay"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("rlab run chroot"), "{}", stderr(&output));
    assert_eq!(status(&run(&["present", "nowhere"])), 2);
}
