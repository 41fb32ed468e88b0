//! Who is stuck, and how long things take.

use super::*;
use crate::workshop::chain::End;
use crate::workshop::course::{Question, TaughtStep};

const MINUTE: u64 = 60_000;

fn course() -> Vec<Taught> {
    let step = |id: &str| TaughtStep {
        id: id.to_owned(),
        title: id.to_owned(),
        notes: None,
        ask: Some(Question {
            ask: "?".to_owned(),
            choices: vec!["a".to_owned(), "b".to_owned()],
            answer: Some(1),
        }),
        checks: vec!["one".to_owned(), "two".to_owned()],
        hints: 3,
    };
    let lab = |id: &str, steps: &[&str], minutes| Taught {
        id: id.to_owned(),
        title: id.to_owned(),
        minutes,
        steps: steps.iter().map(|id| step(id)).collect(),
    };
    vec![lab("a", &["a1", "a2"], 10), lab("b", &["b1"], 5)]
}

/// A room with one learner whose clock is an hour late, and each event with the minute at which it happened.
struct Class {
    room: Room,
    end: End,
}

impl Class {
    fn new() -> Self {
        let mut room = Room::new(course());
        room.join("00", "Ada", 0);
        Self { room, end: End::START }
    }

    /// It happened then, and came a while later; both in minutes.
    fn later(&mut self, minute: u64, came: u64, what: What) -> &mut Self {
        let event = self.end.event((100 + minute) * MINUTE, what);
        self.end = self.end.then(&event).unwrap();
        self.room.take(0, (160 + came) * MINUTE, &event);
        self
    }

    fn does(&mut self, minute: u64, what: What) -> &mut Self {
        self.later(minute, minute, what)
    }

    fn row(&self, minute: u64) -> RowView {
        self.room.row(0, (160 + minute) * MINUTE).unwrap()
    }
}

fn step(id: &str) -> What {
    What::Step { lab: id[..1].to_owned(), step: id.to_owned() }
}

fn verdict(id: &str, failed: &[u32]) -> What {
    What::Verdict {
        lab: id[..1].to_owned(),
        step: id.to_owned(),
        passed: failed.is_empty(),
        failed: failed.to_vec(),
    }
}

fn hint(id: &str, hint: u32) -> What {
    What::Hint { lab: id[..1].to_owned(), step: id.to_owned(), hint, of: 3 }
}

#[test]
fn time_counts_while_a_learner_is_there_and_not_done() {
    let mut class = Class::new();
    class.does(0, step("a1")).does(2, step("b1")).does(3, step("a1"));
    assert_eq!(class.row(4).steps[0].spent, 3 * MINUTE);
    class.does(5, verdict("a1", &[]));
    let row = class.row(50);
    assert_eq!((row.steps[0].spent, row.steps[0].passed), (4 * MINUTE, Some(165 * MINUTE)));
    assert_eq!(row.steps[1].spent, MINUTE);
    class.does(60, What::Left {});
    assert_eq!(class.row(61).here, None);
}

#[test]
fn what_came_late_is_put_where_it_happened() {
    let mut class = Class::new();
    class.does(0, step("a1")).later(2, 30, verdict("a1", &[])).later(4, 30, step("a2"));
    let row = class.row(31);
    assert_eq!(row.steps[0].spent, 2 * MINUTE);
    assert_eq!(row.here.unwrap().since, 164 * MINUTE);
}

#[test]
fn what_came_all_at_once_is_put_where_it_happened() {
    let mut class = Class::new();
    class.later(0, 30, step("a1")).later(8, 30, verdict("a1", &[])).later(10, 30, step("a2"));
    class.later(29, 30, verdict("a2", &[0]));
    let row = class.row(30);
    assert_eq!((row.steps[0].spent, row.steps[1].spent), (8 * MINUTE, 19 * MINUTE));
    assert_eq!(class.room.summary(190 * MINUTE).pace.unwrap().elapsed, 29 * MINUTE);
}

#[test]
fn someone_is_stuck_who_is_long_on_a_step_but_not_in_a_pause() {
    let mut class = Class::new();
    class.does(0, step("a1"));
    assert_eq!(class.row(9).stuck, []);
    assert_eq!(class.row(10).stuck, [Stuck::Long { minutes: 10 }]);
    let order = |id, minute: u64, what| Order { id, at: (160 + minute) * MINUTE, what };
    class.room.order(&order(1, 5, OrderWhat::Pause {}));
    assert_eq!(class.row(30).stuck, []);
    assert_eq!(class.room.summary(190 * MINUTE).paused, Some(165 * MINUTE));
    class.room.order(&order(2, 30, OrderWhat::Resume {}));
    assert_eq!(class.row(34).stuck, []);
    assert_eq!(class.row(35).stuck, [Stuck::Long { minutes: 10 }]);
    class.does(36, verdict("a1", &[]));
    assert_eq!(class.row(60).stuck, []);
}

#[test]
fn someone_is_stuck_whose_same_check_fails_again_or_who_has_seen_every_hint() {
    let mut class = Class::new();
    class.does(0, step("a1")).does(0, verdict("a1", &[0, 1])).does(0, verdict("a1", &[1]));
    class.does(1, verdict("a1", &[1]));
    assert_eq!(class.row(1).stuck, [], "the first was another one");
    class.does(1, verdict("a1", &[0, 1]));
    assert_eq!(class.row(1).stuck, [Stuck::Check { check: 1, times: 3 }]);
    class.does(1, hint("a1", 2));
    assert_eq!(class.row(1).stuck.len(), 1);
    class.does(1, hint("a1", 3));
    assert_eq!(class.row(1).stuck, [Stuck::Check { check: 1, times: 3 }, Stuck::Hints {}]);
    class.does(2, step("a2"));
    assert_eq!(class.row(2).stuck, []);
}

#[test]
fn who_needs_help_most_comes_first() {
    let mut room = Room::new(course());
    for (place, name) in ["well", "Stuck", "asks", "left"].iter().enumerate() {
        room.join(&place.to_string(), name, 0);
    }
    let mut give = |place: usize, whats: &[What]| {
        let mut end = End::START;
        for what in whats {
            let event = end.event(0, what.clone());
            end = end.then(&event).unwrap();
            room.take(place, 0, &event);
        }
    };
    give(0, &[step("a1")]);
    give(1, &[step("a1"), hint("a1", 3)]);
    give(2, &[step("a1"), What::Asked { lab: "a".to_owned(), step: "a1".to_owned() }]);
    give(3, &[step("a1"), hint("a1", 3), What::Left {}]);
    assert_eq!(room.order_of_need(MINUTE), [2, 1, 0, 3]);
}

#[test]
fn the_room_is_counted_step_by_step_and_held_against_the_plan() {
    let mut class = Class::new();
    let predicted = |choice, right| What::Predicted {
        lab: "a".to_owned(),
        step: "a1".to_owned(),
        choice,
        right: Some(right),
    };
    let refused = What::Errno {
        lab: "a".to_owned(),
        step: "a1".to_owned(),
        errno: "EPERM".to_owned(),
        call: "mount".to_owned(),
    };
    assert_eq!(class.room.summary(0).pace, None);
    class.does(0, step("a1")).does(1, predicted(2, false)).does(1, refused.clone()).does(1, refused);
    let pace = |class: &Class, minute: u64| class.room.summary((160 + minute) * MINUTE).pace.unwrap();
    assert_eq!((pace(&class, 4).planned, pace(&class, 4).behind), (0, 0));
    assert_eq!((pace(&class, 11).planned, pace(&class, 11).done, pace(&class, 11).behind), (2, 0, 6));
    class.does(12, verdict("a1", &[]));
    let summary = class.room.summary(172 * MINUTE);
    assert_eq!(summary.pace.unwrap().behind, 2);
    let step = &summary.steps[0];
    assert_eq!((step.came, step.here, step.passed, step.median), (1, 1, 1, Some(12 * MINUTE)));
    assert_eq!(
        (step.planned, &step.predicted[..], step.right, step.wrong),
        (5 * MINUTE, &[(2, 1)][..], 0, 1)
    );
    assert_eq!(
        summary.errnos,
        [ErrnoView { errno: "EPERM".into(), call: "mount".into(), times: 2, learners: 1 }]
    );
}

#[test]
fn steps_that_are_not_taught_change_nothing_but_that_someone_was_seen() {
    let mut class = Class::new();
    class.does(0, step("a1")).does(1, step("z9"));
    let row = class.row(20);
    assert_eq!((row.here, row.stuck, row.events), (None, vec![], 2));
    assert_eq!(row.steps[0].spent, MINUTE);
}
