//! Takes connections, and sees to it that nobody holds more of them, or longer, than a room can bear.
//!
//! An address has so many connections that have not shown a token yet. Learners behind one address (one shared server) are
//! not counted once they have, so a thousand idle connections do not put out those who work.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::board::frames;
use crate::board::patience::Patient;
use crate::board::routes::{self, Board};
use crate::error::{Result, Trouble};

/// Connections of one address that have shown no token. A room of learners behind one address comes back all at once when
/// the board was started anew, each with two.
pub const STRANGERS: usize = 640;
/// Refusals that are being told at the same time.
const REFUSALS: usize = 256;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);
/// What a connection costs in descriptors beside its own: the log, the page, the runtime.
const SPARE: usize = 64;

/// Who is at the other end; with each request.
#[derive(Clone)]
pub struct Peer {
    /// From where.
    pub address: IpAddr,
    seat: Arc<Seat>,
}

impl Peer {
    /// A token was shown: it no longer counts as a stranger.
    pub fn known(&self) {
        self.seat.known();
    }
}

/// How many connections there are.
#[derive(Default)]
struct Doors {
    all: AtomicUsize,
    refusing: AtomicUsize,
    strangers: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; given back when it ends.
struct Seat {
    doors: Arc<Doors>,
    address: IpAddr,
    known: AtomicBool,
}

impl Seat {
    /// A place for a connection from there, if there is one.
    fn take(doors: &Arc<Doors>, address: IpAddr, most: usize) -> Option<Self> {
        if doors.all.load(Ordering::Relaxed) >= most {
            return None;
        }
        let mut strangers = doors.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let held = strangers.entry(address).or_default();
        if *held >= STRANGERS {
            return None;
        }
        *held += 1;
        doors.all.fetch_add(1, Ordering::Relaxed);
        Some(Self { doors: Arc::clone(doors), address, known: AtomicBool::new(false) })
    }

    fn known(&self) {
        if self.known.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut strangers = self.doors.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = strangers.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                strangers.remove(&self.address);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.known();
        self.doors.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until a signal says that it is over.
///
/// # Errors
/// Signals or connections cannot be waited for.
pub async fn serve(listener: std::net::TcpListener, board: Arc<Board>) -> Result<()> {
    let cannot = |error: io::Error| Trouble::sandbox("the board cannot wait for connections").because(error);
    let listener = tokio::net::TcpListener::from_std(listener).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    tokio::spawn(frames::keep(Arc::clone(&board)));
    let router = TowerToHyperService::new(routes::router(Arc::clone(&board)));
    let doors = Arc::new(Doors::default());
    let most = descriptors().saturating_sub(SPARE);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        match accepted {
            Ok((stream, from)) => greet(stream, from, &doors, most, &router, &board),
            // Out of descriptors: those who are here come first.
            Err(error) => {
                board.notes.note(None, &format!("a connection cannot be taken: {error}"));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn greet(
    stream: TcpStream,
    from: SocketAddr,
    doors: &Arc<Doors>,
    most: usize,
    router: &TowerToHyperService<axum::Router>,
    board: &Arc<Board>,
) {
    let address = from.ip().to_canonical();
    let Some(seat) = Seat::take(doors, address, most) else {
        board.notes.note(Some(address), "refused, 503: too many connections");
        if doors.refusing.fetch_add(1, Ordering::Relaxed) < REFUSALS {
            let doors = Arc::clone(doors);
            tokio::spawn(async move {
                // Whoever does not listen is not waited for.
                let _ = timeout(Duration::from_secs(2), refuse(stream)).await;
                doors.refusing.fetch_sub(1, Ordering::Relaxed);
            });
        } else {
            doors.refusing.fetch_sub(1, Ordering::Relaxed);
        }
        return;
    };
    let peer = Peer { address, seat: Arc::new(seat) };
    let router = router.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.call(request)
    });
    // An answer is one small packet; nothing is gained by waiting for a second one.
    let _ = stream.set_nodelay(true);
    tokio::spawn(async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_headers(64)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(Patient::new(stream)), service);
        // A connection that breaks is the other side's business: what was acknowledged is safe.
        let _ = connection.await;
    });
}

/// Says that there are too many, and reads what was sent: a connection that is closed over unread bytes takes the answer
/// down with it.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let body = r#"{"error":"too many connections","hint":"ask again in a moment"}"#;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Retry-After: 1\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// How many descriptors this process may have: as many as it is allowed to allow itself (getrlimit(2)).
fn descriptors() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    let wanted = hard.min(16_384).max(soft);
    let had = if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft };
    usize::try_from(had).unwrap_or(usize::MAX)
}
