//! From one session to the next: history, the place in the course, and two sessions of one learner at once.

use std::path::Path;

use crate::course::ghost;
use crate::support::screen::{CTRL_C, CTRL_D, Screen, Seat};
use crate::support::{LABS, can_run_labs};

const UP: &str = "\x1b[A";
const CTRL_R: &str = "\x12";

fn session(home: &Path, words: &[&str]) -> Screen {
    let mut screen = Seat::new(80, 24).home(home).start(words);
    screen.prompt();
    screen
}

/// Waits until the row that is edited ends with this.
fn edits(screen: &Screen, text: &str) {
    screen.until_so(&format!("{text:?} is not edited"), |screen| screen.cursor_row().text.ends_with(text));
}

#[test]
fn lines_come_back_in_the_next_session() {
    let home = tempfile::tempdir().unwrap();
    let mut first = session(home.path(), &["play"]);
    first.line("echo first");
    first.line("echo sec''ond");
    first.leave();
    let mut second = session(home.path(), &["play"]);
    second.press(UP);
    edits(&second, "echo sec''ond");
    second.press(UP);
    edits(&second, "echo first");
    second.press(CTRL_C);
    second.prompt();
    second.press(CTRL_R);
    second.press("ho sec");
    edits(&second, "echo sec''ond");
    let told = second.line("");
    assert!(told.contains("\n  second\n"), "{told}");
    second.leave();
}

#[test]
fn the_next_session_goes_on_where_this_one_left_off() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut first = session(home.path(), &[]);
    // Six lines: the welcome's, and those of two steps.
    while !first.text().contains("step 3 of 6") {
        first.line("");
    }
    let bye = first.leave();
    assert!(bye.lines().rev().take(4).any(|line| line.contains("look")), "{bye}");

    let mut second = session(home.path(), &[]);
    assert!(second.text().lines().filter(|line| !line.trim().is_empty()).count() <= 8, "{}", second.text());
    assert!(ghost(&second.cursor_row()).is_some());
    let told = second.line("");
    assert!(told.contains("step 3 of 6"), "{told}");
    // The state is there, not only the page.
    let told = second.line("ls /");
    assert!(told.contains("\n  proc\n") && !told.contains("\n  home\n"), "{told}");
    let status = second.line("status");
    assert_eq!(status.matches('✓').count(), 2, "{status}");
    second.leave();
}

#[test]
fn a_lab_that_is_done_stays_done() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut first = session(home.path(), &["start", "chroot"]);
    while ghost(&first.cursor_row()).is_some_and(|line| !line.starts_with("start ")) {
        first.line("");
    }
    first.leave();
    let mut second = session(home.path(), &[]);
    let labs = second.line("labs");
    assert_eq!(labs.matches("done").count(), 1, "{labs}");
    // On to the next one.
    assert!(second.line("").contains(&format!("lab 2 of {}", LABS.len())));
    second.leave();
}

#[test]
fn two_sessions_at_once_disturb_neither_each_other_nor_what_is_kept() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut one = session(home.path(), &["start", "chroot"]);
    let mut other = session(home.path(), &["start", "memory-cgroup"]);
    // Each finishes a step, and neither knows of the other's when it writes its own.
    assert!(one.line("solve").contains('✓'));
    assert!(other.line("solve").contains('✓'));
    one.line("next");
    assert!(one.line("solve").contains('✓'));
    other.line("cgroup memory.max=7M");
    one.line("echo from one");
    other.line("echo from the other");
    // Each has its own directory and group, and a second start collects nothing of a living one.
    assert!(one.line("ls /").contains("\n  proc\n"));
    assert!(other.line("!cat $CGROUP/memory.limit_in_bytes || cat $CGROUP/memory.max").contains("7340032"));
    one.leave();
    assert!(other.line("!test -d $CGROUP && echo th''ere").contains("\n  there\n"));
    other.leave();

    let mut third = session(home.path(), &["play"]);
    let status = third.line("start chroot:look");
    assert!(!status.contains("error"), "{status}");
    let status = third.line("status");
    assert_eq!(status.matches('✓').count(), 2, "what the first session did is lost:\n{status}");
    third.line("start memory-cgroup:2");
    let status = third.line("status");
    assert_eq!(status.matches('✓').count(), 1, "what the second session did is lost:\n{status}");
    for line in ["echo from one", "echo from the other"] {
        third.press(CTRL_R);
        third.press(&line[5..]);
        edits(&third, line);
        third.press(CTRL_C);
        third.prompt();
    }
    third.press(CTRL_D);
    third.end();
}

#[test]
fn a_state_directory_that_cannot_be_used_is_told_and_stops_nothing() {
    let home = tempfile::tempdir().unwrap();
    // A file where the directory should be: root may write to a read-only directory.
    std::fs::write(home.path().join("state"), "").unwrap();
    let mut screen = session(home.path(), &["play"]);
    let told = screen.text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("not kept"), "{told}");
    let told = screen.line("echo $((40 + 2))");
    assert!(told.contains("\n  42\n"), "{told}");
    screen.leave();

    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state/rlab");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("progress.json"), b"\xff{half a file").unwrap();
    let screen = session(home.path(), &["play"]);
    let told = screen.leave().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("set aside"), "{told}");
    let kept: Vec<Vec<u8>> = std::fs::read_dir(&state)
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path()).ok())
        .collect();
    assert!(kept.iter().any(|bytes| bytes == b"\xff{half a file"), "the damaged file is lost");
}
