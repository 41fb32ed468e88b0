//! The recipe that a lab's own solution composes, without running anything.

use crate::error::{Result, Trouble};
use crate::lab::file::{Lab, LabLine};
use crate::recipe::compose::Recipe;
use crate::recipe::line::Line;

/// What is composed at the end of a step (counted from 0); without one, the fullest recipe of the lab: most labs take
/// down at the end what they have built.
///
/// # Errors
/// Nothing is composed there, or a line of the lab that cannot go in.
pub fn composed(lab: &Lab, step: Option<usize>) -> Result<Recipe> {
    let mut now = Recipe::default();
    let mut fullest = Recipe::default();
    let mut put = |lines: &[LabLine]| -> Result<()> {
        for line in lines {
            match &line.line {
                Line::Add(ingredient) => now.add(ingredient.clone())?,
                Line::Drop(what) => drop(now.drop(what)?),
                _ => {}
            }
            if now.ingredients().len() >= fullest.ingredients().len() {
                fullest.clone_from(&now);
            }
        }
        Ok(())
    };
    put(&lab.start)?;
    for at in 0..=step.unwrap_or(lab.steps.len()) {
        put(lab.steps.get(at).map_or(&[], |step| &step.try_lines))?;
    }
    let recipe = if step.is_some() { now } else { fullest };
    if !recipe.is_bare() {
        return Ok(recipe);
    }
    let what = match step.and_then(|step| lab.steps.get(step)) {
        Some(step) => format!("at the end of the step `{}` of `{}` the recipe is empty", step.id, lab.id),
        None => format!("the lab `{}` composes no recipe", lab.id),
    };
    Err(Trouble::usage(what)
        .hint(format!("`rlab export {}` without a step takes the fullest recipe of a lab", lab.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::course::Course;

    fn of(lab: &str, step: Option<&str>) -> Result<Vec<String>> {
        let course = Course::built_in();
        let lab = course.lab(lab).unwrap();
        let step = step.map(|id| lab.steps.iter().position(|step| step.id == id).unwrap());
        composed(lab, step).map(|recipe| recipe.lines())
    }

    #[test]
    fn a_lab_has_its_fullest_recipe_and_a_step_its_own() {
        let container = of("container", None).unwrap();
        assert_eq!(container.last().map(String::as_str), Some("unshare --pid --mount-proc"), "{container:?}");
        assert!(container.contains(&"cgroup memory.max=7340032".to_owned()), "{container:?}");
        assert_eq!(of("container", Some("files")).unwrap(), ["rootfs busybox", "chroot"]);
        // The lines before the first step count, and of two that are as full the later one.
        assert!(
            of("pid-namespace", Some("problem")).unwrap().contains(&"mount -t proc proc /proc".to_owned())
        );
        assert_eq!(of("memory-cgroup", None).unwrap(), ["cgroup memory.max=7340032"]);
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let error = of("container", Some("teardown")).unwrap_err();
        assert!(error.what.contains("`teardown` of `container`"), "{error}");
    }
}
