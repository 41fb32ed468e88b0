//! JSON for people: what fits on a line stands on one, and a longer list of words fills its lines.

use serde_json::Value;

/// Columns of a line, where what is to be written can be broken.
const WIDTH: usize = 76;

/// The document, ended by a newline.
pub(super) fn filled(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// Writes a value. `taken`: columns of its first line that a key before it takes.
fn write(value: &Value, depth: usize, taken: usize, into: &mut String) {
    let short = one_line(value);
    if depth * 2 + taken + short.chars().count() < WIDTH {
        into.push_str(&short);
        return;
    }
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            into.push('[');
            let mut column = WIDTH;
            for (at, item) in items.iter().enumerate() {
                let comma = if at + 1 < items.len() { "," } else { "" };
                let word = format!("{item}{comma}");
                if column + 1 + word.chars().count() > WIDTH {
                    indent(depth + 1, into);
                    column = (depth + 1) * 2;
                } else {
                    into.push(' ');
                    column += 1;
                }
                column += word.chars().count();
                into.push_str(&word);
            }
            indent(depth, into);
            into.push(']');
        }
        Value::Array(items) => {
            into.push('[');
            for (at, item) in items.iter().enumerate() {
                into.push_str(if at > 0 { "," } else { "" });
                indent(depth + 1, into);
                write(item, depth + 1, 0, into);
            }
            indent(depth, into);
            into.push(']');
        }
        Value::Object(fields) => {
            into.push('{');
            for (at, (key, field)) in fields.iter().enumerate() {
                into.push_str(if at > 0 { "," } else { "" });
                indent(depth + 1, into);
                let key = format!("{}: ", Value::from(key.as_str()));
                into.push_str(&key);
                write(field, depth + 1, key.chars().count(), into);
            }
            indent(depth, into);
            into.push('}');
        }
        _ => into.push_str(&short),
    }
}

fn indent(depth: usize, into: &mut String) {
    into.push('\n');
    into.extend(std::iter::repeat_n("  ", depth));
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, field)| format!("{}: {}", Value::from(key.as_str()), one_line(field)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,30}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::btree_map(".{0,12}", inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_back(value in any_value()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&filled(&value)).unwrap(), value);
        }
    }

    #[test]
    fn a_short_list_is_a_line_and_a_long_one_fills_its_lines() {
        let names: Vec<String> = (0..20).map(|at| format!("CAP_NUMBER_{at}")).collect();
        let text = filled(&json!({ "args": ["sh"], "bounding": names }));
        assert_eq!(text.lines().nth(1), Some(r#"  "args": ["sh"],"#));
        assert!(text.lines().count() < 12, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
