//! The book's page on JSON tells every key that the built program prints, and its examples have no other.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Keys whose own keys are data: kinds of namespace, hierarchies, controllers.
const DATA: [&str; 2] = ["namespaces", "cgroups"];

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/json.md");
    std::fs::read_to_string(path).unwrap()
}

/// Every key of every object.
fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        Value::Object(fields) => {
            for (key, value) in fields {
                into.insert(key.clone());
                match value {
                    Value::Object(data) if DATA.contains(&key.as_str()) => {
                        data.values().for_each(|value| keys(value, into));
                    }
                    other => keys(other, into),
                }
            }
        }
        _ => {}
    }
}

/// What stands in backticks, whole.
fn told(page: &str) -> BTreeSet<String> {
    let plain = page.lines().filter(|line| !line.starts_with("```"));
    plain.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn rlab(args: &[&str]) -> Value {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rlab"))
        .args(args)
        .env("XDG_STATE_HOME", state.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}\n{text}"))
}

fn untold(value: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    keys(value, &mut found);
    assert!(found.len() > 5, "{found:?}");
    let told = told(&page());
    // `end` is told with the whole of its little object.
    let ends = ["exited", "signaled", "refused"].map(str::to_owned);
    found.into_iter().filter(|key| !told.contains(key) && !ends.contains(key)).collect()
}

#[test]
fn every_key_of_list_and_doctor_is_told() {
    assert_eq!(untold(&rlab(&["list", "--format", "json"])), Vec::<String>::new());
    assert_eq!(untold(&rlab(&["doctor", "--format", "json"])), Vec::<String>::new());
}

#[test]
fn every_key_of_a_process_is_told() {
    let told = rlab(&["inspect", &std::process::id().to_string()[..], "--format", "json"]);
    assert!(told["mounts"][0]["target"].is_string(), "{told}");
    assert_eq!(untold(&told), Vec::<String>::new());
}

#[test]
fn every_key_of_a_run_is_told() {
    let report = rlab(&["run", "--all", "--format", "json"]);
    assert_eq!(untold(&report), Vec::<String>::new());
    let labs = report["labs"].as_array().unwrap();
    let mut skipped = labs.iter().filter(|lab| lab["verdict"] == "skip");
    if let Some(lab) = skipped.next() {
        assert!(std::env::var_os("RLAB_MUST_RUN").is_none(), "skipped: {}", lab["reason"]);
        writeln!(std::io::stderr(), "skipped: {} was not run, {}", lab["id"], lab["reason"]).unwrap();
    }
}

#[test]
fn every_key_of_progress_is_told() {
    let state = tempfile::tempdir().unwrap();
    let rlab = |args: &[&str], lines: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rlab"))
            .args(args)
            .env("XDG_STATE_HOME", state.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    rlab(&["start", "chroot"], "1\nhint\nsolve\nnext\n");
    let told: Value = serde_json::from_str(&rlab(&["progress", "--format", "json"], "")).unwrap();
    assert!(told["labs"][0]["steps"][0]["attempts"][0]["prediction"]["said"].is_string(), "{told}");
    assert_eq!(untold(&told), Vec::<String>::new());
}

#[test]
fn every_key_of_a_line_that_fails_is_told() {
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(b"chroot\ncgroup memory.max=7Q\n").unwrap();
    let path = script.path().to_str().unwrap().to_owned();
    let report = rlab(&["run", "--script", &path, "--format", "json"]);
    assert_eq!(untold(&report), Vec::<String>::new());
    let lines = report["labs"][0]["start"].as_array().unwrap();
    assert!(lines.iter().all(|line| line["trouble"]["what"].is_string()), "{lines:?}");
}

#[test]
fn the_examples_are_json_and_have_only_keys_that_are_told() {
    let page = page();
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 11);
    for example in examples {
        let value: Value = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        let mut found = BTreeSet::new();
        keys(&value, &mut found);
        let told = told(&page);
        let unknown: Vec<&String> =
            found.iter().filter(|key| !told.contains(*key) && *key != "refused").collect();
        assert_eq!(unknown, Vec::<&String>::new());
    }
}
