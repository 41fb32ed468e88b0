//! What a program finds inside: no descriptor, no variable of its caller's, and no mount that a link has led astray.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::process::{Command, Output};

use support::{feed, is_root, stderr, stdout};

/// A session with these lines, started by a shell that has descriptors and variables of its own.
fn play(lines: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let script = format!("exec 7</ 8>>$HOME/log 9</etc; exec {} play", env!("CARGO_BIN_EXE_rlab"));
    feed(
        Command::new("sh")
            .args(["-c", &script])
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path())
            .env("NO_COLOR", "1")
            .env("SECRET_OF_THE_CALLER", "told")
            .env("LD_PRELOAD_OF_NOBODY", "told"),
        lines,
    )
}

/// What a shell of its own says its descriptors are; `ls` would have one more, for the directory that it reads.
const DESCRIPTORS: &str = "sh -c 'for fd in /proc/self/fd/*; do echo fd=${fd##*/}; done'";
/// The mounts that make a whole container.
const CONTAINER: &str =
    "rootfs\nunshare --pid --mount --uts --ipc --mount-proc\nmount --bind /dev/null /dev/null\n";

/// The numbers that were told, sorted, each once. A shell opens the directory that it expands while it reads it.
fn descriptors(told: &str) -> Vec<u32> {
    let mut found: Vec<u32> =
        told.split_whitespace().filter_map(|word| word.strip_prefix("fd=")?.parse().ok()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn no_descriptor_gets_in_whatever_way_a_program_is_started() {
    if !is_root() {
        return;
    }
    // One that stays is looked at from the host.
    let marker = format!("7{}", std::process::id());
    let looked_at = format!(
        "!for c in /proc/[0-9]*/cmdline; do if [ \"$(tr '\\0' ' ' < $c 2> /dev/null)\" = \"sleep {marker} \" ]; then for fd in \
         ${{c%cmdline}}fd/*; do echo fd=${{fd##*/}}; done; fi; done"
    );
    for root in ["", "chroot\n", "pivot_root\n"] {
        let container = if root.is_empty() { String::new() } else { format!("{CONTAINER}{root}") };
        // In the foreground; beside another container whose pipes rlab holds; in the background; on the host.
        let lines = [
            format!("{container}{DESCRIPTORS}\n"),
            format!("{container}sleep 100 &\nsleep 100 &\n{DESCRIPTORS}\n"),
            format!("{container}sleep 100 &\nsleep {marker} &\n{looked_at}\n"),
            format!("{container}sleep 100 &\n!for fd in /proc/self/fd/*; do echo fd=${{fd##*/}}; done\n"),
        ];
        for lines in lines {
            let output = play(&lines);
            let found = descriptors(&stdout(&output));
            assert!(found.starts_with(&[0, 1, 2]), "{lines}: {found:?}\n{}", stdout(&output));
            // The directory itself is open while the shell reads it.
            assert!(found.len() <= 4, "{lines}: {found:?}");
            assert!(!found.iter().any(|fd| [7, 8, 9].contains(fd)), "{lines}: {found:?}");
        }
    }
}

#[test]
fn the_environment_is_not_the_callers() {
    if !is_root() {
        return;
    }
    let output = play(&format!("{CONTAINER}pivot_root\nenv\n"));
    let told = stdout(&output);
    assert!(told.lines().any(|line| line.trim().starts_with("PATH=")), "{told}");
    assert!(!told.contains("=told"), "{told}");
    // The second terminal is the learner's own.
    assert!(stdout(&play("!env\n")).contains("SECRET_OF_THE_CALLER=told"));
}

#[test]
fn a_root_whose_mount_points_are_links_leads_no_mount_outside() {
    if !is_root() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().display();
    std::fs::write(format!("{outside}/file"), "kept").unwrap();
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    for (link, line) in [
        ("rmdir $ROOTFS/proc; ln -s OUTSIDE $ROOTFS/proc", "mount --bind /dev OUT_proc"),
        ("rmdir $ROOTFS/dev; ln -s OUTSIDE $ROOTFS/dev", "mount --bind /dev/urandom /dev/urandom"),
        ("ln -s OUTSIDE/file $ROOTFS/dev/urandom", "mount --bind /dev/urandom /dev/urandom"),
        ("ln -s ../../../../../../../..OUTSIDE $ROOTFS/up", "mount --bind /dev/null /up/file"),
    ] {
        let link = link.replace("OUTSIDE", &outside.to_string());
        let line = line.replace("OUT_proc", "/proc");
        for root in ["chroot", "pivot_root"] {
            let output = play(&format!("rootfs\n!{link}\n{root}\n{line}\nls /\n"));
            let told = format!("{}{}", stdout(&output), stderr(&output));
            assert!(told.contains("symbolic link"), "{link}, {root}: {told}");
            let mut names: Vec<_> = std::fs::read_dir(outside.to_string())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            assert_eq!(names, ["file"], "{link}, {root}: something was made outside");
            assert_eq!(std::fs::read_to_string(format!("{outside}/file")).unwrap(), "kept");
        }
    }
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

#[test]
fn a_root_in_memory_follows_no_link_of_what_is_bound_into_it() {
    if !is_root() {
        return;
    }
    // Not below the directory for temporary files: the root covers that one.
    let bound = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::write(bound.path().join("outside"), "kept").unwrap();
    std::os::unix::fs::symlink(bound.path().join("outside"), bound.path().join("link")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let bind = format!("mount --bind {} /dev", bound.path().display());
    let output = support::rlab(home.path())
        .args(["exec", "--with", "rootfs", "--with", "unshare --pid --mount-proc", "--with", "pivot_root"])
        .args(["--with", &bind, "--with", "mount --bind /dev/null /dev/link", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("symbolic link"), "{}", stderr(&output));
}
