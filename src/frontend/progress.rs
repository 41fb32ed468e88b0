//! `rlab progress`: what is remembered of a learner, and forgetting it.

use crate::cli::{Format, Progress, ProgressWhat};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::state::State;
use crate::frontend::terminal::Terminal;
use crate::lab::course::Course;
use crate::recipe::nearest::nearest;
use crate::render::progress::Progress as Told;
use crate::session::progress::Progress as Kept;

/// Tells it, or forgets a lab.
///
/// # Errors
/// A lab of which nothing is remembered (2), or a file that cannot be written (125).
pub fn run(args: &Progress, course: &Course, terminal: &mut Terminal) -> Result<Exit> {
    let found = State::open();
    for note in &found.notes {
        terminal.aside(&format!("note: {note}\n"));
    }
    match &args.what {
        Some(ProgressWhat::Forget { lab }) => forget(lab, found.state, &found.progress, course, terminal),
        None => {
            tell(args.format, &found.progress, course, terminal);
            Ok(Exit::Ok)
        }
    }
}

fn tell(format: Format, kept: &Kept, course: &Course, terminal: &mut Terminal) {
    let mut told = Told::new(kept.at.clone());
    let mut rest = kept.labs();
    for entry in course.entries() {
        match course.lab(entry.id()) {
            Ok(lab) => {
                let steps: Vec<_> =
                    lab.steps.iter().map(|step| (step.id.clone(), step.title.clone())).collect();
                told.lab(&lab.id, &lab.title, &steps, kept);
                rest.remove(&lab.id);
            }
            Err(trouble) => terminal.trouble(&trouble),
        }
    }
    // Labs of someone's own, or of a course of another day: of their steps the ids are known.
    for lab in rest {
        let done = kept.done.get(&lab).into_iter().flatten();
        let tried = kept.attempts.get(&lab).into_iter().flat_map(|steps| steps.keys());
        let steps: std::collections::BTreeSet<_> = done.chain(tried).cloned().collect();
        let steps: Vec<_> = steps.into_iter().map(|step| (step.clone(), step)).collect();
        told.lab(&lab, &lab, &steps, kept);
    }
    match format {
        Format::Text => {
            let text = told.text(&terminal.look());
            terminal.show(&text);
        }
        Format::Json => terminal.data(&told.json()),
    }
}

fn forget(
    lab: &str,
    mut state: State,
    kept: &Kept,
    course: &Course,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let forgotten = state.forget(lab).map_err(|error| {
        Trouble::sandbox(format!("the progress in `{lab}` cannot be forgotten")).because(error)
    })?;
    let Some(steps) = forgotten else {
        let known = kept.labs();
        let near = nearest(lab, known.iter().map(String::as_str)).or_else(|| {
            nearest(lab, course.entries().iter().map(|entry| entry.id())).filter(|near| *near != lab)
        });
        return Err(Trouble::usage(format!("nothing is remembered of a lab `{lab}`")).hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`rlab progress` shows what is remembered".to_owned(),
        }));
    };
    let steps = if steps == 1 { "1 step was".to_owned() } else { format!("{steps} steps were") };
    terminal.data(&format!(
        "forgotten: the lab {lab}, in which {steps} done; `rlab start {lab}` begins it anew\n"
    ));
    Ok(Exit::Ok)
}
