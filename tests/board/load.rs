//! A full room: three hundred learners, an event each every two seconds, and the instructor's page. Nothing is lost, the page
//! shows a change within a second, and the board stays small.
//!
//! `RLAB_LOAD_SECONDS=600 cargo test --features workshop --test board_load -- --nocapture` is the whole of it; without the
//! variable it is half a minute. It is a test binary of its own, so that it has the machine for itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[allow(dead_code, reason = "the other tests of the board use more of it")]
mod client;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rlab::workshop::wire::What;

use crate::client::{Board, Learner, Line, Stream, db, log, now, step};

const LEARNERS: usize = 300;
const EVERY: Duration = Duration::from_secs(2);

/// What happens next at a learner's: they walk through the lab, try, fail, ask for hints, and pass.
fn next(at: usize, turn: u64) -> What {
    let steps = ["tools", "chroot", "look", "ps", "proc", "shared"];
    let place = steps[(turn as usize / 6 + at) % steps.len()].to_owned();
    let lab = "chroot".to_owned();
    match turn % 6 {
        0 => step("chroot", &place),
        1 => {
            What::Predicted { lab, step: place, choice: 1 + at as u32 % 3, right: Some(at.is_multiple_of(3)) }
        }
        2 => What::Tried { lab, step: place, tries: 1 + turn as u32 },
        3 => What::Errno { lab, step: place, errno: "EPERM".to_owned(), call: "mount".to_owned() },
        4 => What::Verdict { lab, step: place, passed: false, failed: vec![at as u32 % 2] },
        _ => What::Verdict { lab, step: place, passed: true, failed: Vec::new() },
    }
}

/// When each event was sent: by learner's place and `seq`.
type Sent = Arc<Mutex<HashMap<(u64, u64), u64>>>;

fn learner(
    at: usize,
    mut learner: Learner,
    board: &Board,
    until: Instant,
    sent: &Sent,
) -> std::thread::JoinHandle<(usize, u64, Vec<u64>)> {
    let (address, sent) = (board.address, Arc::clone(sent));
    // Each waits for orders on a second connection, as an rlab does.
    let token = learner.token.clone();
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(move || {
            while Instant::now() < until {
                let Ok(mut line) = Line::open(address) else { return };
                while Instant::now() < until
                    && line.ask("GET", "/api/orders?after=0", Some(&token), None).is_ok()
                {}
            }
        })
        .unwrap();
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(move || {
            let mut answers = Vec::new();
            let mut due = Instant::now() + EVERY * at as u32 / LEARNERS as u32;
            let mut turn = 0;
            while due < until {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let event = learner.event(next(at, turn));
                let began = now();
                sent.lock().unwrap().insert((at as u64, event.seq), began);
                // Where the board has too much to do, an rlab asks again.
                let events = [event];
                let answer = loop {
                    let answer = learner.send(address, &events).unwrap();
                    if answer.status != 503 {
                        break answer;
                    }
                    std::thread::sleep(Duration::from_millis(100));
                };
                assert_eq!(answer.status, 200, "{answer:?}");
                answers.push(now() - began);
                turn += 1;
                due += EVERY;
            }
            (at, learner.end.seq, answers)
        })
        .unwrap()
}

/// The page: how long after it was sent a learner's last event is shown.
fn page(board: &Board, sent: &Sent, over: &Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<u64>> {
    let (mut stream, sent, over) = (Stream::open(board), Arc::clone(sent), Arc::clone(over));
    std::thread::spawn(move || {
        let mut took = Vec::new();
        let mut shown: HashMap<u64, u64> = HashMap::new();
        while !over.load(Ordering::Relaxed) {
            let told = stream.next();
            let seen = now();
            for row in told["rows"].as_array().unwrap() {
                let (place, events) = (row["place"].as_u64().unwrap(), row["events"].as_u64().unwrap());
                let before = shown.insert(place, events).unwrap_or(0);
                let sent = sent.lock().unwrap();
                took.extend((before + 1..=events).filter_map(|seq| Some(seen - sent.get(&(place, seq))?)));
            }
        }
        took
    })
}

fn percentile(values: &mut [u64], of: usize) -> u64 {
    values.sort_unstable();
    values[(values.len() - 1) * of / 100]
}

#[test]
fn load_of_a_full_room() {
    let seconds =
        std::env::var("RLAB_LOAD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(30);
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &[]);
    let learners: Vec<Learner> = (0..LEARNERS).map(|at| board.join(&format!("Learner {at}"))).collect();
    let (sent, over): (Sent, _) = (Sent::default(), Arc::new(AtomicBool::new(false)));
    let pages: Vec<_> = (0..2).map(|_| page(&board, &sent, &over)).collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    let working: Vec<_> =
        learners.into_iter().enumerate().map(|(at, one)| learner(at, one, &board, until, &sent)).collect();
    let mut events = 0;
    let mut answers = Vec::new();
    let mut ends = HashMap::new();
    for one in working {
        let (at, end, took) = one.join().unwrap();
        ends.insert(at as u64, end);
        events += end;
        answers.extend(took);
    }
    // The last of them have a moment to be shown.
    std::thread::sleep(Duration::from_millis(1_500));
    over.store(true, Ordering::Relaxed);
    let mut shown: Vec<u64> = pages.into_iter().flat_map(|page| page.join().unwrap()).collect();
    let resident = board.resident();
    let (half, most, last) =
        (percentile(&mut shown, 50), percentile(&mut shown, 99), percentile(&mut shown, 100));
    let (answered, slowest) = (percentile(&mut answers, 99), percentile(&mut answers, 100));
    println!(
        "{LEARNERS} learners, {seconds} s, {events} events: shown after {half} ms (median), {most} ms (99 of 100), {last} ms \
         (last); acknowledged after {answered} ms (99 of 100), {slowest} ms (last); {resident} KiB resident at most"
    );
    assert!(events >= LEARNERS as u64 * (seconds / 2 - 1), "{events}");
    // Every event was shown on both pages.
    assert_eq!(shown.len() as u64, 2 * events);
    assert!(most < 1_000, "{most} ms");
    assert!(resident < 100 * 1024, "{resident} KiB");
    board.end();
    assert_eq!(log(&db(&home)).len() as u64, events);
}
