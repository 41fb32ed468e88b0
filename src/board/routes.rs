//! Who asks for what: the table of addresses, and what holds for each of them.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::board::again::Again;
use crate::board::connections::Peer;
use crate::board::frames::Frames;
use crate::board::instructor;
use crate::board::learners;
use crate::board::live::Shared;
use crate::board::notes::Notes;
use crate::board::page;
use crate::board::refusal::Refused;
use crate::board::tries::Tries;
use crate::board::writer::Writer;
use crate::workshop::chain::Hash;
use crate::workshop::rules::Code;

/// How long the body of a request may take.
const BODY: Duration = Duration::from_secs(10);
/// Bytes of a body that is too large that are still read, so that its sender reads the answer.
const DRAINED: usize = 64 * 1024 * 1024;

/// Everything that an answer is made of.
pub struct Board {
    /// Where it listens.
    pub address: SocketAddr,
    /// What a learner types.
    pub code: Code,
    /// The hash of the instructor's token.
    pub instructor: Hash,
    /// The room.
    pub shared: Arc<Shared>,
    /// The way to the log.
    pub writer: Writer,
    /// The way to the terminal.
    pub notes: Notes,
    /// Wrong codes and wrong tokens.
    pub tries: Tries,
    /// Codes for those who lost their token.
    pub again: Again,
    /// What the instructor's pages are told.
    pub frames: Frames,
}

/// The table.
pub fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/api/join", post(learners::join))
        .route("/api/events", post(learners::events).get(learners::record))
        .route("/api/orders", get(learners::orders))
        .route("/api/instructor/login", post(instructor::login))
        .route("/api/instructor/room", get(instructor::room))
        .route("/api/instructor/stream", get(instructor::stream))
        .route("/api/instructor/orders", post(instructor::order))
        .route("/api/instructor/again", post(instructor::again))
        .route("/api/instructor/export.csv", get(instructor::csv))
        .route("/api/instructor/export.json", get(instructor::json))
        .route("/", get(page::help))
        .route("/help.js", get(page::help_script))
        .route("/instructor", get(page::instructor))
        .route("/instructor.js", get(page::script))
        .route("/style.css", get(page::style))
        .fallback(async || {
            let hint = "`rlab join` knows the way";
            answer(Err(Refused::new(StatusCode::NOT_FOUND, "there is nothing here", hint)))
        })
        .method_not_allowed_fallback(async || {
            let hint = "`rlab join` knows the way";
            answer(Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, "it is not asked for like this", hint)))
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&board), every))
        .with_state(board)
}

/// What holds for every answer: no page of ours is put into another, runs or loads what is not ours, or is kept; and a
/// refusal is noted.
async fn every(State(board): State<Arc<Board>>, request: Request, next: Next) -> Response {
    let from = request.extensions().get::<Peer>().map(|peer| peer.address);
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        let what = response
            .extensions()
            .get::<Noted>()
            .map_or_else(|| format!("refused, {}", response.status().as_u16()), |noted| noted.0.clone());
        board.notes.note(from, &what);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Scripts, styles and connections of our own address, and nothing else at all: no script within a page, no form, no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is noted of a refusal.
#[derive(Clone)]
struct Noted(String);

/// An answer, or a refusal with a note.
pub fn answer(result: Result<Response, Refused>) -> Response {
    result.unwrap_or_else(|refused| {
        let noted = Noted(refused.note());
        let mut response = refused.into_response();
        response.extensions_mut().insert(noted);
        response
    })
}

/// The message in a body.
///
/// # Errors
/// It is too large, too slow, or no such message.
pub async fn message<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<T, Refused> {
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim() == "application/json");
    if !json {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "what was sent is not said to be JSON",
            "`Content-Type: application/json`",
        ));
    }
    let bytes = match timeout(BODY, read(body, most)).await {
        Ok(bytes) => bytes?,
        Err(_) => {
            return Err(Refused::new(
                StatusCode::REQUEST_TIMEOUT,
                "what was sent did not come to its end in time",
                "send it once more",
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| Refused::unreadable(error.to_string().escape_debug()))
}

/// Reads a body; of one that is too large the rest is thrown away as it comes.
async fn read(mut body: Body, most: usize) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let broken = |_| {
            Refused::new(StatusCode::BAD_REQUEST, "the connection broke in the middle", "send it once more")
        };
        let data: Bytes = frame.map_err(broken)?.into_data().unwrap_or_default();
        seen += data.len();
        if seen > DRAINED {
            break;
        }
        if seen <= most {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
    }
    if seen > most { Err(Refused::large(most)) } else { Ok(bytes) }
}

/// The token of a request, as its hash.
pub fn bearer(headers: &HeaderMap) -> Option<Hash> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    Some(Hash::of(shown.trim().as_bytes()))
}
