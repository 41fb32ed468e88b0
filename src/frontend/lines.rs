//! Lines that nobody edits here: from a pipe, or from a terminal that does its own editing (`TERM=dumb`, `--plain`).
//! Nothing is drawn over, so a screen reader reads each thing once.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, IsTerminal, Read};
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::error::{Exit, Result, Trouble};
use crate::frontend::editor::open_quote;
use crate::frontend::repl::{SIGINT, Session};
use crate::frontend::signals::{Came, wait_for};
use crate::frontend::verdict::Verdict;
use crate::recipe::line::LONGEST;
use crate::session::event::Event;
use crate::session::walk::Flow;

/// Bytes of one line and its end; the grammar refuses longer ones, so no more is kept.
const LIMIT: u64 = LONGEST as u64 + 2;
/// Bytes of a line that a terminal gives at once; it drops what is beyond them (termios(3), "Canonical mode").
const ROW: usize = 4095;
/// What an editor may have put before the first line, to say that the file is UTF-8.
const MARK: char = '\u{feff}';

/// What a terminal gave.
enum Row {
    /// A line without its end.
    Whole(String),
    /// Its end was dropped by the terminal.
    Cut,
    /// Ctrl-C.
    Cleared,
    /// Ctrl-D, or it has gone.
    End,
    /// A signal that ends the session.
    Asked,
}

impl Session<'_> {
    /// Lines from a pipe, each told as it would look at the prompt.
    pub(super) fn piped(&mut self) -> Result<Exit> {
        let stdin = std::io::stdin();
        let mut lines = Lines::of(File::from(stdin.as_fd().try_clone_to_owned().map_err(cannot)?));
        loop {
            if self.world.ending().is_some() {
                return Ok(Exit::Interrupted);
            }
            let text = match lines.line()? {
                Next::Line(text) => text,
                // The grammar refuses it: what follows of it must not be read as lines of its own.
                Next::Cut(text) if lines.skip()? => text,
                Next::Cut(_) | Next::Asked => return Ok(Exit::Interrupted),
                Next::End => return Ok(Exit::Ok),
            };
            self.between();
            // Whoever sits beside the session may take the line for themselves.
            let begins = self.beside.is_none() && self.walk.begins_with(&text);
            let begun =
                if begins { self.carried(|walk, world, tell| walk.begin(world, tell)) } else { Ok(()) };
            if !text.trim().is_empty() {
                self.tell(&Event::Line { prompt: self.walk.prompt(), text: text.trim_end().to_owned() });
            }
            if let Err(trouble) = begun {
                self.tell(&Event::Trouble(trouble));
            } else if self.line(&text) == Flow::Quit {
                return Ok(Exit::Ok);
            }
            if self.terminal.gone() {
                return Ok(Exit::Ok);
            }
        }
    }

    /// Lines from a terminal that edits them itself.
    pub(super) fn cooked(&mut self, verdict: impl FnOnce() -> Option<Verdict>) -> Result<Exit> {
        let mut keys = File::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(cannot)?);
        let mut ahead = Vec::new();
        self.try_machine(verdict());
        loop {
            if self.asked_to_end() {
                return Ok(Exit::Interrupted);
            }
            self.tell_verdict();
            self.between();
            if let Some(line) = self.walk.suggestion() {
                self.tell(&Event::Note(format!("Enter runs: {line}")));
            }
            let asks = self.asks();
            match self.row(&mut keys, &mut ahead, &asks)? {
                Row::Whole(text) => {
                    if self.typed(&text) == Flow::Quit {
                        return Ok(Exit::Ok);
                    }
                }
                Row::Cut => self.tell(&Event::Trouble(
                    Trouble::usage(format!("the terminal cut the line after {ROW} bytes"))
                        .because("it edits lines itself, and keeps no longer ones")
                        .hint("put the script into a file and run that"),
                )),
                Row::Cleared => self.terminal.data("\n"),
                Row::End => {
                    self.terminal.data("\n");
                    return Ok(Exit::Ok);
                }
                Row::Asked => return Ok(Exit::Interrupted),
            }
            if self.terminal.gone() {
                return Ok(Exit::Ok);
            }
        }
    }

    /// The next line, or several while a quote is open.
    fn row(&mut self, keys: &mut File, ahead: &mut Vec<u8>, asks: &str) -> Result<Row> {
        let mut text = String::new();
        let mut asks = asks;
        loop {
            self.terminal.data(asks);
            let bytes = loop {
                if let Some(end) = ahead.iter().position(|byte| *byte == b'\n') {
                    break ahead.drain(..=end).collect::<Vec<u8>>();
                }
                match wait_for(keys.as_fd(), None, None) {
                    Came::Signal(SIGINT) => {
                        ahead.clear();
                        return Ok(Row::Cleared);
                    }
                    Came::Signal(_) => return Ok(Row::Asked),
                    Came::Input | Came::Other | Came::Nothing => {}
                }
                let mut piece = [0; ROW + 1];
                match read_now(keys, &mut piece) {
                    Ok(0) if ahead.is_empty() => return Ok(Row::End),
                    // Ctrl-D in a line hands in what is there; the line goes on.
                    Ok(length) => ahead.extend_from_slice(piece.get(..length).unwrap_or_default()),
                    Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                    // The terminal has gone (EIO).
                    Err(_) => return Ok(Row::End),
                }
                if ahead.len() as u64 > LIMIT {
                    ahead.clear();
                    return Ok(Row::Cut);
                }
            };
            if bytes.len() >= ROW {
                return Ok(Row::Cut);
            }
            text.push_str(&String::from_utf8_lossy(&bytes));
            if !open_quote(&text) || text.len() as u64 >= LIMIT {
                text.truncate(text.trim_end_matches(['\n', '\r']).len());
                return Ok(Row::Whole(text));
            }
            asks = "> ";
        }
    }
}

/// Reads what is there. Ctrl-C throws away what was typed, also in the moment after it was found to be there: a read that
/// waited would then wait for the next line, with the signal unheard.
fn read_now(keys: &mut File, piece: &mut [u8]) -> std::io::Result<usize> {
    let before = OFlag::from_bits_retain(fcntl(&*keys, FcntlArg::F_GETFL)?);
    fcntl(&*keys, FcntlArg::F_SETFL(before | OFlag::O_NONBLOCK))?;
    let read = keys.read(piece);
    fcntl(&*keys, FcntlArg::F_SETFL(before))?;
    read
}

fn cannot(error: std::io::Error) -> Trouble {
    Trouble::sandbox("the lines cannot be read").because(error)
}

/// Lines that nobody is asked for: those of a pipe or of a script.
pub(super) struct Lines {
    input: BufReader<Waiting>,
    /// Whether nothing was read yet.
    first: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line without its end, or several while a quote is open.
    Line(String),
    /// The beginning of a line that is longer than any that the grammar takes; more of it was not read.
    Cut(String),
    /// Nothing more.
    End,
    /// A signal that ends rlab.
    Asked,
}

impl Lines {
    /// Those of a file, a pipe or a terminal.
    pub(super) fn of(file: File) -> Self {
        let terminal = file.is_terminal();
        Self { input: BufReader::new(Waiting { file, terminal, asked: false }), first: true }
    }

    /// The next one.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn line(&mut self) -> Result<Next> {
        let read = read_line(&mut self.input);
        if self.asked() {
            return Ok(Next::Asked);
        }
        let mut next = read?;
        if let Next::Line(text) | Next::Cut(text) = &mut next
            && std::mem::take(&mut self.first)
            && text.starts_with(MARK)
        {
            text.remove(0);
        }
        Ok(next)
    }

    /// Passes over the rest of a line that was cut. `false`: a signal ends rlab.
    fn skip(&mut self) -> Result<bool> {
        let skipped = self.input.skip_until(b'\n');
        if self.asked() {
            return Ok(false);
        }
        skipped.map_err(cannot)?;
        Ok(true)
    }

    fn asked(&self) -> bool {
        self.input.get_ref().asked
    }
}

/// What can be waited for without being deaf to signals, also within a line.
struct Waiting {
    file: File,
    terminal: bool,
    /// Whether a signal has ended the waiting.
    asked: bool,
}

impl Read for Waiting {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Came::Signal(_) = wait_for(self.file.as_fd(), None, None) {
                self.asked = true;
                return Err(std::io::Error::other("a signal ends rlab"));
            }
            let read = if self.terminal { read_now(&mut self.file, piece) } else { self.file.read(piece) };
            match read {
                // Someone else was faster, or a terminal has thrown it away.
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                read => return read,
            }
        }
    }
}

fn read_line(input: &mut impl BufRead) -> Result<Next> {
    let mut text = String::new();
    loop {
        let mut bytes = Vec::new();
        let read = input.by_ref().take(LIMIT).read_until(b'\n', &mut bytes);
        match read.map_err(cannot)? {
            0 if text.is_empty() => return Ok(Next::End),
            0 => return Ok(Next::Line(text)),
            _ => text.push_str(&String::from_utf8_lossy(&bytes)),
        }
        if !open_quote(&text) || text.len() as u64 >= LIMIT {
            break;
        }
    }
    if text.len() as u64 >= LIMIT && !text.ends_with('\n') {
        return Ok(Next::Cut(text));
    }
    while text.ends_with(['\n', '\r']) {
        text.pop();
    }
    Ok(Next::Line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8]) -> Vec<String> {
        let mut next = || match read_line(&mut input).unwrap() {
            Next::Line(text) => Some(text),
            Next::Cut(text) => {
                input.skip_until(b'\n').unwrap();
                Some(text)
            }
            Next::End | Next::Asked => None,
        };
        std::iter::from_fn(&mut next).collect()
    }

    #[test]
    fn what_was_thrown_away_is_not_waited_for() {
        use std::io::Write;
        let pty = nix::pty::openpty(None, None).unwrap();
        let (mut keys, mut slave) = (File::from(pty.master), File::from(pty.slave));
        keys.write_all(b"line\n").unwrap();
        let mut piece = [0; 16];
        assert_eq!(read_now(&mut slave, &mut piece).unwrap(), 5);
        assert_eq!(read_now(&mut slave, &mut piece).unwrap_err().kind(), ErrorKind::WouldBlock);
        let flags = OFlag::from_bits_retain(fcntl(&slave, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn lines_come_one_by_one_and_go_on_in_quotes() {
        assert_eq!(lines(b"ps\n\nls /\r\nlast"), ["ps", "", "ls /", "last"]);
        assert_eq!(lines(b"sh -c 'a\nb'\nps\n"), ["sh -c 'a\nb'", "ps"]);
        assert_eq!(lines(b"echo 'never closed\n"), ["echo 'never closed\n"]);
        assert_eq!(lines(b"a\xffb\n"), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_its_rest_is_no_line() {
        let mut input = vec![b'x'; 200_000];
        input.extend_from_slice(b"\nps\n");
        let read = lines(&input);
        assert_eq!(read.len(), 2);
        assert!(read[0].len() as u64 <= LIMIT);
        assert_eq!(read[1], "ps");
    }
}
