//! What the kernel really does, held through the built program: each of these is a place where containers made by hand
//! usually go wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::process::{Command, Output, Stdio};

use support::{feed, has, is_root, left_by, rlab, run_and_leave_nothing, status, stderr, stdout};

/// One command under these lines.
fn exec(with: &[&str], command: &[&str]) -> Output {
    let mut arguments = vec!["exec"];
    for line in with {
        arguments.extend(["--with", line]);
    }
    arguments.push("--");
    arguments.extend(command);
    run_and_leave_nothing(&arguments)
}

fn words(output: &Output) -> Vec<String> {
    stdout(output).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn no_mount_leaks_where_the_root_is_shared() {
    if !is_root() || !has("unshare") {
        return;
    }
    // On a systemd machine / is shared, and a mount in an "unshared" namespace comes back to the host.
    let rlab = env!("CARGO_BIN_EXE_rlab");
    let script = format!(
        "mount --make-rshared /; cat /proc/self/mountinfo > $HOME/before; {rlab} run container chroot > $HOME/out; \
         code=$?; {rlab} exec --with full -- true; cat /proc/self/mountinfo > $HOME/after; exit $code"
    );
    let home = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert!(read("before").contains("shared:"), "the outer root was not shared; the test proves nothing");
    assert_eq!(read("before"), read("after"));
}

#[test]
fn no_descriptor_of_rlab_or_its_caller_is_open_inside() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let script =
        format!("exec 7</ 9</etc; exec {} exec --with full -- ls /proc/self/fd", env!("CARGO_BIN_EXE_rlab"));
    let output = Command::new("sh").args(["-c", &script]).env("HOME", home.path()).output().unwrap();
    // 3 is the directory that ls itself reads.
    assert_eq!(words(&output), ["0", "1", "2", "3"], "{}", stderr(&output));
}

#[test]
fn the_working_directory_is_inside() {
    if !is_root() {
        return;
    }
    for root in ["chroot", "pivot_root"] {
        let output =
            exec(&["rootfs", root], &["sh", "-c", "pwd; cd ../../..; ls -d bin boot etc home proc sys usr"]);
        let seen = words(&output);
        assert_eq!(seen, ["/", "bin", "etc", "proc", "sys"], "{root}: {}", stdout(&output));
    }
}

#[test]
fn a_proc_made_before_the_pid_namespace_is_stale_and_a_new_one_is_not() {
    if !is_root() {
        return;
    }
    let count = |lines: &[&str]| {
        let output =
            exec(&[&["rootfs", "chroot"], lines].concat(), &["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]);
        stdout(&output).trim().parse::<u32>().unwrap()
    };
    let stale = count(&["mount -t proc proc /proc", "unshare --pid"]);
    assert!(stale > 5, "only {stale} processes: that proc was not the host's");
    let fresh = count(&["unshare --pid", "mount -t proc proc /proc"]);
    assert!(fresh <= 3, "{fresh} processes in a new PID namespace");
    assert!(count(&["unshare --pid --mount-proc"]) <= 3);
}

#[test]
fn pid_1_ignores_even_sigkill_from_inside() {
    if !is_root() {
        return;
    }
    let output = exec(&["unshare --pid"], &["sh", "-c", "kill -9 $$; kill -TERM $$; echo I am $$"]);
    assert_eq!(stdout(&output), "I am 1\n");
}

#[test]
fn the_host_keeps_its_name() {
    if !is_root() {
        return;
    }
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let before = host();
    assert_eq!(stdout(&exec(&["unshare --uts", "hostname elsewhere"], &["uname", "-n"])), "elsewhere\n");
    assert_eq!(before, host());
}

#[test]
fn the_group_is_joined_before_its_namespace_is_made() {
    if !is_root() {
        return;
    }
    let output = exec(&["cgroup memory.max=64M", "unshare --cgroup"], &["cat", "/proc/self/cgroup"]);
    let text = stdout(&output);
    let memory = text.lines().find(|line| line.contains(":memory:") || line.starts_with("0::")).unwrap();
    assert!(memory.ends_with(":/"), "the group is not the root of its namespace: {memory}");
}

#[test]
fn the_limit_of_processes_holds() {
    if !is_root() {
        return;
    }
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; echo all";
    let output = exec(&["unshare --pid", "cgroup pids.max=5"], &["sh", "-c", script]);
    assert!(!stdout(&output).contains("all"), "ten processes in a group of five");
    assert_ne!(status(&output), 0);
}

#[test]
fn what_a_container_leaves_running_is_ended_with_it() {
    if !is_root() {
        return;
    }
    let marker = format!("{}", 700_000 + std::process::id());
    let script = format!("sleep {marker} & sleep {marker} & exit 0");
    assert_eq!(status(&exec(&["rootfs", "chroot"], &["sh", "-c", &script])), 0);
    assert_eq!(running(&marker), 0, "a process of a container without a PID namespace lives on");
}

/// How many processes have this word on their command line.
fn running(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())).count()
}

#[test]
fn a_link_in_the_root_leads_no_mount_outside() {
    if !is_root() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let lines = format!(
        "rootfs\n!ln -s {0} $ROOTFS/link; ln -s {0}/file $ROOTFS/file\nchroot\nmount --bind /dev/null /link/made\n\
         mount --bind /dev/null /file\nls /\n",
        outside.path().display()
    );
    let output = play(&lines);
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(told.matches("error: cannot make the mount point").count(), 2, "{told}");
    assert!(told.contains("symbolic link"), "{told}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "something was made outside");
}

fn play(lines: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    feed(rlab(home.path()).arg("play"), lines)
}

#[test]
fn an_ordinary_user_has_containers_too() {
    if !is_root() || !has("setpriv") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
    // The program may lie where only root can look.
    let program = home.path().join("rlab");
    // By a process of its own: while this one writes to it another test may fork, and then it is busy (ETXTBSY).
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_rlab")).arg(&program).status().unwrap().success());
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args([
            "exec",
            "--with",
            "rootfs",
            "--with",
            "unshare --pid --mount-proc",
            "--with",
            "pivot_root",
            "--",
        ])
        .args(["sh", "-c", "id -u; echo $$; ls -d /proc/[0-9]* | wc -l; cat /proc/self/uid_map"])
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .current_dir("/")
        .output()
        .unwrap();
    let seen = words(&output);
    assert_eq!(seen.get(..2).unwrap(), ["0", "1"], "{}", stderr(&output));
    assert_eq!(seen.get(3..).unwrap(), ["0", "65534", "1"]);
    let names: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["rlab"], "something was left");
}

#[test]
fn four_at_once_do_not_touch_each_other() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            rlab(home.path())
                .args(["run", "container"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let pid = child.id();
        let output = child.wait_with_output().unwrap();
        assert_eq!(status(&output), 0, "{}\n{}", stdout(&output), stderr(&output));
        assert_eq!(left_by(pid), Vec::<String>::new());
    }
}

#[test]
fn what_runs_in_front_is_taken_before_the_container_that_stays() {
    if !is_root() || !has("busybox") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let lines = "rootfs\nchroot\nmount -t proc proc /proc\ncgroup memory.max=7M\nsleep 1000 &\n\
                 cat /proc/self/oom_score_adj\n!cat /proc/$(cat $CGROUP/cgroup.procs)/oom_score_adj\n";
    let told = stdout(&feed(rlab(home.path()).arg("play"), lines));
    assert!(told.contains("\n  1000\n"), "{told}");
    assert!(told.contains("\n  0\n"), "{told}");
}
