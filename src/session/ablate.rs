//! `ablate`: the same probes under ever more ingredients, to see which ingredient changes which observation.

use std::rc::Rc;

use crate::error::{Result, Trouble};
use crate::lab::file::{Ablation, LabLine};
use crate::recipe::compose::Recipe;
use crate::recipe::line::Line;
use crate::recipe::outcome::{AblationOutcomes, AblationTable, Work};
use crate::session::carry::quiet_run;
use crate::session::event::Event;
use crate::session::moves::no_lab;
use crate::session::stage::Stage;
use crate::session::walk::Walk;

impl Walk {
    /// Fills the table of the step, and brings the learner's own recipe back.
    pub(super) fn ablate(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Err(no_lab()) };
        let lab = Rc::clone(&at.lab);
        let Some(ablation) = &lab.steps[at.index].ablation else {
            return Err(Trouble::usage("this step has no table to fill")
                .hint("the last step of the lab `container` has one"));
        };
        // Their file system and their control group would be pulled away under them.
        if let Some(job) = stage.world.jobs().iter().find(|job| job.alive) {
            return Err(Trouble::usage(format!("the container of job {} is still running", job.number))
                .because(
                    "the table tries other recipes, and a container in the background holds on to this one",
                )
                .hint(format!("`kill {}` first", job.number)));
        }
        let filled = self.fill(ablation, stage);
        let restored = stage.compose(&self.recipe);
        let table = filled?;
        restored?;
        if let Some(at) = &mut self.at {
            at.visit.ablation = Some(table.clone());
        }
        stage.tell(Event::Ablated(table));
        Ok(())
    }

    fn fill(&mut self, ablation: &Ablation, stage: &mut Stage<'_>) -> Result<AblationTable> {
        let mut stage = stage.quiet();
        let of = ablation.rows.len() * ablation.probes.len();
        let mut cell = 0;
        let mut rows = Vec::with_capacity(ablation.rows.len());
        for row in &ablation.rows {
            let recipe = recipe(&row.lines)?;
            stage.compose(&recipe)?;
            let mut cells = Vec::with_capacity(ablation.probes.len());
            for probe in &ablation.probes {
                cell += 1;
                stage.working(Work::Filling(cell, of, probe.text.clone()));
                if let Some(outcome) = quiet_run(&recipe, &probe.line, &mut stage)? {
                    if outcome.interrupted {
                        self.interrupted = true;
                        return Err(
                            Trouble::usage("the table was interrupted").hint("`ablate` fills it again")
                        );
                    }
                    cells.push(outcome);
                }
            }
            rows.push(AblationOutcomes { name: row.name.clone(), cells });
        }
        let probes = ablation.probes.iter().map(|probe| probe.text.clone()).collect();
        Ok(AblationTable { probes, rows })
    }
}

/// The recipe of lines that are all ingredients.
fn recipe(lines: &[LabLine]) -> Result<Recipe> {
    let mut recipe = Recipe::default();
    for line in lines {
        match &line.line {
            Line::Add(ingredient) => recipe.add(ingredient.clone())?,
            Line::Drop(what) => drop(recipe.drop(what)?),
            _ => {
                return Err(Trouble::usage(format!("`{}` is not an ingredient", line.text))
                    .hint("a row of an ablation table is made of ingredients"));
            }
        }
    }
    Ok(recipe)
}
