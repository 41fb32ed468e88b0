//! A learner's evidence: the file into which their rlab writes what it sends, and which they keep. It tells by itself whether
//! something was left out, put in or changed.

use crate::workshop::chain::{self, Broken, End};
use crate::workshop::rules;
use crate::workshop::wire::{Event, FORMAT, Heading};

/// Bytes of a file that is read: weeks of a learner who does nothing else.
pub const LARGEST: u64 = 64 << 20;

/// Whose it is, and what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Whose.
    pub heading: Heading,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// The last event; the board has the same where it has all of it.
    pub end: End,
}

/// Why a text is no evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
    /// Whether it is evidence with a broken chain, not something else.
    pub forged: bool,
}

impl Evidence {
    /// Reads a file whole.
    ///
    /// # Errors
    /// The first line that is not as it was written.
    pub fn read(text: &str) -> Result<Self, Wrong> {
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        let wrong = |line, why: String| Wrong { line, why, forged: false };
        let (_, first) = lines.next().ok_or_else(|| wrong(1, "the file is empty".to_owned()))?;
        let heading: Heading = serde_json::from_str(first)
            .map_err(|error| wrong(1, format!("this is not how evidence begins: {error}")))?;
        if heading.format != FORMAT {
            return Err(wrong(
                1,
                format!("it is of format {}, and this rlab reads {FORMAT}", heading.format),
            ));
        }
        let is_name = rules::name(&heading.name).as_ref() == Ok(&heading.name);
        if !is_name || !is_learner(&heading.learner) {
            return Err(wrong(1, "the name or the id of the learner is none".to_owned()));
        }
        let (mut events, mut end) = (Vec::new(), End::START);
        for (at, line) in lines {
            let event: Event = serde_json::from_str(line).map_err(|error| Wrong {
                line: at,
                why: format!("this is no event: {error}"),
                forged: true,
            })?;
            let forged = |why: &str| Wrong { line: at, why: why.to_owned(), forged: true };
            event.check().map_err(|why| forged(&why))?;
            if chain::line(&event) != line {
                return Err(forged("it is not written as rlab writes it"));
            }
            end = end.then(&event).map_err(|broken| {
                forged(match broken {
                    Broken::Gap => "events before this one were left out",
                    Broken::Used => "an event with this number was there already",
                    Broken::Forged => "it does not hold the hash of the event before: that one was changed",
                })
            })?;
            events.push(event);
        }
        Ok(Self { heading, events, end })
    }
}

/// Whether this can be a learner's id.
pub fn is_learner(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workshop::wire::What;

    fn file() -> String {
        let mut text = String::from(
            "{\"format\":1,\"board\":\"10.0.0.1:8647\",\"learner\":\"0123456789abcdef\",\"name\":\"Ada\"}\n",
        );
        let mut end = End::START;
        for at in 0..3 {
            let what = What::Tried { lab: "chroot".to_owned(), step: "enter".to_owned(), tries: at + 1 };
            let event = end.event(1000 + u64::from(at), what);
            end = end.then(&event).unwrap();
            text += &(chain::line(&event) + "\n");
        }
        text
    }

    #[test]
    fn a_file_is_whole_or_tells_where_it_is_not() {
        let whole = file();
        let read = Evidence::read(&whole).unwrap();
        assert_eq!((read.events.len(), read.end.seq, read.heading.name.as_str()), (3, 3, "Ada"));
        let lines: Vec<&str> = whole.lines().collect();
        let without = |n: usize| {
            lines
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != n)
                .map(|(_, line)| format!("{line}\n"))
                .collect::<String>()
        };
        assert_eq!(Evidence::read(&without(1)).unwrap_err().line, 2);
        assert_eq!(Evidence::read(&without(2)).unwrap_err().line, 3);
        assert!(Evidence::read(&without(2)).unwrap_err().forged);
        // The last one can be cut off unseen: that is what the board's number is for.
        assert_eq!(Evidence::read(&without(3)).unwrap().end.seq, 2);
        let changed = whole.replacen("\"tries\":1", "\"tries\":7", 1);
        assert_eq!(Evidence::read(&changed).unwrap_err().line, 3, "the event after it tells");
        let spaced = whole.replacen("\"tries\":1", "\"tries\": 1", 1);
        assert_eq!(Evidence::read(&spaced).unwrap_err().line, 2);
        let bare = without(0);
        for (bad, line) in [("", 1), ("{}\n", 1), (bare.as_str(), 1)] {
            let wrong = Evidence::read(bad).unwrap_err();
            assert!(wrong.line == line && !wrong.forged, "{wrong:?}");
        }
    }
}
