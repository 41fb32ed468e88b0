//! Every lab, replayed through the built program on the real kernel, compared with its snapshot. Only what is volatile
//! is masked; two runs must give the same bytes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use support::{
    LABS, can_run_labs, documented, run, run_and_leave_nothing, snapshots, status, stderr, stdout,
};

/// One after the other: a lab looks at the host's processes, and would see those of the other test.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// The snapshots tell the files of one generation of control groups.
fn generation() -> &'static str {
    if std::path::Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists() { "v1" } else { "v2" }
}

#[test]
fn every_lab_gives_its_transcript_twice() {
    if !can_run_labs() {
        return;
    }
    let _alone = ALONE.lock();
    for lab in LABS {
        let first = run_and_leave_nothing(&["run", lab, "--masked"]);
        assert_eq!(status(&first), 0, "{lab}: {}\n{}", stdout(&first), stderr(&first));
        let second = run(&["run", lab, "--masked"]);
        assert_eq!(stdout(&first), stdout(&second), "{lab}: two runs differ");
        let text = documented(&stdout(&first));
        snapshots(generation()).bind(|| insta::assert_snapshot!(format!("transcript-{lab}"), text));
    }
}

#[test]
fn json_is_the_same_twice_and_agrees_with_the_text() {
    if !can_run_labs() {
        return;
    }
    let _alone = ALONE.lock();
    let arguments = ["run", "--all", "--masked", "--format", "json"];
    let (first, second) = (run(&arguments), run(&arguments));
    assert_eq!(status(&first), 0, "{}", stderr(&first));
    assert_eq!(stdout(&first), stdout(&second));
    let report: serde_json::Value = serde_json::from_str(&stdout(&first)).unwrap();
    let labs = report["labs"].as_array().unwrap();
    let ids: Vec<&str> = labs.iter().map(|lab| lab["id"].as_str().unwrap()).collect();
    assert_eq!(ids, LABS);
    for lab in labs {
        assert_eq!(lab["verdict"], "pass", "{}", lab["id"]);
        for step in lab["steps"].as_array().unwrap() {
            assert!(!step["checks"].as_array().unwrap().is_empty(), "{} claims nothing", step["id"]);
        }
    }
}
