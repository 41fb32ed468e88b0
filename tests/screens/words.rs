//! Every word of the lab, typed at a terminal.

use crate::course::ghost;
use crate::support::screen::{CTRL_D, ENTER, Screen};
use crate::support::{LABS, can_run_labs};

fn at(place: &str) -> Screen {
    let mut screen = Screen::start(80, 24, &["start", place]);
    screen.prompt();
    screen
}

fn holds(told: &str, all: &[&str]) {
    for text in all {
        assert!(told.contains(text), "{text:?} is not told:\n{told}");
    }
}

#[test]
fn next_back_goto_and_reset_go_where_they_say_and_the_state_is_there() {
    if !can_run_labs() {
        return;
    }
    let mut screen = at("chroot");
    holds(&screen.text(), &["step 1 of 6"]);
    // The first `next` of a step that is not done asks to be said again.
    let told = screen.line("next");
    assert!(!told.contains("step 2 of 6"), "{told}");
    holds(&screen.line("next"), &["step 2 of 6", "rootfs ▸"]);
    holds(&screen.line("goto 5"), &["step 5 of 6", "chroot ▸"]);
    // The state before that step is really there.
    holds(&screen.line("ls /"), &["\n  bin\n", "\n  proc\n"]);
    holds(&screen.line("back"), &["step 4 of 6"]);
    holds(&screen.line("goto tools"), &["step 1 of 6", "bare ▸"]);
    holds(&screen.line("back"), &["error:"]);
    holds(&screen.line("goto 99"), &["error:", "hint:"]);
    holds(&screen.line("goto shared"), &["step 6 of 6", "chroot+proc ▸"]);
    // Lost in it: the step begins again, as the steps before it leave the machine.
    screen.line("drop chroot");
    holds(&screen.line("reset"), &["step 6 of 6", "chroot+proc ▸"]);
    holds(&screen.line("start pid-namespace:fresh"), &["step 3 of 6", "chroot+proc+pid ▸"]);
    holds(&screen.line("start nowhere"), &["error:", "hint:", "chroot+proc+pid ▸"]);
    screen.leave();
}

#[test]
fn hints_climb_to_the_solution_and_solve_types_it() {
    if !can_run_labs() {
        return;
    }
    let mut screen = at("chroot:2");
    let rungs: Vec<String> = (0..4).map(|_| screen.line("hint")).collect();
    assert!(rungs.windows(2).all(|two| two[0] != two[1]), "{rungs:?}");
    assert!(!rungs[0].contains("Type chroot"), "{}", rungs[0]);
    holds(&rungs[3], &["\n     chroot\n"]);
    let told = screen.line("check");
    holds(&told, &["✗"]);
    let told = screen.line("solve");
    holds(&told, &["✓", "chroot(", "why"]);
    assert!(!told.contains('✗'), "{told}");
    assert_eq!(ghost(&screen.cursor_row()).as_deref(), Some("next"));
    holds(&screen.line("check"), &["✓"]);
    holds(&screen.line("why"), &["chroot ▸ why"]);
    screen.leave();
}

#[test]
fn status_labs_recipe_and_help_tell_what_is() {
    if !can_run_labs() {
        return;
    }
    let mut screen = at("chroot:5");
    screen.line("cgroup memory.max=7M");
    let status = screen.line("status");
    holds(&status, &["Mount proc", "rootfs busybox", "chroot", "memory.max"]);
    holds(&screen.line("labs"), &LABS);
    let told = screen.line("recipe");
    holds(&told, &["rootfs busybox", "docker run", "exec chroot", "\"ociVersion\"", "memory.max"]);
    let help = screen.line("help");
    for word in [
        "next", "back", "goto", "hint", "why", "solve", "check", "reset", "labs", "start", "status", "map",
        "book", "help",
    ] {
        holds(&help, &[word]);
        let told = screen.line(&format!("help {word}"));
        assert!(told.contains(word) && !told.contains("error:"), "{told}");
    }
    holds(&screen.line("help nxet"), &["help next"]);
    screen.leave();
}

#[test]
fn containers_that_stay_are_seen_from_both_sides() {
    if !can_run_labs() {
        return;
    }
    let mut screen = at("pid-namespace:both-sides");
    let told = screen.line("sleep 1777 &");
    holds(&told, &["[1]", "PID 1"]);
    // What rlab says of the PIDs is what the kernel says.
    let pid = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .find(|entry| {
            let text = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            text("cmdline") == b"sleep\x001777\x00"
                && String::from_utf8_lossy(&text("status")).contains(&format!("PPid:\t{}\n", screen.pid()))
        })
        .unwrap_or_else(|| panic!("no such process:\n{told}"));
    let pid = pid.file_name().into_string().unwrap();
    holds(&told, &[&pid]);
    holds(&screen.line("jobs"), &["sleep 1777", &pid]);
    holds(&screen.line("peek"), &["sleep 1777", &pid]);
    let map = screen.line("map");
    let link = |of: &str, kind: &str| {
        let link = std::fs::read_link(format!("/proc/{of}/ns/{kind}")).unwrap();
        link.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>()
    };
    holds(&map, &[&pid, &link(&pid, "pid"), &link("self", "pid"), &link("self", "net")]);
    holds(&screen.line("kill 7"), &["error:"]);
    screen.line("kill -TERM 1");
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "PID 1 does not listen to TERM");
    holds(&screen.line("kill 1"), &["SIGKILL"]);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let jobs = screen.line("jobs");
    assert!(!jobs.contains("sleep 1777"), "{jobs}");
    screen.leave();
}

#[test]
fn drop_takes_out_and_run_means_the_program() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    for line in ["rootfs", "chroot", "unshare --uts", "hostname inside"] {
        screen.line(line);
    }
    holds(&screen.line("run hostname"), &["\n  inside\n"]);
    holds(&screen.line("drop hostname"), &["chroot+uts ▸"]);
    let told = screen.line("run hostname");
    assert!(!told.contains("\n  inside\n"), "{told}");
    holds(&screen.line("drop --uts"), &["chroot ▸"]);
    holds(&screen.line("drop nonsense"), &["error:", "hint:"]);
    // A word that needs a lab, where there is none.
    holds(&screen.line("next"), &["error:", "labs"]);
    holds(&screen.line("reset"), &["bare ▸"]);
    screen.leave();
}

#[test]
fn a_prediction_is_kept_and_graded() {
    if !can_run_labs() {
        return;
    }
    let mut screen = at("chroot:2");
    screen.line("1");
    let told = screen.line("chroot");
    holds(&told, &["✓", "only the file system"]);
    let row = |told: &str, label: &str| {
        let row = told.lines().find(|row| row.trim_start().starts_with(label));
        row.unwrap_or_else(|| panic!("no {label:?}:\n{told}")).to_owned()
    };
    assert!(row(&told, "you predicted").ends_with("the same"), "{told}");
    assert!(row(&told, "in fact").contains("only the file system"), "{told}");
    // A number is compared with what was measured.
    screen.line("start pid-namespace:fresh");
    screen.line("predict 1");
    let told = screen.line("unshare --pid --mount-proc");
    assert!(told.contains("as predicted"), "{told}");
    screen.leave();
}

#[test]
fn every_way_to_leave_leaves_and_says_how_to_come_back() {
    for way in ["exit", "quit", "bye", "q"] {
        let mut screen = Screen::start(80, 24, &["play"]);
        screen.prompt();
        screen.press(&format!("{way}{ENTER}"));
        assert!(screen.end().success(), "{way}");
        holds(&screen.text(), &["rlab play"]);
    }
    let mut screen = at("chroot:3");
    screen.press(CTRL_D);
    assert!(screen.end().success());
    holds(&screen.text(), &["`rlab`", "look"]);
}
