//! The board of a room: takes what learners' rlabs report, keeps it, and shows it to the instructor. With the feature
//! `workshop` alone.
//!
//! It starts no container, so the threads that axum's runtime brings do no harm: `rlab` itself never forks beside them.
//!
//! - [`store`]: the log on the disk. [`live`]: the room in memory. [`book`]: what may be written next.
//!   [`writer`]: the one that writes.
//! - [`connections`]: who may hold how many connections, for how long. [`patience`]: how long a slow one is waited for.
//! - [`routes`]: who asks for what. [`learners`]: what learners' rlabs ask for. [`refusal`]: how it is told no.
//! - [`instructor`]: what the instructor's page asks for. [`frames`]: what it is told as things change. [`page`]: its files.
//! - [`again`]: codes for those who lost their token. [`tries`]: how many wrong codes are taken. [`notes`]: what is told at the board's terminal.
//! - [`clock`]: the time, and random bytes.

pub mod again;
pub mod book;
pub mod clock;
pub mod connections;
pub mod frames;
pub mod instructor;
pub mod learners;
pub mod live;
pub mod notes;
pub mod page;
pub mod patience;
pub mod refusal;
pub mod routes;
pub mod store;
pub mod tries;
pub mod writer;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::board::live::Shared;
use crate::board::notes::Notes;
use crate::board::routes::Board;
use crate::board::store::{Room, Store};
use crate::board::writer::Writer;
use crate::error::{Result, Trouble};
use crate::workshop::chain::Hash;
use crate::workshop::course::Taught;
use crate::workshop::rules::Code;
use crate::workshop::wire::Event;

/// What the instructor wants.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// The log.
    pub db: PathBuf,
    /// What is taught.
    pub course: Vec<Taught>,
    /// Whether it was named: then it has to be the one of the log.
    pub named: bool,
    /// Make a new token for the instructor.
    pub renew: bool,
}

/// A room whose log is made and whose address is taken. [`serve`] serves it, in a process that may be another one.
pub struct Opened {
    /// Where it listens.
    pub address: SocketAddr,
    /// What learners type.
    pub code: Code,
    /// The instructor's token, where it was made just now: it is not kept anywhere.
    pub token: Option<String>,
    /// How many have joined before.
    pub people: usize,
    /// Takes connections already, and lets them wait.
    pub listener: TcpListener,
}

/// What a room was: what was taught, and everyone's events.
pub struct Record {
    /// What was taught.
    pub course: Vec<Taught>,
    /// Everyone who joined, in that order.
    pub learners: Vec<(store::Learner, Vec<Event>)>,
}

/// Reads the log of a room, while a board serves or afterwards.
///
/// # Errors
/// It is no log of a room, or damaged.
pub fn record(db: &Path) -> Result<Record> {
    let store = Store::read_only(db)?;
    let course = store.room()?.map(|room| room.course).unwrap_or_default();
    let mut learners: Vec<_> = store.learners()?.into_iter().map(|learner| (learner, Vec::new())).collect();
    store.events(|logged| {
        let place = usize::try_from(logged.learner - 1).ok();
        if let Some((_, events)) = place.and_then(|place| learners.get_mut(place)) {
            events.push(logged.event);
        }
    })?;
    Ok(Record { course, learners })
}

/// Opens the log, makes the room where there is none, and takes the address.
///
/// # Errors
/// The log or the address cannot be had.
pub fn open(settings: &Settings) -> Result<Opened> {
    let taken = |error: std::io::Error| {
        Trouble::usage(format!("`{}` cannot be listened on", settings.bind))
            .because(error)
            .hint("`--bind ADDRESS:PORT` takes another; port 0 is any that is free")
    };
    let listener = TcpListener::bind(settings.bind).map_err(taken)?;
    listener.set_nonblocking(true).map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let mut store = Store::open(&settings.db)?;
    let (room, token) = room(&mut store, settings)?;
    Ok(Opened { address, code: room.code, token, people: store.learners()?.len(), listener })
}

/// The room of the log, and the instructor's token where it is new.
fn room(store: &mut Store, settings: &Settings) -> Result<(Room, Option<String>)> {
    let before = store.room()?;
    if let Some(room) = before.as_ref().filter(|room| settings.named && room.course != settings.course) {
        let labs: Vec<&str> = room.course.iter().map(|lab| lab.id.as_str()).collect();
        return Err(Trouble::usage(format!("`{}` is the log of another course", settings.db.display()))
            .because(format!("in that room is taught: {}", labs.join(", ")))
            .hint("leave `--course` out to go on with it, or begin a new room with another `--db FILE`"));
    }
    let token = match &before {
        Some(_) if !settings.renew => None,
        _ => Some(clock::hexadecimal(&clock::random::<32>()?)),
    };
    let room = match (before, &token) {
        (Some(room), None) => return Ok((room, None)),
        (Some(room), Some(token)) => Room { instructor: Hash::of(token.as_bytes()), ..room },
        (None, token) => Room {
            code: Code::of(clock::random()?),
            instructor: Hash::of(token.as_deref().unwrap_or_default().as_bytes()),
            course: settings.course.clone(),
            began: clock::now(),
        },
    };
    store.found(&room).map_err(|error| {
        Trouble::sandbox(format!("`{}` cannot be written", settings.db.display())).because(error)
    })?;
    Ok((room, token))
}

/// Serves the room of this log at this socket until SIGINT or SIGTERM comes. What is worth a line at the board's terminal
/// goes to `tell`.
///
/// # Errors
/// The log cannot be read or written, it is no room's, or the runtime cannot be made.
pub fn serve(listener: TcpListener, db: &Path, tell: impl Fn(String) + Send + Sync + 'static) -> Result<()> {
    let cannot =
        |error: std::io::Error| Trouble::sandbox("the board cannot wait for connections").because(error);
    let address = listener.local_addr().map_err(cannot)?;
    let store = Store::open(db)?;
    let room = store.room()?.ok_or_else(|| Trouble::usage(format!("no room is in `{}`", db.display())))?;
    let shared = Arc::new(Shared::of(&store, room.course, room.began)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let (writer, writing) = Writer::start(store, db, Arc::clone(&shared))?;
    let board = Board {
        address,
        code: room.code,
        instructor: room.instructor,
        shared,
        writer,
        notes: Notes::new(tell),
        tries: tries::Tries::default(),
        again: again::Again::default(),
        frames: frames::Frames::default(),
    };
    let served = runtime.block_on(connections::serve(listener, Arc::new(board)));
    // Ends what still waits, and with it the last way to the writer: what it was given is written first. The log is closed
    // last of all.
    drop(runtime);
    drop(writing.join());
    served
}
