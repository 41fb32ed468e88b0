//! Masking that keeps identity: a volatile value becomes a name, and the same value is the same name all through a
//! run. So two runs compare equal, and a namespace that *differs* still differs.
//!
//! | value | name |
//! |---|---|
//! | PID on the host | `<pid-1>`, `<pid-2>`… |
//! | namespace (inode number) | `<ns-1>`… |
//! | the session's directory | `<work>` |
//! | the session's control group | `<group>` (its name only; the tree above it is kept) |
//! | the control group of the host that rlab itself is in | `<host group>` |
//! | a listing of the host's processes, of its files | `<host processes>`, `<host files>` |
//! | counts of the host, peaks, durations | `<n>` |
//! | SHA-256 of an image's files, and their sizes | `<digest-1>`…, `<n>` |
//! | file descriptors | `<fd>` |
//! | what the kernel's log says of a kill, which not everybody may read | `<kernel log>` |
//! | kernel release, host name | `<kernel>`, `<host>` |
//!
//! PIDs inside a PID namespace are small and the same in every run: they are not masked. A number in a sentence is a
//! PID only where the sentence says so: `sleep 1234` may run while a process 1234 is known.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::listing::{self, Asked};
use super::tokens::{self, Token};
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{HostState, Outcome, Seen};

/// What stands for every process of the host.
pub const HOST_PROCESSES: &str = "<host processes>";

/// Stands for the host among the owners of namespaces.
const HOST: i32 = 0;

/// The names given so far. One for a whole run.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    pids: BTreeMap<i32, String>,
    /// By the process that has it ([`HOST`] for those of the host) and its inode number: the kernel gives the number
    /// of a namespace that is gone to a new one, and whether it does is chance.
    namespaces: BTreeMap<(i32, u64), String>,
    /// Whole words that are nothing else, with what they become.
    words: Vec<(String, String)>,
    /// Names of the host.
    hostnames: BTreeSet<String>,
    /// Outputs that listed the host's processes, blanks taken out, and what stands for each, latest last: an observation
    /// may quote a piece of one, and is most likely about the latest.
    hidden: Vec<(String, String)>,
    /// How many lines those had.
    hidden_lines: BTreeSet<usize>,
    /// Readings of the group's kill counter, and what stands for each.
    kills: BTreeMap<u64, u64>,
    /// Digests of an image's files, in the order in which they were told.
    digests: RefCell<Vec<String>>,
}

impl Masker {
    /// No value is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns what is volatile about the machine.
    pub fn machine(&mut self, machine: &Machine) {
        self.word(&machine.kernel, "<kernel>");
        if machine.memory_total > 0 {
            self.word(&machine.memory_total.to_string(), "<n>");
        }
    }

    /// Learns what is volatile about the host.
    pub fn host(&mut self, host: &HostState) {
        if !host.hostname.is_empty() {
            self.hostnames.insert(host.hostname.clone());
        }
        for process in &host.strays {
            self.name_pid(process.pid);
        }
        for pid in host.groups.iter().flat_map(|group| &group.members) {
            self.name_pid(*pid);
        }
    }

    fn word(&mut self, value: &str, name: &str) {
        let known = self.words.iter().any(|(known, _)| known == value);
        if !value.is_empty() && !known {
            self.words.push((value.to_owned(), name.to_owned()));
        }
    }

    pub(super) fn name_pid(&mut self, pid: i32) {
        let next = self.pids.len() + 1;
        // PID 1 of the host is the same everywhere.
        if pid > 1 {
            self.pids.entry(pid).or_insert_with(|| format!("<pid-{next}>"));
        }
    }

    pub(super) fn name_namespaces(&mut self, seen: &Seen) {
        for pair in seen.namespaces.values() {
            self.name_namespace(HOST, pair.host);
            if pair.own() {
                self.name_namespace(seen.pid, pair.inside);
            }
        }
    }

    fn name_namespace(&mut self, owner: i32, id: u64) {
        let next = self.namespaces.len() + 1;
        self.namespaces.entry((owner, id)).or_insert_with(|| format!("<ns-{next}>"));
    }

    /// A step begins: observations speak of its own outcomes only.
    pub(super) fn begin_step(&mut self) {
        self.hidden.clear();
        self.hidden_lines.clear();
    }

    /// The kill counter of a group before and after a run. One load that is too much counts as one kill, however many
    /// processes the kernel took before the memory was free again.
    pub(super) fn name_kills(&mut self, before: u64, after: u64) -> (u64, u64) {
        if before == 0 {
            self.kills.clear();
        }
        let first = self.kills.get(&before).copied().unwrap_or(before);
        let second = first + u64::from(after > before);
        self.kills.insert(before, first);
        self.kills.insert(after, second);
        (first, second)
    }

    /// The name of a PID on the host, `<pid>` for one that was never told.
    pub fn pid(&self, pid: i32) -> String {
        match self.pids.get(&pid) {
            Some(name) => name.clone(),
            None if pid <= 1 => pid.to_string(),
            None => "<pid>".to_owned(),
        }
    }

    /// Whether this PID was told before.
    pub(super) fn knows_pid(&self, pid: i32) -> bool {
        self.pids.contains_key(&pid)
    }

    /// The name of a namespace that the process with this PID on the host has, `<ns>` for one that was never told.
    pub fn namespace(&self, owner: i32, id: u64) -> String {
        let name = self.namespaces.get(&(HOST, id)).or_else(|| self.namespaces.get(&(owner, id)));
        name.cloned().unwrap_or_else(|| "<ns>".to_owned())
    }

    /// A sentence with every value that is known replaced: whole words and whole numbers only.
    pub fn text(&self, text: &str) -> String {
        let owner = self.owner(text);
        let text = tokens::quoted(text, |before, quoted| self.quoted(before, quoted));
        let text = self.paths(&text);
        let text = tokens::numbers(&text, |token| self.told(token, owner));
        let text = tokens::numbers(&text, |token| self.kill_count(token));
        tokens::host_counts(&text, &self.hidden_lines)
    }

    /// A reading in `oom_kill 0 → 2`.
    fn kill_count(&self, token: &Token<'_>) -> Option<String> {
        let before = token.before.rsplit_once("oom_kill ").is_some_and(|(_, between)| {
            between.is_empty()
                || between
                    .strip_suffix(" → ")
                    .is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let reading: u64 = token.parse().filter(|_| before)?;
        self.kills.get(&reading).map(u64::to_string)
    }

    /// The process that a sentence is about.
    fn owner(&self, text: &str) -> i32 {
        let owner = std::cell::Cell::new(HOST);
        tokens::numbers(text, |token| {
            let pid = token.parse().filter(|pid| self.pids.contains_key(pid))?;
            if on_host(token) {
                owner.set(pid);
            }
            None
        });
        owner.get()
    }

    /// Text in which only paths and words are volatile: what somebody typed.
    pub(super) fn paths(&self, text: &str) -> String {
        let text = tokens::digests(&tokens::session_paths(text), |digest| self.digest(digest));
        tokens::words(&text, &self.words)
    }

    /// Text in which only digests are volatile.
    pub(super) fn digests_in(&self, text: &str) -> String {
        tokens::digests(text, |digest| self.digest(digest))
    }

    /// The name of a digest; a short one is that of the long one that begins so.
    fn digest(&self, digest: &str) -> String {
        let mut known = self.digests.borrow_mut();
        let at = known.iter().position(|one| one.starts_with(digest) || digest.starts_with(one.as_str()));
        let at = at.unwrap_or_else(|| {
            known.push(digest.to_owned());
            known.len() - 1
        });
        format!("<digest-{}>", at + 1)
    }

    /// A number in a sentence about this process.
    fn told(&self, token: &Token<'_>, owner: i32) -> Option<String> {
        if let Some(name) = self.namespace_in(token, owner) {
            return Some(name);
        }
        let pid: i32 = token.parse()?;
        let inside = token.after.starts_with(" inside,") || token.after.starts_with(" in the container");
        let leads = ["PID ", "pid ", "process ", "/proc/", ": "];
        let says = leads.iter().any(|lead| token.before.ends_with(lead)) || on_host(token);
        (says && !inside).then(|| self.pids.get(&pid).cloned()).flatten()
    }

    fn namespace_in(&self, token: &Token<'_>, owner: i32) -> Option<String> {
        let id: u64 = token.parse()?;
        let link = token.before.ends_with(":[") && token.after.starts_with(']');
        let known = link || self.namespaces.keys().any(|(_, known)| *known == id);
        known.then(|| self.namespace(owner, id))
    }

    /// What stands between backquotes in an observation.
    fn quoted(&self, before: &str, quoted: &str) -> Option<String> {
        if self.hostnames.contains(quoted) {
            return Some("<host>".to_owned());
        }
        let piece = folded(quoted.trim_end_matches('…'));
        let whole = !quoted.ends_with('…');
        let quotes = |hidden: &str| if whole { hidden == piece } else { hidden.starts_with(&piece) };
        let hidden = self.hidden.iter().rev().find(|(hidden, _)| quotes(hidden));
        // The heading alone is no listing, and a number alone is a count.
        let rows = piece.bytes().any(|byte| byte.is_ascii_digit())
            && piece.bytes().any(|byte| byte.is_ascii_alphabetic());
        hidden.filter(|_| before.ends_with("output ") && rows).map(|(_, shown)| shown.clone())
    }

    /// The standard output of a command.
    pub(super) fn stdout(&mut self, outcome: &Outcome) -> String {
        let stdout = &outcome.stdout;
        let shown = listing::without_host(stdout, outcome, self);
        if shown.contains(HOST_PROCESSES) && !stdout.contains(HOST_PROCESSES) {
            self.hidden.push((folded(stdout), HOST_PROCESSES.to_owned()));
            self.hidden_lines.insert(stdout.lines().count());
        } else if shown != *stdout && !stdout.contains(HOST_PROCESSES) {
            self.hidden.push((folded(stdout), shown.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        self.lines(&shown, outcome)
    }

    /// The standard error of a command.
    pub(super) fn stderr(&self, outcome: &Outcome) -> String {
        self.lines(&outcome.stderr, outcome)
    }

    fn lines(&self, output: &str, outcome: &Outcome) -> String {
        let asked = Asked::of(&outcome.command);
        let owner = outcome.seen.as_ref().map_or(HOST, |seen| seen.pid);
        let lines = output.split_inclusive('\n').map(|line| self.output_line(line, asked, owner));
        lines.collect()
    }

    fn output_line(&self, line: &str, asked: Asked, owner: i32) -> String {
        if asked.hostname && self.hostnames.contains(line.trim()) {
            return line.replace(line.trim(), "<host>");
        }
        // `oom_kill 2` in a control file is the same reading as in a sentence.
        if line.starts_with("oom_kill ") {
            return tokens::numbers(line, |token| self.kill_count(token));
        }
        let values = line.split_once(':').map_or(line, |(_, values)| values);
        let numeric = values.split_whitespace().all(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        let line = self.paths(line);
        let line = tokens::numbers(&line, |token| {
            let told = self.told(token, owner);
            let leads = asked.pids && token.before.trim().is_empty();
            // A mask of bits (`CapInh:`), not a number.
            let padded = token.number.len() > 1 && token.number.starts_with('0');
            if told.is_some() || padded || !(numeric || asked.counters || leads) {
                return told;
            }
            let known = token.parse().and_then(|pid: i32| self.pids.get(&pid).cloned());
            known
                .or_else(|| asked.counters.then(|| "<n>".to_owned()))
                .or_else(|| (asked.pids && token.number != "1").then(|| "<pid>".to_owned()))
        });
        tokens::words(&line, &self.words)
    }
}

/// Whether a sentence says of a number that it is a PID on the host.
fn on_host(token: &Token<'_>) -> bool {
    [" on the host", " inside and on the host"].iter().any(|tail| token.after.starts_with(tail))
}

/// Blanks taken out.
fn folded(text: &str) -> String {
    text.split_whitespace().collect()
}
