//! What a lab must have beyond being readable, and a lab to start from.

mod vain;

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::lab::file::{Lab, LabLine, Need, Step};
use crate::lab::needs::needs_of_line;
use crate::recipe::compose::Recipe;
use crate::recipe::line::Line;

/// Columns and lines of the smallest screen that a step's text has to fit.
const SCREEN: (usize, usize) = (80, 24);
/// Columns of a title that fit the line above a step.
const TITLE: usize = 60;
/// Rungs of a hint ladder: a nudge, a stronger one, nearly the answer.
const HINTS: usize = 3;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The lab should not be given to learners.
    Error,
    /// It would be better otherwise.
    Warning,
}

/// One thing that a lab lacks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The step; `None` for the lab as a whole.
    pub step: Option<String>,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        if let Some(step) = &self.step {
            write!(f, "step `{step}`: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that the lab lacks, the lab itself first, then step by step.
pub fn lint(lab: &Lab) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |severity, what: String, hint: Option<&str>| {
        findings.push(Finding { severity, step: None, what, hint: hint.map(str::to_owned) });
    };
    title(&lab.title, &mut report);
    needs(lab, &mut report);
    goals(lab, &mut report);
    findings.extend(composition(lab));
    for step in &lab.steps {
        let mut report = |severity, what: String, hint: Option<&str>| {
            let hint = hint.map(str::to_owned);
            findings.push(Finding { severity, step: Some(step.id.clone()), what, hint });
        };
        texts(step, &mut report);
        acts(step, &mut report);
        vain::vain(step, &mut report);
    }
    findings
}

type Report<'r> = &'r mut dyn FnMut(Severity, String, Option<&str>);

fn title(title: &str, report: Report<'_>) {
    let columns = title.width();
    if columns > TITLE {
        report(Severity::Error, format!("the title takes {columns} columns, {TITLE} fit"), None);
    }
}

/// What a challenge wants to see.
fn goals(lab: &Lab, report: Report<'_>) {
    for (number, goal) in lab.goals.iter().enumerate() {
        if lab.goals.iter().take(number).any(|earlier| earlier.claim == goal.claim) {
            report(Severity::Error, format!("two goals claim `{}`", goal.claim), None);
        }
        if number == 0 && goal.outcome.is_empty() {
            let what = format!("the goal `{}` holds before anything was done", goal.claim);
            report(Severity::Error, what, Some("put what is to be made before what is to be removed"));
        }
    }
    if lab.goals.last().is_some_and(|last| last.state.is_empty()) {
        let hint = "end with a goal that has `nothing_left = true`";
        report(Severity::Warning, "no goal asks to take everything away".to_owned(), Some(hint));
    }
}

/// What a learner reads.
fn texts(step: &Step, report: Report<'_>) {
    title(&step.title, report);
    let (columns, lines) = SCREEN;
    let height = textwrap::wrap(&step.say, columns).len();
    if height > lines {
        let what = format!("`say` takes {height} lines of {columns} columns, a screen has {lines}");
        report(Severity::Error, what, Some("move some of it to `why`, or make two steps of it"));
    }
    if step.hints.len() != HINTS {
        let what = format!("{} hints where a ladder has {HINTS}", step.hints.len());
        report(Severity::Warning, what, Some("a nudge, a stronger one, nearly the answer"));
    }
    if step.why.as_ref().is_none_or(|why| why.trim().is_empty()) {
        report(Severity::Warning, "no `why`".to_owned(), None);
    }
    if step.predict.is_none() {
        report(Severity::Warning, "no prediction".to_owned(), Some("add a `[step.predict]`"));
    }
}

/// What is done, and what is shown of it.
fn acts(step: &Step, report: Report<'_>) {
    if step.try_lines.is_empty() {
        report(Severity::Error, "no solution".to_owned(), Some("`try` holds the lines that solve the step"));
    }
    if step.checks.is_empty() {
        report(
            Severity::Error,
            "no check".to_owned(),
            Some("add a `[[step.check]]` on what the kernel shows"),
        );
    }
    for (number, check) in step.checks.iter().enumerate() {
        if step.checks[..number].iter().any(|earlier| earlier.claim == check.claim) {
            report(Severity::Error, format!("two checks claim `{}`", check.claim), None);
        }
    }
    if step.probe.is_none() {
        report(Severity::Warning, "no probe".to_owned(), Some("a probe shows what the step changes"));
    }
    let ablates = step.try_lines.iter().any(|line| line.line == Line::Ablate);
    if ablates && step.ablation.is_none() {
        report(Severity::Error, "`ablate` without a `[step.ablation]`".to_owned(), None);
    }
    if step.ablation.is_some() && !ablates {
        report(
            Severity::Error,
            "an ablation table that no line of `try` fills".to_owned(),
            Some("add `ablate`"),
        );
    }
}

/// Needs that the lines have and the lab does not name, or the step where it names its own.
fn needs(lab: &Lab, report: Report<'_>) {
    let mut told: Vec<Need> = Vec::new();
    let mut look = |line: &LabLine, named: &[Need], who: &str| {
        for need in needs_of_line(&line.line) {
            if !covered(need, named) && !told.contains(&need) {
                told.push(need);
                let hint =
                    format!("add `{need}` to `needs`, so that a machine that lacks it is told in time");
                let what = format!("`{}` needs `{need}`, which the {who} does not name", line.text);
                report(Severity::Error, what, Some(&hint));
            }
        }
    };
    lab.start.iter().for_each(|line| look(line, &lab.needs, "lab"));
    for step in &lab.steps {
        let rows = step.ablation.iter().flat_map(|table| &table.rows).flat_map(|row| &row.lines);
        for line in step.try_lines.iter().chain(rows) {
            look(line, &lab.needs, "lab");
            if let Some(own) = &step.needs {
                look(line, own, "step");
            }
        }
    }
    for step in &lab.steps {
        for need in step.needs.iter().flatten().filter(|need| !covered(**need, &lab.needs)) {
            let what = format!("step `{}` needs `{need}`, which the lab does not name", step.id);
            report(Severity::Error, what, Some("add it to the `needs` of the lab too"));
        }
    }
}

/// Whether a named need has this one in it: a PID namespace is tried with its proc, and both with their mounts.
fn covered(need: Need, named: &[Need]) -> bool {
    let by: &[Need] = match need {
        Need::Proc => &[Need::Proc, Need::PidNamespace],
        Need::MountNamespace => &[Need::MountNamespace, Need::Proc, Need::PidNamespace, Need::BindMount],
        _ => return named.contains(&need),
    };
    by.iter().any(|need| named.contains(need))
}

/// Lines that the recipe refuses when the lab is solved in order.
fn composition(lab: &Lab) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut recipe = Recipe::default();
    let mut take_up = |recipe: &mut Recipe, line: &LabLine, step: Option<&Step>| {
        if let Err(trouble) = recipe.follow(&line.line) {
            let step = step.map(|step| step.id.clone());
            let what = format!("`{}` is refused: {}", line.text, trouble.what);
            findings.push(Finding { severity: Severity::Error, step, what, hint: trouble.hint });
        }
    };
    lab.start.iter().for_each(|line| take_up(&mut recipe, line, None));
    for step in &lab.steps {
        step.try_lines.iter().for_each(|line| take_up(&mut recipe, line, Some(step)));
        for row in step.ablation.iter().flat_map(|table| &table.rows) {
            let mut recipe = Recipe::default();
            row.lines.iter().for_each(|line| take_up(&mut recipe, line, Some(step)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scaffold::scaffold;

    /// What is found in the scaffold with one text replaced.
    fn found(from: &str, to: &str) -> Vec<String> {
        let good = scaffold("x");
        assert_eq!(good.matches(from).count(), 1, "`{from}` stands once in the scaffold");
        let lab = Lab::read("x.toml", &good.replace(from, to)).unwrap_or_else(|found| panic!("{}", found[0]));
        lint(&lab).iter().map(|finding| finding.to_string().lines().next().unwrap_or("").to_owned()).collect()
    }

    #[test]
    fn what_a_lab_lacks_is_found() {
        let long = format!("say = \"{}\"\n[notes]", "word ".repeat(500));
        let long = long.trim_end_matches("\n[notes]").to_owned();
        let say = "say = \"\"\"\nEvery process has a number, and so far the container counts with the host.\n\
                   Give it a **PID namespace**, and its first process is number 1.\n\"\"\"";
        let title = "title = \"Give it a PID namespace\"";
        for (from, to, expected) in [
            (
                say,
                long.as_str(),
                "error: step `isolate`: `say` takes 32 lines of 80 columns, a screen has 24",
            ),
            (
                title,
                "title = \"A title that is a little longer than any line of the header can be\"",
                "error: step `isolate`: the title takes 66 columns, 60 fit",
            ),
            ("hints = [\n", "hints = [\"one\",\n", "warning: step `isolate`: 4 hints where a ladder has 3"),
            ("why = \"", "why = \"\" # ", "warning: step `isolate`: no `why`"),
            ("probe = \"ps -A\"", "", "warning: step `isolate`: no probe"),
            (
                "needs = [\"chroot\", \"pid-namespace\"]",
                "needs = [\"chroot\"]",
                "error: `unshare --pid --mount-proc` needs `pid-namespace`, which the lab does not name",
            ),
            ("try = [\"unshare --pid --mount-proc\", \"ps -A\"]", "", "error: step `isolate`: no solution"),
            (
                "start = [\"rootfs\", \"chroot\"]",
                "start = [\"chroot\", \"rootfs\"]",
                "error: `chroot` is refused: ",
            ),
            (
                "claim = \"it sees itself and no other process\"",
                "claim = \"it is PID 1 of its namespace\"",
                "error: step `isolate`: two checks claim `it is PID 1 of its namespace`",
            ),
            ("\"ps -A\"]", "\"ablate\"]", "error: step `isolate`: `ablate` without a `[step.ablation]`"),
        ] {
            let found = found(from, to);
            assert!(found.iter().any(|finding| finding.starts_with(expected)), "{expected}: {found:?}");
        }
    }

    #[test]
    fn a_step_without_a_check_or_a_question_is_found() {
        let good = scaffold("x");
        let bare = &good[..good.find("[step.predict]").unwrap_or(good.len())];
        let lab = Lab::read("x.toml", bare).unwrap_or_else(|found| panic!("{}", found[0]));
        let found: Vec<String> = lint(&lab).into_iter().map(|finding| finding.what).collect();
        assert_eq!(found, ["no prediction", "no check"]);
    }

    #[test]
    fn a_step_that_names_its_needs_names_all_of_them() {
        let own = |needs: &str| found("probe = \"ps -A\"", &format!("probe = \"ps -A\"\nneeds = [{needs}]"));
        assert_eq!(own("\"pid-namespace\""), Vec::<String>::new());
        let missing = own("\"chroot\"");
        assert!(missing[0].contains("needs `pid-namespace`, which the step does not name"), "{missing:?}");
        let unknown = own("\"pid-namespace\", \"net-namespace\"");
        assert!(unknown[0].contains("needs `net-namespace`, which the lab does not name"), "{unknown:?}");
    }

    #[test]
    fn a_need_that_has_another_in_it_is_enough() {
        let both = "start = [\"rootfs\", \"mount -t proc proc /proc\", \"chroot\"]";
        assert_eq!(found("start = [\"rootfs\", \"chroot\"]", both), Vec::<String>::new());
    }
}
