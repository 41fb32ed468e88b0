//! What a guest told, as the text of a snapshot.

use serde_json::Value;

use crate::guest::Told;
use crate::support::LABS;

/// Everything, volatile values replaced.
pub(crate) fn text(told: &Told) -> String {
    let file = |name: &str| told.files.get(name).map_or("", String::as_str);
    let mut text = String::new();
    for name in ["doctor", "full"] {
        text.push_str(&format!("== {name}: status {}", file(&format!("{name}.status"))));
        text.push_str(file(&format!("{name}.stdout")));
        text.push_str(file(&format!("{name}.stderr")));
    }
    text.push_str(&format!("== run --all: status {}", file("json.status")));
    text.push_str(&labs(file("json.stdout")));
    text.push_str(file("json.stderr"));
    text.push_str("== left on the machine\n");
    text.push_str(&left(file("before"), file("after")));
    text.replace(&told.release, "<kernel>")
}

/// The transcript of every lab that the machine could run.
pub(crate) fn transcripts(told: &Told) -> Vec<(&'static str, &str)> {
    let of = |lab: &'static str| {
        let name = format!("transcript-{lab}");
        assert_ne!(
            told.files[&format!("{name}.status")],
            "1\n",
            "{lab}: {}",
            told.files[&format!("{name}.stdout")]
        );
        (told.files[&format!("{name}.status")] == "0\n")
            .then(|| (lab, told.files[&format!("{name}.stdout")].as_str()))
    };
    LABS.into_iter().filter_map(of).collect()
}

/// One line a lab, one for each step, and for what did not hold what was seen.
fn labs(json: &str) -> String {
    let report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut text = String::new();
    for lab in report["labs"].as_array().unwrap() {
        text.push_str(&format!("{} {}\n", word(&lab["id"]), word(&lab["verdict"])));
        for key in ["reason", "hint"] {
            if let Some(said) = lab[key].as_str() {
                text.push_str(&format!("  {key}: {said}\n"));
            }
        }
        for step in lab["steps"].as_array().unwrap() {
            text.push_str(&format!("  {} {}\n", word(&step["id"]), word(&step["verdict"])));
            for line in
                step["lines"].as_array().into_iter().flatten().filter(|line| line["trouble"].is_object())
            {
                text.push_str(&format!("    {}: {}\n", word(&line["line"]), line["trouble"]));
            }
            for check in
                step["checks"].as_array().into_iter().flatten().filter(|check| check["pass"] == false)
            {
                text.push_str(&format!(
                    "    does not hold: {}: {}\n",
                    word(&check["claim"]),
                    check["observed"]
                ));
            }
        }
    }
    text
}

/// Lines that only one of the two states of the machine has.
fn left(before: &str, after: &str) -> String {
    let only = |one: &str, other: &str, sign: char| -> String {
        let missing = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        missing.map(|line| format!("{sign} {line}\n")).collect()
    };
    let difference = only(before, after, '-') + &only(after, before, '+');
    if difference.is_empty() { "nothing\n".to_owned() } else { difference }
}
