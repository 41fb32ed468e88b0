//! What happens at a learner's, on the disk before anything is sent: lines are only ever added, each is one write, and each
//! holds the hash of the one before. It is the evidence that the learner keeps.
//!
//! A kill can leave half a line at the end. It was never sent, since only whole lines are, so it is cut off.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::workshop::chain::{self, End};
use crate::workshop::evidence::{Evidence, LARGEST};
use crate::workshop::wire::{Event, Heading, What};

/// Lines that the word `sent` shows.
const SHOWN: usize = 12;

/// The file, open to be added to.
pub struct Spool {
    file: File,
    path: PathBuf,
    length: u64,
    end: End,
    latest: VecDeque<(u64, String)>,
}

impl Spool {
    /// Opens it, or begins one with this heading.
    ///
    /// # Errors
    /// It cannot be read or written, it is somebody else's, or it is not as rlab has written it.
    pub fn open(path: &Path, heading: &Heading) -> Result<Self> {
        let cannot = |why: String| {
            Trouble::sandbox(format!("the record of what happens cannot be kept in `{}`", path.display()))
                .because(why)
                .hint("move the file away and join under another name; the board keeps what it has")
        };
        let told = |error: std::io::Error| cannot(error.to_string());
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(told)?;
        let mut bytes = Vec::new();
        let read = (&file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(told)?;
        if read as u64 > LARGEST {
            return Err(cannot(format!("it is longer than {LARGEST} bytes")));
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(told)?;
        bytes.truncate(whole);
        let text = String::from_utf8(bytes).map_err(|_| cannot("it is no text".to_owned()))?;
        let mut spool = Self {
            file,
            path: path.to_owned(),
            length: whole as u64,
            end: End::START,
            latest: VecDeque::new(),
        };
        if text.is_empty() {
            let line = serde_json::to_string(heading).map_err(|error| cannot(error.to_string()))?;
            spool.add(&line).map_err(told)?;
            return Ok(spool);
        }
        let found =
            Evidence::read(&text).map_err(|wrong| cannot(format!("line {}: {}", wrong.line, wrong.why)))?;
        if found.heading.learner != heading.learner {
            return Err(cannot(format!("it is the record of another learner, {}", found.heading.name)));
        }
        spool.end = found.end;
        for event in found.events.iter().rev().take(SHOWN).rev() {
            spool.latest.push_back((event.seq, chain::line(event)));
        }
        Ok(spool)
    }

    /// Adds what happened.
    ///
    /// # Errors
    /// The disk is full; then nothing is added.
    pub fn push(&mut self, at: u64, what: What) -> std::io::Result<()> {
        let event = self.end.event(at, what);
        if event.check().is_err() {
            // Nothing that the board would refuse: it would stand in the way of all that comes after it.
            return Ok(());
        }
        let Ok(end) = self.end.then(&event) else { return Ok(()) };
        let line = chain::line(&event);
        self.add(&line)?;
        self.ends_with(end, line);
        Ok(())
    }

    /// Adds an event that the board has, and that was lost here.
    ///
    /// # Errors
    /// It does not go on from the last one here, or cannot be written.
    pub fn restore(&mut self, event: &Event) -> Result<(), String> {
        event.check()?;
        let end = self.end.then(event).map_err(|_| "it does not go on from what is here".to_owned())?;
        let line = chain::line(event);
        if self.length + line.len() as u64 >= LARGEST {
            return Err(format!("it is longer than {LARGEST} bytes"));
        }
        self.add(&line).map_err(|error| error.to_string())?;
        self.ends_with(end, line);
        Ok(())
    }

    fn ends_with(&mut self, end: End, line: String) {
        self.end = end;
        self.latest.push_back((end.seq, line));
        if self.latest.len() > SHOWN {
            self.latest.pop_front();
        }
    }

    /// One write a line, so that a kill leaves all of it or an end that is seen to be missing.
    fn add(&mut self, line: &str) -> std::io::Result<()> {
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes());
        match written {
            Ok(()) => self.length += line.len() as u64,
            // Half a line would be the beginning of the next one.
            Err(_) => self.file.set_len(self.length)?,
        }
        written
    }

    /// The last event.
    pub fn end(&self) -> End {
        self.end
    }

    /// The latest events with their numbers, as they were sent.
    pub fn latest(&self) -> impl Iterator<Item = (u64, &str)> {
        self.latest.iter().map(|(seq, line)| (*seq, line.as_str()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading() -> Heading {
        Heading {
            format: 1,
            board: "localhost:8647".to_owned(),
            learner: "0123456789abcdef".to_owned(),
            name: "Ada".to_owned(),
        }
    }

    fn tried(tries: u32) -> What {
        What::Tried { lab: "chroot".to_owned(), step: "enter".to_owned(), tries }
    }

    #[test]
    fn wherever_a_kill_cuts_it_the_whole_lines_stay_and_the_chain_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("spool");
        let mut spool = Spool::open(&path, &heading()).unwrap();
        for tries in 1..4 {
            spool.push(u64::from(tries), tried(tries)).unwrap();
        }
        drop(spool);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let mut spool = Spool::open(&path, &heading()).unwrap();
            assert_eq!(spool.end().seq, lines.saturating_sub(1) as u64, "cut at {cut}");
            spool.push(9, tried(9)).unwrap();
            drop(spool);
            let read = Evidence::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(read.events.last().unwrap().at, 9);
        }
    }

    #[test]
    fn a_record_that_was_changed_is_not_added_to() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("spool");
        let mut spool = Spool::open(&path, &heading()).unwrap();
        spool.push(1, tried(1)).unwrap();
        spool.push(2, tried(2)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"tries\":1", "\"tries\":8", 1);
        std::fs::write(&path, &text).unwrap();
        assert!(Spool::open(&path, &heading()).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left as it is");
        assert!(Spool::open(&path, &Heading { learner: "f".repeat(16), ..heading() }).is_err());
    }

    #[test]
    fn what_the_board_would_refuse_is_never_written() {
        let home = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&home.path().join("spool"), &heading()).unwrap();
        let what = What::Step { lab: "My Lab".to_owned(), step: "enter".to_owned() };
        spool.push(1, what).unwrap();
        assert_eq!(spool.end().seq, 0);
    }
}
