//! Bare hands on cgroup v2: the twins of the article's lines reach every goal. Where the article's
//! own groups are, `tests/challenge.rs` pastes its own lines.

use crate::guest::Told;
use crate::report::left;

/// The scenario in which it is tried.
const ON: &str = "v2";
/// Those labs that have one.
const LABS: [&str; 4] = ["chroot", "pid-namespace", "memory-cgroup", "container"];

/// What the guest does, where it does.
pub(crate) fn script(scenario: &str) -> Option<&'static [u8]> {
    (scenario == ON).then_some(include_bytes!("guest/challenge"))
}

/// Holds that each was completed, and that the machine is as it was.
pub(crate) fn hold(scenario: &str, guest: &Told) {
    if scenario != ON {
        return;
    }
    for lab in LABS {
        let of = |suffix: &str| guest.file(&format!("challenge-{lab}.{suffix}")).trim();
        let shown = of("stdout");
        assert!(of("status") == "0" && !shown.contains('✗'), "{lab}:\n{shown}\n{}", of("stderr"));
        assert!(shown.contains('✓'), "{lab}:\n{shown}");
    }
    assert_eq!(left(guest.file("challenge-before"), guest.file("challenge-after")), "nothing\n");
}
