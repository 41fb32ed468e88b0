//! What the instructor's page asks for. Each of it needs the token: as a cookie that no script can read and no other site
//! can send, or as a bearer token for `curl`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::board::book::{Wish, Written};
use crate::board::clock;
use crate::board::connections::Peer;
use crate::board::learners::unwritten;
use crate::board::refusal::{self, Refused};
use crate::board::routes::{Board, answer, bearer, message};
use crate::workshop::chain::Hash;
use crate::workshop::course::Taught;
use crate::workshop::export;
use crate::workshop::room::{RowView, Summary};
use crate::workshop::rules::{self, Code};
use crate::workshop::wire::{FORMAT, Order, OrderWhat};

/// The name of the cookie.
const COOKIE: &str = "rlab-instructor";
/// A stream in which nothing happens says so after this long, so that both sides notice when the other one is gone.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

/// `POST /api/instructor/login`.
pub async fn login(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(enter(&board, &peer, &headers, body).await)
}

async fn enter(board: &Board, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let now = clock::now();
    board.tries.may(peer.address, now).map_err(|wait| {
        let error = "too many wrong tokens came from this address";
        Refused::new(StatusCode::TOO_MANY_REQUESTS, error, format!("wait {wait} s")).again(wait)
    })?;
    let Login { token } = message(headers, body, rules::BYTES).await?;
    if Hash::of(token.trim().as_bytes()) != board.instructor {
        board.tries.wrong(peer.address, now);
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "this is not the instructor's token",
            "it was told once, at the board's terminal; `--new-token` makes another",
        ));
    }
    peer.known();
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", token.trim());
    let cookie = HeaderValue::try_from(cookie).map_err(Refused::unreadable)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Whether it is the instructor who asks.
fn instructor(board: &Board, peer: &Peer, headers: &HeaderMap) -> Result<(), Refused> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let shown = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .map(|token| Hash::of(token.as_bytes()))
        .chain(bearer(headers));
    // Hashes are compared, so the time that it takes says nothing about the token.
    if shown.into_iter().any(|hash| hash == board.instructor) {
        peer.known();
        return Ok(());
    }
    Err(Refused::new(
        StatusCode::UNAUTHORIZED,
        "this is the instructor's",
        "the address with the token was told at the board's terminal",
    ))
}

/// What a page has to know once.
#[derive(Serialize)]
struct RoomNow<'r> {
    address: String,
    code: String,
    course: &'r [Taught],
}

/// `GET /api/instructor/room`: what is taught, and how to get in.
pub async fn room(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    answer(instructor(&board, &peer, &headers).map(|()| {
        let live = board.shared.live();
        let room = RoomNow {
            address: board.address.to_string(),
            code: board.code.to_string(),
            course: live.room.course(),
        };
        refusal::json(StatusCode::OK, &room)
    }))
}

/// `GET /api/instructor/stream`: the room, and then what changes.
pub async fn stream(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    answer(instructor(&board, &peer, &headers).map(|()| {
        // One frame waits at most: a page that is slow is told less often, not later.
        let (give, take) = mpsc::channel(1);
        tokio::spawn(follow(board, give));
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(Stream(take))).into_response()
    }))
}

async fn follow(board: Arc<Board>, give: mpsc::Sender<Bytes>) {
    let mut frames = board.frames.follow();
    let mut seen = frames.borrow_and_update().number;
    let mut next = board.frames.whole(&board);
    loop {
        if give.send(next).await.is_err() {
            return;
        }
        next = match timeout(ALIVE, frames.changed()).await {
            Err(_) => Bytes::from_static(b":\n\n"),
            Ok(Err(_)) => return,
            Ok(Ok(())) => {
                let frame = frames.borrow_and_update().clone();
                let follows = frame.number == seen + 1;
                seen = frame.number;
                if follows { frame.change } else { board.frames.whole(&board) }
            }
        };
    }
}

/// The body of a stream.
struct Stream(mpsc::Receiver<Bytes>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// `POST /api/instructor/orders`: everyone is told.
pub async fn order(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(tell(&board, &peer, &headers, body).await)
}

async fn tell(board: &Board, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    instructor(board, peer, headers)?;
    let what: OrderWhat = message(headers, body, rules::BYTES).await?;
    let what = match what {
        OrderWhat::Message { text } => OrderWhat::Message {
            text: rules::message(&text).ok_or_else(|| {
                Refused::unreadable(format!("a message has 1 to {} characters", rules::MESSAGE))
            })?,
        },
        OrderWhat::Goto { lab, step } => {
            let live = board.shared.live();
            let taught = live.room.course().iter().find(|taught| taught.id == lab);
            if !taught.is_some_and(|taught| taught.steps.iter().any(|taught| taught.id == step)) {
                return Err(Refused::unreadable("no such step is taught here"));
            }
            OrderWhat::Goto { lab, step }
        }
        what => what,
    };
    match board.writer.write(Wish::Order(what)).await {
        Written::Ordered(order) => Ok(refusal::json(StatusCode::OK, &order)),
        written => Err(unwritten(&written)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lost {
    /// The id of the learner.
    learner: String,
}

/// What the instructor tells somebody who has lost their token.
#[derive(Serialize)]
struct Told {
    code: String,
    until: u64,
}

/// `POST /api/instructor/again`: a code with which a learner comes back from another machine.
pub async fn again(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(let_back(&board, &peer, &headers, body).await)
}

async fn let_back(board: &Board, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    instructor(board, peer, headers)?;
    let Lost { learner } = message(headers, body, rules::BYTES).await?;
    let place = board
        .shared
        .live()
        .place(&learner)
        .ok_or_else(|| Refused::unreadable("nobody in this room has that id"))?;
    let code = Code::of(clock::random().map_err(|_| Refused::busy())?);
    let until = board.again.make(place, code, clock::now());
    Ok(refusal::json(StatusCode::OK, &Told { code: code.to_string(), until }))
}

/// The room for other programs; the book's page on JSON tells it.
#[derive(Serialize)]
struct Export<'r> {
    format: u32,
    at: u64,
    began: u64,
    course: &'r [Taught],
    learners: Vec<Exported>,
    summary: Summary,
    orders: &'r [Order],
}

#[derive(Serialize)]
struct Exported {
    #[serde(flatten)]
    row: RowView,
    /// The hash of the last event: with it an evidence file of the learner is the one that was sent.
    hash: Hash,
}

/// `GET /api/instructor/export.json`.
pub async fn json(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    answer(instructor(&board, &peer, &headers).map(|()| {
        let now = clock::now();
        let live = board.shared.live();
        let learners =
            live.ends().into_iter().enumerate().filter_map(|(place, end)| {
                Some(Exported { row: live.room.row(place, now)?, hash: end.hash })
            });
        let export = Export {
            format: FORMAT,
            at: now,
            began: live.began,
            course: live.room.course(),
            learners: learners.collect(),
            summary: live.room.summary(now),
            orders: live.orders(),
        };
        file(refusal::json(StatusCode::OK, &export), "room.json")
    }))
}

/// `GET /api/instructor/export.csv`.
pub async fn csv(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    answer(instructor(&board, &peer, &headers).map(|()| {
        let now = clock::now();
        let live = board.shared.live();
        let rows: Vec<RowView> = (0..live.people()).filter_map(|place| live.room.row(place, now)).collect();
        let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
        file((kind, export::csv(&rows)).into_response(), "room.csv")
    }))
}

/// An answer that a browser saves.
fn file(mut response: Response, name: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
