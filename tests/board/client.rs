//! A board that was started for a test, and learners who speak HTTP to it, byte by byte.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rlab::workshop::chain::End;
use rlab::workshop::wire::{Event, What};
use serde_json::{Value, json};

use crate::support::rlab;

/// A board.
pub(crate) struct Board {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) code: String,
    /// The instructor's token, where it was told.
    pub(crate) token: Option<String>,
    /// What its terminal shows beside the data.
    told: Arc<Mutex<String>>,
}

impl Board {
    /// Starts one on any free port, or on the one that it had before.
    pub(crate) fn start(db: &Path, words: &[&str]) -> Self {
        Self::start_at(db, "127.0.0.1:0", words)
    }

    pub(crate) fn start_at(db: &Path, bind: &str, words: &[&str]) -> Self {
        let mut command = rlab(db.parent().unwrap());
        command.args(["workshop", "host", "--bind", bind, "--db"]).arg(db).args(words);
        Self::of(command)
    }

    /// Of a command line that starts one.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let told = Arc::new(Mutex::new(String::new()));
        let errors = BufReader::new(child.stderr.take().unwrap());
        let hears = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                hears.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let join = lines
            .find(|line| line.contains("rlab join"))
            .unwrap_or_else(|| panic!("it does not serve:\n{}", told.lock().unwrap()));
        let words: Vec<&str> = join.split_whitespace().collect();
        let mut board =
            Self { child, address: words[3].parse().unwrap(), code: words[4].to_owned(), token: None, told };
        // Its data go on being read, so that nothing it prints can block it.
        std::thread::spawn(move || lines.for_each(drop));
        crate::support::wait_for("the board's last line of welcome", || {
            board.told().contains("Ctrl-C ends it")
        });
        board.token = board.told().split_once("/instructor#").map(|(_, rest)| rest[..64].to_owned());
        board
    }

    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// The process that was started, and that keeps another one serving.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process that serves, where there is one at the moment.
    pub(crate) fn serving(&self) -> Option<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        std::fs::read_to_string(children).ok()?.split_whitespace().next()?.parse().ok()
    }

    /// SIGKILL. The process that serves ends with it, by itself.
    pub(crate) fn kill(mut self) {
        // It has to stand still, or it could have started one since it was looked at.
        let pid = nix::unistd::Pid::from_raw(self.pid().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
        crate::support::wait_for("a board that stands still", || state(self.pid()) == Some('T'));
        let serving = self.serving();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if let Some(serving) = serving {
            crate::support::wait_for("the end of the process that served", || !lives(serving));
        }
    }

    /// How it ended, by itself.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut status = None;
        crate::support::wait_for("the end of the board", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().code(), self.told())
    }

    /// As the instructor ends it: SIGINT.
    pub(crate) fn end(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.told());
    }

    /// Kibibytes of memory that were resident at most, of both processes together.
    pub(crate) fn resident(&self) -> u64 {
        let of = |pid: u32| -> u64 {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        of(self.pid()) + of(self.serving().unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        Line::open(self.address).unwrap().ask(method, path, token, body).unwrap()
    }

    /// Someone joins.
    pub(crate) fn join(&self, name: &str) -> Learner {
        let answer =
            self.ask("POST", "/api/join", None, Some(&json!({"format": 1, "code": self.code, "name": name})));
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        Learner { token, end: End::START, line: None }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process holds anything yet: one that is over and was not waited for does not.
pub(crate) fn lives(pid: u32) -> bool {
    // The first thread can be over while another one still writes.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads > 1 || state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// What a process does, as `ps` shows it.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A place for a log.
pub(crate) fn db(home: &tempfile::TempDir) -> PathBuf {
    home.path().join("room.db")
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The value of a header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// A connection that is kept.
pub(crate) struct Line {
    pub(crate) reader: BufReader<TcpStream>,
}

impl Line {
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: board\r\n");
        if let Some(token) = token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        self.send(format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes())?;
        self.answer()
    }

    /// Reads an answer.
    pub(crate) fn answer(&mut self) -> std::io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        answer.body.resize(length, 0);
        self.reader.read_exact(&mut answer.body)?;
        Ok(answer)
    }
}

/// A learner: a token and a chain.
pub(crate) struct Learner {
    pub(crate) token: String,
    pub(crate) end: End,
    line: Option<Line>,
}

impl Learner {
    /// One more event on the chain.
    pub(crate) fn event(&mut self, what: What) -> Event {
        let event = self.end.event(now(), what);
        self.end = self.end.then(&event).unwrap();
        event
    }

    /// Sends events, on a connection that is kept.
    pub(crate) fn send(&mut self, address: SocketAddr, events: &[Event]) -> std::io::Result<Answer> {
        let body = json!({ "events": events });
        // A connection that was kept may have ended since; that is no answer, so a new one is asked.
        if let Some(mut line) = self.line.take()
            && let Ok(answer) = line.ask("POST", "/api/events", Some(&self.token), Some(&body))
        {
            self.line = Some(line);
            return Ok(answer);
        }
        let mut line = Line::open(address)?;
        let answer = line.ask("POST", "/api/events", Some(&self.token), Some(&body))?;
        self.line = Some(line);
        Ok(answer)
    }

    /// Of a token and the end of a chain.
    pub(crate) fn with(token: &str, end: End) -> Self {
        Self { token: token.to_owned(), end, line: None }
    }

    /// Has something happen that may be refused; then the chain is as it was.
    pub(crate) fn does_anyhow(&mut self, board: &Board, what: What) -> Answer {
        let before = self.end;
        let event = self.event(what);
        let answer = self.send(board.address, &[event]).unwrap();
        if answer.status != 200 {
            self.end = before;
        }
        answer
    }

    /// Has something happen, and it has to be kept.
    pub(crate) fn does(&mut self, board: &Board, what: What) {
        let event = self.event(what);
        let answer = self.send(board.address, &[event]).unwrap();
        assert_eq!((answer.status, answer.json()), (200, json!({"acknowledged": self.end.seq})));
    }
}

/// Came to a step of the built-in course.
pub(crate) fn step(lab: &str, step: &str) -> What {
    What::Step { lab: lab.to_owned(), step: step.to_owned() }
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// How long something takes.
pub(crate) fn timed<T>(does: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = does();
    (start.elapsed(), done)
}

/// A stream of the instructor's.
pub(crate) struct Stream {
    line: Line,
}

impl Stream {
    pub(crate) fn open(board: &Board) -> Self {
        let mut line = Line::open(board.address).unwrap();
        let token = board.token.as_deref().unwrap();
        let ask = format!(
            "GET /api/instructor/stream HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        line.send(ask.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(line.reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        Self { line }
    }

    /// The next thing that is told.
    pub(crate) fn next(&mut self) -> Value {
        loop {
            // One chunk is one event, since each is written at once.
            let mut length = String::new();
            self.line.reader.read_line(&mut length).unwrap();
            let length = usize::from_str_radix(length.trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            self.line.reader.read_exact(&mut chunk).unwrap();
            let text = std::str::from_utf8(&chunk[..length]).unwrap();
            if let Some(data) = text.strip_prefix("data: ") {
                return serde_json::from_str(data.trim_end()).unwrap();
            }
        }
    }
}

/// The lines of all events of a log, learner by learner.
pub(crate) fn log(db: &std::path::Path) -> Vec<String> {
    let sqlite = rusqlite::Connection::open(db).unwrap();
    let mut asked = sqlite.prepare("SELECT line FROM event ORDER BY learner, seq").unwrap();
    let lines = asked.query_map([], |row| row.get(0)).unwrap();
    lines.map(Result::unwrap).collect()
}
