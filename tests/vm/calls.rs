//! What a lab did on a machine: each line, the calls that were made, how it ended, what the checks saw. The prose of a lab
//! is left out, since it is the same everywhere.

use nix::errno::Errno;
use serde_json::Value;

use crate::guest::Told;
use crate::report::{items, word};

/// Each lab that the machine could do whole, and what it did. Of one that is done in part, machines that are alike in the
/// rest may do other steps.
pub(crate) fn labs(told: &Told) -> Vec<(String, String)> {
    let report = told.json("run");
    let ran = items(&report["labs"]).filter(|lab| lab["verdict"] == "pass" || lab["verdict"] == "fail");
    ran.map(|lab| (word(&lab["id"]).to_owned(), of_its_own(&text(lab)))).collect()
}

/// The same with names that depend on nothing outside of the lab: processes are numbered as they come, since another
/// machine may have done less before; what BusyBox is there is in the digest of a layer.
fn of_its_own(text: &str) -> String {
    const PID: &str = "<pid-";
    let mut known: Vec<&str> = Vec::new();
    let mut parts = text.split(PID);
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('>').unwrap();
        let at = known.iter().position(|name| *name == number).unwrap_or_else(|| {
            known.push(number);
            known.len() - 1
        });
        numbered.push_str(&format!("{PID}{}>{rest}", at + 1));
    }
    without_digests(&numbered)
}

/// Long rows of hexadecimal digits by one name.
fn without_digests(text: &str) -> String {
    const DIGEST: usize = 32;
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let (mut out, mut row) = (String::new(), String::new());
    for c in text.chars().chain(['\0']) {
        if is_digit(c) {
            row.push(c);
            continue;
        }
        out.push_str(if row.len() < DIGEST { &row } else { "<digest>" });
        row.clear();
        out.push(c);
    }
    out.pop();
    out
}

fn text(lab: &Value) -> String {
    let mut text = String::new();
    for line in items(&lab["start"]) {
        told(line, &mut text);
    }
    for step in items(&lab["steps"]) {
        text.push_str(&format!("\n== {}\n", word(&step["id"])));
        for line in items(&step["lines"]) {
            told(line, &mut text);
        }
        for check in items(&step["checks"]) {
            let sign = if check["pass"] == true { "holds" } else { "does not hold" };
            text.push_str(&format!("{sign}: {}: {}\n", word(&check["claim"]), word(&check["observed"])));
        }
    }
    text
}

fn told(line: &Value, text: &mut String) {
    text.push_str(&format!("> {}\n", word(&line["line"])));
    calls(&line["composed"], text);
    outcome(&line["outcome"], text);
    if line["probe"].is_object() {
        text.push_str(&format!("  probe: {}\n", word(&line["probe"]["command"])));
        outcome(&line["probe"], text);
    }
}

fn outcome(outcome: &Value, text: &mut String) {
    if !outcome.is_object() {
        return;
    }
    calls(outcome, text);
    for limit in items(&outcome["limits"]) {
        text.push_str(&format!("  {}: {}\n", word(&limit["file"]), word(&limit["value"])));
    }
    text.push_str(&format!("  end: {}\n", outcome["end"]));
}

fn calls(of: &Value, text: &mut String) {
    let mut file = String::new();
    for call in items(&of["calls"]) {
        let args = word(&call["args"]);
        if word(&call["name"]) == "openat" {
            file = args.to_owned();
        }
        // A helper of rlab's that is moved: nobody has told its number before, so nothing masks it.
        if file.contains("cgroup.procs") && word(&call["name"]) == "write" && !args.contains("\"0\"") {
            text.push_str("  write(<fd>, <pid of a helper>)\n");
            continue;
        }
        let result = match (&call["result"]["value"], call["result"]["errno"].as_i64()) {
            (_, Some(errno)) => format!("{:?}", Errno::from_raw(errno as i32)),
            (Value::String(name), _) => name.clone(),
            (value, _) => value.to_string(),
        };
        text.push_str(&format!("  {}({}) = {result}\n", word(&call["name"]), args));
    }
}
