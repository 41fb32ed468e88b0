//! kill -9 at any moment, and a disk that is full: what was acknowledged is there, once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rlab::workshop::chain::{self, End};
use rlab::workshop::wire::{Event, What};
use serde_json::json;

use crate::client::{Board, Learner, db, lives, step};
use crate::support::{rlab, skip};

/// Learners who report as fast as they can and keep what is not acknowledged, as an rlab does.
fn busy(
    mut learner: Learner,
    address: SocketAddr,
    over: Arc<AtomicBool>,
) -> std::thread::JoinHandle<(Learner, u64)> {
    std::thread::spawn(move || {
        let mut kept: Vec<Event> = Vec::new();
        let mut acknowledged = 0;
        while !over.load(Ordering::Relaxed) {
            let event = learner.event(step("chroot", "tools"));
            kept.push(event);
            match learner.send(address, &kept[..kept.len().min(256)]) {
                Ok(answer) if answer.status == 200 => {
                    acknowledged = answer.json()["acknowledged"].as_u64().unwrap();
                    kept.retain(|event| event.seq > acknowledged);
                }
                Ok(answer) => {
                    assert!([503, 507].contains(&answer.status), "{answer:?}");
                    std::thread::sleep(Duration::from_millis(5));
                }
                // It is being killed, or not yet back.
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        (learner, acknowledged)
    })
}

/// The chain of each learner in the log, which has to be whole; by name.
fn chains(db: &Path) -> HashMap<String, End> {
    let sqlite = rusqlite::Connection::open(db).unwrap();
    let check: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let mut asked = sqlite
        .prepare("SELECT name, line FROM event JOIN learner ON number = learner ORDER BY number, seq")
        .unwrap();
    let mut all: HashMap<String, Vec<Event>> = HashMap::new();
    let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    for (name, line) in rows.map(Result::unwrap) {
        all.entry(name).or_default().push(serde_json::from_str(&line).unwrap());
    }
    all.into_iter().map(|(name, events)| (name, chain::verify(&events).unwrap())).collect()
}

#[test]
fn a_board_that_is_killed_again_and_again_loses_nothing_that_it_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let log = db(&home);
    let mut board = Board::start(&log, &["--course", "chroot"]);
    let (address, code) = (board.address, board.code.clone());
    let over = Arc::new(AtomicBool::new(false));
    let learners: Vec<_> =
        (0..8).map(|at| busy(board.join(&format!("learner {at}")), address, Arc::clone(&over))).collect();
    let rounds = std::env::var("RLAB_FAULT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12);
    for round in 0..rounds {
        // Every other moment of a commit, and sometimes while it is just starting.
        std::thread::sleep(Duration::from_millis(20 + round * 37 % 300));
        board.kill();
        board = Board::start_at(&log, &address.to_string(), &[]);
        assert_eq!(board.code, code);
    }
    std::thread::sleep(Duration::from_millis(300));
    over.store(true, Ordering::Relaxed);
    let told: Vec<(Learner, u64)> = learners.into_iter().map(|learner| learner.join().unwrap()).collect();
    board.kill();
    let chains = chains(&log);
    let mut all = 0;
    for (at, (learner, acknowledged)) in told.iter().enumerate() {
        let end = chains[&format!("learner {at}")];
        assert!(end.seq >= *acknowledged, "{at}: {} of {acknowledged}", end.seq);
        assert!(end.seq <= learner.end.seq, "{at}: more than was sent");
        assert!(*acknowledged > 0, "{at}");
        all += end.seq;
    }
    assert!(all > 8 * rounds, "it hardly worked: {all} events");
}

fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

#[test]
fn whatever_kills_the_process_that_serves_another_one_takes_its_place_at_once() {
    use nix::sys::signal::Signal;
    let home = tempfile::tempdir().unwrap();
    let log = db(&home);
    let board = Board::start(&log, &["--course", "chroot"]);
    let over = Arc::new(AtomicBool::new(false));
    let learners: Vec<_> = (0..8)
        .map(|at| busy(board.join(&format!("learner {at}")), board.address, Arc::clone(&over)))
        .collect();
    // SIGABRT is how a panic ends it. Five in a row would be the end; one that lasted a while begins to count anew.
    let (kill, abort) = (Signal::SIGKILL, Signal::SIGABRT);
    for (signal_of_round, lasted) in
        [(kill, 300), (abort, 300), (kill, 300), (abort, 2_200), (kill, 300), (abort, 300), (kill, 300)]
    {
        std::thread::sleep(Duration::from_millis(lasted));
        let serving = board.serving().unwrap();
        signal(serving, signal_of_round);
        crate::support::wait_for("its end", || !lives(serving));
        let (took, answer) = crate::client::timed(|| board.ask("GET", "/", None, None));
        assert_eq!(answer.status, 200);
        assert!(took < Duration::from_secs(1), "{signal_of_round}: {took:?}");
        assert_ne!(board.serving(), Some(serving));
    }
    over.store(true, Ordering::Relaxed);
    let told: Vec<(Learner, u64)> = learners.into_iter().map(|learner| learner.join().unwrap()).collect();
    let said = board.told();
    board.end();
    assert_eq!(said.matches("broke down (SIGKILL)").count(), 4, "{said}");
    assert_eq!(said.matches("broke down (SIGABRT)").count(), 3, "{said}");
    let chains = chains(&log);
    for (at, (learner, acknowledged)) in told.iter().enumerate() {
        let end = chains[&format!("learner {at}")];
        assert!(end.seq >= *acknowledged, "{at}: {} of {acknowledged}", end.seq);
        assert!(end.seq <= learner.end.seq, "{at}: more than was sent");
        assert!(*acknowledged > 0, "{at}");
    }
}

#[test]
fn a_board_that_breaks_down_at_every_start_gives_up_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut killed = Vec::new();
    crate::support::wait_for("the end of it", || {
        if let Some(serving) = board.serving().filter(|serving| !killed.contains(serving)) {
            signal(serving, nix::sys::signal::Signal::SIGKILL);
            killed.push(serving);
        }
        !lives(board.pid())
    });
    let (code, told) = board.ended();
    assert_eq!((code, killed.len()), (Some(125), 5), "{told}");
    assert!(told.contains("breaks down whenever it is started") && told.contains("SIGKILL"), "{told}");
}

#[test]
fn whoever_ends_the_process_that_was_started_ends_both() {
    for wanted in [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGINT] {
        let home = tempfile::tempdir().unwrap();
        let board = Board::start(&db(&home), &["--course", "chroot"]);
        let ada = board.join("Ada");
        // One is waiting for orders, as always.
        let mut waits = crate::client::Line::open(board.address).unwrap();
        let ask = format!(
            "GET /api/orders?after=0 HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {}\r\n\r\n",
            ada.token
        );
        waits.send(ask.as_bytes()).unwrap();
        let serving = board.serving().unwrap();
        signal(board.pid(), wanted);
        let (code, told) = board.ended();
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("The board is closed") && !told.contains("broke down"), "{told}");
        assert!(!lives(serving));
    }
}

#[test]
fn whoever_looks_into_the_log_takes_nothing_of_it_away() {
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let mut ada = board.join("Ada");
    ada.does(&board, step("chroot", "tools"));
    // Any program that may write to it: the last one that closes a log of SQLite's puts it in order, and this one is not.
    assert_eq!(crate::client::log(&db(&home)).len(), 1);
    // The SQLite of this test asks twice; an older one has nothing but the lock on the file to go by.
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(db(&home)).unwrap());
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let is_held = |line: &str| line.contains("POSIX") && line.contains(&format!(":{inode} "));
    assert!(locks.lines().any(is_held), "{inode}: {locks}");
    ada.does(&board, step("chroot", "chroot"));
    board.kill();
    assert_eq!(chains(&db(&home))["Ada"], ada.end);
}

#[test]
fn a_board_that_ends_leaves_one_file_with_everything_in_it() {
    let home = tempfile::tempdir().unwrap();
    for round in 1..=20 {
        let board = Board::start(&db(&home), &["--course", "chroot"]);
        board.join(&format!("learner {round}")).does(&board, step("chroot", "tools"));
        board.end();
        let copy = home.path().join("copy");
        std::fs::copy(db(&home), &copy).unwrap();
        assert_eq!(crate::client::log(&copy).len(), round);
    }
}

#[test]
fn a_full_disk_is_told_and_costs_nothing_that_was_acknowledged() {
    if !nix::unistd::geteuid().is_root() {
        skip("a small disk can be mounted by root alone");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // A mount namespace of its own: the small disk is the board's alone, seen from here through its root.
    let mut command = Command::new("unshare");
    let host = rlab(home.path());
    let small = home.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let script = "mount -t tmpfs -o size=640k small \"$1\" && exec \"$2\" workshop host --bind 127.0.0.1:0 \
                  --course chroot --db \"$1/room.db\"";
    command
        .args(["-m", "--propagation", "private", "sh", "-c", script, "sh"])
        .args([small.as_os_str(), host.get_program()])
        .env("HOME", home.path());
    let board = Board::of(command);
    let inside = format!("/proc/{}/root{}", board.pid(), small.display());
    let mut ada = board.join("Ada");
    let mut acknowledged = 0;
    let mut lost = None;
    for _ in 0..4_000 {
        let before = ada.end;
        let event = ada.event(step("chroot", "tools"));
        let answer = ada.send(board.address, &[event]).unwrap();
        match answer.status {
            200 => acknowledged = answer.json()["acknowledged"].as_u64().unwrap(),
            _ => {
                lost = Some(answer);
                ada.end = before;
                break;
            }
        }
    }
    let lost = lost.expect("the disk was never full");
    assert_eq!(lost.status, 507);
    assert!(lost.json()["error"].as_str().unwrap().contains("full"), "{lost:?}");
    crate::support::wait_for("the note", || board.told().contains("refused, 507"));
    // It goes on serving what needs no disk, and says what is wrong.
    let token = board.token.as_deref();
    let export = board.ask("GET", "/api/instructor/export.json", token, None);
    assert_eq!((export.status, &export.json()["learners"][0]["events"]), (200, &json!(acknowledged)));
    let told = crate::client::Stream::open(&board).next();
    assert!(told["trouble"].as_str().unwrap().contains("full"), "{told}");
    let answer = ada.does_anyhow(&board, What::Left {});
    assert_eq!(answer.status, 507);
    // Another process takes over on the full disk, too.
    signal(board.serving().unwrap(), nix::sys::signal::Signal::SIGKILL);
    let export = board.ask("GET", "/api/instructor/export.json", token, None);
    assert_eq!((export.status, &export.json()["learners"][0]["events"]), (200, &json!(acknowledged)));
    assert_eq!(ada.does_anyhow(&board, What::Left {}).status, 507);
    // With room again it goes on where it was: the same event is sent once more.
    let pid = board.pid().to_string();
    let wider = ["-t", &pid, "-m", "mount", "-o", "remount,size=8m"];
    assert!(Command::new("nsenter").args(wider).arg(&small).status().unwrap().success());
    ada.does(&board, What::Left {});
    assert_eq!(ada.end.seq, acknowledged + 1);
    let copy = home.path().join("copy.db");
    // A second reader, as a report is made while the board serves.
    std::fs::copy(format!("{inside}/room.db"), &copy).unwrap();
    std::fs::copy(format!("{inside}/room.db-wal"), home.path().join("copy.db-wal")).unwrap();
    assert_eq!(chains(&copy)["Ada"], ada.end);
    board.kill();
}
