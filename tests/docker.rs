//! The engines of the lab `docker`, Podman and Docker: what they make is told truly and alike, stays in the session's
//! place, and goes with it, however the session ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::peers::{find, lives, seconds};
use support::{
    can_run_labs, fed, feed, guest, has, left_by, marked_by, rlab, status, stderr, stdout, told, wait_for,
};

/// The engines that are here; says what is missing.
fn engines() -> Vec<&'static str> {
    if !can_run_labs() {
        return Vec::new();
    }
    let needed: [(&str, &[&str]); 2] =
        [("podman", &["podman", "runc"]), ("docker", &["docker", "dockerd", "containerd", "runc"])];
    needed
        .into_iter()
        .filter(|(_, programs)| programs.iter().all(|program| has(program)))
        .map(|(engine, _)| engine)
        .collect()
}

/// rlab with this engine, its directories below this one.
fn by(engine: &str, home: &Path) -> Command {
    let mut command = rlab(home);
    command.env("RLAB_ENGINE", engine).env("TMPDIR", home);
    command
}

/// Runs it, and holds that nothing is left: neither what bears its name, nor a file where a daemon keeps its own, nor
/// anything of its network.
fn leaving_nothing(command: &mut Command, home: &Path, lines: &str) -> Output {
    let before = surroundings();
    let child = fed(command, lines);
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(left_by(pid), Vec::<String>::new(), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(directories(home), Vec::<String>::new());
    assert_eq!(surroundings(), before);
    output
}

/// What of rlab's is in a directory for temporary files.
fn directories(home: &Path) -> Vec<String> {
    let names = std::fs::read_dir(home).unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with("rlab.")).collect()
}

/// The interfaces of the network, and the places in which a Docker of the machine's own keeps things.
fn surroundings() -> BTreeSet<String> {
    let network = std::fs::read_to_string("/proc/net/dev").unwrap();
    let network =
        network.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned());
    let places = [
        "/etc/docker",
        "/opt/containerd",
        "/var/lib/docker",
        "/var/lib/containerd",
        "/run/docker.sock",
        "/run/docker",
        "/run/containerd",
    ];
    let places = places.into_iter().filter_map(|place| {
        let changed = std::fs::metadata(place).ok()?.modified().unwrap();
        Some(format!("{place} changed at {changed:?}"))
    });
    network.chain(places).collect()
}

/// A directory for temporary files whose name is too long for what Podman keeps there.
fn far() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("a-directory-for-temporary-files-with-a-long-name-").tempdir().unwrap()
}

/// Runs these lines without a lab, and gives what came of each, as JSON.
fn outcomes(engine: &str, home: &Path, lines: &str) -> Vec<Value> {
    let mut command = by(engine, home);
    told(&leaving_nothing(command.args(["run", "--script", "-", "--format", "json"]), home, lines))
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

/// The words of a text, wherever its lines were broken.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a report says of the containers of a lab, but for what differs from one to the next: how each line ended, the
/// namespaces of its own, its limits, the kills.
fn observed(report: &Value) -> Vec<String> {
    let steps = report["labs"][0]["steps"].as_array().unwrap();
    let lines = steps.iter().flat_map(|step| step["lines"].as_array().unwrap());
    let one = |line: &Value| {
        let outcome = &line["outcome"];
        let own: Vec<&String> = outcome["seen"]["namespaces"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, pair)| pair["inside"] != pair["host"])
            .map(|(kind, _)| kind)
            .collect();
        let limits: Vec<String> = outcome["limits"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|limit| format!("{} {}", limit["resource"], limit["number"]))
            .filter(|limit| limit.starts_with("\"memory"))
            .collect();
        format!(
            "{} ends {} with {own:?}, PID {} of {}, {limits:?}, killed {}",
            line["line"],
            outcome["end"],
            outcome["seen"]["nspid"].as_array().and_then(|pids| pids.last()).unwrap_or(&Value::Null),
            outcome["seen"]["nspid"].as_array().map_or(0, Vec::len),
            // Where a second choice of the kernel's falls soon after the first, it counts two.
            outcome["memory"]["oom_kill_after"].as_u64() > outcome["memory"]["oom_kill_before"].as_u64(),
        )
    };
    lines.map(one).collect()
}

#[test]
fn the_lab_is_the_same_with_both() {
    let mut all = Vec::new();
    for engine in engines() {
        let home = tempfile::tempdir().unwrap();
        let mut command = by(engine, home.path());
        let output = leaving_nothing(command.args(["run", "docker", "--format", "json"]), home.path(), "");
        assert_eq!(status(&output), 0, "{engine}: {}{}", stdout(&output), stderr(&output));
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let seen = observed(&report);
        assert!(seen.iter().any(|line| line.contains("memory") && line.contains("7340032")), "{seen:#?}");
        all.push(seen);
    }
    if let [one, other] = all.as_slice() {
        assert_eq!(one, other);
    }
}

#[test]
fn a_daemon_of_the_sessions_own_writes_to_no_place_of_the_machines_docker() {
    if !engines().contains(&"docker") {
        return;
    }
    let home = tempfile::tempdir_in("/var/tmp").unwrap();
    // Where they are empty, whatever is made in them is seen; and `/tmp` can only be read. (First that: mount(8) keeps notes in `/run`.)
    let script =
        "mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp
                  for place in /etc/docker /opt /var/lib /run; do [ ! -d $place ] || mount -t tmpfs tmpfs $place; done
                  \"$@\" >&2 && find /etc/docker /opt /var/lib /run -mindepth 1; ls -A $HOME";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(rlab(home.path()).get_program());
    command.args(["run", "docker"]).env("RLAB_ENGINE", "docker").env("HOME", home.path());
    let output = command.env("TMPDIR", home.path()).env("XDG_STATE_HOME", "/dev/null").output().unwrap();
    assert!(stderr(&output).contains("6 steps passed, 0 failed"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

#[test]
fn the_status_and_the_output_of_a_container_in_front_are_passed_on_at_once() {
    for (engine, home) in
        engines().into_iter().flat_map(|it| [(it, tempfile::tempdir().unwrap()), (it, far())])
    {
        let begin = Instant::now();
        let told = outcomes(
            engine,
            home.path(),
            "rootfs busybox\ndocker import - here\ndocker run --rm here sh -c 'hostname; exit 7'\n",
        );
        let last = told.last().unwrap();
        assert_eq!(last["outcome"]["end"]["exited"], 7, "{engine}: {last:#}");
        assert_eq!(last["outcome"]["stdout"].as_str().unwrap().trim().len(), 12, "{engine}: {last:#}");
        // Docker would complain of a network that is not there.
        assert_eq!(last["outcome"]["stderr"], "", "{engine}: {last:#}");
        // Podman waits for twenty seconds where what clears up after a container does not find it.
        assert!(begin.elapsed() < Duration::from_secs(18), "{engine} in {home:?}: {:?}", begin.elapsed());
    }
}

#[test]
fn what_an_engine_has_made_goes_with_a_session_that_was_killed() {
    for engine in engines() {
        killed(engine, "clean", &tempfile::tempdir().unwrap());
        killed(engine, "the next start", &far());
    }
}

fn killed(engine: &str, collector: &str, home: &tempfile::TempDir) {
    let before = surroundings();
    let (first, second) = (seconds(), seconds());
    let lines = format!(
        "rootfs busybox\ndocker import - here\ndocker run -d here sleep {first}\n\
         docker run --rm -d --memory=7m here sleep {second}\n"
    );
    let mut child = fed(
        by(engine, home.path())
            .args(["play"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::piped()),
        lines + "!sleep 1000\n",
    );
    let pids = [find(&["sleep", &first]), find(&["sleep", &second])];
    wait_for("the last line", || !find_children(child.id(), "sleep 1000").is_empty());
    // The daemon and what it has started are known by their mark, as the containers are.
    assert!(marked_by(child.id()).len() >= pids.len());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut next = by(engine, home.path());
    let output = match collector {
        "clean" => next.arg("clean").output().unwrap(),
        _ => feed(next.args(["play", "--plain"]), "true\n"),
    };
    assert_eq!(status(&output), 0, "{engine}: {}{}", stdout(&output), stderr(&output));
    assert!(pids.iter().all(|pid| !lives(*pid)), "{engine}: a container outlives its session: {pids:?}");
    assert_eq!(left_by(child.id()), Vec::<String>::new(), "{engine}");
    let monitors = stdout(&Command::new("ps").args(["-A", "-o", "args"]).output().unwrap());
    let mine = home.path().display().to_string();
    assert!(!monitors.contains(&mine), "{engine}: a daemon or a monitor is left:\n{monitors}");
    assert_eq!(directories(home.path()), Vec::<String>::new(), "{engine}");
    assert_eq!(surroundings(), before, "{engine}");
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
    if engines().len() < 2 {
        return;
    }
    let lacks: [(&[&str], &str); 4] = [
        (&["podman", "dockerd", "docker"], "neither Podman nor Docker's daemon"),
        (&["podman", "dockerd"], "only the client"),
        (&["podman", "containerd"], "`containerd` is not installed"),
        (&["runc", "crun"], "no runtime"),
    ];
    for (missing, word) in lacks {
        let home = tempfile::tempdir().unwrap();
        let output = rlab_without(home.path(), missing, &["run", "docker"]).output().unwrap();
        let told = squeezed(&format!("{}{}", stdout(&output), stderr(&output)));
        assert!(told.contains(word) && told.contains("apt-get install"), "{missing:?}: {told}");
        assert_eq!(status(&output), 3, "{missing:?}: {told}");
        // The machine itself lacks nothing.
        let doctor = rlab_without(home.path(), missing, &["doctor"]).output().unwrap();
        let told = squeezed(&stdout(&doctor));
        assert!(told.contains(word) && told.contains("apt-get install"), "{missing:?}: {told}");
        assert_eq!(status(&doctor), 0, "{missing:?}: {told}");
        let played = feed(
            &mut rlab_without(home.path(), missing, &["play"]),
            "rootfs busybox\ndocker import - here\necho it goes on\n",
        );
        let told = squeezed(&format!("{}{}", stdout(&played), stderr(&played)));
        assert!(told.contains(word) && told.ends_with("it goes on"), "{missing:?}: {told}");
    }
}

#[test]
fn where_only_docker_is_there_it_is_taken_and_no_other_name_is() {
    if engines().len() < 2 {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let lines = "rootfs busybox\ndocker import - here\ndocker images --format '{{.Repository}}'\n";
    let output = feed(&mut rlab_without(home.path(), &["podman"], &["play", "--plain"]), lines);
    assert!(stdout(&output).contains("\n  here\n"), "{}{}", stdout(&output), stderr(&output));
    // Podman would say where the image is from.
    let output = feed(rlab(home.path()).args(["play", "--plain"]), lines);
    assert!(stdout(&output).contains("\n  localhost/here\n"), "{}{}", stdout(&output), stderr(&output));
    let output = feed(by("rkt", home.path()).args(["play", "--plain"]), "docker ps\ntrue\n");
    let told = stdout(&output) + &stderr(&output);
    assert!(
        told.contains("`RLAB_ENGINE=rkt` names no engine") && told.contains("RLAB_ENGINE=docker"),
        "{told}"
    );
}

#[test]
fn a_daemon_that_does_not_come_up_is_told_within_seconds_and_the_session_goes_on() {
    if !engines().contains(&"docker") {
        return;
    }
    for (daemon, words) in [
        (
            "echo 'time=\"now\" level=fatal msg=\"no room on the disk\"' >&2; exit 7",
            &["exit status 7", "no room on the disk"][..],
        ),
        ("kill -9 $$", &["signal 9", "said nothing"]),
        // No program at all: the kernel refuses it.
        ("", &["Docker's daemon cannot be started", "ENOEXEC"]),
        ("exec /bin/sleep SECONDS", &["does not answer after 15 seconds", "said nothing"]),
        // It listens, and never says a word.
        (
            "exec /usr/bin/socat UNIX-LISTEN:/run/docker.sock,fork EXEC:'/bin/sleep SECONDS'",
            &["does not answer after 15 seconds"],
        ),
    ] {
        if daemon.contains("socat") && !has("socat") {
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        let tools = home.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        // Another process writes it: a descriptor of ours may be open in a child of another test's, and then it is busy.
        let seconds = seconds();
        let text = match daemon {
            "" => "no program\n".to_owned(),
            daemon => format!("#!/bin/sh\n{}\n", daemon.replace("SECONDS", &seconds)),
        };
        let made = Command::new("sh")
            .args(["-c", "printf %s \"$0\" >$1 && chmod +x $1", &text])
            .arg(tools.join("dockerd"))
            .status();
        assert!(made.unwrap().success());
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let begin = Instant::now();
        let mut command = by("docker", home.path());
        let output = leaving_nothing(
            command.args(["play", "--plain"]).env("PATH", path),
            home.path(),
            &format!(
                "rootfs busybox\ndocker import - here\n\
                 !ps -A -o args | grep '[s]leep {seconds}' || echo no''body is left\necho it goes on\n"
            ),
        );
        let told = squeezed(&format!("{}{}", stdout(&output), stderr(&output)));
        for word in words.iter().chain(&["hint: ", "RLAB_ENGINE=podman", "nobody is left", "it goes on"]) {
            assert!(told.contains(word), "{daemon}: `{word}` is not told: {told}");
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{daemon}: {:?}", begin.elapsed());
    }
}

#[test]
fn a_daemon_that_dies_meanwhile_is_told_and_another_one_takes_its_place() {
    if !engines().contains(&"docker") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut command = by("docker", home.path());
    let output = leaving_nothing(
        command.args(["play", "--plain"]),
        home.path(),
        "rootfs busybox\ndocker import - here\n!kill -9 $(ps -A -o pid,args | grep \"[-]-config-file=$TMPDIR\" | sed 's/^ *//;s/ .*//')\n\
         docker ps\ndocker import - here\ndocker run --rm here echo as before\n",
    );
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(told.contains("has ended (signal 9)") && told.contains("begin again"), "{told}");
    assert!(told.contains("\n  as before\n"), "{told}");
}

#[test]
fn what_the_engine_refuses_is_told_in_its_words_and_the_session_goes_on() {
    for engine in engines() {
        let home = tempfile::tempdir().unwrap();
        let lines = "docker import - here\nrootfs busybox\ndocker run --rm nowhere true\ndocker import - here\n\
                     docker run --rm --memory=7q here true\ndocker exec nobody true\n\
                     docker run --rm here nothing-here\ndocker run --rm here echo still here\n";
        let mut command = by(engine, home.path());
        let output = leaving_nothing(command.args(["play", "--plain"]), home.path(), lines);
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(status(&output), 0, "{engine}: {told}");
        for word in [
            "there is no root file system to import",
            "nowhere",
            "7q",
            "nobody",
            "nothing-here",
            "  still here\n",
        ] {
            assert!(told.contains(word), "{engine}: `{word}` is not told:\n{told}");
        }
    }
}

#[test]
fn who_joins_a_container_is_killed_first_even_where_the_first_process_holds_more() {
    // The kernel takes the process that holds most of the group. The first one here holds 12 MB of 22 in the end (more
    // while it fills, so the limit comes later), and whoever joins cannot come to as much.
    for engine in engines() {
        let home = tempfile::tempdir().unwrap();
        let told = outcomes(
            engine,
            home.path(),
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
        let [.., load, after] = told.as_slice() else { panic!("{engine}: {told:#?}") };
        assert_eq!(load["outcome"]["end"]["exited"], 137, "{engine}: {load:#}");
        // The kills are those of the container that was named, not of the one that was started last. There may be two: the
        // kernel can ask again before what the shell held is back, and takes what fed it, which joined as well.
        let kills = load["outcome"]["memory"]["oom_kill_after"].as_u64();
        assert!(kills.is_some_and(|kills| [1, 2].contains(&kills)), "{engine}: {load:#}");
        assert_eq!(after["outcome"]["stdout"], "it lives\n", "{engine}: {after:#}");
    }
}

#[test]
fn on_a_kernel_with_cgroup_v2_alone_the_lab_holds_with_docker() {
    if !engines().contains(&"docker") || !has("linux.uml") {
        return;
    }
    let told = guest::on_v2_alone(&format!(
        "RLAB_ENGINE=docker {} run docker --plain\n\
         echo \"left: $(ls -d /sys/fs/cgroup/rlab.* /dev/shm/rlab.* 2>/dev/null)\"",
        env!("CARGO_BIN_EXE_rlab")
    ));
    assert!(told.contains("6 steps passed, 0 failed"), "{told}");
    assert!(told.contains("7340032 in memory.max") && told.contains("\nleft: \n"), "{told}");
}
