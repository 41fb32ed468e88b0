//! What the README shows is what rlab tells: its transcript is played again and compared. Numbers differ from run to run,
//! and so do the processes of the machine; all else is held, word by word.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use support::{can_run_labs, feed, repository, rlab, stderr};

/// The blocks of text in the README that show a run.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    readme.split("```text\n").skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// The words, with numbers and paths of the session left out, since they differ from run to run and lines break elsewhere
/// then; the rows of processes left out.
fn words(text: &str) -> String {
    let row = |line: &&str| {
        let mut words = line.split_whitespace().skip_while(|word| matches!(*word, "-" | "+"));
        let first = words.next().unwrap_or_default();
        first == "…" || (first.parse::<u32>().is_ok() && words.next() == Some("root"))
    };
    let plain = |word: &str| {
        let number = word.trim_matches(|c: char| !c.is_alphanumeric()).parse::<u64>().is_ok();
        if number || word.contains("/rlab.") { "#".to_owned() } else { word.to_owned() }
    };
    let words: Vec<String> =
        text.lines().filter(|line| !row(line)).flat_map(str::split_whitespace).map(plain).collect();
    words.join(" ")
}

/// Holds that what the README shows is told just so.
fn shows(block: &str, told: &str) {
    let shown = words(block);
    assert!(shown.len() > 100, "the README shows too little: {block}");
    assert!(words(told).contains(&shown), "the README shows\n{block}\nand rlab told\n{told}");
}

#[test]
fn the_transcripts_of_the_readme_are_real() {
    if !can_run_labs() {
        return;
    }
    let blocks = blocks();
    let [lesson, kill] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    let play = |arguments: &[&str], lines: &str| {
        let home = tempfile::tempdir().unwrap();
        let output = feed(rlab(home.path()).args(arguments).env("COLUMNS", "84"), lines);
        format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output))
    };
    shows(lesson, &play(&["start", "pid-namespace:fresh"], "1\nunshare -f -p --mount-proc\n"));
    shows(kill, &play(&["run", "container:inside"], ""));
}
