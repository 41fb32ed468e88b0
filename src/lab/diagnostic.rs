//! A mistake in a lab file, with the place where it is.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::error::Trouble;
use crate::recipe::nearest::nearest;

/// One mistake in a lab file. Its [`Display`](fmt::Display) shows the line with a caret under the mistake.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// Name of the file, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The line as it stands in the file, without its line end.
    pub source: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let before = self.source.chars().take(self.column - 1);
        // A tab stays a tab, so that the caret stands under the mistake in any terminal.
        let indent: String = before.map(blank).collect();
        let under: usize = self.source.chars().skip(self.column - 1).take(self.width).map(cells).sum();
        writeln!(f, "error: {}", self.what)?;
        writeln!(f, "{gutter} --> {}:{}:{}", self.file, self.line, self.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", self.source)?;
        write!(f, "{gutter} | {indent}{}", "^".repeat(under.max(1)))?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Blanks as wide as the character.
fn blank(c: char) -> String {
    if c == '\t' { "\t".to_owned() } else { " ".repeat(cells(c)) }
}

/// Columns of a terminal that the character takes.
fn cells(c: char) -> usize {
    c.width().unwrap_or(0)
}

impl From<Diagnostic> for Trouble {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { file, line, column, what, hint, .. } = diagnostic;
        let trouble = Self::usage(format!("{file}:{line}:{column}: {what}"));
        match hint {
            Some(hint) => trouble.hint(hint),
            None => trouble,
        }
    }
}

/// The text of a lab file, and the mistakes found in it so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    file: &'a str,
    source: &'a str,
    found: Vec<(usize, Diagnostic)>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(file: &'a str, source: &'a str) -> Self {
        Self { file, source, found: Vec::new() }
    }

    /// The text that is read.
    pub(super) fn source(&self) -> &'a str {
        self.source
    }

    /// Notes a mistake at these bytes of the text.
    pub(super) fn report(&mut self, span: Range<usize>, what: impl Into<String>, hint: Option<String>) {
        let start = floor(self.source, span.start);
        let end = floor(self.source, span.end).max(start);
        let line_start = self.source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.source[start..].find('\n').map_or(self.source.len(), |at| start + at);
        let diagnostic = Diagnostic {
            file: self.file.to_owned(),
            line: self.source[..start].matches('\n').count() + 1,
            column: self.source[line_start..start].chars().count() + 1,
            width: self.source[start..end.min(line_end)].trim_end().chars().count().max(1),
            what: what.into(),
            hint,
            source: self.source[line_start..line_end].trim_end_matches('\r').to_owned(),
        };
        self.found.push((start, diagnostic));
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Everything that was found, in the order of the text.
    pub(super) fn into_vec(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }
}

/// The nearest character boundary at or before this byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The hint for a word that is not known: the nearest one, or else all of them.
pub fn nearest_or_all(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of {}", listed(known)),
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn listed<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, span: Range<usize>, hint: Option<&str>) -> String {
        let mut findings = Findings::new("labs/pid.toml", source);
        findings.report(span, "unknown key `tyr`", hint.map(str::to_owned));
        findings.into_vec()[0].to_string()
    }

    #[test]
    fn the_caret_is_under_the_mistake() {
        let shown = shown("id = \"a\"\ntyr = [\"ps -A\"]\n", 9..12, Some("did you mean `try`?"));
        let expected = "error: unknown key `tyr`\n  --> labs/pid.toml:2:1\n  |\n2 | tyr = [\"ps -A\"]\n  | ^^^\n\
                        hint: did you mean `try`?";
        assert_eq!(shown, expected);
    }

    #[test]
    fn columns_count_characters_and_the_caret_counts_cells() {
        let source = "x = \"é容\" tyr\r\n";
        let at = source.find("tyr").unwrap();
        let shown = shown(source, at..at + 3, None);
        assert!(shown.contains("labs/pid.toml:1:10"), "{shown}");
        assert!(shown.ends_with("1 | x = \"é容\" tyr\n  |           ^^^"), "{shown}");
    }

    #[test]
    fn a_tab_before_the_mistake_stays_a_tab() {
        assert!(shown("\ttyr = 1", 1..4, None).ends_with("  | \t^^^"));
    }

    #[test]
    fn a_place_past_the_end_or_inside_a_character_is_shown_all_the_same() {
        assert!(shown("é", 1..1, None).contains(":1:1"));
        assert!(shown("ab\n", 99..200, None).contains(":2:1"));
    }
}
