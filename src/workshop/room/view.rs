//! The room as it looks at a moment: who is where and for how long, who is stuck and why, what is true of all of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Cell, Room, Row};

/// A learner is long on a step after this many times what is planned for it…
const LONG: u64 = 2;
/// …and not before this many milliseconds.
const NOT_LONG: u64 = 3 * 60_000;
/// The same check has to fail so often in a row.
const AGAIN: u32 = 3;

/// Why someone is stuck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Stuck {
    /// Long on the step.
    Long {
        /// For how long.
        minutes: u64,
    },
    /// The same check fails again and again.
    Check {
        /// Which, counted from 0.
        check: u32,
        /// How often in a row.
        times: u32,
    },
    /// Every hint was shown.
    Hints {},
}

/// A learner, as the page and the export show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowView {
    /// The id.
    pub learner: String,
    /// The name.
    pub name: String,
    /// When, in milliseconds since 1970.
    pub joined: u64,
    /// When the last event came; 0 where none did.
    pub seen: u64,
    /// How many came.
    pub events: u64,
    /// When the hand was raised, while it is up.
    pub hand: Option<u64>,
    /// Whether the learner's rlab ended.
    pub left: bool,
    /// The step that the learner is at.
    pub here: Option<HereView>,
    /// Why the learner is stuck; empty where not.
    pub stuck: Vec<Stuck>,
    /// The steps that the learner came to, in the order of the course.
    pub steps: Vec<CellView>,
    /// What the kernel refused, the most frequent first.
    pub errnos: Vec<ErrnoView>,
}

/// Where a learner is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HereView {
    /// Id of the lab.
    pub lab: String,
    /// Id of the step.
    pub step: String,
    /// Since when, by the board's clock.
    pub since: u64,
}

/// A learner in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellView {
    /// Id of the lab.
    pub lab: String,
    /// Id of the step.
    pub step: String,
    /// When the learner first came, by the board's clock.
    pub came: u64,
    /// Milliseconds there so far, without the instructor's pauses.
    pub spent: u64,
    /// Lines that were run.
    pub tries: u32,
    /// When every check held.
    pub passed: Option<u64>,
    /// How often a check did not.
    pub failed: u32,
    /// Which did not at the last time, counted from 0.
    pub failing: Vec<u32>,
    /// The last hint that was shown; 0 where none was.
    pub hint: u32,
    /// How many there are, where one was shown.
    pub hints: u32,
    /// The answer to the step's question.
    pub predicted: Option<u32>,
    /// Whether it was right.
    pub right: Option<bool>,
}

/// Something that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrnoView {
    /// Its name.
    pub errno: String,
    /// The call.
    pub call: String,
    /// How often.
    pub times: u32,
    /// To how many learners.
    pub learners: u32,
}

/// All learners in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// Id of the lab.
    pub lab: String,
    /// Id of the step.
    pub step: String,
    /// How many came.
    pub came: u32,
    /// How many are there now.
    pub here: u32,
    /// How many were done.
    pub passed: u32,
    /// The median of the milliseconds of those who were done.
    pub median: Option<u64>,
    /// The milliseconds that are planned.
    pub planned: u64,
    /// How often each answer was given: answer, count.
    pub predicted: Vec<(u32, u32)>,
    /// How many were right, of those of whom it is known.
    pub right: u32,
    /// How many were wrong.
    pub wrong: u32,
}

/// The room against the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pace {
    /// When the first learner came to a step.
    pub began: u64,
    /// Milliseconds since, without pauses.
    pub elapsed: u64,
    /// How many steps the plan has done by now.
    pub planned: usize,
    /// How many the learner in the middle has done.
    pub done: usize,
    /// Minutes that the one in the middle is behind the plan; 0 where ahead.
    pub behind: u64,
}

/// What is true of the room as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Each step of the course.
    pub steps: Vec<StepView>,
    /// What the kernel refused most often.
    pub errnos: Vec<ErrnoView>,
    /// None before anyone came to a step.
    pub pace: Option<Pace>,
    /// Since when the room pauses.
    pub paused: Option<u64>,
}

impl Room {
    /// A learner, as it is now.
    pub fn row(&self, place: usize, now: u64) -> Option<RowView> {
        let row = self.rows.get(place)?;
        let names = self.names();
        let here = row.here.and_then(|here| {
            let (lab, step) = names.get(here.place)?;
            Some(HereView { lab: (*lab).to_owned(), step: (*step).to_owned(), since: row.board(here.since) })
        });
        let cells = row.cells.iter().filter_map(|(place, cell)| {
            let (lab, step) = names.get(*place)?;
            Some(CellView {
                lab: (*lab).to_owned(),
                step: (*step).to_owned(),
                came: row.board(cell.came),
                spent: self.spent(row, *place, now),
                tries: cell.tries,
                passed: cell.passed.map(|at| row.board(at)),
                failed: cell.failed,
                failing: cell.failing.clone(),
                hint: cell.hint,
                hints: cell.hints,
                predicted: cell.predicted,
                right: cell.right,
            })
        });
        let mut errnos: Vec<ErrnoView> =
            row.errnos.iter().map(|(name, times)| errno(name, *times, 1)).collect();
        errnos.sort_by_key(|errno| std::cmp::Reverse(errno.times));
        Some(RowView {
            learner: row.learner.clone(),
            name: row.name.clone(),
            joined: row.joined,
            seen: row.seen,
            events: row.events,
            hand: row.hand.map(|at| row.board(at)),
            left: row.left,
            here,
            stuck: self.stuck(row, now),
            steps: cells.collect(),
            errnos,
        })
    }

    /// The places of all learners, the one who needs help most first: hands, then by how many reasons one is stuck, then
    /// who is stuck for longest. Who is not stuck comes by name, who left comes last.
    pub fn order_of_need(&self, now: u64) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.sort_by_cached_key(|place| {
            let Some(row) = self.rows.get(*place) else { return (true, u64::MAX, 0, 0, String::new()) };
            let reasons = self.stuck(row, now).len();
            let since = row.here.map_or(u64::MAX, |here| row.board(here.since));
            (
                row.left,
                row.hand.map_or(u64::MAX, |at| row.board(at)),
                usize::MAX - reasons,
                if reasons > 0 { since } else { 0 },
                row.name.to_lowercase(),
            )
        });
        places
    }

    /// What is true of the room as a whole.
    pub fn summary(&self, now: u64) -> Summary {
        let planned = self.course.iter().flat_map(|lab| lab.steps.iter().map(|_| lab.planned()));
        let steps = self.names().into_iter().zip(planned).enumerate();
        let steps =
            steps.map(|(place, ((lab, step), planned))| self.step(place, lab, step, planned)).collect();
        let mut refused: BTreeMap<&(String, String), (u32, u32)> = BTreeMap::new();
        for (name, times) in self.rows.iter().flat_map(|row| &row.errnos) {
            let (all, learners) = refused.entry(name).or_default();
            *all += times;
            *learners += 1;
        }
        let mut errnos: Vec<ErrnoView> =
            refused.into_iter().map(|(name, (times, learners))| errno(name, times, learners)).collect();
        errnos.sort_by_key(|errno| std::cmp::Reverse((errno.learners, errno.times)));
        errnos.truncate(8);
        let paused = self.pauses.last().filter(|(_, until)| until.is_none()).map(|(from, _)| *from);
        Summary { steps, errnos, pace: self.pace(now), paused }
    }

    fn step(&self, place: usize, lab: &str, step: &str, planned: u64) -> StepView {
        let rows = self.rows.iter().filter_map(|row| Some((row, row.cells.get(&place)?)));
        // Whoever is done is there no longer: the moment does not matter.
        let done = rows.clone().filter(|(_, cell)| cell.passed.is_some());
        let done: Vec<u64> = done.map(|(row, _)| self.spent(row, place, 0)).collect();
        let cells: Vec<&Cell> = rows.map(|(_, cell)| cell).collect();
        let mut predicted: BTreeMap<u32, u32> = BTreeMap::new();
        for answer in cells.iter().filter_map(|cell| cell.predicted) {
            *predicted.entry(answer).or_default() += 1;
        }
        let count = |wanted: &dyn Fn(&Cell) -> bool| cells.iter().filter(|cell| wanted(cell)).count() as u32;
        StepView {
            lab: lab.to_owned(),
            step: step.to_owned(),
            came: cells.len() as u32,
            here: self.rows.iter().filter(|row| row.here.is_some_and(|here| here.place == place)).count()
                as u32,
            passed: done.len() as u32,
            median: median(done),
            planned,
            predicted: predicted.into_iter().collect(),
            right: count(&|cell| cell.right == Some(true)),
            wrong: count(&|cell| cell.right == Some(false)),
        }
    }

    fn pace(&self, now: u64) -> Option<Pace> {
        let began = self.rows.iter().filter_map(|row| Some(row.board(row.began?))).min()?;
        let elapsed = now.saturating_sub(began).saturating_sub(paused(&self.pauses, began, now));
        let done = median(
            self.rows
                .iter()
                .filter(|row| !row.left)
                .map(|row| row.cells.values().filter(|cell| cell.passed.is_some()).count() as u64)
                .collect(),
        )
        .map_or(0, |done| done as usize);
        // When each step ends, by the plan.
        let ends: Vec<u64> = self
            .course
            .iter()
            .flat_map(|lab| lab.steps.iter().map(|_| lab.planned()))
            .scan(0, |end, planned| {
                *end += planned;
                Some(*end)
            })
            .collect();
        let planned = ends.iter().take_while(|end| **end <= elapsed).count();
        // The next step of the one in the middle ought to have been done then.
        let due = ends.get(done).copied().unwrap_or(u64::MAX);
        Some(Pace { began, elapsed, planned, done, behind: elapsed.saturating_sub(due) / 60_000 })
    }

    /// Why a learner is stuck at the moment; not during a pause.
    fn stuck(&self, row: &Row, now: u64) -> Vec<Stuck> {
        let Some(here) = row.here.filter(|_| !row.left) else { return Vec::new() };
        let cell = row.cells.get(&here.place);
        if cell.is_none_or(|cell| cell.passed.is_some()) {
            return Vec::new();
        }
        let mut stuck = Vec::new();
        let spent = self.spent(row, here.place, now);
        let steps = self.course.iter().flat_map(|lab| lab.steps.iter().map(|_| lab.planned()));
        let planned = steps.clone().nth(here.place).unwrap_or_default();
        if spent >= (planned * LONG).max(NOT_LONG) {
            stuck.push(Stuck::Long { minutes: spent / 60_000 });
        }
        if let Some((check, times)) = cell.and_then(|cell| cell.same).filter(|(_, times)| *times >= AGAIN) {
            stuck.push(Stuck::Check { check, times });
        }
        if cell.is_some_and(|cell| cell.hints > 0 && cell.hint == cell.hints) {
            stuck.push(Stuck::Hints {});
        }
        stuck
    }

    /// Milliseconds of a learner in a step until now.
    fn spent(&self, row: &Row, place: usize, now: u64) -> u64 {
        let Some(cell) = row.cells.get(&place) else { return 0 };
        let running = row.here.filter(|here| here.place == place && cell.passed.is_none());
        let spans = cell.spans.iter().map(|(from, until)| (row.board(*from), row.board(*until)));
        let spans = spans.chain(running.map(|here| (row.board(here.since), now)));
        spans.map(|(from, until)| working(&self.pauses, from, until)).sum()
    }

    /// Lab and step of each place.
    fn names(&self) -> Vec<(&str, &str)> {
        let steps = self
            .course
            .iter()
            .flat_map(|lab| lab.steps.iter().map(|step| (lab.id.as_str(), step.id.as_str())));
        steps.collect()
    }
}

fn errno((errno, call): &(String, String), times: u32, learners: u32) -> ErrnoView {
    ErrnoView { errno: errno.clone(), call: call.clone(), times, learners }
}

/// Milliseconds between two moments without the pauses.
fn working(pauses: &[(u64, Option<u64>)], from: u64, until: u64) -> u64 {
    until.saturating_sub(from).saturating_sub(paused(pauses, from, until))
}

/// Milliseconds of pause between two moments.
fn paused(pauses: &[(u64, Option<u64>)], from: u64, until: u64) -> u64 {
    let within = |(began, ended): &(u64, Option<u64>)| {
        ended.unwrap_or(until).min(until).saturating_sub((*began).max(from))
    };
    pauses.iter().map(within).sum()
}

/// The one in the middle; the lower one of two.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}
