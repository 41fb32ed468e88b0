//! A window that is closed at any moment: rlab ends, and no process, group or directory of it is left.

use nix::sys::termios::LocalFlags;

use crate::support::screen::{ENTER, Screen};
use crate::support::{can_run_labs, left_by};

/// When a process started, to tell it from another one with its number.
fn start(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    (fields.first() != Some(&"Z")).then(|| fields.get(19).map(|start| (*start).to_owned()))?
}

/// Closes the window, and looks what is left.
fn close(mut screen: Screen, when: &str) {
    let alive: Vec<(u32, Option<String>)> =
        screen.descendants().into_iter().map(|pid| (pid, start(pid))).collect();
    screen.hang_up();
    screen.end();
    for (pid, started) in alive {
        assert!(started.is_none() || start(pid) != started, "{when}: {pid} lives on");
        // Another rlab may be among them, which tries what the machine can do.
        assert_eq!(left_by(pid), Vec::<String>::new(), "{when}");
    }
    assert_eq!(left_by(screen.pid()), Vec::<String>::new(), "{when}");
}

fn play(lines: &[&str]) -> Screen {
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    for line in lines {
        screen.line(line);
    }
    screen
}

const CONTAINER: [&str; 5] =
    ["rootfs busybox", "chroot", "mount -t proc proc /proc", "cgroup memory.max=64M", "sleep 1901 &"];

#[test]
fn a_closed_window_at_the_prompt_leaves_nothing() {
    if !can_run_labs() {
        return;
    }
    close(play(&[]), "at the first prompt");
    close(play(&CONTAINER), "with a container that stays");
    let mut screen = play(&CONTAINER);
    screen.press("echo 'half\ra li");
    screen.settle();
    close(screen, "in an open quote");
    let mut screen = Screen::start(80, 24, &["start", "container:6"]);
    screen.prompt();
    close(screen, "in a lab");
}

#[test]
fn a_closed_window_while_something_runs_leaves_nothing() {
    if !can_run_labs() {
        return;
    }
    for line in [
        "sleep 1902",
        "!sleep 1903",
        "sh -c 'trap \"\" HUP INT TERM; sleep 1904; sleep 1905'",
        "yes",
        "shell",
    ] {
        let mut screen = play(&CONTAINER);
        let before = screen.descendants();
        screen.press(&format!("{line}{ENTER}"));
        screen.until_so(line, |screen| screen.descendants().iter().any(|pid| !before.contains(pid)));
        close(screen, line);
    }
}

#[test]
fn a_closed_window_while_a_file_system_is_built_leaves_nothing() {
    if !can_run_labs() {
        return;
    }
    for line in ["rootfs host", "start container:7", "ablate"] {
        let mut screen = play(if line == "ablate" { &["start container:8"] } else { &[] });
        screen.press(&format!("{line}{ENTER}"));
        screen.until_so(line, |screen| {
            screen.termios().local_flags.contains(LocalFlags::ISIG) || screen.reads()
        });
        close(screen, line);
    }
}

#[test]
fn a_window_that_closes_at_once_leaves_nothing() {
    let screen = Screen::start(80, 24, &[]);
    close(screen, "before the first byte");
}
