//! Masking that keeps identity: a volatile value becomes a name, and the same value is the same name all through a
//! run. So two runs compare equal, and a namespace that *differs* still differs.
//!
//! | value | name |
//! |---|---|
//! | PID on the host | `<pid-1>`, `<pid-2>`… |
//! | namespace (inode number) | `<ns-1>`… |
//! | the session's directory | `<work>` |
//! | the session's control group | `<group>` (its name only; the tree above it is kept) |
//! | a listing of the host's processes | `<host processes>` |
//! | counts of the host, peaks, durations | `<n>` |
//! | kernel release, host name | `<kernel>`, `<host>` |
//!
//! PIDs inside a PID namespace are small and the same in every run: they are not masked.

use std::collections::BTreeMap;

use super::{calls, listing, tokens};
use crate::lab::check::Verdict;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{
    AblationTable, Call, CallResult, Composed, HostState, Job, LimitSeen, Outcome, Peek, Seen,
};
use crate::session::event::Event;

/// What stands for every process of the host.
pub const HOST_PROCESSES: &str = "<host processes>";

/// The names given so far. One for a whole run.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    pids: BTreeMap<i32, String>,
    namespaces: BTreeMap<u64, String>,
    /// Whole words, such as the host name, with what they become.
    words: Vec<(String, String)>,
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
        self.word(&host.hostname, "<host>");
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

    fn name_pid(&mut self, pid: i32) {
        let next = self.pids.len() + 1;
        // PID 1 of the host is the same everywhere.
        if pid > 1 {
            self.pids.entry(pid).or_insert_with(|| format!("<pid-{next}>"));
        }
    }

    fn name_namespace(&mut self, id: u64) {
        let next = self.namespaces.len() + 1;
        self.namespaces.entry(id).or_insert_with(|| format!("<ns-{next}>"));
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

    /// The name of a namespace, `<ns>` for one that was never told.
    pub fn namespace(&self, id: u64) -> String {
        self.namespaces.get(&id).cloned().unwrap_or_else(|| "<ns>".to_owned())
    }

    /// Text with every value that is known replaced, whole words and whole numbers only.
    pub fn text(&self, text: &str) -> String {
        let text = tokens::session_paths(text);
        let text = tokens::words(&text, &self.words);
        tokens::numbers(&text, |number| self.number(number))
    }

    fn number(&self, number: &str) -> Option<&str> {
        let known = number.parse().ok().and_then(|pid: i32| self.pids.get(&pid));
        known.or_else(|| number.parse().ok().and_then(|id: u64| self.namespaces.get(&id))).map(String::as_str)
    }

    // What the typed fields say is learnt first, then every text of the value is masked.

    /// A masked copy of an outcome. Numbers stay in their fields; [`super::event::masked`] and [`Masker::json`] write
    /// them as names.
    pub fn outcome(&mut self, outcome: &Outcome) -> Outcome {
        self.learn_outcome(outcome);
        let mut copy = outcome.clone();
        copy.command = self.text(&copy.command);
        copy.stdout = self.text(&listing::without_host(&copy.stdout, outcome, self));
        copy.stderr = self.text(&copy.stderr);
        copy.calls = self.calls(&copy.calls);
        copy.limits = self.limits(&copy.limits);
        copy.seen = copy.seen.map(|seen| self.seen(&seen));
        if let Some(victim) = copy.memory.as_mut().and_then(|memory| memory.victim.as_mut()) {
            victim.line = "<kernel log>".to_owned();
        }
        copy.millis = 0;
        copy
    }

    /// A masked copy of an event.
    pub fn event(&mut self, event: &Event) -> Event {
        match event {
            Event::Composed(what) => Event::Composed(self.composed(what)),
            Event::Calls(what) => {
                self.learn_calls(what);
                Event::Calls(self.calls(what))
            }
            Event::Output { text, stderr } => Event::Output { text: self.text(text), stderr: *stderr },
            Event::Ended(what) => Event::Ended(self.outcome(what)),
            Event::ProbedBefore(what) => Event::ProbedBefore(self.outcome(what)),
            Event::BeforeAfter { before, after } => Event::BeforeAfter {
                before: before.as_ref().map(|before| self.outcome(before)),
                after: self.outcome(after),
            },
            Event::Judged(what) => Event::Judged(self.verdicts(what)),
            Event::Jobs(what) => Event::Jobs(what.iter().map(|job| self.job(job)).collect()),
            Event::Peeked(what) => Event::Peeked(self.peek(what)),
            Event::Ablated(what) => Event::Ablated(self.ablation(what)),
            Event::Map { host, peeks } => Event::Map {
                host: self.host_state(host),
                peeks: peeks.iter().map(|peek| self.peek(peek)).collect(),
            },
            Event::Line { prompt, text } => Event::Line { prompt: prompt.clone(), text: self.text(text) },
            Event::Recipe(parts) => Event::Recipe(
                parts.iter().map(|(heading, body)| (heading.clone(), self.text(body))).collect(),
            ),
            Event::Note(text) => Event::Note(self.text(text)),
            Event::Trouble(what) => Event::Trouble(self.trouble(what)),
            Event::LabSkipped { lab, title, trouble } => {
                Event::LabSkipped { lab: lab.clone(), title: title.clone(), trouble: self.trouble(trouble) }
            }
            other => other.clone(),
        }
    }

    /// What composing did, masked.
    pub fn composed(&self, what: &Composed) -> Composed {
        Composed {
            calls: self.calls(&what.calls),
            notes: what.notes.iter().map(|note| tokens::sizes(&self.text(note))).collect(),
            limits: self.limits(&what.limits),
        }
    }

    /// Verdicts, masked.
    pub fn verdicts(&self, what: &[Verdict]) -> Vec<Verdict> {
        what.iter()
            .map(|verdict| Verdict {
                observed: tokens::host_counts(&self.text(&verdict.observed)),
                ..verdict.clone()
            })
            .collect()
    }

    /// Trouble, masked.
    pub fn trouble(&self, what: &crate::error::Trouble) -> crate::error::Trouble {
        crate::error::Trouble {
            what: self.text(&what.what),
            causes: what.causes.iter().map(|cause| self.text(cause)).collect(),
            hint: what.hint.as_ref().map(|hint| self.text(hint)),
            exit: what.exit,
        }
    }

    /// The table of `ablate`, masked.
    pub fn ablation(&mut self, what: &AblationTable) -> AblationTable {
        let mut copy = what.clone();
        for cell in copy.rows.iter_mut().flat_map(|row| &mut row.cells) {
            *cell = self.outcome(cell);
        }
        copy
    }

    fn learn_outcome(&mut self, outcome: &Outcome) {
        self.learn_calls(&outcome.calls);
        if let Some(seen) = &outcome.seen {
            self.learn_seen(seen);
        }
        if let Some(victim) = outcome.memory.as_ref().and_then(|memory| memory.victim.as_ref()) {
            self.name_pid(victim.pid);
        }
    }

    fn learn_calls(&mut self, calls: &[Call]) {
        for call in calls {
            if let (true, CallResult::Value(pid)) = (calls::is_birth(&call.name), call.result)
                && let Ok(pid) = i32::try_from(pid)
            {
                self.name_pid(pid);
            }
        }
    }

    fn learn_seen(&mut self, seen: &Seen) {
        self.name_pid(seen.pid);
        for pair in seen.namespaces.values() {
            self.name_namespace(pair.host);
            self.name_namespace(pair.inside);
        }
    }

    fn calls(&self, calls: &[Call]) -> Vec<Call> {
        calls.iter().map(|call| Call { args: self.text(&call.args), ..call.clone() }).collect()
    }

    fn limits(&self, limits: &[LimitSeen]) -> Vec<LimitSeen> {
        limits.iter().map(|limit| LimitSeen { file: self.text(&limit.file), ..limit.clone() }).collect()
    }

    fn seen(&self, seen: &Seen) -> Seen {
        let mut copy = seen.clone();
        copy.root = self.text(&copy.root);
        for group in copy.cgroups.values_mut() {
            *group = tokens::session_group(group);
        }
        if !seen.root_own {
            copy.mounts.clear();
            copy.root_entries.clear();
        }
        copy
    }

    fn job(&mut self, job: &Job) -> Job {
        self.learn_seen(&job.seen);
        Job { seen: self.seen(&job.seen), ..job.clone() }
    }

    fn peek(&mut self, peek: &Peek) -> Peek {
        let job = self.job(&peek.job);
        for process in &peek.processes {
            self.name_pid(process.pid);
        }
        Peek { job, processes: peek.processes.clone() }
    }

    fn host_state(&mut self, host: &HostState) -> HostState {
        self.host(host);
        let mut copy = host.clone();
        copy.hostname = self.text(&copy.hostname);
        for group in &mut copy.groups {
            group.path = self.text(&group.path);
        }
        for directory in &mut copy.directories {
            *directory = self.text(directory);
        }
        copy
    }
}
