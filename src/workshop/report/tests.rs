use super::*;
use crate::lab::course::Course;

fn course() -> Vec<Taught> {
    let course = Course::built_in();
    vec![Taught::of(course.lab("chroot").unwrap()), Taught::of(course.lab("pid-namespace").unwrap())]
}

fn learner(name: &str, happened: &[(u64, What)]) -> Learner {
    let mut end = End::START;
    let events = happened.iter().map(|(at, what)| {
        let event = end.event(*at, what.clone());
        end = end.then(&event).unwrap();
        event
    });
    Learner { name: name.to_owned(), id: "0123456789abcdef".to_owned(), events: events.collect() }
}

fn at(what: &str, step: &str) -> What {
    let (lab, step) = ("chroot".to_owned(), step.to_owned());
    match what {
        "step" => What::Step { lab, step },
        "tried" => What::Tried { lab, step, tries: 1 },
        "wrong" => What::Verdict { lab, step, passed: false, failed: vec![0, 1] },
        "right" => What::Verdict { lab, step, passed: true, failed: Vec::new() },
        "hint" => What::Hint { lab, step, hint: 2, of: 4 },
        "eperm" => What::Errno { lab, step, errno: "EPERM".to_owned(), call: "mount".to_owned() },
        choice => {
            let choice = choice.parse().unwrap();
            What::Predicted { lab, step, choice, right: Some(choice == 2) }
        }
    }
}

#[test]
fn times_are_those_in_the_step_and_nothing_after_it() {
    let ada = learner(
        "Ada",
        &[
            (10_000, at("step", "tools")),
            (40_000, at("tried", "tools")),
            (40_000, at("wrong", "tools")),
            // A long lunch counts as five minutes.
            (40_000 + 3_600_000, at("hint", "tools")),
            (40_000 + 3_610_000, at("right", "tools")),
            // What comes after it is done is not its time.
            (40_000 + 3_700_000, at("step", "chroot")),
            (40_000 + 3_705_000, What::Left {}),
            // And nobody's is what passes until the learner comes back.
            (90_000_000, at("step", "chroot")),
            (90_007_000, at("right", "chroot")),
        ],
    );
    let report = Report::of(&[ada], &course());
    let walked: Vec<_> =
        report.learners[0].steps.iter().map(|w| (w.step.as_str(), w.done, w.millis, w.hints)).collect();
    assert_eq!(walked, [("tools", true, 30_000 + 300_000 + 10_000, 2), ("chroot", true, 5_000 + 7_000, 0)]);
    assert_eq!(report.labs.len(), 1, "nobody came to the other lab");
    let tools = &report.labs[0].steps[0];
    assert_eq!((tools.reached, tools.done, tools.median, tools.tries), (1, 1, Some(340_000), 1));
    assert_eq!((report.labs[0].steps[5].reached, report.labs[0].steps[5].median), (0, None));
}

#[test]
fn the_hardest_prediction_and_the_commonest_failure_stand_first() {
    let guess = |name, first, second| {
        learner(
            name,
            &[
                (1, at("step", "tools")),
                (2, at(first, "tools")),
                (3, at("step", "chroot")),
                (4, at(second, "chroot")),
            ],
        )
    };
    let report = Report::of(&[guess("A", "2", "1"), guess("B", "2", "3"), guess("C", "1", "2")], &course());
    let order: Vec<_> = report.predictions.iter().map(|g| (g.step.as_str(), g.right, g.wrong)).collect();
    assert_eq!(order, [("chroot", 1, 2), ("tools", 2, 1)]);
    assert_eq!(report.predictions[0].answers, BTreeMap::from([(1, 1), (2, 1), (3, 1)]));

    let often =
        learner("A", &[(1, at("wrong", "tools")), (2, at("wrong", "tools")), (3, at("wrong", "tools"))]);
    let other = learner("B", &[(1, at("wrong", "chroot")), (2, at("eperm", "chroot"))]);
    let third = learner("C", &[(1, at("wrong", "chroot"))]);
    let report = Report::of(&[often, other, third], &course());
    let first = &report.failures[0];
    assert_eq!(
        (first.step.as_str(), first.learners, first.times),
        ("chroot", 2, 2),
        "more people count more than more tries"
    );
    assert_eq!(first.claim, course()[0].steps[1].checks[0]);
    assert_eq!((report.refusals[0].errno.as_str(), report.refusals[0].times), ("EPERM", 1));
}

#[test]
fn a_name_is_a_name_on_every_page() {
    let evil = "<script>alert(1)</script> | **x** [y](z) `q`";
    let report = Report::of(&[learner(evil, &[(1, at("step", "tools"))])], &course());
    let html = report.html();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    let markdown = report.markdown();
    assert!(!markdown.contains("<script") && !markdown.contains("**x**") && !markdown.contains("[y](z)"));
    let row = markdown.lines().find(|line| line.contains("script")).unwrap();
    // As many cells as the table has: the name's own bar does not count.
    assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
    assert_eq!(report.learners[0].hash.len(), 64);
}

#[test]
fn a_room_in_which_nothing_happened_has_a_report_too() {
    let report = Report::of(&[], &course());
    assert!(report.html().contains("0 learners") && report.markdown().contains("0 learners"));
    assert!(report.json().contains("\"format\": 1"));
    let one = Report::of(&[learner("Ada", &[(1, at("step", "tools"))])], &course());
    assert!(one.markdown().contains("1 learner, 1 lab, 6 steps: 0 of 6 steps done."), "{}", one.markdown());
}
