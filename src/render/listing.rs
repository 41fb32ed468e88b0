//! Listings of the host's processes in a program's output: no two runs see the same ones, so they are replaced as a
//! whole.

use super::mask::{HOST_PROCESSES, Masker};
use crate::recipe::ingredient::Namespace;
use crate::recipe::outcome::{End, Outcome, Place};

/// Output without rows about the host's processes.
pub(super) fn without_host(stdout: &str, outcome: &Outcome, mask: &Masker) -> String {
    if lists_host_files(outcome) {
        return format!("{HOST_FILES}\n");
    }
    // A masked copy may be masked again.
    if !sees_host(outcome) || stdout.contains(HOST_PROCESSES) || stdout.is_empty() {
        return stdout.to_owned();
    }
    let asks_processes = words(&outcome.command).any(|word| matches!(word, "ps" | "top" | "pstree"));
    let asks_proc = words(&outcome.command).any(|word| word == "/proc" || word.starts_with("/proc/"));
    let is_listing =
        stdout.lines().next().is_some_and(|head| head.split_whitespace().any(|word| word == "PID"));
    if is_listing || asks_processes {
        rows(stdout, is_listing, filtered(outcome), mask)
    } else if asks_proc && entries(stdout) {
        format!("{HOST_PROCESSES}\n")
    } else if asks_proc {
        single_numbers(stdout)
    } else {
        stdout.to_owned()
    }
}

/// What stands for the files in a directory of the host.
pub(super) const HOST_FILES: &str = "<host files>";

/// Whether it lists a directory of the host from a process that keeps the host's root.
fn lists_host_files(outcome: &Outcome) -> bool {
    let host_root = outcome.seen.as_ref().is_some_and(|seen| !seen.root_own);
    let mut words = words(&outcome.command);
    outcome.place == Place::Inside
        && host_root
        && words.next() == Some("ls")
        && !words.any(|word| word.starts_with("/proc"))
        && !outcome.stdout.is_empty()
}

/// Whether `grep` has the last word: it prints what matches, and ends with 1 where nothing does.
fn filtered(outcome: &Outcome) -> bool {
    let last = outcome.command.rsplit('|').next().unwrap_or_default();
    words(last).next() == Some("grep")
}

/// How it would have ended, had the processes of others not been there: a filter that found none but theirs found
/// nothing.
pub(super) fn end_without_host(outcome: &Outcome, shown: &str) -> End {
    let others = !outcome.stdout.is_empty() && shown.is_empty();
    if others && outcome.end == End::Exited(0) && filtered(outcome) { End::Exited(1) } else { outcome.end }
}

/// Whether its /proc lists the host's processes. In a new PID namespace a process that is about to start is alone:
/// more of them are the host's, through a stale proc.
pub(super) fn sees_host(outcome: &Outcome) -> bool {
    if outcome.place == Place::Host {
        return true;
    }
    outcome.seen.as_ref().is_some_and(|seen| {
        let own = seen.namespaces.get(&Namespace::Pid).is_some_and(|pair| pair.own());
        seen.processes.is_some_and(|number| number > 1 || !own)
    })
}

/// What of its output is volatile by what a command asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Process ids.
    pub(super) pids: bool,
    /// Counters of use.
    pub(super) counters: bool,
    /// The name of the machine.
    pub(super) hostname: bool,
}

impl Asked {
    /// By the words of the command.
    pub(super) fn of(command: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| command.contains(part));
        Self {
            pids: has(&["tasks", "cgroup.procs", "pgrep", "pidof", "$$", "$!", "/status"]),
            counters: has(&[
                "usage_in_bytes",
                "memory.peak",
                "memory.current",
                "memory.stat",
                "failcnt",
                "pids.current",
            ]),
            hostname: has(&["hostname", "uname", "HOSTNAME"]),
        }
    }
}

fn words(command: &str) -> impl Iterator<Item = &str> {
    command.split(|c: char| c.is_whitespace() || "|;&()'\"".contains(c)).filter(|word| !word.is_empty())
}

/// The heading is kept, and the rows about processes whose PID is known; one line stands for all others, however
/// many. A filter is asked for the container's own processes: whether it finds some of another session, or itself, is
/// chance, and those rows go.
fn rows(stdout: &str, heading: bool, filtered: bool, mask: &Masker) -> String {
    let mut lines = stdout.lines();
    let mut out = String::new();
    let column =
        stdout.lines().next().filter(|_| heading).and_then(|head| {
            head.split_whitespace().position(|word| matches!(word, "COMMAND" | "CMD" | "ARGS"))
        });
    if heading && let Some(head) = lines.next() {
        out.push_str(&head.split_whitespace().collect::<Vec<_>>().join(" "));
        out.push('\n');
    }
    if heading || lines.clone().count() != 1 || !lines.clone().all(is_count) {
        let known = lines.filter_map(|line| known_row(line, column, mask));
        for row in known {
            out.push_str(&row);
            out.push('\n');
        }
        if !filtered {
            out.push_str(HOST_PROCESSES);
            out.push('\n');
        }
        return out;
    }
    single_numbers(stdout)
}

/// The row of a process whose PID is known: its PID and what it runs. Times and sizes are left out.
fn known_row(line: &str, column: Option<usize>, mask: &Masker) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (at, pid) = words.iter().take(3).enumerate().find_map(|(at, word)| {
        if word.starts_with("<pid-") {
            return Some((at, (*word).to_owned()));
        }
        let pid = word.parse().ok()?;
        mask.knows_pid(pid).then(|| (at, mask.pid(pid)))
    })?;
    // Without a heading the command begins after the processor's time, `0:00` or `00:00:00`; before that may stand when
    // it was started.
    let is_time = |word: &&str| {
        word.contains(':') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.')
    };
    let start = column.unwrap_or_else(|| {
        let time = words.iter().position(is_time);
        time.map_or(at + 1, |time| time + words.iter().skip(time).take_while(|word| is_time(word)).count())
    });
    let command = words.get(start..).unwrap_or_default().join(" ");
    Some(format!("{pid} {command}"))
}

/// Whether the output is that of `ls /proc`: many entries that are numbers.
fn entries(stdout: &str) -> bool {
    stdout.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).count() >= 3
}

/// Whether a line is one number, or was.
fn is_count(line: &str) -> bool {
    let line = line.trim();
    line == "<n>" || line.parse::<u64>().is_ok()
}

/// A line that is one number is a count.
fn single_numbers(stdout: &str) -> String {
    let mut out = String::new();
    for line in stdout.lines() {
        out.push_str(if is_count(line) { "<n>" } else { line });
        out.push('\n');
    }
    out
}
