//! The limit is a number in a file of the kernel, whoever wrote it, and the kernel kills at it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::peers::find;
use crate::support::{status, stderr, stdout};
use crate::{EVERYONE, Ground, by_rlab, can, recipe};

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
