//! The lexical half of the grammar: words, quotes, comments, and whether a shell is needed.
//!
//! Source: POSIX.1-2017, Shell Command Language, 2.2 Quoting and 2.3 Token Recognition. Only what decides about
//! words is read here; the rest is left to the shell.

use super::LineError;

/// One word, quotes removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// What the program would get.
    pub(super) text: String,
    /// Where it begins, in bytes from the start of the line.
    pub(super) at: usize,
    /// Whether it was typed without any quote or backslash.
    pub(super) plain: bool,
}

/// A line taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    /// The words. Exact where no shell is needed; otherwise good enough to know the first ones.
    pub(super) words: Vec<Word>,
    /// The first piece of shell syntax and where it stands; `None` where no shell is needed.
    pub(super) shell: Option<(usize, char)>,
    /// A single `&` with nothing after it.
    pub(super) ampersand: Option<usize>,
    /// Where the line ends, a final comment left out.
    pub(super) end: usize,
}

/// What surrounds the current character.
enum Frame {
    /// Double quotes, opened here.
    Double(usize),
    /// `( … )` or `$( … )`.
    Paren,
    /// Backticks.
    Backtick,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    frames: Vec<Frame>,
    word: Option<Word>,
    here_document: bool,
    found: Scan,
}

/// Takes `text` apart from byte `from` on.
///
/// # Errors
/// A quote that is never closed, a backslash with nothing after it, a blank that is none.
pub(super) fn scan(text: &str, from: usize) -> Result<Scan, LineError> {
    let found = Scan { words: Vec::new(), shell: None, ampersand: None, end: text.len() };
    let mut scanner = Scanner { text, at: from, frames: Vec::new(), word: None, here_document: false, found };
    scanner.run()?;
    Ok(scanner.found)
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn push(&mut self, at: usize, c: char) {
        self.begin(at).text.push(c);
    }

    fn begin(&mut self, at: usize) -> &mut Word {
        self.word.get_or_insert_with(|| Word { text: String::new(), at, plain: true })
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            self.found.words.push(word);
        }
    }

    fn shell(&mut self, at: usize, c: char) {
        self.found.shell.get_or_insert((at, c));
    }

    fn run(&mut self) -> Result<(), LineError> {
        loop {
            let at = self.at;
            let Some(c) = self.take() else { break };
            if !matches!(c, ' ' | '\t' | '\n' | '#') {
                self.found.ampersand = None;
            }
            if matches!(self.frames.last(), Some(Frame::Double(_))) {
                self.quoted(at, c)?;
            } else if !self.unquoted(at, c)? {
                break;
            }
        }
        self.end_word();
        match self
            .frames
            .iter()
            .find_map(|frame| if let Frame::Double(at) = frame { Some(*at) } else { None })
        {
            // The text of a here-document may hold any quote; the shell knows better.
            Some(at) if !self.here_document => Err(open_quote(at, '"')),
            _ => Ok(()),
        }
    }

    /// One character inside double quotes.
    fn quoted(&mut self, at: usize, c: char) -> Result<(), LineError> {
        match c {
            '"' => {
                self.frames.pop();
            }
            '\\' => match self.take() {
                None => return Err(open_quote(at, '\\')),
                Some('\n') => {}
                Some(next @ ('$' | '`' | '"' | '\\')) => self.push(at, next),
                Some(next) => {
                    self.push(at, '\\');
                    self.push(at, next);
                }
            },
            '$' | '`' => self.substitution(at, c),
            _ => self.push(at, c),
        }
        Ok(())
    }

    /// `$` or a backtick, in double quotes or not.
    fn substitution(&mut self, at: usize, c: char) {
        self.shell(at, c);
        self.push(at, c);
        if c == '`' {
            if matches!(self.frames.last(), Some(Frame::Backtick)) {
                self.frames.pop();
            } else {
                self.frames.push(Frame::Backtick);
            }
        } else if self.peek() == Some('(') {
            self.take();
            self.frames.push(Frame::Paren);
        }
    }

    /// Whether this character is no part of a word: a `#` in one is.
    const fn word_ended(&self, c: char) -> bool {
        c == '\n' || self.word.is_none()
    }

    /// Whether nothing begins on any line after this one, but comments.
    fn ends_here(&self) -> bool {
        let begins = |line: &str| !matches!(line.trim_start().chars().next(), None | Some('#'));
        let mut after = self.text[self.at..].split('\n');
        if self.text[..self.at].ends_with('\n') {
            after.all(|line| !begins(line))
        } else {
            after.skip(1).all(|line| !begins(line))
        }
    }

    /// One character outside double quotes; `false` where the line ends, with a comment or before one.
    fn unquoted(&mut self, at: usize, c: char) -> Result<bool, LineError> {
        match c {
            ' ' | '\t' => self.end_word(),
            '\n' | '#' if self.word_ended(c) && self.ends_here() => {
                self.found.end = at;
                return Ok(false);
            }
            '\n' => {
                self.end_word();
                self.shell(at, c);
            }
            '#' if self.word.is_none() => {
                self.at += self.text[self.at..].find('\n').unwrap_or_default();
            }
            '\'' => self.single(at)?,
            '"' => {
                self.begin(at).plain = false;
                self.frames.push(Frame::Double(at));
            }
            '\\' => {
                self.begin(at).plain = false;
                match self.take() {
                    None => return Err(open_quote(at, '\\')),
                    Some('\n') => {}
                    Some(next) => self.push(at, next),
                }
            }
            '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' => {
                return Err(LineError::new(at, "a blank here is not a plain space")
                    .hint("it came with a copied text: delete it and press the space bar"));
            }
            _ => self.operator_or_letter(at, c),
        }
        Ok(true)
    }

    fn operator_or_letter(&mut self, at: usize, c: char) {
        match c {
            '$' | '`' => self.substitution(at, c),
            '(' | ')' => {
                self.shell(at, c);
                self.end_word();
                if c == '(' {
                    self.frames.push(Frame::Paren);
                } else if matches!(self.frames.last(), Some(Frame::Paren)) {
                    self.frames.pop();
                }
            }
            '|' | '&' | ';' | '<' | '>' => {
                self.shell(at, c);
                self.end_word();
                let before = self.text[..at].chars().next_back();
                self.here_document |= c == '<' && before == Some('<');
                let joined = matches!(before, Some('&' | '<' | '>' | '|'));
                if c == '&' && !joined && self.frames.is_empty() {
                    self.found.ampersand = Some(at);
                }
            }
            '*' | '?' | '[' | '{' => {
                self.shell(at, c);
                self.push(at, c);
            }
            '~' if self.word.is_none() => {
                self.shell(at, c);
                self.push(at, c);
            }
            _ => self.push(at, c),
        }
    }

    /// Single quotes: everything up to the next one, as it is.
    fn single(&mut self, at: usize) -> Result<(), LineError> {
        self.begin(at).plain = false;
        match self.text[self.at..].find('\'') {
            Some(length) => {
                let inner = &self.text[self.at..self.at + length];
                self.begin(at).text.push_str(inner);
                self.at += length + 1;
                Ok(())
            }
            None if self.here_document => {
                self.at = self.text.len();
                Ok(())
            }
            None => Err(open_quote(at, '\'')),
        }
    }
}

fn open_quote(at: usize, quote: char) -> LineError {
    let error = if quote == '\\' {
        LineError::new(at, "the line ends in a backslash")
            .hint("end the line without it, or write `\\\\` for a backslash")
    } else {
        LineError::new(at, format!("the quote `{quote}` is never closed"))
            .hint(format!("close it with a second `{quote}`, or put a backslash before it"))
    };
    LineError { open: true, ..error }
}

/// The text from `from` to `end` without blanks around it; a blank that a backslash keeps stays.
pub(super) fn trimmed(text: &str, from: usize, end: usize) -> &str {
    let blank = [' ', '\t', '\n'];
    let body = text[from..end].trim_start_matches(blank);
    let short = body.trim_end_matches(blank);
    let backslashes = short.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 1 && short.len() < body.len() { &body[..=short.len()] } else { short }
}
