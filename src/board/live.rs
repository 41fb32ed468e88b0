//! The room as it is now, in memory: made of the log at the start, and changed with each message.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::board::book::{Accepted, Row};
use crate::board::store::{Learner, Store};
use crate::error::Result;
use crate::workshop::chain::{End, Hash};
use crate::workshop::course::Taught;
use crate::workshop::room::Room;
use crate::workshop::rules;
use crate::workshop::wire::{Event, Order, OrderWhat};

/// Milliseconds after which someone who comes anew is no longer told a message.
const OLD_NEWS: u64 = 10 * 60 * 1000;

/// Milliseconds after which an rlab that asks for nothing is away: longer than a question for orders waits.
const AWAY: u64 = (rules::ORDERS_WAIT + 10) * 1000;

/// Events that a learner may send at once: hours of work that was spooled.
const BURST: u64 = 20_000;
/// Milliseconds after which a learner may send one more.
const ANOTHER: u64 = 20;

/// The room, and who waits for a change of it.
pub struct Shared {
    live: Mutex<Live>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
    /// The id of the last order.
    ordered: watch::Sender<u64>,
}

/// The room.
pub struct Live {
    /// The room as its events tell it.
    pub room: Room,
    /// When the room was made.
    pub began: u64,
    /// Why nothing can be written at the moment.
    pub trouble: Option<String>,
    /// When each learner's rlab last asked for something; 0 since the board was started.
    asked: Vec<u64>,
    /// The moment at which each learner may send a whole burst again: each event moves it on.
    whole: Vec<u64>,
    learners: Vec<Learner>,
    ends: Vec<End>,
    tokens: HashMap<Hash, usize>,
    orders: Vec<Order>,
}

impl Shared {
    /// The room of a log.
    ///
    /// # Errors
    /// The log is damaged.
    pub fn of(store: &Store, course: Vec<Taught>, began: u64) -> Result<Self> {
        let live = Live::of(store, course, began)?;
        let last = live.orders.last().map_or(0, |order| order.id);
        Ok(Self { live: Mutex::new(live), changes: watch::Sender::new(0), ordered: watch::Sender::new(last) })
    }

    /// The room, for a moment: never held while something is waited for.
    pub fn live(&self) -> MutexGuard<'_, Live> {
        // Whoever panicked with it in hand was not in the middle of a change that matters.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the room, and wakes who waits for it.
    pub fn change(&self, change: impl FnOnce(&mut Live)) {
        let last = {
            let mut live = self.live();
            change(&mut live);
            live.orders.last().map_or(0, |order| order.id)
        };
        self.ordered.send_if_modified(|id| std::mem::replace(id, last) != last);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Shows the events among what was accepted, before they are on the disk. Whether there are any.
    ///
    /// Nothing else: who joins and what everyone is told counts when it is kept, or a power cut would take back what learners
    /// have acted on. Events that it takes back are sent once more.
    pub fn foresee(&self, accepted: &Accepted) -> bool {
        let events = accepted.rows.iter().filter(|row| matches!(row, Row::Event(..)));
        if events.clone().next().is_none() {
            return false;
        }
        self.change(|live| events.for_each(|row| live.apply(row, accepted.at)));
        true
    }

    /// Shows what the log holds and no more, after something that was shown could not be kept.
    ///
    /// # Errors
    /// The log cannot be read; the room is as it was.
    pub fn go_back(&self, log: &Store) -> Result<()> {
        let mut live = self.live();
        let kept = Live::of(log, live.room.course().to_vec(), live.began)?;
        let (asked, whole) = (std::mem::take(&mut live.asked), std::mem::take(&mut live.whole));
        *live = Live { asked, whole, trouble: live.trouble.take(), ..kept };
        Ok(())
    }

    /// For whoever waits for orders.
    pub fn ordered(&self) -> watch::Receiver<u64> {
        self.ordered.subscribe()
    }

    /// For whoever waits for any change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Live {
    /// The room of a log.
    fn of(store: &Store, course: Vec<Taught>, began: u64) -> Result<Self> {
        let mut live = Self {
            room: Room::new(course),
            began,
            trouble: None,
            asked: Vec::new(),
            whole: Vec::new(),
            learners: Vec::new(),
            ends: Vec::new(),
            tokens: HashMap::new(),
            orders: Vec::new(),
        };
        for learner in store.learners()? {
            live.join(learner);
        }
        store.events(|logged| {
            if let Ok(place) = usize::try_from(logged.learner - 1) {
                live.take(place, logged.received, &logged.event);
            }
        })?;
        for order in store.orders()? {
            live.order(order);
        }
        Ok(live)
    }

    /// How many have ever joined.
    pub fn people(&self) -> usize {
        self.learners.len()
    }

    /// A learner by place.
    pub fn learner(&self, place: usize) -> Option<&Learner> {
        self.learners.get(place)
    }

    /// The place of the one with this id.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.learners.iter().position(|learner| learner.id == id)
    }

    /// The place of the one who has this name, however it is written.
    pub fn named(&self, name: &str) -> Option<usize> {
        let same = rules::same_name(name);
        self.learners.iter().position(|learner| rules::same_name(&learner.name) == same)
    }

    /// The place of the one whose token has this hash.
    pub fn whose(&self, token: &Hash) -> Option<usize> {
        self.tokens.get(token).copied()
    }

    /// A learner's rlab asks for something.
    pub fn asks(&mut self, place: usize, now: u64) {
        if let Some(asked) = self.asked.get_mut(place) {
            *asked = now;
        }
    }

    /// Whether a learner may send so many events now: nobody fills the disk of a room by themselves.
    ///
    /// # Errors
    /// Not before so many seconds.
    pub fn sends(&mut self, place: usize, events: usize, now: u64) -> std::result::Result<(), u64> {
        let Some(whole) = self.whole.get_mut(place) else { return Ok(()) };
        let moved = (*whole).max(now) + events as u64 * ANOTHER;
        match (moved - now).checked_sub(BURST * ANOTHER) {
            None | Some(0) => {
                *whole = moved;
                Ok(())
            }
            Some(wait) => Err(wait.div_ceil(1000)),
        }
    }

    /// Whether a learner's rlab has asked for something of late: it always waits for orders.
    pub fn is_there(&self, place: usize, now: u64) -> bool {
        self.asked.get(place).is_some_and(|asked| now.saturating_sub(*asked) < AWAY)
    }

    /// The last event of a learner.
    pub fn acknowledged(&self, place: usize) -> u64 {
        self.ends.get(place).map_or(0, |end| end.seq)
    }

    /// The last event of each.
    pub fn ends(&self) -> Vec<End> {
        self.ends.clone()
    }

    /// Who has which name.
    pub fn names(&self) -> HashMap<String, (usize, Hash)> {
        let named =
            |(place, learner): (usize, &Learner)| (rules::same_name(&learner.name), (place, learner.token));
        self.learners.iter().enumerate().map(named).collect()
    }

    /// Every order, the oldest first.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// What someone has to be told who knows the orders up to `after`. Who knows none is told how things are now, not all
    /// that was: where everyone shall be, whether there is a pause, what was said a moment ago.
    pub fn orders_after(&self, after: u64, now: u64) -> Vec<Order> {
        let new = self.orders.iter().filter(|order| order.id > after);
        if after > 0 {
            return new.cloned().collect();
        }
        let last = |wanted: fn(&OrderWhat) -> bool| {
            self.orders.iter().rev().find(|order| wanted(&order.what)).map(|order| order.id)
        };
        let goto = last(|what| matches!(what, OrderWhat::Goto { .. }));
        let pause = last(|what| matches!(what, OrderWhat::Pause {} | OrderWhat::Resume {}));
        new.filter(|order| match order.what {
            OrderWhat::Goto { .. } => Some(order.id) == goto,
            OrderWhat::Pause {} | OrderWhat::Resume {} => Some(order.id) == pause,
            OrderWhat::Message { .. } => now.saturating_sub(order.at) < OLD_NEWS,
        })
        .cloned()
        .collect()
    }

    /// Takes in what the log has been given, or will be. An event that was taken in before changes nothing.
    pub fn apply(&mut self, row: &Row, at: u64) {
        match row {
            Row::Learner(learner) => self.join(learner.clone()),
            Row::Token(place, token) => self.rejoin(*place, *token),
            Row::Event(place, event, _) => self.take(*place, at, event),
            Row::Order(order) => self.order(order.clone()),
        }
    }

    /// Someone came in.
    fn join(&mut self, learner: Learner) {
        self.tokens.insert(learner.token, self.learners.len());
        self.room.join(&learner.id, &learner.name, learner.joined);
        self.asked.push(0);
        self.whole.push(0);
        self.learners.push(learner);
        self.ends.push(End::START);
    }

    /// Someone came back with another token; the one before is worth nothing any more.
    fn rejoin(&mut self, place: usize, token: Hash) {
        let Some(learner) = self.learners.get_mut(place) else { return };
        self.tokens.remove(&std::mem::replace(&mut learner.token, token));
        self.tokens.insert(token, place);
    }

    /// Something happened at a learner's.
    fn take(&mut self, place: usize, received: u64, event: &Event) {
        let Some(end) = self.ends.get_mut(place) else { return };
        if let Ok(next) = end.then(event) {
            *end = next;
            self.room.take(place, received, event);
        }
    }

    /// Everyone is told something.
    fn order(&mut self, order: Order) {
        self.room.order(&order);
        self.orders.push(order);
    }
}
