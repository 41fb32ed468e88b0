//! Learners, the true board, and the report, together: the board is killed in the middle and begins again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{can_run_labs, fed, feed, rlab, run, status, stderr, stdout, wait_for};

struct Host {
    child: Child,
    address: String,
    code: String,
}

impl Host {
    fn start(home: &Path, bind: &str) -> Self {
        let mut child = rlab(home)
            .args(["workshop", "host", "--course", "chroot", "--bind", bind, "--db"])
            .arg(home.join("room.db"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let told = lines.map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let mut found = told.filter(|words| words.iter().any(|word| word == "join"));
        let words = found.next().expect("the line that everyone types");
        let at = words.iter().position(|word| word == "join").unwrap();
        let (address, code) = (words[at + 1].clone(), words[at + 2].clone());
        // Whatever it tells later has to go somewhere.
        std::thread::spawn(move || found.count());
        Self { child, address, code }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_board_that_is_killed_in_the_middle_has_all_of_it_in_the_end() {
    if !can_run_labs() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut host = Host::start(home.path(), "127.0.0.1:0");
    let join = |name: &str, host: &Host| {
        let place = home.path().join(name);
        std::fs::create_dir_all(&place).unwrap();
        let mut command = rlab(&place);
        command.args(["join", &host.address, &host.code, "--name", name]);
        command
    };
    let names: Vec<String> = (0..6).map(|n| format!("learner {n}")).collect();
    let sessions: Vec<Child> = names
        .iter()
        .map(|name| {
            fed(
                &mut join(name, &host),
                "start chroot\n2\nhint\nrootfs busybox\nsolve\nnext\nchroot\nls\nask\nquit\n",
            )
        })
        .collect();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(400));
        host.kill();
        std::thread::sleep(Duration::from_millis(200));
        host = Host::start(home.path(), &host.address.clone());
    }
    for session in sessions {
        let output = session.wait_with_output().unwrap();
        assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    }
    // Whoever could not tell all of it when they left comes once more.
    for name in &names {
        assert_eq!(status(&feed(&mut join(name, &host), "quit\n")), 0);
    }
    let db = home.path().join("room.db").display().to_string();
    let report = || -> Value {
        let output = run(&["workshop", "report", "--format", "json", &db]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    let records: Vec<Value> = names
        .iter()
        .map(|name| {
            let seats = home.path().join(name).join("state/rlab/workshop");
            let seat = std::fs::read_dir(seats).unwrap().next().unwrap().unwrap().path();
            let file = seat.join("events.jsonl").display().to_string();
            let output = run(&["workshop", "report", "--format", "json", &file]);
            assert_eq!(status(&output), 0, "{}", stderr(&output));
            let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
            report["learners"][0].clone()
        })
        .collect();
    // Number and hash of the last event: the whole chain is the same on both sides.
    wait_for("all of it", || report()["learners"] == Value::Array(records.clone()));
    assert!(
        records.iter().all(|row| row["events"].as_u64() >= Some(8) && row["done"]["chroot"] == 2),
        "{records:?}"
    );
}
