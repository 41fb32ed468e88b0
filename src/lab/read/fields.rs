//! Reading one table of a lab file, key by key, with every mistake noted where it stands.
//!
//! serde stops at the first mistake; an author wants all of them. So the document is walked by hand, over the spans
//! that `toml` keeps.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::lab::diagnostic::{Findings, listed};
use crate::lab::read::schema::Table;
use crate::recipe::nearest::nearest;

/// A value with its place.
pub(in crate::lab) type Value<'t> = &'t Spanned<DeValue<'t>>;

/// One table, and what its keys may be.
pub(in crate::lab) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// Where the table is; mistakes such as a missing key are shown there.
    pub(in crate::lab) span: Range<usize>,
    schema: &'static Table,
}

impl<'t> Fields<'t> {
    /// Opens a table, and notes every key that its schema does not have.
    pub(in crate::lab) fn open(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        schema: &'static Table,
        findings: &mut Findings<'_>,
    ) -> Self {
        let keys = schema.keys();
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let hint = match nearest(name, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("{} has {}", schema.of, listed(&keys)),
                };
                findings.report(key.span(), format!("unknown key `{name}`"), Some(hint));
            }
        }
        Self { table, span, schema }
    }

    /// The value of a key, if it is there.
    pub(in crate::lab) fn get(&self, key: &str) -> Option<Value<'t>> {
        self.table.get(key)
    }

    /// Where the key stands, or else the table.
    pub(in crate::lab) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    /// Every key with its place and value, in the order of the text.
    pub(in crate::lab) fn entries(&self) -> Vec<(&'t str, Range<usize>, Value<'t>)> {
        let mut entries: Vec<_> =
            self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        entries
    }

    /// A string.
    pub(in crate::lab) fn string(&self, key: &str, findings: &mut Findings<'_>) -> Option<&'t str> {
        string(key, self.get(key)?, findings)
    }

    /// A string that has to be there and not be blank; what it is for is told where it is missing.
    pub(in crate::lab) fn required(&self, key: &str, findings: &mut Findings<'_>) -> String {
        let Some(value) = self.given(key, None, findings) else { return String::new() };
        let text = string(key, value, findings);
        if text.is_some_and(|text| text.trim().is_empty()) {
            findings.report(value.span(), format!("`{key}` is empty: {}", self.purpose(key)), None);
        }
        text.unwrap_or_default().to_owned()
    }

    /// The value of a key that has to be there.
    pub(in crate::lab) fn given(
        &self,
        key: &str,
        hint: Option<String>,
        findings: &mut Findings<'_>,
    ) -> Option<Value<'t>> {
        let value = self.get(key);
        if value.is_none() {
            findings.report(self.span.clone(), format!("`{key}` is missing: {}", self.purpose(key)), hint);
        }
        value
    }

    /// What a key that has to be there is for.
    fn purpose(&self, key: &str) -> &'static str {
        self.schema.field(key).and_then(|field| field.missing).unwrap_or("it has to be there")
    }

    /// A whole number.
    pub(in crate::lab) fn integer(&self, key: &str, findings: &mut Findings<'_>) -> Option<i64> {
        integer(key, self.get(key)?, findings)
    }

    /// A list of strings, each with its place.
    pub(in crate::lab) fn strings(
        &self,
        key: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Vec<(&'t str, Range<usize>)>> {
        Some(strings(key, self.get(key)?, findings))
    }

    /// A table below this one.
    pub(in crate::lab) fn table(
        &self,
        key: &str,
        findings: &mut Findings<'_>,
    ) -> Option<(&'t DeTable<'t>, Range<usize>)> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((table, value.span())),
            other => {
                mistaken(key, "a table", value, other, findings);
                None
            }
        }
    }

    /// A list of tables below this one.
    pub(in crate::lab) fn tables(
        &self,
        key: &str,
        findings: &mut Findings<'_>,
    ) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            mistaken(key, "a list of tables", value, value.get_ref(), findings);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, item.span())),
                other => mistaken(key, "a list of tables", item, other, findings),
            }
        }
        tables
    }
}

/// Reads a string.
pub(in crate::lab) fn string<'t>(
    key: &str,
    value: Value<'t>,
    findings: &mut Findings<'_>,
) -> Option<&'t str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.as_ref()),
        other => {
            mistaken(key, "a string", value, other, findings);
            None
        }
    }
}

/// Reads a whole number.
pub(in crate::lab) fn integer(key: &str, value: Value<'_>, findings: &mut Findings<'_>) -> Option<i64> {
    match value.get_ref() {
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
            if read.is_none() {
                findings.report(value.span(), format!("`{key}` is too large a number"), None);
            }
            read
        }
        other => {
            mistaken(key, "a whole number", value, other, findings);
            None
        }
    }
}

/// Reads `true` or `false`.
pub(in crate::lab) fn boolean(key: &str, value: Value<'_>, findings: &mut Findings<'_>) -> Option<bool> {
    match value.get_ref() {
        DeValue::Boolean(yes) => Some(*yes),
        other => {
            mistaken(key, "`true` or `false`", value, other, findings);
            None
        }
    }
}

/// Reads a list of strings.
pub(in crate::lab) fn strings<'t>(
    key: &str,
    value: Value<'t>,
    findings: &mut Findings<'_>,
) -> Vec<(&'t str, Range<usize>)> {
    let DeValue::Array(items) = value.get_ref() else {
        mistaken(key, "a list of strings", value, value.get_ref(), findings);
        return Vec::new();
    };
    let mut texts = Vec::new();
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => texts.push((text.as_ref(), item.span())),
            other => mistaken(key, "a list of strings", item, other, findings),
        }
    }
    texts
}

/// Notes a value of the wrong type.
pub(in crate::lab) fn mistaken(
    key: &str,
    wanted: &str,
    at: Value<'_>,
    got: &DeValue<'_>,
    findings: &mut Findings<'_>,
) {
    findings.report(at.span(), format!("`{key}` is {wanted}, not {}", type_name(got)), None);
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
