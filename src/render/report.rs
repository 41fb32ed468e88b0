//! The JSON of `rlab run`: the events of a run, folded.

use serde::{Serialize, Serializer};

use super::inspect::Inspected;
use super::mask::Masker;
use super::maskjson;
use crate::error::{Refusal, Trouble};
use crate::lab::check::Verdict;
use crate::recipe::machine::{Cgroups, Machine};
use crate::recipe::outcome::{AblationTable, Composed, Outcome, Peek};
use crate::recipe::process::Process;
use crate::session::event::{Event, Position};

/// Version of the JSON; it rises when a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// The whole of `rlab run --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of rlab.
    pub rlab: String,
    /// Where it ran.
    pub machine: MachineReport,
    /// The labs, in the order in which they ran.
    pub labs: Vec<LabReport>,
}

/// What of the machine matters for a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineReport {
    /// Release of the kernel.
    pub kernel: String,
    /// Effective user id of rlab.
    pub euid: u32,
    /// The controllers that rlab uses.
    pub cgroups: Cgroups,
}

/// How a lab or a step came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Came {
    /// Every check held.
    Pass,
    /// A check did not hold, or a line could not be carried out.
    Fail,
    /// This machine cannot.
    Skip,
    /// Of a lab: this machine cannot do some of its steps, and the others passed.
    #[serde(rename = "in part")]
    InPart,
}

/// One lab of a [`Report`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabReport {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How it came out: `fail` where a step does.
    pub verdict: Came,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What mends that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The lines before the first step.
    pub start: Vec<LineReport>,
    /// Its steps.
    pub steps: Vec<StepReport>,
}

/// One step of a [`LabReport`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How it came out.
    pub verdict: Came,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What mends that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The probe before the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Outcome>,
    /// The lines.
    pub lines: Vec<LineReport>,
    /// The probe when it was last shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Outcome>,
    /// The table of `ablate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ablation: Option<AblationTable>,
    /// The checks.
    pub checks: Vec<Verdict>,
}

/// One line of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineReport {
    /// The recipe's short name before the line.
    pub prompt: String,
    /// The line.
    pub line: String,
    /// What a new ingredient did on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composed: Option<Composed>,
    /// What a command did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The step's probe after this line, where it was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Outcome>,
    /// What `peek` showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peek: Option<Peek>,
    /// What `inspect` showed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "inspected")]
    pub inspect: Option<Box<Process>>,
    /// Why it could not be carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleReport>,
}

/// As `rlab inspect` prints it.
fn inspected<S: Serializer>(process: &Option<Box<Process>>, to: S) -> Result<S::Ok, S::Error> {
    process.as_deref().map(Inspected::new).serialize(to)
}

/// A [`Trouble`] in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TroubleReport {
    /// What could not be done.
    pub what: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The call that the kernel refused, where that is what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

impl From<&Trouble> for TroubleReport {
    fn from(trouble: &Trouble) -> Self {
        Self {
            what: trouble.what.clone(),
            causes: trouble.causes.clone(),
            hint: trouble.hint.clone(),
            refusal: trouble.refusal.as_deref().cloned(),
        }
    }
}

impl Report {
    /// An empty report of a run on this machine.
    pub fn new(machine: &Machine) -> Self {
        Self {
            format: FORMAT,
            rlab: env!("CARGO_PKG_VERSION").to_owned(),
            machine: MachineReport::from(machine),
            labs: Vec::new(),
        }
    }

    /// Takes in the next event of the run. Lines outside of a lab (`rlab run --script` in play) go to a lab with an
    /// empty id.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::LabBegins { lab, title, .. } => self.labs.push(LabReport::new(lab, title, Came::Pass)),
            Event::LabSkipped { lab, title, trouble } => {
                let mut report = LabReport::new(lab, title, Came::Skip);
                report.reason = Some(why(trouble));
                report.hint = trouble.hint.clone();
                self.labs.push(report);
            }
            Event::Working(_) => {}
            other => self.lab().fold(other),
        }
    }

    /// Whether a lab failed.
    pub fn failed(&self) -> bool {
        self.labs.iter().any(|lab| lab.verdict == Came::Fail)
    }

    /// The lab that runs.
    fn lab(&mut self) -> &mut LabReport {
        if self.labs.is_empty() {
            self.labs.push(LabReport::new("", "", Came::Pass));
        }
        let last = self.labs.len() - 1;
        &mut self.labs[last]
    }

    /// The report as JSON, pretty, with a line end. With a masker every volatile value is a name.
    pub fn json(&self, mask: Option<&Masker>) -> String {
        let Some(mask) = mask else { return pretty(self) };
        let mut mask = mask.clone();
        let mut copy = self.clone();
        for lab in &mut copy.labs {
            lab.mask(&mut mask);
        }
        pretty(&maskjson::json(&serde_json::to_value(copy).unwrap_or_default(), &mask))
    }
}

/// JSON with a line end.
pub(super) fn pretty(value: &impl Serialize) -> String {
    // Values of ours always can be JSON: every key is text.
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    json + "\n"
}

impl From<&Machine> for MachineReport {
    fn from(machine: &Machine) -> Self {
        Self { kernel: machine.kernel.clone(), euid: machine.euid, cgroups: machine.cgroups.clone() }
    }
}

impl LabReport {
    fn new(id: &str, title: &str, verdict: Came) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            verdict,
            reason: None,
            hint: None,
            start: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::StepBegins { position, .. } => self.steps.push(StepReport::new(position, Came::Pass)),
            Event::StepsSkipped { steps, trouble } => {
                if self.verdict == Came::Pass {
                    self.verdict = Came::InPart;
                }
                self.steps.extend(steps.iter().map(|position| StepReport {
                    reason: Some(why(trouble)),
                    hint: trouble.hint.clone(),
                    ..StepReport::new(position, Came::Skip)
                }));
            }
            Event::Line { prompt, text } => {
                let line = LineReport {
                    prompt: prompt.clone(),
                    line: text.clone(),
                    composed: None,
                    outcome: None,
                    probe: None,
                    peek: None,
                    inspect: None,
                    trouble: None,
                };
                self.lines().push(line);
            }
            Event::Trouble(trouble) => {
                self.verdict = Came::Fail;
                if let Some(step) = self.steps.last_mut() {
                    step.verdict = Came::Fail;
                }
                self.in_line(|line| line.trouble = Some(trouble.into()));
            }
            Event::Composed(what) => self.in_line(|line| line.composed = Some(what.clone())),
            Event::Ended(what) => self.in_line(|line| line.outcome = Some(what.clone())),
            Event::Peeked(what) => self.in_line(|line| line.peek = Some(what.clone())),
            Event::Inspected(what) => self.in_line(|line| line.inspect = Some(what.clone())),
            other => {
                if let Event::BeforeAfter { after, .. } = other {
                    self.in_line(|line| line.probe = Some(after.clone()));
                }
                if let Some(step) = self.steps.last_mut() {
                    step.fold(other);
                }
                if matches!(other, Event::StepFailed(_)) || failed(other) {
                    self.verdict = Came::Fail;
                }
            }
        }
    }

    /// Masks every text, in the order in which things happened.
    fn mask(&mut self, mask: &mut Masker) {
        for line in &mut self.start {
            line.mask(mask);
        }
        for step in &mut self.steps {
            mask.begin_step();
            step.before = step.before.take().map(|before| mask.outcome(&before));
            for line in &mut step.lines {
                line.mask(mask);
            }
            step.after = step.after.take().map(|after| mask.outcome(&after));
            step.ablation = step.ablation.take().map(|table| mask.ablation(&table));
            step.checks = mask.verdicts(&step.checks);
            step.reason = step.reason.take().map(|reason| mask.text(&reason));
        }
        self.reason = self.reason.take().map(|reason| mask.text(&reason));
    }

    fn lines(&mut self) -> &mut Vec<LineReport> {
        match self.steps.last_mut() {
            Some(step) => &mut step.lines,
            None => &mut self.start,
        }
    }

    fn in_line(&mut self, change: impl FnOnce(&mut LineReport)) {
        if let Some(line) = self.lines().last_mut() {
            change(line);
        }
    }
}

impl LineReport {
    fn mask(&mut self, mask: &mut Masker) {
        self.composed = self.composed.take().map(|composed| mask.composed(&composed));
        self.outcome = self.outcome.take().map(|outcome| mask.outcome(&outcome));
        self.probe = self.probe.take().map(|probe| mask.outcome(&probe));
        self.peek = self.peek.take().map(|peek| mask.peek(&peek));
        self.inspect = self.inspect.take().map(|process| Box::new(mask.process(&process)));
        if let Some(trouble) = &mut self.trouble {
            trouble.what = mask.text(&trouble.what);
            for cause in &mut trouble.causes {
                *cause = mask.text(cause);
            }
        }
    }
}

impl StepReport {
    fn new(position: &Position, verdict: Came) -> Self {
        Self {
            id: position.step.clone(),
            title: position.step_title.clone(),
            verdict,
            reason: None,
            hint: None,
            before: None,
            lines: Vec::new(),
            after: None,
            ablation: None,
            checks: Vec::new(),
        }
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::ProbedBefore(what) => self.before = Some(what.clone()),
            Event::BeforeAfter { after, .. } => self.after = Some(after.clone()),
            Event::Ablated(table) => self.ablation = Some(table.clone()),
            Event::Judged(verdicts) => {
                self.checks.clone_from(verdicts);
                if failed(event) {
                    self.verdict = Came::Fail;
                }
            }
            Event::StepFailed(_) => self.verdict = Came::Fail,
            _ => {}
        }
    }
}

/// Why something was left out, in one sentence.
fn why(trouble: &Trouble) -> String {
    let parts: Vec<&str> =
        std::iter::once(&trouble.what).chain(&trouble.causes).map(String::as_str).collect();
    parts.join(": ")
}

/// Whether the event says that a check does not hold.
fn failed(event: &Event) -> bool {
    matches!(event, Event::Judged(verdicts) if verdicts.iter().any(|verdict| !verdict.pass))
}
