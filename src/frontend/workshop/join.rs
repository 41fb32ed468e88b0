//! `rlab join`: a learner comes into a room, and has a session that also reports.

use std::rc::Rc;
use std::time::Duration;

use super::http::{Client, Question};
use super::room::Room;
use super::seat::{Entry, Seat, refusal};
use super::spool::Spool;
use crate::cli;
use crate::error::{Result, Trouble};
use crate::frontend::beside::Beside;
use crate::frontend::state;
use crate::session::shelf::Shelf;
use crate::workshop::rules;
use crate::workshop::wire::Batch;

/// How long the board may take to tell what it has.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the seat: who sits beside the session from now on.
///
/// # Errors
/// The board says no, or does not answer at the first time; the seat is taken; nothing can be kept.
pub fn enter(args: &cli::Join, shelf: &Rc<dyn Shelf>) -> Result<Box<dyn Beside>> {
    let board = address(&args.address)?;
    let name = rules::name(&args.name).map_err(|why| {
        Trouble::usage("this cannot be a name").because(why).hint("`--name` is what the room calls you")
    })?;
    let code = rules::Code::read(&args.code).ok_or_else(|| {
        Trouble::usage(format!("`{}` is no code of a room", args.code.escape_debug()))
            .hint("it has six letters and digits, and is on the instructor's screen")
    })?;
    let state = state::kept_in().ok_or_else(|| {
        Trouble::sandbox("your seat cannot be kept: neither `XDG_STATE_HOME` nor `HOME` is set")
            .hint("what happens must be written down before it is sent: set one of them")
    })?;
    let (mut seat, dir, lock) = Seat::take(&state, &board, &code.to_string(), &name)?;
    let before = seat.learner.clone();
    let mut client = Client::new(&board);
    let (safe, away) = match seat.enter(&mut client) {
        Entry::In(safe) => (Some(safe), false),
        Entry::No(429 | 500.., _, _) | Entry::Gone(_) if !before.is_empty() => (None, true),
        Entry::No(_, refusal, _) => return Err(Trouble::usage(refusal.error).hint(refusal.hint)),
        Entry::Gone(why) => {
            return Err(Trouble::cannot(format!("the board at `{board}` does not let you in"))
                .because(why)
                .hint("is it `rlab workshop host` that listens there, and are you in its network?"));
        }
    };
    let cannot = |error: std::io::Error| {
        Trouble::sandbox(format!("your seat cannot be kept in `{}`", dir.display())).because(error)
    };
    if seat.learner != before {
        if !before.is_empty() {
            // Another room with the same address and code. What was done in the old one stays the learner's.
            let old = dir.join(format!("events-of-{before}.jsonl"));
            std::fs::rename(Seat::spool(&dir), old).map_err(cannot)?;
            seat.ordered = 0;
        }
        seat.write(&dir).map_err(cannot)?;
    }
    let mut spool = Spool::open(&Seat::spool(&dir), &seat.heading())?;
    let end = spool.end().seq;
    if let Some(safe) = safe.filter(|safe| *safe > end) {
        restore(&mut spool, &seat, &mut client, safe).map_err(|why| {
            Trouble::usage(format!("the board has {safe} events of {name}, and this machine has {end}"))
                .because(why)
                .hint("join once more, or under another `--name`; what the board has, it keeps")
        })?;
    }
    let unknown = seat.course.iter().find(|lab| !shelf.ids().contains(lab));
    if let Some(lab) = unknown {
        return Err(Trouble::usage(format!(
            "the room is taught the lab `{lab}`, and this rlab does not have it"
        ))
        .hint("take the rlab of the room, or its labs with `--labs DIR`"));
    }
    Ok(Box::new(Room::new(seat, dir, spool, safe.unwrap_or(0), away, lock)))
}

/// Fetches what the board has and this machine has lost, so that the record is whole again and goes on from there.
fn restore(spool: &mut Spool, seat: &Seat, client: &mut Client, safe: u64) -> Result<(), String> {
    while spool.end().seq < safe {
        let path = format!("/api/events?after={}", spool.end().seq);
        let question = Question { method: "GET", path: &path, token: Some(&seat.token), body: b"" };
        let answer = client.ask(&question, PATIENCE)?;
        if answer.status != 200 {
            return Err(refusal(&answer).error);
        }
        let batch: Batch =
            serde_json::from_slice(&answer.body).map_err(|_| "its answer is not a board's".to_owned())?;
        if batch.events.is_empty() {
            return Err("it does not tell them".to_owned());
        }
        batch.events.iter().try_for_each(|event| spool.restore(event))?;
    }
    Ok(())
}

/// `HOST:PORT` of what was typed: the port may be left out, and the address of the page is fine.
fn address(typed: &str) -> Result<String> {
    let bare = typed.strip_prefix("http://").unwrap_or(typed).trim_end_matches('/');
    let wrong = |hint: &str| {
        Trouble::usage(format!("`{}` is no address of a board", typed.escape_debug())).hint(hint.to_owned())
    };
    if typed.starts_with("https://") {
        return Err(wrong("a board speaks plain HTTP: leave out `https://`"));
    }
    let is_good = |c: char| c.is_ascii_alphanumeric() || ".-:[]%_".contains(c);
    if bare.is_empty() || bare.len() > 255 || !bare.chars().all(is_good) {
        return Err(wrong("it looks like `192.168.1.5:7700`, and is on the instructor's screen"));
    }
    let (host, port) = match bare.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !host.is_empty() && (!host.contains(':') || host.ends_with(']')) => {
            (host, port)
        }
        _ => return Ok(format!("{bare}:{}", rules::PORT)),
    };
    match port.parse::<u16>() {
        Ok(1..) => Ok(format!("{host}:{port}")),
        _ => Err(wrong("behind the colon stands the port, a number such as 7700")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_type_it() {
        let good = |typed: &str| address(typed).unwrap();
        assert_eq!(good("10.0.0.1"), "10.0.0.1:7700");
        assert_eq!(good("http://board.local:80/"), "board.local:80");
        assert_eq!(good("[::1]:7000"), "[::1]:7000");
        assert_eq!(good("[::1]"), "[::1]:7700");
        for bad in ["", "https://x", "a b", "x:0", "x:99999", "x:y", "x\r\nHost: y", "x/instructor", "user@x"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
