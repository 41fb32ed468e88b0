//! A masked run of a lab, kept: what each line did as coloured text in two widths, and what was observed.
//!
//! The book takes it from a run on the machine that builds the book, or from a file of the repository. A file is JSON, a
//! line of the transcript on a line of its own, so that a difference can be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lab::file::{Answer, Lab, Measure};
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{HostState, Outcome, Place};
use crate::render::ablation::{self, Row};
use crate::render::document::Look;
use crate::render::listing::sees_host;
use crate::render::teller::Teller;
use crate::session::answer::measured;
use crate::session::event::Event;

/// Version of the file.
pub const FORMAT: u32 = 1;

/// Columns of a page on a wide screen and on a telephone.
const WIDTHS: [usize; 2] = [80, 42];

/// One lab, run from end to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// [`FORMAT`].
    pub format: u32,
    /// Id of the lab.
    pub lab: String,
    /// Release of the kernel that it ran on.
    pub kernel: String,
    /// Generation of the memory controller: `v1`, `v2`, or `none`.
    pub cgroups: String,
    /// The day, as `2026-11-25`.
    pub date: String,
    /// The lines before the first step.
    pub start: Vec<Piece>,
    /// The steps.
    pub steps: Vec<StepRecording>,
}

/// One step of a [`Recording`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecording {
    /// Its id.
    pub id: String,
    /// What was told, in order.
    pub pieces: Vec<Piece>,
    /// The answer that was measured, where the prediction asks for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// What the host saw of the last process that was started inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Inside>,
    /// The rows of `ablate`, the first one its heads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ablation: Vec<Vec<String>>,
}

/// What is told at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Its lines where there is room, with the colours of a terminal.
    pub wide: Vec<String>,
    /// Its lines where there is little, where they differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrow: Vec<String>,
}

/// What a [`Piece`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The line that was typed.
    Line,
    /// What it did.
    Did,
    /// The probe, before and after.
    BeforeAfter,
    /// The table of `ablate`.
    Ablation,
    /// The checks.
    Checks,
}

/// The right answer to a prediction of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// This number, on every machine.
    Number(u64),
    /// As many as the host has.
    Host,
}

/// What of a process in the container is the same in every run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inside {
    /// Each kind of namespace, and whether the process has one of its own.
    pub namespaces: BTreeMap<String, bool>,
    /// Whether its root directory is its own.
    pub root: bool,
    /// Its control files and what reading them gave.
    pub limits: BTreeMap<String, String>,
}

/// Makes a [`Recording`] of the events of a run.
pub struct Recorder {
    lab: Lab,
    tellers: [Teller; 2],
    recording: Recording,
    /// The answer is looked for in the step's outcomes, the latest first.
    asked: Option<Measure>,
}

impl Recorder {
    /// Of this lab, on this machine, on this day.
    pub fn new(lab: Lab, machine: &Machine, host: &HostState, date: String) -> Self {
        let tellers = WIDTHS.map(|width| {
            let mut teller = Teller::new(Look { width, color: true, masked: true, ..Look::default() });
            if let Some(mask) = teller.mask() {
                mask.machine(machine);
                mask.host(host);
            }
            teller
        });
        let memory = machine.cgroups.memory.as_ref();
        let cgroups =
            memory.map_or("none".to_owned(), |memory| format!("{:?}", memory.version).to_lowercase());
        let recording = Recording {
            format: FORMAT,
            lab: lab.id.clone(),
            kernel: machine.kernel.clone(),
            cgroups,
            date,
            start: Vec::new(),
            steps: Vec::new(),
        };
        Self { lab, tellers, recording, asked: None }
    }

    /// Takes the next event down.
    pub fn hear(&mut self, event: &Event) {
        let [wide, narrow] = self.tellers.each_mut().map(|teller| lines(&teller.tell(event)));
        if let Event::StepBegins { position, .. } = event {
            self.begin(&position.step);
            return;
        }
        if let Event::Ended(outcome)
        | Event::BeforeAfter { after: outcome, .. }
        | Event::ProbedBefore(outcome) = event
        {
            self.observe(outcome, !matches!(event, Event::ProbedBefore(_)));
        }
        if let (Event::Ablated(table), Some(step)) = (event, self.recording.steps.last_mut())
            && let Some(mask) = self.tellers[0].mask()
        {
            step.ablation = rows(&ablation::rows(&mask.ablation(table)));
        }
        let Some(kind) = kind(event).filter(|_| !wide.is_empty()) else { return };
        let narrow = if narrow == wide { Vec::new() } else { narrow };
        let pieces = match self.recording.steps.last_mut() {
            Some(step) => &mut step.pieces,
            None => &mut self.recording.start,
        };
        pieces.push(Piece { kind, wide, narrow });
    }

    /// What was recorded.
    pub fn end(self) -> Recording {
        self.recording
    }

    fn begin(&mut self, id: &str) {
        let step = self.lab.steps.iter().find(|step| step.id == id);
        self.asked = match step.and_then(|step| step.predict.as_ref()).map(|predict| &predict.answer) {
            Some(Answer::Measured(measure)) => Some(*measure),
            _ => None,
        };
        self.recording.steps.push(StepRecording {
            id: id.to_owned(),
            pieces: Vec::new(),
            measured: None,
            inside: None,
            ablation: Vec::new(),
        });
    }

    fn observe(&mut self, outcome: &Outcome, shown: bool) {
        let Some(step) = self.recording.steps.last_mut() else { return };
        if let Some(number) = self.asked.and_then(|measure| measured(measure, outcome)) {
            let volatile = self.asked == Some(Measure::ProcessesSeen) && sees_host(outcome);
            step.measured = Some(if volatile { Measured::Host } else { Measured::Number(number) });
        }
        if outcome.place == Place::Inside
            && shown
            && let Some(seen) = &outcome.seen
        {
            let own =
                |(kind, pair): (&crate::recipe::ingredient::Namespace, &crate::recipe::outcome::NsPair)| {
                    (kind.name().to_owned(), pair.own())
                };
            let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            step.inside = Some(Inside {
                namespaces: seen.namespaces.iter().map(own).collect(),
                root: seen.root_own,
                limits: outcome.limits.iter().map(|limit| (file(&limit.file), limit.value.clone())).collect(),
            });
        }
    }
}

/// What an event is on a page, where it is any of its business: the page has the texts of the lab already.
const fn kind(event: &Event) -> Option<Kind> {
    match event {
        Event::Line { .. } => Some(Kind::Line),
        Event::BeforeAfter { .. } => Some(Kind::BeforeAfter),
        Event::Ablated(_) => Some(Kind::Ablation),
        Event::Judged(_) => Some(Kind::Checks),
        Event::LabBegins { .. }
        | Event::StepDone { .. }
        | Event::LabDone { .. }
        | Event::LabSkipped { .. }
        | Event::StepsSkipped { .. } => None,
        _ => Some(Kind::Did),
    }
}

/// The lines, without empty ones at the end. One at the beginning stays: it is what keeps two things apart.
fn lines(text: &str) -> Vec<String> {
    text.trim_end_matches('\n').lines().map(str::to_owned).collect()
}

fn rows(rows: &[Row]) -> Vec<Vec<String>> {
    let cell = |(text, changed): &(String, bool)| if *changed { format!("▸ {text}") } else { text.clone() };
    rows.iter()
        .map(|row| std::iter::once(row.name.clone()).chain(row.cells.iter().map(cell)).collect())
        .collect()
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// What serde has to say of it.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The file.
    pub fn json(&self) -> String {
        crate::render::report::pretty(self)
    }

    /// One step.
    pub fn step(&self, id: &str) -> Option<&StepRecording> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The control groups that it had.
    pub fn groups(&self) -> String {
        match self.cgroups.as_str() {
            "none" => "no memory controller".to_owned(),
            version => format!("cgroup {version}"),
        }
    }

    /// Where and when, as one sentence.
    pub fn made(&self) -> String {
        format!("a real run on Linux {}, {}, {}", self.kernel, self.groups(), self.date)
    }
}
