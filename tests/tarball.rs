//! The tarball for machines without a network, which `.ci/tarball` makes: unpacked in an empty home where there is no network
//! and nothing else of rlab's, it does a lab. `RLAB_TARBALL` names it; CI sets that.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{is_root, status, stderr, stdout};

/// The tarball, unpacked in an empty directory.
fn unpacked() -> Option<(tempfile::TempDir, PathBuf)> {
    let Some(tarball) = std::env::var_os("RLAB_TARBALL").map(PathBuf::from) else {
        // It takes longer to build than all the tests: CI makes it and says where it is.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"left out: RLAB_TARBALL is not set\n");
        return None;
    };
    if !is_root() {
        return None;
    }
    let home = tempfile::tempdir().unwrap();
    let done = Command::new("tar").arg("-xzf").arg(&tarball).arg("-C").arg(home.path()).status().unwrap();
    assert!(done.success());
    let mut found = std::fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.path());
    let directory = found.next().unwrap();
    assert_eq!(found.next(), None, "all of it is in one directory");
    Some((home, directory))
}

/// Runs the unpacked program with no network, an empty environment and an empty home.
fn offline(home: &Path, directory: &Path, words: &[&str]) -> Output {
    let mut command = Command::new("unshare");
    command.args(["--net", "--"]).arg(directory.join("rlab")).args(words).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", home).current_dir(home).output().unwrap()
}

#[test]
fn what_is_unpacked_without_a_network_does_a_lab() {
    let Some((home, directory)) = unpacked() else { return };
    for name in
        ["rlab", "labs/chroot.toml", "README.md", "INSTALL", "CRATES", "LICENSE-MIT", "LICENSE-APACHE"]
    {
        assert!(directory.join(name).is_file(), "{name} is missing");
    }
    let output = offline(home.path(), &directory, &["run", "chroot"]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    // The labs beside it are those that are built in.
    let labs = directory.join("labs").display().to_string();
    let output = offline(home.path(), &directory, &["--labs", &labs, "list"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    // All of a release: the board and the preprocessor.
    let output = offline(home.path(), &directory, &["workshop", "host", "--bind", "256.0.0.1:1"]);
    assert!(stderr(&output).contains("256.0.0.1"), "{}", stderr(&output));
    assert_eq!(status(&offline(home.path(), &directory, &["mdbook", "supports", "html"])), 0);
    // Nothing of the program is anywhere else: it starts where there is no other file at all.
    let mut alone = Command::new("chroot");
    let output = alone.arg(&directory).args(["/rlab", "--version"]).output().unwrap();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
}

#[test]
fn the_sum_beside_it_is_its_own_and_nothing_in_it_names_who_made_it() {
    let Some(tarball) = std::env::var_os("RLAB_TARBALL").map(PathBuf::from) else { return };
    let mut sum = tarball.clone().into_os_string();
    sum.push(".sha256");
    let sum = PathBuf::from(sum);
    let checked =
        Command::new("sha256sum").arg("-c").arg(&sum).current_dir(sum.parent().unwrap()).output().unwrap();
    assert_eq!(status(&checked), 0, "{}", stderr(&checked));
    let listed = Command::new("tar")
        .args(["-tvzf"])
        .arg(&tarball)
        .args(["--full-time", "--numeric-owner"])
        .output()
        .unwrap();
    let listed = stdout(&listed);
    let rows: Vec<Vec<&str>> = listed.lines().map(|row| row.split_whitespace().collect()).collect();
    assert!(rows.len() > 10);
    assert!(
        rows.iter().all(|row| row[1] == "0/0" && (row[3], row[4]) == (rows[0][3], rows[0][4])),
        "{listed}"
    );
    let Some((_home, directory)) = unpacked() else { return };
    let program = std::fs::read(directory.join("rlab")).unwrap();
    let here = env!("CARGO_MANIFEST_DIR").as_bytes();
    assert!(!program.windows(here.len()).any(|piece| piece == here), "the program names where it was built");
}
