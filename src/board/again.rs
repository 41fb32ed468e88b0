//! Codes for learners who have lost their token, with the machine or the home that it was on. The instructor makes one for
//! a learner, tells it to that learner, and it is worth that name alone: nobody else in the room can use the chance.
//!
//! They are in memory: a board that is started again knows none, and the instructor makes another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::workshop::rules::{self, Code};

/// The codes that are out: place of the learner, code, until when.
#[derive(Default)]
pub struct Again(Mutex<HashMap<usize, (Code, u64)>>);

impl Again {
    /// A code for the learner at this place; one that was made before is worth nothing any more. Until when it is taken,
    /// in milliseconds since 1970.
    pub fn make(&self, place: usize, code: Code, now: u64) -> u64 {
        let until = now + rules::AGAIN_MINUTES * 60_000;
        self.codes().insert(place, (code, until));
        until
    }

    /// Until when the code of that learner would have been taken, where this is it. It is good for once; a wrong one changes
    /// nothing.
    pub fn take(&self, place: usize, code: Code, now: u64) -> Option<u64> {
        let mut codes = self.codes();
        let (_, until) = *codes.get(&place).filter(|(made, until)| *made == code && now < *until)?;
        codes.remove(&place);
        Some(until)
    }

    /// A code that was taken for nothing is as good as before, unless another one was made since.
    pub fn give_back(&self, place: usize, code: Code, until: u64) {
        self.codes().entry(place).or_insert((code, until));
    }

    fn codes(&self) -> std::sync::MutexGuard<'_, HashMap<usize, (Code, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_for_one_learner_once_and_for_a_while() {
        let again = Again::default();
        let (code, other) = (Code::of([1; 6]), Code::of([2; 6]));
        let until = again.make(3, code, 1_000);
        assert_eq!([again.take(4, code, 1_000), again.take(3, other, 1_000)], [None; 2]);
        assert_eq!(again.take(3, code, until), None, "it is over");
        assert_eq!(again.take(3, code, until - 1), Some(until));
        assert_eq!(again.take(3, code, until - 1), None, "it was used");
        again.give_back(3, code, until);
        assert_eq!(again.take(3, code, until - 1), Some(until), "it was used for nothing");
        let later = again.make(3, other, 2_000);
        again.give_back(3, code, until);
        assert_eq!(again.take(3, code, 2_001), None, "there is a newer one");
        assert_eq!(again.take(3, other, 2_001), Some(later));
    }
}
