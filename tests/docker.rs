//! The engine of the lab `docker`: what it makes is told truly, stays in the session's place, and goes with it, however
//! the session ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::peers::{find, lives, seconds};
use support::{can_run_labs, fed, feed, has, left_by, outcomes, rlab, status, stderr, stdout, wait_for};

/// Whether there is an engine; says what is missing.
fn engine() -> bool {
    can_run_labs() && has("podman") && has("runc")
}

/// rlab where these programs are not: in a mount namespace of its own something else lies over them.
fn rlab_without(home: &Path, missing: &[&str], words: &[&str]) -> Command {
    let hide = "for name in $MISSING; do for at in /usr/local/bin /usr/bin /usr/sbin; do
                [ ! -e $at/$name ] || mount --bind /dev/null $at/$name; done; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", hide, "sh"]).arg(rlab(home).get_program()).args(words);
    command.env("MISSING", missing.join(" ")).env("HOME", home).env("TMPDIR", home);
    command
}

#[test]
fn the_status_and_the_output_of_a_container_in_front_are_passed_on_at_once() {
    if !engine() {
        return;
    }
    let begin = Instant::now();
    let told =
        outcomes("rootfs busybox\ndocker import - here\ndocker run --rm here sh -c 'hostname; exit 7'\n");
    let last = told.last().unwrap();
    assert_eq!(last["outcome"]["end"]["exited"], 7, "{last:#}");
    assert_eq!(last["outcome"]["stdout"].as_str().unwrap().trim().len(), 12, "{last:#}");
    // Podman waits for twenty seconds where what clears up after a container does not find it.
    assert!(begin.elapsed() < Duration::from_secs(18), "{:?}", begin.elapsed());
}

#[test]
fn what_an_engine_has_made_goes_with_a_session_that_was_killed() {
    if !engine() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (seconds(), seconds());
    let lines = format!(
        "rootfs busybox\ndocker import - here\ndocker run -d here sleep {first}\n\
         docker run --rm -d --memory=7m here sleep {second}\n"
    );
    let mut child = fed(
        rlab(home.path())
            .args(["play"])
            .env("TMPDIR", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::piped()),
        lines + "!sleep 1000\n",
    );
    let pids = [find(&["sleep", &first]), find(&["sleep", &second])];
    wait_for("the last line", || !find_children(child.id(), "sleep 1000").is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let output = rlab(home.path()).arg("clean").env("TMPDIR", home.path()).output().unwrap();
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert!(pids.iter().all(|pid| !lives(*pid)), "a container outlives its session: {pids:?}");
    assert_eq!(left_by(child.id()), Vec::<String>::new());
    let monitors = stdout(&Command::new("ps").args(["-A", "-o", "args"]).output().unwrap());
    let mine = home.path().display().to_string();
    assert!(!monitors.contains(&mine), "a monitor is left:\n{monitors}");
    let kept: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!kept.iter().any(|name| name.to_string_lossy().starts_with("rlab.")), "{kept:?}");
}

/// The processes below one whose words are these.
fn find_children(parent: u32, words: &str) -> Vec<String> {
    let all = stdout(&Command::new("ps").args(["-A", "-o", "ppid=,args="]).output().unwrap());
    let parent = parent.to_string();
    all.lines()
        .filter(|line| {
            line.trim().split_once(' ').is_some_and(|(of, args)| of == parent && args.contains(words))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn without_an_engine_the_lab_says_so_and_how_to_get_one() {
    if !engine() {
        return;
    }
    for (missing, word) in [("podman", "Podman is not installed"), ("runc", "no runtime")] {
        let home = tempfile::tempdir().unwrap();
        let missing = [missing, "crun"];
        let output = rlab_without(home.path(), &missing, &["run", "docker"]).output().unwrap();
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert!(told.contains(word) && told.contains("apt-get install"), "{missing:?}: {told}");
        assert_eq!(status(&output), 3, "{missing:?}: {told}");
        // The machine itself lacks nothing.
        let doctor = rlab_without(home.path(), &missing, &["doctor"]).output().unwrap();
        let told = stdout(&doctor);
        assert!(told.contains(word) && told.contains("apt-get install"), "{missing:?}: {told}");
        assert_eq!(status(&doctor), 0, "{missing:?}: {told}");
        let played = feed(
            &mut rlab_without(home.path(), &missing, &["play"]),
            "rootfs busybox\ndocker import - here\necho it goes on\n",
        );
        let told = format!("{}{}", stdout(&played), stderr(&played));
        assert!(told.contains(word) && told.contains("  it goes on\n"), "{missing:?}: {told}");
    }
}

#[test]
fn what_the_engine_refuses_is_told_in_its_words_and_the_session_goes_on() {
    if !engine() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let lines = "docker import - here\nrootfs busybox\ndocker run --rm nowhere true\ndocker import - here\n\
                 docker run --rm --memory=7q here true\ndocker exec nobody true\ndocker run --rm here nothing-here\n\
                 docker run --rm here echo still here\n";
    let output = feed(rlab(home.path()).args(["play", "--plain"]).env("TMPDIR", home.path()), lines);
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(status(&output), 0, "{told}");
    for word in [
        "there is no root file system to import",
        "nowhere",
        "7q",
        "nobody",
        "nothing-here",
        "  still here\n",
    ] {
        assert!(told.contains(word), "`{word}` is not told:\n{told}");
    }
    let left: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("rlab.")), "{left:?}");
}

#[test]
fn who_joins_a_container_is_killed_first_even_where_the_first_process_holds_more() {
    if !engine() {
        return;
    }
    // The kernel takes the process that holds most of the group. The first one here holds 12 MB of 22 in the end (more
    // while it fills, so the limit comes later), and whoever joins cannot come to as much.
    let told = outcomes(
        "rootfs busybox\ndocker import - here\n\
         docker run --rm -d --memory=60m --memory-swap=60m --name fat here \
         sh -c 'held=$(head -c 12000000 /dev/urandom); sleep 1000; true'\n\
         !for try in $(seq 300); do cat $(sed 's,.*,/proc/&/comm,' $CONTAINER/cgroup.procs) | grep sleep && break; \
         sleep 0.1; done; cd $CONTAINER; for file in memory.limit_in_bytes memory.memsw.limit_in_bytes memory.max; do \
         [ ! -e $file ] || echo 22M > $file; done\n\
         docker run --rm -d --memory=7m --name other here sleep 1000\n\
         docker exec fat sh -c 'data=$(head -c 40000000 /dev/urandom)'\n\
         docker exec fat echo it lives\n",
    );
    let [.., load, after] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!(load["outcome"]["end"]["exited"], 137, "{load:#}");
    // The kills are those of the container that was named, not of the one that was started last.
    assert_eq!(load["outcome"]["memory"]["oom_kill_after"], 1, "{load:#}");
    assert_eq!(after["outcome"]["stdout"], "it lives\n", "{after:#}");
}
