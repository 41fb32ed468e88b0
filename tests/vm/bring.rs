//! What some guests get beside BusyBox and rlab: bwrap with a seccomp filter, profiles for AppArmor,
//! a terminal, tools of a usual machine.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cpio::Archive;
use crate::guest::find;
use crate::support::{seccomp, stderr, stdout};

/// bwrap with its libraries, and the filter that it loads.
pub(crate) fn filter(archive: &mut Archive) {
    with_libraries(archive, "bin", "bwrap");
    archive.program("clone3-enosys", &seccomp::refusing(libc::SYS_clone3, libc::ENOSYS));
}

/// util-linux' `script`, which runs a program on a terminal: the BusyBox of Debian has none.
pub(crate) fn terminal(archive: &mut Archive) {
    with_libraries(archive, "bin", "script");
}

/// The tools that a usual machine has on its host, which say things in other words than BusyBox does.
pub(crate) fn tools(archive: &mut Archive, directory: &str) {
    archive.directory(directory);
    for program in ["cat", "ls", "ps", "sh", "sleep"] {
        with_libraries(archive, directory, program);
    }
}

fn with_libraries(archive: &mut Archive, directory: &str, program: &str) {
    let file = find(program);
    archive.program(&format!("{directory}/{program}"), &fs::read(&file).unwrap());
    let libraries = libraries(&file);
    // In this order the parents come first; that of all is there already.
    let above = libraries.iter().flat_map(|library| library.ancestors().skip(1));
    for directory in above.filter(|path| path.components().count() > 1).collect::<BTreeSet<_>>() {
        archive.directory(directory.to_str().unwrap().trim_start_matches('/'));
    }
    for library in &libraries {
        archive.program(library.to_str().unwrap().trim_start_matches('/'), &fs::read(library).unwrap());
    }
}

/// The loader and the libraries of a program, by the paths that it names them by.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let told = stdout(&Command::new("ldd").arg(program).output().unwrap());
    told.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// A profile that allows everything but what is left out of it. It is compiled here for any kernel that has these
/// rules, since the parser is a program of the host.
pub(crate) fn profiles(archive: &mut Archive) {
    const MOUNTS: &str = "mount, umount, pivot_root,";
    const ABI: &str = "/etc/apparmor.d/abi/3.0";
    archive.directory("profiles");
    for (name, rules) in [("no-mounts", "capability,"), ("no-capabilities", MOUNTS)] {
        let text = format!(
            "profile {name} /bin/rlab flags=(attach_disconnected,mediate_deleted) {{\n\
             file, network, signal, ptrace, {rules}\n}}\n"
        );
        let mut parser = Command::new("apparmor_parser")
            .args(["--skip-kernel-load", "--skip-cache", "--stdout"])
            .args(["--policy-features", ABI, "--kernel-features", ABI])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = parser.wait_with_output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{}", stderr(&output));
        archive.program(&format!("profiles/{name}"), &output.stdout);
    }
}
