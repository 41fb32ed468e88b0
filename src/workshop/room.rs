//! The room as its events tell it: what each event does to whoever it came from. How it looks at a moment is in `view`.
//!
//! Times of a learner are of that learner's own clock, and are shown moved by the least that an event ever needed to come
//! here: a clock that is wrong, and events that were kept while the board was away, do no harm.

mod view;

use std::collections::{BTreeMap, HashMap};

use crate::workshop::course::Taught;
use crate::workshop::wire::{Event, Order, OrderWhat, What};

pub use view::{CellView, ErrnoView, HereView, Pace, RowView, StepView, Stuck, Summary};

/// The room.
#[derive(Debug, Clone, Default)]
pub struct Room {
    course: Vec<Taught>,
    /// Where each step stands among all steps of the course.
    places: HashMap<(String, String), usize>,
    rows: Vec<Row>,
    /// When the instructor's pauses began and ended.
    pauses: Vec<(u64, Option<u64>)>,
}

/// A learner.
#[derive(Debug, Clone, Default)]
pub struct Row {
    learner: String,
    name: String,
    joined: u64,
    /// When the last event came.
    seen: u64,
    events: u64,
    /// How far the board's clock is before the learner's, in milliseconds.
    ahead: Option<i64>,
    /// When the learner first came to a step of the course.
    began: Option<u64>,
    here: Option<Here>,
    cells: BTreeMap<usize, Cell>,
    errnos: BTreeMap<(String, String), u32>,
    hand: Option<u64>,
    left: bool,
}

/// Where a learner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Here {
    place: usize,
    since: u64,
}

/// A learner in a step; every time is by the learner's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cell {
    came: u64,
    /// From when until when, each until the learner went away or was done.
    spans: Vec<(u64, u64)>,
    tries: u32,
    passed: Option<u64>,
    failed: u32,
    failing: Vec<u32>,
    /// The check that failed every time of late, and how often.
    same: Option<(u32, u32)>,
    hint: u32,
    hints: u32,
    predicted: Option<u32>,
    right: Option<bool>,
}

impl Room {
    /// A room with nobody in it.
    pub fn new(course: Vec<Taught>) -> Self {
        let steps =
            course.iter().flat_map(|lab| lab.steps.iter().map(|step| (lab.id.clone(), step.id.clone())));
        Self { places: steps.enumerate().map(|(at, step)| (step, at)).collect(), course, ..Self::default() }
    }

    /// What is taught.
    pub fn course(&self) -> &[Taught] {
        &self.course
    }

    /// How many have joined.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody has.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Someone joined; the place is the next number, from 0.
    pub fn join(&mut self, learner: &str, name: &str, joined: u64) {
        let row = Row { learner: learner.to_owned(), name: name.to_owned(), joined, ..Row::default() };
        self.rows.push(row);
    }

    /// The instructor told everyone something.
    pub fn order(&mut self, order: &Order) {
        let open = self.pauses.last_mut().filter(|(_, until)| until.is_none());
        match (&order.what, open) {
            (OrderWhat::Pause {}, None) => self.pauses.push((order.at, None)),
            (OrderWhat::Resume {}, Some(pause)) => pause.1 = Some(order.at),
            _ => {}
        }
    }

    /// An event of a learner, by place, in the order of the chain; `received` by the board's clock.
    pub fn take(&mut self, place: usize, received: u64, event: &Event) {
        let Some(row) = self.rows.get_mut(place) else { return };
        row.seen = received;
        row.events += 1;
        let late = received.cast_signed().saturating_sub(event.at.cast_signed());
        let ahead = row.ahead.map_or(late, |ahead| ahead.min(late));
        row.ahead = Some(ahead);
        let at = event.at;
        row.left = matches!(event.what, What::Left {});
        let step = event
            .what
            .place()
            .and_then(|(lab, step)| self.places.get(&(lab.to_owned(), step.to_owned())).copied());
        if step.is_some() {
            row.began.get_or_insert(at);
        }
        match &event.what {
            What::Step { .. } => row.go(step, at),
            What::Left {} => row.go(None, at),
            What::Asked { .. } => row.hand = Some(at),
            What::Unasked {} => row.hand = None,
            What::Errno { errno, call, .. } => {
                *row.errnos.entry((errno.clone(), call.clone())).or_default() += 1;
            }
            what => {
                if let Some(step) = step {
                    let passed = matches!(what, What::Verdict { passed: true, .. });
                    if passed {
                        row.stop(step, at);
                    }
                    row.cells
                        .entry(step)
                        .or_insert_with(|| Cell { came: at, ..Cell::default() })
                        .take(what, at);
                }
            }
        }
    }
}

impl Row {
    /// A moment by the learner's clock, by the board's.
    fn board(&self, at: u64) -> u64 {
        at.cast_signed().saturating_add(self.ahead.unwrap_or(0)).max(0).cast_unsigned()
    }

    /// Goes to another step, or to none that is taught.
    fn go(&mut self, to: Option<usize>, at: u64) {
        if let Some(here) = self.here {
            if to == Some(here.place) {
                return;
            }
            self.stop(here.place, at);
        }
        self.here = to.map(|place| Here { place, since: at });
        if let Some(place) = to {
            self.cells.entry(place).or_insert_with(|| Cell { came: at, ..Cell::default() });
        }
    }

    /// The time in a step ends here, where it is not over yet.
    fn stop(&mut self, place: usize, at: u64) {
        if let Some(here) = self.here.filter(|here| here.place == place)
            && let Some(cell) = self.cells.get_mut(&place).filter(|cell| cell.passed.is_none())
        {
            cell.spans.push((here.since, at));
        }
    }
}

impl Cell {
    fn take(&mut self, what: &What, at: u64) {
        match what {
            What::Tried { tries, .. } => self.tries = (*tries).max(self.tries),
            What::Hint { hint, of, .. } => (self.hint, self.hints) = ((*hint).max(self.hint), *of),
            What::Predicted { choice, right, .. } => (self.predicted, self.right) = (Some(*choice), *right),
            What::Verdict { passed: true, .. } => {
                self.passed.get_or_insert(at);
                self.failing.clear();
                self.same = None;
            }
            What::Verdict { failed, .. } => {
                self.failed += 1;
                self.same = failed.first().map(|first| match self.same {
                    // It is the same one as long as it is among those that fail.
                    Some((check, times)) if failed.contains(&check) => (check, times + 1),
                    _ => (*first, 1),
                });
                self.failing.clone_from(failed);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
