//! Masked copies of everything that can be told. What the typed fields say is learnt first, then every text is
//! masked. Numbers stay in their fields: [`super::event::masked`] and [`super::report`] write them as names.

use super::mask::Masker;
use super::{calls, listing, tokens};
use crate::error::Trouble;
use crate::lab::check::Verdict;
use crate::recipe::outcome::{
    AblationTable, Call, CallResult, Composed, GroupNow, Job, LimitSeen, Map, Outcome, Peek, Seen,
};
use crate::recipe::process::Process;
use crate::session::event::Event;

/// What stands for the control group that rlab itself is in.
const HOST_GROUP: &str = "<host group>";

impl Masker {
    /// A masked copy of an outcome.
    pub fn outcome(&mut self, outcome: &Outcome) -> Outcome {
        self.learn_outcome(outcome);
        let mut copy = outcome.clone();
        copy.stdout = self.stdout(outcome);
        copy.end = listing::end_without_host(outcome, &copy.stdout);
        copy.stderr = self.stderr(outcome);
        copy.calls = self.calls(&copy.calls);
        copy.limits = self.limits(&copy.limits);
        copy.seen = copy.seen.map(|seen| self.seen(&seen));
        // Whether the kernel's log can be read, and has not been overtaken, is chance.
        if let Some(memory) = copy.memory.as_mut() {
            memory.victim = None;
            let (before, after) = self.name_kills(memory.oom_kill_before, memory.oom_kill_after);
            (memory.oom_kill_before, memory.oom_kill_after) = (before, after);
        }
        copy.millis = 0;
        copy
    }

    /// A masked copy of an event.
    pub fn event(&mut self, event: &Event) -> Event {
        match event {
            Event::StepBegins { .. } => {
                self.begin_step();
                event.clone()
            }
            Event::Composed(what) => Event::Composed(self.composed(what)),
            Event::Calls(what) => {
                self.learn_calls(what);
                Event::Calls(self.calls(what))
            }
            Event::Output { text, stderr } => Event::Output { text: self.paths(text), stderr: *stderr },
            Event::Ended(what) => Event::Ended(self.outcome(what)),
            Event::ProbedBefore(what) => Event::ProbedBefore(self.outcome(what)),
            Event::BeforeAfter { before, after } => {
                // Names count up in the order in which they are shown, and of `before` only the output is.
                let after = self.outcome(after);
                Event::BeforeAfter { before: before.as_ref().map(|before| self.outcome(before)), after }
            }
            Event::Judged(what) => Event::Judged(self.verdicts(what)),
            Event::Jobs(what) => Event::Jobs(what.iter().map(|job| self.job(job)).collect()),
            Event::Peeked(what) => Event::Peeked(self.peek(what)),
            Event::Inspected(what) => Event::Inspected(Box::new(self.process(what))),
            Event::Ablated(what) => Event::Ablated(self.ablation(what)),
            Event::Map(what) => Event::Map(self.map(what)),
            Event::Recipe(parts) => Event::Recipe(
                parts.iter().map(|(heading, body)| (heading.clone(), self.paths(body))).collect(),
            ),
            Event::Note(text) => Event::Note(self.text(text)),
            Event::Trouble(what) => Event::Trouble(self.trouble(what)),
            Event::StepsSkipped { steps, trouble } => {
                Event::StepsSkipped { steps: steps.clone(), trouble: self.trouble(trouble) }
            }
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
            .map(|verdict| Verdict { observed: self.text(&verdict.observed), ..verdict.clone() })
            .collect()
    }

    /// Trouble, masked.
    pub fn trouble(&self, what: &Trouble) -> Trouble {
        Trouble {
            what: self.text(&what.what),
            causes: what.causes.iter().map(|cause| self.text(cause)).collect(),
            hint: what.hint.as_ref().map(|hint| self.text(hint)),
            refusal: what.refusal.clone(),
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
        self.name_namespaces(seen);
    }

    fn calls(&self, calls: &[Call]) -> Vec<Call> {
        calls.iter().map(|call| Call { args: self.args(call), ..call.clone() }).collect()
    }

    /// Arguments of a call: paths, and file descriptors, which depend on what else is open.
    fn args(&self, call: &Call) -> String {
        let args = self.paths(&call.args);
        tokens::numbers(&args, |token| {
            let descriptor = (token.before.is_empty() && calls::takes_descriptor(&call.name))
                || token.before.ends_with("/proc/self/fd/");
            let pid = token.before.ends_with("/proc/")
                || (token.before.is_empty() && matches!(call.name.as_str(), "kill" | "pidfd_open"));
            if descriptor {
                Some("<fd>".to_owned())
            } else {
                token.parse().filter(|_| pid).map(|pid| self.pid(pid))
            }
        })
    }

    fn limits(&self, limits: &[LimitSeen]) -> Vec<LimitSeen> {
        limits.iter().map(|limit| LimitSeen { file: self.paths(&limit.file), ..limit.clone() }).collect()
    }

    fn seen(&self, seen: &Seen) -> Seen {
        let mut copy = seen.clone();
        copy.root = self.paths(&copy.root);
        for group in copy.cgroups.values_mut() {
            *group = self.digests_in(&tokens::session_group(group));
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

    /// A container from both sides, masked.
    pub fn peek(&mut self, peek: &Peek) -> Peek {
        let job = self.job(&peek.job);
        for process in &peek.processes {
            self.name_pid(process.pid);
        }
        Peek { job, processes: peek.processes.clone() }
    }

    /// A process that was taken apart, masked. Where rlab stands itself is a matter of who started it.
    pub fn process(&mut self, process: &Process) -> Process {
        self.name_pid(process.pid);
        let mut copy = process.clone();
        copy.command = self.paths(&copy.command);
        if let Some(root) = copy.root.as_mut() {
            root.path = self.paths(&root.path);
        }
        for mounted in &mut copy.mounts {
            mounted.source = self.paths(&mounted.source);
            mounted.bound = mounted.bound.as_ref().map(|bound| self.paths(bound));
        }
        for group in copy.groups.values_mut() {
            group.path = if group.own { tokens::session_group(&group.path) } else { HOST_GROUP.to_owned() };
            for limit in group.limit.iter_mut().chain(&mut group.above) {
                limit.file = self.paths(&limit.file);
            }
            group.in_use = None;
        }
        copy
    }

    fn map(&mut self, map: &Map) -> Map {
        // Only its namespaces are shown; its PID is rlab's, and a listing of the host's processes hides that.
        self.name_namespaces(&map.host);
        let group = |mask: &mut Self, group: &GroupNow| {
            for pid in &group.state.members {
                mask.name_pid(*pid);
            }
            let mut copy = group.clone();
            copy.state.path = mask.paths(&copy.state.path);
            copy.limits = mask.limits(&copy.limits);
            copy
        };
        let mut copy = Map {
            hostname: "<host>".to_owned(),
            host: self.seen(&map.host),
            containers: map.containers.iter().map(|container| self.peek(container)).collect(),
            groups: map.groups.iter().map(|now| group(self, now)).collect(),
        };
        // Where rlab stands in the trees of groups is a matter of who started it; who stands there too still shows.
        let sides = copy.containers.iter_mut().map(|container| &mut container.job.seen);
        for (controller, group) in sides.chain([&mut copy.host]).flat_map(|seen| &mut seen.cgroups) {
            if map.host.cgroups.get(controller) == Some(group) {
                HOST_GROUP.clone_into(group);
            }
        }
        copy
    }
}
