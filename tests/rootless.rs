//! An ordinary user walks the labs: all that a user namespace allows works, and what needs a control group works where
//! one is delegated. The user is a number that the test chose; it has no entry in the list of users.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Output;

use support::user::User;
use support::{LABS, alone, has, others, status, stderr, stdout};

const USER: u32 = 65_531;

/// Runs rlab as this user; `before` is done as root, in the process that becomes rlab.
fn rlab(user: &User, before: &str, words: &[&str]) -> Output {
    user.after(before, words).output().unwrap()
}

fn leaves_nothing(user: &User) {
    assert_eq!(others(), Vec::<String>::new());
    let names = std::fs::read_dir(user.home()).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("rlab.")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn told(output: &Output) -> String {
    format!("{}\n{}", stdout(output), stderr(output))
}

#[test]
fn what_a_user_namespace_allows_works_and_the_id_maps_are_told() {
    if !alone("what_a_user_namespace_allows_works_and_the_id_maps_are_told") || !has("setpriv") {
        return;
    }
    let user = User::new(USER);
    for lab in ["chroot", "pid-namespace"] {
        let output = rlab(&user, "", &["run", lab, "--strict"]);
        assert_eq!(status(&output), 0, "{lab}: {}", told(&output));
    }
    // Every namespace, a root, a proc, a host name, and what the kernel says of the ids.
    let lines = [
        "rootfs",
        "unshare --pid --mount --uts --ipc --net --cgroup --mount-proc",
        "hostname inside",
        "pivot_root",
    ];
    let with: Vec<String> = lines.iter().map(|line| format!("--with={line}")).collect();
    let mut words: Vec<&str> = vec!["exec"];
    words.extend(with.iter().map(String::as_str));
    words.extend(["--", "sh", "-c", "id -u; hostname; echo $$; cat /proc/self/uid_map /proc/self/gid_map"]);
    let output = rlab(&user, "", &words);
    let seen: Vec<String> = stdout(&output).split_whitespace().map(str::to_owned).collect();
    let map = ["0".to_owned(), USER.to_string(), "1".to_owned()];
    assert_eq!(
        seen,
        [&["0".to_owned(), "inside".to_owned(), "1".to_owned()][..], &map, &map].concat(),
        "{}",
        told(&output)
    );
    leaves_nothing(&user);
}

#[test]
fn without_a_delegated_group_a_memory_lab_is_not_run_and_the_way_is_told() {
    if !alone("without_a_delegated_group_a_memory_lab_is_not_run_and_the_way_is_told") || !has("setpriv") {
        return;
    }
    let user = User::new(USER);
    // Which of them depends on the machine: v1, or v2 with systemd or without.
    let entries = rlab::recipe::errno::entries().filter(|entry| entry.id.starts_with("group-not-yours"));
    let mends: Vec<&str> = entries.map(|entry| entry.mend).collect();
    for words in [&["run", "memory-cgroup"][..], &["run", "container"], &["run", "--all", "--strict"]] {
        let output = rlab(&user, "", words);
        assert_eq!(status(&output), 3, "{words:?}: {}", told(&output));
        // The line is folded to the width of the terminal.
        let folded = told(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(mends.iter().any(|mend| folded.contains(mend)), "{folded}");
    }
    assert_eq!(status(&rlab(&user, "", &["run", "--all"])), 0, "skipped, and told so");
    // Of the lab that needs a group for some of its steps the others are done.
    let output = rlab(&user, "", &["run", "container", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let steps = report["labs"][0]["steps"].as_array().unwrap();
    let of = |step: &serde_json::Value| format!("{} {}", step["id"], step["verdict"]).replace('"', "");
    let came: Vec<String> = steps.iter().map(of).collect();
    let wanted = ["files pass", "proc pass", "limit skip", "device pass", "together skip"];
    assert_eq!(came[..5], wanted, "{}", told(&output));
    let skipped = steps.iter().filter(|step| step["verdict"] == "skip");
    assert!(skipped.clone().all(|step| step["reason"].as_str().is_some_and(|why| why.contains("EACCES"))));
    assert_eq!(report["labs"][0]["verdict"], "in part");
    leaves_nothing(&user);
}

/// Groups handed over to the user, removed when it is dropped.
struct Delegated(Vec<PathBuf>);

impl Delegated {
    /// One in each v1 hierarchy that rlab uses; `None` where memory is not driven by v1 or not for us to give.
    fn new() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let of = |controller: &str| -> Option<PathBuf> {
            let line = mounts.lines().find(|line| {
                let (_, back) = line.split_once(" - cgroup ").unwrap_or_default();
                back.split([',', ' ']).any(|word| word == controller)
            })?;
            Some(Path::new(line.split(' ').nth(4)?).join(format!("rlab-test-{}", std::process::id())))
        };
        let mut made = Self(Vec::new());
        for path in ["memory", "pids", "cpu"].map(of) {
            let path = path?;
            std::fs::create_dir(&path).ok()?;
            made.0.push(path.clone());
            chown(&path, Some(USER), Some(USER)).unwrap();
            for file in ["tasks", "cgroup.procs"] {
                chown(path.join(file), Some(USER), Some(USER)).unwrap();
            }
        }
        Some(made)
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_dir(path);
        }
    }
}

#[test]
fn in_a_delegated_group_every_lab_runs() {
    if !alone("in_a_delegated_group_every_lab_runs") || !has("setpriv") {
        return;
    }
    let Some(groups) = Delegated::new() else {
        // The kernel matrix does the same on v2.
        return support::skip("no v1 hierarchy of memory, pids and cpu in which a group can be delegated");
    };
    let user = User::new(USER);
    let join: String =
        groups.0.iter().map(|path| format!("echo 0 > {}/cgroup.procs && ", path.display())).collect();
    // The engine of the lab `docker` wants root.
    for lab in LABS.into_iter().filter(|lab| *lab != "docker") {
        let output = rlab(&user, &join, &["run", lab, "--strict"]);
        assert_eq!(status(&output), 0, "{lab}: {}", told(&output));
    }
    leaves_nothing(&user);
    for path in &groups.0 {
        std::fs::remove_dir(path).unwrap_or_else(|error| panic!("{} is not empty: {error}", path.display()));
    }
}
