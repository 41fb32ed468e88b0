//! `rlab run --cast`: the recording says what the run said, when it said it, and asciinema's own tool reads it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use support::{can_run_labs, has, rlab, run, status, stderr, stdout};

/// The head, and each piece with its time in seconds.
fn read(path: &Path) -> (Value, Vec<(f64, String)>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let head = lines.next().unwrap();
    let piece = |line: Value| {
        assert_eq!(line[1], "o", "{line}");
        (line[0].as_f64().unwrap(), line[2].as_str().unwrap().to_owned())
    };
    (head, lines.map(piece).collect())
}

/// Text without the colours of a terminal.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('m').unwrap().1);
    }
    out
}

#[test]
fn it_says_what_the_run_said_and_asciinema_reads_it() {
    if !can_run_labs() || !has("asciinema") || !has("script") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run.cast");
    let output = run(&["run", "chroot", "--masked", "--cast", path.to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let (head, pieces) = read(&path);
    assert_eq!((&head["version"], &head["width"]), (&Value::from(2), &Value::from(80)));
    let recorded: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
    assert_ne!(recorded, plain(&recorded), "a recording has colours");
    // Whoever plays it sees each line begin at the left end.
    assert_eq!(recorded.matches('\n').count(), recorded.matches("\r\n").count());
    assert_eq!(plain(&recorded).replace("\r\n", "\n"), stdout(&output));
    // It wants a terminal, and makes that one raw: what comes out is what it wrote.
    let command = format!("asciinema cat '{}'", path.display());
    let mut others = Command::new("script");
    others.args(["-qec", &command, "/dev/null"]).env("HOME", place.path()).env("LANG", "C.UTF-8");
    let read_by_others = others.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(read_by_others.status.success(), "{}", stderr(&read_by_others));
    assert_eq!(stdout(&read_by_others), recorded);
}

#[test]
fn its_times_are_those_of_the_run() {
    let place = tempfile::tempdir().unwrap();
    let (path, script) = (place.path().join("run.cast"), place.path().join("lines"));
    std::fs::write(&script, "!echo first; sleep 2; echo second\n").unwrap();
    let started = Instant::now();
    let words = ["run", "--script", script.to_str().unwrap(), "--cast", path.to_str().unwrap()];
    let output = run(&words);
    let took = started.elapsed().as_secs_f64();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let (_, pieces) = read(&path);
    assert!(pieces.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{pieces:?}");
    let at = |text: &str| {
        pieces
            .iter()
            .find(|(_, piece)| piece.trim_start().starts_with(text))
            .unwrap_or_else(|| panic!("{text}: {pieces:?}"))
            .0
    };
    // On a busy machine the first piece may be read late; without real times there would be nothing in between.
    assert!(at("second") - at("first") > 1.0, "{pieces:?}");
    assert!(at("second") <= took, "{pieces:?} in {took} s");
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_runs() {
    let home = tempfile::tempdir().unwrap();
    let output = rlab(home.path()).args(["run", "chroot", "--cast", "/nowhere/run.cast"]).output().unwrap();
    assert_eq!((status(&output), stdout(&output)), (2, String::new()));
    assert!(stderr(&output).contains("/nowhere/run.cast") && stderr(&output).contains("hint:"));
}

#[test]
fn a_full_disk_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("lines");
    std::fs::write(&script, "!echo first\n").unwrap();
    let mut words = rlab(home.path());
    words.args(["run", "--cast", "/dev/full", "--script"]).arg(&script);
    let output = words.output().unwrap();
    assert_eq!(status(&output), 125, "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("error:").count(), 1, "{}", stderr(&output));
}
