//! Labs that read, and every mistake with its place.

use proptest::prelude::*;

use crate::lab::file::{Answer, Lab, Measure, Need};
use crate::recipe::line::Line;

/// A lab with everything in it that a lab can have, apart from a prediction with choices.
const GOOD: &str = r#"format = 1
id = "pid-namespace"
title = "A process tree of its own"
minutes = 10
book = "pid-namespace.html"
needs = ["chroot", "pid-namespace"]
start = ["rootfs busybox", "chroot"]

[[step]]
id = "isolate"
title = "Give it a PID namespace"
say = "What this is."
try = ["unshare --pid --mount-proc", "ps -A"]
probe = "ps -A"
hints = ["nudge", "stronger", "nearly"]
why = "Because."
type = "sudo unshare -f -p --mount-proc=$PWD/proc chroot . /bin/busybox sh"
notes = "for the instructor"

[step.predict]
ask = "How many?"
measure = "processes_seen"

[[step.check]]
claim = "it is PID 1 of its namespace"
pid_inside = 1

[step.ablation]
probes = ["ps -A"]
[[step.ablation.row]]
name = "nothing"
lines = []
[[step.ablation.row]]
name = "+ PID namespace"
lines = ["unshare --pid --mount-proc"]
"#;

fn good() -> Lab {
    Lab::read("labs/pid.toml", GOOD).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// The mistakes of [`GOOD`] with one text replaced, as `LINE:COLUMN(WIDTH) WHAT | HINT`.
fn mistakes(from: &str, to: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` stands once in the good lab");
    told(&GOOD.replace(from, to))
}

fn told(source: &str) -> Vec<String> {
    let found = Lab::read("labs/pid.toml", source).expect_err("the lab has a mistake");
    found
        .into_iter()
        .map(|m| {
            let hint = m.hint.map_or(String::new(), |hint| format!(" | {hint}"));
            format!("{}:{}({}) {}{hint}", m.line, m.column, m.width, m.what)
        })
        .collect()
}

#[test]
fn every_field_is_read() {
    let lab = good();
    assert_eq!(
        (lab.id.as_str(), lab.minutes, lab.book.as_deref()),
        ("pid-namespace", 10, Some("pid-namespace.html"))
    );
    assert_eq!(lab.needs, [Need::Chroot, Need::PidNamespace]);
    assert_eq!(lab.start[1].text, "chroot");
    let step = &lab.steps[0];
    assert!(matches!(step.try_lines[0].line, Line::Add(_)) && matches!(step.try_lines[1].line, Line::Run(_)));
    assert_eq!(step.probe.as_ref().map(|probe| probe.text.as_str()), Some("ps -A"));
    assert_eq!(step.hints.len(), 3);
    assert_eq!((step.why.as_deref(), step.notes.as_deref()), (Some("Because."), Some("for the instructor")));
    assert!(step.type_line.as_deref().is_some_and(|line| line.starts_with("sudo unshare")));
    assert_eq!(
        step.predict.as_ref().map(|predict| &predict.answer),
        Some(&Answer::Measured(Measure::ProcessesSeen))
    );
    assert_eq!(step.checks[0].claim, "it is PID 1 of its namespace");
    let ablation = step.ablation.as_ref().unwrap();
    assert_eq!((ablation.probes.len(), ablation.rows[1].lines.len()), (1, 1));
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(Lab::read("x", &windows), Ok(good()));
    let broken = windows.replace("format", "fromat");
    assert_eq!(
        told(&broken),
        [
            "1:1(6) unknown key `fromat` | did you mean `format`?",
            "1:1(1) `format` is missing: the number of this format | write `format = 1` first",
        ]
    );
}

/// What is replaced in the good lab, by what, and what is told.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("try = [", "tyr = [", "13:1(3) unknown key `tyr` | did you mean `try`?"),
    ("format = 1", "format = 2", "1:10(1) unknown format | this rlab reads `format = 1`"),
    ("format = 1", "", "1:1(1) `format` is missing: the number of this format | write `format = 1` first"),
    (
        "\"pid-namespace\"\ntitle",
        "\"PID\"\ntitle",
        "2:6(5) `PID` is no id | lower-case letters, digits and `-` between them, such as `pid-namespace`",
    ),
    (
        "id = \"isolate\"",
        "id = \"7\"",
        "10:6(3) `7` is no id | a number alone means the number of a step, as in `goto 2`",
    ),
    ("id = \"isolate\"\n", "", "9:1(8) `id` is missing: the word after the colon in `rlab start LAB:STEP`"),
    ("minutes = 10", "minutes = 0", "4:11(1) `minutes` is a number from 1 to 600"),
    ("minutes = 10", "minutes = 1.5", "4:11(3) `minutes` is a whole number, not a number with a fraction"),
    ("minutes = 10", "minutes = 99999999999999999999", "4:11(20) `minutes` is too large a number"),
    ("[\"chroot\", \"pid", "[\"chroto\", \"pid", "6:10(8) unknown need `chroto` | did you mean `chroot`?"),
    ("\"chroot\", \"pid-namespace\"", "\"chroot\", \"chroot\"", "6:20(8) `chroot` is there twice"),
    ("say = \"What this is.\"", "say = \" \"", "12:7(3) `say` is empty: what this is and why, in Markdown"),
    ("title = \"Give it", "title = \"Give\\nit", "11:1(5) `title` is longer than one line"),
    (
        "hints = [\"nudge\"",
        "hints = [\" \"",
        "15:10(3) hint 1 is empty | a nudge, a stronger one, nearly the answer",
    ),
    ("hints = [\"nudge\"", "hints = [7", "15:10(1) `hints` is a list of strings, not a whole number"),
    (
        "probe = \"ps -A\"",
        "probe = \"chroot\"",
        "14:9(8) `chroot` is no probe | a probe is a program, such as `ps -A`, or `!COMMAND` on the host",
    ),
    (
        "\"ps -A\"]\nprobe",
        "\"next\"]\nprobe",
        "13:38(6) `next` cannot be replayed | a lab's lines act by themselves: no word that walks, no `shell`",
    ),
    (
        "measure = \"processes_seen\"",
        "",
        "20:1(14) a prediction without an answer | `answer = 1` for the first of the `choices`, or `measure = \"processes_seen\"`",
    ),
    (
        "measure = \"processes_seen\"",
        "measure = \"processes\"",
        "22:11(11) nothing measures `processes` | did you mean `processes_seen`?",
    ),
    (
        "measure = \"processes_seen\"",
        "measure = \"status\"\nanswer = 1",
        "22:11(8) both `answer` and `measure` | keep `answer` for choices, `measure` for a number",
    ),
    (
        "measure = \"processes_seen\"",
        "choices = [\"a\", \"b\"]\nanswer = 3",
        "23:10(1) no choice has the number 3 | choices count from 1 to 2",
    ),
    (
        "measure = \"processes_seen\"",
        "choices = [\"a\"]\nanswer = 1",
        "23:10(1) a choice needs at least two `choices`",
    ),
    (
        "claim = \"it is PID 1 of its namespace\"",
        "claim = \"\"",
        "25:9(2) `claim` is empty: what is claimed, in the learner's words",
    ),
    (
        "pid_inside = 1",
        "",
        "24:1(14) a check without a condition | add one, such as `status = 0`; the book lists them all",
    ),
    ("pid_inside = 1", "pid_insid = 1", "26:1(9) unknown key `pid_insid` | did you mean `pid_inside`?"),
    (
        "pid_inside = 1",
        "pid_inside = \"about 1\"",
        "26:14(9) `about 1` is neither a number nor a comparison | for example `2` or `\">= 2\"`",
    ),
    (
        "pid_inside = 1",
        "on = \"host\"\npid_inside = 1",
        "27:1(10) `pid_inside` is not observed of a command on the host | leave `on` out to look at what ran inside",
    ),
    ("pid_inside = 1", "on = \"hots\"\nstatus = 0", "26:6(6) unknown place `hots` | did you mean `host`?"),
    ("pid_inside = 1", "errno = \"EPREM\"", "26:9(7) unknown errno `EPREM` | did you mean `EPERM`?"),
    (
        "pid_inside = 1",
        "status = 1\ncall = \"mount\"",
        "27:1(4) `call` without `errno` | for example `errno = \"EPERM\"`",
    ),
    (
        "pid_inside = 1",
        "signal = \"SIGKIL\"",
        "26:10(8) `signal` names no signal | for example `\"SIGKILL\"` or `9`",
    ),
    (
        "pid_inside = 1",
        "host_unchanged = false",
        "26:18(5) `host_unchanged` can only be `true` | leave `host_unchanged` out",
    ),
    (
        "pid_inside = 1",
        "stdout_contains = \"\"",
        "26:19(2) `stdout_contains` has an empty string, which claims nothing",
    ),
    ("pid_inside = 1", "root_has = []", "26:12(2) `root_has` claims nothing"),
    (
        "pid_inside = 1",
        "namespace = { pdi = \"own\" }",
        "26:15(3) unknown namespace `pdi` | did you mean `pid`?",
    ),
    (
        "pid_inside = 1",
        "namespace = { pid = \"mine\" }",
        "26:21(6) unknown owner `mine` | one of `own`, `host`",
    ),
    (
        "pid_inside = 1",
        "limit = { memory.max = 7 }",
        "26:11(6) unknown limit `memory` | write the name in quotes: `memory.max`, `pids.max`, `cpu.max`",
    ),
    (
        "pid_inside = 1",
        "mounted = { proc = \"proc\" }",
        "26:13(4) `mounted` names paths from the root of the container | for example `/proc`",
    ),
    (
        "pid_inside = 1",
        "processes_seen = \"all\"",
        "26:18(5) `all` is no number of processes | for example `1`, `\">= 2\"`, `\"host\"` or `\"none\"`",
    ),
    (
        "pid_inside = 1",
        "capability = { SYS_CHROTO = true }",
        "26:16(10) unknown capability `SYS_CHROTO` | did you mean `CAP_SYS_CHROOT`?",
    ),
    (
        "pid_inside = 1",
        "changes = { \"ps\" = \"+ PID namespace\" }",
        "26:13(4) the ablation table has no probe `ps` | one of `ps -A`",
    ),
    (
        "pid_inside = 1",
        "changes = { \"ps -A\" = \"nothing\" }",
        "26:23(9) nothing can change in the first row",
    ),
    (
        "pid_inside = 1",
        "cell = { row = \"nothing\", probe = \"ps -A\" }\njobs = 0",
        "26:1(4) `cell` without a condition on an outcome | add what must be true of the cell, such as `processes_seen = 1`",
    ),
    ("name = \"nothing\"", "name = \"+ PID namespace\"", "34:1(4) two rows are called `+ PID namespace`"),
    (
        "lines = []",
        "lines = [\"ps -A\"]",
        "32:10(7) `ps -A` is no ingredient | a row of the ablation table is made of ingredients",
    ),
];

#[test]
fn every_mistake_is_told_at_its_place() {
    let wrong: Vec<String> = MISTAKES
        .iter()
        .map(|(from, to, expected)| (mistakes(from, to), *expected))
        .filter(|(told, expected)| told != &[*expected])
        .map(|(told, expected)| format!("expected {expected}\n     got {}", told.join("\n         ")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refused_line_is_shown_at_the_word_inside_the_string() {
    let told = mistakes("\"unshare --pid --mount-proc\", \"ps", "\"é\\t\", \"unshare --pdi\", \"ps");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("13:24(5) "), "{told:?}");
    assert!(told[0].contains("--pdi") && told[0].ends_with("did you mean `--pid`?"), "{told:?}");
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_text() {
    let source = GOOD.replace("minutes = 10", "minuets = 10").replace("pid_inside = 1", "pid_inside = true");
    assert_eq!(
        told(&source),
        [
            "1:1(1) `minutes` is missing: how long a learner takes",
            "4:1(7) unknown key `minuets` | did you mean `minutes`?",
            "26:14(4) `pid_inside` is a number or a comparison such as `\">= 2\"`, not true or false",
        ]
    );
}

#[test]
fn a_step_id_that_stands_twice_is_told_at_the_second() {
    let again = "\n[[step]]\nid = \"isolate\"\ntitle = \"x\"\nsay = \"x\"\n";
    assert_eq!(told(&format!("{GOOD}{again}")), ["38:6(9) step 1 has the id `isolate` too"]);
}

#[test]
fn a_lab_without_steps_is_refused() {
    let head: String = GOOD.lines().take(8).map(|line| format!("{line}\n")).collect();
    assert_eq!(told(&head), ["9:1(1) no step | a lab has at least one `[[step]]`"]);
    assert_eq!(told(&format!("{head}step = []\n")), ["9:1(4) no step | write `[[step]]`"]);
}

#[test]
fn a_mistake_of_toml_itself_has_its_place() {
    let told = told("format = 1\nid = \"x\n");
    assert!(told[0].starts_with("2:"), "{told:?}");
    assert!(!told[0].contains('\n'));
}

proptest! {
    #[test]
    fn no_text_panics_and_every_mistake_can_be_shown(source in "\\PC*") {
        if let Err(mistakes) = Lab::read("x", &source) {
            prop_assert!(mistakes.iter().all(|mistake| mistake.to_string().contains('^')));
        }
    }

    #[test]
    fn no_damage_to_a_good_lab_panics(at in 0..GOOD.len(), len in 0..40usize, put in "[\\x00-\\x7fé容\"'\\\\\\[\\]{}=.\n]{0,6}") {
        let end = (at + len).min(GOOD.len());
        let source = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(mistakes) = Lab::read("x", &source) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let lines = source.split('\n').count();
                prop_assert!(mistake.line >= 1 && mistake.line <= lines);
                prop_assert!(mistake.column <= mistake.source.chars().count() + 2);
            }
        }
    }
}
