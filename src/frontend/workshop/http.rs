//! HTTP/1.1 as far as a learner's rlab needs it (RFC 9112): one question after the other on a connection that stays. The
//! board may be anyone, so what it answers is bounded in size and in time.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Bytes of the head of an answer, and how many lines it has.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 32;
/// Bytes of its body: a course of a hundred labs has a tenth of it.
const BODY: usize = 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// After how many seconds to ask again, where that is said.
    pub retry_after: Option<u64>,
}

/// A connection to a board, made when it is needed.
#[derive(Debug)]
pub struct Client {
    address: String,
    stream: Option<TcpStream>,
}

impl Client {
    /// To this `HOST:PORT`.
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None }
    }

    /// Asks, and waits for the answer at most so long. After a failure nobody knows whether the question was heard.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub fn ask(&mut self, question: &Question<'_>, patience: Duration) -> Result<Answer, String> {
        let until = Instant::now() + patience;
        let mut stream = match self.stream.take() {
            Some(stream) if still_open(&stream) => stream,
            _ => connect(&self.address)?,
        };
        let (answer, stays) = exchange(&mut stream, &self.address, question, until).map_err(told)?;
        self.stream = stays.then_some(stream);
        Ok(answer)
    }
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Who asks.
    pub token: Option<&'a str>,
    /// JSON.
    pub body: &'a [u8],
}

fn told(error: std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether the other side has neither closed a connection that rested nor sent what nobody asked for.
fn still_open(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return false;
    }
    let waits = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    waits && stream.set_nonblocking(false).is_ok()
}

fn connect(address: &str) -> Result<TcpStream, String> {
    let mut last = "the name stands for no address".to_owned();
    for address in address.to_socket_addrs().map_err(told)? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                // Small messages, each of them waited for.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = told(error),
        }
    }
    Err(last)
}

fn exchange(
    stream: &mut TcpStream,
    host: &str,
    question: &Question<'_>,
    until: Instant,
) -> std::io::Result<(Answer, bool)> {
    let Question { method, path, token, body } = question;
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    if let Some(token) = token {
        text += &format!("authorization: Bearer {token}\r\n");
    }
    if !body.is_empty() {
        text += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(&bytes)?;

    let mut came = Vec::new();
    let head = loop {
        more(stream, &mut came, until)?;
        if let Some(head) = head(&came)? {
            break head;
        }
        if came.len() > HEAD {
            return Err(odd("the head of its answer has no end"));
        }
    };
    while came.len() < head.body_at + head.length {
        more(stream, &mut came, until)?;
    }
    // More than was announced belongs to no question of ours.
    let stays = head.stays && came.len() == head.body_at + head.length;
    let body = came.get(head.body_at..head.body_at + head.length).unwrap_or_default().to_vec();
    Ok((Answer { status: head.status, body, retry_after: head.retry_after }, stays))
}

/// The head of an answer.
struct Head {
    status: u16,
    length: usize,
    body_at: usize,
    stays: bool,
    retry_after: Option<u64>,
}

fn head(bytes: &[u8]) -> std::io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let body_at = match response.parse(bytes) {
        Ok(httparse::Status::Complete(at)) => at,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(odd("it does not speak HTTP")),
    };
    let value = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
    };
    let status = response.code.unwrap_or_default();
    let length = match (status, value("content-length")) {
        (204 | 304, _) => 0,
        (_, Some(length)) => length
            .parse()
            .ok()
            .filter(|length| *length <= BODY)
            .ok_or_else(|| odd("its answer is too long"))?,
        (_, None) => return Err(odd("its answer has no length, so it is no board")),
    };
    let closes = value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(Some(Head {
        status,
        length,
        body_at,
        stays: response.version == Some(1) && !closes,
        retry_after: value("retry-after").and_then(|seconds| seconds.parse().ok()),
    }))
}

fn odd(what: &str) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, what)
}

/// How much time is left: however slowly the other side drips, it all counts.
fn left(until: Instant) -> std::io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn more(stream: &mut TcpStream, came: &mut Vec<u8>, until: Instant) -> std::io::Result<()> {
    stream.set_read_timeout(Some(left(until)?))?;
    let mut piece = [0; 8192];
    let length = loop {
        match stream.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    if length == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    came.extend_from_slice(piece.get(..length).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Asks someone who answers so, and then closes.
    fn asked(answer: &'static [u8]) -> Result<Answer, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut piece = [0; 1024];
            let _ = stream.read(&mut piece);
            // Whoever asked may have had enough.
            let _ = stream.write_all(answer);
        });
        let question = Question { method: "GET", path: "/", token: None, body: b"" };
        let came = Client::new(&address).ask(&question, Duration::from_millis(500));
        other.join().unwrap();
        came
    }

    #[test]
    fn an_answer_is_read_and_what_is_none_is_refused() {
        let good = asked(b"HTTP/1.1 429 Slow\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\nno").unwrap();
        assert_eq!((good.status, good.body.as_slice(), good.retry_after), (429, &b"no"[..], Some(7)));
        for bad in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\nendless",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"",
        ] {
            assert!(asked(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let endless: &'static [u8] =
            Box::leak([b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'a'; 70_000]].concat().into());
        assert!(asked(endless).is_err());
    }

    #[test]
    fn one_who_drips_is_waited_for_no_longer_than_one_who_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut piece: &[u8] = b"HTTP/1.1 200 OK\r\na: ";
            while stream.write_all(piece).is_ok() {
                piece = b"a";
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let question = Question { method: "GET", path: "/", token: None, body: b"" };
        let began = Instant::now();
        assert!(Client::new(&address).ask(&question, Duration::from_millis(300)).is_err());
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
