//! What the tests that drive the built program share.

#![allow(dead_code, reason = "every test binary uses its own part")]

pub(crate) mod guest;
pub(crate) mod peers;
pub(crate) mod picture;
pub(crate) mod recorded;
pub(crate) mod refusals;
pub(crate) mod screen;
mod seat;
pub(crate) mod seccomp;
pub(crate) mod user;
mod window;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rlab::lab::composed::composed;
use rlab::lab::course::Course;
use rlab::recipe::compose::Recipe;
use serde_json::Value;

/// The labs that are built in, in the order of the course.
pub(crate) const LABS: [&str; 8] =
    ["chroot", "pid-namespace", "memory-cgroup", "container", "docker", "exec", "image", "jailbreak"];

/// The built program in an empty home, without colours, with nothing on standard input.
pub(crate) fn rlab(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rlab"));
    command
        .env_remove("COLUMNS")
        .env("HOME", home)
        .env("XDG_STATE_HOME", home.join("state"))
        .env("NO_COLOR", "1")
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm")
        .stdin(Stdio::null());
    command
}

/// Runs it with these words.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    rlab(home.path()).args(arguments).output().unwrap()
}

/// Starts a command and feeds it these lines; its streams are pipes.
pub(crate) fn fed(command: &mut Command, lines: impl AsRef<[u8]>) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_ref()).unwrap();
    child
}

/// Feeds a command these lines and waits for its end.
pub(crate) fn feed(command: &mut Command, lines: impl AsRef<[u8]>) -> Output {
    fed(command, lines).wait_with_output().unwrap()
}

/// Runs these lines without a lab, and gives what came of each, as JSON. Nothing of it is left.
pub(crate) fn outcomes(lines: &str) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let child = fed(rlab(home.path()).args(["run", "--script", "-", "--format", "json"]), lines);
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(left_by(pid), Vec::<String>::new());
    told(&output)
}

/// What came of each line, of a report in JSON.
pub(crate) fn told(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_str(&stdout(output)).unwrap();
    report["labs"][0]["start"].as_array().unwrap().clone()
}

/// A command that runs where a seccomp filter hides clone3, as Docker's does; its words follow.
pub(crate) fn without_clone3(home: &Path) -> Command {
    let filter = home.join("clone3-enosys");
    std::fs::write(&filter, seccomp::refusing(libc::SYS_clone3, libc::ENOSYS)).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 \"$@\" 9<$FILTER", "sh"])
        .env("FILTER", filter);
    command
}

/// Standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The exit status.
pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("killed: {output:?}"))
}

/// Says that a test was left out; an error where every test has to run (CI sets `RLAB_MUST_RUN=1`).
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("RLAB_MUST_RUN").is_none_or(|value| value != "1"), "must run, but: {reason}");
    // Past the capture of the test harness: a skip that nobody sees is a test that nobody misses.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Whether this process may do what the labs do; says why not.
pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip("the labs' snapshots are those of root; run the tests as root");
    }
    root
}

/// Whether a program is installed; says which is not.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    if !found {
        skip(&format!("`{program}` is not installed"));
    }
    found
}

/// Whether the labs can run here as their snapshots show them: root, BusyBox, strace and memory groups.
pub(crate) fn can_run_labs() -> bool {
    is_root() && has("busybox")
}

/// The recipe of a lab, or of one of its steps, as `rlab export` takes it.
pub(crate) fn recipe(what: &str) -> Recipe {
    if what == "full" {
        return Recipe::full();
    }
    let (id, step) = what.split_once(':').map_or((what, None), |(id, step)| (id, Some(step)));
    let course = Course::built_in();
    let lab = course.lab(id).unwrap();
    let step = step.map(|id| lab.steps.iter().position(|step| step.id == id).unwrap());
    composed(lab, step).unwrap()
}

/// The source of a built-in lab.
pub(crate) fn source(lab: &str) -> String {
    std::fs::read_to_string(repository().join(format!("labs/{lab}.toml"))).unwrap()
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The control files of a v1 memory group in the kernel's documentation (cgroup-v1/memory.rst), without their `memory.`.
const MEMORY_FILES: &[&str] = &[
    "failcnt",
    "force_empty",
    "kmem.failcnt",
    "kmem.limit_in_bytes",
    "kmem.max_usage_in_bytes",
    "kmem.slabinfo",
    "kmem.tcp.failcnt",
    "kmem.tcp.limit_in_bytes",
    "kmem.tcp.max_usage_in_bytes",
    "kmem.tcp.usage_in_bytes",
    "kmem.usage_in_bytes",
    "limit_in_bytes",
    "max_usage_in_bytes",
    "memsw.failcnt",
    "memsw.limit_in_bytes",
    "memsw.max_usage_in_bytes",
    "memsw.usage_in_bytes",
    "move_charge_at_immigrate",
    "numa_stat",
    "oom_control",
    "pressure_level",
    "soft_limit_in_bytes",
    "stat",
    "swappiness",
    "usage_in_bytes",
    "use_hierarchy",
];

/// Whether a line of a listing names a control file that only some kernels have: two machines of one kind can differ
/// by one. A snapshot shows what every kernel of its generation has.
pub(crate) fn is_a_kernels_own(line: &str) -> bool {
    let file = line.trim().strip_prefix("memory.");
    file.is_some_and(|file| file.ends_with("_in_bytes") && !MEMORY_FILES.contains(&file))
}

/// A text without such lines.
pub(crate) fn documented(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !is_a_kernels_own(line)).collect()
}

/// Snapshots of one kind live in the top-level folder, one file a case.
pub(crate) fn snapshots(suffix: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(repository().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_suffix(suffix);
    settings
}

/// What a run of rlab has left on the machine: control groups and directories with the name of its PID, mounts,
/// processes. Other rlabs may be at work at the same time, so only this one is asked for.
pub(crate) fn left_by(pid: u32) -> Vec<String> {
    let name = format!("rlab.{pid}.");
    // In a PID namespace of its own the namespace is part of the name.
    let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
    let is_one = |found: &str| {
        let ends = [".caps", ".engine", ".leaf"];
        let bare = |rest| ends.iter().find_map(|end| str::strip_suffix(rest, end)).unwrap_or(rest);
        let rest = found.strip_prefix(&name).map(bare);
        rest.is_some_and(|rest| match rest.split_once('.') {
            None => namespace == 0xEFFF_FFFC,
            Some((_, of)) => of == namespace.to_string(),
        })
    };
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let groups = mountinfo
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .map(|line| line.split(' ').nth(4).unwrap());
    let mut left: Vec<String> = groups
        .map(PathBuf::from)
        .chain([std::env::temp_dir(), PathBuf::from("/run")])
        .flat_map(|directory| std::fs::read_dir(directory).into_iter().flatten().flatten())
        .filter(|entry| is_one(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path().display().to_string())
        .collect();
    left.extend(mountinfo.lines().filter(|line| line.contains(&name)).map(str::to_owned));
    left.extend(marked_by(pid));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let root = std::fs::read_link(entry.path().join("root")).unwrap_or_default();
        if root.to_string_lossy().contains(&name) {
            left.push(format!("process {}", entry.path().display()));
        }
    }
    left
}

/// The processes that came out of a run of rlab, by their mark: 22 bits of the realtime limit are its PID.
pub(crate) fn marked_by(pid: u32) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let is_one = |path: &Path| {
        let limits = std::fs::read_to_string(path.join("limits")).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max realtime timeout"))?;
        let mut fields = line.split_whitespace();
        let (soft, hard): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        let alive = !stat.rsplit_once(')')?.1.starts_with(" Z");
        (hard >> 32 == 0x524c_4142 && soft & 0x3f_ffff == u64::from(pid) && alive).then_some(())
    };
    let found = entries.map(|entry| entry.path()).filter(|path| is_one(path).is_some());
    found.map(|path| format!("process {}", path.display())).collect()
}

/// Runs it with these words, and holds that it leaves nothing on the machine.
pub(crate) fn run_and_leave_nothing(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    let child =
        rlab(home.path()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(left_by(pid), Vec::<String>::new(), "{arguments:?} left something");
    assert_eq!(mounts(), before, "{arguments:?} changed the mounts");
    output
}

/// Whether this is the test in a world of its own. The first time it is not: then the test is run once more in one, and
/// there is nothing left to do.
pub(crate) fn alone(test: &str) -> bool {
    if !is_root() || !has("unshare") || !has("busybox") {
        return false;
    }
    if std::env::var_os("RLAB_ALONE").is_some() {
        return true;
    }
    let place = tempfile::tempdir().unwrap();
    // The shell is PID 1 and waits for the orphans.
    let status = Command::new("unshare")
        .args([
            "--pid",
            "--mount",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            "\"$0\" \"$@\"; exit $?",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("RLAB_ALONE", "1")
        .env("TMPDIR", place.path())
        .status()
        .unwrap();
    assert!(status.success(), "{test}: {status}");
    false
}

/// Every process here but this one and PID 1.
pub(crate) fn others() -> Vec<String> {
    let own = std::process::id();
    let names = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    let pids =
        names.filter_map(|name| name.to_str()?.parse::<u32>().ok()).filter(|pid| ![1, own].contains(pid));
    let told = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let alive = !stat.rsplit_once(')')?.1.starts_with(" Z");
        alive.then(|| format!("process {stat}"))
    };
    pids.filter_map(told).collect()
}

/// Waits until it is there; no test depends on how fast this machine is.
pub(crate) fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !there() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
