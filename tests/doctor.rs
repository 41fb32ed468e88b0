//! `rlab doctor` in places that are really as it says: each is made here, in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use support::{has, is_root, seccomp, skip, stderr, stdout};

/// What doctor said in one place.
struct Said {
    report: Value,
    output: Output,
}

/// Runs doctor by a shell script, by root in a mount namespace of its own. `$DOCTOR` is the command, `$USER_RUN` runs
/// what follows as an ordinary user, `$HERE` is a directory.
fn doctor(script: &str) -> Said {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = home.path().join("rlab");
    // By a process of its own: while this one writes to it another test may fork, and then it is busy (ETXTBSY).
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_rlab")).arg(&program).status().unwrap().success());
    let hidden = seccomp::refusing(libc::SYS_clone3, libc::ENOSYS);
    std::fs::write(home.path().join("clone3-enosys"), hidden).unwrap();
    std::fs::write(home.path().join("no-namespaces"), seccomp::forbidding_namespaces()).unwrap();
    let work = home.path().join("work");
    std::fs::create_dir(&work).unwrap();
    std::fs::set_permissions(&work, PermissionsExt::from_mode(0o1777)).unwrap();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .env("DOCTOR", format!("{} doctor --format json", program.display()))
        .env("USER_RUN", "setpriv --reuid=61235 --regid=61235 --clear-groups")
        .env("HERE", home.path())
        .env("TMPDIR", &work)
        .env("HOME", &work)
        .env("XDG_STATE_HOME", &work)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", stdout(&output), stderr(&output)));
    let left: Vec<_> = std::fs::read_dir(&work).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?} was left");
    Said { report, output }
}

impl Said {
    fn need(&self, name: &str) -> &Value {
        let needs = self.report["needs"].as_array().unwrap();
        needs.iter().find(|need| need["need"] == name).unwrap()
    }

    /// The needs that are missing, with the entry of the table of errnos where a call was refused. The engine is a program
    /// of its own, which wants most of the others: it is tried in `tests/docker.rs`.
    fn lacks(&self) -> Vec<(&str, &str)> {
        let needs = self.report["needs"].as_array().unwrap().iter();
        needs
            .filter(|need| need["verdict"] == "no" && need["need"] != "docker-or-podman")
            .map(|need| {
                for key in ["reason", "hint"] {
                    assert!(need[key].as_str().is_some_and(|text| !text.is_empty()), "no {key}: {need}");
                }
                // The need is named beside it.
                assert!(!need["reason"].as_str().unwrap().contains("this machine cannot"), "{need}");
                (need["need"].as_str().unwrap(), need["refusal"]["entry"].as_str().unwrap_or("-"))
            })
            .collect()
    }

    fn lab(&self, id: &str) -> &str {
        let labs = self.report["labs"].as_array().unwrap();
        let lab = labs.iter().find(|lab| lab["id"] == id).unwrap();
        assert_eq!(lab["verdict"] == "runs", lab.get("reason").is_none(), "{lab}");
        lab["verdict"].as_str().unwrap()
    }

    fn names(&self) -> Vec<&str> {
        self.report["place"]["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
    }

    fn status(&self) -> Option<i32> {
        self.output.status.code()
    }
}

/// The needs of control groups.
const GROUPS: [&str; 3] = ["memory-cgroup", "pids-cgroup", "cpu-cgroup"];

fn can_make_places() -> bool {
    if !is_root() || !["unshare", "setpriv", "bwrap", "busybox"].into_iter().all(has) {
        return false;
    }
    let v1 = Path::new("/sys/fs/cgroup/memory/tasks").exists();
    if !v1 {
        skip("these places are made with the v1 hierarchies under /sys/fs/cgroup");
    }
    v1
}

#[test]
fn root_on_this_machine_lacks_nothing() {
    if !can_make_places() {
        return;
    }
    let said = doctor("exec $DOCTOR");
    assert_eq!(said.lacks(), []);
    assert_eq!(said.need("docker-or-podman")["verdict"], "yes");
    assert_eq!(said.status(), Some(0));
    assert_eq!(said.lab("container"), "runs");
    let swap = std::fs::read_to_string("/proc/swaps").unwrap().lines().count() > 1;
    assert_eq!(said.report["place"]["swap"].as_u64().unwrap() > 0, swap);
    assert!(said.report["place"]["tools"].as_str().unwrap().contains("busybox"));
}

#[test]
fn a_user_namespace_without_a_map_can_do_nothing() {
    if !can_make_places() {
        return;
    }
    let said = doctor("exec unshare --user $DOCTOR");
    let made = said.lacks().into_iter().filter(|(need, _)| !GROUPS.contains(need));
    assert!(made.clone().count() == 11 && made.clone().all(|(_, entry)| entry == "user-namespace-unmapped"));
    assert!(said.names().contains(&"no-id-map"));
    assert_eq!((said.lab("pid-namespace"), said.status()), ("cannot", Some(3)));
}

#[test]
fn a_limit_of_no_user_namespaces_takes_that_need_alone_from_root() {
    if !can_make_places() {
        return;
    }
    let limit = "exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec $DOCTOR'";
    let said = doctor(limit);
    let need = said.need("user-namespace");
    assert_eq!((&need["verdict"], &need["refusal"]["entry"]), (&"no".into(), &"namespace-count-zero".into()));
    assert!(said.names().contains(&"no-user-namespaces"));
    assert_eq!(said.need("chroot")["verdict"], "yes");
    assert_eq!(said.need("uts-namespace")["verdict"], "yes");
}

#[test]
fn read_only_groups_take_the_labs_about_limits() {
    if !can_make_places() {
        return;
    }
    let said = doctor("mount -o remount,bind,ro /sys/fs/cgroup/memory; exec $DOCTOR");
    assert_eq!(said.lacks(), [("memory-cgroup", "group-read-only")]);
    let labs = ["chroot", "pid-namespace", "memory-cgroup", "container"].map(|lab| said.lab(lab));
    assert_eq!(labs, ["runs", "runs", "cannot", "in part"]);
    assert_eq!(said.status(), Some(3));
}

#[test]
fn a_controller_that_is_not_mounted_is_told_with_the_line_that_mounts_it() {
    if !can_make_places() {
        return;
    }
    let said = doctor("umount /sys/fs/cgroup/memory; exec $DOCTOR");
    assert_eq!(said.lacks(), [("memory-cgroup", "-")]);
    assert!(said.report["machine"]["cgroups"]["memory"].is_null());
    // The mend really mends.
    let hint = said.need("memory-cgroup")["hint"].as_str().unwrap();
    let line = hint.split('`').nth(1).unwrap().replace("sudo ", "");
    let mended = doctor(&format!("umount /sys/fs/cgroup/memory; {line}; exec $DOCTOR"));
    assert_eq!(mended.lacks(), []);
}

#[test]
fn a_masked_proc_takes_the_pid_namespace_from_an_ordinary_user() {
    if !can_make_places() {
        return;
    }
    let said = doctor("mount -t tmpfs -o ro tmpfs /proc/irq; exec $USER_RUN $DOCTOR");
    let need = said.need("pid-namespace");
    assert_eq!((&need["verdict"], &need["refusal"]["entry"]), (&"no".into(), &"proc-masked".into()));
    assert_eq!(said.need("uts-namespace")["verdict"], "yes");
}

#[test]
fn an_ordinary_user_lacks_the_groups_alone() {
    if !can_make_places() {
        return;
    }
    let said = doctor("exec $USER_RUN $DOCTOR");
    assert_eq!(said.lacks(), GROUPS.map(|need| (need, "group-not-yours-v1")));
    assert!(said.names().contains(&"ordinary-user"));
    assert_eq!(said.lab("chroot"), "runs");
    assert_eq!(said.lab("memory-cgroup"), "cannot");
}

#[test]
fn a_filter_that_hides_clone3_takes_nothing() {
    if !can_make_places() {
        return;
    }
    let said = doctor("exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $DOCTOR 9<$HERE/clone3-enosys");
    assert_eq!(said.lacks(), []);
    assert!(said.names().contains(&"seccomp"));
}

#[test]
fn a_filter_that_forbids_namespaces_takes_what_needs_one() {
    if !can_make_places() {
        return;
    }
    let said = doctor("exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 $DOCTOR 9<$HERE/no-namespaces");
    assert!(said.lacks().into_iter().all(|(_, entry)| entry == "clone-filtered"), "{:?}", said.lacks());
    let lacks: Vec<&str> = said.lacks().into_iter().map(|(need, _)| need).collect();
    assert!(
        ["pid-namespace", "user-namespace", "pivot-root"].iter().all(|need| lacks.contains(need)),
        "{lacks:?}"
    );
    assert!(!["chroot", "memory-cgroup"].iter().any(|need| lacks.contains(need)), "{lacks:?}");
    assert_eq!(said.lab("memory-cgroup"), "runs");
}

#[test]
fn a_chroot_is_recognised() {
    if !can_make_places() {
        return;
    }
    let said = doctor(
        "mkdir -p $HERE/root/proc $HERE/root/bin $HERE/root/tmp; cp $HERE/rlab $HERE/root/; \
         cp $(command -v busybox) $HERE/root/bin/; ln -s busybox $HERE/root/bin/sh; \
         mount -t proc proc $HERE/root/proc; TMPDIR=/tmp exec chroot $HERE/root /rlab doctor --format json",
    );
    assert!(said.names().contains(&"chroot"));
    let need = said.need("user-namespace");
    assert_eq!(need["refusal"]["entry"], "user-namespace-in-chroot");
    assert_eq!(said.need("mount-namespace")["refusal"]["entry"], "root-is-no-mount");
}

#[test]
fn the_environment_is_named() {
    if !can_make_places() {
        return;
    }
    let names = |script: &str| {
        let said = doctor(script);
        said.names().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let systemd = "mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system; exec $DOCTOR";
    assert!(names(systemd).contains(&"systemd".to_owned()));
    assert!(names("CODESPACES=true exec $DOCTOR").contains(&"codespaces".to_owned()));
    assert!(names("container=podman exec $DOCTOR").contains(&"podman".to_owned()));
    // A process of an inner PID namespace is in a container; of which kind may be told by what lies on this disk.
    let inner = names("exec unshare -pf --mount-proc $DOCTOR");
    assert!(
        ["container", "docker", "podman"].iter().any(|kind| inner.iter().any(|name| name == kind)),
        "{inner:?}"
    );
}

#[test]
fn it_is_quick() {
    if !can_make_places() {
        return;
    }
    // Processor time, which does not depend on who else is at work (a tenth of a second was seen); without an engine, which
    // takes most of a second of its own.
    let home = tempfile::tempdir().unwrap();
    let script = format!("{} doctor >/dev/null; times", env!("CARGO_BIN_EXE_rlab"));
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("HOME", home.path())
        .env("RLAB_ENGINE", "none")
        .output()
        .unwrap();
    let text = stdout(&output);
    let children = text.lines().nth(1).unwrap();
    let seconds: f64 = children
        .split_whitespace()
        .map(|time| {
            let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
            minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
        })
        .sum();
    assert!(seconds < 0.5, "{seconds} s of processor time");
}
