//! No painted line is wider than the terminal, but for code that is to be copied, and nothing that a program prints drives the learner's terminal.

use textwrap::WordSeparator;
use textwrap::core::{Word, break_words};
use textwrap::wrap_algorithms::wrap_first_fit;
use unicode_width::UnicodeWidthChar;

use super::document::{Break, Line, Look, Role, Span};

/// Narrower than this nothing can be laid out; a smaller width counts as this.
pub const NARROWEST: usize = 20;

/// Rows of prose that are longer are hard to read: the eye loses its way back.
const PROSE: usize = 100;

/// Distance of tab stops.
const TAB: usize = 8;

/// Columns that a text takes once it is [`clean`].
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Makes a text harmless: control characters, escape sequences and characters that reorder or hide text are shown
/// escaped (`\x1b`, `\u{202e}`), tabs become blanks, and without UTF-8 every sign is spelled in ASCII.
///
/// `column` is where the text begins, for the tab stops.
pub fn clean(text: &str, column: usize, look: &Look) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = column;
    for c in text.chars() {
        let from = out.len();
        match c {
            '\t' => out.extend(std::iter::repeat_n(' ', TAB - at % TAB)),
            ' '..='~' => out.push(c),
            _ if c.is_control() && (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            _ if hides(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            _ if !look.ascii => out.push(c),
            _ => match spelled(c) {
                Some(ascii) => out.push_str(ascii),
                None => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            },
        }
        at += out.get(from..).map_or(0, width);
    }
    out
}

/// Characters that take no room and change how others are shown: zero-width, bidirectional, variation selectors.
const fn hides(c: char) -> bool {
    matches!(c as u32,
        0xad | 0x61c | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
        | 0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

/// How a sign is spelled where the terminal has no UTF-8.
const fn spelled(c: char) -> Option<&'static str> {
    Some(match c {
        '✓' => "ok",
        '✗' => "FAIL",
        '▸' => ">",
        '…' => "...",
        '→' => "->",
        '←' => "<-",
        '↔' => "<->",
        '⇒' => "=>",
        '·' | '•' | '‐' | '‑' | '–' | '—' | '−' => "-",
        '×' => "x",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '‘' | '’' => "'",
        '“' | '”' | '„' => "\"",
        '\u{a0}' => " ",
        _ => return None,
    })
}

/// The rows that a line becomes, each at most `look.width` columns, indents included; one row where it is not broken.
pub(super) fn rows(line: &Line, look: &Look) -> Vec<Vec<Span>> {
    let limit = match line.breaks {
        Break::Prose => look.width.clamp(NARROWEST, PROSE),
        Break::Words | Break::Commas => look.width.max(NARROWEST),
        Break::Never => usize::MAX,
    };
    // An indent never takes more than half of a narrow terminal.
    let (indent, hang) = (line.indent.min(limit / 2), line.hang.min(limit / 2));
    let mut spans = Vec::with_capacity(line.spans.len());
    let mut column = 0;
    for span in &line.spans {
        let text = clean(&span.text, column, look);
        column += width(&text);
        spans.push(Span { text, role: span.role });
    }
    if spans.is_empty() {
        return vec![Vec::new()];
    }
    if indent + column <= limit {
        return vec![finish(indent, spans)];
    }
    let flat: String = spans.iter().map(|span| span.text.as_str()).collect();
    let words: Vec<Word<'_>> = match line.breaks {
        Break::Words | Break::Prose | Break::Never => WordSeparator::AsciiSpace.find_words(&flat).collect(),
        Break::Commas => after_commas(&flat, limit - hang.max(indent)),
    };
    let words = break_words(words, limit - hang.max(indent));
    let widths = [(limit - indent) as f64, (limit - hang) as f64];
    let mut rows = Vec::new();
    let mut start = 0;
    for row in wrap_first_fit(&words, &widths) {
        let whole: usize = row.iter().map(|word| word.word.len() + word.whitespace.len()).sum();
        let blank = row.last().map_or(0, |word| word.whitespace.len());
        let first = if rows.is_empty() { indent } else { hang };
        rows.push(finish(first, cut(&spans, start, start + whole - blank)));
        start += whole;
    }
    rows
}

/// A row with its indent in front.
fn finish(indent: usize, mut spans: Vec<Span>) -> Vec<Span> {
    while let Some(last) = spans.last_mut() {
        last.text.truncate(last.text.trim_end_matches(' ').len());
        if !last.text.is_empty() {
            break;
        }
        spans.pop();
    }
    if indent > 0 && !spans.is_empty() {
        spans.insert(0, Span { text: " ".repeat(indent), role: Role::Plain });
    }
    spans
}

/// Words that end after a comma and its blanks; one that is wider than a row is taken apart at its blanks.
fn after_commas(text: &str, room: usize) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for piece in text.split_inclusive(", ") {
        if width(piece.trim_end()) <= room {
            words.push(Word::from(piece));
        } else {
            words.extend(WordSeparator::AsciiSpace.find_words(piece));
        }
    }
    words
}

/// The part of the spans between two byte positions of their joined text.
fn cut(spans: &[Span], from: usize, to: usize) -> Vec<Span> {
    let mut out = Vec::new();
    let mut start = 0;
    for span in spans {
        let end = start + span.text.len();
        let (low, high) = (from.max(start), to.min(end));
        if low < high
            && let Some(text) = span.text.get(low - start..high - start)
        {
            out.push(Span { text: text.to_owned(), role: span.role });
        }
        start = end;
    }
    out
}
