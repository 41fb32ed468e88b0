//! From a seat the board can be reached, and nothing beside it; and who logs in sits in its room.

use std::io::Write;
use std::net::TcpListener;

use crate::room::Room;

#[test]
fn a_learner_reaches_the_board_and_nothing_beside_it() {
    if !crate::can_open_a_room() {
        return;
    }
    let (board, other) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    other.set_nonblocking(true).unwrap();
    let (at, beside) = (port(&board), port(&other));
    std::thread::spawn(move || {
        for guest in board.incoming() {
            let _ = guest.and_then(|mut guest| guest.write_all(b"this is the board\n"));
        }
    });
    let said = format!("BOARD=127.0.0.1:{at}");
    let room = Room::open(&["ada".to_owned()], &[("room.conf", "BOARD=", &said)]);
    let ask = |port: u16, file: &str| {
        format!(
            "!timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 >~/{file}'; ls /run/rlab-room >>~/{file}"
        )
    };
    // Twice, as each session has its own way there.
    for file in ["first", "second"] {
        room.feed("ada", &ask(7700, file));
        assert_eq!(room.kept("ada", file), "this is the board\n", "{}", room.log());
    }
    room.feed("ada", &format!("{}\n{}", ask(beside, "beside"), ask(at, "around")));
    assert_eq!((room.kept("ada", "beside"), room.kept("ada", "around")), (String::new(), String::new()));
    assert!(other.accept().is_err());
    assert_eq!(room.close(), Vec::<String>::new());
}

/// The page's own two lines, with the real board and real learners.
#[cfg(feature = "workshop")]
#[test]
fn who_logs_in_is_in_the_room_of_the_board() {
    use crate::client::{Board, db};
    use crate::support::{repository, wait_for};

    if !crate::can_open_a_room() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let board = Board::start(&db(&home), &["--course", "chroot"]);
    let page = std::fs::read_to_string(repository().join("book/src/shared-server.md")).unwrap();
    let line = |start: &str| page.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let at = line("BOARD=").replace("127.0.0.1:7700", &board.address.to_string());
    let command = line("COMMAND=").replace(" CODE ", &format!(" {} ", board.code));
    let learners = ["ada".to_owned(), "bob".to_owned()];
    let changes = [("room.conf", "BOARD=", &*at), ("room.conf", "COMMAND=\"rlab\"", &*command)];
    let room = Room::open(&learners, &changes);
    let told = || board.ask("GET", "/api/instructor/export.json", board.token.as_deref(), None).json();
    let mut terminal = room.terminal("ada");
    terminal.line("start chroot");
    let bob = room.feed_slowly("bob", "start chroot:chroot\nask\n");
    wait_for("both of them on the board", || {
        let room = told();
        let of =
            |name: &str| room["learners"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
        of("ada").is_some_and(|ada| ada["here"]["step"] == "tools")
            && of("bob").is_some_and(|bob| bob["here"]["step"] == "chroot" && bob["hand"].is_number())
    });
    // Whoever logs in again is the same learner.
    drop((terminal, bob));
    wait_for("the end of the first session", || room.processes("ada").is_empty());
    let mut terminal = room.terminal("ada");
    terminal.line("start chroot:chroot");
    terminal.line("ask");
    wait_for("the hand of ada", || {
        told()["learners"].as_array().unwrap().iter().all(|row| row["hand"].is_number())
    });
    assert_eq!(told()["learners"].as_array().unwrap().len(), 2, "{}", told());
    drop(terminal);
    assert_eq!(room.close(), Vec::<String>::new());
}
