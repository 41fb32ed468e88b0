//! The same session for everyone: without colour, on a simple terminal, in a plain locale, for a screen reader.

use crate::course::{broken, ghost};
use crate::support::can_run_labs;
use crate::support::picture::Style;
use crate::support::screen::{CTRL_D, ENTER, Screen, Seat};

/// The first steps of a lab, a failure, a picture of everything, and out. Gives the bytes and the text.
fn tour(seat: Seat, words: &[&str]) -> (Vec<u8>, String) {
    let words: Vec<&str> = words.iter().copied().chain(["start", "pid-namespace:both-sides"]).collect();
    let mut screen = seat.start(&words);
    let next = |screen: &mut Screen, line: &str| {
        screen.press(&format!("{line}{ENTER}"));
        screen.asks_next();
    };
    screen.asks_next();
    for line in [
        "",
        "check",
        "hint",
        "map",
        "peek",
        "status",
        "labs",
        "nonsense",
        "unshare --nonsense",
        "kill 1",
        "next",
    ] {
        next(&mut screen, line);
    }
    assert_eq!(broken(&screen.rows()), Vec::<&str>::new());
    screen.press(CTRL_D);
    assert!(screen.end().success());
    (screen.bytes(), screen.text())
}

fn colours(bytes: &[u8]) -> usize {
    // SGR with anything but a reset.
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("\x1b[")
        .filter(|(at, _)| {
            let rest = &text[at + 2..];
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'));
            end.is_some_and(|end| rest[end..].starts_with('m') && !["", "0"].contains(&&rest[..end]))
        })
        .count()
}

#[test]
fn no_color_means_none_and_every_sign_stays() {
    if !can_run_labs() {
        return;
    }
    let (bytes, plain) = tour(Seat::new(80, 24).env("NO_COLOR", "1"), &[]);
    assert_eq!(colours(&bytes), 0, "{plain}");
    assert!(plain.contains('✓') && plain.contains('▸'), "{plain}");
    let (bytes, never) = tour(Seat::new(80, 24), &["--color", "never"]);
    assert_eq!(colours(&bytes), 0, "{never}");
    let (bytes, always) = tour(Seat::new(80, 24).env("NO_COLOR", "1"), &["--color", "always"]);
    assert!(colours(&bytes) > 50, "{always}");
}

#[test]
fn plain_draws_nothing_and_says_every_sign() {
    if !can_run_labs() {
        return;
    }
    let (bytes, text) = tour(Seat::new(80, 24), &["--plain"]);
    assert_eq!(colours(&bytes), 0, "{text}");
    for sign in ['✓', '✗', '▸', '│', '─', '┌', '├', '╭'] {
        assert!(!text.contains(sign), "{sign} is drawn:\n{text}");
    }
    for word in ["pass", "error:", "hint"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}

#[test]
fn a_dumb_terminal_gets_no_escape_sequence() {
    if !can_run_labs() {
        return;
    }
    let (bytes, text) = tour(Seat::new(80, 24).env("TERM", "dumb"), &[]);
    let at = bytes.iter().position(|byte| *byte == 0x1b);
    assert_eq!(at, None, "an escape sequence:\n{text}");
    assert!(text.contains("step 4 of 6") && text.contains("step 5 of 6"), "{text}");
    // A terminal of no kind at all is none that can do more.
    let (bytes, text) = tour(Seat::new(80, 24).without("TERM"), &[]);
    assert_eq!(colours(&bytes), 0, "{text}");
}

#[test]
fn a_locale_without_utf8_gets_ascii_only() {
    if !can_run_labs() {
        return;
    }
    for locale in ["C", "de_DE.ISO-8859-1"] {
        let (bytes, text) = tour(Seat::new(80, 24).env("LC_ALL", locale), &[]);
        let odd: String = text.chars().filter(|c| !c.is_ascii()).collect();
        assert_eq!(odd, "", "in {locale}:\n{text}");
        assert!(bytes.is_ascii(), "in {locale}");
        // Spelled in words, not by their numbers.
        assert!(!text.contains("\\u{"), "in {locale}:\n{text}");
    }
}

#[test]
fn colours_are_those_that_show_on_light_and_dark() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["start", "chroot:2"]);
    screen.prompt();
    // What Enter will run is fainter than what is typed.
    let row = screen.cursor_row();
    assert_eq!(ghost(&row).as_deref(), Some("chroot"));
    assert_eq!(row.style_of("chroot"), Some(Style { dim: true, ..Style::default() }));
    screen.line("");
    screen.line("");
    assert_eq!(screen.style_of("✓").color, Some(2), "green");
    screen.line("unshare --nonsense");
    assert_eq!(screen.style_of("error:").color, Some(1), "red");
    screen.line("sleep 1000 &");
    screen.line("map");
    screen.line("kill 1");
    screen.line("status");
    for row in screen.rows() {
        for (piece, style) in &row.pieces {
            // White and yellow vanish on a light background, black on a dark one; bright ones of either on theirs.
            let hidden = matches!(style.color, Some(0 | 3 | 7..));
            assert!(!hidden || piece.trim().is_empty(), "{piece:?} is {}", style.words());
        }
    }
    screen.leave();
}
