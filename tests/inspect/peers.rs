//! Containers of bubblewrap's, runc's, Podman's and Docker's.

use super::*;

#[test]
fn a_sandbox_of_bubblewraps_is_taken_apart() {
    if !is_root() || !has("bwrap") || !has("busybox") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    for name in ["bin", "proc", "dev", "tmp"] {
        fs::create_dir(root.path().join(name)).unwrap();
    }
    let place = root.path().display().to_string();
    let busybox = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
    let copied = Command::new("cp").arg(stdout(&busybox).trim()).arg(root.path().join("bin/sleep")).status();
    assert!(copied.unwrap().success());
    let seconds = seconds();
    let mut command = Command::new("bwrap");
    command.args(["--unshare-pid", "--unshare-uts", "--unshare-net", "--hostname", "wrapped"]);
    command.args([
        "--ro-bind",
        &place,
        "/",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",
        "--dev-bind",
        "/dev/null",
        "/dev/null",
    ]);
    // The mount has to have a place in a root that is read-only.
    fs::write(root.path().join("dev/null"), "").unwrap();
    command.args(["--cap-drop", "CAP_KILL", "sleep", &seconds]);
    let sleeper = Sleeper::start(&mut command, &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told_namespaces(&told), kinds(&["mnt", "net", "pid", "uts"]));
    assert_eq!(told_namespaces(&told), own_namespaces(sleeper.pid));
    assert_eq!((&told["root"]["kind"], &told["host_name"]), (&json!("pivot"), &json!("wrapped")));
    assert_eq!((&told["no_new_privs"], &told["seccomp"]), (&json!(true), &json!("none")));
    let bounding = told["capabilities"]["bounding"].as_array().unwrap();
    let mask = u64::from_str_radix(&field(sleeper.pid, "CapBnd"), 16).unwrap();
    assert_eq!(bounding.len(), mask.count_ones() as usize);
    let effective = told["capabilities"]["effective"].as_array().unwrap();
    assert!(!effective.contains(&json!("CAP_KILL")) && effective.contains(&json!("CAP_CHOWN")));
    for line in [
        "pivot_root",
        "unshare --pid --mount --uts --net --mount-proc",
        "mount -t tmpfs -o mode=755 tmpfs /tmp",
        "mount --bind /dev/null /dev/null",
        "hostname wrapped",
        "capdrop CAP_KILL",
    ] {
        assert!(lines(&told).contains(&line), "`{line}` is not in {:?}", lines(&told));
    }
    assert!(notes(&told).contains("no_new_privs"), "{}", notes(&told));
}

/// The limit of memory that is told, and its file, which has to say the same.
fn limit(told: &Value) -> u64 {
    let limit = &told["cgroups"]["memory"]["limit"];
    let read = fs::read_to_string(limit["file"].as_str().unwrap()).unwrap();
    assert_eq!(read.trim(), limit["value"].as_str().unwrap());
    limit["number"].as_u64().unwrap()
}

#[test]
fn a_container_of_runcs_is_taken_apart() {
    if !is_root() || !has("runc") || !has("busybox") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let bundle = place.path().join("bundle");
    let bundle = bundle.to_str().unwrap();
    let seconds = seconds();
    // Room enough for runc's own first process.
    let wide = "cgroup memory.max=32M";
    let exported = run(&["export", "full", "--with", wide, "--as", "oci", bundle, "--", "sleep", &seconds]);
    assert_eq!(status(&exported), 0, "{}", stderr(&exported));
    let id = format!("rlab-inspect-{seconds}");
    let sleeper = Sleeper::start(Command::new("runc").args(["run", "--bundle", bundle, &id]), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told_namespaces(&told), kinds(&["cgroup", "ipc", "mnt", "pid", "uts"]));
    assert_eq!(told["root"], json!({ "kind": "pivot", "path": "/" }));
    assert_eq!((limit(&told), &told["host_name"]), (32 << 20, &json!("container")));
    assert!(told["cgroups"]["memory"]["path"].as_str().unwrap().ends_with(&id));
    assert_eq!(told["nspid"], json!([sleeper.pid, 1]));
    // The bundle was told from this recipe, and it is found again in the process.
    let wanted = Recipe::read(Recipe::FULL.iter().copied().chain([wide])).unwrap();
    assert_eq!(asked(&Recipe::read(lines(&told)).unwrap()), asked(&wanted), "{:?}", lines(&told));
}

#[test]
fn a_container_of_podmans_is_taken_apart_by_its_name() {
    if !is_root() || !has("podman") || !has("runc") || !has("busybox") {
        return;
    }
    let store = Store::new();
    let podman = |words: &[&str]| {
        let mut command = Command::new("podman");
        store.lend(&mut command);
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        stdout(&output).trim().to_owned()
    };
    let place = store.path("exported");
    let exported = run(&["export", "container", "--as", "docker", place.to_str().unwrap()]);
    assert_eq!(status(&exported), 0, "{}", stderr(&exported));
    let image = podman(&["import", "-q", place.join("rootfs.tar").to_str().unwrap()]);
    let (seconds, home) = (seconds(), tempfile::tempdir().unwrap());
    let name = format!("inspected-{seconds}");
    let options = ["--network=none", "--memory=32m", "--pids-limit=64", "--security-opt=no-new-privileges"];
    // In the foreground: it has cleared up after itself when it ends, and then its store may go.
    let mut started = Command::new("podman");
    store.lend(&mut started);
    started.args(["run", "--rm", "--name", &name]).args(options).args([&image, "sleep", &seconds]);
    let sleeper = Sleeper::start(&mut started, &seconds);

    let mut command = rlab(home.path());
    store.lend(&mut command);
    let output = command.args(["inspect", &name, "--format", "json"]).output().unwrap();
    let caps = podman(&["inspect", "--format", "{{join .EffectiveCaps \" \"}}", &name]);
    let pid = sleeper.pid;
    let own = own_namespaces(pid);
    drop(sleeper);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["pid"], pid);
    let caps = caps.split(' ').map(str::to_owned).collect();
    holds(&told, &own, &caps);
}

/// What an engine has done with `--network=none --memory=32m --pids-limit=64 --security-opt=no-new-privileges`.
fn holds(told: &Value, own: &BTreeSet<String>, caps: &BTreeSet<String>) {
    assert_eq!(&told_namespaces(told), own);
    assert!(own.is_superset(&kinds(&["ipc", "mnt", "net", "pid", "uts"])), "{own:?}");
    let effective = told["capabilities"]["effective"].as_array().unwrap();
    let effective: BTreeSet<String> =
        effective.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(&effective, caps);
    assert_eq!((&told["seccomp"], &told["no_new_privs"]), (&json!("filter"), &json!(true)));
    assert_eq!(told["cgroups"]["memory"]["limit"]["number"], 32 << 20);
    let lines = lines(told);
    assert!(
        lines.contains(&"pivot_root") && lines.contains(&"cgroup memory.max=33554432 pids.max=64"),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("capdrop ") && line.contains("CAP_SYS_ADMIN")),
        "{lines:?}"
    );
    assert!(notes(told).contains("a seccomp filter"), "{}", notes(told));
    assert!(Recipe::read(lines).is_ok());
}

#[test]
fn a_container_of_dockers_is_taken_apart_by_its_name() {
    if !is_root() || !has("docker") || !has("dockerd") || !has("runc") || !has("busybox") {
        return;
    }
    let (daemon, place) = (Daemon::start(), tempfile::tempdir().unwrap());
    let exported = place.path().join("exported");
    let output = run(&["export", "container", "--as", "docker", exported.to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    daemon.docker(&["import", exported.join("rootfs.tar").to_str().unwrap(), "here"]);
    let seconds = seconds();
    let name = format!("inspected-{seconds}");
    let options = ["--network=none", "--memory=32m", "--pids-limit=64", "--security-opt=no-new-privileges"];
    let start = |name: &str, words: &[&str]| {
        daemon.docker(&[&["run", "--detach", "--name", name], &options[..], &["here"], words].concat())
    };
    start(&name, &["sleep", &seconds]);
    start("ended", &["true"]);
    let ask = |who: &str| {
        let mut command = rlab(place.path());
        daemon.lend(&mut command);
        command.args(["inspect", who, "--format", "json"]).output().unwrap()
    };
    // By its name, and by the beginning of its id.
    for who in [name.clone(), daemon.docker(&["inspect", "--format", "{{.Id}}", &name])[..12].to_owned()] {
        let output = ask(&who);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let pid = find(&["sleep", &seconds]);
        assert_eq!(told["pid"], pid);
        // What Docker gives where nothing else is said (docker-container-run(1)), as the kernel has it.
        let mask = u64::from_str_radix(&field(pid, "CapEff"), 16).unwrap();
        assert_eq!(mask, 0xa804_25fb);
        holds(&told, &own_namespaces(pid), &rlab::recipe::process::names(mask).into_iter().collect());
    }
    let output = ask("ended");
    assert_eq!((status(&output), stdout(&output).as_str()), (2, ""));
    assert!(stderr(&output).contains("docker: `ended` does not run"), "{}", stderr(&output));
    let output = ask("nobody");
    assert_eq!(status(&output), 2);
    assert!(
        stderr(&output).contains("docker: Error: No such container: nobody")
            || stderr(&output).contains("no such container"),
        "{}",
        stderr(&output)
    );
}
