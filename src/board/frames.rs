//! What the instructor's pages are told as things change: whole at first, then only the rows that are different. Changes of a
//! fifth of a second go together, so a busy room costs a page five messages a second, however many learners there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::board::clock;
use crate::board::live::Live;
use crate::board::routes::Board;
use crate::workshop::room::{RowView, Summary};

/// Changes of so long go together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Without a change the room is looked at after so long: time alone makes people stuck.
const LOOK: Duration = Duration::from_secs(5);

/// Milliseconds to which times are told.
const MOMENT: u64 = 5_000;

/// The last frame, and what is in it.
pub struct Frames {
    last: watch::Sender<Frame>,
    rows: Mutex<Vec<String>>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { last: watch::Sender::new(Frame::default()), rows: Mutex::default() }
    }
}

/// What a page is told at one moment.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Counted from 1.
    pub number: u64,
    /// For a page that knows the frame before this one.
    pub change: Bytes,
}

/// A row, with what its events do not tell.
#[derive(Serialize)]
struct RowNow {
    /// The place of the learner, from 0.
    place: usize,
    /// Whether the learner's rlab is connected.
    there: bool,
    #[serde(flatten)]
    row: RowView,
}

/// The room, or what changed in it, beside the rows.
#[derive(Serialize)]
struct Told {
    /// The board's clock.
    now: u64,
    /// Whether the rows are all there are.
    whole: bool,
    /// Why nothing can be written at the moment.
    trouble: Option<String>,
    /// The places of all learners, who needs help most first.
    order: Vec<usize>,
    summary: Summary,
}

impl Frames {
    /// For a page that waits for the next frame.
    pub fn follow(&self) -> watch::Receiver<Frame> {
        self.last.subscribe()
    }

    /// Everything, as of the last frame.
    pub fn whole(&self, board: &Board) -> Bytes {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<usize> = (0..rows.len()).collect();
        told(&board.shared.live(), clock::now(), true, &rows, &all)
    }

    /// Looks at the room and makes a frame of what is different.
    fn look(&self, board: &Board) {
        let now = clock::now();
        // How long someone is there is told this exactly, or every row would be different at every look.
        let moment = now / MOMENT * MOMENT;
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let live = board.shared.live();
        let mut changed = Vec::new();
        for place in 0..live.people() {
            let Some(row) = live.room.row(place, moment) else { continue };
            let there = live.is_there(place, now);
            let text = serde_json::to_string(&RowNow { place, there, row }).unwrap_or_default();
            match rows.get_mut(place) {
                Some(before) if *before == text => continue,
                Some(before) => *before = text,
                None => rows.push(text),
            }
            changed.push(place);
        }
        let change = told(&live, now, false, &rows, &changed);
        drop(live);
        self.last.send_modify(|frame| *frame = Frame { number: frame.number + 1, change });
    }
}

/// One event of a stream (Server-Sent Events, the HTML standard, section 9.2).
fn told(live: &Live, now: u64, whole: bool, rows: &[String], places: &[usize]) -> Bytes {
    let told = Told {
        now,
        whole,
        trouble: live.trouble.clone(),
        order: live.room.order_of_need(now),
        summary: live.room.summary(now),
    };
    let told = serde_json::to_string(&told).unwrap_or_default();
    // The rows are JSON already.
    let rows: Vec<&str> = places.iter().filter_map(|place| rows.get(*place).map(String::as_str)).collect();
    let rest = told.strip_prefix('{').unwrap_or_default();
    Bytes::from(format!("data: {{\"rows\":[{}],{rest}\n\n", rows.join(",")))
}

/// Makes frames for as long as the board serves.
pub async fn keep(board: Arc<Board>) {
    let mut changes = board.shared.changes();
    loop {
        board.frames.look(&board);
        // Both ends of it are held by the board: it cannot be gone.
        let _ = timeout(LOOK, changes.changed()).await;
        sleep(TOGETHER).await;
        changes.mark_unchanged();
    }
}
