//! The files of the board's pages. They are in the program: nothing is read from the disk, and nothing comes from
//! elsewhere.

use axum::http::header;
use axum::response::{IntoResponse, Response};

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// `GET /`: how to join, for whoever scanned the code.
pub async fn help() -> Response {
    file("text/html; charset=utf-8", include_str!("page/help.html"))
}

/// Its script.
pub async fn help_script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/help.js"))
}

/// `GET /instructor`: the page. It holds nothing of the room; what it shows it asks for, with the token.
pub async fn instructor() -> Response {
    file("text/html; charset=utf-8", include_str!("page/instructor.html"))
}

/// Its script.
pub async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/instructor.js"))
}

/// How both look.
pub async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page/style.css"))
}
