//! Everyone's machine before the start. The machines differ for real: one of them is an rlab from which the kernel's
//! control groups are hidden.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{can_run_labs, has, rlab, status, stderr, stdout};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn reported(home: &Path, words: &[&str]) -> Output {
    rlab(home).current_dir(home).arg("doctor").args(words).output().unwrap()
}

fn preflight(home: &Path, words: &[&str]) -> Output {
    rlab(home).current_dir(home).args(["workshop", "preflight"]).args(words).output().unwrap()
}

/// Doctor where `/sys/fs/cgroup` is an empty directory.
fn without_groups(home: &Path, file: &str) -> Output {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command.arg("umount -R /sys/fs/cgroup && exec \"$0\" doctor --report \"$1\"");
    let program = env!("CARGO_BIN_EXE_rlab");
    command.args([program, file]).current_dir(home).env("HOME", home).env("LANG", "C.UTF-8").output().unwrap()
}

#[test]
fn one_table_shows_who_cannot_do_what_and_the_mend() {
    if !can_run_labs() || !has("unshare") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let whole = reported(home, &["--report", "Ada.json"]);
    assert_eq!(status(&whole), 0, "{}", stderr(&whole));
    let poor = without_groups(home, "Bob.json");
    assert_eq!(status(&poor), 3, "{}{}", stdout(&poor), stderr(&poor));

    // The report is what doctor says, with a name, and nothing else of the machine.
    let report = json(&std::fs::read_to_string(home.join("Ada.json")).unwrap());
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["format", "name", "rlab", "doctor"]);
    assert_eq!(report["name"], "Ada");
    let said = json(&stdout(&reported(home, &["--format", "json"])));
    assert_eq!(report["doctor"]["needs"], said["needs"]);
    assert_eq!(
        report["doctor"].as_object().unwrap().keys().collect::<Vec<_>>(),
        said.as_object().unwrap().keys().collect::<Vec<_>>()
    );

    let output = preflight(home, &["Ada.json", "Bob.json", "--format", "json"]);
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    let table = json(&stdout(&output));
    let row =
        |name: &str| table["people"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap().clone();
    assert_eq!((&row("Ada")["ready"], &row("Bob")["ready"]), (&Value::Bool(true), &Value::Bool(false)));
    let cannot: Vec<_> =
        row("Bob")["cannot"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
    // An engine starts no container there either.
    assert_eq!(cannot, ["memory-cgroup", "pids-cgroup", "cpu-cgroup", "docker-or-podman"]);

    // The mend that stands below is the one that doctor told Bob.
    let bob = json(&std::fs::read_to_string(home.join("Bob.json")).unwrap());
    let needs = bob["doctor"]["needs"].as_array().unwrap();
    let hint =
        needs.iter().find(|n| n["need"] == "memory-cgroup").unwrap()["hint"].as_str().unwrap().to_owned();
    let text = stdout(&preflight(home, &["."]));
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&text).contains(&squeezed(&hint)), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let signs = |name: &str| {
        let row = lines.iter().find(|row| row.trim_start().starts_with(name)).unwrap();
        row.matches('✗').count()
    };
    assert_eq!((signs("Ada"), signs("Bob")), (0, 4), "{text}");
    // In a narrow window nothing is broken over two rows.
    let narrow = rlab(home)
        .current_dir(home)
        .env("COLUMNS", "64")
        .args(["workshop", "preflight", "."])
        .output()
        .unwrap();
    assert!(
        stdout(&narrow).lines().any(|row| row.contains("Bob") && row.contains(" of ")),
        "{}",
        stdout(&narrow)
    );
    // Ada alone is ready.
    assert_eq!(status(&preflight(home, &["Ada.json"])), 0);
}

#[test]
fn what_is_no_report_is_told_and_hides_nobody() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("notes.json"), "{}").unwrap();
    std::fs::write(home.join("big.json"), vec![b' '; 300_000]).unwrap();
    let good = r#"{"format":1,"name":"\u202eevil","rlab":"1","doctor":{"needs":[{"need":"x","verdict":"yes"}],"labs":[]}}"#;
    std::fs::write(home.join("name.json"), good).unwrap();
    let hostile = r#"{"format":1,"name":"Eve","rlab":"1","doctor":{"needs":[{"need":"\u001b[2Jx","verdict":"no","hint":"a\u0007b"}],
        "labs":[{"id":"x","verdict":"cannot"}]}}"#;
    std::fs::write(home.join("eve.json"), hostile).unwrap();
    let output = preflight(home, &["notes.json", "big.json", "name.json", "nowhere.json", "eve.json"]);
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("is left out").count(), 4, "{}", stderr(&output));
    assert!(stdout(&output).contains("Eve"), "{}", stdout(&output));
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!stdout(&output).contains(control) && !stderr(&output).contains(control));
    std::fs::create_dir(home.join("empty")).unwrap();
    let output = preflight(home, &["empty"]);
    assert_eq!(status(&output), 2);

    // Nothing but a report is written over, and that is told before anything is tried.
    let output = reported(home, &["--report", "notes.json"]);
    assert_eq!((status(&output), stdout(&output).as_str()), (2, ""));
    assert_eq!(std::fs::read_to_string(home.join("notes.json")).unwrap(), "{}");
    for words in [["--report", ".json", "--name", "\u{1b}"], ["--name", "Ada", "--format", "json"]] {
        assert_eq!(status(&reported(home, &words)), 2, "{words:?}");
    }
}
