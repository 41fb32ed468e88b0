//! How a command ended: nothing for a plain success, the status, the kill with who, why and how much.

use nix::sys::signal::Signal;

use super::calls::errno_text;
use super::document::{Line, Role, Sign, Text};
use super::pen::{MARGIN, Pen, labelled};
use crate::recipe::ingredient::Resource;
use crate::recipe::outcome::{End, MemorySeen, Outcome, Place};

/// Column of the values in the block about a kill.
const COLUMN: usize = 9;

/// How a command ended. Its calls and its output were told already.
pub(super) fn ended(outcome: &Outcome, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    if outcome.truncated {
        note(&mut text, "output beyond 1 MiB was thrown away");
    }
    if outcome.interrupted {
        note(&mut text, "interrupted: the command was ended by your Ctrl-C");
    }
    for capped in &outcome.capped {
        note(&mut text, &capped.text());
    }
    let kills = outcome.memory.as_ref().map_or(0, oom_kills);
    match outcome.end {
        End::Exited(status) => {
            if kills > 0 {
                text.append(killed_below(outcome, pen));
            }
            if status != 0 {
                text.push(exited(outcome, status));
            }
        }
        End::Signaled(signal) => text.append(killed(outcome, signal, pen)),
        End::Refused(errno) => text.push(refused(outcome, errno)),
        End::Running => text.append(running(outcome, pen)),
    }
    text
}

/// How often the kernel killed for want of memory during this run.
pub(super) fn oom_kills(memory: &MemorySeen) -> u64 {
    memory.oom_kill_after.saturating_sub(memory.oom_kill_before)
}

/// `SIGKILL`, or the number where it has no name.
pub(super) fn signal_name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}

fn note(text: &mut Text, what: &str) {
    text.push(Line::indented(MARGIN, MARGIN).with(Role::Dim, what));
}

/// A call before the program was refused.
fn refused(outcome: &Outcome, errno: i32) -> Line {
    match outcome.end.status(&outcome.calls) {
        Some(status @ (126 | 127)) => exited(outcome, status),
        _ => Line::indented(MARGIN, MARGIN + 4)
            .with(Role::Bad, "Refused")
            .with(Role::Plain, format!("  {}: the program never ran", errno_text(errno))),
    }
}

fn exited(outcome: &Outcome, status: i32) -> Line {
    let meaning = match (status, outcome.place) {
        (126, _) => ": found, but it cannot be run",
        (127, Place::Inside) => ": no such program inside",
        (127, Place::Host) => ": no such program on the host",
        _ => "",
    };
    let mut line = Line::indented(MARGIN, MARGIN + 4).with(Role::Bad, format!("status {status}"));
    line.push(Role::Plain, meaning);
    if (129..=192).contains(&status) {
        let signal = status - 128;
        line.push(Role::Plain, format!(" = 128 + {signal}: a child was killed by {}", signal_name(signal)));
    }
    line
}

/// The process itself was killed.
fn killed(outcome: &Outcome, signal: i32, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let how = format!("   {}, status {} = 128 + {signal}", signal_name(signal), 128 + signal);
    text.push(Line::indented(1, MARGIN + 1).with(Role::Bad, "Killed").with(Role::Plain, how));
    text.append(who(outcome, pen));
    text.append(memory(outcome, pen));
    text
}

/// The process lived on, and a child of it was killed.
fn killed_below(outcome: &Outcome, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let how = "   SIGKILL, a child of the command; the command itself went on";
    text.push(Line::indented(1, MARGIN + 1).with(Role::Bad, "Killed").with(Role::Plain, how));
    if victim(outcome).is_some() {
        text.append(who(outcome, pen));
    }
    text.append(memory(outcome, pen));
    text
}

fn victim(outcome: &Outcome) -> Option<&crate::recipe::outcome::Victim> {
    outcome.memory.as_ref().and_then(|memory| memory.victim.as_ref())
}

fn who(outcome: &Outcome, pen: &Pen<'_>) -> Text {
    let seen = outcome.seen.as_ref();
    let victim = victim(outcome);
    let name = victim.map_or_else(|| program(outcome).to_owned(), |victim| victim.name.clone());
    let mut line = labelled("who", COLUMN).with(Role::Strong, name.clone());
    let pid = victim.map(|victim| victim.pid).or_else(|| seen.map(|seen| seen.pid));
    match (seen, pid) {
        (Some(seen), Some(pid)) if pid == seen.pid && seen.pid_inside() != seen.pid => {
            line.push(Role::Plain, format!(", PID {} in the container", seen.pid_inside()));
            line.push(Role::Plain, format!(", {} on the host", pen.pid(pid)));
        }
        (_, Some(pid)) => line.push(Role::Plain, format!(", {} on the host", pen.pid(pid))),
        _ => {}
    }
    line.into()
}

/// The name of the program that was started: of `"/bin/sh", ["sh", "-c", …]` it is `sh`, whatever was typed.
fn program(outcome: &Outcome) -> &str {
    let exec = outcome.calls.iter().rfind(|call| call.name == "execve");
    let path = exec.and_then(|call| call.args.split('"').nth(1));
    match path {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => outcome.command.split_whitespace().next().unwrap_or_default(),
    }
}

/// The limit, the peak and the kernel's counter, where the counter rose.
fn memory(outcome: &Outcome, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let Some(memory) = outcome.memory.as_ref().filter(|memory| oom_kills(memory) > 0) else {
        return text;
    };
    let limit = outcome.limits.iter().find(|limit| limit.resource == Resource::Memory);
    let peak = memory.peak.map(|peak| format!("{} B", pen.volatile(peak)));
    let beside = limit.is_some() && pen.wide();
    if let Some(limit) = limit {
        let file = limit.file.rsplit('/').next().unwrap_or(&limit.file);
        let mut line = labelled("limit", COLUMN);
        match limit.number {
            Some(bytes) => line.push(Role::Kernel, format!("{bytes} B in {file}")),
            None => line.push(Role::Kernel, format!("none in {file}")),
        }
        if let (Some(peak), true) = (&peak, beside) {
            line.push(Role::Dim, "      peak ");
            line.push(Role::Kernel, peak.clone());
        }
        text.push(line);
    }
    if let (Some(peak), false) = (peak, beside) {
        text.push(labelled("peak", COLUMN).with(Role::Kernel, peak));
    }
    let counter = format!("{} {} {}", memory.oom_kill_before, pen.sign(Sign::Becomes), memory.oom_kill_after);
    text.push(labelled("oom_kill", COLUMN).with(Role::Kernel, counter));
    if let Some(victim) = memory.victim.as_ref().filter(|victim| pen.look.verbose && !victim.line.is_empty())
    {
        text.push(labelled("log", COLUMN).with(Role::Dim, victim.line.clone()));
    }
    text
}

fn running(outcome: &Outcome, pen: &Pen<'_>) -> Text {
    let mut line = Line::indented(MARGIN, MARGIN + 4);
    if let Some(job) = outcome.job {
        line.push(Role::Strong, format!("[{job}] "));
    }
    line.push(Role::Code, outcome.command.clone());
    line.push(Role::Plain, " stays");
    if let Some(seen) = &outcome.seen {
        let host = pen.pid(seen.pid);
        line.push(
            Role::Plain,
            if seen.nspid.len() > 1 {
                format!(": PID {} in the container, {host} on the host", seen.pid_inside())
            } else {
                format!(": PID {host} inside and on the host")
            },
        );
    }
    line.into()
}

/// The PID inside; where there is no PID namespace of its own this is the host's.
pub(super) fn seen_inside(seen: &crate::recipe::outcome::Seen, pen: &Pen<'_>) -> String {
    if seen.nspid.len() > 1 { seen.pid_inside().to_string() } else { pen.pid(seen.pid) }
}
