//! Every condition: evidence of which it holds, evidence of which it does not, and what is told of it.

mod evidence;
mod rows;

use std::collections::BTreeSet;

use crate::lab::judge::tests::evidence::{Case, changed, group, outcome, refused, table, unseen};
use crate::lab::judge::tests::rows::every_row;
use crate::lab::read::conditions::CONDITIONS;
use crate::recipe::outcome::{End, Outcome, Place};

#[test]
fn every_condition_holds_and_fails_as_it_says() {
    for (condition, good, told, bad, told_of_bad) in every_row() {
        let verdict = good.judge(condition);
        assert_eq!((verdict.pass, verdict.observed.as_str()), (true, told), "{condition}");
        let verdict = bad.judge(condition);
        assert_eq!((verdict.pass, verdict.observed.as_str()), (false, told_of_bad), "{condition}");
    }
}

#[test]
fn no_condition_is_left_out_above() {
    let rows = every_row();
    let tried: BTreeSet<&str> =
        rows.iter().filter_map(|(condition, ..)| condition.split_whitespace().next()).collect();
    let known: BTreeSet<&str> = CONDITIONS.iter().map(|(key, _)| *key).collect();
    assert_eq!(tried, known);
}

#[test]
fn before_anything_ran_a_condition_on_an_outcome_fails() {
    let mut case = Case::new();
    case.outcomes.clear();
    assert_eq!(case.judge("status = 0").observed, "nothing was run yet");
    assert_eq!(case.judge("on = \"host\"\nstatus = 0").observed, "nothing was run on the host yet");
    assert!(!case.judge("stdout_lacks = \"x\"").pass);
}

#[test]
fn conditions_must_hold_of_one_and_the_same_outcome() {
    let both = "status = 0\npid_inside = 1";
    let mut case = unseen(|seen| seen.nspid = vec![24163]);
    case.outcomes.push(Outcome { end: End::Exited(1), ..outcome() });
    let verdict = case.judge(both);
    assert!(!verdict.pass);
    assert_eq!(verdict.observed, "exit status 1");
    case.outcomes.insert(0, outcome());
    let verdict = case.judge(both);
    assert!(verdict.pass, "an outcome before the latest may be the one");
    assert_eq!(verdict.observed, "exit status 0, PID 1 inside, 24163 on the host");
}

#[test]
fn a_condition_on_the_machine_is_needed_besides_the_outcome() {
    let mut case = Case::new();
    assert!(case.judge("status = 0\nnothing_left = true").pass);
    case.now.groups.push(group());
    let verdict = case.judge("status = 0\nnothing_left = true");
    assert_eq!((verdict.pass, verdict.observed.as_str()), (false, "still there: /sys/fs/cgroup/memory/rlab"));
}

#[test]
fn what_ran_on_the_host_says_nothing_about_inside() {
    let case = changed(|outcome| outcome.place = Place::Host);
    assert!(case.judge("on = \"host\"\nstatus = 0").pass);
    assert!(!case.judge("status = 0").pass);
}

#[test]
fn a_failure_tells_of_the_outcome_that_shows_most() {
    // The last line never got as far as a PID; the one before did.
    let mut case = unseen(|seen| seen.nspid = vec![24163]);
    case.outcomes.extend(refused("mount", 1).outcomes);
    assert_eq!(case.judge("pid_inside = 1").observed, "PID 24163 inside and on the host");
}

#[test]
fn one_process_is_never_the_host_however_small_that_is() {
    let case = unseen(|seen| seen.host_processes = 2);
    assert!(!case.judge("processes_seen = \"host\"").pass);
}

const HOST_LISTING: &str = "PID CMD\n1 a\n2 b\n3 c\n";

#[test]
fn the_row_at_which_an_answer_first_changes_is_found() {
    let changes = "changes = { \"ps -A\" = \"+ PID namespace\" }";
    let mut case = Case::new();
    case.now.processes = 4;
    assert_eq!(case.judge(changes).observed, "`ablate` was not run yet");
    case.ablation = Some(table(&[
        ("nothing", HOST_LISTING, End::Exited(0)),
        // Another process of the host has come: still the same answer.
        ("chroot", "PID CMD\n1 a\n2 b\n3 c\n4 d\n", End::Exited(0)),
        ("+ PID namespace", "PID CMD\n1 ps\n", End::Exited(0)),
    ]));
    let verdict = case.judge(changes);
    assert!(verdict.pass, "{}", verdict.observed);
    assert_eq!(verdict.observed, "`ps -A` changes at `+ PID namespace`: 1 process");
    let verdict = case.judge("changes = { \"ps -A\" = \"chroot\" }");
    assert!(!verdict.pass, "the answer is the same there");
}

#[test]
fn a_kill_is_a_change_and_no_change_is_told() {
    let mut case = Case::new();
    let changes = "changes = { \"ps -A\" = \"limit\" }";
    case.ablation = Some(table(&[("nothing", "", End::Exited(0)), ("limit", "", End::Signaled(9))]));
    let verdict = case.judge(changes);
    assert!(verdict.pass && verdict.observed.ends_with("changes at `limit`: killed by SIGKILL, status 137"));
    case.ablation = Some(table(&[("nothing", "", End::Exited(0)), ("limit", "", End::Exited(0))]));
    assert_eq!(case.judge(changes).observed, "`ps -A` answers the same in every row");
    // How it failed is the answer, whatever was printed before.
    case.ablation = Some(table(&[("nothing", "a", End::Exited(1)), ("limit", "b", End::Exited(1))]));
    assert!(!case.judge(changes).pass);
}

#[test]
fn a_cell_is_judged_by_any_condition_on_an_outcome() {
    let mut case = Case::new();
    let condition = "cell = { row = \"limit\", probe = \"ps -A\" }\nstatus = 137";
    case.ablation = Some(table(&[("nothing", "", End::Exited(0)), ("limit", "", End::Signaled(9))]));
    assert!(case.judge(condition).pass);
    case.ablation = Some(table(&[("nothing", "", End::Signaled(9)), ("limit", "", End::Exited(0))]));
    assert!(!case.judge(condition).pass);
}
