//! The recipe told as a shell script does what rlab does, on the real kernel, and leaves nothing behind.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use rlab::recipe::compose::Recipe;
use rlab::recipe::ingredient::Tools;
use rlab::recipe::line::Line;
use rlab::recipe::machine::Machine;
use rlab::recipe::told::shell;
use rlab::sandbox::machine;

/// Why this machine cannot run the scripts, if it cannot.
fn missing() -> Option<&'static str> {
    let has = |tool: &str| {
        Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if !nix::unistd::geteuid().is_root() {
        return Some("not root");
    }
    ["unshare", "busybox", "pivot_root", "hostname", "setpriv"].into_iter().find(|tool| !has(tool))
}

fn run(lines: &[&str], typed: &str, machine: &Machine, by: &[&str]) -> Output {
    let recipe = Recipe::read(lines.iter().copied()).unwrap();
    let Ok(Line::Run(command)) = Line::parse(typed) else { panic!("`{typed}` is no program") };
    let script = shell(&recipe, &command, machine);
    let (program, args) = by.split_first().unwrap();
    Command::new(program).args(args).args(["-c", &script]).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Work directories, groups and mounts that a script could leave.
fn left_over() -> BTreeSet<String> {
    let list = "ls -d /tmp/container.?????? /sys/fs/cgroup/container* /sys/fs/cgroup/*/container* 2>/dev/null; \
                grep /tmp/container /proc/self/mountinfo; hostname";
    let output = Command::new("sh").args(["-c", list]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn the_script_does_it_and_cleans_up() {
    if let Some(why) = missing() {
        assert!(std::env::var_os("RLAB_MUST_RUN").is_none(), "skipped: {why}");
        println!("skipped: {why}");
        return;
    }
    let before = left_over();
    let machine = machine::find();
    let root: &[&str] = &["sh"];

    // A proc from before the PID namespace lists the host, a new one only what is inside.
    let count = "ls /proc | grep -c '^[0-9]'";
    let processes =
        |lines: &[&str]| stdout(&run(lines, count, &machine, root)).trim().parse::<u32>().unwrap();
    assert!(processes(&["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid"]) > 3);
    assert!(processes(&["rootfs", "chroot", "unshare --pid --mount-proc"]) <= 3);

    // Everything at once, with both ways to change the root and both kinds of tools.
    for tools in [Tools::Busybox, Tools::Host] {
        let rootfs = if tools == Tools::Host { "rootfs host" } else { "rootfs busybox" };
        let mut lines = Recipe::FULL.to_vec();
        lines[0] = rootfs;
        let told =
            stdout(&run(&lines, "hostname; echo $$; ls /; head -c 3 /dev/urandom | wc -c", &machine, root));
        let told: Vec<&str> = told.split_whitespace().collect();
        assert_eq!(told.first(), Some(&"container"), "{told:?}");
        assert_eq!(told.get(1), Some(&"1"), "{told:?}");
        assert!(told.contains(&"proc") && !told.contains(&"home") && told.last() == Some(&"3"), "{told:?}");
    }

    // The limit bites, and the status of the kill is the status of the script.
    if machine.cgroups.memory.is_some() {
        let lines = ["cgroup memory.max=7340032"];
        let killed = run(&lines, "toomuch=$(head -c 7500000 /dev/urandom); echo survived", &machine, root);
        assert_eq!((killed.status.code(), killed.stdout.len()), (Some(137), 0));
        let alive = run(&lines, "some=$(head -c 3000000 /dev/urandom); echo survived", &machine, root);
        assert_eq!(stdout(&alive).trim(), "survived");
    }

    // Somebody who is not root, where the machine lets them make a user namespace.
    let nobody = Machine { euid: 65534, egid: 65534, ..machine };
    let by = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh"];
    let allowed = Command::new(by[0]).args(&by[1..4]).args(["unshare", "--user", "true"]).status();
    if allowed.is_ok_and(|status| status.success()) {
        let lines = ["rootfs", "pivot_root", "unshare --pid --uts --mount-proc", "hostname x"];
        assert_eq!(stdout(&run(&lines, "hostname; id -u; echo $$", &nobody, &by)).trim(), "x\n0\n1");
    }

    assert_eq!(left_over(), before);
}
