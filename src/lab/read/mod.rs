//! Reading a lab file: format 1.
//!
//! - `fields`: one table, key by key.
//! - `check`, `conditions`: the checks of a step.
//! - [`schema`]: which keys there are, and what the book tells of them.
//! - `token`: where a word inside a string stands in the file.

pub(in crate::lab) mod check;
pub(in crate::lab) mod conditions;
pub(in crate::lab) mod fields;
mod never;
pub mod schema;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use crate::lab::diagnostic::{Diagnostic, Findings, nearest_or_all};
use crate::lab::file::{Ablation, AblationRow, Answer, Lab, LabLine, Measure, Need, Predict, Step};
use crate::lab::read::check::{read_checks, read_goals};
use crate::lab::read::fields::{Fields, integer};
use crate::lab::read::token::word_in_token;
use crate::recipe::line::Line;

/// What a line of a lab file is for, which says what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// `start` and `try`: anything that does something without a person.
    Act,
    /// `probe`: a program, inside or on the host.
    Probe,
    /// A column of the ablation table: a program inside.
    Column,
    /// A row of the ablation table: ingredients.
    Row,
}

impl Lab {
    /// Reads a lab file; `name` is only told in mistakes.
    ///
    /// # Errors
    /// Every mistake that was found, in the order of the text. After a mistake of TOML itself nothing else is
    /// looked for.
    pub fn read(name: &str, source: &str) -> Result<Self, Vec<Diagnostic>> {
        // A byte order mark is not part of the text, nor of its first column.
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let mut findings = Findings::new(name, source);
        let (document, errors) = DeTable::parse_recoverable(source);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            findings.report(span, syntax(error.message()), None);
        }
        if !findings.is_empty() {
            return Err(findings.into_vec());
        }
        let lab = read_lab(document.get_ref(), &mut findings);
        if findings.is_empty() { Ok(lab) } else { Err(findings.into_vec()) }
    }
}

/// TOML's own message on one line.
fn syntax(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

fn read_lab(document: &DeTable<'_>, findings: &mut Findings<'_>) -> Lab {
    let fields = Fields::open(document, 0..0, &schema::LAB, findings);
    let hint = Some("write `format = 1` first".to_owned());
    if let Some(value) = fields.given("format", hint, findings)
        && integer("format", value, findings).is_some_and(|format| format != 1)
    {
        let hint = "this rlab reads `format = 1`".to_owned();
        findings.report(value.span(), "unknown format", Some(hint));
    }
    let lab = Lab {
        id: read_id(&fields, findings),
        title: read_title(&fields, findings),
        minutes: read_minutes(&fields, findings),
        book: fields.string("book", findings).map(str::to_owned),
        needs: read_needs(&fields, findings),
        start: read_lines(&fields, "start", Use::Act, findings),
        steps: read_steps(&fields, findings),
        goals: read_goals(&fields, findings),
    };
    if lab.steps.is_empty() && fields.get("step").is_none() {
        let hint = "a lab has at least one `[[step]]`".to_owned();
        findings.report(findings.source().len()..findings.source().len(), "no step", Some(hint));
    }
    lab
}

fn read_id(fields: &Fields<'_>, findings: &mut Findings<'_>) -> String {
    let id = fields.required("id", findings);
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let Some(value) = fields.get("id") else { return id };
    if !id.chars().all(allowed) || id.starts_with('-') || id.ends_with('-') {
        let hint = "lower-case letters, digits and `-` between them, such as `pid-namespace`".to_owned();
        findings.report(value.span(), format!("`{}` is no id", id.escape_debug()), Some(hint));
    } else if !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()) {
        let hint = "a number alone means the number of a step, as in `goto 2`".to_owned();
        findings.report(value.span(), format!("`{id}` is no id"), Some(hint));
    }
    id
}

fn read_title(fields: &Fields<'_>, findings: &mut Findings<'_>) -> String {
    let title = fields.required("title", findings);
    if title.trim().contains('\n') {
        findings.report(fields.key_span("title"), "`title` is longer than one line", None);
    }
    title
}

fn read_minutes(fields: &Fields<'_>, findings: &mut Findings<'_>) -> u32 {
    let Some(value) = fields.given("minutes", None, findings) else { return 0 };
    let Some(minutes) = integer("minutes", value, findings) else { return 0 };
    match u32::try_from(minutes) {
        Ok(minutes) if (1..=600).contains(&minutes) => minutes,
        _ => {
            findings.report(value.span(), "`minutes` is a number from 1 to 600", None);
            0
        }
    }
}

fn read_needs(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Vec<Need> {
    let mut needs = Vec::new();
    for (name, span) in fields.strings("needs", findings).unwrap_or_default() {
        match name.parse::<Need>() {
            Ok(need) if needs.contains(&need) => {
                findings.report(span, format!("`{name}` is there twice"), None);
            }
            Ok(need) => needs.push(need),
            Err(()) => {
                let hint = nearest_or_all(name, &Need::ALL.map(Need::name));
                findings.report(span, format!("unknown need `{}`", name.escape_debug()), Some(hint));
            }
        }
    }
    needs
}

fn read_steps(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Vec<Step> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for (number, (table, span)) in fields.tables("step", findings).into_iter().enumerate() {
        let fields = Fields::open(table, span, &schema::STEP, findings);
        let step = read_step(&fields, findings);
        if let Some(first) = known.insert(step.id.clone(), number + 1).filter(|_| !step.id.is_empty()) {
            let at = fields.get("id").map_or_else(|| fields.span.clone(), toml::Spanned::span);
            findings.report(at, format!("step {first} has the id `{}` too", step.id), None);
        }
        steps.push(step);
    }
    if fields.get("step").is_some() && steps.is_empty() {
        findings.report(fields.key_span("step"), "no step", Some("write `[[step]]`".to_owned()));
    }
    steps
}

fn read_hints(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let mut hints = Vec::new();
    for (hint, span) in fields.strings("hints", findings).unwrap_or_default() {
        if hint.trim().is_empty() {
            let ladder = "a nudge, a stronger one, nearly the answer".to_owned();
            findings.report(span, format!("hint {} is empty", hints.len() + 1), Some(ladder));
        }
        hints.push(hint.to_owned());
    }
    hints
}

fn read_step(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Step {
    let ablation = read_ablation(fields, findings);
    let text = |key: &str, findings: &mut Findings<'_>| fields.string(key, findings).map(str::to_owned);
    Step {
        id: read_id(fields, findings),
        title: read_title(fields, findings),
        say: fields.required("say", findings),
        try_lines: read_lines(fields, "try", Use::Act, findings),
        probe: read_probe(fields, findings),
        needs: fields.get("needs").map(|_| read_needs(fields, findings)),
        hints: read_hints(fields, findings),
        why: text("why", findings),
        type_line: text("type", findings),
        notes: text("notes", findings),
        predict: read_predict(fields, findings),
        checks: read_checks(fields, ablation.as_ref(), findings),
        ablation,
    }
}

fn read_probe(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<LabLine> {
    let text = fields.string("probe", findings)?;
    let span = fields.get("probe")?.span();
    read_line(text, span, Use::Probe, findings)
}

fn read_lines(fields: &Fields<'_>, key: &str, used: Use, findings: &mut Findings<'_>) -> Vec<LabLine> {
    let lines = fields.strings(key, findings).unwrap_or_default();
    lines.into_iter().filter_map(|(text, span)| read_line(text, span, used, findings)).collect()
}

fn read_line(text: &str, span: Range<usize>, used: Use, findings: &mut Findings<'_>) -> Option<LabLine> {
    let line = match Line::parse(text) {
        Ok(line) => line,
        Err(error) => {
            let at = word_in_token(findings.source(), span, text, error.at);
            findings.report(at, error.what, error.hint);
            return None;
        }
    };
    let fits = match used {
        Use::Act => !matches!(line, Line::Empty | Line::Walk(_) | Line::Shell),
        Use::Probe => matches!(line, Line::Run(_) | Line::Host(_)),
        Use::Column => matches!(line, Line::Run(_)),
        Use::Row => matches!(line, Line::Add(_)),
    };
    if !fits {
        let (what, hint) = match used {
            Use::Act => {
                ("cannot be replayed", "a lab's lines act by themselves: no word that walks, no `shell`")
            }
            Use::Probe => ("is no probe", "a probe is a program, such as `ps -A`, or `!COMMAND` on the host"),
            Use::Column => ("is no probe", "a probe of the ablation table is a program, such as `ps -A`"),
            Use::Row => ("is no ingredient", "a row of the ablation table is made of ingredients"),
        };
        findings.report(span, format!("`{}` {what}", text.escape_debug()), Some(hint.to_owned()));
        return None;
    }
    Some(LabLine { text: text.trim().to_owned(), line })
}

fn read_predict(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Predict> {
    let (table, span) = fields.table("predict", findings)?;
    let fields = Fields::open(table, span, &schema::PREDICT, findings);
    let ask = fields.required("ask", findings);
    let choices: Vec<String> = fields
        .strings("choices", findings)
        .unwrap_or_default()
        .into_iter()
        .map(|(choice, _)| choice.to_owned())
        .collect();
    let answer = match (fields.get("answer"), fields.get("measure")) {
        (Some(answer), None) => read_answer(&fields, answer.span(), choices.len(), findings),
        (None, Some(measure)) => read_measure(&fields, measure.span(), &choices, findings),
        (Some(_), Some(measure)) => {
            let hint = "keep `answer` for choices, `measure` for a number".to_owned();
            findings.report(measure.span(), "both `answer` and `measure`", Some(hint));
            None
        }
        (None, None) => {
            let hint =
                "`answer = 1` for the first of the `choices`, or `measure = \"processes_seen\"`".to_owned();
            findings.report(fields.span.clone(), "a prediction without an answer", Some(hint));
            None
        }
    }?;
    Some(Predict { ask, choices, answer })
}

fn read_answer(
    fields: &Fields<'_>,
    span: Range<usize>,
    choices: usize,
    findings: &mut Findings<'_>,
) -> Option<Answer> {
    let answer = fields.integer("answer", findings)?;
    if choices < 2 {
        findings.report(span, "a choice needs at least two `choices`", None);
        return None;
    }
    match usize::try_from(answer) {
        Ok(number) if (1..=choices).contains(&number) => Some(Answer::Choice(number)),
        _ => {
            let hint = format!("choices count from 1 to {choices}");
            findings.report(span, format!("no choice has the number {answer}"), Some(hint));
            None
        }
    }
}

fn read_measure(
    fields: &Fields<'_>,
    span: Range<usize>,
    choices: &[String],
    findings: &mut Findings<'_>,
) -> Option<Answer> {
    let name = fields.string("measure", findings)?;
    if !choices.is_empty() {
        findings.report(fields.key_span("choices"), "a measured number has no `choices`", None);
    }
    let found = Measure::ALL.into_iter().find(|measure| measure.name() == name);
    if found.is_none() {
        let hint = nearest_or_all(name, &Measure::ALL.map(Measure::name));
        findings.report(span, format!("nothing measures `{}`", name.escape_debug()), Some(hint));
    }
    found.map(Answer::Measured)
}

fn read_ablation(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Ablation> {
    let (table, span) = fields.table("ablation", findings)?;
    let fields = Fields::open(table, span.clone(), &schema::ABLATION, findings);
    let probes = read_lines(&fields, "probes", Use::Column, findings);
    let mut rows: Vec<AblationRow> = Vec::new();
    for (table, span) in fields.tables("row", findings) {
        let fields = Fields::open(table, span, &schema::ROW, findings);
        let name = fields.required("name", findings);
        if rows.iter().any(|row| row.name == name) {
            findings.report(fields.key_span("name"), format!("two rows are called `{name}`"), None);
        }
        rows.push(AblationRow { name, lines: read_lines(&fields, "lines", Use::Row, findings) });
    }
    fields.given("probes", None, findings);
    if rows.len() < 2 {
        let hint = "write `[[step.ablation.row]]` for each".to_owned();
        findings.report(span, "a comparison needs at least two rows", Some(hint));
    }
    Some(Ablation { probes, rows })
}
