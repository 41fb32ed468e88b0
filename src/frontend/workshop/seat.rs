//! A learner's seat in a room: who they are there, kept in the state directory so that they come back as the same one.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::http::{Answer, Client, Question};
use crate::error::{Result, Trouble};
use crate::workshop::chain::Hash;
use crate::workshop::evidence::is_learner;
use crate::workshop::rules;
use crate::workshop::wire::{FORMAT, Heading, Join, Joined, Refusal};

/// How long the board may take to let someone in.
const PATIENCE: Duration = Duration::from_secs(5);

/// Characters of what a board says that are shown.
const SAID: usize = 300;

/// Who someone is in a room. Whoever has the token is that learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// `HOST:PORT` of the board.
    pub board: String,
    /// The code of the room, as it was typed.
    pub code: String,
    /// The learner's name.
    pub name: String,
    /// Made here, so that a board whose answer was lost takes the second question for the same one.
    pub token: String,
    /// The id that the board gave; empty before.
    pub learner: String,
    /// Ids of the labs that are taught.
    pub course: Vec<String>,
    /// The last order that was shown.
    pub ordered: u64,
}

/// What came of asking to be let in.
pub enum Entry {
    /// In; so many events are there already.
    In(u64),
    /// The board says no.
    No(u16, Refusal, Option<u64>),
    /// Nobody answers, or somebody who is no board.
    Gone(String),
}

impl Seat {
    /// The one that was taken before in this room under this name, or a new one. The lock is held as long as the learner
    /// sits there.
    ///
    /// # Errors
    /// The state directory cannot be written, or the learner sits there already.
    pub fn take(state: &Path, board: &str, code: &str, name: &str) -> Result<(Self, PathBuf, Flock<File>)> {
        let room = format!("{board}\n{}\n{}", code.to_ascii_uppercase(), rules::same_name(name));
        let dir = state.join("workshop").join(&Hash::of(room.as_bytes()).to_string()[..16]);
        let cannot = |error: std::io::Error| {
            Trouble::sandbox(format!("your seat cannot be kept in `{}`", dir.display())).because(error).hint(
                "what happens must be written down before it is sent: make room, or set `XDG_STATE_HOME`",
            )
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(cannot)?;
        let lock = Self::lock(&dir, "lock", FlockArg::LockExclusiveNonblock).map_err(|error| match error
            .kind()
        {
            ErrorKind::WouldBlock => {
                Trouble::usage(format!("{name} sits in this room already, in another terminal"))
                    .hint("go on there, or join under another `--name`")
            }
            _ => cannot(error),
        })?;
        let seat = match Self::read(&dir) {
            Ok(seat) => Self { code: code.to_owned(), ..seat },
            Err(_) => {
                let mut random = [0; 32];
                File::open("/dev/urandom")
                    .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut random))
                    .map_err(cannot)?;
                let seat = Self {
                    board: board.to_owned(),
                    code: code.to_owned(),
                    name: name.to_owned(),
                    token: Hash(random).to_string(),
                    learner: String::new(),
                    course: Vec::new(),
                    ordered: 0,
                };
                seat.write(&dir).map_err(cannot)?;
                seat
            }
        };
        Ok((seat, dir, lock))
    }

    /// A lock of the seat's directory (flock(2)).
    ///
    /// # Errors
    /// `WouldBlock` where somebody has it.
    pub fn lock(dir: &Path, name: &str, how: FlockArg) -> std::io::Result<Flock<File>> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join(name))?;
        Flock::lock(file, how).map_err(|(_, errno)| errno.into())
    }

    /// Reads the seat of this directory.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(dir: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(dir.join("seat.json"))?)?)
    }

    /// Writes it: whole, or not at all.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        let new = dir.join("seat.json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        fs::rename(new, dir.join("seat.json"))
    }

    /// The first line of the record.
    pub fn heading(&self) -> Heading {
        Heading {
            format: FORMAT,
            board: self.board.clone(),
            learner: self.learner.clone(),
            name: self.name.clone(),
        }
    }

    /// The record of what happens in it.
    pub fn spool(dir: &Path) -> PathBuf {
        dir.join("events.jsonl")
    }

    /// Asks the board to be let in, or back in.
    pub fn enter(&mut self, client: &mut Client) -> Entry {
        let asked = Join {
            format: FORMAT,
            code: self.code.clone(),
            name: self.name.clone(),
            token: Some(self.token.clone()),
        };
        let Ok(body) = serde_json::to_vec(&asked) else {
            return Entry::Gone("the question is none".to_owned());
        };
        let question = Question { method: "POST", path: "/api/join", token: None, body: &body };
        let answer = match client.ask(&question, PATIENCE) {
            Ok(answer) => answer,
            Err(why) => return Entry::Gone(why),
        };
        if answer.status != 200 {
            let retry = answer.retry_after;
            return Entry::No(answer.status, refusal(&answer), retry);
        }
        let joined: Joined = match serde_json::from_slice(&answer.body) {
            Ok(joined) => joined,
            Err(_) => return Entry::Gone("its answer is not a board's".to_owned()),
        };
        let is_good = is_learner(&joined.learner)
            && joined.token == self.token
            && joined.acknowledged <= rules::LARGEST
            && joined.course.iter().all(|lab| rules::is_id(&lab.id));
        if !is_good {
            return Entry::Gone("its answer is not a board's".to_owned());
        }
        self.learner = joined.learner;
        self.course = joined.course.into_iter().map(|lab| lab.id).collect();
        Entry::In(joined.acknowledged)
    }
}

/// What a board says when it refuses; something like it where it says nothing.
pub fn refusal(answer: &Answer) -> Refusal {
    let short = |text: String| text.chars().take(SAID).collect::<String>();
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(said) => Refusal { error: short(said.error), hint: short(said.hint), ..said },
        Err(_) => Refusal {
            error: format!("the board answers with status {}", answer.status),
            hint: "ask the instructor whether the address is right".to_owned(),
            acknowledged: None,
        },
    }
}
