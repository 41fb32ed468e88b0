//! Before the start: what everyone's machine can do, put together. Each learner's `rlab doctor --report` is one file.
//!
//! A report comes from someone else's machine, perhaps from another version of rlab, so it is read with care: what is not
//! known is passed over, what is too much is refused.

use serde::{Deserialize, Serialize};

use crate::workshop::rules;

/// The version of the report and of the table's JSON.
pub const FORMAT: u32 = 1;

/// Bytes of a report; one of today has a tenth of it.
pub const LARGEST: u64 = 256 * 1024;

/// Needs, and labs, of one report.
const MOST: usize = 200;

/// A report, as far as it is looked at. `doctor` is what `rlab doctor --format json` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// Whose machine it is.
    pub name: String,
    /// The version of rlab there.
    pub rlab: String,
    /// What doctor found.
    pub doctor: Found,
}

/// What doctor found on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Found {
    /// Every need that was tried.
    pub needs: Vec<Tried>,
    /// What that means for each lab.
    pub labs: Vec<Lab>,
}

/// A need that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tried {
    /// Its name.
    pub need: String,
    /// `yes` or `no`.
    pub verdict: String,
    /// Why not.
    pub reason: Option<String>,
    /// The mend.
    pub hint: Option<String>,
}

/// What the needs mean for a lab.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lab {
    /// Its id.
    pub id: String,
    /// `runs`, `in part` or `cannot`.
    pub verdict: String,
}

impl Report {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it is no report, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut report: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if report.format != FORMAT {
            return Err(format!("it is of format {}, and this rlab reads {FORMAT}", report.format));
        }
        report.name = rules::name(&report.name)?;
        let Found { needs, labs } = &report.doctor;
        if needs.is_empty() || needs.len() > MOST || labs.len() > MOST {
            return Err(format!("it has {} needs and {} labs", needs.len(), labs.len()));
        }
        Ok(report)
    }

    fn can(&self, need: &str) -> bool {
        self.doctor.needs.iter().any(|tried| tried.need == need && tried.verdict == "yes")
    }

    fn tried(&self, need: &str) -> bool {
        self.doctor.needs.iter().any(|tried| tried.need == need)
    }
}

/// The table: rows are people, columns are needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// [`FORMAT`].
    pub format: u32,
    /// Names of the needs, in the order in which doctor tries them.
    pub needs: Vec<String>,
    /// Everyone, by name.
    pub people: Vec<Person>,
    /// What has to be mended, the most frequent first.
    pub mends: Vec<Mend>,
    /// Versions of rlab in the room.
    pub versions: Vec<String>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name; with the file's where somebody else has the same.
    pub name: String,
    /// Whether every lab runs whole.
    pub ready: bool,
    /// The needs that failed.
    pub cannot: Vec<String>,
    /// The needs that were not tried: another version of rlab.
    pub untried: Vec<String>,
    /// How many labs run whole.
    pub runs: usize,
    /// How many there are.
    pub labs: usize,
    /// The version of rlab.
    pub rlab: String,
}

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mend {
    /// What fails.
    pub needs: Vec<String>,
    /// Why, as the first machine tells it.
    pub reason: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where.
    pub who: Vec<String>,
}

impl Table {
    /// Of these reports, each with the name of its file.
    pub fn of(mut reports: Vec<(String, Report)>) -> Self {
        reports.sort_by_key(|(file, report)| (rules::same_name(&report.name), file.clone()));
        let mut needs: Vec<String> = Vec::new();
        for need in reports.iter().flat_map(|(_, report)| &report.doctor.needs) {
            if !needs.contains(&need.need) {
                needs.push(need.need.clone());
            }
        }
        let mut table =
            Self { format: FORMAT, needs, people: Vec::new(), mends: Vec::new(), versions: Vec::new() };
        for (file, report) in &reports {
            let twice = |(_, other): &&(String, Report)| {
                rules::same_name(&other.name) == rules::same_name(&report.name)
            };
            let name = match reports.iter().filter(twice).count() {
                1 => report.name.clone(),
                _ => format!("{} ({file})", report.name),
            };
            if !table.versions.contains(&report.rlab) {
                table.versions.push(report.rlab.clone());
            }
            table.mends_of(&name, report);
            table.people.push(person(name, report, &table.needs));
        }
        table.versions.sort();
        table.mends.sort_by_key(|mend| std::cmp::Reverse(mend.who.len()));
        table
    }

    /// Whether everyone can do every lab.
    pub fn ready(&self) -> bool {
        self.people.iter().all(|person| person.ready)
    }

    fn mends_of(&mut self, name: &str, report: &Report) {
        for tried in report.doctor.needs.iter().filter(|tried| tried.verdict != "yes") {
            // One mend is told once: paths and numbers in the reason differ from machine to machine.
            let same = |mend: &&mut Mend| match (&mend.hint, &tried.hint) {
                (Some(known), Some(hint)) => known == hint,
                (None, None) => mend.needs.contains(&tried.need),
                _ => false,
            };
            match self.mends.iter_mut().find(same) {
                Some(mend) => {
                    for (list, one) in [(&mut mend.needs, tried.need.as_str()), (&mut mend.who, name)] {
                        if !list.iter().any(|known| known == one) {
                            list.push(one.to_owned());
                        }
                    }
                }
                None => self.mends.push(Mend {
                    needs: vec![tried.need.clone()],
                    reason: tried.reason.clone(),
                    hint: tried.hint.clone(),
                    who: vec![name.to_owned()],
                }),
            }
        }
    }
}

fn person(name: String, report: &Report, needs: &[String]) -> Person {
    let which = |wanted: fn(&Report, &str) -> bool| {
        needs.iter().filter(|need| wanted(report, need)).cloned().collect::<Vec<String>>()
    };
    let labs = &report.doctor.labs;
    let runs = labs.iter().filter(|lab| lab.verdict == "runs").count();
    Person {
        name,
        ready: !labs.is_empty() && runs == labs.len(),
        cannot: which(|report, need| report.tried(need) && !report.can(need)),
        untried: which(|report, need| !report.tried(need)),
        runs,
        labs: labs.len(),
        rlab: report.rlab.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, memory: Option<&str>) -> Report {
        let verdict = if memory.is_some() { "no" } else { "yes" };
        let lab = if memory.is_some() { "in part" } else { "runs" };
        let hint = memory.map_or_else(String::new, |hint| format!(r#","reason":"r","hint":"{hint}""#));
        Report::read(&format!(
            r#"{{"format":1,"name":"{name}","rlab":"0.1.0","later":1,"doctor":{{"format":1,"needs":[
                {{"need":"chroot","verdict":"yes"}},{{"need":"memory-cgroup","verdict":"{verdict}"{hint}}}],
                "labs":[{{"id":"chroot","verdict":"runs"}},{{"id":"memory-cgroup","verdict":"{lab}"}}]}}}}"#
        ))
        .unwrap()
    }

    fn table(reports: Vec<Report>) -> Table {
        Table::of(reports.into_iter().enumerate().map(|(n, r)| (format!("{n}.json"), r)).collect())
    }

    #[test]
    fn one_row_a_person_and_one_mend_for_all_who_need_it() {
        let table = table(vec![
            report("Eve", Some("use root")),
            report("ada", None),
            report("Bob", Some("use root")),
        ]);
        let rows: Vec<_> = table.people.iter().map(|p| (p.name.as_str(), p.ready, p.runs)).collect();
        assert_eq!(rows, [("ada", true, 2), ("Bob", false, 1), ("Eve", false, 1)]);
        assert_eq!(table.people[1].cannot, ["memory-cgroup"]);
        let [mend] = table.mends.as_slice() else { panic!("{:?}", table.mends) };
        assert_eq!((mend.who.join(" "), mend.needs.join(" ")), ("Bob Eve".into(), "memory-cgroup".into()));
        assert!(!table.ready());
    }

    #[test]
    fn a_need_that_one_rlab_does_not_know_is_no_failure_and_two_of_a_name_are_told_apart() {
        let mut old = report("Ada", None);
        old.doctor.needs.pop();
        old.rlab = "0.0.9".to_owned();
        let table = table(vec![report("Ada", None), old]);
        assert_eq!(table.people[0].name, "Ada (0.json)");
        assert_eq!(
            (table.people[1].untried.join(" "), table.people[1].ready),
            ("memory-cgroup".into(), true)
        );
        assert_eq!(table.versions, ["0.0.9", "0.1.0"]);
        assert!(table.ready() && table.mends.is_empty());
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for bad in [
            "",
            "[]",
            r#"{"format":2,"name":"A","rlab":"1","doctor":{"needs":[],"labs":[]}}"#,
            r#"{"format":1,"name":"A","rlab":"1","doctor":{"needs":[],"labs":[]}}"#,
            r#"{"format":1,"name":"\u001b[2J","rlab":"1","doctor":{"needs":[{"need":"x","verdict":"yes"}],"labs":[]}}"#,
        ] {
            assert!(Report::read(bad).is_err(), "{bad}");
        }
        // Nothing is known of its labs: it is not ready.
        let bare = r#"{"format":1,"name":"A","rlab":"1","doctor":{"needs":[{"need":"x","verdict":"yes"}],"labs":[]}}"#;
        assert!(!table(vec![Report::read(bare).unwrap()]).ready());
    }
}
