//! The page of the book that tells what runs where, made of what the guests told, so that it cannot go stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::guest::Told;
use crate::report::{items, word};
use crate::scenario::Scenario;
use crate::support::{self, LABS, repository};

const HEAD: &str = "# Where it runs

Every lab was run, with its checks, on each of these machines. They are real kernels under emulation, and the table is
written by the tests that boot them (`tests/vm/`), so it cannot say what was not tried. `rlab doctor` tells the same
about your machine.

*runs*: every step passed. *3 of 8*: so many of its steps passed, and the others were skipped, with the reason. *cannot*:
none of its steps can be done.

";

const END: &str = "
## Why not, and what mends it

";

/// How the row of the machine that runs the tests begins.
const HERE: &str = "the machine of the tests";

/// One machine: its name for people, and what it said.
pub(crate) struct Row {
    label: String,
    verdicts: Vec<String>,
    why: Vec<(String, String)>,
}

impl Row {
    /// Of a guest.
    pub(crate) fn of(scenario: &Scenario, told: &Told) -> Self {
        let label = format!("{} (Linux {})", scenario.title, scenario.series);
        Self::new(label, &told.json("doctor"), &told.json("run"))
    }

    /// Of this machine; `None` where it cannot say.
    pub(crate) fn here() -> Option<Self> {
        let json = |words: &[&str]| -> Option<Value> {
            serde_json::from_str(&support::stdout(&support::run(words))).ok()
        };
        let (doctor, run) =
            (json(&["doctor", "--format", "json"])?, json(&["run", "--all", "--format", "json"])?);
        let kernel = word(&doctor["machine"]["kernel"]);
        let series: Vec<&str> = kernel.split(['.', '-']).take(2).collect();
        let groups = match doctor["machine"]["cgroups"]["memory"]["version"].as_str() {
            Some(version) => format!("memory on cgroup {version}"),
            None => "no memory controller".to_owned(),
        };
        let who = if doctor["machine"]["euid"] == 0 { "root" } else { "a user" };
        let label = format!("{HERE}: {who}, {groups} (Linux {})", series.join("."));
        Some(Self::new(label, &doctor, &run))
    }

    fn new(label: String, doctor: &Value, run: &Value) -> Self {
        let verdicts = LABS.into_iter().map(|lab| verdict(lab, doctor, run)).collect();
        let lacking = items(&doctor["needs"]).filter(|need| need["verdict"] != "yes");
        let mut why: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for need in lacking {
            let reason = crate::report::without_names(word(&need["reason"]));
            let hint = need["hint"].as_str().map_or(String::new(), |hint| format!(" **Mend:** {hint}."));
            why.entry(format!("{reason}.{hint}")).or_default().push(format!("`{}`", word(&need["need"])));
        }
        Self { label, verdicts, why: why.into_iter().map(|(why, needs)| (needs.join(", "), why)).collect() }
    }

    fn line(&self) -> String {
        format!("| {} | {} |", self.label, self.verdicts.join(" | "))
    }
}

/// What the doctor promises, which must be what the run came to: a lab that it calls whole passes, of another as many
/// steps as it says, and none fails.
fn verdict(lab: &str, doctor: &Value, run: &Value) -> String {
    let of =
        |report: &Value| items(&report["labs"]).find(|known| known["id"] == lab).cloned().unwrap_or_default();
    let (doctor, run) = (of(doctor), of(run));
    let steps = || items(&run["steps"]);
    let passed = steps().filter(|step| step["verdict"] == "pass").count();
    match (word(&doctor["verdict"]), word(&run["verdict"])) {
        ("runs", "pass") => "runs".to_owned(),
        ("in part", "in part") => {
            assert_eq!(doctor["steps"]["can"], passed, "{lab}: the doctor has promised other steps");
            format!("{passed} of {}", steps().count())
        }
        ("cannot", "skip") => "cannot".to_owned(),
        (promised, came) => panic!("{lab}: `rlab doctor` says {promised}, `rlab run` {came}"),
    }
}

/// The page.
fn text(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let labs: Vec<String> = LABS.iter().map(|lab| format!("`{lab}`")).collect();
    writeln!(text, "| machine | {} |\n|---|{}", labs.join(" | "), "---|".repeat(LABS.len())).unwrap();
    for row in rows {
        writeln!(text, "{}", row.line()).unwrap();
    }
    text.push_str(END);
    // What all of them lack, but for the machine that runs the tests, is told once.
    let usual: BTreeSet<&(String, String)> = rows
        .iter()
        .flat_map(|row| &row.why)
        .filter(|why| rows.iter().filter(|row| row.why.contains(why)).count() + 1 >= rows.len().max(3))
        .collect();
    let mut tell = |label: &str, lacking: Vec<&(String, String)>| {
        if lacking.is_empty() {
            return;
        }
        writeln!(text, "**{label}**\n").unwrap();
        for (needs, why) in lacking {
            writeln!(text, "- {needs}: {why}").unwrap();
        }
        text.push('\n');
    };
    tell("every machine under emulation", usual.iter().copied().collect());
    for row in rows {
        tell(&row.label, row.why.iter().filter(|why| !usual.contains(why)).collect());
    }
    text.trim_end().to_owned() + "\n"
}

/// Compares the page with the one in the book; leaves a new one beside it where they differ. The row of the machine that
/// runs the tests is compared only on a machine like the one that wrote it.
pub(crate) fn compare(mut rows: Vec<Row>, here: Option<Row>) {
    let path = repository().join("book/src/environments.md");
    let new = path.with_extension("md.new");
    let mut known = std::fs::read_to_string(&path).unwrap_or_default();
    match here {
        Some(here) if known.contains(&here.label) || !known.contains(HERE) => rows.push(here),
        _ => known = known.split_inclusive('\n').filter(|line| !line.contains(HERE)).collect(),
    }
    let page = text(&rows);
    if known == page {
        let _ = std::fs::remove_file(&new);
        return;
    }
    std::fs::write(&new, &page).unwrap();
    let diff = Command::new("diff").arg("-u").arg(&path).arg(&new).output();
    let diff = diff.map(|output| support::stdout(&output)).unwrap_or_default();
    panic!("the page of the book differs: review {} and move it in place\n{diff}", new.display());
}
