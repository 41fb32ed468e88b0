//! Tables that the program knows by itself.

use crate::lab::file::{Measure, Need};
use crate::lab::read::{ABLATION_KEYS, LAB_KEYS, PREDICT_KEYS, ROW_KEYS, STEP_KEYS, check_keys};
use crate::recipe::errno;
use crate::recipe::line::WORDS;

/// Text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

/// Code in a cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Every errno that the table knows, by errno.
pub(super) fn errnos() -> String {
    let mut entries: Vec<_> = errno::entries().collect();
    entries.sort_by_key(|entry| (errno::name(entry.errno), entry.id));
    let mut out = String::new();
    let mut last = String::new();
    for entry in entries {
        let name = errno::name(entry.errno);
        if name != last {
            out.push_str(&format!(
                "\n## {name}: {} {{#{}}}\n\n| call | what it means here | mend |\n|---|---|---|\n",
                errno::text(entry.errno),
                name.to_lowercase()
            ));
            last = name;
        }
        let calls: Vec<String> = entry.calls.iter().map(|call| format!("`{call}`")).collect();
        out.push_str(&format!("| {} | {} | {} |\n", calls.join(" "), cell(entry.means), cell(entry.mend)));
    }
    out
}

/// What `rlab doctor` tries.
pub(super) fn needs() -> String {
    let mut out = "| need | what it is | how it is tried |\n|---|---|---|\n".to_owned();
    for need in Need::ALL {
        let lines: Vec<String> = need.lines().iter().chain([&need.probe()]).map(|line| code(line)).collect();
        out.push_str(&format!("| `{need}` | {} | {} |\n", cell(need.description()), lines.join(" ")));
    }
    out
}

/// Every line of the grammar.
pub(super) fn words() -> String {
    let mut out = "| line | what it does |\n|---|---|\n".to_owned();
    for (usage, what) in WORDS {
        out.push_str(&format!("| {} | {} |\n", code(usage), cell(what)));
    }
    out
}

/// The keys of a lab file, from the tables that the reader of lab files uses.
pub(super) fn schema() -> String {
    let checks = check_keys();
    let needs: Vec<&str> = Need::ALL.iter().map(|need| need.name()).collect();
    let measures: Vec<&str> = Measure::ALL.iter().map(|measure| measure.name()).collect();
    let mut out = "| table | its keys |\n|---|---|\n".to_owned();
    for (table, page, keys) in [
        ("the lab", "lab-format.md", LAB_KEYS),
        ("`[[step]]`", "lab-format.md", STEP_KEYS),
        ("`[step.predict]`", "lab-format.md", PREDICT_KEYS),
        ("`[[step.check]]`", "checks.md", checks.as_slice()),
        ("`[step.ablation]`", "lab-format.md", ABLATION_KEYS),
        ("`[[step.ablation.row]]`", "lab-format.md", ROW_KEYS),
    ] {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        out.push_str(&format!("| [{table}]({page}) | {} |\n", keys.join(" ")));
    }
    let listed = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    out.push_str(&format!("| values of `needs` | {} |\n", listed(&needs)));
    out.push_str(&format!("| values of `measure` | {} |\n", listed(&measures)));
    out
}

/// Every directive.
pub(super) fn directives(all: impl Iterator<Item = (&'static str, &'static str, &'static str)>) -> String {
    let mut out = "| directive | what it puts in |\n|---|---|\n".to_owned();
    for (name, words, what) in all {
        let directive = format!("{{{{#rlab {name} {words}").trim_end().to_owned() + "}}";
        out.push_str(&format!("| `{directive}` | {what} |\n"));
    }
    out
}
