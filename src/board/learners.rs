//! What learners' rlabs ask for: to come in, to have events kept, to be told what the instructor wants. Nobody is told
//! anything of somebody else.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::board::book::{Wish, Written};
use crate::board::clock;
use crate::board::connections::Peer;
use crate::board::refusal::{Refused, json};
use crate::board::routes::{Board, answer, bearer, message};

use crate::workshop::chain::{Broken, Hash};
use crate::workshop::course::Taught;
use crate::workshop::rules::{self, Code};
use crate::workshop::wire::{Acknowledged, Batch, FORMAT, Join, Joined, Orders};

/// `POST /api/join`.
pub async fn join(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(enter(&board, &peer, &headers, body).await)
}

async fn enter(board: &Board, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let asked: Join = message(headers, body, rules::BYTES).await?;
    if asked.format != FORMAT {
        return Err(Refused::unreadable(format!("format {} is not {FORMAT}", asked.format)));
    }
    let name = rules::name(&asked.name).map_err(|why| {
        Refused::new(StatusCode::UNPROCESSABLE_ENTITY, why, "`--name` is what the room calls you")
    })?;
    let token = asked.token.filter(|token| Hash::read(token).is_some());
    let known = token.as_ref().and_then(|token| board.shared.live().whose(&Hash::of(token.as_bytes())));
    // Who was in the room before has shown more than a code: wrong codes of others at the same address do not matter.
    let back = if known.is_none() { let_in(board, peer, &asked.code, &name)? } else { None };
    // A learner's rlab may bring the token that it wants to have: then it can ask again where the answer was lost.
    let token = match token {
        Some(token) => token,
        None => clock::hexadecimal(&clock::random::<32>().map_err(|_| Refused::busy())?),
    };
    let id = clock::hexadecimal(&clock::random::<8>().map_err(|_| Refused::busy())?);
    let hash = Hash::of(token.as_bytes());
    let wish = match &back {
        Some(back) => Wish::Back { learner: back.learner, token: hash },
        None => Wish::Join { name, id, token: hash },
    };
    let written = board.writer.write(wish).await;
    if let Some(back) = back.as_ref().filter(|_| !matches!(written, Written::Joined(..))) {
        board.again.give_back(back.learner, back.code, back.until);
    }
    match written {
        Written::Joined(place, acknowledged) => {
            peer.known();
            let mut live = board.shared.live();
            live.asks(place, clock::now());
            let (learner, name) = live
                .learner(place)
                .map(|learner| (learner.id.clone(), learner.name.clone()))
                .unwrap_or_default();
            if back.is_some() {
                let name = name.escape_debug();
                board.notes.note(Some(peer.address), &format!("{name} is back with another token"));
            }
            let course = live.room.course().iter().map(Taught::told).collect();
            Ok(json(StatusCode::OK, &Joined { learner, token, acknowledged, course }))
        }
        Written::Taken => Err(Refused::new(
            StatusCode::CONFLICT,
            "someone in the room has this name already",
            "take another with `--name`; if it was you, join as the same user on the same machine, or ask the instructor for \
             a code of your own",
        )),
        Written::Theirs => Err(Refused::new(
            StatusCode::CONFLICT,
            "this token is somebody else's in this room",
            "leave it out, and one is made",
        )),
        Written::Full => Err(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the room holds {} learners, and they are there", rules::LEARNERS),
            "ask the instructor for a second board",
        )),
        written => Err(unwritten(&written)),
    }
}

/// A code of a learner's own that was taken.
struct Back {
    /// The place of the learner.
    learner: usize,
    code: Code,
    /// Until when it would have been good.
    until: u64,
}

/// Whether a code lets this name in. The room's does; and one of a learner's own lets that learner back in.
fn let_in(board: &Board, peer: &Peer, code: &str, name: &str) -> Result<Option<Back>, Refused> {
    let now = clock::now();
    if let Err(wait) = board.tries.may(peer.address, now) {
        return Err(Refused::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong codes came from this address",
            format!("wait {wait} s"),
        )
        .again(wait));
    }
    let code = Code::read(code);
    let place = board.shared.live().named(name);
    let back = place.zip(code).and_then(|(learner, code)| {
        board.again.take(learner, code, now).map(|until| Back { learner, code, until })
    });
    if back.is_none() && code != Some(board.code) {
        board.tries.wrong(peer.address, now);
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "this is not the code of the room",
            "it is on the instructor's screen",
        ));
    }
    Ok(back)
}

/// `POST /api/events`.
pub async fn events(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(report(&board, &peer, &headers, body).await)
}

async fn report(board: &Board, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let learner = who(board, peer, headers)?;
    let Batch { events } = message(headers, body, rules::BYTES_A_BATCH).await?;
    if events.len() > rules::EVENTS_A_BATCH {
        return Err(Refused::large(rules::BYTES_A_BATCH));
    }
    if let Some(why) = events.iter().find_map(|event| event.check().err()) {
        return Err(Refused::unreadable(why));
    }
    board.shared.live().sends(learner, events.len(), clock::now()).map_err(|wait| {
        let error = "more events came than a learner can make";
        Refused::new(StatusCode::TOO_MANY_REQUESTS, error, format!("wait {wait} s")).again(wait)
    })?;
    match board.writer.write(Wish::Events { learner, events }).await {
        Written::Safe(acknowledged) => Ok(json(StatusCode::OK, &Acknowledged { acknowledged })),
        Written::Broken(how, seq) => {
            let error = match how {
                Broken::Gap => "events before these are missing",
                Broken::Used => "another event has this number already",
                Broken::Forged => "an event does not hold the hash of the one before it",
            };
            Err(Refused::new(StatusCode::CONFLICT, error, format!("event {seq} is the last one here"))
                .acknowledged(seq))
        }
        written => Err(unwritten(&written)),
    }
}

/// `GET /api/events?after=SEQ`: what the board has of the learner who asks, for a machine that has lost it.
pub async fn record(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    answer(own(&board, &peer, &headers, &uri))
}

fn own(board: &Board, peer: &Peer, headers: &HeaderMap, uri: &Uri) -> Result<Response, Refused> {
    let learner = who(board, peer, headers)?;
    let lines = board.writer.record(learner, after(uri)?).map_err(|written| unwritten(&written))?;
    let body = format!("{{\"events\":[{}]}}", lines.join(","));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The number in `?after=`.
fn after(uri: &Uri) -> Result<u64, Refused> {
    let asked = uri.query().unwrap_or("after=0").strip_prefix("after=");
    asked
        .and_then(|number| number.parse().ok())
        .filter(|number| *number <= rules::LARGEST)
        .ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "the question is not known", "`?after=NUMBER`"))
}

/// `GET /api/orders?after=ID`.
pub async fn orders(
    State(board): State<Arc<Board>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    answer(told(&board, &peer, &headers, &uri).await)
}

async fn told(board: &Board, peer: &Peer, headers: &HeaderMap, uri: &Uri) -> Result<Response, Refused> {
    who(board, peer, headers)?;
    let after = after(uri)?;
    let mut ordered = board.shared.ordered();
    let until = Duration::from_secs(rules::ORDERS_WAIT);
    let told = timeout(until, async {
        loop {
            ordered.borrow_and_update();
            let orders = board.shared.live().orders_after(after, clock::now());
            if !orders.is_empty() || ordered.changed().await.is_err() {
                return orders;
            }
        }
    });
    Ok(json(StatusCode::OK, &Orders { orders: told.await.unwrap_or_default() }))
}

/// The learner whose token it is.
fn who(board: &Board, peer: &Peer, headers: &HeaderMap) -> Result<usize, Refused> {
    let token = bearer(headers).ok_or_else(Refused::stranger)?;
    let mut live = board.shared.live();
    let learner = live.whose(&token).ok_or_else(Refused::stranger)?;
    live.asks(learner, clock::now());
    peer.known();
    Ok(learner)
}

/// Why nothing was written.
pub fn unwritten(written: &Written) -> Refused {
    match written {
        Written::Lost(why, full) => Refused::new(
            if *full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR },
            format!("nothing was kept: {why}"),
            "keep it and send it again later; nothing that was acknowledged is lost",
        )
        .again(2),
        _ => Refused::busy(),
    }
}
