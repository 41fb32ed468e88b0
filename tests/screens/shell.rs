//! `shell`: a real shell inside on a terminal of its own, and the learner's terminal as it was before.

use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::support::can_run_labs;
use crate::support::screen::{CTRL_C, CTRL_D, ENTER, Screen};

const CTRL_Z: &str = "\x1a";

/// A session with a container that is ready to go into.
fn ready() -> Screen {
    let mut screen = Screen::start(80, 24, &["play"]);
    screen.prompt();
    for line in ["rootfs busybox", "chroot", "unshare --pid --mount-proc"] {
        screen.line(line);
    }
    screen
}

/// Types a line to the shell inside and waits for its next prompt.
fn inside(screen: &mut Screen, line: &str) -> String {
    screen.press(&format!("{line}{ENTER}"));
    screen.asks("#");
    screen.since()
}

/// The PID of the shell on the host: a child of the session. There may be another one, which tries the machine.
fn shell_of(screen: &Screen) -> i32 {
    let pid = screen.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let name = |child: &&str| std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
    let shell = children.split_whitespace().find(|child| name(child) == "sh\n");
    shell.unwrap_or_else(|| panic!("no shell among {children:?}")).parse().unwrap()
}

#[test]
fn in_and_out_ten_times_the_terminal_is_the_same() {
    if !can_run_labs() {
        return;
    }
    let mut screen = ready();
    let (modes, foreground) = (screen.termios(), screen.foreground());
    for round in 0..10 {
        inside(&mut screen, "shell");
        assert_eq!(screen.foreground(), foreground, "the shell's terminal is its own");
        // The answer can only come from inside: the shell's arithmetic and its PID.
        let told = inside(&mut screen, &format!("echo $((6 * 7 + {round})) is $$"));
        assert!(told.contains(&format!("\n{} is 1\n", 42 + round)), "{told}");
        // Whatever it does to the terminal.
        screen.press(&format!("stty -echo -icrnl min 7; printf '\\33[?25l\\33[31m'{ENTER}"));
        screen.asks("#");
        screen.press(if round % 2 == 0 { CTRL_D } else { "exit\n" });
        screen.prompt();
        assert_eq!(screen.termios(), modes, "round {round}");
        assert_eq!(screen.foreground(), foreground, "round {round}");
        assert!(screen.line("ls /").contains("\n  proc\n"));
    }
    screen.leave();
}

/// Where the descriptors of a process lead.
fn descriptors(pid: i32) -> Vec<(u32, String)> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let told = entries.filter_map(|entry| {
        let leads = std::fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, leads.display().to_string()))
    });
    told.collect()
}

#[test]
fn the_shell_holds_its_terminal_and_nothing_else() {
    if !can_run_labs() {
        return;
    }
    // A descriptor that whoever starts rlab forgot to close.
    let forgotten = tempfile::tempdir().unwrap();
    let open = std::fs::File::open(forgotten.path()).unwrap();
    fcntl(&open, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let mut screen = ready();
    drop(open);
    let leads = forgotten.path().display().to_string();
    assert!(descriptors(screen.pid() as i32).iter().any(|(_, to)| *to == leads), "rlab has it");
    // And pipes of rlab's own.
    screen.line("sleep 1000 &");
    screen.line("sleep 1000 &");
    inside(&mut screen, "shell");
    let found = descriptors(shell_of(&screen));
    let terminal = found.iter().find(|(fd, _)| *fd == 0).map(|(_, to)| to.clone()).unwrap();
    assert!(terminal.contains("pts"), "{found:?}");
    for fd in [0, 1, 2] {
        assert!(found.contains(&(fd, terminal.clone())), "{found:?}");
    }
    // The shell itself has the terminal open once more, to control its jobs.
    let others = found.iter().filter(|(_, to)| *to != terminal && to != "/dev/tty");
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&(u32, String)>::new());
    // What is started from it lists its own: the fourth is the directory that is read. (No `#` in the line, or a piece of
    // its echo could be taken for the prompt.)
    let told = inside(&mut screen, "/bin/busybox sh -c 'for fd in /proc/self/fd/*; do echo $fd; done'");
    let listed: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("/proc/self/fd/")).collect();
    assert!(listed.starts_with(&["0", "1", "2"]) && listed.len() <= 4, "{told}");
    screen.press(CTRL_D);
    screen.prompt();
    screen.leave();
}

#[test]
fn a_shell_that_is_killed_gives_the_terminal_back() {
    if !can_run_labs() {
        return;
    }
    let mut screen = ready();
    let (modes, foreground) = (screen.termios(), screen.foreground());
    inside(&mut screen, "shell");
    // It edits a line with modes of its own now. Killed from the host, it cannot set them back.
    let shell = shell_of(&screen);
    screen.press("half a li");
    screen.see("half a li");
    assert_ne!(screen.termios(), modes);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shell), nix::sys::signal::Signal::SIGKILL).unwrap();
    screen.prompt();
    assert_eq!(screen.termios(), modes);
    assert_eq!(screen.foreground(), foreground);
    assert!(screen.since().contains("SIGKILL"), "{}", screen.since());
    screen.leave();
}

#[test]
fn a_shell_that_dies_inside_gives_the_terminal_back() {
    if !can_run_labs() {
        return;
    }
    let mut screen = ready();
    for line in ["drop unshare", "mount --bind /dev/urandom /dev/urandom", "cgroup memory.max=7M"] {
        screen.line(line);
    }
    let (modes, foreground) = (screen.termios(), screen.foreground());
    inside(&mut screen, "shell");
    screen.press(&format!("stty -echo; kill -9 $${ENTER}"));
    screen.prompt();
    assert!(screen.since().contains("SIGKILL"), "{}", screen.since());
    assert_eq!((screen.termios(), screen.foreground()), (modes.clone(), foreground));
    // By the kernel, at the limit.
    inside(&mut screen, "shell");
    screen.press(&format!("data=$(head -c 7500000 /dev/urandom){ENTER}"));
    screen.prompt();
    assert!(screen.since().contains("oom_kill 0 → 1"), "{}", screen.since());
    assert_eq!((screen.termios(), screen.foreground()), (modes, foreground));
    screen.leave();
}

#[test]
fn ctrl_c_and_ctrl_z_go_to_what_runs_in_the_shell() {
    if !can_run_labs() {
        return;
    }
    let mut screen = ready();
    inside(&mut screen, "shell");
    // Not before it has the terminal: the shell would take the key for itself, and still wait for the sleep.
    screen.press(&format!("sleep 1001{ENTER}"));
    screen.until_so("no sleep", |screen| screen.runs("sleep 1001"));
    screen.press(CTRL_C);
    screen.asks("#");
    let told = inside(&mut screen, "echo status $?");
    assert!(told.contains("\nstatus 130\n"), "{told}");

    screen.press(&format!("sleep 1002{ENTER}"));
    screen.until_so("no sleep", |screen| screen.runs("sleep 1002"));
    screen.press(CTRL_Z);
    screen.asks("#");
    let told = inside(&mut screen, "jobs");
    assert!(told.contains("Stopped") && told.contains("sleep 1002"), "{told}");
    screen.press(&format!("fg{ENTER}"));
    screen.see("\nsleep 1002\n");
    // The shell says so before it hands the terminal over; after that it lets the sleep go on.
    screen.until_so("it is stopped still", |screen| screen.goes_on("sleep 1002"));
    screen.press(CTRL_C);
    screen.asks("#");
    screen.until_so("the sleep goes on", |screen| !screen.runs("sleep 1002"));

    // Ctrl-C on a line of its own is the shell's too, and ends nothing.
    screen.press("never run");
    screen.see("never run");
    screen.press(CTRL_C);
    screen.asks("#");
    let told = inside(&mut screen, "echo $$ still");
    assert!(told.contains("1 still"), "{told}");
    screen.press(CTRL_D);
    screen.prompt();
    screen.leave();
}

#[test]
fn the_shell_learns_of_the_window_and_says_where_one_is() {
    if !can_run_labs() {
        return;
    }
    let mut screen = ready();
    let host = screen.line("!pwd");
    inside(&mut screen, "shell");
    let prompt = screen.cursor_row().text;
    assert!(prompt.contains("chroot+pid"), "{prompt:?} does not say where one is");
    assert!(!host.contains(&prompt));
    let size = |screen: &mut Screen| inside(screen, "stty size");
    assert!(size(&mut screen).contains("\n24 80\n"));
    screen.resize(100, 30);
    assert!(size(&mut screen).contains("\n30 100\n"));
    screen.press(CTRL_D);
    screen.prompt();
    screen.leave();
}

#[test]
fn a_window_that_is_closed_ends_the_shell_too() {
    if !can_run_labs() {
        return;
    }
    let mut screen = ready();
    inside(&mut screen, "shell");
    let shell = shell_of(&screen);
    inside(&mut screen, "sleep 1000 &");
    screen.hang_up();
    screen.end();
    assert!(!Path::new(&format!("/proc/{shell}")).exists(), "the shell lives on");
    assert_eq!(crate::support::left_by(screen.pid()), Vec::<String>::new());
}
