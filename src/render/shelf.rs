//! `rlab list`: the labs of a course, as JSON and as a table.

use serde::Serialize;

use super::document::{Line, Look, Role, Text};
use super::grid::{Cell, grid};
use super::jobs::heads;
use super::pen::{MARGIN, Pen};
use super::report::{FORMAT, TroubleReport};
use crate::error::Trouble;
use crate::lab::file::{Lab, Need};

/// The whole of `rlab list --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shelf {
    /// [`FORMAT`].
    pub format: u32,
    /// The labs, in the order of the course.
    pub labs: Vec<ShelfLab>,
}

/// One lab of a [`Shelf`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShelfLab {
    /// Its id.
    pub id: String,
    /// Its title; empty where the file cannot be read.
    pub title: String,
    /// Minutes that a learner takes.
    pub minutes: u32,
    /// What the machine must be able to do.
    pub needs: Vec<Need>,
    /// Its steps.
    pub steps: Vec<ShelfStep>,
    /// Why the file cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleReport>,
}

/// One step of a [`ShelfLab`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShelfStep {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
}

impl Shelf {
    /// Nothing on it yet.
    pub const fn new() -> Self {
        Self { format: FORMAT, labs: Vec::new() }
    }

    /// Puts a lab on it; one that cannot be read keeps its id, and why.
    pub fn put(&mut self, id: &str, lab: Result<&Lab, &Trouble>) {
        self.labs.push(match lab {
            Ok(lab) => ShelfLab {
                id: lab.id.clone(),
                title: lab.title.clone(),
                minutes: lab.minutes,
                needs: lab.needs.clone(),
                steps: lab
                    .steps
                    .iter()
                    .map(|step| ShelfStep { id: step.id.clone(), title: step.title.clone() })
                    .collect(),
                trouble: None,
            },
            Err(trouble) => ShelfLab {
                id: id.to_owned(),
                title: String::new(),
                minutes: 0,
                needs: Vec::new(),
                steps: Vec::new(),
                trouble: Some(trouble.into()),
            },
        });
    }

    /// The table: id, title, steps, minutes; in full with the steps where the look is verbose.
    pub fn text(&self, look: &Look) -> Text {
        let pen = Pen { look, mask: None };
        let mut rows = vec![heads(&["lab", "title", "steps", "minutes"])];
        let mut text = Text::new();
        for lab in &self.labs {
            let title = match &lab.trouble {
                None => Cell::new(Role::Plain, lab.title.clone()),
                Some(trouble) => Cell::new(Role::Bad, trouble.what.clone()),
            };
            rows.push(vec![
                Cell::new(Role::Code, lab.id.clone()),
                title,
                Cell::new(Role::Plain, lab.steps.len().to_string()),
                Cell::new(Role::Plain, lab.minutes.to_string()),
            ]);
        }
        text.append(grid(&rows, 0, &pen));
        if look.verbose {
            text.append(self.steps());
        }
        text
    }

    fn steps(&self) -> Text {
        let mut text = Text::new();
        for lab in self.labs.iter().filter(|lab| !lab.steps.is_empty()) {
            text.gap();
            text.push(Line::new().with(Role::Code, lab.id.clone()));
            for step in &lab.steps {
                let line =
                    Line::indented(MARGIN, MARGIN + 2).with(Role::Code, format!("{}:{}", lab.id, step.id));
                text.push(line.with(Role::Plain, format!("  {}", step.title)));
            }
        }
        text
    }

    /// The JSON, pretty, with a line end.
    pub fn json(&self) -> String {
        super::report::pretty(self)
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self::new()
    }
}
