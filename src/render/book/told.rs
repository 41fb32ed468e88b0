//! The recipe at the end of a step, told in other words, and what it becomes on other machines.

use super::At;
use super::directive::Directive;
use crate::error::{Result, Trouble};
use crate::lab::diagnostic::nearest_or_all;
use crate::lab::file::{LabLine, Need};
use crate::recipe::compose::Recipe;
use crate::recipe::line::{Command, Line};
use crate::recipe::machine::{CgroupVersion, Cgroups, Machine};
use crate::recipe::plan::{Plan, RootPlace};
use crate::recipe::told;

/// The recipe when the step is over, and the last command that ran inside.
fn end_of(at: &At<'_>) -> Result<(Recipe, Command)> {
    let mut recipe = Recipe::default();
    let mut last = None;
    let done = at.lab.steps.iter().take(at.index + 1);
    let lines = at.lab.start.iter().chain(done.flat_map(|step| step.try_lines.iter().chain(&step.probe)));
    for LabLine { line, .. } in lines {
        match line {
            Line::Add(ingredient) => recipe.add(ingredient.clone())?,
            Line::Drop(what) => drop(recipe.drop(what)?),
            Line::Run(command) | Line::Stay(command) => last = Some(command.clone()),
            _ => {}
        }
    }
    let command = last.unwrap_or_else(|| Command { argv: vec!["sh".to_owned()], text: "sh".to_owned() });
    if recipe.is_bare() {
        return Err(Trouble::usage(format!(
            "the recipe is empty at the end of `{}:{}`",
            at.lab.id, at.step.id
        ))
        .hint("name a step that ends with ingredients"));
    }
    Ok((recipe, command))
}

fn block(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n\n", text.trim_end())
}

/// As a shell script.
pub(super) fn shell(at: &At<'_>) -> Result<String> {
    let (recipe, command) = end_of(at)?;
    Ok(block("sh", &told::shell(&recipe, &command, &machine(CgroupVersion::V2, 0))))
}

/// As `docker run`.
pub(super) fn docker(at: &At<'_>) -> Result<String> {
    let (recipe, command) = end_of(at)?;
    Ok(block("sh", &told::docker(&recipe, &command)))
}

/// As a `config.json`.
pub(super) fn oci(at: &At<'_>) -> Result<String> {
    let (recipe, command) = end_of(at)?;
    Ok(block("json", &told::oci(&recipe, &command, u64::MAX)))
}

/// The plan on machines of three kinds. A plan is made without asking the machine, so every builder gets the same.
pub(super) fn plan(at: &At<'_>) -> Result<String> {
    let (recipe, command) = end_of(at)?;
    let mut out = "<div class=\"rlab-sides\">\n\n".to_owned();
    for (head, version, euid) in [
        ("As root, cgroup v1", CgroupVersion::V1, 0),
        ("As root, cgroup v2", CgroupVersion::V2, 0),
        ("As an ordinary user, cgroup v2", CgroupVersion::V2, 1000),
    ] {
        let plan = Plan::new(&recipe, &command, &machine(version, euid), RootPlace::Directory)?;
        out.push_str(&format!("<div>\n\n**{head}**\n\n{}</div>\n\n", block("text", &plan.to_string())));
    }
    out.push_str("</div>\n\n");
    Ok(out)
}

/// How a need is tried, and what that becomes for root on cgroup v2.
pub(super) fn primitive(directive: &Directive<'_>) -> Result<String> {
    let name = directive.one("a need")?;
    let Ok(need) = name.parse::<Need>() else {
        let names: Vec<&str> = Need::ALL.iter().map(|need| need.name()).collect();
        return Err(Trouble::usage(format!("no need is called `{name}`")).hint(nearest_or_all(name, &names)));
    };
    let recipe = Recipe::read(need.lines().iter().copied())?;
    let Line::Run(command) = Line::parse(need.probe())? else {
        return Err(Trouble::sandbox(format!("the probe of `{name}` is no program")));
    };
    let plan = Plan::new(&recipe, &command, &machine(CgroupVersion::V2, 0), RootPlace::Directory)?;
    let lines = [need.lines(), &[need.probe()]].concat().join("\n");
    Ok(format!(
        "{}What becomes of these lines, for root on cgroup v2:\n\n{}",
        block("text", &lines),
        block("text", &plan.to_string())
    ))
}

fn machine(version: CgroupVersion, euid: u32) -> Machine {
    Machine {
        kernel: String::new(),
        euid,
        egid: euid,
        cgroups: Cgroups::usual(version),
        memory_total: 8 << 30,
    }
}
