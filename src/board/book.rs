//! What the room has agreed to write: who has which name, and where each learner's chain ends. It is ahead of the log by what
//! waits for the disk, so that the next message is checked against the one before, not against the disk.

use std::collections::HashMap;

use crate::board::live::Live;
use crate::board::store::{Learner, Store};
use crate::workshop::chain::{self, Broken, End, Hash};
use crate::workshop::rules;
use crate::workshop::wire::{Event, Order, OrderWhat};

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
    /// Somebody else has this token.
    Theirs,
    /// Nobody else fits in.
    Full,
    /// All of it is on the disk up to this `seq`.
    Safe(u64),
    /// The chain does not go on like this; it ends at this `seq`.
    Broken(Broken, u64),
    /// On the disk.
    Ordered(Order),
    /// Nothing of it was written, for this reason. Whether the disk is full.
    Lost(String, bool),
    /// Too many wait already.
    Busy,
}

/// One thing that the log is given.
#[derive(Debug, PartialEq, Eq)]
pub enum Row {
    /// Someone new, at the next place.
    Learner(Learner),
    /// Another token of the learner at this place.
    Token(usize, Hash),
    /// An event of the learner at this place, and the chain's end with it.
    Event(usize, Event, End),
    /// Something that everyone is told.
    Order(Order),
}

/// A wish that the log is given. It follows from all that was accepted before.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What is new. Of what was sent once more there may be nothing.
    pub rows: Vec<Row>,
    /// What may be told once it is on the disk, with all that was accepted before.
    pub answer: Written,
}

/// What has to be known to tell what may be written next.
#[derive(Debug)]
pub struct Book {
    ends: Vec<End>,
    names: HashMap<String, (usize, Hash)>,
    orders: u64,
    /// Hashes of events that are not in the log yet, by place and `seq`.
    waiting: HashMap<(usize, u64), Hash>,
}

impl Book {
    /// Of a room that shows what the log holds, and no more.
    pub fn of(live: &Live) -> Self {
        Self {
            ends: live.ends(),
            names: live.names(),
            orders: live.orders().last().map_or(0, |order| order.id),
            waiting: HashMap::new(),
        }
    }

    /// Checks a wish, and counts on it from now on.
    ///
    /// What is wrong with a chain is told as if it were written, since it tells how far the disk has come.
    ///
    /// # Errors
    /// What is to be told at once: it cannot be written.
    pub fn accept(&mut self, log: &Store, wish: Wish, now: u64) -> Result<Accepted, Written> {
        let (rows, answer) = match wish {
            Wish::Join { name, id, token } => self.join(name, id, token, now)?,
            Wish::Back { learner, token } => {
                self.is_free(token)?;
                let theirs = self.names.values_mut().find(|(place, _)| *place == learner);
                theirs.ok_or(Written::Taken)?.1 = token;
                (vec![Row::Token(learner, token)], Written::Joined(learner, self.end(learner).seq))
            }
            Wish::Events { learner, events } => self.events(log, learner, events)?,
            Wish::Order(what) => {
                self.orders += 1;
                let order = Order { id: self.orders, at: now, what };
                (vec![Row::Order(order.clone())], Written::Ordered(order))
            }
        };
        Ok(Accepted { at: now, rows, answer })
    }

    /// These are in the log now.
    pub fn kept(&mut self, rows: &[Row]) {
        for row in rows {
            if let Row::Event(learner, event, _) = row {
                self.waiting.remove(&(*learner, event.seq));
            }
        }
    }

    fn end(&self, learner: usize) -> End {
        self.ends.get(learner).copied().unwrap_or(End::START)
    }

    /// Whether nobody has this token: it says who someone is.
    fn is_free(&self, token: Hash) -> Result<(), Written> {
        let taken = self.names.values().any(|(_, theirs)| *theirs == token);
        if taken { Err(Written::Theirs) } else { Ok(()) }
    }

    fn join(
        &mut self,
        name: String,
        id: String,
        token: Hash,
        now: u64,
    ) -> Result<(Vec<Row>, Written), Written> {
        let same = rules::same_name(&name);
        if let Some((place, theirs)) = self.names.get(&same) {
            let again = Written::Joined(*place, self.end(*place).seq);
            return if *theirs == token { Ok((Vec::new(), again)) } else { Err(Written::Taken) };
        }
        self.is_free(token)?;
        let place = self.ends.len();
        if place >= rules::LEARNERS {
            return Err(Written::Full);
        }
        self.ends.push(End::START);
        self.names.insert(same, (place, token));
        let learner = Learner { number: number(place), id, name, token, joined: now };
        Ok((vec![Row::Learner(learner)], Written::Joined(place, 0)))
    }

    /// All of a message or nothing: what is wrong with one event is found before any is accepted.
    fn events(
        &mut self,
        log: &Store,
        learner: usize,
        events: Vec<Event>,
    ) -> Result<(Vec<Row>, Written), Written> {
        let old = self.ends.get(learner).copied().ok_or(Written::Broken(Broken::Gap, 0))?;
        let mut end = old;
        let mut fresh: Vec<Row> = Vec::new();
        for event in events {
            match end.then(&event) {
                Ok(next) => {
                    end = next;
                    fresh.push(Row::Event(learner, event, next));
                }
                // Sent once more since the answer was lost: fine where it is the same one.
                Err(Broken::Used) => {
                    let within = fresh.iter().find_map(|row| match row {
                        Row::Event(_, _, end) if end.seq == event.seq => Some(end.hash),
                        _ => None,
                    });
                    let known = match within.or_else(|| self.waiting.get(&(learner, event.seq)).copied()) {
                        Some(hash) => Some(hash),
                        None => log.hash(number(learner), event.seq).map_err(lost)?,
                    };
                    if known != Some(chain::hash(&event)) {
                        return Ok((Vec::new(), Written::Broken(Broken::Used, old.seq)));
                    }
                }
                Err(broken) => return Ok((Vec::new(), Written::Broken(broken, old.seq))),
            }
        }
        for row in &fresh {
            if let Row::Event(_, event, end) = row {
                self.waiting.insert((learner, event.seq), end.hash);
            }
        }
        if let Some(now) = self.ends.get_mut(learner) {
            *now = end;
        }
        Ok((fresh, Written::Safe(end.seq)))
    }
}

/// The number of a learner in the log.
pub fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX).saturating_add(1)
}

/// Why nothing was written.
#[allow(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
pub fn lost(error: rusqlite::Error) -> Written {
    let full = crate::board::store::is_full(&error);
    Written::Lost(if full { "the disk of the board is full".to_owned() } else { error.to_string() }, full)
}
