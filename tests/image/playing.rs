//! What the tests here share: lines played in a session, and layouts made by hand.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use std::io::Write;

use crate::support::{rlab, stderr, stdout};

/// What a session told on both streams.
pub(crate) struct Told {
    pub(crate) text: String,
}

/// Plays these lines in one session, whose work directory is below `place`.
pub(crate) fn play(place: &Path, lines: &[&str]) -> Told {
    let mut child = rlab(place)
        .args(["play", "--plain"])
        .env("TMPDIR", place)
        .env("COLUMNS", "200")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n", lines.join("\n")).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Told { text: format!("{}{}", stdout(&output), stderr(&output)) }
}

/// An image of the BusyBox root, made in a session and copied out of it: `LAYOUT`, tag `1.0`.
pub(crate) fn layout(place: &Path, config: &str) -> PathBuf {
    let layout = place.join("layout");
    let copy = format!("!cp -r \"$IMAGE\" {}", layout.display());
    let config = format!("image config {config}");
    let told =
        play(place, &["rootfs busybox", "image pack", &config, "image manifest", "image index 1.0", &copy]);
    assert!(layout.join("index.json").is_file(), "{}", told.text);
    layout
}

/// Runs a program, which has to work, and gives its output.
pub(crate) fn sure(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Every path below a directory, sorted.
pub(crate) fn below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap().flatten() {
            found.push(entry.path().strip_prefix(directory).unwrap().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
