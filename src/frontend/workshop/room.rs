//! The room beside a learner's session: what happens is written down and carried off, and what the instructor wants is done
//! between two lines.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::fcntl::Flock;

use super::courier::{Courier, News};
use super::seat::Seat;
use super::spool::Spool;
use super::watch::Watch;
use crate::error::Trouble;
use crate::frontend::beside::{Act, Beside, Told};
use crate::frontend::repl::now;
use crate::recipe::line::{Line, Word};
use crate::render::document::Look;
use crate::session::event::Event;
use crate::session::walk::Walk;
use crate::workshop::wire::{Order, OrderWhat, What};

/// How long the leaving learner waits for the last events to be carried off.
const GOODBYE: Duration = Duration::from_secs(2);
/// A courier that ends so soon again is not sent off at once.
const SOON: Duration = Duration::from_secs(2);
/// Messages of one moment that are shown.
const MESSAGES: usize = 5;

/// Words of the room.
const WORDS: [&str; 4] = ["ask", "resume", "sent", "unask"];

/// The room.
pub(super) struct Room {
    pub(super) seat: Seat,
    pub(super) dir: PathBuf,
    pub(super) spool: Spool,
    pub(super) safe: u64,
    /// Held as long as the learner sits here.
    pub(super) _lock: Flock<File>,
    watch: Watch,
    courier: Option<Courier>,
    sent_off: Instant,
    away: bool,
    refused: bool,
    paused: bool,
    full: bool,
}

impl Room {
    /// A learner on their seat. `away`: the board does not answer at the moment.
    pub(super) fn new(
        seat: Seat,
        dir: PathBuf,
        spool: Spool,
        safe: u64,
        away: bool,
        lock: Flock<File>,
    ) -> Self {
        let courier = Courier::send(&dir).ok();
        Self {
            seat,
            dir,
            spool,
            safe,
            _lock: lock,
            watch: Watch::default(),
            courier,
            sent_off: Instant::now(),
            away,
            refused: false,
            paused: false,
            full: false,
        }
    }

    fn report(&mut self, whats: impl IntoIterator<Item = What>) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut any = false;
        for what in whats {
            match self.spool.push(now(), what) {
                Ok(()) => (any, self.full) = (true, false),
                // Told once: it is no reason to interrupt a lesson at every line.
                Err(error) if !std::mem::replace(&mut self.full, true) => acts.push(note(format!(
                    "what happens is not reported until there is room: `{}`: {error}",
                    self.spool.path().display()
                ))),
                Err(_) => {}
            }
        }
        if let Some(courier) = self.courier.as_mut().filter(|_| any) {
            courier.nudge();
        }
        acts
    }

    fn heard(&mut self, news: News) -> Vec<Act> {
        match news {
            News::Safe(safe) => {
                self.safe = safe.max(self.safe);
                match std::mem::take(&mut self.away) {
                    true => vec![note("the board is back: what happened meanwhile is sent".to_owned())],
                    false => Vec::new(),
                }
            }
            News::Gone(why) => match std::mem::replace(&mut self.away, true) {
                true => Vec::new(),
                false => vec![note(format!(
                    "the board does not answer ({why}): you work on, and what happens is sent later"
                ))],
            },
            News::Refused(refusal) => {
                self.refused = true;
                vec![
                    Act::Trouble(
                        Trouble::usage(format!("the board takes nothing more of you: {}", refusal.error))
                            .hint(refusal.hint),
                    ),
                    note(
                        "the session goes on without it; what happens is still written down here".to_owned(),
                    ),
                ]
            }
            News::Ordered(orders) => self.ordered(orders),
        }
    }

    /// What the instructor wants. Of what came at once, the last place and the last word about a pause count.
    fn ordered(&mut self, orders: Vec<Order>) -> Vec<Act> {
        let mut acts = Vec::new();
        let (mut paused, mut place, mut messages) = (self.paused, None, Vec::new());
        for order in &orders {
            if order.what.check().is_err() {
                // Whatever it is: it is not what a board sends.
                acts.push(note(
                    "an order came that this rlab does not understand; it is left out".to_owned(),
                ));
                continue;
            }
            match &order.what {
                OrderWhat::Pause {} => paused = true,
                OrderWhat::Resume {} => paused = false,
                OrderWhat::Goto { lab, step } => place = Some((lab, step)),
                OrderWhat::Message { text } => messages.push(text),
            }
        }
        if let Some(last) = orders.last() {
            self.seat.ordered = last.id.max(self.seat.ordered);
            // If it cannot be kept, it is shown once more the next time.
            let _ = self.seat.write(&self.dir);
        }
        let from = messages.len().saturating_sub(MESSAGES);
        acts.extend(messages.iter().skip(from).map(|text| note(format!("the instructor says: {text}"))));
        if let Some((lab, step)) = place {
            acts.push(note(format!("the instructor brings everyone to `{lab}`, step `{step}`")));
            acts.push(Act::Start(format!("{lab}:{step}")));
        }
        match (std::mem::replace(&mut self.paused, paused), paused) {
            (false, true) => acts.push(note(
                "pause: the instructor has something to show. Lines wait; `resume` goes on without the room"
                    .to_owned(),
            )),
            (true, false) => acts.push(note("the pause is over".to_owned())),
            _ => {}
        }
        acts
    }

    fn sent(&self) -> Vec<Act> {
        let end = self.spool.end().seq;
        let mut acts: Vec<Act> = self
            .spool
            .latest()
            .map(|(seq, line)| {
                let state = if seq <= self.safe { "at the board" } else { "waits" };
                let what = line.split_once("\"what\":").map_or(line, |(_, what)| what.trim_end_matches('}'));
                note(format!("{seq} {state}: {what}}}"))
            })
            .collect();
        acts.push(note(format!(
            "{} of {end} events are at the board; each, as it is sent: `{}`",
            self.safe.min(end),
            self.spool.path().display()
        )));
        acts
    }
}

fn note(text: String) -> Act {
    Act::Note(text)
}

/// Whether a line only looks, or answers: that goes on in a pause, too.
fn only_looks(line: &str) -> bool {
    let number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    let moves = |word: &Word| {
        matches!(
            word,
            Word::Next
                | Word::Back
                | Word::Goto(_)
                | Word::Start(_)
                | Word::Reset
                | Word::Solve
                | Word::Check
        )
    };
    number || matches!(Line::parse(line), Ok(Line::Walk(word)) if !moves(&word)) || line.starts_with('#')
}

impl Beside for Room {
    fn hello(&self) -> Vec<String> {
        let mut told = vec![format!(
            "you are {} in the room at {}. It is told your steps, tries, hints, verdicts, names of errnos and answers to \
             predictions, and nothing that you type: `sent` shows all of it. `ask` raises your hand",
            self.seat.name, self.seat.board
        )];
        if self.away {
            told.push("the board does not answer: you work on, and what happens is sent later".to_owned());
        }
        told
    }

    fn course(&self) -> &[String] {
        &self.seat.course
    }

    fn words(&self) -> &'static [&'static str] {
        &WORDS
    }

    fn takes(&mut self, line: &str, walk: &Walk) -> Option<Vec<Act>> {
        match line {
            "ask" => Some(match walk.seen() {
                Some(seen) => {
                    let mut acts = self.report([What::Asked { lab: seen.lab, step: seen.step }]);
                    acts.push(note("your hand is up; `unask` takes it down".to_owned()));
                    acts
                }
                None => vec![Act::Trouble(
                    Trouble::usage("you are in no step that you could ask about")
                        .hint("`labs` lists the labs, `start LAB` begins one"),
                )],
            }),
            "unask" => {
                let mut acts = self.report([What::Unasked {}]);
                acts.push(note("your hand is down".to_owned()));
                Some(acts)
            }
            "sent" => Some(self.sent()),
            "resume" if std::mem::take(&mut self.paused) => {
                Some(vec![note("you go on without the room".to_owned())])
            }
            "resume" => Some(vec![note("there is no pause".to_owned())]),
            line if self.paused && !only_looks(line) => Some(vec![note(
                "pause: lines wait, and this one was not carried out; `resume` goes on without the room"
                    .to_owned(),
            )]),
            _ => None,
        }
    }

    fn begins(&mut self, walk: &Walk) {
        self.watch.begins(walk);
    }

    fn hears(&mut self, event: &Event, _look: &Look) -> Told {
        self.watch.hears(event);
        Told::AsAlways
    }

    fn ended(&mut self, walk: &mut Walk) -> Vec<Act> {
        let whats = self.watch.ended(walk);
        self.report(whats)
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.courier.as_ref().map(Courier::descriptor)
    }

    fn came(&mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        if let Some(courier) = &mut self.courier {
            let (news, lives) = courier.news();
            for news in news {
                acts.extend(self.heard(news));
            }
            if !lives {
                self.courier = None;
            }
        }
        // One that was killed has a successor, and that one asks the board how far it had come.
        if self.courier.is_none() && !self.refused && self.sent_off.elapsed() > SOON {
            self.sent_off = Instant::now();
            self.courier = Courier::send(&self.dir).ok();
        }
        acts
    }

    fn pid(&self) -> Option<i32> {
        self.courier.as_ref().map(Courier::pid)
    }

    fn leaves(&mut self) -> Vec<Act> {
        let mut acts = self.report([What::Left {}]);
        if let Some(mut courier) = self.courier.take() {
            for news in courier.dismiss(GOODBYE) {
                // Orders that come now are for the next time.
                if let News::Safe(safe) = news {
                    self.safe = safe.max(self.safe);
                }
            }
        }
        let (end, path) = (self.spool.end().seq, self.spool.path().display());
        acts.push(note(match end.saturating_sub(self.safe) {
            0 => format!("all {end} events are at the board; your own record of them is `{path}`"),
            wait => format!(
                "{wait} of {end} events wait for the board: the same `rlab join` sends them; your own record is `{path}`"
            ),
        }));
        acts
    }
}
