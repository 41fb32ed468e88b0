//! A disk that is slow, or breaks: strace holds up the board's fsync(2) and fdatasync(2), or has them fail. What is sent is
//! shown at once all the same, acknowledged when it is on the disk and not before, and taken back where it could not be kept.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rlab::workshop::wire::Event;
use serde_json::{Value, json};

use crate::again::{code_for, join, learners};
use crate::client::{Answer, Board, Learner, Line, Stream, db, log, step, timed};
use crate::support::{has, skip, wait_for};

/// How long the disk takes.
const SLOW: Duration = Duration::from_secs(3);
/// How soon the page shows something.
const SOON: Duration = Duration::from_secs(1);

/// strace at the process that serves.
struct Disk(Child);

impl Disk {
    /// From now on each write to the disk takes three seconds, and this happens to it.
    fn slow(board: &Board, and: &str) -> Self {
        let serving = board.serving().unwrap();
        let inject = format!("inject=fsync,fdatasync:delay_enter={}{and}", SLOW.as_micros());
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", &inject, "-p", &serving.to_string()]);
        let disk = Self(strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for("strace at every thread of the board", || {
            std::fs::read_dir(format!("/proc/{serving}/task")).unwrap().all(|task| {
                let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
                !status.contains("TracerPid:\t0\n")
            })
        });
        disk
    }

    /// It is as it was.
    fn again(mut self) {
        let strace = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        nix::sys::signal::kill(strace, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends an event on a connection of its own, and waits for the answer elsewhere.
fn send(
    board: &Board,
    learner: &Learner,
    event: &Event,
) -> std::thread::JoinHandle<(Duration, Option<Answer>)> {
    let (address, token) = (board.address, learner.token.clone());
    let body = json!({ "events": [event] });
    std::thread::spawn(move || {
        timed(|| Line::open(address).unwrap().ask("POST", "/api/events", Some(&token), Some(&body)).ok())
    })
}

/// Follows the page until it shows so many events of the first learner; how long that took.
fn shows(page: &mut Stream, events: u64) -> (Duration, Value) {
    let start = Instant::now();
    loop {
        let told = page.next();
        if told["rows"].as_array().unwrap().iter().any(|row| row["events"] == events) {
            return (start.elapsed(), told);
        }
        assert!(start.elapsed() < 10 * SLOW, "{told}");
    }
}

fn cannot() -> bool {
    let cannot = !nix::unistd::geteuid().is_root() || !has("strace");
    if cannot {
        skip("holding up the board's writes needs root and strace");
    }
    cannot
}

#[test]
fn a_slow_disk_keeps_no_page_waiting_and_nothing_is_acknowledged_before_it_is_kept() {
    if cannot() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut ada = board.join("Ada");
    let mut page = Stream::open(&board);
    let disk = Disk::slow(&board, "");
    let first = ada.event(step("chroot", "tools"));
    let answer = send(&board, &ada, &first);
    let (took, _) = shows(&mut page, 1);
    assert!(took < SOON && !answer.is_finished(), "{took:?}");
    // Sent once more, it waits for the disk too; and so does what is said of another one in its place.
    let again = send(&board, &ada, &first);
    let forged = send(&board, &ada, &Event { at: first.at + 1, ..first.clone() });
    // The next one follows from it before it is on the disk.
    let second = ada.event(step("chroot", "chroot"));
    let next = send(&board, &ada, &second);
    let (took, _) = shows(&mut page, 2);
    assert!(took < SOON && ![&answer, &again, &forged].iter().any(|one| one.is_finished()), "{took:?}");
    for (answer, status, acknowledged) in
        [(answer, 200, 1), (again, 200, 1), (forged, 409, 1), (next, 200, 2)]
    {
        let (took, answer) = answer.join().unwrap();
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.json()["acknowledged"]), (status, &json!(acknowledged)));
        assert!(took > SLOW - SOON, "{took:?}");
    }
    // Killed between the two: whoever has no answer sends it again, and it is there once.
    let third = ada.event(step("chroot", "look"));
    let lost = send(&board, &ada, &third);
    shows(&mut page, 3);
    assert!(!lost.is_finished());
    let address = board.address.to_string();
    board.kill();
    drop(disk);
    assert!(lost.join().unwrap().1.is_none());
    let board = Board::start_at(&db(&home), &address, &[]);
    let (_, answer) = send(&board, &ada, &third).join().unwrap();
    assert_eq!(answer.unwrap().json(), json!({"acknowledged": 3}));
    board.end();
    assert_eq!(log(&db(&home)).len(), 3);
}

#[test]
fn a_code_that_let_nobody_in_is_good_for_once_more() {
    if cannot() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    board.join("Ada");
    let code = code_for(&board, &learners(&board)[0]["learner"]);
    let join = || join(&board, "Ada", &code).status;
    let disk = Disk::slow(&board, ":error=EIO");
    assert_eq!(join(), 500);
    disk.again();
    assert_eq!([join(), join()], [200, 403]);
}

#[test]
fn what_was_shown_and_could_not_be_kept_is_taken_back_and_comes_again() {
    if cannot() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut ada = board.join("Ada");
    let mut page = Stream::open(&board);
    ada.does(&board, step("chroot", "tools"));
    shows(&mut page, 1);
    let disk = Disk::slow(&board, ":error=EIO:when=1");
    let (second, third) = (ada.event(step("chroot", "chroot")), ada.event(step("chroot", "look")));
    let refused = send(&board, &ada, &second);
    shows(&mut page, 2);
    // It counts on the one that is lost, so it is lost as well, whatever the disk does by then.
    let follows = send(&board, &ada, &third);
    shows(&mut page, 3);
    // What is wrong with this one is not said either: it would tell of events that are not kept.
    let early = ada.end.event(0, step("chroot", "look"));
    let gap = send(&board, &ada, &Event { seq: early.seq + 1, ..early });
    let (_, told) = shows(&mut page, 1);
    for answer in [refused, follows, gap] {
        let answer = answer.join().unwrap().1.unwrap();
        assert_eq!(answer.status, 500, "{answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains("nothing was kept"), "{answer:?}");
    }
    let trouble = [told, page.next()].into_iter().find(|told| told["trouble"].is_string());
    assert!(trouble.is_some_and(|told| told["trouble"].as_str().unwrap().contains("I/O")));
    disk.again();
    // Who has nothing new to write does not show that the disk is well again.
    let body = json!({ "events": [] });
    let answer = board.ask("POST", "/api/events", Some(&ada.token), Some(&body));
    assert_eq!(answer.json(), json!({"acknowledged": 1}));
    assert!(Stream::open(&board).next()["trouble"].is_string());
    for (event, acknowledged) in [(second, 2), (third, 3)] {
        let (_, answer) = send(&board, &ada, &event).join().unwrap();
        assert_eq!(answer.unwrap().json(), json!({ "acknowledged": acknowledged }));
        let (_, told) = shows(&mut page, acknowledged);
        assert_eq!(told["trouble"], Value::Null);
    }
    board.end();
    assert_eq!(log(&db(&home)).len(), 3);
}
