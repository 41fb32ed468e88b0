//! What is written for a shell is clean, and tells what it does.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{has, run, status, stderr, stdout};
use crate::{WHAT, recipe};

#[test]
fn the_scripts_are_clean_and_tell_what_they_do() {
    if !has("shellcheck") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for what in WHAT {
        for (told, file) in [("sh", "container.sh"), ("docker", "run.sh")] {
            let directory = place.path().join(format!("{told}-{what}"));
            let text = clean_script(&["export", what, "--as", told], &directory, &[], file);
            for line in recipe(what).lines() {
                assert!(text.contains(&format!("#     {line}\n")), "{what}: `{line}` is not told");
            }
        }
    }
}

#[test]
fn a_script_is_clean_whatever_it_is_to_run() {
    if !has("shellcheck") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let words = ["sh", "-c", "echo $$ `id -u` \"it's\" ${x}", "a\\", "$1", "-n", "*"];
    for (number, given_up) in ["capdrop CAP_SYS_ADMIN", "capdrop ALL", "capdrop CAP_CHOWN"].iter().enumerate()
    {
        for (told, file) in [("sh", "container.sh"), ("docker", "run.sh")] {
            let directory = place.path().join(format!("{told}-{number}"));
            clean_script(&["export", "full", "--as", told, "--with", given_up], &directory, &words, file);
        }
    }
}

/// Exports a script, and has shellcheck read it.
fn clean_script(export: &[&str], directory: &Path, words: &[&str], file: &str) -> String {
    let mut line = [export, &[directory.to_str().unwrap()]].concat();
    if !words.is_empty() {
        line.push("--");
        line.extend(words);
    }
    let output = run(&line);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let checked = Command::new("shellcheck").arg(directory.join(file)).output().unwrap();
    assert!(checked.status.success(), "{line:?}:\n{}", stdout(&checked));
    fs::read_to_string(directory.join(file)).unwrap()
}
