//! All ways to run it show the same.

use std::process::Command;

use rlab::recipe::compose::{Recipe, RootChange};

use crate::support::peers::copy_program;
use crate::support::{has, run, skip, status, stderr, stdout};
use crate::{By, EVERYONE, Ground, Processes, WHAT, answers, by_rlab, can, note, questions, recipe};

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
        skip("this machine lets no ordinary user make a user namespace");
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

#[test]
fn a_bundle_with_a_user_namespace_alone_starts() {
    if !can() {
        return;
    }
    let ground = Ground::new();
    for what in ["container:files", "chroot:chroot"] {
        let mut lines = recipe(what).lines();
        lines.push("unshare --user".to_owned());
        let own = Recipe::read(lines.iter().map(String::as_str)).unwrap();
        let own = answers(by_rlab(&own, &questions())["stdout"].as_str().unwrap());
        for by in [By::Runc, By::Crun] {
            let output = ground.export_with(what, &["unshare --user"], by, &questions()).output().unwrap();
            assert_eq!(status(&output), 0, "{what} {by:?}: {}", stderr(&output));
            let seen = answers(&stdout(&output));
            assert_eq!((seen.first, seen.root), (own.first, own.root.clone()), "{what} {by:?}");
            assert_eq!(seen.processes, Processes::Host, "{what} {by:?}");
        }
    }
    let place = tempfile::tempdir().unwrap();
    let at = place.path().to_str().unwrap();
    let told = run(&["export", "container:files", "--as", "oci", at, "--with", "unshare --user"]);
    assert!(stdout(&told).contains("may mount no proc"), "{}", stdout(&told));
}
