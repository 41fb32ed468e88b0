//! The line editor: prompt, ghost text, completion, colours, and lines that go on while a quote is open.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;

use rustyline::completion::{Completer, Pair};
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::{History, MemHistory};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use crate::error::{Result, Trouble};
use crate::frontend::colors::{colored, is_colored};
use crate::frontend::history::{ENTRIES, worth};
use crate::frontend::keys;
use crate::frontend::known::{Known, Side};
use crate::frontend::words::candidates;
use crate::recipe::line::LONGEST;
use crate::render::document::{Look, Role, painted};

/// What the editor knows about the walk, renewed before each line.
#[derive(Default)]
pub struct Guide {
    /// The line that an empty one stands for.
    pub suggestion: Option<String>,
    /// Words to complete.
    pub known: Known,
    /// How the terminal shows things.
    pub look: Look,
    /// The line as it was at the last key, and whether it has become longer than any line may be.
    last: RefCell<String>,
    too_long: Cell<bool>,
}

/// What came of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// A line; several where a quote was open, or where they were pasted.
    Line(String),
    /// Ctrl-C took it back.
    Cleared,
    /// Ctrl-D, or the terminal has gone.
    End,
    /// It was longer than [`LONGEST`], and is gone.
    TooLong,
    /// A byte that is no text came in. What was typed before it stands in the next line.
    NotText,
}

/// The editor with its guide and its history.
pub struct LineEditor {
    editor: Editor<Guide, MemHistory>,
    /// What the next line begins with.
    kept: String,
    pastes: bool,
}

impl LineEditor {
    /// Makes the editor, with the lines of earlier sessions.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub fn new(guide: Guide, earlier: Vec<String>) -> Result<Self> {
        let cannot = |error| {
            Trouble::sandbox("the terminal cannot be used")
                .because(error)
                .hint("pipe the lines into `rlab` instead")
        };
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .max_history_size(ENTRIES)
            .map_err(cannot)?
            .build();
        let mut history = MemHistory::with_config(&config);
        for entry in earlier {
            history.add_owned(entry).map_err(cannot)?;
        }
        let mut editor = Editor::with_history(config, history).map_err(cannot)?;
        editor.set_helper(Some(guide));
        Ok(Self { editor, kept: String::new(), pastes: true })
    }

    /// What the editor knows.
    pub fn guide(&mut self) -> Option<&mut Guide> {
        self.editor.helper_mut()
    }

    /// Looks up what the first key will need.
    pub fn get_ready(&self) {
        if let Some(guide) = self.editor.helper().filter(|guide| guide.look.color) {
            guide.known.with_programs(Side::Inside, |_| {});
        }
    }

    /// Whether the editor tells the terminal that it takes pastes apart from keys; not where that is told already. Says
    /// whether this was new.
    pub fn tell_pastes(&mut self, tell: bool) -> bool {
        self.editor.enable_bracketed_paste(tell);
        std::mem::replace(&mut self.pastes, tell) != tell
    }

    /// Reads a line.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn read(&mut self, prompt: &str) -> Result<Read> {
        let kept = std::mem::take(&mut self.kept);
        let line = match kept.is_empty() {
            true => self.editor.readline(prompt),
            false => self.editor.readline_with_initial(prompt, (&kept, "")),
        };
        let noted = self.guide().map(|guide| (guide.too_long.take(), guide.last.take()));
        let (too_long, last) = noted.unwrap_or_default();
        if too_long {
            // However it ended: Enter may have come before the editor had nothing more to read.
            keys::wait(true);
        }
        match line {
            Ok(_) if too_long => {
                keys::discard();
                Ok(Read::TooLong)
            }
            Ok(text) => Ok(Read::Line(text)),
            // Ctrl-C takes the line back, as in a shell.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Ok(Read::Cleared),
            Err(ReadlineError::Eof) => Ok(Read::End),
            Err(_) if too_long => {
                keys::discard();
                Ok(Read::TooLong)
            }
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                keys::discard();
                self.kept = last;
                Ok(Read::NotText)
            }
            Err(error) => Err(Trouble::sandbox("the terminal cannot be read").because(error)),
        }
    }

    /// Takes a line into the history; says whether it is a new one, worth keeping.
    pub fn remember(&mut self, line: &str) -> bool {
        worth(line) && self.editor.add_history_entry(line).unwrap_or(false)
    }
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
    /// A guide for a terminal that shows things so.
    pub fn new(known: Known, look: Look) -> Self {
        Self { known, look, ..Self::default() }
    }

    fn ghost(&self, line: &str) -> Option<Ghost> {
        let rest = self.suggestion.as_deref()?.strip_prefix(line).filter(|rest| !rest.is_empty())?.to_owned();
        let shown = shown_ghost(&rest, self.look);
        Some(Ghost { rest, shown })
    }

    /// Notes the line at each key. One that grows without end is no longer read: drawing it anew for each key would
    /// take minutes, and it could not be run.
    fn note(&self, line: &str) {
        let mut last = self.last.borrow_mut();
        last.clear();
        if line.len() <= LONGEST {
            last.push_str(line);
        } else if !self.too_long.replace(true) {
            keys::wait(false);
        }
    }
}

/// A ghost as it is shown. Without colour it would look like a line that is typed already.
pub fn shown_ghost(rest: &str, look: Look) -> String {
    if look.color { rest.to_owned() } else { format!("[{rest}]") }
}

impl Hinter for Guide {
    type Hint = Ghost;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Ghost> {
        self.note(line);
        self.ghost(line).filter(|_| pos == line.len())
    }
}

impl Completer for Guide {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let found = candidates(line.get(..pos).unwrap_or(line), &self.known);
        let one = found.found.len() == 1;
        let pairs = found.found.into_iter().map(|(display, mut replacement)| {
            // The only one is complete, unless more belongs to it.
            if one && !replacement.ends_with(['/', '=', ':']) {
                replacement.push(' ');
            }
            Pair { display, replacement }
        });
        Ok((found.start, pairs.collect()))
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
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        if line.len() > LONGEST {
            return Cow::Owned(format!("({} bytes)", line.len()));
        }
        match is_colored(line, self.look) {
            true => Cow::Owned(colored(line, pos, &self.known, self.look)),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(painted(Role::Prompt, prompt, &self.look))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(painted(Role::Dim, hint, &self.look))
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        // What a letter does to the colour of its word shows at once; moving about changes no colour.
        kind != CmdKind::MoveCursor && is_colored(line, self.look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ghost_is_what_is_left_to_type() {
        let look = Look { color: true, ..Look::default() };
        let mut guide = Guide { suggestion: Some("ps -A".to_owned()), look, ..Guide::default() };
        let ghost = |guide: &Guide, line| guide.ghost(line).map(|g| (g.rest, g.shown));
        assert_eq!(ghost(&guide, "ps"), Some((" -A".to_owned(), " -A".to_owned())));
        assert_eq!(ghost(&guide, "ps -A"), None);
        assert_eq!(ghost(&guide, "ls"), None);
        guide.look.color = false;
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

    #[test]
    fn the_only_candidate_is_finished() {
        let guide = Guide::default();
        let history = MemHistory::new();
        let complete = |line: &str| guide.complete(line, line.len(), &Context::new(&history)).unwrap().1;
        let texts = |line: &str| complete(line).into_iter().map(|pair| pair.replacement).collect::<Vec<_>>();
        assert_eq!(texts("pivot_r"), ["pivot_root "]);
        assert_eq!(texts("cgroup mem"), ["cgroup mem".replace("cgroup mem", "memory.max=")]);
        assert_eq!(texts("unshare --mo"), ["--mount", "--mount-proc"]);
    }
}
