//! `rlab doctor`: what this machine can do, each primitive tried, as JSON and as a table.

use serde::Serialize;

use super::document::{Line, Look, Role, Sign, Text};
use super::grid::{Cell, grid};
use super::pen::Pen;
use super::report::{FORMAT, MachineReport};
use crate::error::{Refusal, Trouble};
use crate::lab::file::{Lab, Need};
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::{CgroupVersion, Machine};
use crate::recipe::surroundings::{self, Facts, Layout};

/// The whole of `rlab doctor --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doctor {
    /// [`FORMAT`].
    pub format: u32,
    /// The machine.
    pub machine: MachineReport,
    /// Where that is.
    pub place: PlaceReport,
    /// What else shapes what rlab can do here, one sentence each.
    pub environment: Vec<String>,
    /// Every need, tried for real.
    pub needs: Vec<NeedReport>,
    /// What that means for each lab.
    pub labs: Vec<LabVerdict>,
}

/// Where rlab stands, as far as it was recognised. It explains what was tried, and never stands for trying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    /// Words for what was recognised, in the order of the sentences.
    pub names: Vec<&'static str>,
    /// How control groups are laid out.
    pub cgroups: Layout,
    /// Bytes of swap.
    pub swap: u64,
    /// Whether a group's swap can be limited, where that can be seen.
    pub swap_limited: Option<bool>,
    /// Where the tools of a container's file system come from.
    pub tools: Option<String>,
}

/// Whether the machine can do one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeedReport {
    /// What was tried.
    pub need: Need,
    /// Whether it worked.
    pub verdict: Can,
    /// Why it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The mend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The call that the kernel refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// Whether something worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Can {
    /// It worked.
    Yes,
    /// It did not.
    No,
}

/// Whether a lab can be walked on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Runs {
    /// All that it needs is there.
    #[serde(rename = "runs")]
    Whole,
    /// What some of its steps need is missing: the others can be done.
    #[serde(rename = "in part")]
    InPart,
    /// None of its steps can be done.
    #[serde(rename = "cannot")]
    Cannot,
}

/// Steps of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StepCount {
    /// How many can be done on this machine.
    pub can: usize,
    /// How many there are.
    pub of: usize,
}

/// What the needs mean for a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabVerdict {
    /// Its id.
    pub id: String,
    /// Whether it can be walked.
    pub verdict: Runs,
    /// Its steps.
    pub steps: StepCount,
    /// The needs that are missing.
    pub missing: Vec<Need>,
    /// Why the first of them is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its mend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Doctor {
    /// Nothing was tried yet.
    pub fn new(machine: &Machine, facts: &Facts, tools: Option<String>) -> Self {
        let known = surroundings::recognise(facts);
        Self {
            format: FORMAT,
            machine: MachineReport::from(machine),
            place: PlaceReport {
                names: known.iter().map(|known| known.name).collect(),
                cgroups: facts.layout(),
                swap: facts.swap,
                swap_limited: facts.swap_limited,
                tools,
            },
            environment: known.into_iter().map(|known| known.means).collect(),
            needs: Vec::new(),
            labs: Vec::new(),
        }
    }

    /// Takes in how a need came out.
    pub fn tried(&mut self, need: Need, result: &Result<(), Trouble>) {
        let trouble = result.as_ref().err();
        let reason = trouble.map(|trouble| {
            let parts: Vec<&str> =
                std::iter::once(&trouble.what).chain(&trouble.causes).map(String::as_str).collect();
            parts.join(": ")
        });
        self.needs.push(NeedReport {
            need,
            verdict: if trouble.is_none() { Can::Yes } else { Can::No },
            reason,
            hint: trouble.and_then(|trouble| trouble.hint.clone()),
            refusal: trouble.and_then(|trouble| trouble.refusal.as_deref().cloned()),
        });
    }

    /// Judges a lab by the needs that were tried.
    pub fn lab(&mut self, lab: &Lab) {
        let lacks =
            |need: &Need| self.needs.iter().any(|tried| tried.need == *need && tried.verdict == Can::No);
        let missing: Vec<Need> = lab.all_needs().into_iter().filter(lacks).collect();
        let can = (0..lab.steps.len()).filter(|index| !lab.needs_of_step(*index).iter().any(lacks)).count();
        let verdict = match (missing.is_empty(), can) {
            (true, _) => Runs::Whole,
            (false, 0) => Runs::Cannot,
            (false, _) => Runs::InPart,
        };
        let first = missing.first().and_then(|need| self.needs.iter().find(|tried| tried.need == *need));
        let (reason, hint) = first.map_or((None, None), |first| (first.reason.clone(), first.hint.clone()));
        let steps = StepCount { can, of: lab.steps.len() };
        self.labs.push(LabVerdict { id: lab.id.clone(), verdict, steps, missing, reason, hint });
    }

    /// Whether every lab runs whole, or wants no more than a program that can be installed.
    pub fn healthy(&self) -> bool {
        self.labs.iter().flat_map(|lab| &lab.missing).all(|need| need.is_program())
    }

    /// The table.
    pub fn text(&self, look: &Look) -> Text {
        let pen = Pen { look, mask: None };
        let mut text = self.about();
        text.gap();
        for (at, need) in self.needs.iter().enumerate() {
            let earlier = self.needs.iter().take(at).find(|earlier| same_reason(earlier, need));
            text.append(told(need, earlier, &pen));
        }
        if !self.labs.is_empty() {
            text.gap();
            text.append(self.labs_text(&pen));
        }
        text
    }

    fn about(&self) -> Text {
        let mut text = Text::new();
        let who = if self.machine.euid == 0 {
            "root".to_owned()
        } else {
            format!("user {}, in a user namespace", self.machine.euid)
        };
        text.push(fact("kernel", &self.machine.kernel));
        text.push(fact("as", &who));
        let layout = match self.place.cgroups {
            Layout::V1 => "v1, one tree a controller",
            Layout::V2 => "v2, one tree for all controllers",
            Layout::Hybrid => "v1 and v2 side by side (hybrid)",
            Layout::None => "not mounted",
        };
        text.push(fact("cgroups", layout));
        for resource in Resource::ALL {
            let told = match self.machine.cgroups.of(resource) {
                Some(controller) => {
                    let version = match controller.version {
                        CgroupVersion::V1 => "cgroup v1",
                        CgroupVersion::V2 => "cgroup v2",
                    };
                    format!("{version}, groups are made in {}", controller.parent)
                }
                None => "no controller".to_owned(),
            };
            text.push(fact(resource.controller(), &told));
        }
        text.push(fact("swap", &self.swap()));
        text.push(fact("tools", self.place.tools.as_deref().unwrap_or("neither BusyBox nor a shell")));
        for (at, (name, sentence)) in self.place.names.iter().zip(&self.environment).enumerate() {
            let mut line = fact(if at == 0 { "place" } else { "" }, name);
            line.push(Role::Dim, format!(": {sentence}"));
            text.push(line);
        }
        text
    }

    fn swap(&self) -> String {
        const MIB: u64 = 1 << 20;
        if self.place.swap == 0 {
            return "none".to_owned();
        }
        let size = format!("{} MiB", self.place.swap / MIB);
        match (self.machine.cgroups.memory.is_some(), self.place.swap_limited) {
            (true, Some(false)) => format!(
                "{size}, and this kernel cannot close it off for a group: a limit pushes memory out before it kills"
            ),
            (true, _) => format!("{size}, closed off for a group with a limit of memory"),
            (false, _) => size,
        }
    }

    fn labs_text(&self, pen: &Pen<'_>) -> Text {
        let mut rows = vec![super::jobs::heads(&["lab", "verdict", "steps", "missing"])];
        for lab in &self.labs {
            let (role, word) = match lab.verdict {
                Runs::Whole => (Role::Good, "runs"),
                Runs::InPart => (Role::Bad, "in part"),
                Runs::Cannot => (Role::Bad, "cannot"),
            };
            let missing: Vec<&str> = lab.missing.iter().map(|need| need.name()).collect();
            rows.push(vec![
                Cell::new(Role::Code, lab.id.clone()),
                Cell::new(role, word),
                Cell::new(Role::Plain, format!("{} of {}", lab.steps.can, lab.steps.of)),
                Cell::new(Role::Plain, missing.join(" ")),
            ]);
        }
        grid(&rows, 1, pen)
    }

    /// The JSON, pretty, with a line end.
    pub fn json(&self) -> String {
        super::report::pretty(self)
    }
}

fn fact(label: &str, value: &str) -> Line {
    const COLUMN: usize = 9;
    let mut line = Line::indented(1, 1 + COLUMN).with(Role::Dim, label);
    line.pad_to(COLUMN);
    line.with(Role::Plain, value)
}

/// Whether two needs fail for one reason, which is then told once.
fn same_reason(earlier: &NeedReport, need: &NeedReport) -> bool {
    need.reason.is_some() && earlier.reason == need.reason && earlier.hint == need.hint
}

fn told(need: &NeedReport, earlier: Option<&NeedReport>, pen: &Pen<'_>) -> Text {
    const COLUMN: usize = 20;
    let mut text = Text::new();
    let (sign, role) =
        if need.verdict == Can::Yes { (Sign::Pass, Role::Good) } else { (Sign::Fail, Role::Bad) };
    let mut line = Line::indented(1, 5).with(role, pen.sign(sign)).with(Role::Plain, " ");
    let start = line.width();
    line.push(Role::Strong, need.need.name());
    line.pad_to(start + COLUMN);
    text.push(line.with(Role::Dim, need.need.description()));
    if let Some(earlier) = earlier {
        text.push(Line::indented(5, 7).with(Role::Plain, format!("as for {}", earlier.need.name())));
        return text;
    }
    if let Some(reason) = &need.reason {
        text.push(Line::indented(5, 7).with(Role::Plain, reason.clone()));
    }
    if let Some(hint) = &need.hint {
        text.push(Line::indented(5, 11).with(Role::Good, "hint: ").with(Role::Plain, hint.clone()));
    }
    text
}
