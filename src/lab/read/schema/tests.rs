//! The schema says what the reader does: which value a key takes, and which keys have to be there.

use crate::lab::file::Lab;
use crate::lab::read::conditions::CONDITIONS;
use crate::lab::read::schema::{ALL, CHECK, Table};

/// A table by its name: its heading, and its keys with their values.
type Written = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Each table of a lab that is whole.
const WHOLE: &[Written] = &[
    ("lab", "", &[("format", "1"), ("id", "\"x\""), ("title", "\"x\""), ("minutes", "1")]),
    ("step", "[[step]]", &[("id", "\"x\""), ("title", "\"x\""), ("say", "\"x\"")]),
    ("check", "[[step.check]]", &[("claim", "\"x\""), ("jobs", "0")]),
    ("predict", "[step.predict]", &[("ask", "\"x\""), ("choices", "[\"a\", \"b\"]"), ("answer", "1")]),
    ("ablation", "[step.ablation]", &[("probes", "[\"ps\"]")]),
    ("row", "[[step.ablation.row]]", &[("name", "\"x\""), ("lines", "[]")]),
    ("another row", "[[step.ablation.row]]", &[("name", "\"y\""), ("lines", "[]")]),
];

/// What is told of the whole lab with one key of one table as given, or left out.
fn told(table: &Table, key: &str, value: Option<&str>) -> Vec<String> {
    let mut source = String::new();
    for (name, head, keys) in WHOLE {
        // A table that is given as something else has no heading of its own, nor has what is below it.
        if head.trim_matches(['[', ']']).split('.').any(|part| part == key) {
            continue;
        }
        source.push_str(&format!("{head}\n"));
        // A number is measured in place of the answer.
        let kept = keys.iter().filter(|(known, _)| (*known, key) != ("answer", "measure"));
        for (known, good) in kept.filter(|(known, _)| *name != table.name || *known != key) {
            source.push_str(&format!("{known} = {good}\n"));
        }
        if let Some(value) = value.filter(|_| *name == table.name) {
            source.push_str(&format!("{key} = {value}\n"));
        }
    }
    let mistakes = Lab::read("x", &source).err().unwrap_or_default();
    mistakes.into_iter().map(|mistake| mistake.what).collect()
}

#[test]
fn every_key_takes_the_value_that_it_is_said_to_take() {
    for table in ALL {
        for field in table.fields() {
            // No key of any table is a date.
            let told = told(&table, field.key, Some("1979-05-27"));
            let expected = format!("`{}` is {}, not a date", field.key, field.value);
            assert!(told.contains(&expected), "{}: {expected}\n{told:?}", table.name);
        }
    }
}

#[test]
fn a_key_is_missed_if_it_is_said_to_be_required() {
    for table in ALL {
        for field in table.fields() {
            let told = told(&table, field.key, None);
            let missed = told.iter().find(|what| what.starts_with(&format!("`{}` is missing", field.key)));
            let expected = field.missing.map(|what| format!("`{}` is missing: {what}", field.key));
            assert_eq!(missed, expected.as_ref(), "{}: {told:?}", table.name);
        }
    }
}

#[test]
fn every_condition_that_is_read_is_told() {
    let keys = CHECK.keys();
    assert!(CONDITIONS.iter().all(|(key, _)| keys.contains(key)));
    assert!(CONDITIONS.len() > 30);
}
