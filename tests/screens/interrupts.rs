//! Ctrl-C at every moment: it ends what runs, never the session.

use nix::sys::termios::LocalFlags;

use crate::support::can_run_labs;
use crate::support::screen::{CTRL_C, ENTER, Screen};

fn play(lines: &[&str]) -> Screen {
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    for line in lines {
        screen.line(line);
    }
    screen
}

/// The session goes on: a line is read whole, and carried out.
fn goes_on(screen: &mut Screen) {
    let told = screen.line("echo $((40 + 2))");
    assert!(told.contains("\n  42\n"), "{told}");
}

/// Begins a line that lasts, and waits until it runs.
fn begin(screen: &mut Screen, line: &str, runs_then: &str) {
    screen.press(&format!("{line}{ENTER}"));
    screen.until_so(&format!("{runs_then:?} does not run"), |screen| screen.runs(runs_then));
}

/// Ctrl-C while it runs: a prompt, and it is gone.
fn interrupt(screen: &mut Screen, line: &str, runs_then: &str) {
    begin(screen, line, runs_then);
    screen.press(CTRL_C);
    screen.prompt();
    assert!(!screen.runs(runs_then), "`{line}` is still there");
    goes_on(screen);
}

#[test]
fn at_the_prompt_it_takes_the_line_back_however_often() {
    let mut screen = play(&[]);
    for keys in ["", "never run", "exit", "echo 'open", "echo \"open", "\x12ech", "  \t"] {
        screen.press(keys);
        screen.settle();
        screen.press(CTRL_C);
        screen.prompt();
        goes_on(&mut screen);
    }
    screen.press(&CTRL_C.repeat(50));
    screen.prompt();
    goes_on(&mut screen);
    let text = screen.leave();
    assert!(!text.contains("error"), "{text}");
}

#[test]
fn it_clears_a_quote_that_is_open_over_several_lines() {
    let mut screen = play(&[]);
    screen.press("echo 'one\rtwo\rthree");
    screen.see("three");
    screen.press(CTRL_C);
    screen.prompt();
    let told = screen.line("echo a'b'c");
    assert!(told.contains("\n  abc\n") && !told.contains("two"), "{told}");
    screen.leave();
}

#[test]
fn it_ends_a_line_that_lasts_and_not_the_session() {
    if !can_run_labs() {
        return;
    }
    let mut screen = play(&[]);
    interrupt(&mut screen, "sleep 1801", "sleep 1801");
    interrupt(&mut screen, "!sleep 1802", "sleep 1802");
    interrupt(&mut screen, "tail -f /dev/null", "tail -f");
    interrupt(&mut screen, "sleep 1803 | cat", "sleep 1803");
    // PID 1 has no handler, and the kernel keeps SIGINT from it.
    screen.line("unshare --pid");
    interrupt(&mut screen, "sleep 1804", "sleep 1804");
    for line in ["rootfs busybox", "chroot", "unshare --pid --mount-proc", "cgroup pids.max=50"] {
        screen.line(line);
    }
    interrupt(&mut screen, "sleep 1805", "sleep 1805");
    interrupt(&mut screen, "sh -c 'sleep 1806 & sleep 1807; wait'", "sleep 1806");
    screen.leave();
}

#[test]
fn it_ends_what_does_not_listen() {
    if !can_run_labs() {
        return;
    }
    let mut screen = play(&["rootfs busybox", "chroot"]);
    begin(&mut screen, "sh -c 'trap \"\" INT TERM; sleep 1811; sleep 1812'", "sleep 1811");
    // As a learner does who gets impatient.
    for _ in 0..5 {
        screen.press(CTRL_C);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    screen.until_so("no prompt after Ctrl-C", |screen| screen.reads());
    assert!(!screen.runs("sleep 1812"));
    screen.press(CTRL_C);
    screen.prompt();
    goes_on(&mut screen);
    screen.leave();
}

#[test]
fn a_container_that_stays_does_not_hear_it() {
    if !can_run_labs() {
        return;
    }
    let mut screen = play(&["rootfs busybox", "chroot", "sleep 1821 &"]);
    screen.press(CTRL_C);
    screen.prompt();
    interrupt(&mut screen, "sleep 1822", "sleep 1822");
    assert!(screen.line("jobs").contains("sleep 1821"));
    assert!(screen.runs("sleep 1821"));
    screen.leave();
}

/// Ctrl-C as soon as the terminal is no longer the editor's.
fn at_once(screen: &mut Screen, line: &str) {
    screen.press(&format!("{line}{ENTER}"));
    screen.until_so("the line is not carried out", |screen| {
        screen.termios().local_flags.contains(LocalFlags::ISIG) || screen.reads()
    });
    screen.press(CTRL_C);
    screen.settle();
    screen.until_so("no prompt after Ctrl-C", |screen| screen.reads());
    // It may have come too late, to the next prompt.
    screen.press(CTRL_C);
    screen.prompt();
}

#[test]
fn it_stops_the_building_of_a_file_system_and_a_replay() {
    if !can_run_labs() {
        return;
    }
    let mut screen = play(&[]);
    for line in ["rootfs host", "rootfs busybox", "rootfs host"] {
        at_once(&mut screen, line);
        goes_on(&mut screen);
        screen.line("reset");
    }
    // Whatever was half done is no obstacle.
    screen.line("rootfs busybox");
    screen.line("chroot");
    goes_on(&mut screen);
    for line in ["start container:7", "ablate", "solve", "goto 6", "start memory-cgroup:5"] {
        at_once(&mut screen, line);
        goes_on(&mut screen);
    }
    screen.line("start chroot:2");
    assert!(screen.line("chroot").contains('✓'));
    screen.leave();
}
