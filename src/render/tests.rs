//! Tests over every event: width, looks, masking.

use proptest::prelude::*;

use super::document::{Line, Look, Role, Text, paint};
use super::event::event;
use super::mask::Masker;
use super::report::Report;
use super::samples::{self, ONE, OTHER, Volatile};
use super::teller::Teller;
use super::wrap;
use crate::recipe::machine::Machine;
use crate::session::event::Event;

fn told(v: Volatile, look: Look) -> String {
    let mut teller = Teller::new(look);
    if let Some(mask) = teller.mask() {
        mask.host(&samples::host(v));
    }
    samples::all(v).iter().map(|event| teller.tell(event)).collect()
}

fn masked_json(v: Volatile) -> String {
    let mut mask = Masker::new();
    mask.host(&samples::host(v));
    let mut report = Report::new(&Machine {
        kernel: format!("6.{}", v.start),
        euid: 0,
        egid: 0,
        cgroups: crate::recipe::machine::Cgroups::default(),
        memory_total: 1 << 33,
    });
    for event in samples::all(v) {
        report.fold(&event);
    }
    report.json(Some(&mask))
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    for width in [40, 60, 80, 120] {
        for look in [
            Look { width, ..Look::default() },
            Look { width, plain: true, ..Look::default() },
            Look { width, ascii: true, ..Look::default() },
            Look { width, masked: true, ..Look::default() },
            Look { width, verbose: true, ..Look::default() },
        ] {
            for line in told(ONE, look).lines() {
                assert!(wrap::width(line) <= width, "{width}: {line:?}");
            }
        }
    }
}

#[test]
fn ascii_is_ascii() {
    let text = told(ONE, Look { ascii: true, ..Look::default() });
    assert_eq!(text.chars().find(|c| !c.is_ascii()), None);
}

#[test]
fn plain_has_no_signs() {
    let text = told(ONE, Look { plain: true, ..Look::default() });
    assert_eq!(text.chars().find(|c| "✓✗▸→·".contains(*c)), None, "{text}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = told(ONE, Look::default());
    let coloured = told(ONE, Look { color: true, ..Look::default() });
    assert!(coloured.contains('\x1b'));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        bare.push_str(before);
        rest = after.split_once('m').expect("an escape sequence of colour ends with m").1;
    }
    bare.push_str(rest);
    assert_eq!(bare, plain);
}

#[test]
fn the_result_of_a_call_is_always_told() {
    for width in [40, 60, 120] {
        let look = Look { width, ..Look::default() };
        let text = paint(&event(&Event::Calls(samples::refused(ONE).calls), &look), &look);
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains("NULL) = -1 EPERM (Operation not permitted)"), "{text}");
    }
}

#[test]
fn pieces_of_output_become_lines() {
    let mut teller = Teller::new(Look::default());
    let mut tell = |text: &str, stderr| teller.tell(&Event::Output { text: text.to_owned(), stderr });
    assert_eq!(tell("he", false), "");
    assert_eq!(tell("llo\nwor", false), "  hello\n");
    assert_eq!(tell("oops\n", true), "  wor\n  oops\n");
    assert_eq!(tell("last", false), "");
    assert_eq!(teller.tell(&Event::Ended(samples::probe_after(ONE))), "  last\n");
}

#[test]
fn two_runs_are_told_alike() {
    let look = Look { masked: true, ..Look::default() };
    similar(&told(ONE, look), &told(OTHER, look));
    similar(&masked_json(ONE), &masked_json(OTHER));
}

#[track_caller]
fn similar(one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn without_a_mask_two_runs_differ() {
    assert_ne!(told(ONE, Look::default()), told(OTHER, Look::default()));
}

proptest! {
    #[test]
    fn arbitrary_text_stays_within_the_width(
        words in proptest::collection::vec("\\PC{0,30}|[a-z/.,]{0,60}|\\s{0,4}|[\u{0}-\u{1f}\u{202e}界é]{0,9}", 0..12),
        width in prop_oneof![Just(40_usize), Just(60), Just(80), Just(120)],
        indent in 0_usize..60,
        hang in 0_usize..60,
        ascii: bool,
    ) {
        let look = Look { width, ascii, ..Look::default() };
        let mut line = Line::indented(indent, hang);
        for word in &words {
            line.push(Role::Plain, word.clone());
            line.push(Role::Code, " ");
        }
        let text = paint(&Text::from(line), &look);
        for row in text.lines() {
            prop_assert!(wrap::width(row) <= width, "{row:?}");
            prop_assert!(unicode_width::UnicodeWidthStr::width(row) <= width, "{row:?}");
            prop_assert!(!row.chars().any(char::is_control));
        }
        // Nothing but blanks is lost at the ends of rows.
        let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let cleaned: String = words.iter().map(|word| wrap::clean(word, 0, &look)).collect();
        prop_assert_eq!(kept(&text), kept(&cleaned));
    }

    #[test]
    fn output_of_a_program_never_drives_the_terminal(text in "(\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}]){0,200}") {
        let look = Look::default();
        let event = event(&Event::Output { text, stderr: false }, &look);
        let painted = paint(&event, &look);
        prop_assert!(!painted.chars().any(|c| c.is_control() && c != '\n'));
    }
}

proptest! {
    // Each case tells everything twice.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_two_runs_are_told_alike(
        pid in 1_000_i32..4_194_304,
        namespace in 4_026_531_900_u64..4_026_540_000,
        // The samples number the host's processes from 200 below the own one.
        processes in 2_u32..180,
        peak in 4096_u64..1 << 40,
        start in 1_u64..1 << 40,
    ) {
        let run = Volatile { pid, namespace, processes, peak, start };
        let look = Look { masked: true, ..Look::default() };
        prop_assert!(told(run, look) == told(ONE, look), "the text differs");
        prop_assert!(masked_json(run) == masked_json(ONE), "the JSON differs");
    }
}
