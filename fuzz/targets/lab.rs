//! Lab files: no text panics, each mistake has a place that can be shown, and what is read can be linted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlab::lab::file::Lab;
use rlab::lab::lint::lint;

fuzz_target!(|text: &str| {
    match Lab::read("lab.toml", text) {
        Ok(lab) => drop(lint(&lab)),
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(mistake.line >= 1 && mistake.line <= text.split('\n').count());
                assert!(mistake.to_string().contains('^'));
            }
        }
    }
});
