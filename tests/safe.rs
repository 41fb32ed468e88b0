//! Removal crosses no mount and follows no link, a hostile directory for temporary files harms nobody, and sessions do
//! not touch each other's things, whoever owns them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{alone, feed, has, left_by, others, rlab, status, stderr, stdout};

/// The name that an rlab of this world would have given, which is dead.
fn dead_name() -> String {
    let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
    format!("rlab.4194303.77.{namespace}")
}

/// A directory that a dead rlab left, with something in it.
fn left_behind(base: &Path) -> PathBuf {
    let left = base.join(dead_name());
    std::fs::create_dir_all(left.join("rootfs/dir")).unwrap();
    std::fs::write(left.join("rootfs/file"), "of rlab").unwrap();
    left
}

/// A file that nobody may touch.
fn precious(base: &Path) -> PathBuf {
    let precious = base.join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("file"), "kept").unwrap();
    precious
}

fn clean(base: &Path) -> Output {
    rlab(base).env("TMPDIR", base).arg("clean").output().unwrap()
}

fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "mount {arguments:?}");
}

#[test]
fn what_is_mounted_in_a_dead_owners_directory_is_kept() {
    if !alone("what_is_mounted_in_a_dead_owners_directory_is_kept") {
        return;
    }
    // A bind of the same file system has the same device number, so only the mount itself tells.
    for way in ["tmpfs", "bind", "file"] {
        let base = tempfile::tempdir().unwrap();
        let (left, precious) = (left_behind(base.path()), precious(base.path()));
        let at = left.join("rootfs/dir");
        match way {
            "tmpfs" => {
                mount(&["-t", "tmpfs", "tmpfs", at.to_str().unwrap()]);
                std::fs::write(at.join("file"), "kept").unwrap();
            }
            "bind" => mount(&["--bind", precious.to_str().unwrap(), at.to_str().unwrap()]),
            _ => mount(&[
                "--bind",
                precious.join("file").to_str().unwrap(),
                left.join("rootfs/file").to_str().unwrap(),
            ]),
        }
        let output = clean(base.path());
        assert_eq!(status(&output), 125, "{way}: {}", stdout(&output));
        assert!(stderr(&output).contains("is still mounted"), "{way}: {}", stderr(&output));
        assert_eq!(std::fs::read_to_string(precious.join("file")).unwrap(), "kept", "{way}");
        if way != "file" {
            assert_eq!(std::fs::read_to_string(at.join("file")).unwrap(), "kept", "{way}");
        }
        let target = if way == "file" { left.join("rootfs/file") } else { at };
        assert!(Command::new("umount").arg(target).status().unwrap().success());
        assert_eq!(status(&clean(base.path())), 0);
        assert!(!left.exists());
        assert_eq!(std::fs::read_to_string(precious.join("file")).unwrap(), "kept", "{way}");
    }
}

#[test]
fn a_link_in_a_dead_owners_directory_is_not_followed() {
    if !alone("a_link_in_a_dead_owners_directory_is_not_followed") {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let (left, precious) = (left_behind(base.path()), precious(base.path()));
    symlink(&precious, left.join("rootfs/link")).unwrap();
    symlink(precious.join("file"), left.join("rootfs/dir/link")).unwrap();
    symlink("../../precious", left.join("up")).unwrap();
    assert_eq!(status(&clean(base.path())), 0);
    assert!(!left.exists());
    assert_eq!(std::fs::read_to_string(precious.join("file")).unwrap(), "kept");
}

#[test]
fn a_name_of_ours_that_is_a_link_or_somebody_elses_is_let_be() {
    if !alone("a_name_of_ours_that_is_a_link_or_somebody_elses_is_let_be") {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let precious = precious(base.path());
    symlink(&precious, base.path().join(dead_name())).unwrap();
    let foreign = base.path().join(dead_name().replace("4194303", "4194302"));
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("file"), "theirs").unwrap();
    chown(&foreign, Some(65533), Some(65533)).unwrap();
    assert_eq!(status(&clean(base.path())), 0);
    assert_eq!(std::fs::read_to_string(precious.join("file")).unwrap(), "kept");
    assert_eq!(std::fs::read_to_string(foreign.join("file")).unwrap(), "theirs");
}

#[test]
fn a_name_that_is_taken_is_told_and_not_used() {
    if !alone("a_name_that_is_taken_is_told_and_not_used") {
        return;
    }
    // The squatter knows the PID and the start time: it is the shell that becomes rlab.
    let take = "read -r stat < /proc/$$/stat; set -- ${stat##*) }; shift 19; n=rlab.$$.$1.$NS; \
                $SQUAT \"$TMPDIR/$n\" || exit 99; exec \"$RLAB\" play";
    for squat in ["mkdir", "ln -s $PRECIOUS", "touch"] {
        let base = tempfile::tempdir().unwrap();
        let precious = precious(base.path());
        let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
        let script = take.replace("$SQUAT", &squat.replace("$PRECIOUS", precious.to_str().unwrap()));
        let output = feed(
            Command::new("sh")
                .args(["-c", &script])
                .env("RLAB", env!("CARGO_BIN_EXE_rlab"))
                .env("NS", namespace.to_string())
                .env("TMPDIR", base.path())
                .env("HOME", base.path()),
            b"rootfs\nls /\n",
        );
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert!(told.contains("somebody has taken the name"), "{squat}: {told}");
        assert_eq!(std::fs::read_dir(&precious).unwrap().count(), 1, "{squat}: something was built there");
    }
}

#[test]
fn a_place_where_others_may_rename_is_refused_and_a_work_directory_is_closed() {
    if !alone("a_place_where_others_may_rename_is_refused_and_a_work_directory_is_closed") {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let play = || {
        let script = base.path().join("script");
        std::fs::write(&script, "rootfs\n!stat -c %a \"$ROOTFS/..\"\n").unwrap();
        let output = rlab(base.path())
            .env("TMPDIR", base.path())
            .args(["run", "--script"])
            .arg(&script)
            .output()
            .unwrap();
        format!("{}{}", stdout(&output), stderr(&output))
    };
    // Where a line breaks depends on the length of the directory's name.
    let says =
        |told: &str, words: &str| told.split_whitespace().collect::<Vec<_>>().join(" ").contains(words);
    let mode = |mode| std::fs::set_permissions(base.path(), PermissionsExt::from_mode(mode)).unwrap();
    for (mode_is, safe) in [(0o700, true), (0o755, true), (0o1777, true), (0o777, false)] {
        mode(mode_is);
        let told = play();
        assert_eq!(says(&told, "chmod +t"), !safe, "{mode_is:o}: {told}");
        assert_eq!(told.lines().any(|line| line.trim() == "700"), safe, "{mode_is:o}: {told}");
    }
    mode(0o755);
    chown(base.path(), Some(65533), None).unwrap();
    let told = play();
    assert!(says(&told, "another directory in its place"), "{told}");
}

#[test]
fn a_directory_for_temporary_files_is_named_from_the_root_on_and_has_to_be_one() {
    if !alone("a_directory_for_temporary_files_is_named_from_the_root_on_and_has_to_be_one") {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    std::fs::create_dir(here.path().join("relative")).unwrap();
    let all = |told: Output| {
        let told = format!("{}{}", stdout(&told), stderr(&told));
        told.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let at = |place: &str| {
        let mut command = rlab(here.path());
        command.env("TMPDIR", place).current_dir(here.path());
        command
    };
    let played =
        |place: &str| all(feed(at(place).args(["run", "--script", "-"]), "rootfs\n!echo in $ROOTFS\n"));
    let one = |place: &str| {
        let words = ["exec", "--with", "rootfs", "--with", "chroot", "--", "true"];
        let output = at(place).args(words).output().unwrap();
        (status(&output), all(output))
    };
    // Set but empty is as not set.
    let told = played("");
    assert!(told.contains(" in /tmp/rlab."), "{told}");
    assert_eq!(one(""), (0, String::new()));
    let told = played("relative");
    assert!(told.contains(&format!(" in {}/relative/rlab.", here.path().display())), "{told}");
    assert_eq!(one("relative").0, 0);
    let missing = format!("`{}/missing/rlab.", here.path().display());
    for told in [played("missing"), one("missing").1] {
        assert!(told.contains(&missing) && told.contains("no such directory"), "{told}");
    }
    let file = here.path().join("file");
    std::fs::write(&file, "").unwrap();
    for place in ["/dev/null", file.to_str().unwrap()] {
        for told in [played(place), one(place).1] {
            assert!(told.contains("ENOTDIR") && told.contains("is no directory"), "{told}");
            assert!(!told.contains("chmod"), "{told}");
        }
    }
    let names: BTreeSet<_> =
        std::fs::read_dir(here.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with("rlab.")), "{names:?}");
}

#[test]
fn ten_sessions_of_two_users_do_not_touch_each_others_things() {
    if !alone("ten_sessions_of_two_users_do_not_touch_each_others_things") || !has("setpriv") {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    std::fs::set_permissions(base.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let program = base.path().join("rlab-copy");
    support::peers::copy_program(&program);
    let homes: Vec<(u32, PathBuf)> = [65532, 65533]
        .into_iter()
        .map(|user| {
            let home = base.path().join(format!("home-{user}"));
            std::fs::create_dir(&home).unwrap();
            chown(&home, Some(user), Some(user)).unwrap();
            (user, home)
        })
        .collect();
    // What each has left behind is the other's business neither.
    let dead: Vec<PathBuf> = homes
        .iter()
        .map(|(user, _)| {
            let dead =
                base.path().join(dead_name().replace("4194303", &(4_194_303 - user + 65530).to_string()));
            std::fs::create_dir(&dead).unwrap();
            chown(&dead, Some(*user), Some(*user)).unwrap();
            dead
        })
        .collect();
    let start = |(user, home): &(u32, PathBuf)| {
        Command::new("setpriv")
            .args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()])
            .arg(&program)
            .args(["run", "chroot", "pid-namespace"])
            .env("HOME", home)
            .env("TMPDIR", base.path())
            .env("NO_COLOR", "1")
            .current_dir("/")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let first = start(&homes[0]).wait_with_output().unwrap();
    assert_eq!(status(&first), 0, "{}\n{}", stdout(&first), stderr(&first));
    assert!(!dead[0].exists() && dead[1].exists(), "a start collects its own user's things alone");
    let sessions: Vec<_> = (0..10).map(|number| start(&homes[number % 2])).collect();
    for child in sessions {
        let pid = child.id();
        let output = child.wait_with_output().unwrap();
        assert_eq!(status(&output), 0, "{}\n{}", stdout(&output), stderr(&output));
        assert_eq!(left_by(pid), Vec::<String>::new());
    }
    assert_eq!(others(), Vec::<String>::new());
    let names = std::fs::read_dir(base.path()).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("rlab.")).collect();
    assert!(left.is_empty(), "{left:?}");
}
