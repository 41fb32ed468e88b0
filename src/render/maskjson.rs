//! The same names in JSON: a number that is volatile by its key becomes a string.

use serde_json::Value;

use super::calls;
use super::mask::Masker;

/// A masked copy. The texts of outcomes were masked before ([`Masker::event`]); here go the numbers, which cannot be
/// names in their own fields.
pub(super) fn json(value: &Value, mask: &Masker) -> Value {
    walk("", value, 0, mask)
}

/// `owner` is the process that the value is about.
fn walk(key: &str, value: &Value, owner: i32, mask: &Masker) -> Value {
    match value {
        Value::Object(map) if map.contains_key("name") && map.contains_key("args") => call(map, mask),
        Value::Object(map) => {
            let pid = map.get("pid").and_then(Value::as_i64).and_then(|pid| i32::try_from(pid).ok());
            let owner = pid.unwrap_or(owner);
            let entries = map.iter().map(|(key, value)| (key.clone(), walk(key, value, owner, mask)));
            Value::Object(entries.collect())
        }
        // All but the innermost are PIDs of the host; a single one is the host's.
        Value::Array(items) if key == "nspid" => {
            let last = items.len().saturating_sub(1);
            let masked = items
                .iter()
                .enumerate()
                .map(|(at, item)| if at < last || last == 0 { pid(item, mask) } else { item.clone() });
            Value::Array(masked.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| walk(key, item, owner, mask)).collect()),
        Value::Number(_) => number(key, value, owner, mask),
        Value::String(_) if key == "kernel" => Value::String("<kernel>".to_owned()),
        other => other.clone(),
    }
}

fn number(key: &str, value: &Value, owner: i32, mask: &Masker) -> Value {
    match key {
        "pid" | "members" | "parent" | "thread_of" => pid(value, mask),
        "inside" | "host" => {
            value.as_u64().map_or(Value::Null, |id| Value::String(mask.namespace(owner, id)))
        }
        "millis" | "peak" | "memory_total" => Value::String("<n>".to_owned()),
        // One process is what a PID namespace of one's own shows; more are the host's.
        "host_processes" => Value::String("<n>".to_owned()),
        "processes" if value.as_u64().is_some_and(|number| number > 1) => Value::String("<n>".to_owned()),
        "pid_inside" => {
            let host =
                value.as_i64().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| mask.knows_pid(*pid));
            host.map_or_else(|| value.clone(), |pid| Value::String(mask.pid(pid)))
        }
        _ => value.clone(),
    }
}

fn pid(value: &Value, mask: &Masker) -> Value {
    let pid = value.as_i64().and_then(|pid| i32::try_from(pid).ok());
    pid.map_or_else(|| value.clone(), |pid| Value::String(mask.pid(pid)))
}

/// A call: the value of clone3 is a PID, that of openat a file descriptor.
fn call(map: &serde_json::Map<String, Value>, mask: &Masker) -> Value {
    let name = map.get("name").and_then(Value::as_str).unwrap_or_default();
    let (born, opened) = (calls::is_birth(name), calls::returns_descriptor(name));
    let entries = map.iter().map(|(key, value)| {
        let value = match (key.as_str(), value) {
            ("result", Value::Object(result)) => {
                let result = result.iter().map(|(kind, value)| {
                    let value = match kind.as_str() {
                        "value" if born => pid(value, mask),
                        "value" if opened => Value::String("<fd>".to_owned()),
                        _ => value.clone(),
                    };
                    (kind.clone(), value)
                });
                Value::Object(result.collect())
            }
            _ => walk(key, value, 0, mask),
        };
        (key.clone(), value)
    });
    Value::Object(entries.collect())
}
