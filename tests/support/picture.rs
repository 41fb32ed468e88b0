//! What a terminal shows: rows with their colours, the scrollback, the cursor.
//!
//! The bytes of a program say little about what a learner sees. A terminal emulator (the crate `vt100`) makes the
//! picture of them, and the tests assert on that.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helper fails it like the test itself")]

use std::num::NonZeroU16;

use vt100::{Callbacks, Color, Parser, Screen};

/// Rows of scrollback that are kept: the whole course, with room.
const SCROLLBACK: usize = 20_000;

/// What a terminal answers when it is asked.
#[derive(Default)]
pub(super) struct Answers {
    pending: Vec<u8>,
    /// Rows that the scrollback had no room for any more.
    dropped: usize,
}

impl Callbacks for Answers {
    fn on_scroll(&mut self, _: vt100::capture::RowContents<'_>, _: bool) {
        self.dropped += 1;
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        private: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        c: char,
    ) {
        // DSR: "where is the cursor?" (BusyBox asks at every prompt of its shell.)
        if (private, c, params) == (None, 'n', &[&[6][..]][..]) {
            let (row, column) = screen.cursor_position();
            self.pending.extend(format!("\x1b[{};{}R", row + 1, column + 1).bytes());
        }
    }
}

/// One row of the picture, blanks at its end cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) text: String,
    /// Whether the terminal broke the line here because it was full.
    pub(crate) wrapped: bool,
    /// The same in pieces of one look, blanks included.
    pub(crate) pieces: Vec<(String, Style)>,
}

impl Row {
    /// The look of this text in the row; `None` where it is not there, or has several looks.
    pub(crate) fn style_of(&self, text: &str) -> Option<Style> {
        let (mut at, from) = (0, self.text.find(text)?);
        let inside = |(piece, style): &(String, Style)| {
            let start = at;
            at += piece.len();
            (start < from + text.len() && at > from).then_some(*style)
        };
        let styles: Vec<Style> = self.pieces.iter().filter_map(inside).collect();
        styles.iter().all(|style| style == &styles[0]).then(|| styles[0])
    }

    /// The row with its looks in words: `«bold cyan»bare ▸ «»ls`.
    pub(crate) fn styled(&self) -> String {
        let mut out = String::new();
        let mut last = Style::default();
        for (piece, style) in &self.pieces {
            let blank = piece.trim().is_empty() && !style.inverse && !style.underline;
            // A blank has no colour that anybody sees.
            let style = if blank { last } else { *style };
            if style != last {
                out.push_str(&format!("«{}»", style.words()));
            }
            out.push_str(piece);
            last = style;
        }
        out.truncate(out.trim_end().len());
        if last != Style::default() {
            out.push_str("«»");
        }
        out
    }
}

/// The text of rows, a line that the terminal broke in one piece again.
pub(crate) fn joined(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        out.push_str(&row.text);
        if !row.wrapped {
            out.push('\n');
        }
    }
    out
}

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) dim: bool,
    pub(crate) underline: bool,
    pub(crate) inverse: bool,
    /// One of the sixteen colours; `None` is the terminal's own.
    pub(crate) color: Option<u8>,
}

impl Style {
    /// The look in words, `bold cyan`.
    pub(crate) fn words(self) -> String {
        const NAMES: [&str; 8] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
        let named = self.color.map(|color| match color {
            0..8 => NAMES[usize::from(color)].to_owned(),
            8..16 => format!("bright {}", NAMES[usize::from(color - 8)]),
            _ => format!("colour {color}"),
        });
        let flags = [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.underline, "underlined"),
            (self.inverse, "inverse"),
        ];
        let words = flags.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_owned());
        words.chain(named).collect::<Vec<_>>().join(" ")
    }
}

/// The terminal.
pub(super) struct Picture {
    parser: Parser<Answers>,
}

impl Picture {
    pub(super) fn new(columns: u16, rows: u16) -> Self {
        let parser = Parser::new_with_callbacks(size(rows), size(columns), SCROLLBACK, Answers::default());
        Self { parser }
    }

    /// Shows these bytes. What the terminal has to answer to them.
    pub(super) fn show(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.parser.process(bytes);
        std::mem::take(&mut self.parser.callbacks_mut().pending)
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.set_size(size(rows), size(columns));
    }

    pub(super) fn columns(&self) -> usize {
        usize::from(self.parser.screen().size().1.get())
    }

    /// Row and column of the cursor, from 0, the row counted from the first that was ever shown.
    pub(super) fn cursor(&self) -> (usize, usize) {
        let screen = self.parser.screen();
        let (row, column) = screen.cursor_position();
        let above = self.parser.callbacks().dropped + screen.scrollback_len();
        (above + usize::from(row), usize::from(column))
    }

    /// Whether the program takes pastes apart from keys: an editor reads a line.
    pub(super) fn editing(&self) -> bool {
        self.parser.screen().bracketed_paste()
    }

    /// Whether the terminal is in a state in which a shell's user would find it broken.
    pub(super) fn odd(&self) -> Vec<&'static str> {
        let screen = self.parser.screen();
        let states = [
            (screen.hide_cursor(), "the cursor is hidden"),
            (screen.alternate_screen(), "the alternate screen is shown"),
            (screen.bracketed_paste(), "bracketed paste is on"),
            (screen.application_cursor(), "the cursor keys are the application's"),
            (screen.bold() || screen.dim() || screen.inverse(), "text has a look"),
            (screen.fgcolor() != Color::Default, "text has a colour"),
        ];
        states.into_iter().filter(|(odd, _)| *odd).map(|(_, what)| what).collect()
    }

    /// The rows from this one on, counted from the first that was ever shown, to the bottom of the screen.
    pub(super) fn rows(&mut self, from: usize) -> Vec<Row> {
        let from = from.saturating_sub(self.parser.callbacks().dropped);
        let screen = self.parser.screen_mut();
        let (height, columns) = screen.size();
        let (height, columns) = (usize::from(height.get()), columns.get());
        let total = screen.scrollback_len() + height;
        let mut rows = Vec::with_capacity(total.saturating_sub(from));
        let mut next = from;
        while next < total {
            // The view ends at the bottom: the last one may begin above the next row.
            let top = next.min(total - height);
            screen.set_scrollback(total - height - top);
            for row in next - top..height {
                rows.push(read(screen, u16::try_from(row).expect("a row of the screen"), columns));
            }
            next = top + height;
        }
        screen.set_scrollback(0);
        rows
    }
}

fn size(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a terminal has rows and columns")
}

fn read(screen: &Screen, row: u16, columns: u16) -> Row {
    let mut pieces: Vec<(String, Style)> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else {
            continue;
        };
        let style = Style {
            bold: cell.bold(),
            dim: cell.dim(),
            underline: cell.underline(),
            inverse: cell.inverse(),
            color: match cell.fgcolor() {
                Color::Idx(color) => Some(color),
                _ => None,
            },
        };
        let shown = if cell.has_contents() { cell.contents() } else { " " };
        match pieces.last_mut() {
            Some((piece, last)) if *last == style => piece.push_str(shown),
            _ => pieces.push((shown.to_owned(), style)),
        }
    }
    let text: String = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
    Row { text: text.trim_end().to_owned(), wrapped: screen.row_wrapped(row), pieces }
}
