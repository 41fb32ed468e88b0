//! Tests of single pages: what is marked, what is shortened, what a report holds.

use super::doctor::Doctor;
use super::document::{Look, Text, paint};
use super::event::event;
use super::markdown::markdown;
use super::report::{Came, Report};
use super::samples::{self, ONE};
use crate::error::Trouble;
use crate::lab::check::Verdict;
use crate::lab::file::Need;
use crate::recipe::errno::Meaning;
use crate::recipe::machine::{Cgroups, Machine};
use crate::recipe::outcome::{End, Outcome};
use crate::recipe::surroundings::Facts;
use crate::session::event::Event;

const LOOK: Look =
    Look { width: 80, color: false, plain: false, ascii: false, masked: false, verbose: false };

fn text(what: &Event) -> String {
    paint(&event(what, &LOOK), &LOOK)
}

fn printed(stdout: &str) -> Outcome {
    Outcome { stdout: stdout.to_owned(), calls: Vec::new(), ..samples::probe_after(ONE) }
}

fn between(before: &str, after: &str) -> String {
    text(&Event::BeforeAfter { before: Some(printed(before)), after: printed(after) })
}

fn machine() -> Machine {
    Machine {
        kernel: "6.1.0".to_owned(),
        euid: 0,
        egid: 0,
        cgroups: Cgroups::default(),
        memory_total: 1 << 33,
    }
}

#[test]
fn only_what_changed_is_marked() {
    assert_eq!(
        between("bin\ndev\nsrv\n", "bin\ndev\nproc\n"),
        "  ps -A   before: 3 lines    after: 3 lines\n    bin                      bin\n    \
         dev                      dev\n  - srv                    + proc\n"
    );
    // A moved column is no change; a line that is there twice and then once is.
    let moved = between("PID CMD\n1 a\n1 a\n", "PID   CMD\n  1   a\n");
    assert_eq!(moved.matches("- ").count(), 1, "{moved}");
    assert!(moved.contains("before: 2 processes") && moved.contains("after: 1 process\n"), "{moved}");
}

#[test]
fn below_80_columns_the_sides_are_stacked_and_what_is_the_same_is_told_once() {
    let narrow = Look { width: 60, ..LOOK };
    let told = |before: &str, after: &str| {
        let what = Event::BeforeAfter { before: Some(printed(before)), after: printed(after) };
        paint(&event(&what, &narrow), &narrow)
    };
    assert_eq!(
        told("bin\nsrv\n", "bin\n"),
        "  ps -A\n  before: 2 lines\n    bin\n  - srv\n  after: 1 line\n    bin\n"
    );
    assert_eq!(told("bin\n", "bin\n"), "  ps -A\n  before and after, the same: 1 line\n    bin\n");
}

#[test]
fn what_went_wrong_is_no_line_that_changed() {
    let failed = |stdout: &str| Outcome { stderr: "ps: no proc\n".to_owned(), ..printed(stdout) };
    let told = |before: Outcome, after: Outcome| text(&Event::BeforeAfter { before: Some(before), after });
    assert_eq!(
        told(failed(""), printed("bin\n")),
        "  ps -A   before: an error    after: 1 line\n    ps: no proc             + bin\n"
    );
    // The same words as a line of output are another thing.
    assert_eq!(
        told(failed("srv\n"), printed("ps: no proc\n")),
        "  ps -A   before: 1 line    after: 1 line\n  - srv                   + ps: no proc\n    ps: no proc\n"
    );
}

#[test]
fn long_listings_are_shortened_and_counted() {
    let shown = between(&samples::host_ps(ONE), "PID CMD\n");
    assert!(shown.contains("before: 84 processes"), "{shown}");
    assert!(shown.contains("after: no process\n"), "{shown}");
    assert!(shown.contains("… 79 more"), "{shown}");
    let verbose = Look { verbose: true, ..LOOK };
    let event = event(&Event::Ended(samples::probe_before(ONE)), &verbose);
    assert!(event.is_empty());
}

#[test]
fn a_kill_says_who_why_and_how_much() {
    assert_eq!(
        text(&Event::Ended(samples::killed(ONE))),
        " Killed   SIGKILL, status 137 = 128 + 9\n   who      sh, PID 1 in the container, 24163 on the host\n   \
         limit    7340032 B in memory.limit_in_bytes      peak 7340032 B\n   oom_kill 0 → 1\n"
    );
}

#[test]
fn a_kill_that_is_not_for_memory_tells_no_limit() {
    let mut outcome = samples::killed(ONE);
    outcome.end = End::Signaled(15);
    if let Some(memory) = outcome.memory.as_mut() {
        memory.oom_kill_after = memory.oom_kill_before;
        memory.victim = None;
    }
    assert_eq!(
        text(&Event::Ended(outcome)),
        " Killed   SIGTERM, status 143 = 128 + 15\n   who      ps, PID 1 in the container, 24163 on the host\n"
    );
}

#[test]
fn a_program_that_is_not_there_is_status_127() {
    let mut outcome = samples::refused(ONE);
    outcome.end = End::Refused(2);
    outcome.calls.push(samples::failed("execve", "\"nothere\", [\"nothere\"], …", 2));
    assert_eq!(text(&Event::Ended(outcome)), "  status 127: no such program inside\n");
}

#[test]
fn a_refused_call_says_what_it_means_and_the_mend() {
    let mut calls = samples::refused(ONE).calls;
    let bare = text(&Event::Calls(calls.clone()));
    assert!(!bare.contains("hint: "), "{bare}");
    calls.last_mut().unwrap().meaning = Some(Meaning {
        errno: "EPERM".to_owned(),
        entry: "an-entry",
        means: "this is why".to_owned(),
        mend: "do that".to_owned(),
    });
    let told = text(&Event::Calls(calls));
    let (_, below) = told.split_once("EPERM (Operation not permitted)\n").expect("the errno is told");
    assert_eq!(below, "      this is why\n      hint: do that\n");
}

#[test]
fn prose_is_never_longer_than_is_good_to_read_and_code_has_all_the_room() {
    let text = markdown(&format!("{}\n\n```\n{}\n```\n", "word ".repeat(60), "code ".repeat(30)));
    let painted = paint(&text, &Look { width: 200, ..Look::default() });
    let longest = |word: &str| painted.lines().filter(|row| row.contains(word)).map(str::len).max().unwrap();
    assert!((90..=100).contains(&longest("word")), "{painted}");
    assert!(longest("code") > 140, "{painted}");
}

#[test]
fn markdown_keeps_its_parts() {
    let shown = |source: &str| {
        let mut text = Text::new();
        text.append(markdown(source));
        paint(&text, &Look { width: 40, ..LOOK })
    };
    assert_eq!(
        shown(
            "# Head\nA `code` and **strong** *em*.\nStill [here](https://a.b).\n\n1. one\n2. two\n   - in\n\n```\na   b\n\nc\n```\nend"
        ),
        "Head\n\nA code and strong em. Still here\n(https://a.b).\n\n1. one\n2. two\n  - in\n\n  a   b\n\n  c\n\nend\n"
    );
    assert_eq!(shown("<b>bold</b> & <https://a.b>"), "<b>bold</b> & https://a.b\n");
    assert_eq!(shown(""), "");
}

#[test]
fn only_the_answer_that_an_ingredient_changed_is_marked() {
    let mut table = samples::table(ONE);
    // One process of the host more is no answer of the ingredient.
    let mut again = table.rows[0].clone();
    again.name = "+ hostname".to_owned();
    again.cells[0].stdout.push_str("99999 root 0:00 another\n");
    table.rows.insert(1, again);
    let shown = paint(&event(&Event::Ablated(table), &Look { width: 120, ..LOOK }), &LOOK);
    let marked: Vec<&str> = shown.lines().filter(|line| line.contains('▸')).collect();
    assert_eq!(marked.len(), 3, "{shown}");
    assert!(marked[0].contains("+ chroot") && marked[0].contains("▸ header only"), "{shown}");
    assert!(marked[2].contains("▸ killed (137)"), "{shown}");
}

#[test]
fn the_map_joins_what_is_shared_and_nothing_else() {
    let drawn = |look: Look| paint(&event(&Event::Map(samples::map(ONE)), &look), &look);
    for (look, line) in [
        (Look { width: 130, ..LOOK }, "├────┤"),
        (Look { width: 80, ..LOOK }, "├────┤"),
        (Look { width: 130, ascii: true, ..LOOK }, "+----+"),
    ] {
        let map = drawn(look);
        let rows = |label: &str| -> Vec<&str> {
            map.lines()
                .filter(|row| {
                    row.split(['│', '├', '┤', '|', '+']).nth(1).unwrap_or("").trim().starts_with(label)
                })
                .collect()
        };
        // The first container has its own mnt and pid namespaces, the second its own mnt alone.
        let joins = |label| rows(label).iter().map(|row| row.matches(line).count()).collect::<Vec<_>>();
        match look.width {
            130 => {
                assert_eq!((joins("uts "), joins("net ")), (vec![2], vec![2]), "{map}");
                assert_eq!((joins("pid "), joins("mnt ")), (vec![0], vec![1]), "the two have one mnt\n{map}");
                assert_eq!(joins("root "), [1], "one root for both containers\n{map}");
            }
            _ => {
                assert_eq!((joins("pid "), joins("uts ")), (vec![0, 1], vec![1, 1]), "{map}");
                assert_eq!(joins("root "), [0, 0], "{map}");
            }
        }
        assert!(map.contains("memory.max 7340032 B") && map.contains("1 = 24163 on the host"), "{map}");
    }
    let stacked = drawn(Look { width: 60, ..LOOK });
    assert!(!stacked.contains('├'), "{stacked}");
    assert_eq!(stacked.matches("┌").count(), 3);
    assert_eq!(stacked.lines().filter(|row| row.contains("pid ") && row.contains(" own ")).count(), 1);
    let plain = drawn(Look { plain: true, ..LOOK });
    assert!(plain.contains("pid namespace: 4026532502, its own\n"), "{plain}");
    assert!(plain.contains("uts namespace: 4026531837, shared with the host\n"), "{plain}");
    assert_eq!(plain.chars().find(|c| "│─┌├".contains(*c)), None, "{plain}");
}

#[test]
fn a_report_holds_every_step() {
    let mut report = Report::new(&machine());
    for event in samples::all(ONE) {
        report.fold(&event);
    }
    let [lab, skipped] = report.labs.as_slice() else { panic!("two labs: {:?}", report.labs) };
    assert_eq!((lab.id.as_str(), lab.verdict), ("pid-namespace", Came::Fail));
    assert_eq!(lab.start.len(), 1);
    assert!(lab.start[0].composed.as_ref().is_some_and(|composed| !composed.calls.is_empty()));
    let [step] = lab.steps.as_slice() else { panic!("one step") };
    assert_eq!(step.before.as_ref().map(|before| &before.command), Some(&"ps -A".to_owned()));
    assert!(step.after.is_some() && step.ablation.is_some());
    assert_eq!(step.checks.len(), 2);
    assert_eq!(step.lines.iter().filter(|line| line.outcome.is_some()).count(), 6);
    assert_eq!(skipped.verdict, Came::Skip);
    assert_eq!(skipped.reason.as_deref(), Some("this machine has no memory controller"));
    let json: serde_json::Value = serde_json::from_str(&report.json(None)).expect("it is JSON");
    assert_eq!(json["labs"][0]["steps"][0]["checks"][1]["pass"], false);
    assert_eq!(json["labs"][0]["steps"][0]["after"]["seen"]["pid"], 24163);
}

#[test]
fn checks_that_hold_in_the_end_pass() {
    let verdict = |pass| Verdict { claim: "it is so".to_owned(), pass, observed: String::new() };
    let begins = Event::StepBegins {
        position: samples::position(),
        say: String::new(),
        predict: None,
        type_line: None,
        suggestion: None,
    };
    let lab = samples::all(ONE).remove(0);
    for (judged, came) in [(vec![true], Came::Pass), (vec![true, false], Came::Fail)] {
        let mut report = Report::new(&machine());
        report.fold(&lab);
        report.fold(&begins);
        report.fold(&Event::Judged(judged.iter().map(|pass| verdict(*pass)).collect()));
        assert_eq!((report.labs[0].verdict, report.labs[0].steps[0].verdict), (came, came));
        assert_eq!(report.failed(), came == Came::Fail);
    }
}

#[test]
fn the_doctor_judges_labs_by_what_was_tried() {
    let mut doctor = Doctor::new(&machine(), &Facts::default(), None);
    doctor.tried(Need::Chroot, &Ok(()));
    doctor
        .tried(Need::MemoryCgroup, &Err(Trouble::cannot("no controller").because("ENOENT").hint("mount it")));
    let missing = &doctor.needs[1];
    assert_eq!(missing.reason.as_deref(), Some("no controller: ENOENT"));
    let json: serde_json::Value = serde_json::from_str(&doctor.json()).expect("it is JSON");
    assert_eq!(json["needs"][0]["verdict"], "yes");
    assert_eq!(json["needs"][1]["verdict"], "no");
    assert_eq!(json["needs"][1]["need"], "memory-cgroup");
    let told = paint(&doctor.text(&LOOK), &LOOK);
    assert!(told.contains("✗ memory-cgroup"), "{told}");
    assert!(told.contains("hint: mount it"), "{told}");
}
