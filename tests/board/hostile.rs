//! What a room's worst guests do. Each is refused with a clear status and noted at the board's terminal, and those who
//! work are not disturbed.

use std::io::Read;
use std::time::Duration;

use rlab::workshop::chain::{End, Hash};
use rlab::workshop::wire::{Event, What};
use serde_json::json;

use crate::client::{Board, Learner, Line, db, log, now, step, timed};

fn room() -> (tempfile::TempDir, Board) {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    (home, board)
}

/// Waits until the board's terminal has said this.
fn notes(board: &Board, what: &str) {
    crate::support::wait_for(what, || board.told().contains(what));
}

#[test]
fn wrong_codes_are_refused_and_soon_not_even_looked_at() {
    let (_home, board) = room();
    let mut ada = board.join("Ada");
    let wrong = json!({"format": 1, "code": "AAAAAA", "name": "Eve"});
    let mut line = Line::open(board.address).unwrap();
    let answers: Vec<_> =
        (0..30).map(|_| line.ask("POST", "/api/join", None, Some(&wrong)).unwrap()).collect();
    assert_eq!(answers[0].status, 403);
    let last = answers.last().unwrap();
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    // Not even the right one, or trying would go on to be worth it.
    let right = json!({"format": 1, "code": board.code, "name": "Eve"});
    assert_eq!(board.ask("POST", "/api/join", None, Some(&right)).status, 429);
    // Who was in already does not notice, not even when they come back.
    ada.does(&board, step("chroot", "tools"));
    let back = json!({"format": 1, "code": board.code, "name": "Ada", "token": ada.token});
    assert_eq!(board.ask("POST", "/api/join", None, Some(&back)).status, 200);
    notes(&board, "127.0.0.1  refused, 403: this is not the code");
    notes(&board, "refused, 429");
}

#[test]
fn a_token_is_one_learners_and_lets_nobody_in_under_another_name() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut ada = board.join("Ada");
    ada.does(&board, step("chroot", "tools"));
    for code in [board.code.as_str(), "AAAAAA"] {
        let asked = json!({ "format": 1, "name": "Eve", "code": code, "token": ada.token });
        let answer = board.ask("POST", "/api/join", None, Some(&asked));
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains("token"), "{answer:?}");
    }
    ada.does(&board, step("chroot", "chroot"));
    board.end();
    assert_eq!(log(&db(&home)).len(), 2);
}

#[test]
fn nobody_takes_anothers_name_in_whatever_letters() {
    let (_home, board) = room();
    board.join("Ada");
    for name in ["Ada", "ADA", " ada ", "A\u{200d}da"] {
        let join = json!({"format": 1, "code": board.code, "name": name});
        assert_eq!(board.ask("POST", "/api/join", None, Some(&join)).status, 409, "{name:?}");
        let join = json!({"format": 1, "code": board.code, "name": name, "token": "0".repeat(64)});
        assert_eq!(board.ask("POST", "/api/join", None, Some(&join)).status, 409, "{name:?}");
    }
    for name in ["", "\u{1b}[2J", "A\u{202e}da", &"x".repeat(41)] {
        let join = json!({"format": 1, "code": board.code, "name": name});
        assert_eq!(board.ask("POST", "/api/join", None, Some(&join)).status, 422, "{name:?}");
    }
    assert!(!board.told().contains('\u{1b}'), "what was typed reached the terminal: {:?}", board.told());
}

#[test]
fn ten_mebibytes_are_not_taken_and_the_answer_is_read() {
    let (_home, board) = room();
    let ada = board.join("Ada");
    let resident = board.resident();
    for (path, chunked) in [("/api/join", false), ("/api/events", false), ("/api/events", true)] {
        let mut line = Line::open(board.address).unwrap();
        let length = if chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 10485760" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\n{length}\r\n\r\n",
            ada.token
        );
        line.send(head.as_bytes()).unwrap();
        let part = vec![b' '; 64 * 1024];
        for _ in 0..160 {
            if chunked {
                line.send(b"10000\r\n").unwrap();
            }
            line.send(&part).unwrap();
            if chunked {
                line.send(b"\r\n").unwrap();
            }
        }
        if chunked {
            line.send(b"0\r\n\r\n").unwrap();
        }
        let answer = line.answer().unwrap();
        assert_eq!((answer.status, answer.json()["error"].is_string()), (413, true), "{path} {chunked}");
    }
    let more = board.resident() - resident;
    assert!(more < 4 * 1024, "{more} KiB more");
    notes(&board, "refused, 413");
    let many: Vec<Event> = (0..257).map(|_| End::START.event(1, What::Left {})).collect();
    let mut ada = ada;
    assert_eq!(ada.send(board.address, &many).unwrap().status, 413);
}

#[test]
fn forged_replayed_and_left_out_events_are_refused_and_nothing_of_them_is_kept() {
    let (home, board) = room();
    let mut ada = board.join("Ada");
    ada.does(&board, step("chroot", "tools"));
    ada.does(&board, step("chroot", "chroot"));
    let end = ada.end;
    let good = end.event(now(), What::Unasked {});
    let event = |seq, previous| Event { seq, at: now(), previous, what: What::Left {} };
    let gap = event(end.seq + 2, end.hash);
    let used = event(1, Hash::NONE);
    let forged = event(end.seq + 1, Hash::of(b"something else"));
    for (what, events) in [
        ("a gap", vec![gap]),
        ("another under a used number", vec![used.clone()]),
        ("another hash", vec![forged]),
        ("a good one before a forged one", vec![good.clone(), event(end.seq + 2, Hash::NONE)]),
        ("a good one before a used one", vec![good, used]),
    ] {
        let answer = ada.send(board.address, &events).unwrap();
        assert_eq!((answer.status, &answer.json()["acknowledged"]), (409, &json!(end.seq)), "{what}");
    }
    let mut line = Line::open(board.address).unwrap();
    let z = Hash::NONE;
    for (status, events) in [
        (422, json!([{"seq": 3, "at": 1, "previous": z, "what": {"kind": "typed", "line": "ls"}}])),
        (
            422,
            json!([{"seq": 3, "at": 1, "previous": end.hash, "what": {"kind": "step", "lab": "../x", "step": "y"}}]),
        ),
        (422, json!([{"seq": 3, "at": 1, "previous": end.hash, "what": {"kind": "left"}, "host": "me"}])),
        (422, json!([{"seq": -1, "at": 1, "previous": z, "what": {"kind": "left"}}])),
        (422, json!([{"seq": 1_u64 << 60, "at": 1, "previous": z, "what": {"kind": "left"}}])),
        (422, json!("events")),
    ] {
        let body = json!({"events": events});
        let answer = line.ask("POST", "/api/events", Some(&ada.token), Some(&body)).unwrap();
        assert_eq!(answer.status, status, "{events}");
    }
    // The events of one learner, sent with the token of another.
    let mut bob = board.join("Bob");
    let mut eve = Learner::with(&bob.token, end);
    let answer = eve.does_anyhow(&board, What::Left {});
    assert_eq!((answer.status, &answer.json()["acknowledged"]), (409, &json!(0)));
    bob.does(&board, What::Left {});
    ada.does(&board, What::Left {});
    board.end();
    assert_eq!(log(&db(&home)).len(), 4);
}

#[test]
fn nobody_fills_the_disk_by_themselves() {
    let (home, board) = room();
    let (mut ada, mut eve) = (board.join("Ada"), board.join("Eve"));
    let mut sent = 0;
    let refused = loop {
        let events: Vec<Event> = (0..256).map(|_| eve.event(step("chroot", "tools"))).collect();
        let answer = eve.send(board.address, &events).unwrap();
        if answer.status != 200 {
            break answer;
        }
        sent += events.len();
        assert!(sent < 100_000, "nobody stops her");
    };
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    ada.does(&board, step("chroot", "tools"));
    board.end();
    assert_eq!(log(&db(&home)).len(), sent + 1);
}

#[test]
fn without_a_token_nothing_is_told_and_a_learners_tells_nothing_of_others() {
    let (_home, board) = room();
    let ada = board.join("Ada");
    board.join("Bob");
    for path in [
        "/api/instructor/room",
        "/api/instructor/stream",
        "/api/instructor/export.csv",
        "/api/instructor/export.json",
        "/api/orders?after=0",
    ] {
        assert_eq!(board.ask("GET", path, None, None).status, 401, "{path}");
        assert_eq!(board.ask("GET", path, Some(&"0".repeat(64)), None).status, 401, "{path}");
        if path.contains("instructor") {
            let answer = board.ask("GET", path, Some(&ada.token), None);
            assert_eq!(answer.status, 401, "{path}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("Bob"), "{answer:?}");
        }
    }
    let pause = json!({"kind": "pause"});
    for token in [None, Some(&*ada.token)] {
        assert_eq!(board.ask("POST", "/api/instructor/orders", token, Some(&pause)).status, 401);
    }
    let events = json!({"events": []});
    assert_eq!(board.ask("POST", "/api/events", board.token.as_deref(), Some(&events)).status, 401);
    let mut line = Line::open(board.address).unwrap();
    let wrong = json!({"token": "0".repeat(64)});
    let last = (0..30).map(|_| line.ask("POST", "/api/instructor/login", None, Some(&wrong)).unwrap().status);
    let all: Vec<u16> = last.collect();
    assert_eq!((all[0], all[29]), (403, 429));
    assert!(!board.told().contains(&ada.token));
}

#[test]
fn paths_lead_nowhere_else() {
    let (_home, board) = room();
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/instructor/../api/instructor/room",
        "/api/instructor/room/",
        "/API/INSTRUCTOR/ROOM",
        "/style.css/..%2f..%2fetc/passwd",
        "/room.db",
        "/api/instructor%2froom",
        "/instructor.js%00.html",
    ] {
        let answer = board.ask("GET", path, None, None);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    assert_eq!(board.ask("GET", "http://elsewhere/api/instructor/room", None, None).status, 401);
    for (method, path) in [("DELETE", "/api/events"), ("GET", "/api/join"), ("PUT", "/instructor")] {
        assert_eq!(board.ask(method, path, None, None).status, 405, "{method} {path}");
    }
    for bytes in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
    ] {
        let mut line = Line::open(board.address).unwrap();
        line.send(bytes.as_bytes()).unwrap();
        assert_eq!(line.answer().unwrap().status, 400, "{bytes:?}");
    }
    let mut line = Line::open(board.address).unwrap();
    line.send(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)).as_bytes()).unwrap_or_default();
    assert!([414, 431].contains(&line.answer().unwrap().status));
}

#[test]
fn a_slow_head_and_a_slow_body_are_waited_for_and_then_given_up() {
    let (_home, board) = room();
    let ada = board.join("Ada");
    let mut head = Line::open(board.address).unwrap();
    head.send(b"GET /api/orders HTTP/1.1\r\nHost: bo").unwrap();
    let mut body = Line::open(board.address).unwrap();
    body.send(
        format!(
            "POST /api/events HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"eve",
            ada.token
        )
        .as_bytes(),
    )
    .unwrap();
    let (took, answer) = timed(|| body.answer().unwrap());
    assert_eq!(answer.status, 408);
    assert!((5..20).contains(&took.as_secs()), "{took:?}");
    let (took, ended) = timed(|| head.answer().map_or(0, |answer| answer.status));
    assert!([0, 408].contains(&ended), "{ended}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    notes(&board, "refused, 408");
}

#[test]
fn a_thousand_connections_from_one_address_do_not_put_out_those_who_work() {
    let (_home, board) = room();
    let mut ada = board.join("Ada");
    ada.does(&board, step("chroot", "tools"));
    let crowd: Vec<Line> = (0..1000).map(|_| Line::open(board.address).unwrap()).collect();
    // Those over the limit are told so; the others are waited for.
    let mut refused = 0;
    for mut line in crowd {
        line.reader.get_mut().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        match line.answer() {
            Ok(answer) => {
                assert_eq!(answer.status, 503);
                refused += 1;
            }
            // Still open, or ended without a word since too many are being refused.
            Err(_) => drop(line),
        }
        if refused == 100 {
            break;
        }
    }
    assert_eq!(refused, 100);
    ada.does(&board, step("chroot", "chroot"));
    notes(&board, "refused, 503: too many connections");
    // And when they are gone, there is room again.
    crate::support::wait_for("a place for someone new", || {
        let join = json!({"format": 1, "code": board.code, "name": "Bob"});
        Line::open(board.address)
            .and_then(|mut line| line.ask("POST", "/api/join", None, Some(&join)))
            .is_ok_and(|answer| answer.status == 200)
    });
}

#[test]
fn pages_are_ours_alone() {
    let (_home, board) = room();
    for path in ["/", "/instructor", "/instructor.js", "/help.js", "/style.css", "/nothing"] {
        let answer = board.ask("GET", path, None, None);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        let text = String::from_utf8(answer.body).unwrap();
        for foreign in ["http://", "https://", "onclick", "style=", "innerHTML", "eval("] {
            assert!(!text.contains(foreign), "{path} has {foreign}");
        }
        assert!(!text.contains(&board.code) && !text.contains(board.token.as_deref().unwrap()), "{path}");
    }
}

#[test]
fn whoever_reads_the_log_cannot_write_as_someone_else() {
    let (home, board) = room();
    let ada = board.join("Ada");
    let token = board.token.clone().unwrap();
    board.end();
    let mut bytes = Vec::new();
    std::fs::File::open(db(&home)).unwrap().read_to_end(&mut bytes).unwrap();
    let has = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(has("Ada") && has(&Hash::of(ada.token.as_bytes()).to_string()));
    assert!(!has(&ada.token) && !has(&token));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(db(&home)).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let sqlite = rusqlite::Connection::open(db(&home)).unwrap();
    let mut ada = ada;
    assert_eq!(sqlite.execute("UPDATE learner SET joined = 1", []), Ok(1), "others may be changed");
    let board = Board::start(&db(&home), &[]);
    ada.does(&board, What::Left {});
    board.end();
    for change in ["UPDATE event SET line = ''", "DELETE FROM event"] {
        assert!(sqlite.execute(change, []).is_err(), "{change}");
    }
}
