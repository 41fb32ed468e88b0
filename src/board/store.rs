//! The log of the room, in SQLite: events are appended, never changed and never deleted; the file itself refuses it.
//!
//! Write-ahead log with `synchronous=FULL`: a commit is on the disk before it is told to anyone. No token is in the file,
//! only hashes of tokens: who reads the file cannot write as somebody else.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::error::{Result, Trouble};
use crate::workshop::chain::{self, End, Hash};
use crate::workshop::course::Taught;
use crate::workshop::rules::{self, Code};
use crate::workshop::wire::{Event, Order, OrderWhat};

/// What marks a file of ours (`PRAGMA application_id`): `rlab`.
const APPLICATION: i32 = 0x726c_6162;
/// The layout of the tables.
const LAYOUT: i32 = 1;

const TABLES: &str = "
    CREATE TABLE room (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE learner (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, same TEXT NOT NULL UNIQUE,
        token TEXT NOT NULL, joined INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE event (
        learner INTEGER NOT NULL REFERENCES learner, seq INTEGER NOT NULL, received INTEGER NOT NULL,
        hash TEXT NOT NULL, line TEXT NOT NULL, PRIMARY KEY (learner, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE command (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL) STRICT;
    CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;
    CREATE TRIGGER event_remains BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;
";

/// An open log.
pub struct Store {
    sqlite: Connection,
    /// One board at a time; it ends with the value, or with the process.
    _lock: Option<Flock<File>>,
}

/// What a room is, beside what happened in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// What a learner types.
    pub code: Code,
    /// The hash of the instructor's token.
    pub instructor: Hash,
    /// What is taught.
    pub course: Vec<Taught>,
    /// When the room was made, in milliseconds since 1970.
    pub began: u64,
}

/// A learner of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learner {
    /// Counted from 1.
    pub number: i64,
    /// 16 hexadecimal digits.
    pub id: String,
    /// As the room sees it.
    pub name: String,
    /// The hash of the token.
    pub token: Hash,
    /// When, in milliseconds since 1970.
    pub joined: u64,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Whose: the number of the learner.
    pub learner: i64,
    /// When it came, by the board's clock.
    pub received: u64,
    /// What was sent.
    pub event: Event,
}

impl Store {
    /// Opens the log to write to it, and makes it where there is none.
    ///
    /// # Errors
    /// It is no log of a room, another board has it, or it cannot be written.
    pub fn open(file: &Path) -> Result<Self> {
        let told = |error: &dyn std::fmt::Display| {
            Trouble::usage(format!("`{}` cannot be opened", file.display())).because(error)
        };
        let lock = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(file)
            .map_err(|error| told(&error).hint("`--db FILE` puts the log of the room somewhere else"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|_| {
            Trouble::usage(format!("another board writes to `{}`", file.display()))
                .hint("end that one first, or give this one another `--db FILE`")
        })?;
        let sqlite = Connection::open(file).map_err(|error| told(&error))?;
        let mut store = Self { sqlite, _lock: Some(lock) };
        store.set_up().map_err(|error| foreign(file, &error))?;
        Ok(store)
    }

    /// Opens the log to read it; a board may go on writing to it.
    ///
    /// # Errors
    /// It is not there, or no log of a room.
    pub fn read_only(file: &Path) -> Result<Self> {
        let told = |error: &dyn std::fmt::Display| {
            Trouble::usage(format!("`{}` cannot be read", file.display())).because(error)
        };
        // Looked at, not opened: whoever closes a file gives up every lock that the process has on it (fcntl(2)), those of
        // another connection too. Then any other program that looks into the log and leaves takes itself for the last one,
        // and removes the write-ahead log under a board that goes on writing to it.
        std::fs::metadata(file).map_err(|error| told(&error))?;
        let sqlite = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| told(&error))?;
        let store = Self { sqlite, _lock: None };
        if store.marks().map_err(|error| foreign(file, &error))? == (APPLICATION, LAYOUT) {
            Ok(store)
        } else {
            Err(foreign(file, &"it is another program's"))
        }
    }

    /// Whose file it is, and in which layout.
    fn marks(&self) -> rusqlite::Result<(i32, i32)> {
        let mark = |name| self.sqlite.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
        Ok((mark("application_id")?, mark("user_version")?))
    }

    fn set_up(&mut self) -> Result<(), String> {
        let text = |error: rusqlite::Error| error.to_string();
        let tables: i64 = self
            .sqlite
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(text)?;
        let marks = self.marks().map_err(text)?;
        if tables > 0 && marks != (APPLICATION, LAYOUT) {
            return Err("it is another program's".to_owned());
        }
        self.sqlite
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                 PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 8388608; PRAGMA cache_size = -4096;",
            )
            .map_err(text)?;
        if tables == 0 {
            let begin = self.sqlite.transaction().map_err(text)?;
            begin.execute_batch(TABLES).map_err(text)?;
            begin
                .execute_batch(&format!(
                    "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {LAYOUT};"
                ))
                .map_err(text)?;
            begin.commit().map_err(text)?;
        }
        Ok(())
    }

    /// The room, where it was made already.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn room(&self) -> Result<Option<Room>> {
        let value = |key: &str| {
            self.sqlite
                .query_row("SELECT value FROM room WHERE key = ?1", [key], |row| row.get::<_, String>(0))
                .optional()
                .map_err(damaged)
        };
        let (Some(code), Some(instructor), Some(course), Some(began)) =
            (value("code")?, value("instructor")?, value("course")?, value("began")?)
        else {
            return Ok(None);
        };
        Ok(Some(Room {
            code: Code::read(&code).ok_or_else(|| damaged("the code"))?,
            instructor: Hash::read(&instructor).ok_or_else(|| damaged("the instructor's token"))?,
            course: serde_json::from_str(&course).map_err(damaged)?,
            began: began.parse().map_err(damaged)?,
        }))
    }

    /// Writes what the room is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn found(&mut self, room: &Room) -> rusqlite::Result<()> {
        let course = serde_json::to_string(&room.course).unwrap_or_default();
        let write = self.sqlite.transaction()?;
        for (key, value) in [
            ("code", room.code.to_string()),
            ("instructor", room.instructor.to_string()),
            ("course", course),
            ("began", room.began.to_string()),
        ] {
            write.execute("INSERT OR REPLACE INTO room VALUES (?1, ?2)", [key, &value])?;
        }
        write.commit()
    }

    /// Everyone who ever joined, in the order in which they did.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn learners(&self) -> Result<Vec<Learner>> {
        let mut asked = self
            .sqlite
            .prepare("SELECT number, id, name, token, joined FROM learner ORDER BY number")
            .map_err(damaged)?;
        let rows = asked
            .query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?, row.get(4)?))
            })
            .map_err(damaged)?;
        rows.map(|row| {
            let (number, id, name, token, joined) = row.map_err(damaged)?;
            let token = Hash::read(&token).ok_or_else(|| damaged("a learner's token"))?;
            Ok(Learner { number, id, name, token, joined })
        })
        .collect()
    }

    /// Goes over every event, learner by learner, each in its order.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn events(&self, mut each: impl FnMut(Logged)) -> Result<()> {
        let mut asked = self
            .sqlite
            .prepare("SELECT learner, received, line FROM event ORDER BY learner, seq")
            .map_err(damaged)?;
        let mut rows = asked.query([]).map_err(damaged)?;
        while let Some(row) = rows.next().map_err(damaged)? {
            let line: String = row.get(2).map_err(damaged)?;
            each(Logged {
                learner: row.get(0).map_err(damaged)?,
                received: row.get(1).map_err(damaged)?,
                event: serde_json::from_str(&line).map_err(damaged)?,
            });
        }
        Ok(())
    }

    /// Every order, the oldest first.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn orders(&self) -> Result<Vec<Order>> {
        let mut asked =
            self.sqlite.prepare("SELECT id, at, what FROM command ORDER BY id").map_err(damaged)?;
        let rows = asked
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))
            .map_err(damaged)?;
        rows.map(|row| {
            let (id, at, what) = row.map_err(damaged)?;
            Ok(Order { id, at, what: serde_json::from_str(&what).map_err(damaged)? })
        })
        .collect()
    }

    /// The hash of an event that is there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn hash(&self, learner: i64, seq: u64) -> rusqlite::Result<Option<Hash>> {
        let text: Option<String> = self
            .sqlite
            .prepare_cached("SELECT hash FROM event WHERE learner = ?1 AND seq = ?2")?
            .query_row(params![learner, seq as i64], |row| row.get(0))
            .optional()?;
        Ok(text.as_deref().and_then(Hash::read))
    }

    /// The lines of a learner's events after this one, at most so many.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lines(&self, learner: i64, after: u64, most: usize) -> rusqlite::Result<Vec<String>> {
        self.sqlite
            .prepare_cached("SELECT line FROM event WHERE learner = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")?
            .query_map(params![learner, after as i64, most as i64], |row| row.get(0))?
            .collect()
    }

    /// Begins a group of writes that is kept as a whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&self) -> rusqlite::Result<Group<'_>> {
        // The one writer has it by `&self`; `Group` borrows it, so there is one at a time.
        Ok(Group { write: self.sqlite.unchecked_transaction()? })
    }
}

/// A group of writes; it is undone where it is not [`kept`](Group::keep).
pub struct Group<'s> {
    write: rusqlite::Transaction<'s>,
}

impl Group<'_> {
    /// Adds a learner; the number is given by the log.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn learner(&self, learner: &Learner) -> rusqlite::Result<()> {
        self.write
            .prepare_cached("INSERT INTO learner VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                learner.number,
                learner.id,
                learner.name,
                rules::same_name(&learner.name),
                learner.token.to_string(),
                learner.joined as i64,
            ])
            .map(drop)
    }

    /// Gives a learner another token.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn token(&self, learner: i64, token: Hash) -> rusqlite::Result<()> {
        self.write
            .prepare_cached("UPDATE learner SET token = ?2 WHERE number = ?1")?
            .execute(params![learner, token.to_string()])
            .map(drop)
    }

    /// Adds an event.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn event(&self, learner: i64, received: u64, event: &Event, end: &End) -> rusqlite::Result<()> {
        self.write
            .prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                learner,
                event.seq as i64,
                received as i64,
                end.hash.to_string(),
                chain::line(event)
            ])
            .map(drop)
    }

    /// Adds an order.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn order(&self, order: &Order) -> rusqlite::Result<()> {
        self.write
            .prepare_cached("INSERT INTO command VALUES (?1, ?2, ?3)")?
            .execute(params![order.id as i64, order.at as i64, what(&order.what)])
            .map(drop)
    }

    /// From here on it is on the disk.
    ///
    /// # Errors
    /// It is not, and nothing of it is.
    pub fn keep(self) -> rusqlite::Result<()> {
        self.write.commit()
    }
}

/// Whether it is the disk that has no room.
pub fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull))
}

fn what(what: &OrderWhat) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

fn damaged(what: impl std::fmt::Display) -> Trouble {
    Trouble::usage("the log of the room is damaged")
        .because(what)
        .hint("a copy of the file, with its `-wal` beside it, is the first thing to make")
}

fn foreign(file: &Path, error: &dyn std::fmt::Display) -> Trouble {
    Trouble::usage(format!("`{}` is no log of a room", file.display()))
        .because(error)
        .hint("`--db FILE` names one, or a file that is not there yet")
}
