//! What learners' rlabs ask for: to come in, to have events kept, to be told what the instructor wants. Nobody is told
//! anything of somebody else.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use tokio::time::timeout;

use crate::board::clock;
use crate::board::connections::Peer;
use crate::board::refusal::{Refused, json};
use crate::board::routes::{Board, answer, bearer, message};
use crate::board::writer::{Wish, Written};
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
    if known.is_none() {
        let now = clock::now();
        if let Err(wait) = board.tries.may(peer.address, now) {
            return Err(Refused::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong codes came from this address",
                format!("wait {wait} s"),
            )
            .again(wait));
        }
        if Code::read(&asked.code) != Some(board.code) {
            board.tries.wrong(peer.address, now);
            return Err(Refused::new(
                StatusCode::FORBIDDEN,
                "this is not the code of the room",
                "it is on the instructor's screen",
            ));
        }
    }
    // A learner's rlab may bring the token that it wants to have: then it can ask again where the answer was lost.
    let token = match token {
        Some(token) => token,
        None => clock::hexadecimal(&clock::random::<32>().map_err(|_| Refused::busy())?),
    };
    let id = clock::hexadecimal(&clock::random::<8>().map_err(|_| Refused::busy())?);
    let wish = Wish::Join { name, id, token: Hash::of(token.as_bytes()) };
    match board.writer.write(wish).await {
        Written::Joined(place, acknowledged) => {
            peer.known();
            let mut live = board.shared.live();
            live.asks(place, clock::now());
            let learner = live.learner(place).map(|learner| learner.id.clone()).unwrap_or_default();
            let course = live.room.course().iter().map(Taught::told).collect();
            Ok(json(StatusCode::OK, &Joined { learner, token, acknowledged, course }))
        }
        Written::Taken => Err(Refused::new(
            StatusCode::CONFLICT,
            "someone in the room has this name already",
            "take another with `--name`; if it was you, on this machine, join as the same user",
        )),
        Written::Full => Err(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the room holds {} learners, and they are there", rules::LEARNERS),
            "ask the instructor for a second board",
        )),
        written => Err(unwritten(&written)),
    }
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
    let after: u64 =
        uri.query().unwrap_or("after=0").strip_prefix("after=").and_then(|id| id.parse().ok()).ok_or_else(
            || Refused::new(StatusCode::BAD_REQUEST, "the question is not known", "`?after=ID`"),
        )?;
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
