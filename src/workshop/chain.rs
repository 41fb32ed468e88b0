//! Each event holds the hash of the one before it: an event that is left out, put in or changed later breaks the chain.
//!
//! The hash is SHA-256 (FIPS 180-4) over the compact JSON of the event, its fields in the order of
//! [`Event`]. There is no key in it: whoever keeps the hash of the last event
//! (the board does) can tell whether a file is the one that was sent; nobody else can.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::workshop::wire::{Event, What};

/// A SHA-256; in JSON 64 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first event has in the place of the one before it.
    pub const NONE: Self = Self([0; 32]);

    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 small hexadecimal digits.
    pub fn read(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| de::Error::custom("a hash is 64 small hexadecimal digits"))
    }
}

/// The end of a learner's chain: the last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its `seq`; 0 where there is none yet.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Why an event cannot be the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Its `seq` is there already. It is fine where the hash is the same.
    Used,
    /// Events before it are missing.
    Gap,
    /// It does not hold the hash of the event before it.
    Forged,
}

impl End {
    /// Of a chain with no event.
    pub const START: Self = Self { seq: 0, hash: Hash::NONE };

    /// The next event, made of what happened.
    pub fn event(&self, at: u64, what: What) -> Event {
        Event { seq: self.seq + 1, at, previous: self.hash, what }
    }

    /// The end once this event is on the chain.
    ///
    /// # Errors
    /// It cannot be the next one.
    pub fn then(&self, event: &Event) -> Result<Self, Broken> {
        match event.seq {
            seq if seq <= self.seq => Err(Broken::Used),
            seq if seq > self.seq + 1 => Err(Broken::Gap),
            _ if event.previous != self.hash => Err(Broken::Forged),
            seq => Ok(Self { seq, hash: hash(event) }),
        }
    }
}

/// The event as it is hashed, stored and kept by the learner: compact JSON, one line.
pub fn line(event: &Event) -> String {
    // The type has no map with other keys than text and no number that JSON lacks, so there is nothing to refuse.
    serde_json::to_string(event).unwrap_or_default()
}

/// The hash of an event.
pub fn hash(event: &Event) -> Hash {
    Hash::of(line(event).as_bytes())
}

/// Goes over a whole chain from its start.
///
/// # Errors
/// The `seq` that the first wrong event has, and what is wrong with it.
pub fn verify<'e>(events: impl IntoIterator<Item = &'e Event>) -> Result<End, (u64, Broken)> {
    events
        .into_iter()
        .try_fold(End::START, |end, event| end.then(event).map_err(|broken| (event.seq, broken)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workshop::wire::Batch;

    fn id() -> impl Strategy<Value = String> {
        "[a-z][a-z0-9-]{0,20}"
    }

    fn what() -> impl Strategy<Value = What> {
        let place = (id(), id());
        (
            place,
            0..9_usize,
            1..9_u32,
            proptest::collection::vec(0..9_u32, 0..4),
            proptest::option::of(any::<bool>()),
        )
            .prop_map(|((lab, step), kind, n, failed, right)| match kind {
                0 => What::Step { lab, step },
                1 => What::Tried { lab, step, tries: n },
                2 => What::Verdict { lab, step, passed: failed.is_empty(), failed },
                3 => What::Hint { lab, step, hint: n, of: 9 },
                4 => What::Errno { lab, step, errno: "EPERM".to_owned(), call: "mount".to_owned() },
                5 => What::Predicted { lab, step, choice: n, right },
                6 => What::Asked { lab, step },
                7 => What::Unasked {},
                _ => What::Left {},
            })
    }

    fn chain(whats: &[What]) -> Vec<Event> {
        let mut end = End::START;
        let mut events = Vec::new();
        for (at, what) in whats.iter().enumerate() {
            let event = end.event(1_700_000_000_000 + at as u64, what.clone());
            end = end.then(&event).unwrap();
            events.push(event);
        }
        events
    }

    proptest! {
        #[test]
        fn what_was_sent_is_what_is_read(whats in proptest::collection::vec(what(), 1..9)) {
            let batch = Batch { events: chain(&whats) };
            let text = serde_json::to_string(&batch).unwrap();
            let read: Batch = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &batch);
            for event in &read.events {
                prop_assert_eq!(event.check(), Ok(()));
                prop_assert!(!line(event).contains('\n'));
            }
            let last = read.events.last().unwrap();
            prop_assert_eq!(verify(&read.events), Ok(End { seq: whats.len() as u64, hash: hash(last) }));
        }

        #[test]
        fn an_event_that_is_taken_out_or_changed_is_noticed(
            whats in proptest::collection::vec(what(), 2..9),
            place in any::<prop::sample::Index>(),
            by in 1..1_000_u64,
        ) {
            let events = chain(&whats);
            let place = place.index(events.len() - 1);
            let mut without = events.clone();
            without.remove(place);
            prop_assert_eq!(verify(&without).unwrap_err().1, Broken::Gap);
            let mut twice = events.clone();
            twice.insert(place, events[place].clone());
            prop_assert_eq!(verify(&twice).unwrap_err(), (place as u64 + 1, Broken::Used));
            // Every event but the last is held by the one after it.
            let mut changed = events;
            changed[place].at += by;
            prop_assert_eq!(verify(&changed).unwrap_err(), (place as u64 + 2, Broken::Forged));
        }

        #[test]
        fn a_hash_is_read_as_it_is_written(bytes: [u8; 32]) {
            prop_assert_eq!(Hash::read(&Hash(bytes).to_string()), Some(Hash(bytes)));
        }

        #[test]
        fn no_text_breaks_the_reader_of_hashes(text in ".{0,70}") {
            if let Some(hash) = Hash::read(&text) {
                prop_assert_eq!(hash.to_string(), text);
            }
        }
    }

    /// What `sha256sum` says of the line: the format must stay what it is, since files of learners hold it.
    #[test]
    fn the_hash_of_an_event_is_the_sha256_of_its_line() {
        let event = End::START.event(1, What::Step { lab: "chroot".to_owned(), step: "enter".to_owned() });
        assert_eq!(
            line(&event),
            "{\"seq\":1,\"at\":1,\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\
             \"what\":{\"kind\":\"step\",\"lab\":\"chroot\",\"step\":\"enter\"}}"
        );
        assert_eq!(
            hash(&event).to_string(),
            "d645bb26b513205f0666baf8a1dc957a92c7770ca1a31a7352b4bc54327af65a"
        );
        let left = End::START.event(1, What::Left {});
        assert!(line(&left).ends_with("\"what\":{\"kind\":\"left\"}}"));
    }

    #[test]
    fn what_is_not_in_the_format_is_refused() {
        let zeros = Hash::NONE;
        let event = |what: &str| {
            serde_json::from_str::<Event>(&format!(
                r#"{{"seq":1,"at":1,"previous":"{zeros}","what":{what}}}"#
            ))
        };
        assert!(event(r#"{"kind":"left"}"#).is_ok());
        for what in [
            r#"{"kind":"typed","line":"rm -rf /"}"#,
            r#"{"kind":"left","hostname":"mine"}"#,
            r#"{"kind":"step","lab":"chroot","step":"enter","line":"ls"}"#,
            r#"{"kind":"step","lab":"chroot"}"#,
            r#"{"kind":"tried","lab":"chroot","step":"enter","tries":-1}"#,
        ] {
            assert!(event(what).is_err(), "{what}");
        }
        for what in [
            r#"{"kind":"step","lab":"../chroot","step":"enter"}"#,
            r#"{"kind":"hint","lab":"chroot","step":"enter","hint":4,"of":3}"#,
            r#"{"kind":"errno","lab":"chroot","step":"enter","errno":"rm -rf","call":"mount"}"#,
        ] {
            assert!(event(what).unwrap().check().is_err(), "{what}");
        }
    }
}
