//! The pages of the book: directives in Markdown become what labs, tables and recorded runs say.
//!
//! - `directive`: finding them, and who is meant. [`recording`]: a run, kept.
//! - `step`: a step of a lab: its text, its exercise, its prediction as a form, its transcript.
//! - `picture`: the namespaces of a container as SVG. `told`: a recipe in other words, v1 and v2 side by side.
//! - `reference`: tables that the program knows: errnos, needs, words, keys. `mends`: what a machine may lack.
//! - `html`: escaping and colours.
//!
//! What a page says twice it says once here: a wrong name fails the build, with chapter, line and the nearest right one.

mod directive;
mod html;
mod mends;
mod picture;
pub mod recording;
mod reference;
mod step;
mod told;

use std::collections::BTreeMap;

use crate::error::{Result, Trouble};
use crate::lab::diagnostic::nearest_or_all;
use crate::lab::file::{Lab, Step};
use crate::session::shelf::{address, step_index};
use directive::{Directive, Part, parts};
use recording::{Recording, StepRecording};

/// What the book is made of.
pub struct Library {
    /// The labs, in the order of the course.
    pub labs: Vec<Lab>,
    /// The recorded runs of each lab, on one generation of control groups each. The first is the one that is shown; of
    /// the others what they did otherwise.
    pub recordings: BTreeMap<String, Vec<Recording>>,
    /// Every page as it was written, by its path below the directory of the pages.
    pub pages: BTreeMap<String, String>,
}

/// A step, where it stands, and what was recorded of it.
struct At<'a> {
    lab: &'a Lab,
    index: usize,
    step: &'a Step,
    /// The whole run that is shown.
    run: Option<&'a Recording>,
    recording: Option<&'a StepRecording>,
    /// The other runs.
    others: Vec<(&'a Recording, &'a StepRecording)>,
}

type Write = fn(&Library, &Directive<'_>) -> Result<String>;

/// Every directive: its name, what follows it, what it puts in, and how.
const DIRECTIVES: &[(&str, &str, &str, Write)] = &[
    ("labs", "", "the table of the labs, each a link to its chapter", |l, d| {
        d.bare()?;
        Ok(step::labs(l))
    }),
    ("lab", "LAB", "a whole lab: its head, where it begins, and every step", |l, d| {
        let named = d.one("a lab")?;
        if let (lab, Some(_)) = address(named) {
            return Err(Trouble::usage(format!("`lab` takes a whole lab, and `{named}` is a step"))
                .hint(format!("write `{{{{#rlab lab {lab}}}}}` or `{{{{#rlab step {named}}}}}`")));
        }
        Ok(step::lab(l, l.lab(named)?))
    }),
    ("step", "LAB:STEP", "a whole step: heading and anchor, text, exercise, transcript, why", |l, d| {
        Ok(step::whole(&l.at(d)?))
    }),
    ("say", "LAB:STEP", "what a step says", |l, d| Ok(step::say(&l.at(d)?))),
    ("command", "LAB:STEP", "the lines that solve a step", |l, d| Ok(step::command(&l.at(d)?))),
    ("type", "LAB:STEP", "the line for a plain Linux box", |l, d| step::plain_box(&l.at(d)?)),
    (
        "exercise",
        "LAB:STEP",
        "an exercise: where to start it, the prediction as a form, folded hints",
        |l, d| Ok(step::exercise(&l.at(d)?)),
    ),
    ("transcript", "LAB:STEP", "what really happened, line by line", |l, d| step::transcript(&l.at(d)?)),
    ("sides", "LAB:STEP", "what really happened with cgroup v1 and v2, side by side", |l, d| {
        step::sides(&l.at(d)?)
    }),
    ("before-after", "LAB:STEP", "the step's probe, before and after", |l, d| step::before_after(&l.at(d)?)),
    ("ablation", "LAB:STEP", "the table of what each ingredient changes", |l, d| step::ablation(&l.at(d)?)),
    ("why", "LAB:STEP", "why it is so", |l, d| Ok(step::why(&l.at(d)?))),
    ("namespaces", "LAB:STEP", "a picture: what a process has of its own, and what it shares", |l, d| {
        picture::namespaces(&l.at(d)?)
    }),
    ("shell", "LAB:STEP", "the recipe at the end of a step as a shell script", |l, d| told::shell(&l.at(d)?)),
    ("docker", "LAB:STEP", "the recipe at the end of a step as a `docker run` line", |l, d| {
        told::docker(&l.at(d)?)
    }),
    ("oci", "LAB:STEP", "the recipe at the end of a step as an OCI `config.json`", |l, d| {
        told::oci(&l.at(d)?)
    }),
    ("plan", "LAB:STEP", "the plan at the end of a step: as root on v1, on v2, and as a user", |l, d| {
        told::plan(&l.at(d)?)
    }),
    ("primitive", "NEED", "how `rlab doctor` tries one need, and the plan of it", |_, d| told::primitive(d)),
    ("notes", "", "the notes for the instructor: every lab, step by step", |l, d| {
        d.bare()?;
        Ok(l.labs.iter().map(step::notes).collect())
    }),
    ("errnos", "", "the table of errnos: the call, the errno, what it means, the mend", |_, d| {
        d.bare()?;
        Ok(reference::errnos())
    }),
    ("needs", "", "what `rlab doctor` tries, and how", |_, d| {
        d.bare()?;
        Ok(reference::needs())
    }),
    (
        "mends",
        "PAGE",
        "every need, and what the machines of that page said where it failed, with the mend",
        |l, d| l.page(d.one("a page")?).map(mends::mends),
    ),
    ("words", "", "every line of the grammar with what it does", |_, d| {
        d.bare()?;
        Ok(reference::words())
    }),
    ("measures", "", "what can be measured for a prediction", |_, d| {
        d.bare()?;
        Ok(reference::measures())
    }),
    ("fields", "TABLE", "every key of a table of a lab file, each with an example", |_, d| {
        reference::fields(d.one("a table of a lab file")?)
    }),
    ("schema", "", "the keys of a lab file at a glance", |_, d| {
        d.bare()?;
        Ok(reference::schema())
    }),
    ("directives", "", "this table", |_, d| {
        d.bare()?;
        Ok(reference::directives(DIRECTIVES.iter().map(|(name, words, what, _)| (*name, *words, *what))))
    }),
];

impl Library {
    /// A page with its directives replaced. `chapter` is how the page is called in a mistake.
    ///
    /// # Errors
    /// A directive that is none, or that names a lab or a step that is not there: with chapter, line, and the nearest
    /// name that is.
    pub fn expand(&self, chapter: &str, page: &str) -> Result<String> {
        let placed = |line: usize, mut trouble: Trouble| {
            trouble.what = format!("{chapter}:{line}: {}", trouble.what);
            trouble
        };
        let mut out = String::with_capacity(page.len());
        for part in parts(page).map_err(|(line, trouble)| placed(line, trouble))? {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Directive(directive) => {
                    let known = DIRECTIVES.iter().find(|(name, ..)| *name == directive.name);
                    let names: Vec<&str> = DIRECTIVES.iter().map(|(name, ..)| *name).collect();
                    let written = match known {
                        Some((.., write)) => write(self, &directive),
                        None => Err(directive::unknown(directive.name, &names)),
                    };
                    out.push_str(&written.map_err(|trouble| placed(directive.line, trouble))?);
                }
            }
        }
        Ok(out)
    }

    /// The page of a lab that has none of its own.
    pub fn chapter(&self, lab: &Lab) -> String {
        format!("# {}\n\n{}", lab.title, step::lab(self, lab))
    }

    fn lab(&self, id: &str) -> Result<&Lab> {
        self.labs.iter().find(|lab| lab.id == id).ok_or_else(|| {
            let ids: Vec<&str> = self.labs.iter().map(|lab| lab.id.as_str()).collect();
            Trouble::usage(format!("no lab is called `{id}`")).hint(nearest_or_all(id, &ids))
        })
    }

    fn page(&self, path: &str) -> Result<&str> {
        self.pages.get(path).map(String::as_str).ok_or_else(|| {
            let paths: Vec<&str> = self.pages.keys().map(String::as_str).collect();
            Trouble::usage(format!("no page of the book is called `{path}`"))
                .hint(nearest_or_all(path, &paths))
        })
    }

    /// The step that a directive names.
    fn at(&self, directive: &Directive<'_>) -> Result<At<'_>> {
        let named = directive.one("a lab and a step")?;
        let (lab, step) = address(named);
        let lab = self.lab(lab)?;
        let Some(step) = step else {
            let ids: Vec<String> = lab.steps.iter().map(|step| format!("`{}:{}`", lab.id, step.id)).collect();
            return Err(Trouble::usage(format!("`{named}` names no step"))
                .hint(format!("its steps are {}", ids.join(", "))));
        };
        Ok(self.at_index(lab, step_index(lab, step)?))
    }

    fn at_index<'a>(&'a self, lab: &'a Lab, index: usize) -> At<'a> {
        let step = &lab.steps[index];
        let (run, others) = match self.recordings.get(&lab.id).and_then(|runs| runs.split_first()) {
            Some((run, others)) => (Some(run), others),
            None => (None, [].as_slice()),
        };
        let recording = run.and_then(|run| run.step(&step.id));
        let others = others.iter().filter_map(|run| Some((run, run.step(&step.id)?))).collect();
        At { lab, index, step, run, recording, others }
    }
}

impl<'a> At<'a> {
    /// What was recorded of the step.
    ///
    /// # Errors
    /// The lab was not recorded, and could not be run here.
    fn recorded(&self) -> Result<(&'a Recording, &'a StepRecording)> {
        self.run.zip(self.recording).ok_or_else(|| {
            Trouble::usage(format!("there is no recorded run of `{}:{}`", self.lab.id, self.step.id))
                .hint("`rlab mdbook record` makes one, on a machine that can run the lab")
        })
    }
}
