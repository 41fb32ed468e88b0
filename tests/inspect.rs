//! `rlab inspect` looks at real processes of every kind: a container of rlab's, runc's, Podman's and bubblewrap's, a shell
//! in a user namespace, a plain process, one of somebody else's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use rlab::lab::composed::composed;
use rlab::lab::course::Course;
use rlab::recipe::compose::{Recipe, RootChange};
use rlab::recipe::line::{Command as Program, Line};
use rlab::recipe::plan::{Plan, RootPlace};
use rlab::sandbox::machine;
use serde_json::{Value, json};
use support::peers::{Store, copy_program, find, lives, seconds};
use support::{can_run_labs, has, is_root, outcomes, rlab, run, status, stderr, stdout};

/// A process that is ended when the test is done with it.
struct Sleeper {
    pid: i32,
    child: Child,
}

impl Sleeper {
    /// Starts a command that has to become, or bring about, `sleep` for this many seconds.
    fn start(command: &mut Command, seconds: &str) -> Self {
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { pid: find(&["sleep", seconds]), child }
    }

    /// A container of rlab's that stays.
    fn of_rlab(recipe: &Recipe) -> Self {
        let home = tempfile::tempdir().unwrap();
        let seconds = seconds();
        let mut child =
            rlab(home.path()).arg("play").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let lines = recipe.lines().join("\n") + &format!("\nsleep {seconds} &\n");
        child.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
        Self { pid: find(&["sleep", &seconds]), child }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if lives(self.pid) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), nix::sys::signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// What is told of it.
fn inspect(who: &str) -> Value {
    let output = run(&["inspect", who, "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["unread"], json!([]));
    told
}

/// The kinds of namespace that are its own, as the links in /proc say.
fn own_namespaces(pid: i32) -> BTreeSet<String> {
    let links = |pid: &str| -> BTreeMap<String, String> {
        let entries = fs::read_dir(format!("/proc/{pid}/ns")).unwrap().flatten();
        let link = |entry: fs::DirEntry| {
            let target = fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
            (entry.file_name().to_string_lossy().into_owned(), target)
        };
        entries.map(link).filter(|(kind, _)| !kind.ends_with("_for_children")).collect()
    };
    let own = links("self");
    links(&pid.to_string())
        .into_iter()
        .filter(|(kind, target)| own[kind] != *target)
        .map(|(kind, _)| kind)
        .collect()
}

fn told_namespaces(told: &Value) -> BTreeSet<String> {
    let pairs = told["namespaces"].as_object().unwrap().iter();
    pairs.filter(|(_, pair)| pair["inside"] != pair["host"]).map(|(kind, _)| kind.clone()).collect()
}

fn kinds(kinds: &[&str]) -> BTreeSet<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

/// A field of its status, as the kernel prints it.
fn field(pid: i32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim().to_owned()
}

fn lines(told: &Value) -> Vec<&str> {
    told["recipe"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

fn notes(told: &Value) -> String {
    told["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn recipe(what: &str) -> Recipe {
    if what == "full" {
        return Recipe::full();
    }
    let (id, step) = what.split_once(':').map_or((what, None), |(id, step)| (id, Some(step)));
    let course = Course::built_in();
    let lab = course.lab(id).unwrap();
    let step = step.map(|id| lab.steps.iter().position(|step| step.id == id).unwrap());
    composed(lab, step).unwrap()
}

/// What a recipe asks the kernel for, whatever the order of its lines.
fn asked(recipe: &Recipe) -> BTreeSet<String> {
    let Ok(Line::Run(command)) = Line::parse("true") else { panic!("`true` is no program") };
    let command: Program = command;
    let plan = Plan::new(recipe, &command, &machine::find(), RootPlace::Directory).unwrap();
    let prepare = plan.prepare.iter().map(|step| format!("{step:?}").replace("Any", "Busybox"));
    let child = plan.child.iter().map(|op| format!("{op:?}"));
    prepare.chain(child).chain([format!("{:?}", plan.clone)]).collect()
}

#[test]
fn the_recipe_of_a_container_of_rlabs_is_found_again() {
    if !is_root() || !has("busybox") {
        return;
    }
    let composed = [
        "chroot:chroot",
        "chroot",
        "pid-namespace:stale",
        "pid-namespace",
        "memory-cgroup:group",
        "memory-cgroup",
        "container:files",
        "container",
        "full",
    ];
    let lines: [&[&str]; 4] = [
        &[
            "rootfs host",
            "pivot_root",
            "mount -t tmpfs -o size=64k,mode=700 tmpfs /tmp",
            "cgroup cpu.max=50%",
        ],
        &["unshare --net --ipc", "capdrop CAP_KILL CAP_SYS_TIME"],
        &["rootfs", "chroot", "unshare --mount", "mount --bind -o ro /usr /mnt", "cgroup pids.max=9"],
        &["unshare --uts --mount", "hostname x-y.z", "mount -t tmpfs tmpfs /mnt"],
    ];
    let read = |lines: &&[&str]| Recipe::read(lines.iter().copied()).unwrap();
    for recipe in composed.into_iter().map(recipe).chain(lines.iter().map(read)) {
        let sleeper = Sleeper::of_rlab(&recipe);
        let told = inspect(&sleeper.pid.to_string());
        let mut wanted = recipe.lines();
        // A directory that nobody changes to cannot be seen in a process.
        wanted.retain(|line| !(line.starts_with("rootfs") && recipe.root_change() == RootChange::None));
        let wanted = Recipe::read(wanted.iter().map(String::as_str)).unwrap();
        let found = Recipe::read(self::lines(&told)).unwrap();
        assert_eq!(asked(&found), asked(&wanted), "{:?}\nis told as {:?}", recipe.lines(), found.lines());
        assert_eq!(told_namespaces(&told), own_namespaces(sleeper.pid), "{:?}", recipe.lines());
    }
}

#[test]
fn a_plain_process_has_no_ingredient() {
    let seconds = seconds();
    let sleeper = Sleeper::start(Command::new("sleep").arg(&seconds), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!((told_namespaces(&told), lines(&told), notes(&told).as_str()), (kinds(&[]), vec![], ""));
    assert_eq!(told["root"], json!({ "kind": "host", "path": "/" }));
    assert_eq!(told["command"], format!("sleep {seconds}"));
    assert_eq!(told["seccomp"], if field(sleeper.pid, "Seccomp") == "0" { "none" } else { "filter" });
    assert!(told["mounts"].as_array().unwrap().iter().all(|mount| mount["own"] == false));
    let groups = told["cgroups"].as_object().unwrap();
    assert!(groups.values().all(|group| group["own"] == false), "{groups:?}");
}

#[test]
fn a_shell_in_a_user_namespace_has_that_and_nothing_else() {
    if !has("unshare") {
        return;
    }
    let seconds = seconds();
    let mut command = Command::new("unshare");
    let sleeper = Sleeper::start(command.args(["--user", "--map-root-user", "sleep", &seconds]), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told_namespaces(&told), kinds(&["user"]));
    assert_eq!(lines(&told), ["unshare --user"]);
    let uid = nix::unistd::geteuid().as_raw();
    assert_eq!(told["uid_map"], json!([{ "inside": 0, "outside": uid, "count": 1 }]));
    drop(sleeper);

    // Without a map it is nobody.
    let mut command = Command::new("unshare");
    let sleeper = Sleeper::start(command.args(["--user", "sleep", &seconds]), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told["uid_map"], json!([]));
    assert!(notes(&told).contains("no user id is mapped"), "{told}");
}

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
    assert_eq!(told_namespaces(&told), own);
    assert!(own.is_superset(&kinds(&["ipc", "mnt", "net", "pid", "uts"])), "{own:?}");
    let effective = told["capabilities"]["effective"].as_array().unwrap();
    let effective: BTreeSet<String> =
        effective.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(effective, caps.split(' ').map(str::to_owned).collect());
    assert_eq!((&told["seccomp"], &told["no_new_privs"]), (&json!("filter"), &json!(true)));
    assert_eq!(told["cgroups"]["memory"]["limit"]["number"], 32 << 20);
    let lines = lines(&told);
    assert!(
        lines.contains(&"pivot_root") && lines.contains(&"cgroup memory.max=33554432 pids.max=64"),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("capdrop ") && line.contains("CAP_SYS_ADMIN")),
        "{lines:?}"
    );
    assert!(notes(&told).contains("a seccomp filter"), "{}", notes(&told));
    assert!(Recipe::read(lines).is_ok());
}

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
    // What is in use may be more a moment later.
    let still = |told: &Value| {
        let mut told = told.clone();
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
fn who_may_not_read_all_is_told_what_is_missing() {
    if !is_root() || !has("setpriv") {
        return;
    }
    let seconds = seconds();
    let sleeper = Sleeper::start(Command::new("sleep").arg(&seconds), &seconds);
    // Where that user may run it.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = place.path().join("rlab");
    copy_program(&program);
    let as_user = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(words);
        command.env("NO_COLOR", "1").current_dir("/").output().unwrap()
    };
    let output = as_user(&["inspect", &sleeper.pid.to_string(), "--format", "json"]);
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&told["root"], &told["namespaces"]), (&Value::Null, &json!({})));
    assert_eq!(told["command"], format!("sleep {seconds}"));
    assert!(!told["capabilities"]["effective"].as_array().unwrap().is_empty());
    let unread: Vec<&str> =
        told["unread"].as_array().unwrap().iter().map(|unread| unread["what"].as_str().unwrap()).collect();
    assert!(unread.contains(&"root") && unread.contains(&"ns/pid"), "{unread:?}");
    let said = stderr(&output);
    assert!(said.contains("EACCES") && said.contains(" root") && said.contains("hint: "), "{said}");

    let output = as_user(&["inspect", &sleeper.pid.to_string()]);
    assert_eq!(status(&output), 3);
    assert!(stdout(&output).contains("root          may not be read"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("an ordinary process"), "{}", stdout(&output));
    // Its own it may read.
    let output = as_user(&["inspect", "1"]);
    assert_eq!(status(&output), 3);
}

#[test]
fn who_is_not_there_is_told_so() {
    let gone =
        Command::new("true").spawn().map(|mut child| (child.id(), child.wait())).unwrap().0.to_string();
    let far = i32::MAX.to_string();
    for (who, why) in [
        (gone.as_str(), "no process has the number"),
        (&far, "no process has the number"),
        ("0", "not the number of a process"),
        ("99999999999999999999", "not the number of a process"),
        ("a b", "neither a PID nor the name"),
        ("", "neither a PID nor the name"),
        ("../1", "neither a PID nor the name"),
        ("\u{1b}[2J", "neither a PID nor the name"),
    ] {
        for format in ["text", "json"] {
            let output = run(&["inspect", "--format", format, "--", who]);
            assert_eq!((status(&output), stdout(&output).as_str()), (2, ""), "`{who}`: {}", stderr(&output));
            assert!(stderr(&output).contains(why), "`{who}`: {}", stderr(&output));
            assert!(
                stderr(&output).contains("hint: ") && !stderr(&output).contains('\u{1b}'),
                "{}",
                stderr(&output)
            );
        }
    }
}

#[test]
fn a_name_that_nobody_knows_is_told_by_those_who_were_asked() {
    let tools = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let ask = || rlab(home.path()).args(["inspect", "nobody"]).env("PATH", tools.path()).output().unwrap();
    // The usual directories are looked into as well, so where the machine has an engine it is asked.
    let installed = ["docker", "podman"].into_iter().any(|tool| {
        ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin"]
            .into_iter()
            .any(|directory| std::path::Path::new(directory).join(tool).exists())
    });
    let output = ask();
    assert_eq!(status(&output), if installed { 2 } else { 3 }, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("`nobody`") && stderr(&output).contains("hint: "),
        "{}",
        stderr(&output)
    );
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
