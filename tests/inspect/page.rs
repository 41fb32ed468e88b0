//! The page, and the word of a session.

use super::*;

#[test]
fn the_word_says_of_a_number_what_the_command_says_of_a_pid() {
    if !can_run_labs() || !has("pgrep") {
        return;
    }
    let seconds = seconds();
    let pid = format!("$(pgrep -fx 'sleep {seconds}')");
    let program = env!("CARGO_BIN_EXE_rlab");
    let told = outcomes(&format!(
        "rootfs\nchroot\nunshare --pid --mount --mount-proc\nsleep {seconds} &\ninspect\ninspect %1\n\
         !{program} inspect --format json {pid}\ninspect {}\ninspect 4000000000\n",
        std::process::id()
    ));
    let [latest, first, command, here, nobody] = &told[told.len() - 5..] else { panic!("too few lines") };
    let wanted: Value = serde_json::from_str(command["outcome"]["stdout"].as_str().unwrap()).unwrap();
    // A moment later more may be in use, and what has just begun may sleep.
    let still = |told: &Value| {
        let mut told = told.clone();
        told["state"] = Value::Null;
        for group in told["cgroups"].as_object_mut().unwrap().values_mut() {
            group["in_use"] = Value::Null;
        }
        told
    };
    assert_eq!(wanted["nspid"].as_array().unwrap().len(), 2);
    assert_eq!(still(&latest["inspect"]), still(&wanted));
    assert_eq!(still(&first["inspect"]), still(&wanted));
    // What no container is called is a PID.
    assert_eq!((&here["inspect"]["pid"], &here["trouble"]), (&json!(std::process::id()), &Value::Null));
    assert!(nobody["trouble"]["what"].as_str().unwrap().contains("4000000000"), "{nobody}");
}

#[test]
fn the_page_is_as_wide_as_the_terminal_and_tells_the_same() {
    if !is_root() || !has("busybox") {
        return;
    }
    let sleeper = Sleeper::of_rlab(&Recipe::full());
    let told = inspect(&sleeper.pid.to_string());
    for columns in [60, 120] {
        let home = tempfile::tempdir().unwrap();
        let output = rlab(home.path())
            .args(["inspect", &sleeper.pid.to_string()])
            .env("COLUMNS", columns.to_string())
            .output()
            .unwrap();
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        let page = stdout(&output);
        assert!(page.lines().all(|line| line.chars().count() <= columns), "{page}");
        let whole = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "its own: mnt pid uts ipc cgroup",
            "yours: net user",
            "at most 7340032 B",
            "at most 64 processes",
        ] {
            assert!(whole.contains(part), "`{part}` is not on the page of {columns} columns:\n{page}");
        }
        for line in lines(&told) {
            assert!(whole.contains(line), "`{line}` is not on the page of {columns} columns:\n{page}");
        }
    }
}

#[test]
fn a_process_cannot_drive_the_terminal_by_its_name() {
    let seconds = seconds();
    // Its first word is what it calls itself.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "exec bash -c 'exec -a \"$1\" sleep \"$2\"' bash \"$1\" \"$2\"",
        "sh",
        "\u{1b}[2Jx",
        &seconds,
    ]);
    let child = command.stdin(Stdio::null()).spawn().unwrap();
    let sleeper = Sleeper { pid: find(&["\u{1b}[2Jx", &seconds]), child };
    let output = run(&["inspect", &sleeper.pid.to_string()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).contains(&seconds) && !stdout(&output).contains('\u{1b}'),
        "{:?}",
        stdout(&output)
    );
}
