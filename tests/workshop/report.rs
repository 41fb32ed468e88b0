//! Afterwards: the report and the check of records that real sessions have written.

use std::path::PathBuf;

use crate::board::{Board, CODE};
use crate::support::{can_run_labs, feed, rlab, run, status, stderr, stdout};

/// The record of someone who types these lines in the room.
fn record(board: &Board, home: &std::path::Path, name: &str, lines: &str) -> PathBuf {
    let place = home.join(name);
    std::fs::create_dir(&place).unwrap();
    let address = board.address.to_string();
    let output = feed(rlab(&place).args(["join", &address, CODE, "--name", name]), lines);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let seat = std::fs::read_dir(place.join("state/rlab/workshop")).unwrap().next().unwrap().unwrap();
    seat.path().join("events.jsonl")
}

#[test]
fn records_become_a_report_and_one_that_was_changed_does_not() {
    if !can_run_labs() {
        return;
    }
    let board = Board::open(&["chroot"]);
    let home = tempfile::tempdir().unwrap();
    let solved = "start chroot\n2\nsolve\nnext\nchroot\nquit\n";
    let ada = record(&board, home.path(), "Ada", solved);
    let bob = record(&board, home.path(), "Bob", "start chroot\n1\nls\nhint\nquit\n");
    let words = |first: &[&str]| {
        let mut words: Vec<String> = first.iter().map(|word| (*word).to_owned()).collect();
        words.extend([&ada, &bob].map(|path| path.display().to_string()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(&words)
    };
    let output = words(&["workshop", "report", "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["learners"][0]["done"]["chroot"], 2);
    assert_eq!(report["learners"][1]["done"], serde_json::json!({}));
    let tools = &report["labs"][0]["steps"][0];
    assert_eq!((&tools["reached"], &tools["done"], &tools["hints"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!(
        (&report["predictions"][0]["right"], &report["predictions"][0]["wrong"]),
        (&1.into(), &1.into())
    );
    assert_eq!(report["failures"][0]["step"], "tools");
    // The hash is the one of the last line, as anybody can compute it.
    let last = std::fs::read_to_string(&ada).unwrap().lines().last().unwrap().to_owned();
    let sum = feed(&mut std::process::Command::new("sha256sum"), last);
    assert_eq!(report["learners"][0]["hash"].as_str(), stdout(&sum).split_whitespace().next());
    for format in ["markdown", "html"] {
        let page = stdout(&words(&["workshop", "report", "--format", format]));
        for text in ["Ada", "Bob", "Build a file system", "Hardest predictions", "Commonest failures"] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }
    let output = words(&["workshop", "verify"]);
    assert_eq!((status(&output), stdout(&output).matches("whole:").count()), (0, 2), "{}", stdout(&output));

    // A try more or less: the event after it tells.
    let text = std::fs::read_to_string(&bob).unwrap();
    let changed = text.replacen("\"choice\":1,\"right\":false", "\"choice\":2,\"right\":true", 1);
    assert_ne!(text, changed);
    std::fs::write(&bob, changed).unwrap();
    let output = words(&["workshop", "verify"]);
    assert_eq!(status(&output), 1, "{}", stdout(&output));
    assert!(stderr(&output).contains("line 4:") && stdout(&output).contains("Ada"), "{}", stderr(&output));
    let output = words(&["workshop", "report"]);
    assert!(status(&output) == 1 && !stdout(&output).contains("Bob"), "{}", stdout(&output));
    std::fs::write(&bob, "not a record\n").unwrap();
    assert_eq!(status(&words(&["workshop", "verify"])), 2);
}
