//! `rlab workshop host`: what the board's terminal shows. The board itself is in the room `board`, and serves in a process of
//! its own.

use std::path::Path;

use crate::cli::Host;
#[cfg(not(feature = "workshop"))]
use crate::error::Trouble;
use crate::error::{Exit, Result};
use crate::frontend::terminal::Terminal;
use crate::lab::course::Course;

/// Says how to get it.
///
/// # Errors
/// Always: this program was built without it.
#[cfg(not(feature = "workshop"))]
pub fn run(_: &Host, _: &Course, _: &mut Terminal) -> Result<Exit> {
    Err(without())
}

/// Says how to get it.
///
/// # Errors
/// Always: this program was built without it.
#[cfg(not(feature = "workshop"))]
pub fn serve(_: &Path, _: u32, _: &mut Terminal) -> Result<Exit> {
    Err(without())
}

#[cfg(not(feature = "workshop"))]
fn without() -> Trouble {
    Trouble::usage("this rlab was built without the board")
        .because("it needs a web server and a database, which no learner has to build")
        .hint("build it with `cargo build --release --features workshop`; a released rlab has it")
}

#[cfg(feature = "workshop")]
pub use with_board::{run, serve};

#[cfg(feature = "workshop")]
mod with_board {
    use std::net::{IpAddr, SocketAddr, UdpSocket};
    use std::path::PathBuf;
    use std::sync::mpsc::channel;
    use std::time::{SystemTime, UNIX_EPOCH};

    use qrcode::{Color, EcLevel, QrCode};

    use super::{Course, Exit, Host, Path, Result, Terminal};
    use crate::board::{self, Opened, Settings, open};
    use crate::error::Trouble;
    use crate::frontend::workshop::supervisor;
    use crate::workshop::course::Taught;
    use crate::workshop::export::date;

    /// Opens the room, tells how to get in, and serves until it is interrupted.
    ///
    /// # Errors
    /// A lab cannot be read, or the log or the address cannot be had.
    pub fn run(args: &Host, course: &Course, terminal: &mut Terminal) -> Result<Exit> {
        let ids: Vec<&str> = if args.course.is_empty() {
            course.entries().iter().map(crate::lab::course::Entry::id).collect()
        } else {
            args.course.iter().map(String::as_str).collect()
        };
        let taught: Result<Vec<Taught>> = ids.iter().map(|id| course.lab(id).map(Taught::of)).collect();
        let settings = Settings {
            bind: args.bind,
            db: args.db.clone().unwrap_or_else(today),
            course: taught?,
            named: !args.course.is_empty(),
            renew: args.new_token,
        };
        let opened = open(&settings)?;
        welcome(&opened, &settings, terminal);
        let exit = supervisor::keep(&opened.listener, &settings.db, terminal)?;
        if exit == Exit::Ok {
            terminal.aside(&format!(
                " The board is closed. All that was acknowledged is in `{}`.\n",
                settings.db.display()
            ));
        }
        Ok(exit)
    }

    /// `rlab board DB SUPERVISOR`: the process that serves, at the socket that is its standard input.
    ///
    /// # Errors
    /// Nobody supervises it, or the log cannot be had.
    pub fn serve(db: &Path, supervisor: u32, terminal: &mut Terminal) -> Result<Exit> {
        let listener = supervisor::supervised(supervisor)?;
        let (tell, told) = channel();
        let db = db.to_owned();
        let serving = std::thread::spawn(move || {
            board::serve(listener, &db, move |note| {
                // The terminal is the last to end.
                let _ = tell.send(note);
            })
        });
        // Until the board, and with it the other end, is gone.
        for note in told {
            terminal.aside(&format!(" {note}\n"));
        }
        serving.join().map_err(|_| Trouble::sandbox("the board broke down"))??;
        Ok(Exit::Ok)
    }

    /// How to get in: for the room on standard output, for the instructor beside it.
    fn welcome(opened: &Opened, settings: &Settings, terminal: &mut Terminal) {
        let address = reachable(opened.address);
        let page = format!("http://{address}/#{}", opened.code);
        let look = terminal.look();
        if terminal.is_terminal() && !look.plain && !look.ascii {
            terminal.data(&format!("\n{}", qr(&page, look.width)));
        }
        terminal.data(&format!("\n Join:  rlab join {address} {} --name NAME\n", opened.code));
        terminal.data(&format!(" Help:  {page}\n\n"));
        let board = settings.db.display();
        let people = match opened.people {
            0 => String::new(),
            1 => "; 1 learner has joined before".to_owned(),
            people => format!("; {people} learners have joined before"),
        };
        terminal.aside(&format!(" Log:   {board}{people}\n"));
        terminal.aside(&match &opened.token {
            Some(token) => {
                format!(" Instructor, for you alone, told once:\n  http://{address}/instructor#{token}\n\n")
            }
            None => format!(
                " Instructor, with the token that the first start told:\n  http://{address}/instructor\n  \
                 (--new-token makes another)\n\n"
            ),
        });
        terminal.aside(" Ctrl-C ends it. What it refuses is told here.\n");
    }

    /// `rlab-workshop-2026-11-28.db`: the same day is the same room.
    fn today() -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        format!("rlab-workshop-{}.db", date(since / 86_400)).into()
    }

    /// The address that others can use: where the board listens on every one, the one that this machine has towards the
    /// rest of the world. No packet is sent for it.
    fn reachable(bound: SocketAddr) -> SocketAddr {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        let towards = |from: &str, to: &str| -> Option<IpAddr> {
            let socket = UdpSocket::bind(from).ok()?;
            socket.connect(to).ok()?;
            Some(socket.local_addr().ok()?.ip())
        };
        let found = towards("0.0.0.0:0", "192.0.2.1:9")
            .or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
            .or_else(local)
            .unwrap_or(IpAddr::from([127, 0, 0, 1]));
        SocketAddr::new(found, bound.port())
    }

    /// An address of this machine where no way leads out of the room: the kernel's list of its own addresses.
    fn local() -> Option<IpAddr> {
        let tree = std::fs::read_to_string("/proc/net/fib_trie").ok()?;
        let lines: Vec<&str> = tree.lines().map(str::trim).collect();
        let own = lines.windows(2).filter(|pair| pair[1].starts_with("/32 host LOCAL"));
        own.filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse::<IpAddr>().ok())
            .find(|ip| !ip.is_loopback())
    }

    /// The code as half blocks, light on dark as a camera wants it whatever the terminal's colours; nothing where it does
    /// not fit.
    fn qr(text: &str, width: usize) -> String {
        const QUIET: usize = 2;
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return String::new() };
        let side = code.width() + 2 * QUIET;
        if side + 1 > width {
            return String::new();
        }
        let dark = |x: usize, y: usize| {
            let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
            matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
        };
        let mut rows = String::new();
        for y in (0..side).step_by(2) {
            rows.push_str(" \u{1b}[30;107m");
            rows.extend((0..side).map(|x| match (dark(x, y), dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }));
            rows.push_str("\u{1b}[0m\n");
        }
        rows
    }
}
