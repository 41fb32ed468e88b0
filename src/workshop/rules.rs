//! How much is taken, what a name may be, what a code is. Both sides hold the same rules.

use std::fmt;

/// Where a board listens, unless it is told otherwise.
pub const PORT: u16 = 7700;
/// Events in one message.
pub const EVENTS_A_BATCH: usize = 256;
/// Bytes of a message with events.
pub const BYTES_A_BATCH: usize = 256 * 1024;
/// Bytes of any other message.
pub const BYTES: usize = 4 * 1024;
/// Seconds that a question for orders waits at the board.
pub const ORDERS_WAIT: u64 = 25;
/// Characters of a message to all.
pub const MESSAGE: usize = 500;
/// Characters of a name.
pub const NAME: usize = 40;
/// Learners of one room.
pub const LEARNERS: usize = 1000;
/// Minutes in which a code of a learner's own is taken.
pub const AGAIN_MINUTES: u64 = 15;
/// Checks of a step.
pub const CHECKS: usize = 64;
/// The largest integer that every reader of JSON keeps exactly: 2⁵³ − 1.
pub const LARGEST: u64 = (1 << 53) - 1;

/// Whether this can be the id of a lab or a step.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Whether this can be the name of an errno.
pub fn is_errno(text: &str) -> bool {
    (2..=16).contains(&text.len())
        && text.starts_with('E')
        && text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9'))
}

/// Whether this can be the name of a system call.
pub fn is_call(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// A name as the room sees it: spaces at the ends gone, others single.
///
/// # Errors
/// Why it cannot be one, in words.
pub fn name(typed: &str) -> Result<String, &'static str> {
    let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > NAME {
        return Err("a name has at most 40 characters");
    }
    if name.chars().any(|c| c.is_control() || turns(c)) {
        return Err("a name has no control characters");
    }
    if !name.chars().any(char::is_alphanumeric) {
        return Err("a name has at least one letter or digit");
    }
    Ok(name)
}

/// What two names have in common that the room would take for one: small letters, and nothing that is not seen.
pub fn same_name(name: &str) -> String {
    let unseen = |c: &char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    name.chars().filter(|c| !unseen(c)).flat_map(char::to_lowercase).collect()
}

/// Text for everyone's terminal: one line, nothing that a terminal would obey; none where nothing is left, or too much.
pub fn message(typed: &str) -> Option<String> {
    let text = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = (1..=MESSAGE).contains(&text.chars().count());
    (fits && !text.chars().any(|c| c.is_control() || turns(c))).then_some(text)
}

/// Characters that change the direction of others, or are never seen: with them a name can look like another. The two
/// that join letters are part of how people are called.
fn turns(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The code of a room: six characters that nobody takes for others when they are read aloud or from a projector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code([u8; 6]);

impl Code {
    /// No `I` and `1`, no `O` and `0`.
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    /// Made of these random bytes: 30 bits.
    pub fn of(random: [u8; 6]) -> Self {
        Self(random.map(|byte| Self::ALPHABET[usize::from(byte % 32)]))
    }

    /// Reads what was typed: small letters, spaces and `-` are fine.
    pub fn read(typed: &str) -> Option<Self> {
        let mut kept =
            typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase());
        let mut code = [0; 6];
        for place in &mut code {
            *place = u8::try_from(kept.next()?).ok().filter(|byte| Self::ALPHABET.contains(byte))?;
        }
        kept.next().is_none().then_some(Self(code))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_people_are_taken_and_tricks_are_not() {
        for good in [
            "Ada",
            "Ælfrēd",
            "李小龍",
            "O'Brien",
            "Ada Lovelace",
            "ada@host",
            "<b>Bob</b>",
            "7",
            "می\u{200c}خواهم",
        ] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        assert_eq!(name("  Ada \t Lovelace\n").as_deref(), Ok("Ada Lovelace"));
        let long = "x".repeat(NAME + 1);
        for bad in [
            "",
            "   ",
            "\u{1b}[31mred",
            "a\0b",
            "Ada\u{202e}",
            "A\u{200b}da",
            "---",
            "\u{3164}",
            &long,
            "\u{200d}",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_the_same() {
        assert_eq!(same_name("ADA"), same_name("ada"));
        assert_eq!(same_name("A\u{200d}da"), same_name("Ada"));
        assert_ne!(same_name("कि"), same_name("क"));
        assert_ne!(same_name("Ada"), same_name("Adam"));
    }

    proptest! {
        #[test]
        fn a_name_that_was_taken_is_taken_as_it_is(typed in "\\PC{0,50}|.{0,50}") {
            if let Ok(taken) = name(&typed) {
                prop_assert_eq!(name(&taken), Ok(taken.clone()));
                prop_assert!(!taken.chars().any(char::is_control));
                prop_assert!(!same_name(&taken).is_empty());
            }
        }

        #[test]
        fn a_message_is_one_line_that_no_terminal_obeys(typed in "\\PC{0,50}|.{0,600}") {
            if let Some(text) = message(&typed) {
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert_eq!(message(&text), Some(text.clone()));
            }
        }

        #[test]
        fn a_code_is_read_as_it_is_told(random: [u8; 6]) {
            let code = Code::of(random);
            let told = code.to_string();
            prop_assert_eq!(told.len(), 6);
            prop_assert_eq!(Code::read(&told), Some(code));
            let typed = format!(" {}-{} ", told[..3].to_lowercase(), &told[3..]);
            prop_assert_eq!(Code::read(&typed), Some(code));
        }

        #[test]
        fn nothing_else_is_a_code(typed in ".{0,12}") {
            if let Some(code) = Code::read(&typed) {
                prop_assert_eq!(Code::read(&code.to_string()), Some(code));
            }
            prop_assert_eq!(Code::read(&format!("{typed}0")), None);
        }
    }
}
