//! Tables that the program knows by itself.

use super::html::capital;
use crate::error::{Result, Trouble};
use crate::lab::diagnostic::nearest_or_all;
use crate::lab::file::{Measure, Need};
use crate::lab::read::schema::{self, Field, Table};
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
                "\n### {name}: {} {{#{}}}\n\n| call | what it means here | mend |\n|---|---|---|\n",
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

/// What can be measured for a prediction.
pub(super) fn measures() -> String {
    let mut out = "| measure | what is measured |\n|---|---|\n".to_owned();
    for measure in Measure::ALL {
        out.push_str(&format!("| `{}` | {} |\n", measure.name(), cell(measure.description())));
    }
    out
}

/// The keys of a lab file, from the schema that the reader of lab files uses.
pub(super) fn schema() -> String {
    let listed = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" ");
    let mut out = "| table | its keys |\n|---|---|\n".to_owned();
    for table in schema::ALL {
        let page = if table == schema::CHECK { "checks.md" } else { "lab-format.md" };
        out.push_str(&format!("| [{}]({page}) | {} |\n", table.written, listed(&table.keys())));
    }
    let needs: Vec<&str> = Need::ALL.iter().map(|need| need.name()).collect();
    let measures: Vec<&str> = Measure::ALL.iter().map(|measure| measure.name()).collect();
    out.push_str(&format!("| values of `needs` | {} |\n", listed(&needs)));
    out.push_str(&format!("| values of `measure` | {} |\n", listed(&measures)));
    out
}

/// Every key of one table of a lab file, each with what it is for and an example.
///
/// # Errors
/// There is no such table.
pub(super) fn fields(name: &str) -> Result<String> {
    let Some(table) = schema::ALL.into_iter().find(|table| table.name == name) else {
        let names = schema::ALL.map(|table| table.name);
        let trouble = Trouble::usage(format!("no table of a lab file is called `{name}`"));
        return Err(trouble.hint(nearest_or_all(name, &names)));
    };
    Ok(told(&table))
}

fn told(table: &Table) -> String {
    let mut out = String::new();
    for group in table.groups {
        if !group.title.is_empty() {
            out.push_str(&format!("## {}\n\n", group.title));
        }
        if !group.about.is_empty() {
            out.push_str(&format!("{}\n\n", group.about));
        }
        group.fields.iter().for_each(|field| out.push_str(&entry(field)));
    }
    out
}

fn entry(field: &Field) -> String {
    let required = if field.missing.is_some() { ", required" } else { "" };
    let Field { key, about, example, more, .. } = field;
    let value = capital(field.value);
    let entry = format!("### `{key}`\n\n{value}{required}. {about}\n\n```toml\n{example}\n```\n\n");
    if more.is_empty() { entry } else { format!("{entry}{more}\n\n") }
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
