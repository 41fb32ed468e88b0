//! The kernel matrix: real kernels under software emulation, every lab with its checks in each, compared with
//! snapshots. `cargo test --features vm --test vm` runs all of it; CONTRIBUTING.md says how to add a scenario.
//!
//! - [`scenario`]: the table of machines: which kernel, which root, which control groups, which user.
//! - [`kernel`]: Debian's kernel packages, downloaded and unpacked, never installed.
//! - [`cpio`]: the archive that a kernel unpacks as its first file system.
//! - [`bring`]: what some guests get beside BusyBox and rlab.
//! - [`guest`]: one boot: what goes in, QEMU, the console, what comes out.
//! - [`report`]: what a guest told, as the text of a snapshot.
//! - [`calls`]: what each lab did there.
//! - [`provoke`]: refusals that no other machine answers, and what rlab says of them.
//! - [`challenge`]: bare hands on cgroup v2.
//! - [`recorded`]: the runs on cgroup v2 that the book shows.
//! - [`page`]: what all of them told, as a page of the book.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod bring;
mod calls;
mod challenge;
mod cpio;
mod guest;
mod kernel;
mod page;
mod provoke;
mod recorded;
mod report;
mod scenario;
#[path = "../support/mod.rs"]
mod support;

use scenario::Scenario;

/// Boots a scenario and compares all that it told with its snapshot.
fn hold(scenario: &'static Scenario) {
    let Some(told) = guest::told(scenario) else { return };
    let told = told.as_ref().unwrap_or_else(|trouble| panic!("{}: {trouble}", scenario.name));
    support::snapshots(scenario.name).bind(|| insta::assert_snapshot!("vm", report::text(told)));
    for (lab, calls) in calls::labs(told) {
        support::snapshots(scenario.like).bind(|| insta::assert_snapshot!(format!("calls-{lab}"), calls));
    }
    provoke::hold(scenario.name, told);
    challenge::hold(scenario.name, told);
    recorded::hold(scenario.name, told);
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

scenarios!(
    v2,
    v2_newer,
    v2_off,
    v2_boxed,
    v2_filtered,
    v1,
    v1_newer,
    hybrid,
    memory_off,
    no_groups,
    read_only,
    ramfs,
    disk,
    v1_swap,
    shared,
    no_user_namespaces,
    user,
    user_delegated,
    user_delegated_shell,
    user_no_namespaces,
    user_masked_proc,
    user_v1,
    apparmor,
);

#[test]
fn the_page_of_the_book_tells_what_ran() {
    let mut rows = Vec::new();
    for scenario in scenario::TABLE {
        match guest::told(scenario) {
            Some(Ok(told)) => rows.push(page::Row::of(scenario, &told)),
            // Told as a skip, or as the failure of its own test.
            _ => return,
        }
    }
    page::compare(rows, page::Row::here());
}

#[test]
fn every_scenario_of_the_table_is_tested() {
    let table: Vec<&str> = scenario::TABLE.iter().map(|scenario| scenario.name).collect();
    assert_eq!(table, TESTED);
}
