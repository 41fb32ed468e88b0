//! A learner in a room: what is reported and what is not, whoever is gone and whoever is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rlab::workshop::evidence::Evidence;
use rlab::workshop::wire::What;
use serde_json::json;

use crate::board::{Board, CODE, goto};
use crate::support::screen::{ENTER, Seat};
use crate::support::{can_run_labs, fed, feed, left_by, rlab, status, stderr, stdout, wait_for};

fn join(home: &Path, board: &Board, name: &str) -> Command {
    let mut command = rlab(home);
    command.args(["join", &board.address.to_string(), CODE, "--name", name]);
    command
}

/// The learner's own record.
fn record(home: &Path) -> Option<PathBuf> {
    let mut seats = std::fs::read_dir(home.join("state/rlab/workshop")).ok()?.flatten();
    seats.find_map(|seat| Some(seat.path().join("events.jsonl")).filter(|path| path.exists()))
}

fn evidence(home: &Path) -> Evidence {
    Evidence::read(&std::fs::read_to_string(record(home).unwrap()).unwrap()).unwrap()
}

#[test]
fn names_and_numbers_are_told_and_nothing_that_was_typed() {
    if !can_run_labs() {
        return;
    }
    let board = Board::open(&["chroot"]);
    let home = tempfile::tempdir().unwrap();
    let lines = "\n2\nhint\n!echo secret-on-the-host\nunshare --secretflag\nmount -t proc proc /secret\nask\nsent\n\
                 rootfs busybox\n!\"$ROOTFS/bin/echo\" Hello from the new tools!\nunask\nquit\n";
    let child = fed(&mut join(home.path(), &board, "Ada"), lines);
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert_eq!(left_by(pid), Vec::<String>::new());

    let events = board.events("Ada");
    let told: Vec<String> =
        events.iter().map(|event| serde_json::to_value(event).unwrap()["what"].to_string()).collect();
    let at = |what: &str| {
        told.iter().position(|told| told.contains(what)).unwrap_or_else(|| panic!("{what} in {told:#?}"))
    };
    let step = at(r#""kind":"step","lab":"chroot","step":"tools""#);
    let predicted = at(r#""kind":"predicted","lab":"chroot","step":"tools","choice":2,"right":true"#);
    let hint = at(r#""kind":"hint","lab":"chroot","step":"tools","hint":1,"of":4"#);
    let tried = at(r#""kind":"tried","lab":"chroot","step":"tools","tries":1"#);
    let failed = at(r#""passed":false,"failed":[0,1,2]"#);
    let asked = at(r#""kind":"asked""#);
    let passed = at(r#""passed":true,"failed":[]"#);
    let unasked = at(r#""kind":"unasked""#);
    assert!(step < predicted && predicted < hint && hint < tried && tried < failed && failed < asked);
    assert!(asked < passed && passed < unasked && at(r#""kind":"left""#) == told.len() - 1, "{told:#?}");

    // Of the learner's lines and of the machine there is not a word in all the bytes that came.
    let heard = String::from_utf8_lossy(&board.room().heard).into_owned();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for secret in ["secret", "echo", "Hello", "/tmp", host.trim()] {
        assert!(!heard.contains(secret), "{secret:?} was told:\n{heard}");
    }
    // The record is what the board has, event by event, and the learner was shown it.
    assert_eq!(evidence(home.path()).events, events);
    let squeezed = stdout(&output).split_whitespace().collect::<Vec<_>>().concat();
    assert!(
        squeezed.contains(r#"{"kind":"hint","lab":"chroot","step":"tools","hint":1,"of":4}"#),
        "{squeezed}"
    );
    assert_eq!(board.odd(), (0, 0));
}

#[test]
fn what_the_kernel_refuses_is_told_by_name() {
    if !can_run_labs() {
        return;
    }
    let board = Board::open(&[]);
    let home = tempfile::tempdir().unwrap();
    let output = feed(
        &mut join(home.path(), &board, "Ada"),
        "start chroot:2\nmount -t proc proc /nowhere\nls\nquit\n",
    );
    assert_eq!(status(&output), 0);
    let errno = |what: &What| match what {
        What::Errno { errno, call, .. } => Some((errno.clone(), call.clone())),
        _ => None,
    };
    let told: Vec<_> = board.events("Ada").iter().filter_map(|event| errno(&event.what)).collect();
    assert!(told.iter().any(|(errno, _)| errno == "ENOENT"), "{told:?}\n{}", stdout(&output));
}

#[test]
fn whoever_is_not_let_in_is_told_why() {
    let board = Board::open(&[]);
    let home = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let tried = |home: &Path, words: &[&str]| {
        let output = rlab(home).arg("join").args(words).output().unwrap();
        assert!(
            stderr(&output).contains("hint:") && stdout(&output).is_empty(),
            "{words:?}: {}",
            stderr(&output)
        );
        (status(&output), stderr(&output))
    };
    let address = board.address.to_string();
    assert_eq!(status(&feed(&mut join(home.path(), &board, "Ada"), "quit\n")), 0);
    assert_eq!(tried(other.path(), &[&address, CODE, "--name", "Ada"]).0, 2, "the name is taken");
    let (code, told) = tried(other.path(), &[&address, "AAAAAA", "--name", "Bob"]);
    assert!(code == 2 && told.contains("not the code"), "{told}");
    assert_eq!(tried(other.path(), &[&address, "short", "--name", "Bob"]).0, 2);
    assert_eq!(tried(other.path(), &[&address, CODE, "--name", "\u{1b}[2J"]).0, 2);
    assert_eq!(tried(other.path(), &["https://board", CODE, "--name", "Bob"]).0, 2);
    // Nobody there, and somebody who says nothing.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(tried(other.path(), &[&closed, CODE, "--name", "Bob"]).0, 3);
    // A room that teaches what this rlab does not have.
    let strange = Board::open(&["quantum"]);
    assert_eq!(tried(other.path(), &[&strange.address.to_string(), CODE, "--name", "Bob"]).0, 2);
}

#[test]
fn the_learner_works_on_without_a_board_and_nothing_is_lost_or_told_twice() {
    let board = Board::open(&[]);
    let home = tempfile::tempdir().unwrap();
    assert_eq!(status(&feed(&mut join(home.path(), &board, "Ada"), "start chroot\nhint\nquit\n")), 0);
    let first = board.events("Ada").len();
    assert!(first >= 3, "{:?}", board.kinds("Ada"));
    board.room().deaf = true;
    let output = feed(&mut join(home.path(), &board, "Ada"), "start chroot\nhint\nask\nquit\n");
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("does not answer") && text.contains("wait for the board"), "{text}");
    assert_eq!(board.events("Ada").len(), first);
    // The answers of two posts are lost: the courier asks before it says anything again.
    board.room().deaf = false;
    board.room().mute = 2;
    let output = feed(&mut join(home.path(), &board, "Ada"), "start chroot\nhint\nquit\n");
    assert_eq!(status(&output), 0);
    wait_for("the rest", || board.events("Ada") == evidence(home.path()).events);
    assert_eq!(board.odd(), (0, 0));
}

fn couriers(of: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    let is_courier = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.windows(8).any(|w| w == b"courier\0"))
    };
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(is_courier).collect()
}

fn end(pid: u32) {
    let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
}

/// Feeds a session lines with no end, so that something is always under way.
fn busy(home: &Path, board: &Board) -> (Child, std::thread::JoinHandle<()>) {
    let mut child = join(home, board, "Ada")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        use std::io::Write;
        while lines.write_all(b"start chroot\nhint\n").is_ok() {
            std::thread::sleep(Duration::from_millis(3));
        }
    });
    (child, feeder)
}

#[test]
fn whoever_is_killed_no_event_is_lost_and_none_is_there_twice() {
    let board = Board::open(&[]);
    let home = tempfile::tempdir().unwrap();
    let (mut learners, mut carriers, mut reached) = (0, 0, 0);
    for round in 0..24_u64 {
        let length = || std::fs::metadata(record(home.path())?).ok().map(|file| file.len());
        let before = length();
        let (mut child, feeder) = busy(home.path(), &board);
        wait_for("something to tell", || length() > before);
        std::thread::sleep(Duration::from_millis(round * 37 % 100));
        if round % 2 == 0 {
            let found = couriers(child.id());
            carriers += found.len();
            found.into_iter().for_each(end);
            std::thread::sleep(Duration::from_millis(round * 13 % 120));
        }
        learners += 1;
        end(child.id());
        child.wait().unwrap();
        feeder.join().unwrap();
        let now = board.events("Ada").len();
        reached += usize::from(now > 0);
    }
    assert!(
        carriers >= 6 && reached > 12,
        "{carriers} couriers of {learners} learners were killed, {reached} had sent"
    );
    // One who stays: everything that was ever written down is there, once and in order.
    assert_eq!(status(&feed(&mut join(home.path(), &board, "Ada"), "quit\n")), 0);
    wait_for("the rest", || board.events("Ada").len() == evidence(home.path()).events.len());
    assert_eq!(board.events("Ada"), evidence(home.path()).events);
    assert!(board.events("Ada").len() > 24, "{}", board.events("Ada").len());
    assert_eq!(board.odd().1, 0);
}

#[test]
fn the_instructor_is_heard_between_two_prompts() {
    if !can_run_labs() {
        return;
    }
    let board = Board::open(&["chroot", "pid-namespace"]);
    let address = board.address.to_string();
    let mut screen = Seat::new(80, 40).start(&["join", &address, CODE, "--name", "Ada"]);
    screen.see("Press Enter");
    screen.press(ENTER);
    screen.prompt();
    // Nobody presses a key, and it is shown all the same.
    board.order(json!({ "kind": "message", "text": "coffee at ten" }));
    screen.wait("the message", |rows| rows.iter().any(|row| row.text.contains("coffee at ten")));
    board.order(json!({ "kind": "message", "text": "\u{1b}]0;owned\u{7}\u{1b}[2J" }));
    screen
        .wait("that it is left out", |rows| rows.iter().any(|row| row.text.contains("does not understand")));
    let bytes = screen.bytes();
    assert!(!bytes.windows(5).any(|piece| piece == b"owned"));
    board.order(json!({ "kind": "goto", "lab": "../../etc", "step": "passwd" }));
    board.order(goto("no-such-lab", "1"));
    screen.wait("that there is no such lab", |rows| rows.iter().any(|row| row.text.contains("error:")));
    board.order(goto("chroot", "chroot"));
    screen.wait("the step", |rows| rows.iter().any(|row| row.text.contains("step 2 of 6")));
    board.order(json!({ "kind": "pause" }));
    screen.wait("the pause", |rows| rows.iter().any(|row| row.text.contains("pause:")));
    let told = screen.line("chroot");
    assert!(told.contains("not carried out") && !told.contains("✓"), "{told}");
    let told = screen.line("hint");
    assert!(told.contains("hint 1 of"), "{told}");
    board.order(json!({ "kind": "resume" }));
    screen.wait("its end", |rows| rows.iter().any(|row| row.text.contains("the pause is over")));
    let told = screen.line("chroot");
    assert!(told.contains('✓'), "{told}");
    // The courier is killed: another one takes its place, and no order is shown twice.
    wait_for("a courier", || couriers(screen.pid()).len() == 1);
    std::thread::sleep(Duration::from_secs(2));
    couriers(screen.pid()).into_iter().for_each(end);
    screen.line("status");
    wait_for("a new courier", || couriers(screen.pid()).len() == 1);
    board.order(json!({ "kind": "message", "text": "and back to work" }));
    screen.wait("the message", |rows| rows.iter().any(|row| row.text.contains("and back to work")));
    assert_eq!(screen.text().matches("coffee at ten").count(), 1);
    screen.leave();
    assert!(board.kinds("Ada").contains(&"verdict".to_owned()));
}
