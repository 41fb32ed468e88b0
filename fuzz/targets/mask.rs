//! Masking: no text panics, masked twice is masked once, and what a mask does not know is kept.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlab::recipe::outcome::{HostState, Paired};
use rlab::render::mask::Masker;

fuzz_target!(|input: (Vec<u16>, &str)| {
    let (pids, text) = input;
    let mut mask = Masker::new();
    mask.host(&HostState {
        mounts: Vec::new(),
        hostname: "workshop".to_owned(),
        processes: 80,
        strays: pids
            .iter()
            .map(|pid| Paired { pid: i32::from(*pid), pid_inside: 1, command: String::new() })
            .collect(),
        groups: Vec::new(),
        jobs: 0,
        directories: Vec::new(),
        rootfs: None,
        image: None,
    });
    let once = mask.text(text);
    assert_eq!(mask.text(&once), once);
    for pid in pids.iter().map(|pid| i32::from(*pid)).filter(|pid| *pid > 1) {
        let name = mask.pid(pid);
        assert!(name.starts_with("<pid-"));
        // Equal is equal, different is different.
        for other in pids.iter().map(|other| i32::from(*other)).filter(|other| *other > 1) {
            assert_eq!(mask.pid(other) == name, other == pid);
        }
    }
});
