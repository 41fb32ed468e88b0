//! The one thread that writes to the log. What is asked for while a commit goes to the disk waits, and goes into the next
//! one together: three hundred learners cost a few commits a second.
//!
//! An answer is given after the commit, never before. Where a commit fails, everyone in it is told so, and the room is as
//! it was.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::oneshot;

use crate::board::clock;
use crate::board::live::{Live, Shared};
use crate::board::store::{self, Group, Learner, Store};
use crate::workshop::chain::{Broken, End, Hash};
use crate::workshop::rules;
use crate::workshop::wire::{Event, Order, OrderWhat};

/// Requests in one commit.
const TOGETHER: usize = 512;
/// Requests that wait before the door is closed.
const WAITING: usize = 2048;

/// What someone wants to have written.
#[derive(Debug)]
pub enum Wish {
    /// To come in, under this name, with this token from now on.
    Join {
        /// As [`rules::name`] gives it.
        name: String,
        /// 16 hexadecimal digits that nobody has yet.
        id: String,
        /// The hash of the token.
        token: Hash,
    },
    /// To come back as this learner, with this token from now on.
    Back {
        /// The place of the learner.
        learner: usize,
        /// The hash of the token.
        token: Hash,
    },
    /// To be told a learner's events once more: it is the writer who has the log.
    Record {
        /// The place of the learner.
        learner: usize,
        /// Those after this one.
        after: u64,
    },
    /// To add events to a learner's chain.
    Events {
        /// The place of the learner.
        learner: usize,
        /// In their order.
        events: Vec<Event>,
    },
    /// To tell everyone something.
    Order(OrderWhat),
}

/// What became of a [`Wish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// In: the place of the learner, and the last event of the chain.
    Joined(usize, u64),
    /// Somebody else has this name.
    Taken,
    /// Nobody else fits in.
    Full,
    /// All of it is on the disk up to this `seq`.
    Safe(u64),
    /// The chain does not go on like this; it ends at this `seq`.
    Broken(Broken, u64),
    /// On the disk.
    Ordered(Order),
    /// The lines of the events that were asked for.
    Record(Vec<String>),
    /// Nothing of it was written, for this reason. Whether the disk is full.
    Lost(String, bool),
    /// Too many wait already.
    Busy,
}

/// The way to the writer.
#[derive(Clone)]
pub struct Writer {
    wishes: SyncSender<(Wish, oneshot::Sender<Written>)>,
}

impl Writer {
    /// Starts the thread; it ends when the last way to it is gone.
    pub fn start(store: Store, shared: Arc<Shared>) -> (Self, std::thread::JoinHandle<()>) {
        let (wishes, waiting) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || write(&store, &shared, &waiting));
        (Self { wishes }, thread)
    }

    /// Has something written, and waits until it is on the disk.
    pub async fn write(&self, wish: Wish) -> Written {
        let (answer, written) = oneshot::channel();
        if self.wishes.try_send((wish, answer)).is_err() {
            return Written::Busy;
        }
        written.await.unwrap_or(Written::Busy)
    }
}

type Waiting = (Wish, oneshot::Sender<Written>);

fn write(store: &Store, shared: &Shared, waiting: &Receiver<Waiting>) {
    let mut book = Book::of(&shared.live());
    while let Ok(first) = waiting.recv() {
        let mut together = vec![first];
        together.extend(waiting.try_iter().take(TOGETHER - 1));
        let now = clock::now();
        let done = book.write(store, &together, now);
        match done {
            Ok(answers) => {
                shared.change(|live| {
                    live.trouble = None;
                    for ((wish, _), answer) in together.iter().zip(&answers) {
                        apply(live, wish, answer, now);
                    }
                });
                for ((_, answer), written) in together.into_iter().zip(answers) {
                    // Whoever has gone away asks again.
                    let _ = answer.send(written);
                }
            }
            Err(error) => {
                let full = store::is_full(&error);
                let why = if full { "the disk of the board is full".to_owned() } else { error.to_string() };
                shared.change(|live| live.trouble = Some(why.clone()));
                for (_, answer) in together {
                    let _ = answer.send(Written::Lost(why.clone(), full));
                }
            }
        }
    }
}

/// What is on the disk now is what the room shows.
fn apply(live: &mut Live, wish: &Wish, written: &Written, now: u64) {
    match (wish, written) {
        (Wish::Join { name, id, token }, Written::Joined(place, 0)) if *place == live.people() => {
            live.join(Learner {
                number: number(*place),
                id: id.clone(),
                name: name.clone(),
                token: *token,
                joined: now,
            });
        }
        (Wish::Back { learner, token }, Written::Joined(..)) => live.rejoin(*learner, *token),
        (Wish::Events { learner, events }, Written::Safe(_)) => {
            for event in events {
                live.take(*learner, now, event);
            }
        }
        (Wish::Order(_), Written::Ordered(order)) => live.order(order.clone()),
        _ => {}
    }
}

/// The number of a learner in the log.
fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX).saturating_add(1)
}

/// What the writer has to know to tell what may be written next.
struct Book {
    ends: Vec<End>,
    names: HashMap<String, (usize, Hash)>,
    orders: u64,
}

impl Book {
    fn of(live: &Live) -> Self {
        Self {
            ends: live.ends(),
            names: live.names(),
            orders: live.orders().last().map_or(0, |order| order.id),
        }
    }

    /// Writes all of it in one commit.
    ///
    /// # Errors
    /// The commit failed: nothing is written, and the book is as it was.
    fn write(&mut self, store: &Store, together: &[Waiting], now: u64) -> rusqlite::Result<Vec<Written>> {
        let mut before =
            Before { people: self.ends.len(), ends: HashMap::new(), tokens: Vec::new(), orders: self.orders };
        let written = store.begin().and_then(|group| {
            let answers = together
                .iter()
                .map(|(wish, _)| self.one(store, &group, wish, now, &mut before))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            group.keep()?;
            Ok(answers)
        });
        if written.is_err() {
            self.orders = before.orders;
            self.names.retain(|_, (place, _)| *place < before.people);
            // The first one is the one from before: it comes last.
            for (place, token) in before.tokens.into_iter().rev() {
                self.names.values_mut().filter(|(at, _)| *at == place).for_each(|(_, now)| *now = token);
            }
            self.ends.truncate(before.people);
            for (place, end) in before.ends {
                if let Some(now) = self.ends.get_mut(place) {
                    *now = end;
                }
            }
        }
        written
    }

    fn one(
        &mut self,
        store: &Store,
        group: &Group<'_>,
        wish: &Wish,
        now: u64,
        before: &mut Before,
    ) -> rusqlite::Result<Written> {
        match wish {
            Wish::Join { name, id, token } => self.join(group, name, id, *token, now),
            Wish::Back { learner, token } => {
                let Some((_, theirs)) = self.names.values_mut().find(|(place, _)| place == learner) else {
                    return Ok(Written::Taken);
                };
                group.token(number(*learner), *token)?;
                before.tokens.push((*learner, std::mem::replace(theirs, *token)));
                Ok(Written::Joined(*learner, self.ends.get(*learner).map_or(0, |end| end.seq)))
            }
            Wish::Record { learner, after } => {
                store.lines(number(*learner), *after, rules::EVENTS_A_BATCH).map(Written::Record)
            }
            Wish::Events { learner, events } => self.events(store, group, *learner, events, now, before),
            Wish::Order(what) => {
                let order = Order { id: self.orders + 1, at: now, what: what.clone() };
                group.order(&order)?;
                self.orders += 1;
                Ok(Written::Ordered(order))
            }
        }
    }

    fn join(
        &mut self,
        group: &Group<'_>,
        name: &str,
        id: &str,
        token: Hash,
        now: u64,
    ) -> rusqlite::Result<Written> {
        let same = rules::same_name(name);
        if let Some((place, theirs)) = self.names.get(&same) {
            let seq = self.ends.get(*place).map_or(0, |end| end.seq);
            return Ok(if *theirs == token { Written::Joined(*place, seq) } else { Written::Taken });
        }
        let place = self.ends.len();
        if place >= rules::LEARNERS {
            return Ok(Written::Full);
        }
        group.learner(&Learner {
            number: number(place),
            id: id.to_owned(),
            name: name.to_owned(),
            token,
            joined: now,
        })?;
        self.ends.push(End::START);
        self.names.insert(same, (place, token));
        Ok(Written::Joined(place, 0))
    }

    /// All of a message or nothing: what is wrong with one event is told before any is written.
    fn events(
        &mut self,
        store: &Store,
        group: &Group<'_>,
        learner: usize,
        events: &[Event],
        now: u64,
        before: &mut Before,
    ) -> rusqlite::Result<Written> {
        let Some(old) = self.ends.get(learner).copied() else {
            return Ok(Written::Broken(Broken::Gap, 0));
        };
        let mut end = old;
        let mut fresh = Vec::new();
        for event in events {
            match end.then(event) {
                Ok(next) => {
                    end = next;
                    fresh.push((event, next));
                }
                // Sent once more since the answer was lost: fine where it is the same one.
                Err(Broken::Used) => {
                    let hash = crate::workshop::chain::hash(event);
                    let known = match fresh.iter().find(|(fresh, _)| fresh.seq == event.seq) {
                        Some((_, end)) => Some(end.hash),
                        None => store.hash(number(learner), event.seq)?,
                    };
                    if known != Some(hash) {
                        return Ok(Written::Broken(Broken::Used, old.seq));
                    }
                }
                Err(broken) => return Ok(Written::Broken(broken, old.seq)),
            }
        }
        for (event, end) in &fresh {
            group.event(number(learner), now, event, end)?;
        }
        before.ends.entry(learner).or_insert(old);
        if let Some(now) = self.ends.get_mut(learner) {
            *now = end;
        }
        Ok(Written::Safe(end.seq))
    }
}

/// How the book was before a commit.
struct Before {
    people: usize,
    ends: HashMap<usize, End>,
    tokens: Vec<(usize, Hash)>,
    orders: u64,
}
