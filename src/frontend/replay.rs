//! `rlab present --replay`: the solution types itself at reading speed, and stops at every prediction until Enter is pressed.
//!
//! What is typed is what an empty line would run, so a replay goes the same way as a learner who follows the grey text. Enter
//! goes on at once, a blank holds it, Ctrl-C hands over the prompt.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use crate::error::Result;
use crate::frontend::keys::OneByOne;
use crate::frontend::repl::Session;
use crate::frontend::signals::{Came, wait_for};
use crate::render::document::{Role, painted};
use crate::session::event::Event;
use crate::session::walk::Flow;

/// Letters of a word, with the blank after it.
const LETTERS: u64 = 6;
/// Milliseconds before the next line: what nothing takes to read, and what nobody waits longer for.
const READING: (u64, u64) = (800, 20_000);
/// Milliseconds of one wait; longer ones are made of several.
const SLICE: u64 = 30_000;

/// What came of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Time is up.
    None,
    /// On at once.
    Enter,
    /// Hold.
    Hold,
    /// A digit.
    Digit(char),
    /// Enough.
    Stop,
}

/// How a replay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The lab is over, or the instructor takes the keys.
    HandsOver,
    /// The session ends.
    Quit,
}

impl Session<'_> {
    /// Replays the lab in which the session stands, at so many words a minute.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(super) fn replay(&mut self, words: u32) -> Result<Ended> {
        let a_word = 60_000 / u64::from(words.max(1));
        let lab = self.walk.position().map(|position| position.lab);
        let mut asked = None;
        let mut checked = 0;
        loop {
            if self.asked_to_end() || self.terminal.gone() {
                return Ok(Ended::Quit);
            }
            let Some(position) = self.walk.position().filter(|position| Some(&position.lab) == lab.as_ref())
            else {
                self.tell(&Event::Note("the replay is over: the prompt is yours".to_owned()));
                return Ok(Ended::HandsOver);
            };
            let step = Some(position.step);
            if self.walk.is_asked() && asked != step {
                asked.clone_from(&step);
                match self.prediction() {
                    Some(answer) if answer.is_empty() => {}
                    Some(answer) => drop(self.line(&answer)),
                    None => return Ok(self.handed_over()),
                }
                continue;
            }
            let Some(text) = self.walk.suggestion() else { return Ok(self.handed_over()) };
            // The solution is typed and a check does not hold: whoever stands in front takes it from here.
            checked = if text == "check" { checked + 1 } else { 0 };
            if checked > 1 || !self.types(&text, a_word) {
                return Ok(self.handed_over());
            }
            self.words_told = 0;
            if self.line(&text) == Flow::Quit {
                return Ok(Ended::Quit);
            }
            let reading = (self.words_told as u64 * a_word).clamp(READING.0.min(4 * a_word), READING.1);
            if self.walk.interrupted() || self.pause(reading) == Key::Stop {
                return Ok(self.handed_over());
            }
        }
    }

    fn handed_over(&mut self) -> Ended {
        self.tell(&Event::Note("the replay stops here: the prompt is yours".to_owned()));
        Ended::HandsOver
    }

    /// Stops at a question until Enter: what the room says, or nothing. `None`: enough.
    fn prediction(&mut self) -> Option<String> {
        self.tell(&Event::Note("what does the room say? A number, or just Enter".to_owned()));
        let asks = self.asks();
        let asks = painted(Role::Prompt, &asks, &self.terminal.look());
        self.terminal.data(&asks);
        let mut answer = String::new();
        let _keys = OneByOne::begin();
        loop {
            match self.key(None) {
                Key::Digit(digit) if answer.len() < 9 => {
                    answer.push(digit);
                    let shown = painted(Role::Learner, &digit.to_string(), &self.terminal.look());
                    self.terminal.data(&shown);
                }
                Key::Enter => {
                    self.terminal.data("\r\n");
                    return Some(answer);
                }
                Key::Stop => {
                    self.terminal.data("\r\n");
                    return None;
                }
                Key::Digit(_) | Key::Hold | Key::None => {}
            }
        }
    }

    /// Types a line, letter by letter. `false`: enough.
    fn types(&mut self, text: &str, a_word: u64) -> bool {
        let look = self.terminal.look();
        let asks = painted(Role::Prompt, &self.asks(), &look);
        self.terminal.data(&asks);
        let keys = OneByOne::begin();
        let mut hurry = false;
        for letter in text.chars() {
            let shown = match letter {
                // A line of a lab may go on.
                '\n' => "\r\n".to_owned(),
                letter => painted(Role::Learner, &letter.to_string(), &look),
            };
            self.terminal.data(&shown);
            match if hurry { Key::None } else { self.rest(a_word / LETTERS) } {
                Key::Enter => hurry = true,
                Key::Stop => {
                    self.terminal.data("\r\n");
                    return false;
                }
                Key::None | Key::Hold | Key::Digit(_) => {}
            }
        }
        drop(keys);
        self.terminal.data("\n");
        true
    }

    /// Time to read.
    fn pause(&mut self, millis: u64) -> Key {
        let _keys = OneByOne::begin();
        self.rest(millis)
    }

    /// Waits so long; a blank holds until the next key.
    fn rest(&mut self, millis: u64) -> Key {
        match self.key(Some(millis)) {
            Key::Hold => match self.key(None) {
                Key::Stop => Key::Stop,
                _ => Key::None,
            },
            key => key,
        }
    }

    fn key(&mut self, millis: Option<u64>) -> Key {
        let stdin = std::io::stdin();
        let patience = millis.map(|millis| u16::try_from(millis.min(SLICE)).unwrap_or(u16::MAX));
        match wait_for(stdin.as_fd(), None, patience) {
            Came::Nothing => return Key::None,
            Came::Signal(_) => return Key::Stop,
            Came::Input | Came::Other => {}
        }
        let mut key = [0];
        let read = stdin.as_fd().try_clone_to_owned().and_then(|keys| File::from(keys).read(&mut key));
        match (read, key[0]) {
            (Ok(1), b'\r' | b'\n') => Key::Enter,
            (Ok(1), b' ') => Key::Hold,
            (Ok(1), digit @ b'0'..=b'9') => Key::Digit(char::from(digit)),
            // Ctrl-C, Ctrl-D.
            (Ok(1), 3 | 4) => Key::Stop,
            (Ok(1), _) => Key::None,
            _ => Key::Stop,
        }
    }
}
