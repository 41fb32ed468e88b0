//! Tests of masking: identity is kept, nothing else is touched.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::mask::{HOST_PROCESSES, Masker};
use super::samples::{self, ONE, Volatile};
use crate::lab::check::Verdict;
use crate::recipe::outcome::{End, Outcome, Place};

fn knowing(v: Volatile) -> Masker {
    let mut mask = Masker::new();
    mask.host(&samples::host(v));
    mask
}

fn with(command: &str, stdout: &str, like: &Outcome) -> Outcome {
    Outcome { command: command.to_owned(), stdout: stdout.to_owned(), ..like.clone() }
}

fn observed(mask: &Masker, text: &str) -> String {
    let verdict = Verdict { claim: String::new(), pass: true, observed: text.to_owned() };
    mask.verdicts(&[verdict]).remove(0).observed
}

#[test]
fn a_sentence_is_masked_where_it_speaks_of_the_host() {
    let mask = knowing(ONE);
    let name = mask.pid(24163);
    for (text, masked) in [
        ("PID 1 inside, 24163 on the host", format!("PID 1 inside, {name} on the host")),
        ("PID 24163 inside and on the host", format!("PID {name} inside and on the host")),
        ("`sleep 24163` runs as 24163 on the host", format!("`sleep 24163` runs as {name} on the host")),
        ("exit status 24163", "exit status 24163".to_owned()),
        ("241630 on the host", "241630 on the host".to_owned()),
        (
            "31 mounts, 84 processes, 0 cgroups of ours",
            "<n> mounts, <n> processes, 0 cgroups of ours".to_owned(),
        ),
        ("it sees 84 processes, the host has 83", "it sees <n> processes, the host has <n>".to_owned()),
        ("it sees 1 process", "it sees 1 process".to_owned()),
        ("peak 7335936 B", "peak <n> B".to_owned()),
        ("7340032 in memory.limit_in_bytes", "7340032 in memory.limit_in_bytes".to_owned()),
        ("oom_kill 0 → 1", "oom_kill 0 → 1".to_owned()),
        ("oom_kill 0 → 1, the kernel killed `sh`, x", "oom_kill 0 → 1, <kernel log>, x".to_owned()),
        ("the kernel's log cannot be read here", "<kernel log>".to_owned()),
        ("output `workshop`", "output `<host>`".to_owned()),
        ("in a workshop", "in a workshop".to_owned()),
        ("/tmp/rlab.7.8/rootfs is there", "<work>/rootfs is there".to_owned()),
        (
            "wrote /sys/fs/cgroup/memory/rlab.7.8.402653/tasks",
            "wrote /sys/fs/cgroup/memory/<group>/tasks".to_owned(),
        ),
        ("rlab.toml is no directory of ours", "rlab.toml is no directory of ours".to_owned()),
    ] {
        assert_eq!(observed(&mask, text), masked);
    }
}

#[test]
fn a_namespace_that_differs_still_differs() {
    let mut mask = Masker::new();
    let seen = samples::probe_after(ONE);
    mask.outcome(&seen);
    let pairs = &seen.seen.as_ref().expect("it was seen").namespaces;
    for (kind, pair) in pairs {
        let (inside, host) = (mask.namespace(ONE.pid, pair.inside), mask.namespace(ONE.pid, pair.host));
        assert_eq!(inside == host, !pair.own(), "{kind:?}");
    }
    let text = format!("pid:[{}]", pairs[&crate::recipe::ingredient::Namespace::Pid].inside);
    assert_ne!(mask.text(&text), text);
    assert_eq!(mask.text("pid:[4026531999]"), "pid:[<ns>]");
}

#[test]
fn a_number_that_the_kernel_uses_again_is_another_namespace() {
    let pid_namespace = |v: Volatile| v.namespace + 1;
    let later = |namespace| Volatile { pid: 24170, namespace, ..ONE };
    let told = |second: Volatile| {
        let mut mask = Masker::new();
        mask.outcome(&samples::probe_after(ONE));
        mask.outcome(&samples::probe_after(second));
        let about = |v: Volatile| format!("pid namespace {}, {} on the host", pid_namespace(v), v.pid);
        (mask.text(&about(ONE)), mask.text(&about(second)))
    };
    let (first, second) = told(later(ONE.namespace));
    assert_ne!(first, second);
    assert!(first.contains("<ns-"), "{first}");
    assert_eq!(told(later(ONE.namespace + 100)), (first, second));
}

#[test]
fn listings_of_the_host_are_one_line() {
    let mut mask = Masker::new();
    let host = samples::probe_before(ONE);
    assert_eq!(mask.outcome(&host).stdout, format!("PID USER TIME COMMAND\n{HOST_PROCESSES}\n"));
    let ls = with("ls /proc", "1\n17\n24163\ncpuinfo\n", &host);
    assert_eq!(mask.outcome(&ls).stdout, format!("{HOST_PROCESSES}\n"));
    let count = with("ps -A | wc -l", "85\n", &host);
    assert_eq!(mask.outcome(&count).stdout, "<n>\n");
    let other = with("echo 85", "85\n", &host);
    assert_eq!(mask.outcome(&other).stdout, "85\n");
}

#[test]
fn listings_of_a_container_are_kept() {
    let mut mask = Masker::new();
    let inside = samples::probe_after(ONE);
    assert_eq!(mask.outcome(&inside).stdout, inside.stdout);
    // A process may be called by a number that is a PID elsewhere.
    let named = with("ps", "PID COMMAND\n  1 sleep 24163\n", &inside);
    assert_eq!(mask.outcome(&named).stdout, named.stdout);
}

#[test]
fn the_host_sees_the_container_among_its_own() {
    let mut mask = Masker::new();
    let stays = samples::probe_after(ONE);
    mask.outcome(&stays);
    let rows = "root 24163 0.0 0.1 4312 1024 ? S 14:03 0:00 sleep 1234\n\
                root 24170 0.0 0.1 4312 1024 ? S 14:03 0:00 grep sleep\n";
    let headed = "PID USER COMMAND\n24163 root sleep 1234\n1 root init\n";
    let listed = Outcome { place: Place::Host, ..with("ps -A", headed, &stays) };
    let host = Outcome { place: Place::Host, ..with("ps aux | grep sleep", rows, &stays) };
    let name = mask.pid(24163);
    assert_eq!(mask.outcome(&host).stdout, format!("{name} sleep 1234\n"));
    assert_eq!(
        mask.outcome(&listed).stdout,
        format!("PID USER COMMAND\n{name} sleep 1234\n{HOST_PROCESSES}\n")
    );
    assert_eq!(observed(&mask, "`sleep 1234` runs"), "`sleep 1234` runs");
    assert_eq!(
        observed(&mask, "exit status 0, output `root 24163 0.0 0.1 4312 1024 ? S 14:03 0:00 sleep 1…`"),
        format!("exit status 0, output `{name} sleep 1234`")
    );
}

#[test]
fn what_a_filter_finds_of_others_is_chance() {
    let stays = samples::probe_after(ONE);
    let mut mask = Masker::new();
    mask.outcome(&stays);
    let found = |stdout: &str, end| Outcome {
        place: Place::Host,
        end,
        ..with("ps -A -o pid,time,args | grep '[s]leep 1234'", stdout, &stays)
    };
    let (own, other) = ("24163 00:00:00 sleep 1234\n", "24999 00:01:00 sleep 1234\n");
    let both = format!("{other}{own}");
    for (alone, busy) in [
        (found("", End::Exited(1)), found(other, End::Exited(0))),
        (found(own, End::Exited(0)), found(&both, End::Exited(0))),
    ] {
        let masked = mask.outcome(&alone);
        assert_eq!(mask.outcome(&busy), masked);
        assert_eq!(masked.end, alone.end, "what really was, alone");
        assert_eq!(mask.outcome(&masked), masked);
    }
    // With many others in front, a quotation is cut before it comes to the row that is ours.
    let crowd = other.repeat(5);
    let mut mask = Masker::new();
    mask.outcome(&stays);
    mask.outcome(&found(&crowd, End::Exited(0)));
    mask.outcome(&found(&format!("{crowd}{own}"), End::Exited(0)));
    let quote: String = crowd.replace('\n', " ").chars().take(59).collect();
    let name = mask.pid(24163);
    assert_eq!(observed(&mask, &format!("output `{quote}…`")), format!("output `{name} sleep 1234`"));
    // Something else that prints nothing of ours has ended as it has ended.
    let cut =
        Outcome { command: "ps -A | grep '[s]leep 1234' | head".to_owned(), ..found(other, End::Exited(0)) };
    assert_eq!(mask.outcome(&cut).end, End::Exited(0));
}

#[test]
fn the_members_of_a_group_are_names() {
    let mut mask = Masker::new();
    let stays = samples::probe_after(ONE);
    mask.outcome(&stays);
    let host = Outcome { place: Place::Host, ..with("cat $CGROUP/tasks", "24163\n24190\n", &stays) };
    assert_eq!(mask.outcome(&host).stdout, format!("{}\n<pid>\n", mask.pid(24163)));
    let limit = with("cat $CGROUP/memory.limit_in_bytes", "7340032\n", &host);
    assert_eq!(mask.outcome(&limit).stdout, "7340032\n");
    let usage = with("cat $CGROUP/memory.usage_in_bytes", "229376\n", &host);
    assert_eq!(mask.outcome(&usage).stdout, "<n>\n");
}

#[test]
fn whether_the_kernels_log_was_read_does_not_show() {
    let (mut one, mut other) = (Masker::new(), Masker::new());
    let read = samples::killed(ONE);
    let mut unread = read.clone();
    if let Some(memory) = unread.memory.as_mut() {
        memory.victim = None;
    }
    assert_eq!(one.outcome(&read), other.outcome(&unread));
}

#[test]
fn a_load_that_is_too_much_counts_one_kill() {
    let run = |mask: &mut Masker, before, after| {
        let mut outcome = samples::killed(ONE);
        if let Some(memory) = outcome.memory.as_mut() {
            (memory.oom_kill_before, memory.oom_kill_after) = (before, after);
        }
        let memory = mask.outcome(&outcome).memory.expect("it has the memory side");
        (memory.oom_kill_before, memory.oom_kill_after)
    };
    let mut mask = Masker::new();
    assert_eq!(run(&mut mask, 0, 2), (0, 1));
    assert_eq!(observed(&mask, "oom_kill 0 → 2, status 2"), "oom_kill 0 → 1, status 2");
    assert_eq!(run(&mut mask, 2, 2), (1, 1));
    assert_eq!(observed(&mask, "oom_kill 2 → 2"), "oom_kill 1 → 1");
    assert_eq!(run(&mut mask, 2, 3), (1, 2));
    // Another group begins again.
    assert_eq!(run(&mut mask, 0, 0), (0, 0));
    assert_eq!(run(&mut mask, 0, 1), (0, 1));
    assert_eq!(run(&mut mask, 1, 1), (1, 1));
}

#[test]
fn a_mask_of_bits_is_no_process() {
    let stays = samples::probe_after(ONE);
    let text = "Pid:\t31415\nCapInh:\t0000000000000000\nSigCgt:\t0000000000200000\n";
    let shown = Masker::new().outcome(&with("cat /proc/self/status", text, &stays)).stdout;
    assert_eq!(shown, text.replace("31415", "<pid>"));
}

#[test]
fn pgrep_names_one_process_a_line() {
    let mut mask = Masker::new();
    let stays = samples::probe_after(ONE);
    mask.outcome(&stays);
    let host = Outcome { place: Place::Host, ..with("pgrep -a sleep", "24163 sleep 1234\n", &stays) };
    assert_eq!(mask.outcome(&host).stdout, format!("{} sleep 1234\n", mask.pid(24163)));
    let unknown = Outcome { stdout: "24999 sleep 1234\n".to_owned(), ..host };
    assert_eq!(mask.outcome(&unknown).stdout, "<pid> sleep 1234\n");
}

#[test]
fn files_of_the_host_are_one_line() {
    let mut mask = Masker::new();
    let mut host = with("ls /", "bin\nboot\nsrv\n", &samples::probe_before(ONE));
    assert_eq!(mask.outcome(&host).stdout, host.stdout);
    if let Some(seen) = host.seen.as_mut() {
        seen.root_own = false;
    }
    assert_eq!(mask.outcome(&host).stdout, "<host files>\n");
}

#[test]
fn an_observation_that_quotes_a_listing_is_masked() {
    let mut mask = Masker::new();
    mask.outcome(&samples::probe_before(ONE));
    let quote = "output `PID USER TIME COMMAND 1 root 0:00 /usr/lib/process-0 --wit…`";
    assert_eq!(observed(&mask, quote), format!("output `{HOST_PROCESSES}`"));
    assert_eq!(observed(&mask, "output `PID USER TIME COMMAND`"), "output `PID USER TIME COMMAND`");
    assert_eq!(observed(&mask, "85 lines of output"), "<n> lines of output");
    assert_eq!(observed(&mask, "2 lines of output"), "2 lines of output");
    assert_eq!(observed(&mask, "output `1`"), "output `1`");
    mask.begin_step();
    assert_eq!(observed(&mask, "85 lines of output"), "85 lines of output");
}

#[test]
fn descriptors_are_masked_and_sizes_are_not() {
    let mut mask = Masker::new();
    let mut outcome = samples::probe_after(ONE);
    outcome.calls = vec![
        samples::call("write", "9, \"7340032\", 7", 7),
        samples::call("mount", "\"proc\", \"/proc/self/fd/11\", \"proc\", 0, NULL", 0),
        samples::call("mkdir", "\"/tmp/rlab.4.5/rootfs\", 0755", 0),
    ];
    let args: Vec<String> = mask.outcome(&outcome).calls.into_iter().map(|call| call.args).collect();
    assert_eq!(
        args,
        [
            "<fd>, \"7340032\", 7",
            "\"proc\", \"/proc/self/fd/<fd>\", \"proc\", 0, NULL",
            "\"<work>/rootfs\", 0755"
        ]
    );
}

proptest! {
    #[test]
    fn equal_is_equal_and_different_is_different(pids in proptest::collection::vec(2_i32..4_194_304, 1..40)) {
        let mut mask = Masker::new();
        for &pid in &pids {
            let mut outcome = samples::probe_after(ONE);
            if let Some(seen) = outcome.seen.as_mut() {
                seen.pid = pid;
            }
            outcome.calls.clear();
            mask.outcome(&outcome);
        }
        let told: Vec<String> =
            pids.iter().map(|pid| mask.text(&format!("PID 1 inside, {pid} on the host"))).collect();
        let mut names = BTreeMap::new();
        for (pid, told) in pids.iter().zip(&told) {
            prop_assert!(told.contains("<pid-"), "{told}");
            prop_assert_eq!(names.entry(*pid).or_insert(told), &told);
        }
        let different: std::collections::BTreeSet<_> = names.values().collect();
        prop_assert_eq!(different.len(), names.len());
    }

    #[test]
    fn masking_twice_is_masking_once(
        text in "(PID |pid |/proc/|/tmp/rlab\\.|`|[0-9]{1,6}|24163|24165| on the host|[.,:\\[\\] -]|processes|peak |workshop|\\PC){0,24}",
    ) {
        let mut mask = knowing(ONE);
        mask.outcome(&samples::probe_before(ONE));
        let once = mask.text(&text);
        prop_assert_eq!(mask.text(&once), once.clone());
        let outcome = with("ps", &text, &samples::probe_before(ONE));
        let once = mask.outcome(&outcome);
        prop_assert_eq!(&mask.outcome(&once), &once);
    }

    #[test]
    fn other_numbers_are_kept(number in 0_u64..100_000) {
        let mask = knowing(ONE);
        prop_assume!(number != 24163);
        let text = format!("status {number} of {number}x in x{number} at {number}.5");
        prop_assert_eq!(mask.text(&text), text);
    }

    #[test]
    fn a_namespace_keeps_its_name_and_shares_it_with_no_other(
        runs in proptest::collection::vec((2_i32..4_194_304, proptest::collection::vec(4_026_532_000_u64..4_026_532_020, 7)), 1..8),
    ) {
        let mut mask = Masker::new();
        let mut names: BTreeMap<String, (i32, u64)> = BTreeMap::new();
        for (pid, ids) in &runs {
            let mut seen = samples::seen(Volatile { pid: *pid, ..ONE }, true, None);
            seen.pid = *pid;
            for (pair, id) in seen.namespaces.values_mut().zip(ids) {
                pair.inside = *id;
            }
            let outcome = Outcome { seen: Some(seen.clone()), ..samples::probe_after(ONE) };
            mask.outcome(&outcome);
            for pair in seen.namespaces.values().filter(|pair| pair.own()) {
                let name = mask.namespace(*pid, pair.inside);
                prop_assert!(name.starts_with("<ns-"), "{name}");
                let owner = names.entry(name.clone()).or_insert((*pid, pair.inside));
                prop_assert_eq!(*owner, (*pid, pair.inside), "{} stands for two namespaces", name);
                prop_assert_eq!(mask.namespace(*pid, pair.inside), name);
            }
        }
    }
}

#[test]
fn a_digest_has_one_name_however_much_of_it_is_told() {
    let mask = knowing(ONE);
    let (one, two) = ("9b65e50a93c0aa9a90ca201b2698c2485cd120cb78f994c87dbc1c3fa35e57b0", "0".repeat(64));
    assert_eq!(mask.text(&format!("{one}: OK, {two}")), "<digest-1>: OK, <digest-2>");
    assert_eq!(mask.text(&format!("sha256:{} of", &one[..12])), "sha256:<digest-1> of");
    assert_eq!(observed(&mask, &format!("output `{}…`", &one[..57])), "output `<digest-1>…`");
    let sizes = format!("sha256:{two}  669 bytes\nsha256:{two}  481 bytes, gzip\n669 bytes\n");
    let masked = "sha256:<digest-2>  <n> bytes\nsha256:<digest-2>  <n> bytes, gzip\n669 bytes\n";
    assert_eq!(mask.text(&sizes), masked);
    assert_eq!(mask.text("9b65e50a93c0… and deadbeef"), "9b65e50a93c0… and deadbeef");
}
