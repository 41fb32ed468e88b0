//! Conditions on the machine as it is now.

use std::collections::{BTreeMap, BTreeSet};

use crate::lab::check::{Evidence, Observation};
use crate::lab::claim::StateClaim;
use crate::lab::judge::words::{counted, shortened};
use crate::recipe::outcome::HostState;

/// Judges one condition.
pub(in crate::lab) fn judge_state(claim: &StateClaim, evidence: &Evidence<'_>) -> Observation {
    let now = evidence.host_now;
    match claim {
        StateClaim::CgroupExists(wanted) => match now.groups.first() {
            Some(group) => Observation::new(*wanted, group.path.clone()),
            None => Observation::new(!wanted, "no control group of ours"),
        },
        StateClaim::CgroupMembers(number) => {
            if now.groups.is_empty() {
                return Observation::unknown("there is no control group");
            }
            // On v1 the same process is in one group a controller.
            let members: BTreeSet<i32> = now.groups.iter().flat_map(|group| group.members.clone()).collect();
            Observation::new(
                number.holds(members.len()),
                format!("{} in the group", counted(members.len(), "process")),
            )
        }
        StateClaim::Jobs(number) => {
            Observation::new(number.holds(now.jobs), counted(now.jobs, "background container"))
        }
        StateClaim::RootfsExists(wanted) => match &now.rootfs {
            Some(directory) => Observation::new(*wanted, directory.clone()),
            None => Observation::new(!wanted, "no root file system of ours"),
        },
        StateClaim::ImageLayers(number) => match &now.image {
            Some(image) => Observation::new(
                number.holds(image.layers),
                format!("{} with the right digest", counted(image.layers, "layer")),
            ),
            None => Observation::unknown("there is no image"),
        },
        StateClaim::ImageComplete(wanted) => match &now.image {
            Some(image) if image.complete => {
                Observation::new(*wanted, "from the index to the last layer every size and digest is right")
            }
            Some(_) => Observation::new(!wanted, "the index does not lead to these layers"),
            None => Observation::new(!wanted, "there is no image"),
        },
        StateClaim::HostUnchanged => host_unchanged(evidence.host_then, now),
        StateClaim::NothingLeft => nothing_left(now),
    }
}

fn host_unchanged(then: &HostState, now: &HostState) -> Observation {
    let mut changes = Vec::new();
    let (more, fewer) = (surplus(&now.mounts, &then.mounts), surplus(&then.mounts, &now.mounts));
    if !more.is_empty() {
        changes.push(format!("{} more: {}", counted(more.len(), "mount"), shortened(&more.join(", "))));
    }
    if !fewer.is_empty() {
        changes.push(format!("{} fewer: {}", counted(fewer.len(), "mount"), shortened(&fewer.join(", "))));
    }
    if then.hostname != now.hostname {
        changes.push(format!("the host name is `{}`, it was `{}`", now.hostname, then.hostname));
    }
    changes.extend(strays(now));
    if changes.is_empty() {
        Observation::new(true, summary(now))
    } else {
        Observation::new(false, changes.join(", "))
    }
}

fn nothing_left(now: &HostState) -> Observation {
    let mut left: Vec<String> = strays(now).into_iter().collect();
    if now.jobs > 0 {
        left.push(counted(now.jobs, "background container"));
    }
    left.extend(now.groups.iter().map(|group| group.path.clone()));
    left.extend(now.directories.iter().cloned());
    if left.is_empty() {
        Observation::new(true, "no process, control group or directory of ours")
    } else {
        Observation::new(false, format!("still there: {}", left.join(", ")))
    }
}

/// `31 mounts, 84 processes, 0 cgroups of ours`.
fn summary(now: &HostState) -> String {
    format!(
        "{}, {}, {} of ours",
        counted(now.mounts.len(), "mount"),
        counted(now.processes, "process"),
        counted(now.groups.len(), "cgroup")
    )
}

fn strays(now: &HostState) -> Option<String> {
    let first = now.strays.first()?;
    let count = counted(now.strays.len(), "process");
    Some(format!("{count} out of a container: {} `{}`", first.pid, shortened(&first.command)))
}

/// What of `all` is not in `known`, a mount that stands twice counted twice.
fn surplus(all: &[String], known: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in known {
        *counts.entry(entry).or_default() += 1;
    }
    let mut surplus = Vec::new();
    for entry in all {
        match counts.get_mut(entry.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => surplus.push(entry.clone()),
        }
    }
    surplus
}
