//! What a terminal may send that is no line: pastes without end, bytes that are no text, keys that mean nothing here.

use crate::support::can_run_labs;
use crate::support::picture::joined;
use crate::support::screen::{CTRL_C, ENTER, Screen};

fn play() -> Screen {
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    screen
}

fn goes_on(screen: &mut Screen) {
    let told = screen.line("echo $((40 + 2))");
    assert!(told.contains("\n  42\n"), "{told}");
}

/// As a terminal sends what is pasted, when the program has asked to be told.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{text}\x1b[201~")
}

#[test]
fn a_pasted_line_of_a_mebibyte_is_refused_whole() {
    let mut screen = play();
    screen.press(&pasted(&"x".repeat(1 << 20)));
    screen.settle();
    screen.press(ENTER);
    screen.prompt();
    // Told in a few rows, not by showing it all again.
    let rows = screen.rows();
    let told = joined(&rows[rows.len().saturating_sub(10)..]);
    assert!(told.contains("error:") && told.contains("hint:"), "{told}");
    goes_on(&mut screen);
    // Taken back with Ctrl-C it is gone, too.
    screen.press(&pasted(&format!("echo {}", "y ".repeat(1 << 19))));
    screen.settle();
    screen.press(CTRL_C);
    screen.prompt();
    goes_on(&mut screen);
    screen.leave();
}

#[test]
fn pasted_lines_are_run_only_on_enter() {
    let mut screen = play();
    screen.press(&pasted("echo $((1 + 1))\recho $((2 + 2))\r"));
    screen.settle();
    assert!(!screen.since().contains("\n  4\n"), "{}", screen.since());
    screen.press(CTRL_C);
    screen.prompt();
    goes_on(&mut screen);
    screen.leave();
}

#[test]
fn bytes_that_are_no_text_end_nothing() {
    let mut screen = play();
    let all: Vec<u8> = (0x80..=0xff).chain([0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf5, 0xff]).collect();
    screen.press_bytes(&all);
    screen.settle();
    screen.press(ENTER);
    screen.prompt();
    goes_on(&mut screen);
    // Every control character but those that end the session, stop it, or wait for another key.
    for byte in (1..0x20).filter(|byte| ![0x04, 0x0a, 0x0d, 0x11, 0x13, 0x16, 0x1a, 0x1b].contains(byte)) {
        screen.press_bytes(&[b'a', byte, b'b']);
        screen.settle();
        screen.press(CTRL_C);
        screen.prompt();
    }
    goes_on(&mut screen);
    for keys in ["\x1b[", "\x1b[99;99;99~", "\x1bO", "\x1b]0;title\x07", "\x1b[<0;1;1M", "\x1b[I", "\x16\x1b"]
    {
        screen.press(keys);
        screen.settle();
        // The first may be the end of a sequence that was none.
        screen.press(CTRL_C);
        screen.settle();
        screen.press(CTRL_C);
        screen.prompt();
    }
    goes_on(&mut screen);
    screen.leave();
}

#[test]
fn what_a_program_prints_does_not_drive_the_terminal() {
    if !can_run_labs() {
        return;
    }
    let mut screen = play();
    let before = screen.text();
    // Clear the screen, hide the cursor, the other screen, red for ever, a bell, a row upwards.
    screen.line(r"printf '\033[2J\033[3J\033[?25l\033[?1049h\033[31m\a\033[1Aover\r\b\n'");
    screen.line(r"!printf '\033c\033]0;title\007\n'");
    screen.line(r"head -c 3000 /dev/urandom");
    goes_on(&mut screen);
    let after = screen.leave();
    assert!(after.starts_with(before.trim_end().lines().next().unwrap()), "{after}");
}

#[test]
fn wrong_lines_are_told_and_the_session_goes_on() {
    let mut screen = play();
    for line in [
        "unshare --nonsense",
        "mount -t",
        "cgroup memory.max=",
        "cgroup memory.max=99999999999999999999999",
        "cgroup nonsense.max=1",
        "capdrop nothing_like_it",
        "drop",
        "kill",
        "kill x",
        "kill -NOSUCH 1",
        "peek 99",
        "goto",
        "start",
        "run",
        "predict",
        "&",
        "!",
        "rootfs nonsense",
    ] {
        let told = screen.line(line);
        assert!(told.contains("error:"), "`{line}`: {told}");
        assert!(told.contains("hint:"), "`{line}`: {told}");
    }
    goes_on(&mut screen);
    screen.leave();
}
