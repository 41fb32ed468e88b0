//! The file of progress: no bytes panic, and what is read is written so that it reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlab::session::progress::{Found, Progress};

fuzz_target!(|bytes: &[u8]| {
    if let Found::Progress(progress) = Progress::read(bytes) {
        let written = serde_json::to_vec(&progress).expect("progress is JSON");
        assert_eq!(Progress::read(&written), Found::Progress(progress.clone()));
        let nothing = Progress::default();
        let merged = nothing.clone().merged(&nothing, &progress);
        assert_eq!(merged.clone().merged(&nothing, &progress), merged);
        for lab in progress.labs() {
            let mut left = progress.clone();
            assert!(left.forget(&lab).is_some());
            assert!(!left.labs().contains(&lab));
        }
    }
});
