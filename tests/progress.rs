//! What is remembered of a learner: the built program with a state directory that is read again, shared, damaged, full.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use serde_json::Value;
use support::{can_run_labs, feed, has, is_root, rlab, status, stderr, stdout};

/// A session that reads lines from a pipe.
fn session(home: &Path, args: &[&str]) -> Child {
    rlab(home).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn types(child: &mut Child, lines: &str) {
    child.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
}

/// Ends the lines, and the session with them.
fn ends(mut child: Child) -> String {
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    stdout(&output)
}

fn typed(home: &Path, args: &[&str], lines: &str) -> String {
    let mut child = session(home, args);
    types(&mut child, lines);
    ends(child)
}

fn json(home: &Path) -> Value {
    let output = rlab(home).args(["progress", "--format", "json"]).output().unwrap();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// A step of the export.
fn step<'a>(told: &'a Value, lab: &str, step: &str) -> &'a Value {
    let by_id =
        |list: &'a Value, id: &str| list.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
    by_id(&by_id(&told["labs"], lab)["steps"], step)
}

fn file(home: &Path) -> PathBuf {
    home.join("state/rlab/progress.json")
}

/// A lab that stays as it is, whatever becomes of the course.
const LAB: &str = r#"
format = 1
id = "mine"
title = "A lab of my own"
minutes = 1

[[step]]
id = "root"
title = "Change the root"
say = "Change it."
try = ["rootfs busybox", "chroot"]
probe = "ls /"
hints = ["one", "two", "three"]
[step.predict]
ask = "What does `ls /` show?"
choices = ["nothing", "the new root"]
answer = 2
[[step.check]]
claim = "it has a root of its own"
root = "own"

[[step]]
id = "pid"
title = "Be the first"
say = "Be PID 1."
try = ["unshare --pid --mount-proc"]
probe = "ps -A"
hints = ["one", "two", "three"]
[[step.check]]
claim = "it is PID 1"
pid_inside = 1
"#;

#[test]
fn a_session_is_remembered_shown_and_forgotten() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("labs")).unwrap();
    fs::write(home.join("labs/mine.toml"), LAB).unwrap();
    let labs = home.join("labs");
    let own = |args: &[&'static str]| -> Vec<String> {
        let labs = ["--labs", labs.to_str().unwrap()];
        labs.iter().chain(args).map(|word| (*word).to_owned()).collect()
    };
    let typed = |args: &[&'static str], lines: &str| {
        let args = own(args);
        typed(home, &args.iter().map(String::as_str).collect::<Vec<_>>(), lines)
    };
    let asked = |args: &[&'static str]| rlab(home).args(own(args)).output().unwrap();

    assert!(stdout(&asked(&["progress"])).contains("A lab of my own  mine  0 of 2 steps"));
    typed(&["start", "mine"], "1\nhint\nhint\nrootfs host\ncat /etc/hostname\nchroot\nnext\nsolve\n");
    let told = json(home);
    assert_eq!(told["at"], serde_json::json!({"lab": "mine", "step": "pid"}));
    let root = &step(&told, "mine", "root");
    let attempt = &root["attempts"][0];
    assert_eq!((&root["done"], &attempt["solved"]), (&true.into(), &"hand".into()));
    assert_eq!((&attempt["tries"], &attempt["hints"]), (&3.into(), &2.into()));
    assert_eq!(attempt["prediction"]["verdict"], "wrong");
    assert_eq!(step(&told, "mine", "pid")["attempts"][0]["solved"], "solve");

    let shown = stdout(&asked(&["progress"]));
    assert!(shown.contains("2 of 2 steps"), "{shown}");
    assert!(shown.contains("3 tries, 2 hints") && shown.contains("predicted otherwise, by hand"), "{shown}");
    // A later session knows it, and goes on there.
    let later = typed(&[], "status\nnext\n");
    assert!(later.contains("by `solve`") && later.contains("step 2 of 2"), "{later}");

    let wrong = asked(&["progress", "forget", "mien"]);
    assert_eq!(status(&wrong), 2);
    assert!(stderr(&wrong).contains("did you mean `mine`?"), "{}", stderr(&wrong));
    assert!(stdout(&asked(&["progress", "forget", "mine"])).contains("2 steps were done"));
    assert!(stdout(&asked(&["progress"])).contains("0 of 2 steps"));
    assert_eq!(json(home)["at"], serde_json::json!({"lab": "mine", "step": null}));
    assert_eq!(status(&asked(&["progress", "forget", "mine"])), 2, "nothing is left to forget");
}

#[test]
fn two_sessions_at_once_lose_nothing() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (mut one, mut other) =
        (session(home, &["start", "chroot"]), session(home, &["start", "memory-cgroup"]));
    types(&mut one, "solve\n");
    types(&mut other, "solve\n");
    types(&mut one, "next\nsolve\n");
    types(&mut other, "next\nsolve\n");
    ends(one);
    ends(other);
    let told = json(home);
    for (lab, steps) in [("chroot", ["tools", "chroot"]), ("memory-cgroup", ["group", "limit"])] {
        for id in steps {
            let step = step(&told, lab, id);
            assert_eq!(
                (&step["done"], step["attempts"].as_array().unwrap().len()),
                (&true.into(), 1),
                "{lab}:{id}"
            );
        }
    }
}

#[test]
fn progress_of_the_first_format_is_read() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(file(home.path()).parent().unwrap()).unwrap();
    let old = r#"{"format":1,"at":{"lab":"chroot","step":"ps"},"done":{"chroot":["chroot","look","tools"],"mine":["a"]}}"#;
    fs::write(file(home.path()), old).unwrap();
    let told = json(home.path());
    assert_eq!(told["labs"][0]["done"], 3);
    assert_eq!(step(&told, "mine", "a")["done"], true, "a lab of someone's own is told too");
    assert_eq!(fs::read_to_string(file(home.path())).unwrap(), old, "to look changes nothing");
}

#[test]
fn a_damaged_or_newer_file_is_set_aside_and_the_session_goes_on() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(file(home.path()).parent().unwrap()).unwrap();
    for (bad, name) in [("{\"format\": 2, ", "damaged"), ("{\"format\": 9, \"new\": []}", "format-9")] {
        fs::write(file(home.path()), bad).unwrap();
        let shown = typed(home.path(), &["play"], "labs\n");
        let aside = file(home.path()).with_extension(format!("json.{name}"));
        // The sentence is wrapped to the terminal, and the path may be broken.
        let flat: String = shown.split_whitespace().collect();
        assert!(flat.contains(&format!("setasideas`{}`", aside.display())), "{shown}");
        assert!(shown.contains("A root of its own"), "{shown}");
        assert_eq!(fs::read_to_string(&aside).unwrap(), bad);
    }
}

/// A session whose state directory is a file system of its own, mounted by this line, with what was typed.
fn with_state_on(mount: &str, lines: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state/rlab");
    fs::create_dir_all(&state).unwrap();
    let script = format!("{mount}\nexec \"$RLAB\" start chroot");
    let lines = format!("{lines}\nquit\n");
    feed(
        std::process::Command::new("unshare")
            .args(["-m", "sh", "-euc", &script])
            .env("S", &state)
            .env("RLAB", env!("CARGO_BIN_EXE_rlab"))
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env("LC_ALL", "C.UTF-8"),
        lines,
    )
}

fn told_once(output: &Output, errno: &str) {
    let shown = stdout(output);
    assert_eq!(status(output), 0, "{shown}{}", stderr(output));
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(flat.matches("your progress is not kept").count(), 1, "{shown}");
    assert!(flat.contains(errno), "{shown}");
    assert_eq!(shown.matches("Done     step").count(), 2, "the lesson goes on: {shown}");
}

#[test]
fn a_state_directory_that_is_read_only_or_full_is_told_once() {
    if !can_run_labs() || !is_root() || !has("unshare") {
        return;
    }
    let lines = "solve\nnext\nsolve\nls /\nls /bin";
    told_once(&with_state_on("mount -t tmpfs -o ro none \"$S\"", lines), "Read-only file system");
    let full = "mount -t tmpfs -o size=4k none \"$S\"; echo {} >\"$S/full\"; : >\"$S/progress.lock\"";
    told_once(&with_state_on(full, lines), "No space left on device");
}
