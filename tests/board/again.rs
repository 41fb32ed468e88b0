//! Somebody who has lost their token, with the machine or the home that it was on, comes back as the same learner; nobody
//! else does in their name.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Answer, Board, Learner, db, log, step};
use crate::support::{can_run_labs, feed, rlab, status, stderr, stdout};

/// What the board tells the instructor for a learner.
pub(crate) fn code_for(board: &Board, learner: &Value) -> String {
    let asked = json!({ "learner": learner });
    let answer = board.ask("POST", "/api/instructor/again", board.token.as_deref(), Some(&asked));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["code"].as_str().unwrap().to_owned()
}

pub(crate) fn join(board: &Board, name: &str, code: &str) -> Answer {
    board.ask("POST", "/api/join", None, Some(&json!({"format": 1, "code": code, "name": name})))
}

pub(crate) fn learners(board: &Board) -> Vec<Value> {
    let room = board.ask("GET", "/api/instructor/export.json", board.token.as_deref(), None).json();
    room["learners"].as_array().unwrap().clone()
}

#[test]
fn a_code_of_ones_own_gives_a_name_back_to_whoever_was_told_it_and_to_nobody_else() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let (mut ada, mut bob) = (board.join("Ada"), board.join("Bob"));
    ada.does(&board, step("chroot", "tools"));
    bob.does(&board, step("chroot", "tools"));
    let id = learners(&board)[0]["learner"].clone();
    // Who is no instructor makes none, and the room's code gives no name away.
    for token in [None, Some(bob.token.as_str())] {
        let refused = board.ask("POST", "/api/instructor/again", token, Some(&json!({ "learner": id })));
        assert_eq!(refused.status, 401);
    }
    assert_eq!(join(&board, "Ada", &board.code).status, 409);
    let code = code_for(&board, &id);
    assert_eq!(join(&board, "Ada", &board.code).status, 409, "the room's code is still not Ada's");
    // It is worth that name alone: nobody else's, and none that is new.
    assert_eq!(join(&board, "Bob", &code).status, 403);
    assert_eq!(join(&board, "Eve", &code).status, 403);
    let back = join(&board, " ADA ", &code);
    assert_eq!((back.status, &back.json()["learner"], &back.json()["acknowledged"]), (200, &id, &json!(1)));
    assert_eq!(join(&board, "Ada", &code).status, 403, "it is good for once");
    // The lost machine is out, the new one goes on with the chain.
    let lost = ada.does_anyhow(&board, step("chroot", "chroot"));
    assert_eq!(lost.status, 401);
    let token = back.json()["token"].as_str().unwrap().to_owned();
    let mut again = Learner::with(&token, ada.end);
    again.does(&board, step("chroot", "chroot"));
    bob.does(&board, step("chroot", "chroot"));
    crate::support::wait_for("the note", || board.told().contains("Ada is back with another token"));
    assert_eq!(learners(&board).len(), 2);
    // Another board on the same log knows the new token, and not the old one.
    board.end();
    let board = Board::start(&db(&home), &[]);
    again.does(&board, step("chroot", "tools"));
    assert_eq!(ada.does_anyhow(&board, step("chroot", "look")).status, 401);
}

#[test]
fn a_learner_is_told_their_own_events_and_nobody_elses() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let (mut ada, mut bob) = (board.join("Ada"), board.join("Bob"));
    for _ in 0..300 {
        ada.does(&board, step("chroot", "tools"));
    }
    bob.does(&board, step("chroot", "chroot"));
    let of = |token: Option<&str>, path: &str| board.ask("GET", path, token, None);
    let told = |token: &str, after: u64| -> Vec<Value> {
        let answer = of(Some(token), &format!("/api/events?after={after}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["events"].as_array().unwrap().clone()
    };
    let first = told(&ada.token, 0);
    assert_eq!((first.len(), &first[0]["seq"]), (256, &json!(1)));
    assert_eq!(told(&ada.token, 256).len(), 44);
    assert_eq!(told(&ada.token, 300), Vec::<Value>::new());
    let bobs = told(&bob.token, 0);
    assert_eq!((bobs.len(), &bobs[0]["what"]["step"]), (1, &json!("chroot")));
    assert_eq!(of(None, "/api/events").status, 401);
    assert_eq!(of(board.token.as_deref(), "/api/events").status, 401, "the instructor has the export");
    for bad in ["after=-1", "after=x", "learner=1", "after=99999999999999999999", "after=9223372036854775808"]
    {
        assert_eq!(of(Some(&ada.token), &format!("/api/events?{bad}")).status, 400, "{bad}");
    }
}

#[test]
fn a_real_learner_comes_back_on_another_machine_with_a_whole_record() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let joins = |machine: &Path, code: &str, lines: &str| {
        std::fs::create_dir_all(machine).unwrap();
        let mut command = rlab(machine);
        command.args(["join", &board.address.to_string(), code, "--name", "Ada"]);
        feed(&mut command, lines)
    };
    let (old, new) = (home.path().join("old"), home.path().join("new"));
    let first = joins(&old, &board.code, "start chroot\n2\nsolve\nquit\n");
    assert_eq!(status(&first), 0, "{}", stderr(&first));
    let before = log(&db(&home)).len();
    let taken = joins(&new, &board.code, "quit\n");
    assert_eq!(status(&taken), 2, "{}", stderr(&taken));
    assert!(stderr(&taken).contains("a code of your own"), "{}", stderr(&taken));
    let code = code_for(&board, &learners(&board)[0]["learner"]);
    let back = joins(&new, &code, "start chroot:chroot\nls /\nquit\n");
    assert_eq!(status(&back), 0, "{}", stderr(&back));
    // The same line once more is the same learner, though the code was good for once.
    let more = joins(&new, &code, "start chroot:chroot\nls /\nquit\n");
    assert_eq!(status(&more), 0, "{}", stderr(&more));
    assert!(log(&db(&home)).len() > before + 2);
    // The record there is whole, from the first event on, and the one that the board has.
    let seat = std::fs::read_dir(new.join("state/rlab/workshop")).unwrap().map(|seat| seat.unwrap().path());
    let records: Vec<_> = seat.map(|seat| seat.join("events.jsonl")).filter(|file| file.exists()).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    let lines: Vec<String> =
        std::fs::read_to_string(&records[0]).unwrap().lines().skip(1).map(str::to_owned).collect();
    assert_eq!(lines, log(&db(&home)));
    let verified = crate::support::run(&["workshop", "verify", records[0].to_str().unwrap()]);
    assert_eq!(status(&verified), 0, "{}", stdout(&verified));
}
