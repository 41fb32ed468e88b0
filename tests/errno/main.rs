//! The table of errnos, provoked: for every entry the kernel is really made to refuse rlab so, and rlab's own words are
//! found by the id of the entry. No entry stays without a provocation, here or in a virtual machine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[path = "../support/mod.rs"]
mod support;

mod births;
mod groups;
mod mounts;
mod programs;
mod shown;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use serde_json::Value;

use support::refusals::{ELSEWHERE, Told, told};
use support::{has, is_root, seccomp, skip, stderr};

/// The user of these tests, whom nobody else is.
const SOMEBODY: u32 = 61_234;

/// How the kernel is brought to one refusal.
#[derive(Clone, Copy)]
struct Provocation {
    /// Id of the entry.
    entry: &'static str,
    /// The call that is refused.
    call: &'static str,
    /// With this.
    errno: Errno,
    /// A shell script, run by root in a mount namespace of its own. `$RLAB` carries out the lines; `$PROGRAM` is rlab,
    /// `$DIR` an empty directory, `$USER_RUN` runs what follows as an ordinary user.
    script: &'static str,
    /// The lines.
    lines: &'static str,
}

const fn provoke(
    entry: &'static str,
    call: &'static str,
    errno: Errno,
    script: &'static str,
    lines: &'static str,
) -> Provocation {
    Provocation { entry, call, errno, script, lines }
}

/// The simplest script.
const PLAIN: &str = "exec $RLAB";
/// As an ordinary user.
const USER: &str = "exec $USER_RUN $RLAB";

/// Everything that is provoked here.
fn all() -> impl Iterator<Item = Provocation> {
    let lists = [births::ALL, mounts::ALL, groups::ALL, programs::ALL];
    lists.into_iter().flatten().copied().chain(births::by_clone())
}

/// Carries a provocation out.
fn refusals(provocation: &Provocation) -> (Vec<Told>, String) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path();
    // Somebody else has to get at the program and the lines.
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    let work = path.join("work");
    std::fs::create_dir(&work).unwrap();
    std::fs::set_permissions(&work, PermissionsExt::from_mode(0o1777)).unwrap();
    let program = path.join("rlab");
    std::fs::hard_link(env!("CARGO_BIN_EXE_rlab"), &program)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_rlab"), &program).map(drop))
        .unwrap();
    std::fs::write(path.join("lines"), provocation.lines.replace("DIR", &work.display().to_string()))
        .unwrap();
    std::fs::write(path.join("clone3-enosys"), seccomp::refusing(libc::SYS_clone3, libc::ENOSYS)).unwrap();
    std::fs::write(path.join("clone3-eperm"), seccomp::refusing(libc::SYS_clone3, libc::EPERM)).unwrap();
    std::fs::write(path.join("openat2-enosys"), seccomp::refusing(libc::SYS_openat2, libc::ENOSYS)).unwrap();
    std::fs::write(path.join("fsopen-enosys"), seccomp::refusing(libc::SYS_fsopen, libc::ENOSYS)).unwrap();
    let rlab = format!("{} run --script {} --format json", program.display(), path.join("lines").display());
    std::fs::write(path.join("no-namespaces"), seccomp::forbidding_namespaces()).unwrap();
    let user = format!("setpriv --reuid={SOMEBODY} --regid={SOMEBODY} --clear-groups");
    // clone is what rlab uses where there is no clone3.
    let world = match provocation.call {
        "clone" => {
            "exec bwrap --dev-bind / / --cap-add ALL --seccomp 9 unshare -m sh -c \"$0\" 9<$HERE/clone3-enosys"
        }
        _ => "exec unshare -m sh -c \"$0\"",
    };
    let output = Command::new("sh")
        .args(["-c", world, provocation.script])
        .env("RLAB", rlab)
        .env("PROGRAM", &program)
        .env("USER_RUN", user)
        .env("DIR", &work)
        .env("HERE", path)
        .env("TMPDIR", &work)
        .env("HOME", &work)
        .env("XDG_STATE_HOME", work.join("state"))
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (told(&report), format!("{}\n{}", String::from_utf8_lossy(&output.stdout), stderr(&output)))
}

/// Carries all of these out, and holds that each is refused as it says.
fn hold(provocations: &[Provocation]) {
    if !is_root() || !["unshare", "setpriv", "busybox", "bwrap", "setcap", "prlimit"].into_iter().all(has) {
        return;
    }
    if !Path::new("/sys/fs/cgroup/memory/tasks").exists() {
        skip("these provocations are made with the v1 hierarchies under /sys/fs/cgroup");
        return;
    }
    let mut wrong = Vec::new();
    for provocation in provocations {
        let wanted: Told = (
            provocation.call.to_owned(),
            format!("{:?}", provocation.errno),
            Some(provocation.entry.to_owned()),
        );
        let (found, output) = refusals(provocation);
        if !found.contains(&wanted) {
            let output: String = output.chars().take(3000).collect();
            wrong.push(format!("wanted {wanted:?}\nfound {found:?}\nof {}\n{output}", provocation.script));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_birth_is_refused() {
    hold(births::ALL);
}

#[test]
fn every_birth_by_clone_is_refused() {
    hold(&births::by_clone().collect::<Vec<_>>());
}

#[test]
fn every_mount_is_refused() {
    hold(mounts::ALL);
}

#[test]
fn every_group_is_refused() {
    hold(groups::ALL);
}

#[test]
fn every_program_is_refused() {
    hold(programs::ALL);
}

#[test]
fn no_entry_is_left_without_a_provocation() {
    let here: BTreeSet<(&str, &str, i32)> =
        all().map(|provocation| (provocation.entry, provocation.call, provocation.errno as i32)).collect();
    let elsewhere: BTreeSet<(&str, &str)> =
        ELSEWHERE.iter().map(|(entry, call, _)| (*entry, *call)).collect();
    let mut wanted = BTreeSet::new();
    let mut all = BTreeSet::new();
    for entry in rlab::recipe::errno::entries() {
        for call in entry.calls {
            all.insert((entry.id, *call));
            if !elsewhere.contains(&(entry.id, *call)) {
                wanted.insert((entry.id, *call, entry.errno));
            }
        }
    }
    let missing: Vec<_> = wanted.difference(&here).collect();
    let unknown: Vec<_> = here.difference(&wanted).collect();
    assert!(missing.is_empty(), "never provoked: {missing:?}");
    assert!(
        unknown.is_empty(),
        "provoked, but not in the table (or said to be provoked elsewhere): {unknown:?}"
    );
    assert!(elsewhere.is_subset(&all), "not in the table: {:?}", elsewhere.difference(&all));
}

/// The line of an entry in the page of the book.
fn book_row(entry: &rlab::recipe::errno::Entry) -> String {
    let calls: Vec<String> = entry.calls.iter().map(|call| format!("`{call}`")).collect();
    let errno = Errno::from_raw(entry.errno);
    format!("| {} | {errno:?} | {} | {} | {} |", calls.join(" "), entry.means, entry.mend, entry.id)
}

#[test]
fn the_book_has_the_whole_table() {
    let page = std::fs::read_to_string(support::repository().join("book/src/errnos.md")).unwrap();
    let told: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 4).collect();
    let wanted: Vec<String> = rlab::recipe::errno::entries().map(|entry| book_row(&entry)).collect();
    assert_eq!(told, wanted, "the rows should be\n{}", wanted.join("\n"));
}
