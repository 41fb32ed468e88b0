//! `rlab exec` does what the same lines do in the REPL, and makes nothing on the host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use support::user::User;
use support::{can_run_labs, feed, has, outcomes, run_and_leave_nothing, status, stderr, stdout};

fn words<'a>(with: &[&'a str], command: &'a str) -> Vec<&'a str> {
    let with = with.iter().flat_map(|line| ["--with", line]);
    ["exec"].into_iter().chain(with).chain(["--", "sh", "-c", command]).collect()
}

fn exec(with: &[&str], command: &str) -> Output {
    run_and_leave_nothing(&words(with, command))
}

/// Recipes with a root that nothing changes to.
const UNCHANGED: [&[&str]; 5] = [
    &["rootfs"],
    &["rootfs host"],
    &["rootfs", "unshare --mount"],
    &["rootfs", "unshare --pid --mount-proc"],
    &["rootfs", "mount -t proc proc /proc"],
];

/// Whose root and ids they are, and whether other processes are seen.
const ASKED: &str =
    "[ -e /usr ] && echo the root of the host; id -u; [ $$ = 1 ] && ls -d /proc/[0-9]* | head -n 1";

#[test]
fn a_root_that_nothing_changes_to_leaves_the_command_the_root_of_the_host() {
    if !can_run_labs() || !has("unshare") {
        return;
    }
    for lines in UNCHANGED.into_iter().chain([&["full", "drop pivot_root"][..]]) {
        let output = exec(lines, ASKED);
        let repl = match lines {
            ["full", ..] => "the root of the host\n0\n/proc/1\n".to_owned(),
            lines => {
                let told = outcomes(&format!("{}\n{ASKED}\n", lines.join("\n")));
                told.last().unwrap()["outcome"]["stdout"].as_str().unwrap().to_owned()
            }
        };
        assert!(repl.starts_with("the root of the host\n0\n"), "{lines:?}: {repl}");
        assert_eq!(stdout(&output), repl, "{lines:?}: {}", stderr(&output));
    }
}

#[test]
fn so_it_is_for_an_ordinary_user() {
    if !can_run_labs() || !has("setpriv") {
        return;
    }
    let user = User::new(1001);
    for lines in UNCHANGED {
        let output = user.rlab().args(words(lines, ASKED)).output().unwrap();
        let script = format!("{}\n{ASKED}\n", lines.join("\n"));
        let played = feed(user.rlab().args(["run", "--script", "-", "--format", "json"]), script);
        let told = support::told(&played);
        let repl = told.last().unwrap()["outcome"]["stdout"].as_str().unwrap();
        assert!(repl.starts_with("the root of the host\n"), "{lines:?}: {repl}");
        assert_eq!(stdout(&output), repl, "{lines:?}: {}", stderr(&output));
    }
    // The directory needs rights on files alone, so no user namespace is added.
    let output = user.rlab().args(words(&["rootfs"], "id -u")).output().unwrap();
    assert_eq!(stdout(&output), "1001\n", "{}", stderr(&output));
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn nothing_is_made_below_what_is_bound() {
    if !can_run_labs() {
        return;
    }
    let bound = tempfile::tempdir().unwrap();
    let on_host = tempfile::tempdir().unwrap();
    let (bind, here) = (bound.path().display(), on_host.path().display());
    // As a file, as a directory, and below a new file system that hides nothing of the bind.
    let bind_x = format!("mount --bind {bind} /x");
    let bind_deep = format!("mount --bind {bind} /t/deep");
    let cases: [&[&str]; 4] = [
        &[&bind_x, "mount --bind /etc/hostname /x/new"],
        &[&bind_x, "mount -t tmpfs tmpfs /x/new"],
        &["mount -t tmpfs tmpfs /t", &bind_deep, "mount --bind /etc/hostname /t/deep/new"],
        &["mount -t tmpfs tmpfs /t", &bind_deep, "mount -t tmpfs tmpfs /t/deep/new"],
    ];
    for root in ["chroot", "pivot_root"] {
        for lines in cases {
            let output = exec(&[&["rootfs", root], lines].concat(), "true");
            let told = stderr(&output);
            assert!(is_empty(bound.path()), "{root} {lines:?} left something: {told}");
            assert_eq!(status(&output), 125, "{root} {lines:?}: {told}");
            assert!(told.contains("ENOENT"), "{root} {lines:?}: {told}");
        }
    }
    // On the host's own root, whatever links the names lead through.
    let link = on_host.path().join("link");
    std::fs::create_dir(on_host.path().join("real")).unwrap();
    symlink("real", &link).unwrap();
    let cases = [["real", "real", "real"], ["link", "real", "link"], ["real", "link", "real"]];
    for [first, second, third] in cases {
        let lines = [
            format!("mount -t tmpfs tmpfs {here}/{first}"),
            format!("mount -t tmpfs tmpfs {here}/{first}/sub"),
            format!("mount --bind {bind} {here}/{second}/sub"),
            format!("mount -t tmpfs tmpfs {here}/{third}/sub/new"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let output = exec(&lines, "true");
        assert!(is_empty(bound.path()), "{lines:?} left something");
        assert_eq!(status(&output), 125, "{lines:?}: {}", stderr(&output));
        // The REPL compiles the same calls.
        drop(outcomes(&format!("{}\ntrue\n", lines.join("\n"))));
        assert!(is_empty(bound.path()), "in the REPL, {lines:?} left something");
    }
    assert!(is_empty(&on_host.path().join("real")));
}

#[test]
fn it_is_refused_as_the_repl_is() {
    if !can_run_labs() {
        return;
    }
    let bound = tempfile::tempdir().unwrap();
    let bind = format!("mount --bind {} /x", bound.path().display());
    for last in ["mount --bind /etc/hostname /x/new", "mount -t tmpfs tmpfs /x/new"] {
        let told = outcomes(&format!("rootfs\n!mkdir $ROOTFS/x\nchroot\n{bind}\n{last}\ntrue\n"));
        let calls = told.last().unwrap()["outcome"]["calls"].as_array().unwrap().clone();
        let call = calls.last().unwrap();
        assert_eq!(call["result"]["errno"], 2, "{call}");
        let output = exec(&["rootfs", "chroot", &bind, last], "true");
        let said = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains(&format!("`{}` was refused: ENOENT", call["name"].as_str().unwrap())),
            "{said}"
        );
        assert!(said.contains(call["meaning"]["means"].as_str().unwrap()), "{said}");
    }
    assert!(is_empty(bound.path()));
}

#[test]
fn what_is_there_below_a_bind_and_what_is_new_can_be_mounted_on() {
    if !can_run_labs() {
        return;
    }
    let bound = tempfile::tempdir().unwrap();
    std::fs::set_permissions(bound.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(bound.path().join("file"), "of the host\n").unwrap();
    std::fs::create_dir(bound.path().join("directory")).unwrap();
    let bind = format!("mount --bind {} /t/deep", bound.path().display());
    for root in ["chroot", "pivot_root"] {
        let lines = [
            "rootfs",
            root,
            "mount -t tmpfs tmpfs /t",
            &bind,
            "mount --bind /proc/version /t/deep/file",
            "mount -t tmpfs tmpfs /t/deep/directory",
            "mount -t tmpfs -o mode=710 tmpfs /t/deep/directory/new",
        ];
        let output = exec(&lines, "head -c 5 /t/deep/file; stat -c %a /t/deep/directory/new");
        assert_eq!(stdout(&output), "Linux710\n", "{root}: {}", stderr(&output));
    }
    assert_eq!(std::fs::read_to_string(bound.path().join("file")).unwrap(), "of the host\n");
    assert!(is_empty(&bound.path().join("directory")));
}
