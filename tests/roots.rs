//! The three kinds of a root file system: a static BusyBox, a dynamic one with its libraries, and the machine's own tools
//! where there is no BusyBox at all (and no ps). Every lab passes under each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{LABS, has, is_root, rlab, skip, status, stderr, stdout};

/// Runs a script in a mount namespace of its own, where mounts hide what a machine may lack. `$RLAB` is the program.
fn elsewhere(script: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-ec", script])
        .env("RLAB", env!("CARGO_BIN_EXE_rlab"))
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// A line that hides a program wherever it is, for the rest of the script.
fn hide(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    let mut found: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(usual.map(PathBuf::from))
        .filter_map(|directory| directory.join(program).canonicalize().ok())
        .collect();
    found.sort();
    found.dedup();
    found.iter().map(|file| format!("mount --bind /dev/null {}; ", file.display())).collect()
}

fn every_lab_passes(output: &Output) {
    let text = stdout(output);
    assert_eq!(status(output), 0, "{text}\n{}", stderr(output));
    for lab in LABS {
        assert!(text.contains(&format!("end of lab {lab}")), "{lab}: {text}");
    }
    assert!(!text.contains('✗') && !text.contains("ENOENT (No such file"), "{text}");
}

#[test]
fn a_machine_without_busybox_and_without_ps_runs_every_lab() {
    if !is_root() || !has("unshare") {
        return;
    }
    let hidden = hide("busybox");
    let output = elsewhere(&format!("{hidden}exec $RLAB run --all"));
    every_lab_passes(&output);
    assert!(stdout(&output).contains("no BusyBox here"), "{}", stdout(&output));
    let output = elsewhere(&format!("{hidden}{}exec $RLAB run --all", hide("ps")));
    every_lab_passes(&output);
    assert!(stdout(&output).contains("rlab lends one"), "{}", stdout(&output));
    // A one-shot container has its root in memory, filled another way.
    let output = elsewhere(&format!(
        "{hidden}{}exec $RLAB exec --with full -- sh -c 'ps -A; ls -l /bin/ps'",
        hide("ps")
    ));
    let text = stdout(&output);
    assert!(text.contains("1 root     sh -c") && text.contains("-rwxr-xr-x"), "{text}{}", stderr(&output));
}

#[test]
fn a_dynamic_busybox_brings_its_libraries() {
    if !is_root() || !has("unshare") || !has("apt-get") || !has("dpkg-deb") {
        return;
    }
    let Some(busybox) = dynamic_busybox() else {
        skip("no dynamic BusyBox: `apt-get download busybox` got none");
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", busybox.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = rlab(home.path()).env("PATH", path).args(["run", "--all"]).output().unwrap();
    every_lab_passes(&output);
    assert!(stdout(&output).contains("comes with its libraries"), "{}", stdout(&output));
}

/// Debian's dynamic BusyBox, unpacked and not installed. It is kept for the next run.
fn dynamic_busybox() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox-dynamic");
    let find = || {
        ["bin/busybox", "usr/bin/busybox"].map(|path| directory.join(path)).into_iter().find(|p| p.is_file())
    };
    if find().is_none() {
        std::fs::create_dir_all(&directory).unwrap();
        let script = "apt-get -q download busybox && dpkg-deb -x busybox_*.deb .";
        let _ = Command::new("sh").args(["-c", script]).current_dir(&directory).output();
    }
    find()
}
