//! Conditions on one outcome.

use crate::lab::check::{Evidence, Observation};
use crate::lab::claim::{LimitClaim, MemoryClaim, OutcomeClaim};
use crate::lab::judge::seen::judge_seen;
use crate::lab::judge::words::{counted, errno_name, shortened, signal_name};
use crate::recipe::ingredient::Resource;
use crate::recipe::outcome::{Call, CallResult, End, LimitSeen, MemorySeen, Outcome};

/// Judges one condition of one outcome.
pub(in crate::lab) fn judge_outcome(
    claim: &OutcomeClaim,
    outcome: &Outcome,
    evidence: &Evidence<'_>,
) -> Observation {
    match claim {
        OutcomeClaim::Exit(number) => {
            let holds = matches!(outcome.end, End::Exited(code) if number.holds(code));
            Observation::new(holds, ended(outcome))
        }
        OutcomeClaim::Status(number) => {
            let holds = outcome.end.status(&outcome.calls).is_some_and(|status| number.holds(status));
            Observation::new(holds, ended(outcome))
        }
        OutcomeClaim::Signal(signal) => {
            Observation::new(outcome.end == End::Signaled(*signal), ended(outcome))
        }
        OutcomeClaim::Errno { errno, call } => refused(outcome, *errno, call.as_deref()),
        OutcomeClaim::Stdout(text) => {
            Observation::new(outcome.stdout.trim() == text.trim(), printed("output", &outcome.stdout))
        }
        OutcomeClaim::StdoutContains(parts) => contains("output", &outcome.stdout, parts),
        OutcomeClaim::StdoutLacks(parts) => {
            match parts.iter().find(|part| outcome.stdout.contains(part.as_str())) {
                Some(part) => Observation::new(false, format!("the output has `{}`", shortened(part))),
                None => Observation::new(true, printed("output", &outcome.stdout)),
            }
        }
        OutcomeClaim::StdoutLines(number) => {
            let lines = outcome.stdout.lines().count();
            Observation::new(number.holds(lines), format!("{} of output", counted(lines, "line")))
        }
        OutcomeClaim::StderrContains(parts) => contains("error output", &outcome.stderr, parts),
        OutcomeClaim::Running(wanted) => running(outcome, *wanted, evidence),
        OutcomeClaim::Limits(limits) => limits
            .iter()
            .map(|(resource, claim)| limit(*resource, *claim, &outcome.limits))
            .reduce(both)
            .unwrap_or_else(|| Observation::unknown("no limit is claimed")),
        OutcomeClaim::Memory(claim) => match &outcome.memory {
            Some(memory) => judge_memory(claim, memory),
            None => Observation::unknown("it ran in no group with a memory controller"),
        },
        OutcomeClaim::Seen(claim) => match &outcome.seen {
            Some(seen) => judge_seen(claim, seen),
            None => Observation::unknown(format!("nothing was seen of `{}`", shortened(&outcome.command))),
        },
    }
}

/// How it ended, in words.
pub(in crate::lab) fn ended(outcome: &Outcome) -> String {
    match outcome.end {
        End::Exited(code) => format!("exit status {code}"),
        End::Signaled(signal) => format!("killed by {}, status {}", signal_name(signal), 128 + signal),
        End::Refused(errno) => match outcome.calls.last() {
            Some(call) => format!("{} was refused: {}", call.name, errno_name(errno)),
            None => format!("the launch was refused: {}", errno_name(errno)),
        },
        End::Running => "still running".to_owned(),
    }
}

fn refused(outcome: &Outcome, errno: i32, call: Option<&str>) -> Observation {
    let named = |name: &str| call.is_none_or(|wanted| wanted == name);
    let failed = |call: &&Call| matches!(call.result, CallResult::Errno(_));
    let hit = outcome.calls.iter().find(|call| named(&call.name) && call.result == CallResult::Errno(errno));
    if let Some(hit) = hit {
        return Observation::new(true, format!("{} was refused: {}", hit.name, errno_name(errno)));
    }
    if call.is_none() && outcome.end == End::Refused(errno) {
        return Observation::new(true, ended(outcome));
    }
    match outcome.calls.iter().rfind(failed) {
        Some(Call { name, result: CallResult::Errno(other), .. }) => {
            Observation::new(false, format!("{name} was refused: {}", errno_name(*other)))
        }
        _ => Observation::new(false, format!("no call was refused, {}", ended(outcome))),
    }
}

fn printed(what: &str, text: &str) -> String {
    let short = shortened(text);
    if short.is_empty() { format!("no {what}") } else { format!("{what} `{short}`") }
}

fn contains(what: &str, text: &str, parts: &[String]) -> Observation {
    match parts.iter().find(|part| !text.contains(part.as_str())) {
        Some(part) => Observation::new(
            false,
            format!("no `{}` in the {what}, {}", shortened(part), printed(what, text)),
        ),
        None => Observation::new(true, printed(what, text)),
    }
}

fn running(outcome: &Outcome, wanted: bool, evidence: &Evidence<'_>) -> Observation {
    let Some(number) = outcome.job else {
        return Observation::unknown("it was not left running in the background");
    };
    let alive = evidence.jobs.iter().any(|job| job.number == number && job.alive);
    let pid = outcome.seen.as_ref().map_or(String::new(), |seen| format!(" as {} on the host", seen.pid));
    let text = if alive {
        format!("`{}` runs{pid}", shortened(&outcome.command))
    } else {
        format!("`{}` has ended", shortened(&outcome.command))
    };
    Observation::new(alive == wanted, text)
}

fn limit(resource: Resource, claim: LimitClaim, seen: &[LimitSeen]) -> Observation {
    let Some(found) = seen.iter().find(|limit| limit.resource == resource) else {
        return Observation::unknown(format!("no {} is set", resource.name()));
    };
    let holds = match claim {
        LimitClaim::Max => found.number.is_none(),
        LimitClaim::Number(number) => found.number.is_some_and(|value| number.holds(value)),
    };
    let file = found.file.rsplit('/').next().unwrap_or(&found.file);
    Observation::new(holds, format!("{} in {file}", found.value))
}

fn judge_memory(claim: &MemoryClaim, memory: &MemorySeen) -> Observation {
    let (before, after) = (memory.oom_kill_before, memory.oom_kill_after);
    let kills = after.saturating_sub(before);
    match claim {
        MemoryClaim::OomKill(number) => {
            Observation::new(number.holds(kills), format!("oom_kill {before} → {after}"))
        }
        MemoryClaim::PeakAtLeast(bytes) => peak(memory, |peak| peak >= *bytes),
        MemoryClaim::PeakAtMost(bytes) => peak(memory, |peak| peak <= *bytes),
        MemoryClaim::Victim(name) => match &memory.victim {
            Some(victim) => {
                Observation::new(victim.name == *name, format!("the kernel killed `{}`", victim.name))
            }
            // The counter rose, so there is a victim; the log is closed to us, or had too many kills to
            // tell (the kernel leaves lines out after ten in five seconds). That must not stop a learner.
            None if kills > 0 => Observation::new(true, "the kernel's log does not name it here"),
            None => Observation::new(false, "the kernel killed nothing"),
        },
    }
}

/// A kernel that keeps no peak (v2 before 5.19) must not stop a learner.
fn peak(memory: &MemorySeen, holds: impl Fn(u64) -> bool) -> Observation {
    match memory.peak {
        Some(peak) => Observation::new(holds(peak), format!("peak {peak} B")),
        None => Observation::new(true, "this kernel keeps no peak"),
    }
}

/// Two observations as one: both must hold.
pub(in crate::lab) fn both(one: Observation, other: Observation) -> Observation {
    Observation {
        holds: one.holds && other.holds,
        known: one.known && other.known,
        text: match (one.holds, other.holds) {
            (true, false) => other.text,
            (false, true) => one.text,
            _ => format!("{}, {}", one.text, other.text),
        },
    }
}
