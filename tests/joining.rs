//! Joining a container that stays, on the real kernel: what `nsenter` enters is what the container has, by the kernel's
//! own names of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use serde_json::Value;
use support::user::User;
use support::{can_run_labs, feed, has, is_root, outcomes, status, stdout};

/// What the last lines wrote, so many of them.
fn last(told: &[Value], count: usize) -> Vec<String> {
    let outputs = told.iter().map(|line| line["outcome"]["stdout"].as_str().unwrap_or_default().to_owned());
    let all: Vec<String> = outputs.collect();
    all[all.len() - count..].to_vec()
}

/// A container with these ingredients that sleeps for so long, and its PID on the host in `$(pid)` of a host line.
fn asleep(ingredients: &str, seconds: u32, then: &str) -> Vec<Value> {
    outcomes(&format!(
        "rootfs busybox\n{ingredients}\nsleep {seconds} &\n{}",
        then.replace("PID", &format!("$(pgrep -fx 'sleep {seconds}')"))
    ))
}

#[test]
fn all_that_is_entered_is_the_containers_own() {
    if !can_run_labs() || !has("pgrep") {
        return;
    }
    let kinds = "mnt pid uts ipc net cgroup";
    let own = "unshare --pid --uts --ipc --net --cgroup --mount-proc\ncgroup memory.max=7340032\npivot_root";
    let told = asleep(
        own,
        17_771,
        &format!(
            "!for n in {kinds}; do readlink /proc/PID/ns/$n; done; sort /proc/PID/cgroup\n\
             nsenter -t 1 --all --root --join-cgroup sh -c 'for n in {kinds}; do readlink /proc/self/ns/$n; done'\n\
             nsenter -t 1 --pid --mount --join-cgroup sort /proc/self/cgroup\n"
        ),
    );
    let [theirs, entered, group] = &last(&told, 3)[..] else { panic!("too few lines") };
    assert!(!entered.is_empty() && theirs.starts_with(entered.as_str()), "{theirs}\n{entered}");
    // The memory group is the container's; its path is told as rlab's own namespace sees it.
    let memory = |text: &str| text.lines().find(|line| line.contains("memory")).map(str::to_owned);
    assert!(memory(theirs).unwrap().contains("rlab."), "{theirs}");
    assert_eq!(memory(theirs), memory(group));
}

#[test]
fn what_is_not_named_stays_the_hosts() {
    if !can_run_labs() || !has("pgrep") {
        return;
    }
    let told = asleep(
        "unshare --pid --uts --mount-proc\nchroot\nhostname inside",
        17_772,
        "!readlink /proc/self/ns/pid /proc/self/ns/net; hostname\n\
         nsenter -t 1 --uts sh -c 'readlink /proc/self/ns/pid /proc/self/ns/net; hostname'\n",
    );
    let [host, entered] = &last(&told, 2)[..] else { panic!("too few lines") };
    let (host, entered): (Vec<&str>, Vec<&str>) = (host.lines().collect(), entered.lines().collect());
    assert_eq!(host[..2], entered[..2]);
    assert_eq!(entered[2], "inside");
    assert_ne!(host[2], "inside");
}

#[test]
fn the_mounts_of_a_chroot_lead_to_the_host_and_those_of_a_pivot_root_do_not() {
    if !can_run_labs() || !has("pgrep") {
        return;
    }
    for (root, seen) in [("chroot", "host"), ("pivot_root", "container")] {
        let told = asleep(
            &format!("unshare --mount\n{root}"),
            17_773,
            "!stat -c '%d:%i' / /proc/PID/root/.\nnsenter -t 1 --mount stat -c '%d:%i' /\n\
             nsenter -t 1 --mount --root stat -c '%d:%i' /\n",
        );
        let [both, mounts, rooted] = &last(&told, 3)[..] else { panic!("too few lines") };
        let (host, container) = both.trim().split_once('\n').unwrap();
        assert_ne!(host, container);
        assert_eq!(mounts.trim(), if seen == "host" { host } else { container }, "{root}");
        assert_eq!(rooted.trim(), container, "{root}");
    }
}

#[test]
fn a_pid_namespace_is_for_children_only() {
    if !can_run_labs() {
        return;
    }
    let told = asleep(
        "unshare --pid --mount-proc\nchroot",
        17_774,
        "nsenter -t 1 --pid --mount --root sh -c 'echo $$'\n\
         nsenter -t 1 --pid --mount --root --no-fork sh -c 'echo $$'\n",
    );
    let numbers: Vec<i32> = last(&told, 2).iter().map(|text| text.trim().parse().unwrap()).collect();
    let host = |at: usize| told[told.len() - at]["outcome"]["seen"]["pid"].as_i64().unwrap() as i32;
    assert!(numbers[0] < 100 && numbers[0] != host(2), "{numbers:?}");
    assert_eq!(numbers[1], host(1), "without a fork it keeps the number that it has");
}

#[test]
fn only_who_joins_the_group_is_bounded_by_it() {
    if !can_run_labs() {
        return;
    }
    let load = "x=$(head -c 7500000 /dev/urandom)";
    let told = asleep(
        "unshare --pid --mount-proc\nmount --bind /dev/urandom /dev/urandom\nchroot\ncgroup memory.max=7340032",
        17_775,
        &format!("nsenter -t 1 --all --root {load}\nnsenter -t 1 --all --root --join-cgroup {load}\n"),
    );
    let [.., free, bounded] = &told[..] else { panic!("too few lines") };
    assert_eq!(free["outcome"]["end"]["exited"], 0, "{free}");
    assert_eq!(bounded["outcome"]["end"]["signaled"], 9, "{bounded}");
    let counted = &bounded["outcome"]["memory"];
    assert!(counted["oom_kill_after"].as_u64() > counted["oom_kill_before"].as_u64(), "{bounded}");
}

#[test]
fn an_ordinary_user_enters_a_container_of_their_own() {
    if !is_root() || !has("setpriv") {
        return;
    }
    let user = User::new(61_236);
    let lines = "rootfs\nunshare --pid --mount-proc\npivot_root\nsleep 17776 &\n\
                 nsenter -t 1 --all --root ls /proc/1/exe\nnsenter -t 1 --pid --mount ls /\n";
    let output = feed(user.rlab().args(["run", "--format", "json", "--script", "-"]), lines);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let told = report["labs"][0]["start"].as_array().unwrap();
    if told[1]["trouble"].is_object() || told[3]["outcome"]["end"] != "running" {
        return support::skip("an ordinary user can make no container here");
    }
    let seen = last(told, 2);
    assert_eq!(seen[0].trim(), "/proc/1/exe", "{}", told[4]);
    assert!(seen[1].lines().any(|name| name == "proc") && !seen[1].contains("usr\n"), "{}", told[5]);
    assert_eq!(status(&output), 0);
}

#[test]
fn a_container_that_has_ended_or_never_was_cannot_be_entered() {
    if !can_run_labs() {
        return;
    }
    let told = outcomes("nsenter -t 1 --all true\nsh -c 'exit 3' &\n!sleep 1\nnsenter -t 1 --all true\n");
    let what = |line: &Value| line["trouble"]["what"].as_str().unwrap_or_default().to_owned();
    assert!(what(&told[0]).contains("no background container"), "{}", told[0]);
    assert!(what(&told[3]).contains("has ended"), "{}", told[3]);
}
