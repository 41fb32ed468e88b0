//! Conditions on what the host saw of a process, the moment before its program started.

use crate::lab::check::Observation;
use crate::lab::claim::{Owner, Processes, SeenClaim};
use crate::lab::judge::outcome::both;
use crate::lab::judge::words::{counted, listed_names};
use crate::recipe::capability::number;
use crate::recipe::ingredient::Namespace;
use crate::recipe::outcome::Seen;

/// Judges one condition.
pub(in crate::lab) fn judge_seen(claim: &SeenClaim, seen: &Seen) -> Observation {
    match claim {
        SeenClaim::ProcessesSeen(wanted) => processes(*wanted, seen),
        SeenClaim::PidInside(number) => Observation::new(number.holds(seen.pid_inside()), pids(seen)),
        SeenClaim::PidDiffers(wanted) => {
            Observation::new((seen.pid_inside() != seen.pid) == *wanted, pids(seen))
        }
        SeenClaim::Namespaces(wanted) => {
            all(wanted.iter().map(|(kind, owner)| namespace(*kind, *owner, seen)))
        }
        SeenClaim::Root(owner) => Observation::new(
            seen.root_own == (*owner == Owner::Own),
            if seen.root_own { "a root of its own" } else { "the host's root" },
        ),
        SeenClaim::RootPath(path) => {
            Observation::new(seen.root == *path, format!("the host names its root `{}`", seen.root))
        }
        SeenClaim::RootEntries(names) => Observation::new(
            seen.root_entries.len() == names.len()
                && seen.root_entries.iter().all(|name| names.contains(name)),
            format!("its root holds {}", listed_names(&seen.root_entries)),
        ),
        SeenClaim::RootHas(names) => match names.iter().find(|name| !seen.root_entries.contains(name)) {
            Some(missing) => Observation::new(false, format!("its root has no `{missing}`")),
            None => Observation::new(true, format!("its root holds {}", listed_names(&seen.root_entries))),
        },
        SeenClaim::Mounted(wanted) => all(wanted.iter().map(|(target, fstype)| {
            let found = mounted(target, seen);
            let holds = found.is_some_and(|found| fstype == "any" || fstype == found);
            Observation::new(holds, mount_text(target, found))
        })),
        SeenClaim::NotMounted(targets) => all(targets.iter().map(|target| {
            let found = mounted(target, seen);
            Observation::new(found.is_none(), mount_text(target, found))
        })),
        SeenClaim::Capabilities(wanted) => all(wanted.iter().map(|(name, wanted)| {
            let has = number(name).is_some_and(|bit| seen.cap_eff >> bit & 1 == 1);
            Observation::new(has == *wanted, format!("{} {name}", if has { "it has" } else { "it lacks" }))
        })),
    }
}

fn all(observations: impl Iterator<Item = Observation>) -> Observation {
    observations.reduce(both).unwrap_or_else(|| Observation::unknown("nothing is claimed"))
}

/// `PID 1 inside, 24163 on the host`.
fn pids(seen: &Seen) -> String {
    if seen.pid_inside() == seen.pid {
        format!("PID {} inside and on the host", seen.pid)
    } else {
        format!("PID {} inside, {} on the host", seen.pid_inside(), seen.pid)
    }
}

fn processes(wanted: Processes, seen: &Seen) -> Observation {
    let Some(count) = seen.processes else {
        return Observation {
            holds: wanted == Processes::None,
            known: true,
            text: "no proc is mounted".to_owned(),
        };
    };
    let on_host = seen.host_processes;
    let holds = match wanted {
        Processes::Count(number) => number.holds(count),
        Processes::Host => count >= 2 && u64::from(count) * 2 >= u64::from(on_host),
        Processes::None => count == 0,
    };
    let text = format!("it sees {}", counted(count, "process"));
    Observation::new(
        holds,
        if wanted == Processes::Host { format!("{text}, the host has {on_host}") } else { text },
    )
}

fn namespace(kind: Namespace, owner: Owner, seen: &Seen) -> Observation {
    let Some(pair) = seen.namespaces.get(&kind) else {
        return Observation::unknown(format!("this kernel has no {} namespace", kind.name()));
    };
    // Not the ids: the kernel gives those of a dead namespace to the next one, so they say nothing across runs.
    let text = if pair.own() {
        let article = if kind == Namespace::Ipc { "an" } else { "a" };
        format!("{article} {} namespace of its own", kind.name())
    } else {
        format!("the host's {} namespace", kind.name())
    };
    Observation::new(pair.own() == (owner == Owner::Own), text)
}

/// The type of what is on top at this target.
fn mounted<'s>(target: &str, seen: &'s Seen) -> Option<&'s str> {
    seen.mounts.iter().rev().find(|mount| mount.target == target).map(|mount| mount.fstype.as_str())
}

fn mount_text(target: &str, fstype: Option<&str>) -> String {
    match fstype {
        Some(fstype) => format!("{fstype} on {target}"),
        None => format!("nothing on {target}"),
    }
}
