//! Runs that are recorded for the book, compared with fresh ones.

use serde_json::Value;

/// What of a recording has to be the same in every run.
pub(crate) fn lasting(text: &str) -> Value {
    let mut recording: Value = serde_json::from_str(text).unwrap();
    for key in ["kernel", "date"] {
        let value = recording.as_object_mut().unwrap().remove(key);
        assert!(value.is_some_and(|value| value.is_string()), "{key}");
    }
    forget_a_kernels_own(&mut recording);
    recording
}

/// Takes the lines that only some kernels print out of everything that was recorded.
fn forget_a_kernels_own(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| !item.as_str().is_some_and(super::is_a_kernels_own));
            items.iter_mut().for_each(forget_a_kernels_own);
        }
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| forget_a_kernels_own(value)),
        _ => {}
    }
}

/// The first lines in which two recordings differ.
pub(crate) fn difference(kept: &Value, now: &Value) -> String {
    let text = |value| serde_json::to_string_pretty(value).unwrap();
    let (kept, now) = (text(kept), text(now));
    let other = kept.lines().zip(now.lines()).find(|(kept, now)| kept != now);
    other.map_or("one is longer".to_owned(), |(kept, now)| format!("- {kept}\n+ {now}"))
}
