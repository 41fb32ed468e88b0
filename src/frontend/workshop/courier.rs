//! The courier: a process of its own that carries a learner's events to the board and brings orders back, so that the
//! session never waits for the network and has no thread for it.
//!
//! It reads the learner's record and posts what the board does not have yet. What that is it asks the board, at its start
//! and whenever an answer was lost: nothing is forgotten and nothing told twice, whoever is killed when. It ends with the
//! session; then it still tries for a few seconds to bring the rest home.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FlockArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::http::{Client, Question};
use super::seat::{Entry, Seat, refusal};
use crate::error::{Exit, Result, Trouble};
use crate::workshop::rules;
use crate::workshop::wire::{Acknowledged, Order, Orders, Refusal};

/// How long the board may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause after a failure, and the longest.
const PAUSE: (u64, u64) = (1, 15);
/// How long the rest is carried home after the session's end.
const LAST: Duration = Duration::from_secs(8);
/// Orders that are taken of one answer.
const ORDERS: usize = 64;
/// Bytes of a line of the record; an event has a tenth of it.
const LINE: u64 = 64 * 1024;

/// What the courier tells the session, one a line, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// Every event up to this one is on the board's disk.
    Safe(u64),
    /// The board does not answer, or cannot keep anything at the moment: why.
    Gone(String),
    /// What the instructor wants.
    Ordered(Vec<Order>),
    /// The board does not want this learner's events: nothing is sent any more.
    Refused(Refusal),
}

/// The courier, as the session sees it.
pub struct Courier {
    child: Child,
    /// Its end tells the courier that the session is over; a byte, that there is something to carry.
    words: Option<File>,
    news: File,
    read: Vec<u8>,
}

impl Courier {
    /// Sends one off.
    ///
    /// # Errors
    /// No process can be had.
    pub fn send(dir: &Path) -> std::io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("courier").arg(dir);
        // A Ctrl-C is for the line that runs.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let gone = || std::io::Error::other("no pipe");
        let words: File = child.stdin.take().map(OwnedFd::from).ok_or_else(gone)?.into();
        let news: File = child.stdout.take().map(OwnedFd::from).ok_or_else(gone)?.into();
        for end in [&words, &news] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self { child, words: Some(words), news, read: Vec::new() })
    }

    /// There is something to carry.
    pub fn nudge(&mut self) {
        // A full pipe has nudges enough; one that is closed is found out when it is read.
        let _ = self.words.as_mut().map(|words| words.write(b"."));
    }

    /// Its PID.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Becomes readable when there is news.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    /// What it has brought. `false`: it has ended.
    pub fn news(&mut self) -> (Vec<News>, bool) {
        let mut piece = [0; 4096];
        let lives = loop {
            match self.news.read(&mut piece) {
                Ok(0) => break false,
                Ok(length) => self.read.extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        let mut news = Vec::new();
        while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.read.drain(..=end).collect();
            news.extend(serde_json::from_slice::<News>(&line).ok());
        }
        (news, lives)
    }

    /// The session is over. What it brings until it ends, at most so long; it may live on for a moment to carry the rest.
    pub fn dismiss(&mut self, patience: Duration) -> Vec<News> {
        drop(self.words.take());
        let until = Instant::now() + patience;
        let mut all = Vec::new();
        loop {
            let (news, lives) = self.news();
            all.extend(news);
            let left = until.saturating_duration_since(Instant::now());
            if !lives || left.is_zero() {
                return all;
            }
            let mut fds = [PollFd::new(self.news.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(u16::try_from(left.as_millis()).unwrap_or(u16::MAX)));
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        // Whether it has ended already matters to nobody: without its pipe it ends by itself.
        let _ = self.child.try_wait();
    }
}

/// `rlab courier DIR`: the process itself.
///
/// # Errors
/// There is no seat in the directory.
pub fn run(dir: &Path) -> Result<Exit> {
    let none = |error: std::io::Error| {
        Trouble::usage(format!("there is no seat in `{}`", dir.display()))
            .because(error)
            .hint("`rlab join` starts the courier by itself")
    };
    let seat = Seat::read(dir).map_err(none)?;
    // One of a session that was killed may still be on its way: two would tell things twice.
    let _alone = Seat::lock(dir, "courier.lock", FlockArg::LockExclusive).map_err(none)?;
    let (board, token, ordered) = (seat.board.clone(), seat.token.clone(), seat.ordered);
    std::thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || listen(&board, &token, ordered))
        .map_err(none)?;
    let mut round = Round {
        client: Client::new(&seat.board),
        seat,
        record: Record { path: Seat::spool(dir), file: None, waiting: VecDeque::new() },
        over: None,
    };
    round.run();
    Ok(Exit::Ok)
}

/// Tells the session. `false`: it is not there any more.
fn tell(news: &News) -> bool {
    let Ok(mut line) = serde_json::to_vec(news) else { return true };
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).is_ok()
}

/// Waits for orders, again and again.
fn listen(board: &str, token: &str, mut after: u64) {
    let mut client = Client::new(board);
    let patience = Duration::from_secs(rules::ORDERS_WAIT) + PATIENCE;
    loop {
        let began = Instant::now();
        let path = format!("/api/orders?after={after}");
        let question = Question { method: "GET", path: &path, token: Some(token), body: b"" };
        let answer = client.ask(&question, patience).ok().filter(|answer| answer.status == 200);
        let orders = answer.and_then(|answer| serde_json::from_slice::<Orders>(&answer.body).ok());
        let new: Vec<Order> = orders
            .into_iter()
            .flat_map(|orders| orders.orders)
            .filter(|order| order.id > after && order.id <= rules::LARGEST)
            .take(ORDERS)
            .collect();
        match new.last() {
            Some(last) => {
                after = last.id;
                if !tell(&News::Ordered(new)) {
                    return;
                }
            }
            // A board that has nothing to say takes its time for it; one that does not is not asked the faster.
            None => std::thread::sleep(Duration::from_secs(2).saturating_sub(began.elapsed())),
        }
    }
}

/// The learner's record, read as it grows.
struct Record {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// What was read and is not safe yet: its number, and the line.
    waiting: VecDeque<(u64, String)>,
}

impl Record {
    /// The next events after this one, as many as go into one message.
    fn after(&mut self, safe: u64) -> std::io::Result<Vec<String>> {
        if self.waiting.front().is_some_and(|(first, _)| *first > safe + 1) {
            // The board has lost some: a log that was put back.
            self.file = None;
        }
        self.waiting.retain(|(seq, _)| *seq > safe);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                self.waiting.clear();
                let mut file = BufReader::new(File::open(&self.path)?);
                file.skip_until(b'\n')?;
                file
            }
        };
        loop {
            let mut line = String::new();
            let length = file.by_ref().take(LINE).read_line(&mut line)?;
            if !line.ends_with('\n') {
                // Nothing more, or a line that is just being written.
                file.seek(SeekFrom::Current(-i64::try_from(length).unwrap_or(0)))?;
                break;
            }
            line.pop();
            let seq = serde_json::from_str::<Numbered>(&line)?.seq;
            if seq > safe {
                self.waiting.push_back((seq, line));
            }
        }
        // Nothing is told that a failing power could take back.
        if !self.waiting.is_empty() {
            file.get_ref().sync_data()?;
        }
        self.file = Some(file);
        let mut room = rules::BYTES_A_BATCH - 64;
        let fits = |(_, line): &&(u64, String)| {
            let left = room.checked_sub(line.len() + 1);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let batch = self.waiting.iter().take(rules::EVENTS_A_BATCH).take_while(fits);
        Ok(batch.map(|(_, line)| line.clone()).collect())
    }
}

/// Of an event only its number.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// What the courier does all day.
struct Round {
    client: Client,
    seat: Seat,
    record: Record,
    /// When the session ended.
    over: Option<Instant>,
}

/// What came of one try.
enum Came {
    /// Everything is safe up to here.
    Safe(u64),
    /// Not now: why, and after how many seconds again.
    NotNow(String, Option<u64>),
    /// Nobody knows how far it is: the board has to be asked.
    Unknown,
    /// Never.
    Never(Refusal),
}

impl Round {
    fn run(&mut self) {
        // Failures since the last time that something went through.
        let (mut safe, mut failures) = (None, 0);
        loop {
            let came = match safe {
                None => self.ask(),
                Some(safe) => match self.record.after(safe) {
                    Ok(batch) if batch.is_empty() => {
                        if self.over.is_some() {
                            return;
                        }
                        failures = 0;
                        self.rest(None);
                        continue;
                    }
                    Ok(batch) => self.post(&batch, safe),
                    Err(error) => Came::NotNow(format!("the record cannot be read: {error}"), None),
                },
            };
            let (why, again) = match came {
                Came::Safe(now) => {
                    if safe.replace(now).is_some() {
                        failures = 0;
                    }
                    tell(&News::Safe(now));
                    continue;
                }
                // Asked at once, but not for ever.
                Came::Unknown if failures == 0 => {
                    (safe, failures) = (None, 1);
                    continue;
                }
                Came::Unknown => {
                    safe = None;
                    ("it breaks off".to_owned(), None)
                }
                Came::NotNow(why, again) => (why, again),
                Came::Never(refusal) => {
                    tell(&News::Refused(refusal));
                    return;
                }
            };
            tell(&News::Gone(why));
            if self.over.is_some_and(|over| over.elapsed() > LAST) {
                return;
            }
            // A room of learners does not come back in one moment.
            let spread = 80 + u64::from(std::process::id() % 40);
            let pause = again.unwrap_or((PAUSE.0 << failures.min(4)).min(PAUSE.1)).clamp(1, 60);
            failures += 1;
            self.rest(Some(Duration::from_millis(pause * 10 * spread)));
        }
    }

    /// Asks to be let in again, and how far the board has come.
    fn ask(&mut self) -> Came {
        let learner = self.seat.learner.clone();
        match self.seat.enter(&mut self.client) {
            Entry::In(_) if self.seat.learner != learner => Came::Never(Refusal {
                error: "the board knows you as another learner now".to_owned(),
                hint: "leave and join again".to_owned(),
                acknowledged: None,
            }),
            Entry::In(safe) => Came::Safe(safe),
            Entry::Gone(why) => Came::NotNow(why, None),
            Entry::No(429 | 500.., refusal, again) => Came::NotNow(refusal.error, again),
            Entry::No(_, refusal, _) => Came::Never(refusal),
        }
    }

    fn post(&mut self, batch: &[String], safe: u64) -> Came {
        let body = format!("{{\"events\":[{}]}}", batch.join(","));
        let token = Some(self.seat.token.as_str());
        let question = Question { method: "POST", path: "/api/events", token, body: body.as_bytes() };
        let Ok(answer) = self.client.ask(&question, PATIENCE) else { return Came::Unknown };
        let said = refusal(&answer);
        match answer.status {
            200 => match serde_json::from_slice::<Acknowledged>(&answer.body) {
                Ok(Acknowledged { acknowledged }) if acknowledged > safe => Came::Safe(acknowledged),
                _ => Came::NotNow("its answer is not a board's".to_owned(), None),
            },
            401 => Came::Unknown,
            409 if said.acknowledged.is_some_and(|at| at != safe) => Came::Unknown,
            429 | 500.. => Came::NotNow(said.error, answer.retry_after),
            _ => Came::Never(said),
        }
    }

    /// Waits for a nudge, at most so long.
    fn rest(&mut self, at_most: Option<Duration>) {
        if self.over.is_some() {
            std::thread::sleep(at_most.unwrap_or_default().min(Duration::from_secs(1)));
            return;
        }
        let stdin = std::io::stdin();
        let until = at_most.map(|at_most| Instant::now() + at_most);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let patience = left.map_or(PollTimeout::NONE, |left| {
                PollTimeout::from(u16::try_from(left.as_millis()).unwrap_or(u16::MAX))
            });
            let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut fds, patience), Ok(1..)) {
                if left.is_none_or(|left| left.is_zero()) || at_most.is_some() {
                    return;
                }
                continue;
            }
            let mut piece = [0; 512];
            // Unbuffered: a byte that a buffer holds would wake nobody.
            match nix::unistd::read(stdin.as_fd(), &mut piece) {
                Ok(0) | Err(_) => {
                    self.over = Some(Instant::now());
                    return;
                }
                // While the board is away there is no hurry.
                Ok(_) if at_most.is_some() => {}
                Ok(_) => return,
            }
        }
    }
}
