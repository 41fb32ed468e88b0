//! A lab from elsewhere runs nothing on the host unless it is trusted, and then it is shown first.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use support::{can_run_labs, rlab, source, status, stderr, stdout};

/// A lab that leaves a file on the host, by its probe alone.
fn lab(home: &Path) -> PathBuf {
    let labs = home.join("labs");
    std::fs::create_dir(&labs).unwrap();
    let text = format!(
        "format = 1\nid = \"mine\"\ntitle = \"Mine\"\nminutes = 1\nneeds = []\nstart = []\n[[step]]\nid = \"one\"\n\
         title = \"One\"\nsay = \"Look.\"\ntry = [\"true\"]\nprobe = \"!touch {}\"\nhints = [\"a\", \"b\", \"c\"]\n\
         why = \"So.\"\n[[step.check]]\nclaim = \"it ran\"\nstatus = 0\n",
        home.join("was-here").display()
    );
    std::fs::write(labs.join("mine.toml"), text).unwrap();
    labs
}

fn asked(home: &Path, words: &[&str], typed: &str) -> Output {
    let labs = home.join("labs");
    let mut child = rlab(home)
        .args(["--labs".as_ref(), labs.as_os_str()])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // EPIPE: what is refused has ended before anything was typed.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_lab_from_elsewhere_runs_nothing_on_the_host_untrusted() {
    let home = tempfile::tempdir().unwrap();
    lab(home.path());
    let was_here = home.path().join("was-here");
    let ways: [(&[&str], &str); 5] = [
        (&["run", "mine"], ""),
        (&["run", "--all"], ""),
        (&["start", "mine"], "\n\n"),
        (&[], "\n\n\n"),
        (&["run", "mine", "--script", "-"], "true\n"),
    ];
    for (words, typed) in ways {
        let output = asked(home.path(), words, typed);
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert!(!was_here.exists(), "{words:?} ran it");
        assert!(told.contains("!touch ") && told.contains("--trust"), "{words:?}: {told}");
    }
    assert_eq!(status(&asked(home.path(), &["run", "mine"], "")), 2);
}

#[test]
fn what_is_trusted_is_shown_and_runs() {
    let home = tempfile::tempdir().unwrap();
    lab(home.path());
    for words in [&["--trust", "run", "mine"][..], &["--trust", "start", "mine"]] {
        let output = asked(home.path(), words, "true\n");
        assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains("!touch "), "{}", stderr(&output));
        std::fs::remove_file(home.path().join("was-here")).unwrap();
    }
}

#[test]
fn a_learner_types_what_they_like_in_any_lab() {
    let home = tempfile::tempdir().unwrap();
    let labs = lab(home.path());
    let text = std::fs::read_to_string(labs.join("mine.toml")).unwrap();
    let probed = text.lines().filter(|line| !line.starts_with("probe")).collect::<Vec<_>>().join("\n");
    std::fs::write(labs.join("mine.toml"), probed).unwrap();
    let output = asked(home.path(), &["start", "mine"], &format!("!touch {}/typed\n", home.path().display()));
    assert!(home.path().join("typed").exists(), "{}", stdout(&output));
}

#[test]
fn a_copy_of_a_lab_that_is_built_in_is_trusted_and_a_changed_one_is_not() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("labs")).unwrap();
    let copy = home.path().join("labs/memory-cgroup.toml");
    std::fs::write(&copy, source("memory-cgroup")).unwrap();
    let words = &["run", "memory-cgroup"];
    assert_eq!(status(&asked(home.path(), words, "")), 0);
    std::fs::write(&copy, format!("{}\n", source("memory-cgroup"))).unwrap();
    assert_eq!(status(&asked(home.path(), words, "")), 2);
    let checked = |paths: &str| stdout(&rlab(home.path()).args(["check", paths]).output().unwrap());
    assert!(checked(copy.to_str().unwrap()).contains("--trust"));
    assert!(!checked(concat!(env!("CARGO_MANIFEST_DIR"), "/labs")).contains("--trust"));
}
