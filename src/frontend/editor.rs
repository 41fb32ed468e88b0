//! The line editor: prompt, ghost text, completion, and lines that go on while a quote is open.

use std::borrow::Cow;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use crate::error::{Result, Trouble};
use crate::frontend::words::{Known, candidates};

/// Bold cyan, readable on light and dark.
pub const PROMPT_COLOR: &str = "\x1b[1;36m";
/// Dim.
const GHOST_COLOR: &str = "\x1b[2m";
/// Back to plain.
pub const RESET: &str = "\x1b[0m";

/// What the editor knows about the walk, renewed before each line.
#[derive(Debug, Default)]
pub struct Guide {
    /// The line that an empty one stands for.
    pub suggestion: Option<String>,
    /// Words to complete.
    pub known: Known,
    /// Whether to colour.
    pub color: bool,
}

/// The editor with its guide.
pub type LineEditor = Editor<Guide, FileHistory>;

/// Makes the editor.
///
/// # Errors
/// The terminal cannot be set up.
pub fn editor(color: bool) -> Result<LineEditor> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .auto_add_history(false)
        .bracketed_paste(true)
        .build();
    let mut editor = Editor::with_config(config).map_err(|error| {
        Trouble::sandbox("the terminal cannot be used")
            .because(error)
            .hint("pipe the lines into `rlab` instead")
    })?;
    editor.set_helper(Some(Guide { color, ..Guide::default() }));
    Ok(editor)
}

/// Whether a quote is still open at the end of the text, as sh(1) reads it. A comment has no quotes.
pub fn open_quote(text: &str) -> bool {
    let (mut quote, mut escaped, mut word_starts) = (None, false, true);
    let mut comment = false;
    for c in text.chars() {
        if comment {
            comment = c != '\n';
            continue;
        }
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word_starts => comment = true,
            _ => {}
        }
        word_starts = c.is_whitespace();
    }
    quote.is_some()
}

impl Helper for Guide {}

/// The rest of the suggestion, after what was typed.
#[derive(Debug, PartialEq, Eq)]
pub struct Ghost {
    rest: String,
    shown: String,
}

impl Hint for Ghost {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        Some(&self.rest)
    }
}

impl Guide {
    fn ghost(&self, line: &str) -> Option<Ghost> {
        let rest = self.suggestion.as_deref()?.strip_prefix(line).filter(|rest| !rest.is_empty())?.to_owned();
        // Without colour a ghost would look like a line that is typed already.
        let shown = if self.color { rest.clone() } else { format!("[{rest}]") };
        Some(Ghost { rest, shown })
    }
}

impl Hinter for Guide {
    type Hint = Ghost;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Ghost> {
        self.ghost(line).filter(|_| pos == line.len())
    }
}

impl Completer for Guide {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(line.get(..pos).unwrap_or(line), &self.known))
    }
}

impl Validator for Guide {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match open_quote(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Guide {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        match self.color {
            true => Cow::Owned(format!("{PROMPT_COLOR}{prompt}{RESET}")),
            false => Cow::Borrowed(prompt),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.color {
            true => Cow::Owned(format!("{GHOST_COLOR}{hint}{RESET}")),
            false => Cow::Borrowed(hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ghost_is_what_is_left_to_type() {
        let mut guide = Guide { suggestion: Some("ps -A".to_owned()), color: true, ..Guide::default() };
        let ghost = |guide: &Guide, line| guide.ghost(line).map(|g| (g.rest, g.shown));
        assert_eq!(ghost(&guide, "ps"), Some((" -A".to_owned(), " -A".to_owned())));
        assert_eq!(ghost(&guide, "ps -A"), None);
        assert_eq!(ghost(&guide, "ls"), None);
        guide.color = false;
        assert_eq!(ghost(&guide, ""), Some(("ps -A".to_owned(), "[ps -A]".to_owned())));
    }

    #[test]
    fn a_line_goes_on_while_a_quote_is_open() {
        for open in ["echo 'a", "echo \"a", "echo \"a\\\"", "echo 'a\nb", "sh -c 'echo \"x\""] {
            assert!(open_quote(open), "{open:?}");
        }
        for whole in ["", "ps", "echo 'a'", "echo \"it's\"", "echo \\'", "# it's", "ps # it's", "echo a#'b'"]
        {
            assert!(!open_quote(whole), "{whole:?}");
        }
    }
}
