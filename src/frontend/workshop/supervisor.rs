//! Keeps a board serving. What serves is a process of its own; where it breaks down (a panic, a kill, no memory left) another
//! one takes its place at the same listening socket. Whoever connects meanwhile waits in the socket's queue, learners' rlabs
//! ask again by themselves, and all that was acknowledged is in the log.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;

/// One that ends so soon after its start was no use.
const AT_ONCE: Duration = Duration::from_secs(2);
/// So many of those in a row, and it is over.
const ENOUGH: u32 = 5;
/// What the second of them waits for before it is replaced; each one after it waits twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// Has a board served at this socket until it is told to end.
///
/// # Errors
/// No process can be had, or each of them breaks down at once.
pub(super) fn keep(listener: &TcpListener, db: &Path, terminal: &mut Terminal) -> Result<Exit> {
    let cannot = |error: io::Error| Trouble::sandbox("no process can be had that serves").because(error);
    // They are waited for, together with the end of a child. The child is handed them blocked, and unblocks them.
    let heard: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD].into_iter().collect();
    heard.thread_block().map_err(|errno| cannot(errno.into()))?;
    let (mut first, mut useless) = (true, 0);
    loop {
        let began = Instant::now();
        let mut child = serve(listener, db).map_err(cannot)?;
        let (status, told) = end_of(&mut child, &heard).map_err(cannot)?;
        // What went wrong at the first start is the instructor's to mend, and was told already.
        let at_once = began.elapsed() < AT_ONCE;
        if told || status.success() || first && at_once && status.signal().is_none() {
            return Ok(exit(status));
        }
        first = false;
        useless = if at_once { useless + 1 } else { 0 };
        let how = status.signal().map_or_else(
            || status.to_string(),
            |signal| Signal::try_from(signal).map_or_else(|_| status.to_string(), |name| name.to_string()),
        );
        if useless >= ENOUGH {
            return Err(Trouble::sandbox("the board breaks down whenever it is started")
                .because(format!("it was started {ENOUGH} times, and ended at once, the last time by {how}"))
                .hint("what was acknowledged is kept: start it with the same `--db` once the machine has memory and disk \
                       to spare"));
        }
        std::thread::sleep(PAUSE * if useless > 1 { 1 << (useless - 2) } else { 0 });
        terminal.aside(&format!(
            " The board broke down ({how}) and is started again; nothing that it acknowledged is lost.\n"
        ));
    }
}

fn serve(listener: &TcpListener, db: &Path) -> io::Result<Child> {
    // By this name it is the same program, whatever became of the file.
    let mut command = Command::new("/proc/self/exe");
    command.arg("board").arg(db).arg(std::process::id().to_string());
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone()?))).stdout(Stdio::null()).spawn()
}

/// Waits for the end of it, and hands on what tells it to end. Whether that was told.
fn end_of(child: &mut Child, heard: &SigSet) -> io::Result<(ExitStatus, bool)> {
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, told));
        }
        if heard.wait()? != Signal::SIGCHLD {
            told = true;
            // It is not waited for yet, so the number is its own.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
        }
    }
}

/// What the board's end is for whoever started it.
fn exit(status: ExitStatus) -> Exit {
    match status.code() {
        Some(0) => Exit::Ok,
        Some(2) => Exit::Usage,
        Some(_) => Exit::Sandbox,
        // Told to end before it could listen to that.
        None => Exit::Ok,
    }
}

/// In the process that serves: ends with the supervisor, however that ends, and breaks down as a whole where a part of it
/// does: another one is better than one that has no writer.
///
/// # Errors
/// It was not started by a supervisor.
pub(super) fn supervised(supervisor: u32) -> Result<TcpListener> {
    use std::os::fd::AsFd;
    let not = |why: &dyn std::fmt::Display| {
        Trouble::usage("there is nothing to serve")
            .because(why)
            .hint("`rlab workshop host` starts it by itself")
    };
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| not(&errno))?;
    if std::os::unix::process::parent_id() != supervisor {
        return Err(not(&"whoever started it has ended"));
    }
    SigSet::all().thread_unblock().map_err(|errno| not(&errno))?;
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(|error| not(&error))?;
    let listener = TcpListener::from(socket);
    listener.local_addr().map_err(|error| not(&error))?;
    Ok(listener)
}
