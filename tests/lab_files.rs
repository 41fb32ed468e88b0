//! Lab files of someone's own: one that is bad hides no other, what is no file does no harm, and what can never hold is
//! found before a learner meets it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use support::{rlab, stderr, stdout};

fn all(output: &Output) -> String {
    format!("{}{}", stdout(output), stderr(output))
}

/// Runs rlab with these words, within a minute and a memory that no lab file needs.
fn bounded(home: &Path, words: &[&str]) -> Output {
    let command = rlab(home);
    let program = command.get_program().to_owned();
    let limited = ["-c", "ulimit -v 400000; exec timeout -s KILL 60 \"$@\"", "sh"];
    let mut shell = Command::new("bash");
    shell.args(limited).arg(program).args(words);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(std::process::Stdio::null()).output().unwrap()
}

/// A directory with a good lab, and one of each kind that cannot be read.
fn ground(home: &Path) -> String {
    let labs = home.join("labs");
    fs::create_dir(&labs).unwrap();
    let at = |name: &str| labs.join(name);
    let new = rlab(home).arg("new").arg(at("good.toml")).output().unwrap();
    assert!(new.status.success(), "{}", all(&new));
    fs::write(at("bytes.toml"), b"id = \"\xff\"").unwrap();
    symlink("nowhere", at("dangling.toml")).unwrap();
    symlink("looping.toml", at("looping.toml")).unwrap();
    symlink("/dev/zero", at("device.toml")).unwrap();
    let fifo = Command::new("mkfifo").arg(at("fifo.toml")).status().unwrap();
    assert!(fifo.success());
    fs::write(at("large.toml"), " ".repeat((4 << 20) + 1)).unwrap();
    labs.display().to_string()
}

/// Each file that cannot be read, and why.
const BAD: [(&str, &str); 6] = [
    ("bytes", "byte 7 is not UTF-8"),
    ("dangling", "No such file"),
    ("looping", "Too many levels of symbolic links"),
    ("device", "it is a device, not a file"),
    ("fifo", "it is a pipe, not a file"),
    ("large", "more than 4 MiB"),
];

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let home = tempfile::tempdir().unwrap();
    let labs = ground(home.path());
    let list = bounded(home.path(), &["--labs", &labs, "list", "--format", "json"]);
    assert_eq!(list.status.code(), Some(0), "{}", all(&list));
    let listed: serde_json::Value = serde_json::from_str(&stdout(&list)).unwrap();
    let listed = listed["labs"].as_array().unwrap();
    assert_eq!(listed.len(), BAD.len() + 1);
    for (id, why) in BAD {
        let lab = listed.iter().find(|lab| lab["id"] == id).unwrap_or_else(|| panic!("{id}: {listed:?}"));
        assert!(lab["trouble"].to_string().contains("cannot be read"), "{lab}");
        let asked = bounded(home.path(), &["--labs", &labs, "run", id]);
        assert_eq!(asked.status.code(), Some(2), "{id}: {}", all(&asked));
        assert!(all(&asked).contains(why), "{id}: {}", all(&asked));
    }
    let good = listed.iter().find(|lab| lab["id"] == "good").unwrap();
    assert!(good.get("trouble").is_none_or(serde_json::Value::is_null), "{good}");
    if support::can_run_labs() {
        let run = bounded(home.path(), &["--labs", &labs, "run", "good"]);
        assert_eq!(run.status.code(), Some(0), "{}", all(&run));
        let doctor = bounded(home.path(), &["--labs", &labs, "doctor"]);
        assert_ne!(doctor.status.code(), Some(2), "{}", all(&doctor));
        assert!(all(&doctor).contains("good"), "{}", all(&doctor));
    }
    let check = bounded(home.path(), &["check", &labs]);
    assert_eq!(check.status.code(), Some(2), "{}", all(&check));
    for (id, why) in BAD {
        assert!(all(&check).contains(&format!("{id}.toml` cannot be read")), "{id}: {}", all(&check));
        assert!(all(&check).contains(why), "{id}: {}", all(&check));
    }
    assert!(all(&check).contains("6 errors"), "{}", all(&check));
}

#[test]
fn what_is_no_file_neither_hangs_nor_exhausts() {
    let home = tempfile::tempdir().unwrap();
    let labs = ground(home.path());
    let fifo = format!("{labs}/fifo.toml");
    for (path, why) in [
        ("/dev/zero", "it is a device"),
        ("/dev/full", "it is a device"),
        (&fifo, "nobody writes into this pipe"),
    ] {
        let begun = Instant::now();
        let check = bounded(home.path(), &["check", path]);
        assert_eq!(check.status.code(), Some(2), "{path}: {}", all(&check));
        assert!(all(&check).contains(why), "{path}: {}", all(&check));
        assert!(begun.elapsed() < Duration::from_secs(10), "{path}");
    }
    // A pipe that someone writes into will do, if it ends.
    let program = env!("CARGO_BIN_EXE_rlab");
    for (writer, code, told) in [
        (format!("cat {labs}/good.toml"), 0, "0 errors"),
        (format!("sleep 0.5; cat {labs}/good.toml"), 0, "0 errors"),
        ("cat /dev/zero".to_owned(), 2, "more than 4 MiB"),
    ] {
        let line = format!("ulimit -v 400000; {program} check <({writer})");
        let check = Command::new("bash").args(["-c", &line]).output().unwrap();
        assert_eq!(check.status.code(), Some(code), "{writer}: {}", all(&check));
        assert!(all(&check).contains(told), "{writer}: {}", all(&check));
    }
}

/// What `rlab check` says of a lab whose first check has these conditions.
fn checked(home: &Path, title: &str, conditions: &str) -> Output {
    let file = home.join("made.toml");
    let _ = fs::remove_file(&file);
    let new = rlab(home).arg("new").arg(&file).output().unwrap();
    assert!(new.status.success(), "{}", all(&new));
    let made = fs::read_to_string(&file).unwrap();
    let changed = made
        .replace("pid_inside = 1\nnamespace = { pid = \"own\" }", conditions)
        .replace("title = \"A process tree of its own\"", &format!("title = \"{title}\""));
    fs::write(&file, changed).unwrap();
    rlab(home).arg("check").arg(&file).output().unwrap()
}

#[test]
fn a_check_that_can_never_hold_is_refused_at_its_place() {
    let home = tempfile::tempdir().unwrap();
    for (conditions, at, why) in [
        ("exit = 256", "exit", "a status is a number from 0 to 255"),
        ("exit = \"> 255\"", "exit", "a status is a number from 0 to 255"),
        ("status = \">= 300\"", "status", "a status is a number from 0 to 255"),
        ("exit = 0\nsignal = \"SIGKILL\"", "exit", "what a signal kills does not exit"),
        ("exit = 0\nstatus = 1", "status", "can never hold together"),
        ("signal = 9\nstatus = 1", "status", "SIGKILL kills has the status 137"),
        ("pid_inside = 0", "pid_inside", "the first process has the number 1"),
        ("pid_inside = \"< 1\"", "pid_inside", "the first process has the number 1"),
        ("peak_at_least = 9\npeak_at_most = 8", "peak_at_least", "at least 9 and at most 8 bytes"),
        (
            "mounted = { \"/proc\" = \"proc\" }\nnot_mounted = [\"/proc\"]",
            "not_mounted",
            "`/proc` is in `mounted`",
        ),
        (
            "stdout_contains = \"root\"\nstdout_lacks = \"root\"",
            "stdout_lacks",
            "which `stdout_lacks` forbids",
        ),
        (
            "stdout_contains = \"uid=0(root)\"\nstdout_lacks = [\"x\", \"root\"]",
            "stdout_lacks",
            "asks for `root`",
        ),
        ("stdout = \"a b\"\nstdout_lacks = \"b\"", "stdout_lacks", "`stdout` asks for `b`"),
        ("errno = \"EPERM\"\ncall = \"chrooot\"", "call", "did you mean `chroot`?"),
    ] {
        let output = checked(home.path(), "Short", conditions);
        let told = all(&output);
        assert_eq!(output.status.code(), Some(2), "{conditions}: {told}");
        assert!(told.contains(why) && told.contains("1 error,"), "{conditions}: {told}");
        let under = told.lines().skip_while(|line| !line.contains(" | ")).nth(1).unwrap();
        let carets = under.matches('^').count();
        assert_eq!(carets, at.len(), "{conditions}: {told}");
    }
    for conditions in [
        "exit = 255",
        "exit = \"!= 0\"",
        "exit = 1\nstatus = \">= 1\"",
        "signal = 9\nstatus = 137",
        "pid_inside = \"<= 1\"",
        "pid_inside = \"> 1\"",
        "peak_at_least = 8\npeak_at_most = 8",
        "mounted = { \"/proc\" = \"proc\" }\nnot_mounted = [\"/sys\"]",
        "stdout_contains = \"root\"\nstdout_lacks = \"root:x\"",
        "errno = \"EPERM\"\ncall = \"mount\"",
    ] {
        let output = checked(home.path(), "Short", conditions);
        assert_eq!(output.status.code(), Some(0), "{conditions}: {}", all(&output));
    }
    let built_in = rlab(home.path()).arg("check").output().unwrap();
    assert_eq!(built_in.status.code(), Some(0), "{}", all(&built_in));
}

#[test]
fn a_title_is_as_long_as_the_columns_that_it_takes() {
    let home = tempfile::tempdir().unwrap();
    for (title, fits) in [("容".repeat(30), true), ("容".repeat(31), false), ("é".repeat(60), true)] {
        let output = checked(home.path(), &title, "pid_inside = 1");
        assert_eq!(output.status.success(), fits, "{title}: {}", all(&output));
        assert_eq!(all(&output).contains("62 columns, 60 fit"), !fits, "{title}: {}", all(&output));
    }
}

#[test]
fn every_call_that_is_made_may_be_claimed() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel")];
    let mut made = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap();
            for (_, rest) in text.split("libc::SYS_").skip(1).filter_map(|rest| rest.split_once(", \"")) {
                let name = rest.split('"').next().unwrap();
                // The first words after a call's number are its name, as `Call::new` takes them.
                if text.contains(&format!("libc::SYS_{name}, \"{name}\"")) {
                    made += 1;
                    assert!(rlab::recipe::outcome::CALLS.contains(&name), "{name}");
                }
            }
        }
    }
    assert!(made > 30, "{made}");
    for entry in rlab::recipe::errno::entries() {
        for call in entry.calls {
            assert!(rlab::recipe::outcome::CALLS.contains(call), "{call}");
        }
    }
}

#[test]
fn what_is_said_of_a_new_lab_is_true() {
    let home = tempfile::tempdir().unwrap();
    for name in ["42", "mine"] {
        let new =
            rlab(home.path()).arg("new").arg(home.path().join(format!("{name}.toml"))).output().unwrap();
        let told = stdout(&new);
        let (_, rest) = told.split_once("rlab --labs DIR start ").unwrap();
        let id = rest.split('`').next().unwrap();
        let labs = home.path().display().to_string();
        let list = rlab(home.path()).args(["--labs", &labs, "list", "--format", "json"]).output().unwrap();
        assert!(stdout(&list).contains(&format!("\"id\": \"{id}\"")), "{told}{}", stdout(&list));
    }
}
