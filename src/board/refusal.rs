//! How the board says no: a status, what is wrong, and what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::workshop::wire::Refusal;

/// A refusal on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    told: Refusal,
    again: Option<u64>,
}

impl Refused {
    /// A refusal.
    pub fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status,
            told: Refusal { error: error.into(), hint: hint.into(), acknowledged: None },
            again: None,
        }
    }

    /// Tells after how many seconds to ask again.
    pub fn again(mut self, seconds: u64) -> Self {
        self.again = Some(seconds);
        self
    }

    /// Tells the last event that is safe.
    pub fn acknowledged(mut self, seq: u64) -> Self {
        self.told.acknowledged = Some(seq);
        self
    }

    /// As a note says it.
    pub fn note(&self) -> String {
        format!("refused, {}: {}", self.status.as_u16(), self.told.error)
    }

    /// Nobody with such a token is known.
    pub fn stranger() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "the token is not one of this room", "join the room first")
    }

    /// What was sent is larger than it may be.
    pub fn large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too much was sent at once", format!("at most {most} bytes"))
    }

    /// What was sent is no message of the format.
    pub fn unreadable(why: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("it is no message that this board knows: {why}"),
            "the same version of rlab on both sides understands each other",
        )
    }

    /// Too many want something at once.
    pub fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the board has too much to do", "ask again in a moment")
            .again(1)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &self.told);
        if let Some(seconds) = self.again {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A value as an answer.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
