//! What a program did to the screen and did not undo. One that is killed cannot clean up after itself: the cursor stays
//! hidden, the other page shown, the mouse captured. So its output is followed (ECMA-48, xterm's private modes), and
//! what it left switched is switched back.

use std::collections::BTreeMap;

/// Parameters that are read of one sequence; no real one is longer.
const LONGEST: usize = 32;

/// The screen as the output so far has left it.
#[derive(Debug, Default)]
pub struct Screen {
    state: State,
    parameters: String,
    /// Private modes that were switched, and how they are now.
    modes: BTreeMap<u16, bool>,
    /// Whether colours or weights are on.
    styled: bool,
    /// Whether letters are drawn as lines (the alternate character set).
    shifted: bool,
    /// Whether the cursor is past the first column.
    inside_line: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    Sequence,
}

impl Screen {
    /// Follows a piece of output.
    pub fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (self.state, byte) {
            (_, 0x1b) => self.state = State::Escape,
            (State::Escape, b'[') => {
                self.parameters.clear();
                self.state = State::Sequence;
            }
            (State::Escape, _) => self.state = State::Text,
            (State::Sequence, 0x20..=0x3f) if self.parameters.len() < LONGEST => {
                self.parameters.push(char::from(byte));
            }
            (State::Sequence, 0x40..=0x7e) => {
                self.sequence(byte);
                self.state = State::Text;
            }
            (State::Sequence, _) => self.state = State::Text,
            (State::Text, 0x0e) => self.shifted = true,
            (State::Text, 0x0f) => self.shifted = false,
            (State::Text, b'\r' | b'\n') => self.inside_line = false,
            (State::Text, 0x20..) => self.inside_line = true,
            (State::Text, _) => {}
        }
    }

    fn sequence(&mut self, last: u8) {
        match (last, self.parameters.strip_prefix('?')) {
            (b'h' | b'l', Some(numbers)) => {
                let numbers = numbers.split(';').filter_map(|number| number.parse::<u16>().ok());
                self.modes.extend(numbers.map(|number| (number, last == b'h')));
            }
            (b'm', _) => {
                let reset = |number: &str| number.trim_start_matches('0').is_empty();
                self.styled = self.parameters.rsplit(';').next().is_some_and(|number| !reset(number));
            }
            _ => {}
        }
    }

    /// Whether the other page is shown, as an editor does: nothing may be written there.
    pub fn elsewhere(&self) -> bool {
        [47, 1047, 1049].iter().any(|mode| self.modes.get(mode) == Some(&true))
    }

    /// What brings the screen back: nothing for a program that has cleaned up.
    pub fn undo(&self) -> String {
        // Wrapped lines and the cursor are on from the beginning, all others off.
        const ON: [u16; 2] = [7, 25];
        // Whether the cursor blinks is the learner's own choice, and nobody knows it.
        const UNKNOWN: u16 = 12;
        let mut out = String::new();
        let left = self.modes.iter().filter(|(mode, on)| **mode != UNKNOWN && ON.contains(mode) != **on);
        for (mode, on) in left {
            out.push_str(&format!("\x1b[?{mode}{}", if *on { 'l' } else { 'h' }));
        }
        if self.shifted {
            out.push('\x0f');
        }
        if self.styled {
            out.push_str("\x1b[0m");
        }
        if self.inside_line {
            out.push_str("\r\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undo(output: &str) -> String {
        let mut screen = Screen::default();
        // Pieces are cut anywhere.
        for byte in output.as_bytes() {
            screen.note(&[*byte]);
        }
        screen.undo()
    }

    #[test]
    fn a_program_that_cleans_up_leaves_nothing_to_do() {
        for clean in [
            "",
            "plain text\r\n",
            "\x1b[1;32mgreen\x1b[0m\r\n",
            "\x1b[mtext\x1b[m\n",
            "\x1b[?1049h\x1b[?25l drawn \x1b[?25h\x1b[?1049l\r",
        ] {
            assert_eq!(undo(clean), "", "{clean:?}");
        }
    }

    #[test]
    fn what_was_left_switched_is_switched_back() {
        assert_eq!(undo("\x1b[?1049h\x1b[?25l\r"), "\x1b[?25h\x1b[?1049l");
        assert_eq!(undo("\x1b[?1000;1006h\r"), "\x1b[?1000l\x1b[?1006l");
        assert_eq!(undo("\x1b[31mred\n"), "\x1b[0m");
        assert_eq!(undo("\x0ejunk\n"), "\x0f");
        assert_eq!(undo("/ # "), "\r\n");
        assert_eq!(undo("\x1b[?25"), "", "a sequence that never ended has done nothing");
    }
}
