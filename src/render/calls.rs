//! System calls, told as strace(1) tells them: `name(args)`, then `= result`; under a failed one, what that means
//! here and the mend.

use super::document::{Break, Line, Role, Text};
use super::pen::{MARGIN, Pen};
use super::wrap;
use crate::recipe::errno::{self, Meaning};
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::{Call, CallResult, Composed, LimitSeen};

/// The results stand in one column, unless a call reaches beyond this: far enough for a path in the work directory.
const COLUMN: usize = 56;

/// Calls in the order in which they were made.
pub(super) fn calls(calls: &[Call], pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let told: Vec<String> = calls.iter().map(|call| format!("{}({})", call.name, call.args)).collect();
    let most = COLUMN.min(pen.look.width.saturating_sub(16));
    let column = told.iter().map(|told| wrap::width(told)).filter(|&width| width <= most).max().unwrap_or(0);
    for (call, told) in calls.iter().zip(told) {
        let mut line = Line::indented(MARGIN, MARGIN + 4);
        line.breaks = Break::Commas;
        line.push(Role::Kernel, told);
        let column = column.max(line.width());
        line.push(Role::Plain, " ".repeat(column - line.width()));
        match call.result {
            CallResult::Value(value) => line.push(Role::Kernel, format!(" = {}", returned(call, value, pen))),
            CallResult::Errno(errno) => line.push(Role::Bad, format!(" = -1 {}", errno_text(errno))),
        }
        text.push(line);
        if let Some(told) = &call.meaning {
            text.append(meaning(told));
        }
    }
    text
}

/// What a refusal means here, and the mend.
fn meaning(meaning: &Meaning) -> Text {
    const INDENT: usize = MARGIN + 4;
    let mut text = Text::new();
    text.push(Line::indented(INDENT, INDENT + 2).with(Role::Plain, meaning.means.clone()));
    let mend = Line::indented(INDENT, INDENT + 6).with(Role::Good, "hint: ");
    text.push(mend.with(Role::Plain, meaning.mend.clone()));
    text
}

/// A return value. That of clone3 is a process id.
fn returned(call: &Call, value: i64, pen: &Pen<'_>) -> String {
    match i32::try_from(value) {
        Ok(pid) if is_birth(&call.name) && pid > 0 => pen.pid(pid),
        _ if pen.mask.is_some() && returns_descriptor(&call.name) => "<fd>".to_owned(),
        _ => value.to_string(),
    }
}

/// Whether the call returns the process id of a new process.
pub(super) fn is_birth(name: &str) -> bool {
    matches!(name, "clone3" | "clone" | "fork" | "vfork")
}

/// Whether the call returns a file descriptor.
pub(super) fn returns_descriptor(name: &str) -> bool {
    matches!(
        name,
        "open"
            | "openat"
            | "openat2"
            | "fsopen"
            | "fsmount"
            | "open_tree"
            | "pidfd_open"
            | "dup"
            | "memfd_create"
    )
}

/// Whether a number as the first argument of the call is a file descriptor.
pub(super) fn takes_descriptor(name: &str) -> bool {
    let first = ["read", "write", "close", "fchdir", "fchmod", "fchown", "fsconfig", "fsmount", "move_mount"];
    let others = ["open_tree", "mount_setattr", "setns", "dup", "ioctl", "ftruncate", "openat2"];
    first.contains(&name) || others.contains(&name) || name.ends_with("at")
}

/// `EPERM (Operation not permitted)`, as strace prints it.
pub(super) fn errno_text(errno: i32) -> String {
    format!("{} ({})", errno::name(errno), errno::text(errno))
}

/// Limits as the kernel reads them back: `memory.limit_in_bytes = 7340032   memory.max, cgroup v1`.
///
/// Only those that were written now: the others were told when they were.
pub(super) fn limits(composed: &Composed) -> Text {
    let mut text = Text::new();
    let written =
        |limit: &&LimitSeen| composed.calls.iter().any(|call| call.args.contains(limit.file.as_str()));
    for limit in composed.limits.iter().filter(written) {
        let file = limit.file.rsplit('/').next().unwrap_or(&limit.file);
        let generation = match limit.version {
            CgroupVersion::V1 => "cgroup v1",
            CgroupVersion::V2 => "cgroup v2",
        };
        let mut line = Line::indented(MARGIN, MARGIN + 4);
        line.push(Role::Dim, "reads back ");
        line.push(Role::Kernel, format!("{file} = {}", limit.value.clone()));
        if file == limit.resource.name() {
            line.push(Role::Dim, format!("   {generation}"));
        } else {
            line.push(Role::Dim, format!("   {} on {generation}", limit.resource.name()));
        }
        text.push(line);
    }
    text
}
