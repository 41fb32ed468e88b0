//! The REPL at a terminal: the built program on a pseudo-terminal, driven key by key.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail it like the test itself")]

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// How long the program may take to show something. Generous: nothing here measures time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The editor turns bracketed paste on when it begins to read a line: from here on keys are for it.
const PROMPT: &str = "\x1b[?2004h";

/// Held while a program starts.
static STARTING: Mutex<()> = Mutex::new(());

/// The program on its terminal.
struct Repl {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    _home: tempfile::TempDir,
}

impl Repl {
    fn start(args: &[&str]) -> Self {
        // openpty(3) gives descriptors that children inherit. One that has its own terminal's other end never sees it
        // hang up, and no child of a test beside this one may have it either.
        let _alone = STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let size = nix::pty::Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(Some(&size), None).expect("a pseudo-terminal");
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a flag of our own descriptor");
        }
        let home = tempfile::tempdir().expect("a directory");
        let end = || Stdio::from(pty.slave.try_clone().expect("the terminal's other end"));
        let child = Command::new(env!("CARGO_BIN_EXE_rlab"))
            .args(args)
            .env("XDG_STATE_HOME", home.path())
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the program starts");
        drop(pty.slave);
        let keys = File::from(pty.master.try_clone().expect("the terminal"));
        let mut output = File::from(pty.master);
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // EIO: the program has gone.
            while let Ok(n @ 1..) = output.read(&mut piece) {
                if send.send(piece[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, screen, shown: String::new(), _home: home }
    }

    fn press(&mut self, keys: &str) {
        self.shown.clear();
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until the screen has shown this, after the last key and after what was waited for before.
    fn expect(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("never saw {text:?}, but\n{}", self.shown),
            }
        }
    }

    /// What is shown until the next prompt.
    fn until_prompt(&mut self) -> String {
        let until = Instant::now() + PATIENCE;
        while !self.shown.contains(PROMPT) {
            let left = until.saturating_duration_since(Instant::now());
            self.shown.push_str(&String::from_utf8_lossy(&self.screen.recv_timeout(left).expect("a prompt")));
        }
        self.shown.clone()
    }

    /// The modes of the terminal.
    fn modes(&self) -> nix::sys::termios::Termios {
        nix::sys::termios::tcgetattr(&self.keys).expect("the modes of the terminal")
    }

    fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            // The screen is read all the while, or a full terminal would hold the program up.
            while self.screen.try_recv().is_ok() {}
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                return status;
            }
            assert!(Instant::now() < until, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Repl {
    fn drop(&mut self) {
        // Of a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_prompt_says_what_to_press_and_enter_begins() {
    let mut repl = Repl::start(&[]);
    repl.expect("Press Enter");
    repl.expect("start chroot");
    repl.press("\r");
    repl.expect("step 1 of");
    repl.expect(PROMPT);
    repl.press("\x04");
    repl.expect("your place is kept");
    assert!(repl.end().success());
}

#[test]
fn ctrl_c_takes_the_line_back_and_ctrl_d_leaves() {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    repl.press("nonsense that is never run\x03");
    repl.expect("never run");
    repl.expect(PROMPT);
    repl.press("echo so\"\"und\r");
    repl.expect("\n  sound");
    repl.expect(PROMPT);
    repl.press("\x04");
    repl.expect("nothing is left on this machine");
    assert!(repl.end().success());
}

#[test]
fn a_quote_that_is_open_goes_on_with_the_next_line() {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    repl.press("echo 'one\r");
    repl.press("two'\r");
    repl.expect("\n  two");
    repl.expect(PROMPT);
    repl.press("quit\r");
    assert!(repl.end().success());
}

#[test]
fn tab_completes_what_can_stand_there() {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    repl.press("start pid\t");
    repl.expect("pid-namespace");
    repl.press("\x03");
    repl.expect(PROMPT);
    repl.press("\x04");
    assert!(repl.end().success());
}

#[test]
fn right_takes_the_ghost_and_a_wrong_line_ends_nothing() {
    let mut repl = Repl::start(&["start", "chroot"]);
    repl.expect("step 1 of");
    repl.expect("rootfs busybox");
    repl.press("unshare --nonsense\r");
    repl.expect("error:");
    repl.expect(PROMPT);
    repl.expect("rootfs busybox");
    repl.press("\x1b[C\x01# \r");
    repl.expect("# rootfs busybox");
    repl.expect(PROMPT);
    repl.press("\x04");
    assert!(repl.end().success());
}

/// Ends the session with a signal while something of it stands on the machine, and looks what is left.
fn ended_by(signal: nix::sys::signal::Signal, lines: &[&str]) {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    for line in lines {
        repl.press(&format!("{line}\r"));
        repl.expect(PROMPT);
    }
    repl.press("!echo at=$ROOTFS\r");
    repl.expect("  at=/");
    let rest = repl.until_prompt();
    let root = format!("/{}", rest.split_whitespace().next().expect("a path"));
    assert!(std::path::Path::new(&root).exists(), "{root} is there while the session lives");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(repl.child.id()).expect("a PID"));
    nix::sys::signal::kill(pid, signal).expect("the program is there");
    let status = repl.end();
    assert_eq!(status.code(), Some(130), "{status}");
    assert!(!std::path::Path::new(&root).exists(), "{root} is left");
}

#[test]
fn a_window_that_is_closed_ends_the_session() {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    // The reader gives up at the next key that is echoed, and with it goes the last descriptor of the terminal.
    repl.screen = channel().1;
    repl.press("x");
    repl.keys = File::open("/dev/null").expect("a null device");
    repl.end();
}

#[test]
fn a_session_that_is_ended_at_its_prompt_leaves_nothing() {
    ended_by(nix::sys::signal::Signal::SIGTERM, &["rootfs"]);
    ended_by(nix::sys::signal::Signal::SIGHUP, &["rootfs"]);
}

/// What a shell did to the terminal before it died stays in its own terminal. Here rlab has no controlling terminal at
/// all, which the shell does not need: it gets one of its own.
#[test]
fn a_shell_has_a_terminal_of_its_own() {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    let modes = repl.modes();
    for end in ["exit\r", "\x04", "stty raw -echo; printf '\\033[?25l\\033[1mbold'; kill -9 $$\r"] {
        repl.press("shell\r");
        repl.expect("(bare) ");
        repl.press("stty size; echo jobs=$-\r");
        repl.expect("40 100");
        repl.expect("jobs=");
        repl.expect("(bare) ");
        assert!(!repl.shown.contains("job control"), "{}", repl.shown);
        repl.press(end);
        repl.expect(PROMPT);
        assert_eq!(repl.modes(), modes, "after {end:?}");
    }
    repl.press("\x04");
    assert!(repl.end().success());
}

#[test]
fn lines_that_are_typed_ahead_are_all_run() {
    let mut repl = Repl::start(&["play"]);
    repl.expect(PROMPT);
    repl.press("echo o\"\"ne\recho t\"\"wo\recho thr\"\"ee\r");
    repl.expect("\n  one");
    repl.expect("\n  two");
    repl.expect("\n  three");
    repl.expect(PROMPT);
    repl.press("\x04");
    assert!(repl.end().success());
}
