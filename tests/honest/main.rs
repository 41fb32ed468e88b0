//! No check that cannot fail, and no line that harms: every lab is replayed with lines of its solution taken out. Each
//! time a check of that step or a later one must fail, and nothing outside of the container may be changed.
//!
//! - [`changed`]: labs with lines taken out.
//! - [`world`]: this machine once more, to be harmed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod changed;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::process::Command;

use changed::{Changed, Place, without_one, without_what_came_before};
use serde_json::Value as Json;
use support::{LABS, can_run_labs, has, rlab, source, stderr, stdout};
use toml::{Table, Value};

/// What Podman notes whoever calls it; no setting leads it elsewhere.
const PODMANS: [&str; 4] = [
    "/var/cache/containers",
    "/var/cache/containers/short-name-aliases.conf.lock",
    "/var/lib/containers/cache",
    "/var/lib/containers/cache/blob-info-cache-v1.boltdb",
];

/// Runs changed labs through the built program, in one session. Gives its report, and what it changed on the machine.
fn replay(changed: &[Changed]) -> (Json, Vec<String>) {
    let place = tempfile::tempdir().unwrap();
    let labs = place.path().join("labs");
    std::fs::create_dir(&labs).unwrap();
    let mut command = rlab(place.path());
    command.args(["--labs".as_ref(), labs.as_os_str()]).args(["--trust", "run", "--format", "json"]);
    for (number, changed) in changed.iter().enumerate() {
        let id = format!("changed-{number}");
        let mut lab = changed.lab.clone();
        lab.insert("id".to_owned(), Value::String(id.clone()));
        std::fs::write(labs.join(format!("{id}.toml")), toml::to_string(&lab).unwrap()).unwrap();
        command.arg(id);
    }
    let mut told = world::run(place.path(), &command);
    told.changed.retain(|change| !PODMANS.iter().any(|path| *change == format!("written: {path}")));
    let text = stdout(&told.output);
    let report = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", stderr(&told.output)));
    (report, told.changed)
}

/// Of each changed lab the steps with a check that failed. None may have changed the machine.
fn failing_steps(changed: &[Changed]) -> Vec<(&str, Vec<String>)> {
    let (report, harm) = replay(changed);
    if !harm.is_empty() {
        // Some of them did it: which?
        let alone = changed.iter().map(|one| (&one.how, replay(std::slice::from_ref(one)).1));
        let told = alone.filter(|(_, harm)| !harm.is_empty());
        let told: String = told.map(|(how, harm)| format!("\n{how}:\n  {}", harm.join("\n  "))).collect();
        panic!("the machine is another one:\n  {}\n{told}", harm.join("\n  "));
    }
    let labs = report["labs"].as_array().unwrap();
    assert_eq!(labs.len(), changed.len());
    let failed = |step: &&Json| step["checks"].as_array().unwrap().iter().any(|check| check["pass"] == false);
    let of = |lab: &Json| -> Vec<String> {
        let steps = lab["steps"].as_array().unwrap();
        steps.iter().filter(failed).map(|step| step["id"].as_str().unwrap().to_owned()).collect()
    };
    changed.iter().zip(labs).map(|(changed, lab)| (changed.how.as_str(), of(lab))).collect()
}

fn whole(lab: &str) -> Table {
    source(lab).parse().unwrap()
}

/// Without one of its lines a lab fails, and with all of them it does not.
fn every_line_counts(lab: &str) {
    let whole = whole(lab);
    let (report, harm) = replay(&[Changed { lab: whole.clone(), how: String::new() }]);
    assert_eq!((&report["labs"][0]["verdict"], harm), (&Json::from("pass"), Vec::new()), "{report}");
    let steps = (0..changed::steps(&whole)).map(Place::Try);
    let mut changed: Vec<Changed> = steps.flat_map(|step| without_one(&whole, step)).collect();
    // Only looks; whoever does not look has changed nothing.
    changed.retain(|changed| !changed.how.ends_with("without \"peek\""));
    let failing = failing_steps(&changed);
    let unnoticed = failing.iter().filter(|(_, steps)| steps.is_empty()).map(|(how, _)| *how);
    let unnoticed: Vec<&str> = unnoticed.collect();
    assert!(unnoticed.is_empty(), "nobody notices:\n{}", unnoticed.join("\n"));
}

/// A step whose solution is left out is not done.
fn no_step_is_done_before_its_solution(lab: &str) {
    let whole = whole(lab);
    let unsolved = |step: usize| {
        let mut changed = whole.clone();
        Place::Try(step).lines(&mut changed).clear();
        Changed { how: changed["step"][step]["id"].as_str().unwrap().to_owned(), lab: changed }
    };
    let changed: Vec<Changed> = (0..changed::steps(&whole)).map(unsolved).collect();
    let failing = failing_steps(&changed);
    let done = failing.iter().filter(|(id, steps)| !steps.iter().any(|step| step == id)).map(|(id, _)| *id);
    let done: Vec<&str> = done.collect();
    assert!(done.is_empty(), "these steps hold before anything was done: {}", done.join(" "));
}

/// A learner leaves lines out, jumps, and types a line where nothing was made ready for it.
fn no_line_harms_the_machine(lab: &str) {
    let whole = whole(lab);
    let mut changed = without_what_came_before(&whole);
    // Those of the solutions are taken out in `every_line_counts`.
    let other = Place::all(&whole).into_iter().filter(|place| !matches!(place, Place::Try(_)));
    changed.extend(other.flat_map(|place| without_one(&whole, place)));
    failing_steps(&changed);
}

/// Each lab by itself: they are tried side by side, each in a world of its own.
macro_rules! labs {
    ($($name:ident),+) => {
        $(mod $name {
            fn id() -> Option<String> {
                super::can().then(|| stringify!($name).replace('_', "-"))
            }

            #[test]
            fn every_line_counts() {
                id().iter().for_each(|id| super::every_line_counts(id));
            }

            #[test]
            fn no_step_is_done_before_its_solution() {
                id().iter().for_each(|id| super::no_step_is_done_before_its_solution(id));
            }

            #[test]
            fn no_line_harms_the_machine() {
                id().iter().for_each(|id| super::no_line_harms_the_machine(id));
            }
        })+

        #[test]
        fn every_lab_is_tried() {
            assert_eq!([$(stringify!($name).replace('_', "-")),+], LABS);
        }
    };
}

labs!(chroot, pid_namespace, memory_cgroup, container, docker, exec, image, jailbreak);

#[test]
fn the_world_of_these_tests_keeps_harm_from_the_machine_and_tells_it() {
    if !can() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let name = format!("rlab-test-{}", std::process::id());
    let harm = format!(
        "touch /etc/{name}; rm /etc/passwd; echo >>/etc/group; mkdir /{name}; chmod 700 /var; hostname {name}; \
         mount -t tmpfs tmpfs /mnt; touch /dev/shm/{name}; kill -9 $(busybox pidof sleep)"
    );
    let told = world::run(place.path(), Command::new("sh").args(["-c", &harm]));
    let told = told.changed.join("\n");
    for what in [
        format!("written: /etc/{name}"),
        "taken away: /etc/passwd".to_owned(),
        "written: /etc/group".to_owned(),
        format!("written: /{name}"),
        "written: /var\n".to_owned(),
        format!("new: host name {name}"),
        " /mnt ".to_owned(),
        format!("/dev/shm/{name}"),
        "gone: the bystander lives".to_owned(),
    ] {
        assert!(told.contains(&what), "{what} is not told:\n{told}");
    }
    let here = [format!("/etc/{name}"), format!("/{name}"), format!("/dev/shm/{name}")];
    assert!(here.iter().all(|path| !std::path::Path::new(path).exists()), "it reached this machine: {told}");
    let quiet = world::run(
        place.path(),
        Command::new("sh").args(["-c", "cat /etc/passwd; ls /; touch $TMPDIR/mine"]),
    );
    assert_eq!(quiet.changed, Vec::<String>::new());
}

fn can() -> bool {
    can_run_labs() && has("unshare") && has("find")
}
