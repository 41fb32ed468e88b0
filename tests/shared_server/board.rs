//! From a seat the board can be reached, and nothing beside it.

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
