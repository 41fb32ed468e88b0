//! `rlab inspect`: a process by its number, or a container of Docker's or Podman's by its name.

use std::collections::BTreeMap;
use std::process::Command;

use crate::cli::{Format, Inspect};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::recipe::process::{Process, Reader};
use crate::render::inspect::Inspected;
use crate::sandbox::inspect::inspect;
use crate::sandbox::rootfs::find_program;

/// The tools that know containers by name, in the order in which they are asked.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// Looks, and tells. Exit status 3 where some of it may not be read.
///
/// # Errors
/// There is no such process or container (2); nobody is there who could know the name (3).
pub fn run(args: &Inspect, terminal: &mut Terminal) -> Result<Exit> {
    let process = inspect(number(&args.who)?)?;
    let found = Inspected::new(&process);
    match args.format {
        Format::Text => {
            let text = found.text(&terminal.look());
            terminal.show(&text);
        }
        Format::Json => terminal.data(&found.json()),
    }
    if process.unread.is_empty() {
        return Ok(Exit::Ok);
    }
    terminal.trouble(&refused(&process));
    Ok(Exit::Cannot)
}

/// What may not be read, and why.
fn refused(process: &Process) -> Trouble {
    let (what, hint) = why(process);
    let trouble = Trouble::cannot(what);
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unread in &process.unread {
        reasons.entry(&unread.errno).or_default().push(&unread.what);
    }
    let cause =
        |(errno, what): (&str, Vec<&str>)| format!("{errno} in /proc/{}: {}", process.pid, what.join(" "));
    let trouble = reasons.into_iter().map(cause).fold(trouble, Trouble::because);
    trouble.hint(hint)
}

/// What is missing, and the mend, which depends on who looks.
fn why(process: &Process) -> (String, String) {
    let pid = process.pid;
    if process.has_ended() {
        let gone = format!("process {pid} has ended, and not all of what it had is left");
        let hint = match process.goes_on {
            Some(thread) => format!("a thread of it goes on: `rlab inspect {thread}`"),
            None => format!(
                "look at one that runs; the entry goes when its parent, PID {}, waits for it",
                process.parent
            ),
        };
        return (gone, hint);
    }
    let hint = match process.reader {
        Reader { root: false, .. } => "look as root for the rest",
        Reader { traces: false, .. } => {
            "you are root without `CAP_SYS_PTRACE`: look from where nothing is given up, outside of this container"
        }
        _ => {
            "not even root may here: a security module keeps it, or it belongs to a user namespace above yours; \
             look from outside of this container"
        }
    };
    (format!("not all of process {pid} may be read by you"), format!("what is told is true; {hint}"))
}

/// The number of the process that is meant.
pub(super) fn number(who: &str) -> Result<i32> {
    if !who.is_empty() && who.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = who.parse::<i32>().ok().filter(|number| *number > 0);
        return number.ok_or_else(|| {
            Trouble::usage(format!("`{who}` is not the number of a process"))
                .hint("a PID is at least 1 and has seven digits at most: `ps -A` lists them")
        });
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !who.bytes().all(good) || !who.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) {
        return Err(Trouble::usage(format!(
            "`{}` is neither a PID nor the name of a container",
            who.escape_debug()
        ))
        .hint("give a number that `ps -A` lists, or a name that `docker ps` or `podman ps` does"));
    }
    container(who)
}

/// The first process of a container, as the tool that made it says.
fn container(name: &str) -> Result<i32> {
    let mut said = Vec::new();
    for engine in ENGINES {
        let Some(program) = find_program(engine) else { continue };
        let output =
            Command::new(program).args(["container", "inspect", "--format", "{{.State.Pid}}", name]).output();
        let answer = match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                match text.parse() {
                    Ok(pid) if pid > 0 => return Ok(pid),
                    // A container that has ended has no process any more.
                    _ => format!("{engine}: `{name}` does not run"),
                }
            }
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word of why");
                format!("{engine}: {}", line.trim().trim_start_matches("Error: "))
            }
            Err(error) => format!("{engine}: {error}"),
        };
        said.push(answer);
    }
    if said.is_empty() {
        return Err(Trouble::cannot(format!(
            "`{name}` is no number, and there is nobody to ask for a container of that name"
        ))
        .because("neither `docker` nor `podman` is installed")
        .hint("give the PID of its first process"));
    }
    let trouble = Trouble::usage(format!("no container that runs is called `{name}`"));
    let trouble = said.into_iter().fold(trouble, Trouble::because);
    Err(trouble.hint("`docker ps` and `podman ps` list those that run; Podman keeps each user's apart"))
}
