//! A recipe told as a script, as a Docker line and as an OCI bundle does what rlab does: each is really run, and asked
//! the same questions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rlab::lab::composed::composed;
use rlab::lab::course::Course;
use rlab::recipe::compose::{Recipe, RootChange};
use serde_json::Value;
use support::peers::{Daemon, Store, copy_program, find};
use support::{has, is_root, outcomes, rlab, run, status, stderr, stdout};

/// What is exported: the fullest recipe of every lab, single steps, and the finished container.
const WHAT: [&str; 13] = [
    "chroot",
    "chroot:tools",
    "chroot:chroot",
    "pid-namespace",
    "pid-namespace:stale",
    "memory-cgroup",
    "container",
    "container:files",
    "container:device",
    "exec",
    "image",
    "jailbreak",
    "full",
];

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

/// Who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A shell, in so many words.
    Shell(&'static [&'static str]),
    Runc,
    Crun,
    Podman,
    Docker,
}

const EVERYONE: [By; 7] = [
    By::Shell(&["sh"]),
    By::Shell(&["dash"]),
    By::Shell(&["busybox", "sh"]),
    By::Runc,
    By::Crun,
    By::Podman,
    By::Docker,
];

impl By {
    /// crun has no mount on the root itself, which is how a bundle without a root of its own is told; the export says so.
    fn takes(self, recipe: &Recipe) -> bool {
        self != Self::Crun || recipe.root_change() != RootChange::None
    }

    const fn is_engine(self) -> bool {
        matches!(self, Self::Podman | Self::Docker)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Shell(_) => "sh",
            Self::Runc | Self::Crun => "oci",
            Self::Podman | Self::Docker => "docker",
        }
    }
}

/// A place for what is exported.
struct Ground {
    store: Store,
    daemon: Daemon,
}

impl Ground {
    fn new() -> Self {
        Self { store: Store::new(), daemon: Daemon::start() }
    }

    /// Exports what is to run this shell line, and gives the command that runs it.
    fn export(&self, what: &str, by: By, line: &str) -> Command {
        self.export_with(what, &[], by, line)
    }

    /// The same with more ingredients.
    fn export_with(&self, what: &str, more: &[&str], by: By, line: &str) -> Command {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("rlab-export-{}-{number}", std::process::id());
        let place = self.store.path(&name);
        let shown = place.to_str().unwrap();
        let more: Vec<&str> = more.iter().flat_map(|line| ["--with", line]).collect();
        let words =
            [&["export", what, "--as", by.word()], &more[..], &[shown, "--", "sh", "-c", line]].concat();
        let told = run(&words);
        assert_eq!(status(&told), 0, "{what}: {}", stderr(&told));
        let mut command = match by {
            By::Shell(words) => {
                let mut command = Command::new(words[0]);
                command.args(&words[1..]).arg(place.join("container.sh"));
                command
            }
            By::Runc => {
                let mut command = Command::new("runc");
                command.args(["run", "--bundle", shown, &name]);
                command
            }
            By::Crun => {
                // Where v1 and v2 are mounted side by side it refuses to work; in a mount namespace one of them can go.
                let line = "umount /sys/fs/cgroup/unified 2>/dev/null; exec crun run --bundle \"$1\" \"$2\"";
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", line, "sh", shown, &name]);
                command
            }
            By::Podman => {
                let mut command = Command::new(place.join("run.sh"));
                command.env("ENGINE", "podman");
                command
            }
            By::Docker => {
                let mut command = Command::new(place.join("run.sh"));
                self.daemon.lend(&mut command);
                command
            }
        };
        self.store.lend(&mut command);
        command
    }
}

fn can() -> bool {
    is_root()
        && ["busybox", "dash", "runc", "crun", "podman", "docker", "dockerd", "unshare"].into_iter().all(has)
}

/// What /proc inside lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Processes {
    None,
    Own,
    Host,
}

/// What is seen from inside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    first: bool,
    host_name: String,
    root: BTreeSet<String>,
    processes: Processes,
}

/// The questions. This test is a process of the host: whoever sees it, sees the host.
fn questions() -> String {
    format!(
        "echo pid $$; echo name $(uname -n); echo root /*; if [ -d /proc/{} ]; then echo sees Host; elif [ -d /proc/1 ]; \
         then echo sees Own; else echo sees None; fi",
        std::process::id()
    )
}

fn answers(text: &str) -> Seen {
    let answer = |to: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(to)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no answer to `{to}` in:\n{text}")).to_owned()
    };
    Seen {
        first: answer("pid") == "1",
        host_name: answer("name"),
        root: answer("root").split(' ').map(str::to_owned).collect(),
        processes: match answer("sees").as_str() {
            "Host" => Processes::Host,
            "Own" => Processes::Own,
            _ => Processes::None,
        },
    }
}

/// The outcome of a line under a recipe, by rlab itself.
fn by_rlab(recipe: &Recipe, line: &str) -> Value {
    outcomes(&(recipe.lines().join("\n") + "\n" + line + "\n")).last().unwrap()["outcome"].clone()
}

#[test]
fn all_four_ways_show_the_same() {
    if !can() {
        return;
    }
    let ground = Ground::new();
    for what in WHAT {
        let recipe = recipe(what);
        let own = by_rlab(&recipe, &questions());
        let own = answers(own["stdout"].as_str().unwrap());
        for by in EVERYONE.into_iter().filter(|by| by.takes(&recipe)) {
            // A runtime's own first process takes some MiB in the group before it becomes the program: now and then, on a
            // busy machine, it is the one that is killed at the limit.
            let mut tries = (0..10).map(|_| ground.export(what, by, &questions()).output().unwrap());
            let output = tries.find(|output| output.status.code() != Some(137)).unwrap();
            assert_eq!(status(&output), 0, "{what} {by:?}: {}", stderr(&output));
            let mut seen = answers(&stdout(&output));
            let runtime = !matches!(by, By::Shell(_));
            if runtime && own.processes == Processes::None {
                // The one thing that no runtime does without, and the export says so.
                assert!(note(what, by).contains("/proc"), "{what} {by:?}");
                assert_eq!(seen.processes, if own.first { Processes::Own } else { Processes::Host });
                seen.processes = Processes::None;
            }
            if by.is_engine() {
                if recipe.root_change() == RootChange::None {
                    assert!(note(what, by).contains("always changes the root"), "{what}");
                    seen.root.clone_from(&own.root);
                }
                // Where Podman puts its /run/.containerenv.
                if !own.root.contains("/run") {
                    seen.root.remove("/run");
                }
            }
            assert_eq!(seen, own, "{what} {by:?}");
        }
    }
}

/// What no lab of the course puts together.
const ODD: [&str; 6] = [
    "unshare --ipc --net",
    "hostname odd-one",
    "mount -t tmpfs -o size=3m,mode=710,noexec scratch /mnt",
    "mount -t tmpfs -o mode=711 deeper /mnt/deep",
    "mount --bind -o ro /etc /srv",
    "capdrop CAP_SYS_CHROOT CAP_NET_RAW",
];

#[test]
fn what_no_lab_has_is_the_same_in_all_four_ways() {
    if !can() || !has("setpriv") {
        return;
    }
    const ASKED: &str = "uname -n; stat -c '%a %n' /mnt /mnt/deep; grep -c 'size=3072k' /proc/mounts; \
                         touch /srv/x 2>/dev/null || echo read-only; cat /proc/net/dev | wc -l; \
                         grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status; chroot / true 2>/dev/null || echo no chroot";
    let ground = Ground::new();
    let mut lines = Recipe::full().lines();
    lines.extend(ODD.map(str::to_owned));
    let own = by_rlab(&Recipe::read(lines.iter().map(String::as_str)).unwrap(), ASKED);
    let own = own["stdout"].as_str().unwrap();
    assert!(own.starts_with("odd-one\n710 /mnt\n711 /mnt/deep\n1\nread-only\n"), "{own}");
    assert!(own.ends_with("no chroot\n"), "{own}");
    for by in EVERYONE {
        let output = ground.export_with("full", &ODD, by, ASKED).output().unwrap();
        let mut said = stdout(&output);
        let mut own = own.to_owned();
        if by.is_engine() {
            // It gives up more.
            let kept = |text: &str| {
                text.lines()
                    .filter(|line| !line.starts_with("Cap"))
                    .map(|line| line.to_owned() + "\n")
                    .collect()
            };
            (said, own) = (kept(&said), kept(&own));
        }
        assert_eq!(said, own, "{by:?}: {}", stderr(&output));
    }
}

#[test]
fn a_script_gives_up_what_its_change_of_the_root_takes() {
    if !can() || !has("setpriv") {
        return;
    }
    const ASKED: &str = "echo $$; ls /; grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status; \
                         mount -t tmpfs x /mnt 2>/dev/null || echo refused";
    // A first process that collects nobody.
    const DEAD: &str = "exec grep -c zombie /proc/[0-9]*/status";
    let ground = Ground::new();
    for given_up in ["capdrop CAP_SYS_ADMIN", "capdrop ALL"] {
        let mut lines = Recipe::full().lines();
        lines.push(given_up.to_owned());
        let own = by_rlab(&Recipe::read(lines.iter().map(String::as_str)).unwrap(), ASKED);
        let own = own["stdout"].as_str().unwrap();
        assert!(own.starts_with("1\n") && own.ends_with("\nrefused\n"), "{own}");
        for by in EVERYONE.into_iter().filter(|by| matches!(by, By::Shell(_))) {
            for (asked, own) in [(ASKED, own), (DEAD, "0\n")] {
                let output = ground.export_with("full", &[given_up], by, asked).output().unwrap();
                assert_eq!(stdout(&output), own, "{given_up} {by:?}: {}", stderr(&output));
            }
        }
    }
}

/// What is said to be otherwise.
fn note(what: &str, by: By) -> String {
    let place = tempfile::tempdir().unwrap();
    let told = run(&["export", what, "--as", by.word(), place.path().to_str().unwrap()]);
    let script = fs::read_to_string(place.path().join("run.sh")).unwrap_or_default();
    let notes = script.lines().filter(|line| line.starts_with('#')).map(str::to_owned);
    stdout(&told).lines().map(str::to_owned).chain(notes).collect::<Vec<_>>().join("\n")
}

/// Loads more than the limit in a second shell, tells its status, and waits to be looked at.
const LOAD: &str = "(data=$(head -c 7500000 /dev/urandom); echo survived); echo status $?; read -r _";

/// The directory of the memory group of a process: v1's own tree, or v2's.
fn memory_group(pid: i32) -> PathBuf {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let of = |names: &str| {
        let line = groups.lines().find(|line| line.split(':').nth(1) == Some(names));
        line.and_then(|line| line.splitn(3, ':').nth(2)).map(|path| path.trim_start_matches('/').to_owned())
    };
    match of("memory") {
        Some(path) => Path::new("/sys/fs/cgroup/memory").join(path),
        None => Path::new("/sys/fs/cgroup").join(of("").unwrap()),
    }
}

/// The limit in the file of a group, and how often the kernel has killed in it.
fn limit_and_kills(group: &Path) -> (String, u64) {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let limit = read("memory.limit_in_bytes").or_else(|| read("memory.max")).unwrap();
    let counters = read("memory.oom_control").or_else(|| read("memory.events")).unwrap();
    let kills = counters.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap();
    (limit.trim().to_owned(), kills)
}

#[test]
fn the_limit_is_in_the_file_and_the_kernel_kills_at_it() {
    if !can() {
        return;
    }
    let ground = Ground::new();
    // The sleeper is no member of the course's own recipes, and the data has to come from somewhere.
    for (at, what) in ["memory-cgroup", "container", "full"].into_iter().enumerate() {
        let own = by_rlab(&recipe(what), "data=$(head -c 7500000 /dev/urandom); echo survived");
        assert_eq!(own["end"]["signaled"], 9, "{what}");
        assert!(own["memory"]["oom_kill_after"].as_u64() >= Some(1), "{what}");
        let limits = own["limits"].as_array().unwrap();
        let limit = limits.iter().find(|limit| limit["resource"] == "memory.max").unwrap();
        let limit = limit["value"].as_str().unwrap();
        for (nth, by) in EVERYONE.into_iter().filter(|by| by.takes(&recipe(what))).enumerate() {
            // Killed as a whole: 128 and the signal.
            let killed = ground
                .export(what, by, "data=$(head -c 7500000 /dev/urandom); echo survived")
                .output()
                .unwrap();
            assert_eq!(
                (status(&killed), stdout(&killed).as_str()),
                (137, ""),
                "{what} {by:?}: {}",
                stderr(&killed)
            );

            // Killed inside, so that the group can be looked at. runc's own first process takes some MiB in the group
            // before it becomes the program: now and then on a busy machine it is the one that is killed.
            let line = format!(": {at}{nth}; {LOAD}");
            let (mut child, said) = (0..10)
                .find_map(|_| {
                    let mut child = ground
                        .export(what, by, &line)
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .stderr(Stdio::null())
                        .spawn()
                        .unwrap();
                    let mut said = String::new();
                    let mut out = BufReader::new(child.stdout.take().unwrap());
                    while !said.contains("status") && out.read_line(&mut said).unwrap() > 0 {}
                    let too_early = said.is_empty() && child.wait().unwrap().code() == Some(137);
                    (!too_early).then_some((child, said))
                })
                .unwrap();
            assert!(said.ends_with("status 137\n"), "{what} {by:?}: {said}");
            let group = memory_group(find(&["sh", "-c", &line]));
            // At least once: on a busy machine the kernel now and then kills a second process at the limit, `head` perhaps.
            let (written, kills) = limit_and_kills(&group);
            assert!(written == limit && kills >= 1, "{what} {by:?}: {written}, {kills} kills");
            drop(child.stdin.take());
            child.wait().unwrap();
            assert!(!group.exists(), "{what} {by:?} left {}", group.display());
        }
    }
}

#[test]
fn the_scripts_are_clean_and_tell_what_they_do() {
    if !has("shellcheck") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for what in WHAT {
        for (told, file) in [("sh", "container.sh"), ("docker", "run.sh")] {
            let directory = place.path().join(format!("{told}-{what}"));
            let text = clean_script(&["export", what, "--as", told], &directory, &[], file);
            for line in recipe(what).lines() {
                assert!(text.contains(&format!("#     {line}\n")), "{what}: `{line}` is not told");
            }
        }
    }
}

#[test]
fn a_script_is_clean_whatever_it_is_to_run() {
    if !has("shellcheck") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let words = ["sh", "-c", "echo $$ `id -u` \"it's\" ${x}", "a\\", "$1", "-n", "*"];
    for (number, given_up) in ["capdrop CAP_SYS_ADMIN", "capdrop ALL", "capdrop CAP_CHOWN"].iter().enumerate()
    {
        for (told, file) in [("sh", "container.sh"), ("docker", "run.sh")] {
            let directory = place.path().join(format!("{told}-{number}"));
            clean_script(&["export", "full", "--as", told, "--with", given_up], &directory, &words, file);
        }
    }
}

/// Exports a script, and has shellcheck read it.
fn clean_script(export: &[&str], directory: &Path, words: &[&str], file: &str) -> String {
    let mut line = [export, &[directory.to_str().unwrap()]].concat();
    if !words.is_empty() {
        line.push("--");
        line.extend(words);
    }
    let output = run(&line);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let checked = Command::new("shellcheck").arg(directory.join(file)).output().unwrap();
    assert!(checked.status.success(), "{line:?}:\n{}", stdout(&checked));
    fs::read_to_string(directory.join(file)).unwrap()
}

/// Every file of a directory, with what is in it.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    let inside = entry.path().strip_prefix(directory).unwrap().to_owned();
                    found.push((inside, fs::read(entry.path()).unwrap()));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn two_exports_are_the_same() {
    let place = tempfile::tempdir().unwrap();
    for told in ["sh", "docker", "oci"] {
        let [one, two] = ["one", "two"].map(|name| place.path().join(format!("{told}-{name}")));
        for directory in [&one, &two] {
            let output = run(&["export", "full", "--as", told, directory.to_str().unwrap()]);
            assert_eq!(status(&output), 0, "{}", stderr(&output));
        }
        assert!(!contents(&one).is_empty());
        assert!(contents(&one) == contents(&two), "{told}");
    }
}

#[test]
fn a_directory_that_is_not_empty_is_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let everything = || {
        let names = fs::read_dir(place.path()).unwrap().flatten().map(|entry| entry.file_name());
        names.collect::<BTreeSet<_>>()
    };
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/mine"), "mine").unwrap();
    fs::write(at("file"), "mine").unwrap();
    fs::create_dir(at("empty")).unwrap();
    std::os::unix::fs::symlink("empty", at("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("loose")).unwrap();
    let before = everything();
    for (what, name, why) in [
        ("full", "full", "not empty"),
        ("full", "file", "Not a directory"),
        ("full", "loose", "No such file"),
        ("full", "no/such", "No such file"),
        ("full", "..", "not empty"),
        ("container:teardown", "new", "the recipe is empty"),
        ("container:nowhere", "new", "no step `nowhere`"),
        ("contaner", "new", "`container`"),
    ] {
        let output = run(&["export", what, "--as", "oci", at(name).to_str().unwrap()]);
        assert_eq!(status(&output), 2, "{what} {name}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{what} {name}: {}", stderr(&output));
        assert!(stderr(&output).contains("hint: "), "{what} {name}: {}", stderr(&output));
        assert_eq!((everything(), stdout(&output).as_str()), (before.clone(), ""), "{what} {name}");
    }
    assert_eq!(fs::read_to_string(at("full/mine")).unwrap(), "mine");
    // An empty one is as good as none, through a link too.
    let output = run(&["export", "full", "--as", "sh", at("link").to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(at("empty/container.sh").is_file() && at("link").is_symlink());
    assert_eq!(everything(), before);
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let at = place.path().display();
    for told in ["docker", "oci"] {
        // One mebibyte is enough for the script and not for BusyBox.
        let line = format!(
            "mount -t tmpfs -o size=1m tmpfs {at} && {{ {} export full --as {told} {at}/new; echo status $?; ls -A {at}; }}",
            env!("CARGO_BIN_EXE_rlab")
        );
        let output = Command::new("unshare").args(["--mount", "sh", "-c", &line]).output().unwrap();
        assert_eq!(stdout(&output), "status 125\n", "{told}: {}", stderr(&output));
        assert!(stderr(&output).contains("No space left"), "{told}: {}", stderr(&output));
    }
}

#[test]
fn a_signal_leaves_nothing_half_written() {
    let place = tempfile::tempdir().unwrap();
    let tools = place.path().join("tools");
    fs::create_dir(&tools).unwrap();
    // Asked for its names, this BusyBox sends the signal to who asks: in the middle of the work.
    let busybox = tools.join("busybox");
    let text = "#!/bin/sh\nkill -\"$SIGNAL\" $PPID\necho sh\n";
    let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let written = Command::new("sh").args(["-c", write, "sh", text]).arg(&busybox).status().unwrap();
    assert!(written.success());
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        for told in ["docker", "oci"] {
            let home = tempfile::tempdir().unwrap();
            let new = place.path().join("new");
            let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
            let mut command = rlab(home.path());
            command.args(["export", "full", "--as", told, new.to_str().unwrap()]);
            let output = command.env("PATH", path).env("SIGNAL", signal).output().unwrap();
            assert_eq!(status(&output), 130, "{signal}: {}", stderr(&output));
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{signal} left something");
        }
    }
}

#[test]
fn who_is_not_root_exports_what_runs_without_root() {
    if !can() || !has("setpriv") {
        return;
    }
    const USER: u32 = 65_530;
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(place.path(), Some(USER), Some(USER)).unwrap();
    let at = |name: &str| place.path().join(name).display().to_string();
    copy_program(&place.path().join("rlab"));
    let user = |words: &[&str]| {
        let id = [format!("--reuid={USER}"), format!("--regid={USER}"), "--clear-groups".to_owned()];
        let mut command = Command::new("setpriv");
        command.args(id).args(words).env("HOME", place.path()).current_dir("/").output().unwrap()
    };
    if status(&user(&["unshare", "--user", "true"])) != 0 {
        support::skip("this machine lets no ordinary user make a user namespace");
        return;
    }
    let lines = ["--with", "unshare --uts", "--with", "hostname mine"];
    let exported =
        user(&[&[&at("rlab"), "export", "pid-namespace", "--as", "sh", &at("new")], &lines[..]].concat());
    assert_eq!(status(&exported), 0, "{}", stderr(&exported));
    for shell in [&["dash"][..], &["busybox", "sh"]] {
        let script = at("new/container.sh");
        let output = user(&[shell, &[&script, "sh", "-c", &(questions() + "; echo uid $(id -u)")]].concat());
        let said = stdout(&output);
        assert_eq!(status(&output), 0, "{shell:?}: {}", stderr(&output));
        let seen = answers(&said);
        assert_eq!(
            (seen.first, seen.processes, seen.host_name.as_str()),
            (true, Processes::Own, "mine"),
            "{said}"
        );
        assert!(said.contains("uid 0\n") && !seen.root.contains("/home"), "{said}");
    }
}
