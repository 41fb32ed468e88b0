//! The way out of a chroot, on the real kernel: it leads to the stage and never to the real host, and what the lab says
//! closes it does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::user::User;
use support::{can_run_labs, feed, has, is_root, outcomes, stdout, told};

fn said(line: &Value) -> &str {
    line["outcome"]["stdout"].as_str().unwrap_or_default().trim()
}

#[test]
fn it_reaches_the_stage_and_not_the_host() {
    if !can_run_labs() {
        return;
    }
    // A file that only the real host has, in a directory that everybody can see.
    let marker = tempfile::Builder::new().prefix("real-host").tempfile_in("/").unwrap();
    let name = marker.path().display();
    for root in ["chroot", "pivot_root"] {
        let told = outcomes(&format!(
            "rootfs busybox\n{root}\n!stat -c %d:%i / {name}\nescape stat -c %d:%i /\nescape ls /\nescape ls {name}\n\
             escape sh -c 'cat /proc/mounts /home/jail/proc/mounts; ls -d /root /usr /tmp /home/*'\n"
        ));
        let [.., host, reached, listed, missing, around] = &told[..] else { panic!("too few lines") };
        assert_eq!(said(host).lines().count(), 2, "{host}");
        assert!(
            !said(reached).is_empty() && said(host).lines().all(|one| one != said(reached)),
            "{root}: {reached}"
        );
        assert!(!said(listed).contains("real-host"), "{root}: {listed}");
        assert_eq!(missing["outcome"]["end"]["exited"], 1, "{root}: {missing}");
        let expected = if root == "chroot" { "/home/jail" } else { "" };
        assert_eq!(said(around), expected, "{root}");
    }
    assert!(!std::path::Path::new("/host.txt").exists(), "the stage is nowhere on the host");
}

#[test]
fn a_chroot_lets_out_whoever_may_call_it_again() {
    if !can_run_labs() {
        return;
    }
    let told = outcomes(
        "rootfs busybox\nchroot\ncat /host.txt\nescape cat /host.txt\nunshare --pid --mount --mount-proc\nescape cat \
         /host.txt\ncapdrop CAP_SYS_CHROOT\nescape cat /host.txt\ndrop capdrop\npivot_root\nescape cat /host.txt\n",
    );
    let ends: Vec<&Value> =
        told.iter().map(|line| &line["outcome"]["end"]).filter(|end| !end.is_null()).collect();
    let [before, chroot, namespaces, capability, pivot] = ends[..] else { panic!("{ends:?}") };
    assert_eq!((&before["exited"], &pivot["exited"]), (&1.into(), &1.into()));
    assert_eq!((&chroot["exited"], &namespaces["exited"]), (&0.into(), &0.into()));
    assert_eq!(capability["refused"], nix::libc::EPERM);
}

#[test]
fn an_ordinary_user_gets_out_of_a_jail_of_their_own() {
    if !is_root() || !has("setpriv") {
        return;
    }
    let user = User::new(61_237);
    let lines = "rootfs\nchroot\nls /\nescape cat /host.txt\n";
    let output = feed(user.rlab().args(["run", "--format", "json", "--script", "-"]), lines);
    let told = told(&output);
    if told[2]["outcome"]["end"]["exited"] != 0 {
        return support::skip("an ordinary user can make no container here");
    }
    assert!(said(&told[3]).contains("stage"), "{}", told[3]);
}

#[test]
fn the_line_for_a_plain_box_gets_out_with_busybox_alone() {
    if !can_run_labs() || !has("unshare") {
        return;
    }
    let lab = support::source("jailbreak");
    let line = lab.lines().find_map(|line| line.strip_prefix("type = \"busybox mkdir")).unwrap();
    let line = format!("busybox mkdir{}", line.trim_end_matches('"'));
    // The shell of the middle reads the rest of the line, as it would at a terminal; BusyBox is at another place.
    let (first, rest) = line.split_once("sh; ").unwrap();
    let rest = rest
        .replace("usr/sbin/chroot .", "home/jail/bin/busybox chroot . /home/jail/bin/busybox cat /host.txt");
    let script = format!(
        "set -e; mount --make-rprivate /; mount -t tmpfs tmpfs $HOME; cd $HOME; mkdir -p home/jail/bin old; \
         cp \"$(command -v busybox)\" home/jail/bin; echo stage > host.txt; pivot_root . old; cd /; \
         exec /home/jail/bin/busybox sh -c '/home/jail/bin/busybox umount -l /old; exec /home/jail/bin/busybox chroot \
         /home/jail /bin/busybox sh -c \"{first}sh -c \\\"{rest}\\\"\"'"
    );
    let home = tempfile::tempdir().unwrap();
    let output =
        Command::new("unshare").args(["-m", "sh", "-c", &script]).env("HOME", home.path()).output().unwrap();
    assert_eq!(stdout(&output).trim(), "stage", "{script}\n{}", support::stderr(&output));
}
