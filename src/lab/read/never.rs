//! Conditions that no outcome can ever meet, alone or beside another one of the same check.

use std::ops::RangeInclusive;

use crate::lab::check::Check;
use crate::lab::claim::{MemoryClaim, OutcomeClaim, SeenClaim};
use crate::lab::diagnostic::{Findings, nearest_or_all};
use crate::lab::judge::words::signal_name;
use crate::lab::number::Number;
use crate::lab::read::fields::Fields;
use crate::recipe::outcome::CALLS;

/// What a program can end with.
const STATUSES: RangeInclusive<i64> = 0..=255;

/// Reports what can never hold.
pub(super) fn report(fields: &Fields<'_>, check: &Check, findings: &mut Findings<'_>) {
    let mut told = |key: &str, what: String, hint: &str| {
        findings.report(fields.key_span(key), what, Some(hint.to_owned()));
    };
    let ended = Ended::of(check);
    for (key, number) in [("exit", ended.exit), ("status", ended.status)] {
        // One that no number from 0 meets is told by the lint, whatever it counts.
        if number.is_some_and(|number| beyond(number, &STATUSES)) {
            told(
                key,
                format!("`{key}` can never hold: a status is a number from 0 to 255"),
                "for example `status = 0`",
            );
        }
    }
    if let (Some(_), Some(_)) = (ended.exit, ended.signal) {
        let what = "`exit` and `signal` can never hold together: what a signal kills does not exit";
        told("exit", what.to_owned(), "leave one out; `status` is true of both");
    }
    if let (Some(exit), Some(status)) = (ended.exit, ended.status)
        && !STATUSES.into_iter().any(|n| exit.holds(n) && status.holds(n))
    {
        let what = "`exit` and `status` can never hold together: what exits has its exit status as `status`";
        told("status", what.to_owned(), "leave one out");
    }
    if let (Some(signal), Some(status)) = (ended.signal, ended.status)
        && !status.holds(128 + signal)
    {
        let name = signal_name(signal);
        let what = format!("`status` can never hold: what {name} kills has the status {}", 128 + signal);
        told("status", what, "leave one out");
    }
    seen(check, &mut told);
    printed(check, &mut told);
    for claim in &check.outcome {
        if let OutcomeClaim::Errno { call: Some(call), .. } = claim
            && !CALLS.contains(&call.as_str())
        {
            let hint = nearest_or_all(call, CALLS);
            told("call", format!("rlab never makes the call `{}`", call.escape_debug()), &hint);
        }
    }
}

type Told<'t> = &'t mut dyn FnMut(&str, String, &str);

/// What is claimed of how it ended.
#[derive(Default)]
struct Ended {
    exit: Option<Number>,
    status: Option<Number>,
    signal: Option<i32>,
}

impl Ended {
    fn of(check: &Check) -> Self {
        let mut ended = Self::default();
        for claim in &check.outcome {
            match claim {
                OutcomeClaim::Exit(number) => ended.exit = Some(*number),
                OutcomeClaim::Status(number) => ended.status = Some(*number),
                OutcomeClaim::Signal(signal) => ended.signal = Some(*signal),
                _ => {}
            }
        }
        ended
    }
}

/// Whether a number from 0 meets the claim, and none of these does.
fn beyond(number: Number, possible: &RangeInclusive<i64>) -> bool {
    let somewhere = [0, number.value, number.value.saturating_add(1)];
    somewhere.into_iter().any(|n| n >= 0 && number.holds(n)) && !possible.clone().any(|n| number.holds(n))
}

/// What is claimed of what was observed from outside.
fn seen(check: &Check, told: Told<'_>) {
    let (mut least, mut most, mut mounted, mut bare) = (None, None, None, None);
    for claim in &check.outcome {
        match claim {
            // The smallest that meets it decides: every PID above may be there.
            OutcomeClaim::Seen(SeenClaim::PidInside(number))
                if number.holds(0) && !number.holds(1) && !number.holds(i64::MAX) =>
            {
                let what = "`pid_inside` can never hold: the first process has the number 1".to_owned();
                told("pid_inside", what, "for example `pid_inside = 1`");
            }
            OutcomeClaim::Memory(MemoryClaim::PeakAtLeast(bytes)) => least = Some(*bytes),
            OutcomeClaim::Memory(MemoryClaim::PeakAtMost(bytes)) => most = Some(*bytes),
            OutcomeClaim::Seen(SeenClaim::Mounted(targets)) => mounted = Some(targets),
            OutcomeClaim::Seen(SeenClaim::NotMounted(targets)) => bare = Some(targets),
            _ => {}
        }
    }
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        let what = format!("no peak is at least {least} and at most {most} bytes");
        told("peak_at_least", what, "the larger number belongs to `peak_at_most`");
    }
    let both =
        mounted.zip(bare).and_then(|(mounted, bare)| bare.iter().find(|path| mounted.contains_key(*path)));
    if let Some(path) = both {
        let what = format!("`{}` is in `mounted` and in `not_mounted`", path.escape_debug());
        told("not_mounted", what, "leave it out of one of them");
    }
}

/// What is claimed of what was printed.
fn printed(check: &Check, told: Told<'_>) {
    let lacked = check.outcome.iter().find_map(|claim| match claim {
        OutcomeClaim::StdoutLacks(parts) => Some(parts),
        _ => None,
    });
    for claim in &check.outcome {
        let (key, wanted) = match claim {
            OutcomeClaim::Stdout(text) => ("stdout", vec![text.trim()]),
            OutcomeClaim::StdoutContains(parts) => {
                ("stdout_contains", parts.iter().map(String::as_str).collect())
            }
            _ => continue,
        };
        let clash = lacked.into_iter().flatten().find(|part| wanted.iter().any(|text| text.contains(*part)));
        if let Some(part) = clash {
            let what = format!("`{key}` asks for `{}`, which `stdout_lacks` forbids", part.escape_debug());
            told("stdout_lacks", what, "leave it out of one of them");
        }
    }
}
