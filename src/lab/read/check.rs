//! Reading the checks of a step.

use std::ops::Range;

use toml::de::DeValue;

use crate::lab::check::Check;
use crate::lab::claim::{Cell, Change, MemoryClaim, OutcomeClaim, StateClaim};
use crate::lab::diagnostic::{Findings, nearest_or_all};
use crate::lab::file::Ablation;
use crate::lab::read::conditions::{CONDITIONS, Condition};
use crate::lab::read::fields::{Fields, mistaken, string};
use crate::lab::read::never;
use crate::lab::read::schema;
use crate::recipe::outcome::Place;

/// Reads every `[[step.check]]` of a step.
pub(in crate::lab) fn read_checks(
    step: &Fields<'_>,
    ablation: Option<&Ablation>,
    findings: &mut Findings<'_>,
) -> Vec<Check> {
    let tables = step.tables("check", findings);
    tables
        .into_iter()
        .map(|(table, span)| {
            let fields = Fields::open(table, span, &schema::CHECK, findings);
            read_check(&fields, ablation, findings)
        })
        .collect()
}

/// Reads every `[[goal]]` of a lab: a check on what can be seen of a process from outside.
pub(in crate::lab) fn read_goals(lab: &Fields<'_>, findings: &mut Findings<'_>) -> Vec<Check> {
    let tables = lab.tables("goal", findings);
    tables
        .into_iter()
        .map(|(table, span)| {
            let fields = Fields::open(table, span, &schema::GOAL, findings);
            let goal = read_check(&fields, None, findings);
            if !goal.outcome.iter().all(from_outside) || !goal.state.iter().all(of_the_machine) {
                let hint = "it is about a process as the host sees it (`root`, `namespace`, `pid_inside`, `limit`, \
                            `oom_kill`…), or about what is left (`nothing_left`, `host_unchanged`)";
                let what = "a goal claims what is not observed in a challenge";
                findings.report(fields.span.clone(), what, Some(hint.to_owned()));
            }
            goal
        })
        .collect()
}

/// Whether a condition can be observed of a process that rlab has not started.
fn from_outside(claim: &OutcomeClaim) -> bool {
    matches!(
        claim,
        OutcomeClaim::Seen(_) | OutcomeClaim::Limits(_) | OutcomeClaim::Memory(MemoryClaim::OomKill(_))
    )
}

/// Whether a condition on the machine makes sense where no recipe stands.
fn of_the_machine(claim: &StateClaim) -> bool {
    matches!(claim, StateClaim::NothingLeft | StateClaim::HostUnchanged)
}

fn read_check(fields: &Fields<'_>, ablation: Option<&Ablation>, findings: &mut Findings<'_>) -> Check {
    let mut check = Check {
        claim: fields.required("claim", findings),
        on: read_place(fields, findings),
        cell: read_cell(fields, ablation, findings),
        outcome: Vec::new(),
        state: Vec::new(),
        changes: read_changes(fields, ablation, findings),
    };
    for (key, span, value) in fields.entries() {
        let Some((_, read)) = CONDITIONS.iter().find(|(known, _)| *known == key) else { continue };
        match read(key, value, findings) {
            Some(Condition::Outcome(claim)) => {
                if check.on == Place::Host && !of_host(&claim) {
                    let hint = "leave `on` out to look at what ran inside".to_owned();
                    let what = format!("`{key}` is not observed of a command on the host");
                    findings.report(span, what, Some(hint));
                }
                check.outcome.push(claim);
            }
            Some(Condition::State(claim)) => check.state.push(claim),
            None => {}
        }
    }
    read_call(fields, &mut check, findings);
    never::report(fields, &check, findings);
    let conditions = fields.entries().iter().any(|(key, ..)| !["claim", "on", "cell", "call"].contains(key));
    if !conditions {
        let hint = "add one, such as `status = 0`; the book lists them all".to_owned();
        findings.report(fields.span.clone(), "a check without a condition", Some(hint));
    } else if check.cell.is_some() && check.outcome.is_empty() {
        let hint = "add what must be true of the cell, such as `processes_seen = 1`".to_owned();
        findings.report(fields.key_span("cell"), "`cell` without a condition on an outcome", Some(hint));
    }
    check
}

/// Whether the condition can be observed of a command on the host, which no one watches from outside.
fn of_host(claim: &OutcomeClaim) -> bool {
    !matches!(
        claim,
        OutcomeClaim::Seen(_)
            | OutcomeClaim::Memory(_)
            | OutcomeClaim::Limits(_)
            | OutcomeClaim::Running(_)
            | OutcomeClaim::Errno { .. }
    )
}

fn read_place(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Place {
    match fields.string("on", findings) {
        None | Some("inside") => Place::Inside,
        Some("host") => Place::Host,
        Some(other) => {
            let hint = nearest_or_all(other, &["inside", "host"]);
            let span = fields.get("on").map_or_else(|| fields.span.clone(), toml::Spanned::span);
            findings.report(span, format!("unknown place `{}`", other.escape_debug()), Some(hint));
            Place::Inside
        }
    }
}

fn read_call(fields: &Fields<'_>, check: &mut Check, findings: &mut Findings<'_>) {
    let Some(name) = fields.string("call", findings) else { return };
    let errno = check.outcome.iter_mut().find_map(|claim| match claim {
        OutcomeClaim::Errno { call, .. } => Some(call),
        _ => None,
    });
    match errno {
        Some(call) => *call = Some(name.to_owned()),
        None if fields.get("errno").is_some() => {}
        None => {
            let hint = "for example `errno = \"EPERM\"`".to_owned();
            findings.report(fields.key_span("call"), "`call` without `errno`", Some(hint));
        }
    }
}

fn read_cell(fields: &Fields<'_>, ablation: Option<&Ablation>, findings: &mut Findings<'_>) -> Option<Cell> {
    let (table, span) = fields.table("cell", findings)?;
    let cell = Fields::open(table, span.clone(), &schema::CELL, findings);
    let row = cell.required("row", findings);
    let probe = cell.required("probe", findings);
    known_probe(&probe, &span, ablation, findings);
    known_row(&row, &span, ablation, findings);
    Some(Cell { row, probe })
}

fn read_changes(
    fields: &Fields<'_>,
    ablation: Option<&Ablation>,
    findings: &mut Findings<'_>,
) -> Vec<Change> {
    let Some(value) = fields.get("changes") else { return Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        let wanted = "a table such as `{ \"ps -A\" = \"+ PID namespace\" }`";
        mistaken("changes", wanted, value, value.get_ref(), findings);
        return Vec::new();
    };
    if table.is_empty() {
        findings.report(value.span(), "`changes` claims nothing", None);
    }
    let mut changes = Vec::new();
    for (probe, row) in table {
        known_probe(probe.get_ref(), &probe.span(), ablation, findings);
        let Some(name) = string("changes", row, findings) else { continue };
        known_row(name, &row.span(), ablation, findings);
        if ablation.is_some_and(|table| table.rows.first().is_some_and(|first| first.name == name)) {
            findings.report(row.span(), "nothing can change in the first row", None);
        }
        changes.push(Change { probe: probe.get_ref().to_string(), row: name.to_owned() });
    }
    changes
}

fn known_row(name: &str, span: &Range<usize>, ablation: Option<&Ablation>, findings: &mut Findings<'_>) {
    let known: Vec<&str> =
        ablation.iter().flat_map(|table| &table.rows).map(|row| row.name.as_str()).collect();
    known_name("row", name, &known, span, findings);
}

fn known_probe(name: &str, span: &Range<usize>, ablation: Option<&Ablation>, findings: &mut Findings<'_>) {
    let known: Vec<&str> =
        ablation.iter().flat_map(|table| &table.probes).map(|probe| probe.text.as_str()).collect();
    known_name("probe", name.trim(), &known, span, findings);
}

fn known_name(what: &str, name: &str, known: &[&str], span: &Range<usize>, findings: &mut Findings<'_>) {
    if name.is_empty() || known.contains(&name) {
        return;
    }
    let hint = if known.is_empty() {
        "the step has no `[step.ablation]` that could be read".to_owned()
    } else {
        nearest_or_all(name, known)
    };
    let what = format!("the ablation table has no {what} `{}`", name.escape_debug());
    findings.report(span.clone(), what, Some(hint));
}
