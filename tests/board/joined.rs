//! The board and real learners: `rlab join`, as it is built.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::browser::{open, shows, start};
use crate::client::{Board, db};
use crate::support::{can_run_labs, feed, rlab, run, status, stderr, stdout};

fn join(home: &Path, board: &Board, name: &str) -> Command {
    std::fs::create_dir_all(home).unwrap();
    let mut command = rlab(home);
    command.args(["join", &board.address.to_string(), &board.code, "--name", name]);
    command
}

/// The record that a learner keeps.
fn record(home: &Path) -> PathBuf {
    let seat = std::fs::read_dir(home.join("state/rlab/workshop")).unwrap().next().unwrap().unwrap();
    seat.path().join("events.jsonl")
}

#[test]
fn the_log_of_a_room_becomes_the_report_that_the_records_of_its_learners_make() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let lines = [
        ("Ada", "start chroot\n2\nsolve\nnext\nchroot\nquit\n"),
        ("Bob", "start chroot\n1\nls\nhint\nquit\n"),
    ];
    for (name, lines) in lines {
        let output = feed(&mut join(&home.path().join(name), &board, name), lines);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
    }
    let log = db(&home).display().to_string();
    let records = ["Ada", "Bob"].map(|name| record(&home.path().join(name)).display().to_string());
    // The board still serves: a report can be made of what is there at any time.
    let report = |files: &[&String]| -> Value {
        let mut words = vec!["workshop", "report", "--format", "json"];
        words.extend(files.iter().map(|file| file.as_str()));
        let output = run(&words);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    let of_log = report(&[&log]);
    assert_eq!(of_log["learners"][0]["done"]["chroot"], json!(2));
    assert_eq!(of_log, report(&[&records[0], &records[1]]));
    assert_eq!(of_log, report(&[&records[0], &log]), "the same learner from both sides is one");
    board.end();
    assert_eq!(of_log, report(&[&log]));
    let other = home.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute("CREATE TABLE a (b)", []).unwrap();
    let output = run(&["workshop", "report", other.to_str().unwrap()]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("is no log of a room"), "{}", stderr(&output));
}

#[test]
fn forty_real_learners_are_on_the_page_and_come_back_by_themselves() {
    forty("chromium");
}

#[test]
fn forty_real_learners_are_on_the_page_of_firefox_too() {
    forty("firefox-esr");
}

fn forty(program: &str) {
    if !can_run_labs() {
        return;
    }
    let Some(mut browser) = start(program) else { return };
    let browser = browser.as_mut();
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let homes: Vec<PathBuf> = (0..40).map(|at| home.path().join(format!("home{at}"))).collect();
    let mut learners: Vec<Child> = homes
        .iter()
        .enumerate()
        .map(|(at, home)| {
            let mut command = join(home, &board, &format!("Learner {at:02}"));
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let types = |learner: &mut Child, lines: &str| {
        learner.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    };
    open(browser, &board);
    for (at, learner) in learners.iter_mut().enumerate() {
        types(learner, if at % 2 == 0 { "start chroot\n1\n" } else { "start chroot\n2\n" });
    }
    shows(browser, "forty rows", "document.querySelectorAll('#rows tr td.here').length === 40");
    shows(
        browser,
        "twenty of each answer",
        "document.getElementById('answers').textContent.split(': 20').length === 3",
    );
    // One has seen every hint, and one asks.
    types(&mut learners[11], "hint\nhint\nhint\nhint\n");
    types(&mut learners[23], "ask\n");
    let top = |at: usize, name: &str, why: &str| {
        format!(
            "(text => text.startsWith({name:?}) && text.includes({why:?}))(document.querySelector('#rows tr:nth-child({at})').textContent)"
        )
    };
    shows(browser, "the hand first", &top(1, "Learner 23", "asks"));
    shows(browser, "then the one without hints", &top(2, "Learner 11", "has seen every hint"));

    // The board is killed; they work on; it comes back.
    let address = board.address.to_string();
    board.kill();
    for learner in &mut learners {
        types(learner, "ls /\n");
    }
    types(&mut learners[23], "unask\n");
    let board = Board::start_at(&db(&home), &address, &[]);
    shows(browser, "no hand up", "!document.getElementById('rows').textContent.includes('asks')");
    shows(
        browser,
        "all of them back",
        "document.getElementById('counts').textContent.includes('40 connected')",
    );
    for learner in &mut learners {
        types(learner, "quit\n");
    }
    for mut learner in learners {
        assert!(learner.wait().unwrap().success());
    }
    shows(browser, "all of them gone", "document.querySelectorAll('#rows tr.away').length === 40");
    board.end();
    // What each has kept is what the board has, event by event.
    let mut kept: Vec<String> = Vec::new();
    for home in &homes {
        kept.extend(std::fs::read_to_string(record(home)).unwrap().lines().skip(1).map(str::to_owned));
    }
    let mut had = crate::client::log(&db(&home));
    kept.sort_unstable();
    had.sort_unstable();
    assert!(kept.len() > 160, "{}", kept.len());
    assert_eq!(kept, had);
}
