//! What is written for a shell is clean, and tells what it does.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{has, is_root, run, status, stderr, stdout};
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

#[test]
fn a_script_makes_nothing_below_what_it_binds() {
    if !is_root() || !has("busybox") || !has("unshare") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let bound = place.path().join("bound");
    fs::create_dir(&bound).unwrap();
    let bind = format!("mount --bind {} /x", bound.display());
    let deep = format!("mount --bind {} /t/deep", bound.display());
    let cases: [&[&str]; 4] = [
        &[&bind, "mount --bind /etc/hostname /x/new"],
        &[&bind, "mount -t tmpfs tmpfs /x/new"],
        &["mount -t tmpfs tmpfs /t", &deep, "mount --bind /etc/hostname /t/deep/new"],
        // What is new may be filled.
        &[&bind, "mount -t tmpfs tmpfs /t", "mount --bind /etc/hostname /t/new"],
    ];
    for (number, lines) in cases.into_iter().enumerate() {
        let directory = place.path().join(number.to_string());
        let with = lines.iter().flat_map(|line| ["--with", line]);
        let mut words = vec!["export", "container:files", "--as", "sh"];
        words.extend(with.chain([directory.to_str().unwrap(), "--", "true"]));
        let exported = run(&words);
        assert_eq!(status(&exported), 0, "{}", stderr(&exported));
        let output = Command::new("sh").arg(directory.join("container.sh")).output().unwrap();
        assert_eq!(fs::read_dir(&bound).unwrap().count(), 0, "{lines:?} left something");
        assert_eq!(output.status.success(), number == 3, "{lines:?}: {}", stderr(&output));
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
