//! What is exported is written whole or not at all, and the same each time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{is_root, rlab, run, status, stderr, stdout};

/// Every file of a directory, with what is in it.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    let inside = entry.path().strip_prefix(directory).unwrap().to_owned();
                    found.push((inside, fs::read(entry.path()).unwrap()));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn two_exports_are_the_same() {
    let place = tempfile::tempdir().unwrap();
    for told in ["sh", "docker", "oci"] {
        let [one, two] = ["one", "two"].map(|name| place.path().join(format!("{told}-{name}")));
        for directory in [&one, &two] {
            let output = run(&["export", "full", "--as", told, directory.to_str().unwrap()]);
            assert_eq!(status(&output), 0, "{}", stderr(&output));
        }
        assert!(!contents(&one).is_empty());
        assert!(contents(&one) == contents(&two), "{told}");
    }
}

#[test]
fn a_directory_that_is_not_empty_is_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let everything = || {
        let names = fs::read_dir(place.path()).unwrap().flatten().map(|entry| entry.file_name());
        names.collect::<BTreeSet<_>>()
    };
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/mine"), "mine").unwrap();
    fs::write(at("file"), "mine").unwrap();
    fs::create_dir(at("empty")).unwrap();
    std::os::unix::fs::symlink("empty", at("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("loose")).unwrap();
    let before = everything();
    for (what, name, why) in [
        ("full", "full", "not empty"),
        ("full", "file", "Not a directory"),
        ("full", "loose", "No such file"),
        ("full", "no/such", "No such file"),
        ("full", "..", "not empty"),
        ("container:teardown", "new", "the recipe is empty"),
        ("container:nowhere", "new", "no step `nowhere`"),
        ("contaner", "new", "`container`"),
    ] {
        let output = run(&["export", what, "--as", "oci", at(name).to_str().unwrap()]);
        assert_eq!(status(&output), 2, "{what} {name}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{what} {name}: {}", stderr(&output));
        assert!(stderr(&output).contains("hint: "), "{what} {name}: {}", stderr(&output));
        assert_eq!((everything(), stdout(&output).as_str()), (before.clone(), ""), "{what} {name}");
    }
    assert_eq!(fs::read_to_string(at("full/mine")).unwrap(), "mine");
    // An empty one is as good as none, through a link too.
    let output = run(&["export", "full", "--as", "sh", at("link").to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(at("empty/container.sh").is_file() && at("link").is_symlink());
    assert_eq!(everything(), before);
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let at = place.path().display();
    for told in ["docker", "oci"] {
        // One mebibyte is enough for the script and not for BusyBox.
        let line = format!(
            "mount -t tmpfs -o size=1m tmpfs {at} && {{ {} export full --as {told} {at}/new; echo status $?; ls -A {at}; }}",
            env!("CARGO_BIN_EXE_rlab")
        );
        let output = Command::new("unshare").args(["--mount", "sh", "-c", &line]).output().unwrap();
        assert_eq!(stdout(&output), "status 125\n", "{told}: {}", stderr(&output));
        assert!(stderr(&output).contains("No space left"), "{told}: {}", stderr(&output));
    }
}

#[test]
fn a_signal_leaves_nothing_half_written() {
    let place = tempfile::tempdir().unwrap();
    let tools = place.path().join("tools");
    fs::create_dir(&tools).unwrap();
    // Asked for its names, this BusyBox sends the signal to who asks: in the middle of the work.
    let busybox = tools.join("busybox");
    let text = "#!/bin/sh\nkill -\"$SIGNAL\" $PPID\necho sh\n";
    let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let written = Command::new("sh").args(["-c", write, "sh", text]).arg(&busybox).status().unwrap();
    assert!(written.success());
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        for told in ["docker", "oci"] {
            let home = tempfile::tempdir().unwrap();
            let new = place.path().join("new");
            let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
            let mut command = rlab(home.path());
            command.args(["export", "full", "--as", told, new.to_str().unwrap()]);
            let output = command.env("PATH", path).env("SIGNAL", signal).output().unwrap();
            assert_eq!(status(&output), 130, "{signal}: {}", stderr(&output));
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{signal} left something");
        }
    }
}
