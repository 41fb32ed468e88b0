//! Where the walk finds labs. The built-in course is one shelf, a directory of someone's own labs another.

use crate::error::{Result, Trouble};
use crate::lab::file::Lab;
use crate::recipe::nearest::nearest;

/// An ordered list of labs, read one at a time.
pub trait Shelf {
    /// The ids, in the order of the course. Reads no lab.
    fn ids(&self) -> Vec<String>;

    /// Reads one lab.
    ///
    /// # Errors
    /// There is no such lab, or its file is wrong.
    fn lab(&self, id: &str) -> Result<Lab>;
}

impl Shelf for std::rc::Rc<dyn Shelf> {
    fn ids(&self) -> Vec<String> {
        self.as_ref().ids()
    }

    fn lab(&self, id: &str) -> Result<Lab> {
        self.as_ref().lab(id)
    }
}

/// Splits `LAB` or `LAB:STEP`.
pub fn address(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((lab, step)) => (lab, Some(step)),
        None => (text, None),
    }
}

/// The place of a step in a lab, counted from 0, by its number (from 1) or its id.
///
/// # Errors
/// The lab has no such step.
pub fn step_index(lab: &Lab, step: &str) -> Result<usize> {
    let by_number = step.parse::<usize>().ok().filter(|n| (1..=lab.steps.len()).contains(n)).map(|n| n - 1);
    by_number.or_else(|| lab.steps.iter().position(|s| s.id == step)).ok_or_else(|| {
        let ids: Vec<String> =
            lab.steps.iter().enumerate().map(|(n, s)| format!("{} `{}`", n + 1, s.id)).collect();
        let meant = nearest(step, lab.steps.iter().map(|s| s.id.as_str()));
        let meant = meant.map(|id| format!("did you mean `{id}`? ")).unwrap_or_default();
        Trouble::usage(format!("the lab `{}` has no step `{step}`", lab.id))
            .hint(format!("{meant}its steps are {}", ids.join(", ")))
    })
}
