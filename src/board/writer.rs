//! The way to the log. What is sent is checked and shown at once, and acknowledged when it is on the disk: a disk that is slow
//! for a moment keeps no page waiting.
//!
//! One thread writes. What is accepted while a commit goes to the disk waits, and goes into the next one together: three
//! hundred learners cost a few commits a second. Where a commit fails, everyone in it and everyone behind it is told so, and
//! the room goes back to what the log holds.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::board::book::{self, Accepted, Book, Row, Wish, Written};
use crate::board::clock;
use crate::board::live::Shared;
use crate::board::store::Store;
use crate::error::Result;
use crate::workshop::rules;

/// Requests in one commit.
const TOGETHER: usize = 512;
/// Requests that wait before the door is closed.
const WAITING: usize = 2048;
/// Milliseconds after a commit that failed in which nothing is shown before it is written: a disk that is full would have the
/// room go back again and again.
const CAUTIOUS: u64 = 60_000;

/// The way to the writer.
pub struct Writer {
    queue: Sender<Waiting>,
    desk: Arc<Desk>,
}

/// What was accepted, and who waits for it.
type Waiting = (Accepted, oneshot::Sender<Written>);

/// Where wishes are checked, one after the other. Whoever holds the sheet may take the room too, never the other way round.
struct Desk {
    shared: Arc<Shared>,
    sheet: Mutex<Sheet>,
}

struct Sheet {
    book: Book,
    /// A commit failed: the book counts on what is not in the log.
    stale: bool,
    /// Reads the log while the thread writes to it.
    log: Store,
    /// Wishes that are not on the disk.
    waiting: usize,
    /// Until when nothing is shown before it is on the disk.
    cautious: u64,
    /// Whether the room may show what is not on the disk.
    ahead: bool,
}

impl Writer {
    /// Starts the thread; it ends when the writer is gone and all it was given is written, and gives the log back. Who ends
    /// the board closes it, after the writer: the last to close it writes all of it into the one file.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn start(
        store: Store,
        db: &Path,
        shared: Arc<Shared>,
    ) -> Result<(Self, std::thread::JoinHandle<Store>)> {
        let (book, log) = (Book::of(&shared.live()), Store::read_only(db)?);
        let sheet = Sheet { book, stale: false, log, waiting: 0, cautious: 0, ahead: false };
        let desk = Arc::new(Desk { shared, sheet: Mutex::new(sheet) });
        let (queue, waiting) = channel();
        let thread = std::thread::spawn({
            let desk = Arc::clone(&desk);
            move || {
                desk.write(&store, &waiting);
                store
            }
        });
        Ok((Self { queue, desk }, thread))
    }

    /// Has something written, and waits until it is on the disk.
    pub async fn write(&self, wish: Wish) -> Written {
        match self.accept(wish) {
            Ok(written) => written.await.unwrap_or(Written::Busy),
            Err(refused) => refused,
        }
    }

    /// Checks a wish, shows what it changes, and queues it. It is one step: they are written in the order in which they were
    /// checked.
    fn accept(&self, wish: Wish) -> Result<oneshot::Receiver<Written>, Written> {
        let mut sheet = self.desk.sheet();
        let sheet = &mut *sheet;
        if sheet.waiting >= WAITING {
            return Err(Written::Busy);
        }
        let now = clock::now();
        sheet.renew(&self.desk.shared)?;
        let accepted = sheet.book.accept(&sheet.log, wish, now)?;
        if now >= sheet.cautious {
            sheet.ahead |= self.desk.shared.foresee(&accepted);
        }
        sheet.waiting += 1;
        let (answer, written) = oneshot::channel();
        self.queue.send((accepted, answer)).map_err(|_| Written::Busy)?;
        Ok(written)
    }

    /// The lines of a learner's events after this one that are on the disk.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn record(&self, learner: usize, after: u64) -> Result<Vec<String>, Written> {
        let sheet = self.desk.sheet();
        sheet.log.lines(book::number(learner), after, rules::EVENTS_A_BATCH).map_err(book::lost)
    }
}

impl Sheet {
    /// Makes a stale book anew, and the room with it where that shows more than the log holds.
    fn renew(&mut self, shared: &Shared) -> Result<(), Written> {
        if self.stale {
            if self.ahead {
                shared.go_back(&self.log).map_err(|trouble| Written::Lost(trouble.to_string(), false))?;
            }
            self.book = Book::of(&shared.live());
            (self.stale, self.ahead) = (false, false);
        }
        Ok(())
    }
}

impl Desk {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        // A panic ends the board: nobody is left to see half of a change.
        self.sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, store: &Store, queue: &Receiver<Waiting>) {
        while let Ok(first) = queue.recv() {
            let mut together = vec![first];
            together.extend(queue.try_iter().take(TOGETHER - 1));
            match keep(store, &together) {
                Ok(()) => self.kept(together),
                Err(error) => self.lost(together, queue, book::lost(error)),
            }
        }
    }

    /// It is on the disk: the room shows what it did not show yet, and everyone is told.
    fn kept(&self, together: Vec<Waiting>) {
        let mut sheet = self.sheet();
        sheet.waiting -= together.len();
        together.iter().for_each(|(accepted, _)| sheet.book.kept(&accepted.rows));
        drop(sheet);
        let wrote = together.iter().any(|(accepted, _)| !accepted.rows.is_empty());
        self.shared.change(|live| {
            // Who had nothing new has shown nothing about the disk.
            if wrote {
                live.trouble = None;
            }
            for (accepted, _) in &together {
                accepted.rows.iter().for_each(|row| live.apply(row, accepted.at));
            }
        });
        for (accepted, answer) in together {
            // Whoever has gone away asks again.
            let _ = answer.send(accepted.answer);
        }
    }

    /// It is not on the disk. Nothing that was accepted since can be written either: it counted on this.
    fn lost(&self, mut together: Vec<Waiting>, queue: &Receiver<Waiting>, why: Written) {
        let mut sheet = self.sheet();
        together.extend(queue.try_iter());
        sheet.waiting -= together.len();
        sheet.cautious = clock::now() + CAUTIOUS;
        sheet.stale = true;
        // Where not even this works, whoever comes next tries again.
        let _ = sheet.renew(&self.shared);
        drop(sheet);
        if let Written::Lost(why, _) = &why {
            self.shared.change(|live| live.trouble = Some(why.clone()));
        }
        for (_, answer) in together {
            let _ = answer.send(why.clone());
        }
    }
}

/// Writes all of it in one commit, or nothing.
fn keep(store: &Store, together: &[Waiting]) -> rusqlite::Result<()> {
    if together.iter().all(|(accepted, _)| accepted.rows.is_empty()) {
        return Ok(());
    }
    let group = store.begin()?;
    for (accepted, _) in together {
        for row in &accepted.rows {
            match row {
                Row::Learner(learner) => group.learner(learner)?,
                Row::Token(learner, token) => group.token(book::number(*learner), *token)?,
                Row::Event(learner, event, end) => {
                    group.event(book::number(*learner), accepted.at, event, end)?;
                }
                Row::Order(order) => group.order(order)?,
            }
        }
    }
    group.keep()
}
