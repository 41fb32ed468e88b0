//! Which lines of a lab run on the host, and whether they may.
//!
//! A lab that is built in was reviewed with the program. One from elsewhere is somebody's text, and a line that begins
//! with `!` runs as the learner, outside every container, also when it is only a step's probe. So such lines are shown
//! first, and run only for who says `--trust`.

use crate::error::Trouble;
use crate::lab::file::{Lab, LabLine};
use crate::lab::lint::{Finding, Severity};
use crate::recipe::line::Line;

/// How many lines are shown before the rest is only counted.
const SHOWN: usize = 20;

/// Every line of the lab that runs on the host, each once, in the order in which the learner would meet it.
pub fn host_lines(lab: &Lab) -> Vec<&str> {
    let steps = lab.steps.iter().flat_map(|step| {
        let table = step
            .ablation
            .iter()
            .flat_map(|table| table.probes.iter().chain(table.rows.iter().flat_map(|row| &row.lines)));
        step.probe.iter().chain(&step.try_lines).chain(table)
    });
    let mut found: Vec<&str> = Vec::new();
    for LabLine { text, line } in lab.start.iter().chain(steps) {
        if matches!(line, Line::Host(_)) && !found.contains(&text.as_str()) {
            found.push(text);
        }
    }
    found
}

/// Why a lab from elsewhere may not be run as it is; `None` where nothing of it runs on the host.
pub fn distrusted(file: &str, lab: &Lab) -> Option<Trouble> {
    let lines = host_lines(lab);
    if lines.is_empty() {
        return None;
    }
    let trouble = Trouble::usage(format!(
        "the lab `{}` is not built in, and would run {} on this machine, outside every container",
        lab.id,
        counted(lines.len())
    ));
    let shown = lines.iter().take(SHOWN).fold(trouble, |trouble, line| trouble.because(format!("`{line}`")));
    let told = match lines.len().saturating_sub(SHOWN) {
        0 => shown,
        more => shown.because(format!("and {more} more")),
    };
    Some(told.hint(format!("read `{file}`; if you trust whoever wrote it, say `--trust`")))
}

/// What an author should know.
pub fn finding(lab: &Lab) -> Option<Finding> {
    let lines = host_lines(lab).len();
    (lines > 0).then(|| Finding {
        severity: Severity::Warning,
        step: None,
        what: format!("{} on the host, which learners have to allow with `--trust`", runs(lines)),
        hint: Some("a line without `!` runs inside, and needs no trust".to_owned()),
    })
}

fn counted(lines: usize) -> String {
    if lines == 1 { "a line".to_owned() } else { format!("{lines} lines") }
}

fn runs(lines: usize) -> String {
    if lines == 1 { "a line runs".to_owned() } else { format!("{lines} lines run") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scaffold::scaffold;

    fn lab(add: &str) -> Lab {
        let source = scaffold("mine").replacen("try = [", &format!("try = [{add}"), 1);
        Lab::read("mine.toml", &source).unwrap()
    }

    #[test]
    fn only_lines_on_the_host_need_trust() {
        assert_eq!(distrusted("mine.toml", &lab("")), None);
        assert!(finding(&lab("")).is_none());
        let told = distrusted("mine.toml", &lab("\"!id\", \"!id\", \"ls\", ")).unwrap();
        assert_eq!(told.causes, ["`!id`"]);
        assert!(finding(&lab("\"!id\", ")).is_some());
    }

    #[test]
    fn a_probe_is_a_line_too_and_many_are_counted() {
        let mut lab = lab("");
        let host = |n: usize| LabLine { text: format!("!true {n}"), line: Line::Host(format!("true {n}")) };
        lab.steps[0].probe = Some(host(0));
        assert_eq!(host_lines(&lab), ["!true 0"]);
        lab.start = (0..25).map(host).collect();
        let told = distrusted("mine.toml", &lab).unwrap();
        assert_eq!((told.causes.len(), told.causes[20].as_str()), (21, "and 5 more"));
    }
}
