//! The line while it is typed: colours, completion inside the root, several lines at once, bytes that are no text, and
//! the terminals that edit lines themselves.

use std::path::PathBuf;

use crate::support::can_run_labs;
use crate::support::picture::joined;
use crate::support::screen::{CTRL_C, CTRL_D, ENTER, Screen, Seat};

const CTRL_BACKSLASH: &str = "\x1c";
const CTRL_U: &str = "\x15";
const TAB: &str = "\t";

fn play() -> Screen {
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    screen
}

/// A session in a changed root, and where that is on the host.
fn inside() -> (Screen, PathBuf) {
    let mut screen = play();
    screen.line("rootfs busybox");
    screen.line("chroot");
    let told = screen.line("!echo at=$ROOTFS");
    let root = told.lines().find_map(|line| line.trim().strip_prefix("at=")).expect("a root").into();
    (screen, root)
}

fn typed(screen: &mut Screen, keys: &str) -> String {
    screen.press(keys);
    screen.settle();
    screen.cursor_row().text
}

#[test]
fn the_line_is_coloured_by_what_is_there() {
    if !can_run_labs() {
        return;
    }
    let (mut screen, _) = inside();
    let mut color = |line: &str, word: &str| {
        typed(&mut screen, &format!("{CTRL_U}{line}"));
        screen.style_of(word).color
    };
    assert_eq!(color("pivot_root", "pivot_root"), Some(5), "a word of rlab's own");
    assert_eq!(color("wget 'a b' x", "wget"), Some(5), "a program inside");
    assert_eq!(color("wget 'a b' x", "'a b'"), Some(2), "quoted");
    assert_eq!(color("cargo build", "cargo"), Some(1), "there is none inside");
    assert_eq!(color("hostna", "hostna"), None, "not yet known");
    typed(&mut screen, CTRL_U);
    screen.leave();
}

#[test]
fn tab_completes_inside_and_never_leaves_the_root() {
    if !can_run_labs() {
        return;
    }
    let (mut screen, root) = inside();
    std::fs::write(root.join("etc/a file"), "").unwrap();
    // Outside there is a /usr; from inside the links lead back to the root's own top.
    std::os::unix::fs::symlink("../../../../../..", root.join("up")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("config")).unwrap();
    let mut tab = |line: &str| typed(&mut screen, &format!("{CTRL_U}{line}{TAB}"));
    assert!(tab("base6").ends_with("▸ base64"), "a program");
    assert!(tab("cat /etc/a").ends_with("cat /etc/a\\ file"), "a blank in a name");
    assert!(tab("cat /config/a").ends_with("cat /config/a\\ file"), "a link inside");
    assert!(tab("ls /up/us").ends_with("ls /up/us"), "a link that would lead out");
    assert!(tab("ls /up/et").ends_with("ls /up/etc/"), "and where it leads to");
    assert!(tab("!ls /us").ends_with("!ls /usr/"), "after `!` it is the host");
    assert!(tab("start chroot:lo").contains("start chroot:lo"), "a step");
    assert!(tab("drop ch").ends_with("drop chroot"), "what is in");
    typed(&mut screen, CTRL_U);
    screen.leave();
}

#[test]
fn lines_that_are_pasted_together_are_run_one_by_one() {
    if !can_run_labs() {
        return;
    }
    let mut screen = play();
    screen.press("\x1b[200~rootfs busybox\rchroot\r\recho $((40 + 2))\x1b[201~");
    screen.settle();
    let told = screen.line("");
    assert!(told.contains("\n  42\n"), "{told}");
    assert!(screen.cursor_row().text.starts_with("chroot ▸"));
    // A loop is one line, over however many rows.
    screen.press("\x1b[200~for i in 1 2\rdo echo $((i * 11))\rdone\x1b[201~");
    screen.settle();
    let told = screen.line("");
    assert!(told.contains("\n  11\n  22\n"), "{told}");
    screen.leave();
}

#[test]
fn bytes_that_are_no_text_cost_no_line() {
    let mut screen = play();
    screen.press("echo kept");
    screen.settle();
    // `é` of a terminal that is not in UTF-8, and a line that must not be run.
    screen.press_bytes(b"\xe9t\xe9\rtouch /never\r");
    screen.see("Ctrl-C clears it");
    screen.settle();
    let told = screen.since();
    assert!(told.contains("error:") && told.contains("UTF-8"), "{told}");
    assert!(screen.cursor_row().text.ends_with("▸ echo kept"), "{}", screen.text());
    let told = screen.line(" $((40 + 2))");
    assert!(told.contains("\n  kept 42\n"), "{told}");
    screen.press_bytes(&(0..=255).rev().filter(|byte| *byte != 4 && *byte != 26).collect::<Vec<u8>>());
    screen.prompt();
    screen.press(CTRL_C);
    screen.prompt();
    assert!(!screen.text().contains("touch"), "{}", screen.text());
    screen.leave();
}

#[test]
fn ctrl_backslash_ends_what_runs_and_not_the_session() {
    let mut screen = play();
    screen.press(&format!("echo be''gun; sleep 1800{ENTER}"));
    screen.see("\n  begun\n");
    screen.press(CTRL_BACKSLASH);
    screen.prompt();
    typed(&mut screen, "never run");
    screen.press(CTRL_BACKSLASH);
    screen.prompt();
    let told = screen.line("echo $((40 + 2))");
    assert!(told.contains("\n  42\n"), "{told}");
    screen.leave();
}

#[test]
fn a_newcomer_is_told_what_the_machine_can_do() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(60, 24, &[]);
    screen.prompt();
    screen.wait("no verdict", |rows| joined(rows).contains("tries worked"));
    screen.settle();
    let rows = screen.rows();
    let greeting = rows.iter().take_while(|row| !row.text.is_empty()).count();
    assert!(greeting <= 8, "{}", screen.text());
    assert!(screen.cursor_row().text.starts_with("bare ▸ start chroot"), "{}", screen.text());
    assert_eq!(screen.text().matches('▸').count(), 1, "{}", screen.text());
    // Somebody who is quicker is not kept waiting.
    screen.leave();
    let mut screen = Screen::start(80, 24, &[]);
    screen.prompt();
    screen.line("");
    assert!(screen.text().contains("step 1 of"));
    screen.leave();
}

/// A terminal that edits lines itself: what is typed is shown by the terminal, and Ctrl-C is a signal.
#[test]
fn without_an_editor_ctrl_c_clears_and_quotes_go_on() {
    for (seat, words) in [
        (Seat::new(80, 24).env("TERM", "dumb"), &["play"][..]),
        (Seat::new(80, 24), &["--plain", "play"][..]),
    ] {
        let mut screen = seat.start(words);
        screen.asks_next();
        screen.press(&format!("echo 'one{ENTER}two"));
        screen.see("two");
        screen.press(CTRL_C);
        screen.asks_next();
        screen.press(&format!("echo 'one{ENTER}"));
        screen.settle();
        screen.press(&format!("two'{ENTER}"));
        screen.asks_next();
        let told = screen.since();
        assert!(told.contains("\n  one\n  two\n"), "{told}");
        screen.press(&format!("sleep 1800{ENTER}"));
        screen.settle();
        screen.press(CTRL_C);
        screen.asks_next();
        assert!(screen.since().contains("interrupted"), "{}", screen.since());
        screen.press(CTRL_D);
        assert!(screen.end().success());
        assert!(!screen.bytes().contains(&0x1b), "{}", screen.text());
    }
}

#[test]
fn two_sessions_keep_the_lines_of_both() {
    let home = tempfile::tempdir().unwrap();
    let session = || {
        let mut screen = Seat::new(80, 24).home(home.path()).start(&["play"]);
        screen.prompt();
        screen
    };
    let (mut one, mut two) = (session(), session());
    for n in 0..5 {
        one.line(&format!("# one {n}"));
        two.line(&format!("# two {n}"));
    }
    one.leave();
    two.leave();
    let history = home.path().join("state/rlab/history");
    let kept = std::fs::read_to_string(&history).unwrap();
    for n in 0..5 {
        assert!(kept.contains(&format!("# one {n}\n")) && kept.contains(&format!("# two {n}\n")), "{kept}");
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
}
