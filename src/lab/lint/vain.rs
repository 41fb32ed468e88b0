//! Checks that decide nothing: true whatever a learner does, or never.

use crate::lab::check::Check;
use crate::lab::claim::{LimitClaim, MemoryClaim, OutcomeClaim, Processes, SeenClaim, StateClaim};
use crate::lab::file::Step;
use crate::lab::lint::{Report, Severity};
use crate::lab::number::{Comparison, Number};
use crate::recipe::image::Act;
use crate::recipe::line::Line;
use crate::recipe::outcome::Place;

/// What is wrong with the checks of a step.
pub(super) fn vain(step: &Step, report: Report<'_>) {
    for check in &step.checks {
        let claim = &check.claim;
        let claimed =
            check.outcome.iter().flat_map(numbers).chain(check.state.iter().filter_map(numbers_now));
        for (key, number, counted) in claimed {
            let of = if counted && always(number) {
                "anything"
            } else if never(number) {
                "nothing"
            } else {
                continue;
            };
            let what = format!("`{key}` of the check `{claim}` is true of {of}");
            report(
                Severity::Error,
                what,
                Some("numbers count from 0: name the one that the step makes true"),
            );
        }
        if nothing_happens(step, check) {
            let (where_, hint) = match check.on {
                Place::Host => ("on the host", "add a `!` line to `try`, or leave `on` out"),
                Place::Inside => ("inside", "write `on = \"host\"` for what a `!` line does"),
            };
            let what = format!("the check `{claim}` can never pass: no line of the step runs {where_}");
            report(Severity::Error, what, Some(hint));
        }
        let unchanged = check.state.iter().all(|claim| *claim == StateClaim::HostUnchanged);
        if unchanged && !check.state.is_empty() && check.outcome.is_empty() && check.changes.is_empty() {
            let what = format!("the check `{claim}` holds before anything was done");
            let hint = "put `host_unchanged` beside what the step changes, such as `mounted`";
            report(Severity::Warning, what, Some(hint));
        }
    }
}

/// Whether words of Docker's start a program in a container.
fn starts(words: &[String]) -> bool {
    words.first().is_some_and(|word| matches!(word.as_str(), "run" | "exec"))
}

/// Whether the conditions on an outcome have no outcome to look at.
fn nothing_happens(step: &Step, check: &Check) -> bool {
    let lines = step.try_lines.iter().chain(&step.probe);
    let runs = |line: &Line| match check.on {
        Place::Host => match line {
            Line::Image(act) => !matches!(act, Act::Run(_)),
            Line::Docker(words) => !starts(words),
            line => matches!(line, Line::Host(_)),
        },
        Place::Inside => match line {
            Line::Docker(words) => starts(words),
            line => matches!(
                line,
                Line::Run(_)
                    | Line::Stay(_)
                    | Line::Enter(..)
                    | Line::Escape(_)
                    | Line::Kill { .. }
                    | Line::Image(Act::Run(_))
            ),
        },
    };
    // A cell of the table has an outcome of its own; a step without a solution is told of already.
    let asks = !check.outcome.is_empty() && check.cell.is_none() && !step.try_lines.is_empty();
    asks && !lines.map(|line| &line.line).any(runs)
}

/// The numbers that are claimed of an outcome, each with its key and whether every outcome has such a number: a
/// program may be killed and have no exit status, and that is claimed too.
fn numbers(claim: &OutcomeClaim) -> Vec<(&'static str, Number, bool)> {
    match claim {
        OutcomeClaim::Exit(number) => vec![("exit", *number, false)],
        OutcomeClaim::Status(number) => vec![("status", *number, false)],
        OutcomeClaim::StdoutLines(number) => vec![("stdout_lines", *number, true)],
        OutcomeClaim::Limits(limits) => {
            let number = |limit: &LimitClaim| match limit {
                LimitClaim::Max => None,
                LimitClaim::Number(number) => Some(("limit", *number, true)),
            };
            limits.values().filter_map(number).collect()
        }
        OutcomeClaim::Memory(MemoryClaim::OomKill(number)) => vec![("oom_kill", *number, true)],
        OutcomeClaim::Seen(SeenClaim::ProcessesSeen(Processes::Count(number))) => {
            vec![("processes_seen", *number, true)]
        }
        OutcomeClaim::Seen(SeenClaim::PidInside(number)) => vec![("pid_inside", *number, true)],
        _ => Vec::new(),
    }
}

fn numbers_now(claim: &StateClaim) -> Option<(&'static str, Number, bool)> {
    match claim {
        StateClaim::Jobs(number) => Some(("jobs", *number, true)),
        StateClaim::ImageLayers(number) => Some(("image_layers", *number, true)),
        StateClaim::CgroupMembers(number) => Some(("cgroup_members", *number, true)),
        _ => None,
    }
}

/// Whether a comparison is true of every number from 0.
const fn always(number: Number) -> bool {
    match number.comparison {
        Comparison::AtLeast => number.value <= 0,
        Comparison::Greater | Comparison::Unequal => number.value < 0,
        Comparison::Equal | Comparison::Less | Comparison::AtMost => false,
    }
}

/// Whether a comparison is true of no number from 0.
const fn never(number: Number) -> bool {
    match number.comparison {
        Comparison::Equal | Comparison::AtMost => number.value < 0,
        Comparison::Less => number.value <= 0,
        Comparison::AtLeast | Comparison::Greater | Comparison::Unequal => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::file::Lab;
    use crate::lab::lint::lint;
    use crate::lab::scaffold::scaffold;

    /// What is found in the scaffold with the first check's condition replaced.
    fn found(conditions: &str) -> Vec<String> {
        let good = scaffold("x");
        let replaced = good.replace("pid_inside = 1\nnamespace = { pid = \"own\" }", conditions);
        assert_ne!(good, replaced);
        let lab = Lab::read("x.toml", &replaced).unwrap_or_else(|found| panic!("{}", found[0]));
        lint(&lab).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_number_that_decides_nothing_is_found() {
        for (condition, of) in [
            ("stdout_lines = \">= 0\"", "anything"),
            ("exit = 0\nstdout_lines = \"> -1\"", "anything"),
            ("processes_seen = \">= 0\"", "anything"),
            ("pid_inside = \"!= -1\"", "anything"),
            ("limit = { \"memory.max\" = \">= 0\" }", "anything"),
            ("oom_kill = \">= 0\"", "anything"),
            ("jobs = \">= 0\"", "anything"),
            ("cgroup_members = \"> -2\"", "anything"),
            ("exit = -1", "nothing"),
            ("status = \"< 0\"", "nothing"),
            ("stdout_lines = \"<= -1\"", "nothing"),
        ] {
            let found = found(condition);
            assert_eq!(found.len(), 1, "{condition}: {found:?}");
            assert!(found[0].contains(&format!("is true of {of}")), "{condition}: {found:?}");
        }
    }

    #[test]
    fn a_check_that_can_fail_is_left_alone() {
        for conditions in [
            "stdout_lines = \">= 1\"",
            "stdout_lines = 0",
            "exit = \">= 0\"",
            "jobs = 0",
            "oom_kill = \"< 1\"",
            "pid_inside = 1\nhost_unchanged = true",
            "nothing_left = true",
        ] {
            assert_eq!(found(conditions), [""; 0], "{conditions}");
        }
    }

    #[test]
    fn a_check_of_the_host_alone_is_told() {
        let found = found("host_unchanged = true");
        assert!(
            found[0].starts_with("warning: ") && found[0].contains("before anything was done"),
            "{found:?}"
        );
    }

    #[test]
    fn a_check_that_cannot_pass_is_found() {
        let on_host = found("on = \"host\"\nexit = 0");
        assert!(on_host[0].contains("no line of the step runs on the host"), "{on_host:?}");
        let good = scaffold("x");
        let host =
            good.replace("\"ps -A\"]", "\"!ps -A\"]").replace("probe = \"ps -A\"", "probe = \"!ps -A\"");
        let lab = Lab::read("x.toml", &host).unwrap_or_else(|found| panic!("{}", found[0]));
        let found: Vec<String> = lint(&lab).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|told| told.contains("no line of the step runs inside")), "{found:?}");
    }
}
