//! A room as it should be: people join, report, come back, and are told what the instructor wants.

use serde_json::{Value, json};

use crate::client::{Board, Line, db, step};

#[test]
fn who_joins_is_known_again_after_the_board_was_started_anew() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot,pid-namespace"]);
    let mut ada = board.join("Ada");
    ada.does(&board, step("chroot", "tools"));
    let mut bob = board.join("Bob");
    bob.does(&board, step("chroot", "tools"));
    ada.does(&board, step("chroot", "chroot"));
    let code = board.code.clone();
    assert!(board.token.is_some());
    board.end();

    let board = Board::start(&db(&home), &[]);
    assert_eq!(board.code, code);
    assert_eq!(board.token, None, "the token is told once");
    let back = json!({"format": 1, "code": "wrong", "name": "ada", "token": ada.token});
    let answer = board.ask("POST", "/api/join", None, Some(&back));
    let told = answer.json();
    assert_eq!((answer.status, &told["acknowledged"], &told["token"]), (200, &json!(2), &json!(ada.token)));
    let labs: Vec<&Value> = told["course"].as_array().unwrap().iter().map(|lab| &lab["id"]).collect();
    assert_eq!(labs, ["chroot", "pid-namespace"]);
    assert!(!answer.body.windows(5).any(|word| word == b"notes"), "notes are the instructor's");
    ada.does(&board, step("pid-namespace", "stale"));
}

#[test]
fn a_join_whose_answer_was_lost_is_asked_once_more() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mine = "5".repeat(64);
    let join = json!({"format": 1, "code": board.code, "name": "Ada", "token": mine});
    let first = board.ask("POST", "/api/join", None, Some(&join));
    assert_eq!((first.status, &first.json()["token"]), (200, &json!(mine)));
    let second = board.ask("POST", "/api/join", None, Some(&join));
    assert_eq!((second.status, &second.json()["learner"]), (200, &first.json()["learner"]));
}

#[test]
fn what_was_sent_twice_is_there_once() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut ada = board.join("Ada");
    let events: Vec<_> = (0..5).map(|_| ada.event(step("chroot", "tools"))).collect();
    for sent in [&events[..2], &events[..2], &events[1..4], &events[..]] {
        let answer = ada.send(board.address, sent).unwrap();
        assert_eq!(
            (answer.status, answer.json()["acknowledged"].as_u64()),
            (200, sent.last().map(|e| e.seq.max(2)))
        );
    }
    board.end();
    let lines = crate::client::log(&db(&home));
    assert_eq!(lines, events.iter().map(rlab::workshop::chain::line).collect::<Vec<_>>());
}

#[test]
fn a_question_for_orders_waits_until_there_is_one() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let ada = board.join("Ada");
    let mut line = Line::open(board.address).unwrap();
    let (took, answer) =
        crate::client::timed(|| line.ask("GET", "/api/orders?after=0", Some(&ada.token), None).unwrap());
    assert_eq!((answer.status, answer.json()), (200, json!({"orders": []})));
    assert!((20..30).contains(&took.as_secs()), "{took:?}");
}
