//! A line while it is typed, taken apart: what may be unfinished, may be wrong, and has a cursor. The grammar reads whole
//! lines; this only has to know which word stands where.

use std::ops::Range;

/// What a piece of the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word.
    Word,
    /// Something that ends a command of a shell line: `|`, `;`, `&&`, a parenthesis, a line's end.
    Next,
    /// `<`, `>`: a file follows.
    Redirect,
    /// `#` and what follows it.
    Comment,
}

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
    /// A word without its quotes and backslashes.
    pub text: String,
    /// Where in it something is quoted.
    pub quoted: Vec<Range<usize>>,
    /// The quote that is still open at its end.
    pub open: Option<char>,
}

/// A line in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Typed {
    /// Whether it begins with `!`, and where the command then begins.
    pub host: Option<usize>,
    /// The pieces in order, blanks left out.
    pub pieces: Vec<Piece>,
}

/// Takes a line apart (POSIX.1-2017, Shell Command Language, 2.2 and 2.3, as far as words go).
pub fn typed(line: &str) -> Typed {
    let start = line.len() - line.trim_start().len();
    let host = line[start..].starts_with('!').then_some(start + 1);
    let mut reader = Reader { line, at: host.unwrap_or(0), pieces: Vec::new(), word: None };
    while let Some(c) = reader.take() {
        reader.read(c);
    }
    reader.end_word();
    Typed { host, pieces: reader.pieces }
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
    pieces: Vec<Piece>,
    word: Option<Piece>,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.line.get(self.at..)?.chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn word(&mut self, start: usize) -> &mut Piece {
        self.word.get_or_insert_with(|| Piece {
            kind: Kind::Word,
            at: start..start,
            text: String::new(),
            quoted: Vec::new(),
            open: None,
        })
    }

    fn end_word(&mut self) {
        if let Some(mut word) = self.word.take() {
            word.at.end = word.at.end.max(word.at.start);
            self.pieces.push(word);
        }
    }

    fn letter(&mut self, start: usize, c: char) {
        let end = self.at;
        let word = self.word(start);
        word.text.push(c);
        word.at.end = end;
    }

    fn piece(&mut self, kind: Kind, start: usize) {
        self.end_word();
        let at = start..self.at;
        self.pieces.push(Piece { kind, at, text: String::new(), quoted: Vec::new(), open: None });
    }

    fn read(&mut self, c: char) {
        let start = self.at - c.len_utf8();
        match c {
            '\n' | '|' | ';' | '&' | '(' | ')' | '`' => self.piece(Kind::Next, start),
            '<' | '>' => self.piece(Kind::Redirect, start),
            _ if c.is_whitespace() => self.end_word(),
            '#' if self.word.is_none() => {
                self.at = self.line[start..].find('\n').map_or(self.line.len(), |end| start + end);
                self.piece(Kind::Comment, start);
            }
            '\'' | '"' => self.quote(start, c),
            '\\' => match self.take() {
                Some(next) => self.letter(start, next),
                None => {
                    let end = self.at;
                    let word = self.word(start);
                    word.at.end = end;
                    word.open = Some('\\');
                }
            },
            _ => self.letter(start, c),
        }
    }

    fn quote(&mut self, start: usize, quote: char) {
        self.word(start);
        let mut open = Some(quote);
        while let Some(c) = self.take() {
            if c == quote {
                open = None;
                break;
            }
            let escaped =
                quote == '"' && c == '\\' && self.line[self.at..].starts_with(['"', '\\', '$', '`']);
            let c = if escaped { self.take().unwrap_or(c) } else { c };
            self.letter(start, c);
        }
        let end = self.at;
        let word = self.word(start);
        word.at.end = end;
        word.quoted.push(start..end);
        word.open = open;
    }
}

impl Typed {
    /// The place of the cursor at the line's end: the command that stands there up to the word under the cursor, and
    /// that word, which may be empty.
    pub fn cursor(&self, end: usize) -> Cursor {
        let mut words: Vec<String> = Vec::new();
        let (mut first, mut file) = (true, false);
        for piece in &self.pieces {
            match piece.kind {
                Kind::Word if piece.at.end == end => {
                    return Cursor { words, first, file, word: Some(piece.clone()) };
                }
                Kind::Word if file => file = false,
                Kind::Word => words.push(piece.text.clone()),
                Kind::Next => {
                    words.clear();
                    (first, file) = (false, false);
                }
                Kind::Redirect => file = true,
                Kind::Comment => {}
            }
        }
        Cursor { words, first, file, word: None }
    }
}

/// Where the cursor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The words of the command before it.
    pub words: Vec<String>,
    /// Whether it is the first command of the line: only there words of rlab's own stand.
    pub first: bool,
    /// Whether a file is wanted, after `>` or `<`.
    pub file: bool,
    /// The word that ends at the cursor, if one does.
    pub word: Option<Piece>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<(Kind, String)> {
        typed(line).pieces.into_iter().map(|piece| (piece.kind, line[piece.at].to_owned())).collect()
    }

    #[test]
    fn a_line_falls_into_words_and_what_is_between() {
        use Kind::{Comment, Next, Redirect, Word};
        let own = |pieces: &[(Kind, &str)]| -> Vec<(Kind, String)> {
            pieces.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect()
        };
        assert_eq!(words("ps  -A"), own(&[(Word, "ps"), (Word, "-A")]));
        assert_eq!(
            words("ls|wc>a # b"),
            own(&[(Word, "ls"), (Next, "|"), (Word, "wc"), (Redirect, ">"), (Word, "a"), (Comment, "# b")])
        );
        assert_eq!(words("a#b 'c d'e\\ f"), own(&[(Word, "a#b"), (Word, "'c d'e\\ f")]));
        assert_eq!(words("! ls"), own(&[(Word, "ls")]));
        assert_eq!(words("é\u{3000}ü 'ß"), own(&[(Word, "é"), (Word, "ü"), (Word, "'ß")]));
    }

    #[test]
    fn a_word_knows_its_text_and_what_is_open() {
        let word = |line: &str| typed(line).pieces.pop().map(|piece| (piece.text, piece.open)).unwrap();
        assert_eq!(word("a'b c'\"d \\\" \\n\""), ("ab cd \" \\n".to_owned(), None));
        assert_eq!(word("ls 'my f"), ("my f".to_owned(), Some('\'')));
        assert_eq!(word("ls my\\ f"), ("my f".to_owned(), None));
        assert_eq!(word("ls my\\"), ("my".to_owned(), Some('\\')));
        assert_eq!(word("''"), (String::new(), None));
    }

    #[test]
    fn the_cursor_knows_its_command() {
        let cursor = |line: &str| {
            let cursor = typed(line).cursor(line.len());
            (cursor.words, cursor.first, cursor.file, cursor.word.map(|word| word.text))
        };
        let none = Vec::<String>::new;
        assert_eq!(cursor(""), (none(), true, false, None));
        assert_eq!(
            cursor("mount -t pr"),
            (vec!["mount".into(), "-t".into()], true, false, Some("pr".into()))
        );
        assert_eq!(cursor("ls / | w"), (none(), false, false, Some("w".into())));
        assert_eq!(cursor("echo a > /e"), (vec!["echo".into(), "a".into()], true, true, Some("/e".into())));
        assert_eq!(cursor("cat "), (vec!["cat".into()], true, false, None));
    }
}
