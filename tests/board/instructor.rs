//! What the instructor's page is told, and what the room is told by it.

use std::collections::BTreeSet;

use rlab::workshop::wire::What;
use serde_json::{Value, json};

use crate::client::{Board, Line, Stream, db, now};

#[test]
fn the_stream_tells_everything_once_and_then_what_changes() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut ada = board.join("Ada");
    board.join("<script>alert(1)</script>");
    let mut stream = Stream::open(&board);
    let first = stream.next();
    assert_eq!(first["whole"], json!(true));
    let at = |kind: &str| json!({"kind": kind, "lab": "chroot", "step": "tools"});
    let does = |what: Value| -> What { serde_json::from_value(what).unwrap() };
    ada.does(&board, does(at("step")));
    let mut hint = at("hint");
    (hint["hint"], hint["of"]) = (json!(3), json!(3));
    ada.does(&board, does(hint));
    ada.does(&board, does(at("asked")));
    let row = loop {
        let told = stream.next();
        assert_eq!(told["whole"], json!(false));
        let rows = told["rows"].as_array().unwrap();
        if let Some(row) = rows.iter().find(|row| row["hand"].is_number()) {
            assert_eq!(told["order"][0], json!(0));
            break row.clone();
        }
    };
    assert_eq!((&row["name"], &row["place"], &row["there"]), (&json!("Ada"), &json!(0), &json!(true)));
    assert_eq!(row["stuck"], json!([{"why": "hints"}]));
    let export = board.ask("GET", "/api/instructor/export.json", board.token.as_deref(), None).json();
    assert_eq!(export["learners"][0]["hash"], json!(ada.end.hash));
    assert_eq!(export["learners"][1]["name"], json!("<script>alert(1)</script>"));
    assert_eq!(export["course"][0]["id"], json!("chroot"));
    let page = include_str!("../../book/src/json.md");
    let told = page.split_once("## The board").unwrap().1.split_once("## `rlab inspect").unwrap().0;
    let mut keys = BTreeSet::new();
    all_keys(&export, &mut keys);
    let untold: Vec<&String> = keys.iter().filter(|key| !told.contains(&format!("\"{key}\":"))).collect();
    assert_eq!(untold, Vec::<&String>::new(), "the book's page on JSON does not tell them");
    let csv = board.ask("GET", "/api/instructor/export.csv", board.token.as_deref(), None);
    let csv = String::from_utf8(csv.body).unwrap();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.lines().nth(1).unwrap().starts_with("Ada,"), "{csv}");
}

fn all_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| all_keys(item, keys)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            keys.insert(key.clone());
            all_keys(value, keys);
        }),
        _ => {}
    }
}

#[test]
fn everyone_is_told_and_who_comes_later_is_told_how_things_are() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let ada = board.join("Ada");
    let mut waits = Line::open(board.address).unwrap();
    let head = format!(
        "GET /api/orders?after=0 HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer {}\r\n\r\n",
        ada.token
    );
    waits.send(head.as_bytes()).unwrap();
    let tell = |what: Value| board.ask("POST", "/api/instructor/orders", board.token.as_deref(), Some(&what));
    let before = now();
    assert_eq!(tell(json!({"kind": "pause"})).status, 200);
    let told = waits.answer().unwrap().json();
    assert!(now() - before < 1_000, "nobody waits for the end of the question");
    assert_eq!(told["orders"][0]["what"], json!({"kind": "pause"}));
    let bare = json!({"kind": "goto", "lab": "chroot", "step": step_id(&board, 0)});
    let next = json!({"kind": "goto", "lab": "chroot", "step": step_id(&board, 1)});
    for what in
        [json!({"kind": "resume"}), bare, json!({"kind": "message", "text": "  look \n here "}), next.clone()]
    {
        assert_eq!(tell(what).status, 200);
    }
    for bad in [
        json!({"kind": "goto", "lab": "chroot", "step": "nowhere"}),
        json!({"kind": "message", "text": " \u{1b}[2J"}),
        json!({"kind": "message", "text": "x".repeat(501)}),
        json!({"kind": "shell", "text": "rm"}),
    ] {
        assert_eq!(tell(bad.clone()).status, 422, "{bad}");
    }
    let whats = |after: u64| -> Vec<Value> {
        let path = format!("/api/orders?after={after}");
        let told = board.ask("GET", &path, Some(&ada.token), None).json();
        told["orders"].as_array().unwrap().iter().map(|order| order["what"].clone()).collect()
    };
    let message = json!({"kind": "message", "text": "look here"});
    assert_eq!(whats(4), std::slice::from_ref(&next));
    assert_eq!(whats(1).len(), 4);
    assert_eq!(whats(0), [json!({"kind": "resume"}), message, next]);
}

/// The id of a step of the first lab.
fn step_id(board: &Board, at: usize) -> String {
    let room = board.ask("GET", "/api/instructor/room", board.token.as_deref(), None).json();
    room["course"][0]["steps"][at]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_cookie_is_as_good_as_the_token_and_no_script_reads_it() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let login = json!({"token": board.token});
    let answer = board.ask("POST", "/api/instructor/login", None, Some(&login));
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let ask = |board: &Board| {
        let mut line = Line::open(board.address).unwrap();
        let pair = cookie.split(';').next().unwrap();
        line.send(
            format!("GET /api/instructor/room HTTP/1.1\r\nHost: b\r\nCookie: a=b; {pair}\r\n\r\n").as_bytes(),
        )
        .unwrap();
        line.answer().unwrap().status
    };
    assert_eq!(ask(&board), 200);
    board.end();
    let board = Board::start(&db(&home), &[]);
    assert_eq!(ask(&board), 200, "a page that is open goes on after a restart");
    board.end();
    let board = Board::start(&db(&home), &["--new-token"]);
    assert_eq!(ask(&board), 401);
    let login = json!({"token": board.token});
    assert_eq!(board.ask("POST", "/api/instructor/login", None, Some(&login)).status, 204);
}
