//! A document: lines of spans, each with a role. Colours are decided here, once, and nowhere else.

use colored::Colorize;

use super::wrap;

/// What a piece of text is. The role decides the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Title of a lab or a step.
    Title,
    /// What the learner typed, or is asked to type.
    Learner,
    /// What the kernel was asked, and what it said.
    Kernel,
    /// It holds.
    Good,
    /// It does not hold, or was killed or refused.
    Bad,
    /// Of less weight.
    Dim,
    /// Of more weight.
    Strong,
    /// A word of a program, a file, a command.
    Code,
    /// rlab asks for a line.
    Prompt,
    /// Everything else.
    Plain,
}

/// How documents are to look, decided by the frontend from the terminal and the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; what is painted is never wider, but for code that is to be copied.
    pub width: usize,
    /// Whether colours are written.
    pub color: bool,
    /// For screen readers: no box drawing, no columns side by side, and every sign is a word.
    pub plain: bool,
    /// The terminal has no UTF-8: signs are spelled in ASCII.
    pub ascii: bool,
    /// Volatile values are shown as names (see [`super::mask`]).
    pub masked: bool,
    /// Everything is shown, nothing is shortened.
    pub verbose: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 80, color: false, plain: false, ascii: false, masked: false, verbose: false }
    }
}

/// The signs that rlab uses, and what they are called where a sign cannot be shown or seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A check that holds.
    Pass,
    /// A check that does not hold.
    Fail,
    /// Before something typed.
    Prompt,
    /// Something was left out.
    More,
    /// One value became another.
    Becomes,
    /// Between parts of a title.
    Dot,
    /// Added since before.
    Added,
    /// Gone since before.
    Gone,
}

impl Look {
    /// The text of a sign under this look.
    pub const fn sign(&self, sign: Sign) -> &'static str {
        let (word, ascii, utf8) = match sign {
            Sign::Pass => ("pass:", "ok", "✓"),
            Sign::Fail => ("fail:", "FAIL", "✗"),
            Sign::Prompt => ("line:", ">", "▸"),
            Sign::More => ("and", "...", "…"),
            Sign::Becomes => ("to", "->", "→"),
            Sign::Dot => ("-", "-", "·"),
            Sign::Added => ("added:", "+", "+"),
            Sign::Gone => ("gone:", "-", "-"),
        };
        if self.plain {
            word
        } else if self.ascii {
            ascii
        } else {
            utf8
        }
    }
}

/// A piece of text with one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text, without line ends.
    pub text: String,
    /// What it is.
    pub role: Role,
}

/// Where a line that is too long may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Break {
    /// Between words.
    #[default]
    Words,
    /// Between words, and never longer than is good to read.
    Prose,
    /// After a comma, as between the arguments of a call.
    Commas,
    /// Nowhere: code that is to be copied. A terminal breaks such a row by itself, and copies it whole.
    Never,
}

/// One line, before wrapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Columns left free at its start.
    pub indent: usize,
    /// Columns left free at the start of its continuations.
    pub hang: usize,
    /// Where it may be broken.
    pub breaks: Break,
    /// What it says.
    pub spans: Vec<Span>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty line with both indents.
    pub fn indented(indent: usize, hang: usize) -> Self {
        Self { indent, hang, ..Self::default() }
    }

    /// Adds a span at the end.
    #[must_use]
    pub fn with(mut self, role: Role, text: impl Into<String>) -> Self {
        self.push(role, text);
        self
    }

    /// Adds a span at the end.
    pub fn push(&mut self, role: Role, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.spans.push(Span { text, role });
        }
    }

    /// Fills with blanks up to this column, counted from the indent; at least two blanks where it is past it.
    pub fn pad_to(&mut self, column: usize) {
        let used = self.width();
        let blanks = if used < column { column - used } else { 2 };
        self.push(Role::Plain, " ".repeat(blanks));
    }

    /// Columns that the spans take, without the indent.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| wrap::width(&span.text)).sum()
    }

    /// The text of the spans, without the indent.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// A document: lines from the top down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// The lines.
    pub lines: Vec<Line>,
}

impl Text {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    pub fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds an empty line, unless there is one already or nothing above it.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.spans.is_empty()) {
            self.lines.push(Line::new());
        }
    }

    /// Adds every line of another document.
    pub fn append(&mut self, mut other: Self) {
        self.lines.append(&mut other.lines);
    }

    /// Adds every line of another document, moved to the right.
    pub fn append_indented(&mut self, other: Self, columns: usize) {
        self.lines.extend(other.lines.into_iter().map(|mut line| {
            line.indent += columns;
            line.hang += columns;
            line
        }));
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl From<Line> for Text {
    fn from(line: Line) -> Self {
        Self { lines: vec![line] }
    }
}

/// Makes a document text: control characters escaped, wrapped to the width, coloured. Each line ends with `\n`.
pub fn paint(text: &Text, look: &Look) -> String {
    let mut out = String::new();
    for line in &text.lines {
        for row in wrap::rows(line, look) {
            for span in &row {
                out.push_str(&color(span, look));
            }
            out.push('\n');
        }
    }
    out
}

/// A piece of text with the colour of its role, for what is not a document: the line that is being typed.
pub fn painted(role: Role, text: &str, look: &Look) -> String {
    color(&Span { text: text.to_owned(), role }, look)
}

/// A span with the colour of its role. Only the basic colours are used, and never white, black or yellow, so that
/// light and dark backgrounds both show them.
fn color(span: &Span, look: &Look) -> String {
    if !look.color || span.text.trim().is_empty() {
        return span.text.clone();
    }
    // The look has decided already; `colored` would ask the environment again.
    colored::control::set_override(true);
    let text = span.text.as_str();
    let colored = match span.role {
        Role::Plain => return span.text.clone(),
        Role::Title => text.bold().blue(),
        Role::Learner => text.bold().magenta(),
        Role::Kernel => text.cyan(),
        Role::Good => text.green(),
        Role::Bad => text.bold().red(),
        Role::Dim => text.dimmed(),
        Role::Strong => text.bold(),
        Role::Code => text.magenta(),
        Role::Prompt => text.bold().cyan(),
    };
    colored.to_string()
}
