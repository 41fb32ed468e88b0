//! The line grammar: no text panics; what is read prints as what reads back; a refusal points into the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlab::recipe::line::Line;

fuzz_target!(|text: &str| {
    match Line::parse(text) {
        Ok(line) => {
            let printed = line.to_string();
            assert_eq!(Line::parse(&printed).as_ref(), Ok(&line), "{printed:?}");
        }
        Err(error) => assert!(error.at <= text.len() && text.is_char_boundary(error.at)),
    }
});
