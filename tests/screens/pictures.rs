//! Snapshots of what a learner sees, in sessions with masked values. Row by row as the terminal has it; `↩` marks a row
//! that the terminal had to break.

use crate::course::to_the_end_of_the_lab;
use crate::support::picture::Row;
use crate::support::screen::{Screen, Seat};
use crate::support::{LABS, can_run_labs, is_a_kernels_own, snapshots};

/// Whether the calls are those of the snapshots. The transcripts hold the other generation too, and the rows have no
/// look of their own there.
pub(crate) fn can_be_compared() -> bool {
    can_run_labs() && std::path::Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()
}

fn picture(rows: &[Row]) -> String {
    let rows = rows.iter().filter(|row| !is_a_kernels_own(&row.text));
    rows.map(|row| format!("{}{}\n", row.text, if row.wrapped { " ↩" } else { "" })).collect()
}

fn keep(name: &str, columns: u16, rows: &[Row]) {
    snapshots(&columns.to_string()).bind(|| insta::assert_snapshot!(format!("screen-{name}"), picture(rows)));
}

fn lab(lab: &str, columns: u16) {
    if !can_be_compared() {
        return;
    }
    let mut screen = Screen::start(columns, 24, &["start", lab, "--masked"]);
    screen.prompt();
    to_the_end_of_the_lab(&mut screen);
    let rows = screen.rows();
    screen.leave();
    keep(lab, columns, &rows);
}

#[test]
fn each_lab_at_80_columns() {
    for id in LABS {
        lab(id, 80);
    }
}

#[test]
fn a_whole_container_at_40_and_120_columns() {
    lab("container", 40);
    lab("container", 120);
}

#[test]
fn the_first_screen_of_a_newcomer_and_of_one_who_comes_back() {
    if !can_run_labs() {
        return;
    }
    for columns in [40, 80, 120] {
        let home = tempfile::tempdir().unwrap();
        let session = |words: &[&str]| {
            let mut screen = Seat::new(columns, 24).home(home.path()).start(words);
            screen.prompt();
            screen
        };
        let first = session(&[]);
        first.until_so("no verdict on the machine", |screen| screen.text().contains("this machine can"));
        first.settle();
        let rows = first.rows();
        first.leave();
        keep("first", columns, &rows);
        session(&["start", "chroot:look"]).leave();
        let again = session(&[]);
        let rows = again.rows();
        again.leave();
        keep("again", columns, &rows);
    }
}

/// Every word that tells something, once.
const WORDS: [&str; 25] = [
    "status",
    "predict 2",
    "hint",
    "hint",
    "hint",
    "hint",
    "check",
    "unshare --pid --mount-proc",
    "sleep 1555 &",
    "why",
    "jobs",
    "peek",
    "map",
    "labs",
    "next",
    "back",
    "solve",
    "recipe",
    "help",
    "help unshare",
    "no-such-program",
    "unshare --nonsense",
    "sh -c 'echo out; echo err >&2; exit 3'",
    "kill 1",
    "goto nowhere",
];

#[test]
fn every_word() {
    if !can_be_compared() {
        return;
    }
    for columns in [40, 80, 120] {
        let mut screen = Screen::start(columns, 24, &["start", "pid-namespace:fresh", "--masked"]);
        screen.prompt();
        for line in WORDS {
            screen.line(line);
        }
        let rows = screen.rows();
        screen.leave();
        keep("words", columns, &rows);
    }
}

#[test]
fn the_looks_of_a_step() {
    if !can_be_compared() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["start", "memory-cgroup:kill", "--masked"]);
    screen.prompt();
    for line in ["predict 1", "", "check", "peek", "unshare --nonsense", "next"] {
        screen.line(line);
    }
    let styled: String = screen.rows().iter().map(|row| row.styled() + "\n").collect();
    screen.leave();
    snapshots("80").bind(|| insta::assert_snapshot!("screen-looks", styled));
}

#[test]
fn a_step_for_a_screen_reader() {
    if !can_be_compared() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["--plain", "start", "memory-cgroup:kill", "--masked"]);
    screen.asks_next();
    for line in ["predict 1", "", "check", "peek", "map", "status", "unshare --nonsense", "next"] {
        screen.press(&format!("{line}\r"));
        screen.asks_next();
    }
    let rows = screen.rows();
    screen.leave();
    keep("plain", 80, &rows);
}
