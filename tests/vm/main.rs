//! The kernel matrix: real kernels under software emulation, every lab with its checks in each, compared with
//! snapshots. `cargo test --features vm --test vm` runs all of it; CONTRIBUTING.md says how to add a scenario.
//!
//! - [`scenario`]: the table of machines: which kernel, which root, which control groups, which user.
//! - [`kernel`]: Debian's kernel packages, downloaded and unpacked, never installed.
//! - [`cpio`]: the archive that a kernel unpacks as its first file system.
//! - [`guest`]: one boot: what goes in, QEMU, the console, what comes out.
//! - [`report`]: what a guest told, as the text of a snapshot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod cpio;
mod guest;
mod kernel;
mod report;
mod scenario;
#[path = "../support/mod.rs"]
mod support;

use scenario::Scenario;

/// Boots a scenario and compares all that it told with its snapshot.
fn hold(scenario: &Scenario) {
    let Some(told) = guest::told(scenario) else { return };
    let told = told.as_ref().unwrap_or_else(|trouble| panic!("{}: {trouble}", scenario.name));
    support::snapshots(scenario.name).bind(|| insta::assert_snapshot!("vm", report::text(told)));
    for (lab, transcript) in report::transcripts(told) {
        let name = format!("transcript-{lab}");
        support::snapshots(scenario.transcripts).bind(|| insta::assert_snapshot!(name, transcript));
    }
}

/// One test a scenario, so that they run side by side and fail by name.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => { $(
        #[test]
        fn $name() {
            hold(scenario::named(stringify!($name)));
        }
    )+
        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}

scenarios!(v2);

#[test]
fn every_scenario_of_the_table_is_tested() {
    let table: Vec<&str> = scenario::TABLE.iter().map(|scenario| scenario.name).collect();
    assert_eq!(table, TESTED);
}
