//! Bad input: a clear error (what, why, what to do), the session goes on, nothing is lost, nothing is left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;
use rlab::recipe::line::WORDS;
use support::{feed, has, is_root, left_by, rlab, run, run_and_leave_nothing, skip, status, stderr, stdout};

/// Feeds lines to the REPL without a terminal.
fn session(lines: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    feed(rlab(home.path()).arg("play"), lines)
}

#[test]
fn a_mistyped_program_is_near_to_one_that_is_there() {
    if !is_root() || !has("busybox") {
        return;
    }
    let told = all(&session("rootfs\nchroot\nsl /\n/bin/sl\ndrop chroot\nslepe 1\n"));
    assert_eq!(told.matches("did you mean `ls`?").count(), 1, "{told}");
    assert_eq!(told.matches("did you mean `sleep`?").count(), 1, "{told}");
    let told = stderr(&run(&["exec", "--with", "full", "--", "hostnmae"]));
    assert!(told.contains("did you mean `hostname`?"), "{told}");
}

#[test]
fn a_way_to_start_rlab_that_is_typed_at_its_prompt_is_told_where_it_belongs() {
    if !is_root() || !has("busybox") {
        return;
    }
    let modes = rlab::cli::Cli::command();
    // Two are words of every shell, and the one for mdBook is typed by nobody.
    let others = ["exec", "export", "mdbook"];
    let modes =
        modes.get_subcommands().filter(|mode| !mode.is_hide_set() && !others.contains(&mode.get_name()));
    let is_word = |mode: &str| WORDS.iter().any(|(usage, _)| usage.split_whitespace().next() == Some(mode));
    let typed: Vec<&str> = modes.map(clap::Command::get_name).filter(|mode| !is_word(mode)).collect();
    assert!(typed.len() > 5, "{typed:?}");
    // In a root of BusyBox, since a machine may have a program of that name (`join`).
    let told = all(&session(&format!("rootfs\nchroot\nrlab doctor\n{}\n", typed.join(" -h\n"))));
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for mode in typed {
        assert!(told.contains(&format!("`rlab {mode}` is typed in your own shell")), "{mode}: {told}");
    }
    assert!(told.contains("`rlab …` is typed in your own shell"), "{told}");
}

fn all(output: &Output) -> String {
    format!("{}{}", stdout(output), stderr(output))
}

#[test]
fn nothing_is_shown_in_passing_to_a_pipe() {
    if !is_root() {
        return;
    }
    let told = all(&session("sleep 1\n"));
    assert!(told.contains("sleep 1"), "{told}");
    for trace in ["Ctrl-C ends it", "working", "\r", "\x1b"] {
        assert!(!told.contains(trace), "{trace:?} in {told}");
    }
}

#[test]
fn a_refused_line_is_explained_and_the_session_goes_on() {
    if !is_root() {
        return;
    }
    for (line, what) in [
        ("cgroup memory.max=0", "0"),
        ("cgroup memory.max=-1", "max"),
        ("cgroup memory.max=1152921504606846976", "more than"),
        ("cgroup memory.max=7Q", "7Q"),
        ("cgroup memory.min=7M", "memory.min"),
        ("unshare --pidd", "--pid"),
        ("mount -t ext4 /dev/sda /mnt", "ext4"),
        ("mount -t proc proc proc", "/proc"),
        ("chroot /somewhere", "chroot"),
        ("hostname a b", "hostname"),
        ("kill 7", "container"),
        ("drop nonsense", "nonsense"),
        ("start no-such-lab", "no-such-lab"),
        ("hostname other", "--uts"),
        ("chroot", "rootfs"),
    ] {
        let output = session(&format!("{line}\necho still-$((40+2))-here\n"));
        let text = all(&output);
        assert!(text.contains("error:"), "{line}: no error told:\n{text}");
        assert!(text.contains(what), "{line}: `{what}` is not named:\n{text}");
        assert!(text.contains("hint:"), "{line}: no hint:\n{text}");
        assert!(text.contains("still-42-here"), "{line}: the session did not go on:\n{text}");
    }
}

#[test]
fn a_command_that_does_not_exist_inside_is_told_as_the_kernel_says() {
    if !is_root() {
        return;
    }
    let output = session("rootfs\nchroot\nno-such-program -x\necho still-$((40+2))-here\n");
    let text = all(&output);
    assert!(text.contains("ENOENT"), "{text}");
    assert!(text.contains("still-42-here"), "{text}");
}

#[test]
fn a_lab_file_that_is_wrong_is_shown_with_line_column_and_caret() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("bad.toml");
    std::fs::write(&file, "format = 1\nid = \"bad\"\ntitle = \"Bad\"\nminuets = 3\n").unwrap();
    let output = rlab(home.path()).arg("check").arg(&file).output().unwrap();
    let text = all(&output);
    assert_eq!(status(&output), 2, "{text}");
    assert!(text.contains("bad.toml:4:1"), "{text}");
    assert!(text.contains('^') && text.contains("minutes"), "{text}");
}

#[test]
fn missing_things_end_with_the_documented_status() {
    for (arguments, code) in [
        (vec!["run", "no-such-lab"], 2),
        (vec!["run", "chroot:no-such-step"], 2),
        (vec!["--labs", "/nonexistent", "list"], 2),
        (vec!["check", "/nonexistent.toml"], 2),
        (vec!["no-such-command"], 2),
        (vec!["exec", "--with", "unshare --nope", "--", "true"], 2),
        (vec!["list"], 0),
    ] {
        let output = run(&arguments);
        assert_eq!(status(&output), code, "{arguments:?}: {}", all(&output));
        if code != 0 {
            assert!(stdout(&output).is_empty(), "{arguments:?}: errors go to standard error");
        }
    }
}

#[test]
fn exec_passes_the_commands_own_status_on() {
    if !is_root() {
        return;
    }
    let status_of = |words: &[&str]| {
        let arguments = [&["exec", "--with", "full", "--"], words].concat();
        status(&run_and_leave_nothing(&arguments))
    };
    assert_eq!(status_of(&["true"]), 0);
    assert_eq!(status_of(&["sh", "-c", "exit 42"]), 42);
    assert_eq!(status_of(&["sh", "-c", "kill -9 $$; sleep 5 & wait; exit 3"]), 3);
    assert_eq!(status_of(&["sh", "-c", "data=$(head -c 7500000 /dev/urandom)"]), 137);
    assert_eq!(status_of(&["no-such-program"]), 127);
}

#[test]
fn exec_leaves_the_standard_streams_alone() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut child = rlab(home.path())
        .args(["exec", "--with", "full", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut input = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || input.write_all(&sent).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(output.stdout, bytes);
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}

#[test]
fn a_full_disk_is_told_and_nothing_stays() {
    if !is_root() || !has("unshare") {
        return;
    }
    let (home, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {home}; cd /; printf 'rootfs\\nchroot\\necho still-$((40+2))-here\\n' | \
         TMPDIR={home} {rlab} play; echo left:; ls -A {home}",
        home = home.path().display(),
        rlab = env!("CARGO_BIN_EXE_rlab")
    );
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .env("HOME", state.path())
        .env("XDG_STATE_HOME", state.path())
        .output()
        .unwrap();
    let text = all(&output);
    assert!(text.contains("o space left"), "{text}");
    assert!(text.contains("still-42-here"), "{text}");
    assert!(stdout(&output).ends_with("left:\n"), "something was left:\n{text}");
}

#[test]
fn a_read_only_control_group_is_told() {
    if !is_root() || !has("unshare") {
        return;
    }
    if !std::path::Path::new("/sys/fs/cgroup/memory/tasks").exists() {
        skip("this test mounts the v1 memory hierarchy read-only");
        return;
    }
    let script = format!(
        "mount -o remount,bind,ro /sys/fs/cgroup/memory; printf 'cgroup memory.max=7M\\necho still-$((40+2))-here\\n' \
         | {} play",
        env!("CARGO_BIN_EXE_rlab")
    );
    let home = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path())
        .output()
        .unwrap();
    let text = all(&output);
    assert!(text.contains("ead-only"), "{text}");
    assert!(text.contains("hint:"), "{text}");
    assert!(text.contains("still-42-here"), "{text}");
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let mut lines = b"\xff\xfe\x00\x1b[2J\n".to_vec();
    lines.extend(std::iter::repeat_n(b'x', 1 << 20));
    lines.extend(b"\nhelp\n");
    let output = feed(rlab(home.path()).arg("play"), lines);
    assert_ne!(status(&output), 101, "a panic: {}", stderr(&output));
    assert!(stdout(&output).contains("rootfs"), "help was not reached: {}", stdout(&output));
    assert!(!stdout(&output).contains('\x1b'), "an escape sequence got through");
}

#[test]
fn a_line_of_a_pipe_stands_below_the_page_that_it_begins() {
    if !is_root() {
        return;
    }
    for (lines, above) in [("echo this-$((40+2))-ran\n", false), ("# a remark\nnext\n", true)] {
        let home = tempfile::tempdir().unwrap();
        let output = feed(&mut rlab(home.path()), lines);
        let told = stdout(&output);
        let page = told.find("step 1 of").unwrap();
        // What brings the page stands above it.
        let line = told.find(lines.lines().next().unwrap()).unwrap();
        assert_eq!(line < page, above, "{told}");
        assert_eq!(told.matches("step 1 of").count(), 1, "{told}");
        if !above {
            assert!(line < told.find("this-42-ran").unwrap(), "{told}");
        }
    }
}

#[test]
fn one_bad_file_hides_no_other_and_two_labs_have_two_ids() {
    let home = tempfile::tempdir().unwrap();
    let labs = home.path().join("labs");
    std::fs::create_dir(&labs).unwrap();
    let new = rlab(home.path()).arg("new").arg(labs.join("one.toml")).output().unwrap();
    assert_eq!(status(&new), 0, "{}", all(&new));
    let good = std::fs::read_to_string(labs.join("one.toml")).unwrap();
    std::fs::write(labs.join("bytes.toml"), b"id = \"\xff\"").unwrap();
    std::fs::write(labs.join("typo.toml"), good.replace("minutes", "minuets").replace("\"one\"", "\"two\""))
        .unwrap();
    std::fs::write(labs.join("twin.toml"), &good).unwrap();
    let output =
        rlab(home.path()).arg("check").arg(&labs).arg(home.path().join("gone.toml")).output().unwrap();
    let text = all(&output);
    assert_eq!(status(&output), 2, "{text}");
    for told in
        ["is not UTF-8", "minuets", "has the id `one` too", "gone.toml` cannot be read", "hint: `rlab new"]
    {
        assert!(text.contains(told), "{told} is not told:\n{text}");
    }
}

#[test]
fn a_report_that_could_not_be_written_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = rlab(home.path()).args(["list", "--format", "json"]).stdout(full).output().unwrap();
    assert_eq!(status(&output), 125, "{}", stderr(&output));
    assert!(stderr(&output).contains("No space left"), "{}", stderr(&output));
}

#[test]
fn an_interrupt_ends_a_run_whenever_it_comes() {
    if !is_root() {
        return;
    }
    // From the first trial of a need to the middle of a lab; on a busy machine all of it may be trials.
    let mut early = 0;
    for wait in [1, 5, 10, 20, 30, 50, 80, 120, 200, 300] {
        let home = tempfile::tempdir().unwrap();
        let child = rlab(home.path())
            .args(["run", "--all"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        // Before it listens, SIGINT ends it as it ends any program.
        while !blocks_interrupts(child.id()) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(wait));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = all(&output);
        assert_eq!(status(&output), 130, "after {wait} ms:\n{text}");
        assert!(!text.contains("skipped"), "an interrupt says nothing about the machine:\n{text}");
        assert_eq!(left_by(pid.as_raw() as u32), Vec::<String>::new());
        early += usize::from(stdout(&output).is_empty());
    }
    assert!(early < 10, "no run came as far as a lab");
}

/// Whether a process has SIGINT blocked, as rlab has once it listens for it.
fn blocks_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
    u64::from_str_radix(mask, 16).unwrap() & 0b10 != 0
}

/// What stands below a heading of the word `recipe`, up to the next one.
fn part(told: &str, heading: &str) -> String {
    let (_, rest) =
        told.split_once(&format!("\n {heading}\n")).unwrap_or_else(|| panic!("no {heading}:\n{told}"));
    let end = ["\n as ", "\n recipe\n"].iter().filter_map(|next| rest.find(next)).min().unwrap();
    rest[..=end].to_owned()
}

#[test]
fn code_that_the_word_recipe_shows_can_be_used_as_it_stands() {
    let long = format!("mount --bind /etc/{} /mnt", "a-long-name-".repeat(20));
    for lines in [
        &["rootfs", "pivot_root", "cgroup memory.max=7M", "unshare --pid --mount-proc"][..],
        &["cgroup"],
        &["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid", &long],
    ] {
        let mut shown = Vec::new();
        for columns in ["60", "120"] {
            let home = tempfile::tempdir().unwrap();
            let typed = format!("{}\nrecipe\n", lines.join("\n"));
            let output = feed(rlab(home.path()).arg("play").env("COLUMNS", columns), typed);
            let told = format!("\n{}", stdout(&output));
            let json: Result<serde_json::Value, _> = serde_json::from_str(&part(&told, "as OCI config.json"));
            assert_eq!(json.unwrap_or_else(|error| panic!("{error}: {told}"))["ociVersion"], "1.0.2");
            for heading in ["as a shell script", "as docker run"] {
                let script = part(&told, heading);
                let read = feed(Command::new("sh").arg("-n"), &script);
                assert_eq!((status(&read), stderr(&read).as_str()), (0, ""), "{columns}: {script}");
            }
            shown.push(
                ["as a shell script", "as docker run", "as OCI config.json"]
                    .map(|heading| part(&told, heading)),
            );
        }
        // Broken between words, a line may still be one that a shell reads.
        assert_eq!(shown[0], shown[1]);
    }
}

#[test]
fn a_reason_is_the_true_one() {
    let told = all(&session("cgroup memory.max=0x10\n"));
    assert!(told.contains("only decimal ones are read") && !told.contains("leaves nothing"), "{told}");
    for (line, why) in [("cgroup memory.max=0", "leaves nothing"), ("cgroup memory.max=0M", "leaves nothing")]
    {
        let told = all(&session(&format!("{line}\n")));
        assert!(told.contains(why), "{told}");
    }
    if !is_root() || !has("busybox") {
        return;
    }
    for with in [&[][..], &["--with", "full"]] {
        let nameless = run(&[&["exec"], with, &["--", ""]].concat());
        assert_eq!(status(&nameless), 127, "{}", stderr(&nameless));
        assert!(stderr(&nameless).contains("the program has no name"), "{}", stderr(&nameless));
        assert!(!stderr(&nameless).contains("did you mean"), "{}", stderr(&nameless));
    }
    let told = all(&session("unshare --mount\nmount -t tmpfs -o size=banana x /mnt\ntrue\n"));
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("or does not take the value of one"), "{told}");
}
