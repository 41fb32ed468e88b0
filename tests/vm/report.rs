//! What a guest told, as the text of a snapshot: what `rlab doctor` promises, what the labs came to, what was left.

use serde_json::Value;

use crate::guest::Told;

impl Told {
    pub(crate) fn file(&self, name: &str) -> &str {
        self.files.get(name).map_or("", String::as_str)
    }

    fn status(&self, name: &str) -> i32 {
        let status = self.file(&format!("{name}.status")).trim();
        status.parse().unwrap_or_else(|_| panic!("`{name}` has the status `{status}`"))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        let (stdout, stderr) = (self.file(&format!("{name}.stdout")), self.file(&format!("{name}.stderr")));
        serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{name}: {error}\n{stdout}\n{stderr}"))
    }
}

/// Everything, volatile values replaced.
pub(crate) fn text(told: &Told) -> String {
    let mut text = format!("== rlab doctor: status {}\n", told.status("doctor"));
    text.push_str(&doctor(&told.json("doctor")));
    text.push_str(&format!("\n== rlab run --all: status {}\n", told.status("run")));
    text.push_str(&labs(&told.json("run")));
    text.push_str(told.file("run.stderr"));
    text.push_str(&format!("\n== rlab exec --with full: status {}\n", told.status("full")));
    text.push_str(told.file("full.stdout"));
    text.push_str(told.file("full.stderr"));
    if told.files.contains_key("by-hand.status") {
        text.push_str(&format!("\n== by hand: status {}\n", told.status("by-hand")));
        text.push_str(told.file("by-hand.stdout"));
        // The script that finds the groups by itself does the same.
        let same = |of: &str| (told.status(of), told.file(&format!("{of}.stdout")).to_owned());
        // Without root there is a user namespace in it too.
        let seen = told.file("inspected.stdout");
        for line in ["rootfs busybox", "chroot", "unshare --pid --mount", "cgroup memory.max=7340032"] {
            let said = |told: &str| told.trim().starts_with(line) && !told.contains("pids.max");
            if !seen.lines().any(said) {
                text.push_str(&format!("\n== inspected, without `{line}`\n{seen}"));
            }
        }
        if same("exported") != same("by-hand") {
            text.push_str(&format!("\n== exported: status {}\n", told.status("exported")));
            text.push_str(told.file("exported.stdout"));
            text.push_str(told.file("exported.stderr"));
        }
    }
    text.push_str(&format!("\n== six at once: status {}\n", told.status("together")));
    text.push_str(&format!("\n== killed in a session: status {}\n", told.status("killed")));
    if told.files.contains_key("mended.status") {
        text.push_str(&format!("\n== memory-cgroup after the mend: status {}\n", told.status("mended")));
    }
    text.push_str("\n== left on the machine\n");
    text.push_str(&left(told.file("before"), told.file("after")));
    without_names(&text.replace(&told.release, "<kernel>"))
}

pub(crate) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Where groups are made, what cannot be done and why, and the verdict of each lab.
fn doctor(report: &Value) -> String {
    let mut text = String::new();
    for (name, controller) in report["machine"]["cgroups"].as_object().unwrap() {
        match controller["parent"].as_str() {
            Some(parent) => text.push_str(&format!("{name}: {} {parent}\n", word(&controller["version"]))),
            None => text.push_str(&format!("{name}: none\n")),
        }
    }
    for sentence in items(&report["environment"]) {
        text.push_str(&format!("note: {}\n", word(sentence)));
    }
    for need in items(&report["needs"]).filter(|need| need["verdict"] != "yes") {
        text.push_str(&format!("{} {}\n{}", word(&need["need"]), word(&need["verdict"]), why(need)));
    }
    for lab in items(&report["labs"]) {
        text.push_str(&format!("lab {}: {}\n", word(&lab["id"]), word(&lab["verdict"])));
    }
    text
}

fn why(value: &Value) -> String {
    let told = ["reason", "hint"].into_iter().filter_map(|key| Some((key, value[key].as_str()?)));
    told.map(|(key, said)| format!("  {key}: {said}\n")).collect()
}

/// One line a lab, one for each step that did not pass, and for what did not hold what was seen.
fn labs(report: &Value) -> String {
    let mut text = String::new();
    for lab in items(&report["labs"]) {
        let steps: Vec<&Value> = items(&lab["steps"]).collect();
        let passed = steps.iter().filter(|step| step["verdict"] == "pass").count();
        text.push_str(&format!(
            "{} {}: {passed} of {} steps\n",
            word(&lab["id"]),
            word(&lab["verdict"]),
            steps.len()
        ));
        text.push_str(&why(lab));
        let mut last = String::new();
        for step in steps.into_iter().filter(|step| step["verdict"] != "pass") {
            let why = why(step);
            let told = if why == last && !why.is_empty() { "  as before\n" } else { why.as_str() };
            text.push_str(&format!("  {} {}\n{told}", word(&step["id"]), word(&step["verdict"])));
            last = why;
            for line in items(&step["lines"]).filter(|line| line["trouble"].is_object()) {
                text.push_str(&format!("    {}: {}\n", word(&line["line"]), line["trouble"]));
            }
            for check in items(&step["checks"]).filter(|check| check["pass"] == false) {
                text.push_str(&format!(
                    "    does not hold: {}: {}\n",
                    word(&check["claim"]),
                    word(&check["observed"])
                ));
            }
        }
    }
    text
}

/// Lines that only one of the two states of the machine has.
pub(crate) fn left(before: &str, after: &str) -> String {
    let only = |one: &str, other: &str, sign: char| -> String {
        let missing = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        missing.map(|line| format!("{sign} {line}\n")).collect()
    };
    let difference = only(before, after, '-') + &only(after, before, '+');
    if difference.is_empty() { "nothing\n".to_owned() } else { difference }
}

/// Names of sessions, `rlab.PID.START`, without their numbers.
pub(crate) fn without_names(text: &str) -> String {
    let mut parts = text.split("rlab.");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        out.push_str(if rest.len() == part.len() { "rlab." } else { "<session>" });
        out.push_str(rest);
    }
    out
}
