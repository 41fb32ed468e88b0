//! The one writer for standard output and standard error, and what the terminal can show.
//!
//! Data goes to standard output, everything else to standard error. A reader who goes away (`rlab run --all | head`)
//! ends the program quietly.

use std::io::{ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Instant;

use crate::cli::{Color, Global};
use crate::error::Trouble;
use crate::frontend::busy::Busy;
use crate::recipe::outcome::Work;
use crate::render;
use crate::render::document::{Look, Text, paint};

/// Columns where nobody says how many there are.
const COLUMNS: usize = 80;

/// The writer.
pub struct Terminal {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    look: Look,
    err_look: Look,
    out_is_terminal: bool,
    gone: bool,
    lost: bool,
    /// Whether a row can be drawn over: not for a screen reader, and not on a terminal that cannot.
    redraws: bool,
    busy: Busy,
}

impl Terminal {
    /// The terminal of this process, as its options and environment say.
    pub fn new(global: &Global) -> Self {
        let env = |name: &str| std::env::var(name).ok();
        let out_is_terminal = std::io::stdout().is_terminal();
        let err_is_terminal = std::io::stderr().is_terminal();
        let look = |terminal: bool| Look {
            width: width(terminal),
            color: !global.plain && color(global.color, terminal, env),
            plain: global.plain,
            ascii: !utf8(env),
            masked: false,
            verbose: false,
        };
        Self {
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
            look: look(out_is_terminal),
            err_look: look(err_is_terminal),
            out_is_terminal,
            gone: false,
            lost: false,
            redraws: !global.plain
                && !matches!(env("TERM").as_deref(), None | Some("" | "dumb" | "cons25" | "emacs")),
            busy: Busy::default(),
        }
    }

    /// How standard output looks now.
    pub fn look(&self) -> Look {
        self.look
    }

    /// How standard error looks.
    pub fn err_look(&self) -> Look {
        self.err_look
    }

    /// Whether standard output is a terminal.
    pub const fn is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Whether the reader of standard output has gone away.
    pub const fn gone(&self) -> bool {
        self.gone
    }

    /// Whether names stand for what changes from run to run.
    pub const fn mask(&mut self, masked: bool) {
        self.look.masked = masked;
    }

    /// The width may have changed since the last line.
    pub fn measure(&mut self) -> usize {
        self.look.width = width(self.out_is_terminal);
        self.look.width
    }

    /// Writes data.
    pub fn data(&mut self, text: &str) {
        if self.gone || text.is_empty() {
            return;
        }
        self.rest();
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        if let Err(error) = written {
            self.gone = true;
            // A full disk is worth a word, a closed pipe is how `head` says thank you.
            if error.kind() != ErrorKind::BrokenPipe {
                self.lost = true;
                self.trouble(&Trouble::sandbox("standard output cannot be written").because(error));
            }
        }
    }

    /// Whether data could not be written although someone wanted it: a full disk.
    pub const fn lost(&self) -> bool {
        self.lost
    }

    /// Shows in passing that something takes a while; on a terminal alone.
    pub fn working(&mut self, work: &Work) {
        // Whether something takes long enough to be told is no matter of a recording.
        if !self.out_is_terminal || self.gone || self.look.masked {
            return;
        }
        let look = Look { plain: !self.redraws, ..self.look };
        let row =
            |turn| paint(&render::work::work(work, turn, &look), &look).trim_end_matches('\n').to_owned();
        if let Some(text) = self.busy.show(Instant::now(), self.redraws, row) {
            // A terminal that has gone is found out when there is something to say.
            let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }

    /// It is over: what was shown in passing goes.
    pub fn rest(&mut self) {
        let text = self.busy.over();
        if !text.is_empty() {
            let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }

    /// Writes a document as data.
    pub fn show(&mut self, text: &Text) {
        let text = paint(text, &self.look);
        self.data(&text);
    }

    /// Writes what is not data.
    pub fn aside(&mut self, text: &str) {
        self.rest();
        // With nobody left to tell, there is nothing to do about it.
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }

    /// Writes a document that is not data.
    pub fn show_aside(&mut self, text: &Text) {
        let text = paint(text, &self.err_look);
        self.aside(&text);
    }

    /// Tells what went wrong.
    pub fn trouble(&mut self, trouble: &Trouble) {
        self.show_aside(&render::event::trouble(trouble));
    }
}

/// Columns of the terminal; of `COLUMNS` where there is none.
fn width(terminal: bool) -> usize {
    // Whichever of the three is a terminal, it is the same one.
    let size = |stream: &dyn AsFd| rustix::termios::tcgetwinsize(stream.as_fd()).ok().map(|size| size.ws_col);
    let measured = || {
        let columns = size(&std::io::stdout()).or_else(|| size(&std::io::stdin()))?;
        (columns > 0).then_some(usize::from(columns))
    };
    let told = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let columns = terminal.then(measured).flatten().or_else(told).unwrap_or(COLUMNS);
    columns.clamp(40, 200)
}

/// Whether to colour: the option, then `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR`, then whether the terminal can.
fn color(option: Color, terminal: bool, env: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    match option {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR").is_some() => false,
        Color::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto if set("CLICOLOR").is_some_and(|value| value == "0") => false,
        Color::Auto => terminal && set("TERM").is_some_and(|term| term != "dumb"),
    }
}

/// Whether the locale has UTF-8 (locale(7): the first of these that is not empty counts).
fn utf8(env: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn colour_follows_the_terminal_until_someone_says_otherwise() {
        let xterm = ("TERM", "xterm");
        assert!(color(Color::Auto, true, env(&[xterm])));
        assert!(!color(Color::Auto, false, env(&[xterm])));
        assert!(!color(Color::Auto, true, env(&[("TERM", "dumb")])));
        assert!(!color(Color::Auto, true, env(&[])));
        assert!(!color(Color::Auto, true, env(&[xterm, ("NO_COLOR", "1")])));
        assert!(color(Color::Auto, true, env(&[xterm, ("NO_COLOR", "")])));
        assert!(color(Color::Auto, false, env(&[xterm, ("CLICOLOR_FORCE", "1")])));
        assert!(!color(Color::Auto, true, env(&[xterm, ("CLICOLOR", "0")])));
        assert!(color(Color::Always, false, env(&[("NO_COLOR", "1")])));
        assert!(!color(Color::Never, true, env(&[xterm])));
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert!(utf8(env(&[("LANG", "de_DE.UTF-8")])));
        assert!(utf8(env(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")])));
        assert!(!utf8(env(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
        assert!(!utf8(env(&[])));
    }
}
