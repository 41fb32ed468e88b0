//! The names of the conditions of a `[[step.check]]`, and how each is read. One table; the book is held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::lab::claim::{LimitClaim, MemoryClaim, OutcomeClaim, Owner, Processes, SeenClaim, StateClaim};
use crate::lab::diagnostic::{Findings, listed, nearest_or_all};
use crate::lab::judge::words::{errno_number, errnos, signal_number};
use crate::lab::number::Number;
use crate::lab::read::fields::{Value, boolean, integer, mistaken, string, strings};
use crate::recipe::capability;
use crate::recipe::ingredient::{Namespace, Resource};
use crate::recipe::nearest::nearest;

/// One condition, read.
pub(in crate::lab) enum Condition {
    Outcome(OutcomeClaim),
    State(StateClaim),
}

type Read = fn(&str, Value<'_>, &mut Findings<'_>) -> Option<Condition>;

/// Every condition. `call` is read with `errno`, and `changes` and `cell` with the ablation table.
pub(in crate::lab) const CONDITIONS: &[(&str, Read)] = &[
    ("exit", |k, v, f| Some(outcome(OutcomeClaim::Exit(number(k, v, f)?)))),
    ("status", |k, v, f| Some(outcome(OutcomeClaim::Status(number(k, v, f)?)))),
    ("signal", |k, v, f| Some(outcome(OutcomeClaim::Signal(signal(k, v, f)?)))),
    ("errno", |k, v, f| Some(outcome(OutcomeClaim::Errno { errno: errno(k, v, f)?, call: None }))),
    ("stdout", |k, v, f| Some(outcome(OutcomeClaim::Stdout(string(k, v, f)?.to_owned())))),
    ("stdout_contains", |k, v, f| Some(outcome(OutcomeClaim::StdoutContains(parts(k, v, f)?)))),
    ("stdout_lacks", |k, v, f| Some(outcome(OutcomeClaim::StdoutLacks(parts(k, v, f)?)))),
    ("stdout_lines", |k, v, f| Some(outcome(OutcomeClaim::StdoutLines(number(k, v, f)?)))),
    ("stderr_contains", |k, v, f| Some(outcome(OutcomeClaim::StderrContains(parts(k, v, f)?)))),
    ("processes_seen", |k, v, f| Some(seen(SeenClaim::ProcessesSeen(processes(k, v, f)?)))),
    ("pid_inside", |k, v, f| Some(seen(SeenClaim::PidInside(number(k, v, f)?)))),
    ("pid_differs", |k, v, f| Some(seen(SeenClaim::PidDiffers(boolean(k, v, f)?)))),
    ("running", |k, v, f| Some(outcome(OutcomeClaim::Running(boolean(k, v, f)?)))),
    ("namespace", |k, v, f| Some(seen(SeenClaim::Namespaces(namespaces(k, v, f)?)))),
    ("root", |k, v, f| Some(seen(SeenClaim::Root(owner(k, v, f)?)))),
    ("root_path", |k, v, f| Some(seen(SeenClaim::RootPath(absolute(k, string(k, v, f)?, v.span(), f)?)))),
    ("root_entries", |k, v, f| Some(seen(SeenClaim::RootEntries(names(k, v, f)?)))),
    ("root_has", |k, v, f| Some(seen(SeenClaim::RootHas(names(k, v, f)?)))),
    ("mounted", |k, v, f| Some(seen(SeenClaim::Mounted(mounted(k, v, f)?)))),
    ("not_mounted", |k, v, f| Some(seen(SeenClaim::NotMounted(targets(k, v, f)?)))),
    ("limit", |k, v, f| Some(outcome(OutcomeClaim::Limits(limits(k, v, f)?)))),
    ("oom_kill", |k, v, f| Some(memory(MemoryClaim::OomKill(number(k, v, f)?)))),
    ("peak_at_least", |k, v, f| Some(memory(MemoryClaim::PeakAtLeast(bytes(k, v, f)?)))),
    ("peak_at_most", |k, v, f| Some(memory(MemoryClaim::PeakAtMost(bytes(k, v, f)?)))),
    ("victim", |k, v, f| Some(memory(MemoryClaim::Victim(string(k, v, f)?.to_owned())))),
    ("capability", |k, v, f| Some(seen(SeenClaim::Capabilities(capabilities(k, v, f)?)))),
    ("cgroup_exists", |k, v, f| Some(Condition::State(StateClaim::CgroupExists(boolean(k, v, f)?)))),
    ("cgroup_members", |k, v, f| Some(Condition::State(StateClaim::CgroupMembers(number(k, v, f)?)))),
    ("jobs", |k, v, f| Some(Condition::State(StateClaim::Jobs(number(k, v, f)?)))),
    ("rootfs_exists", |k, v, f| Some(Condition::State(StateClaim::RootfsExists(boolean(k, v, f)?)))),
    ("image_layers", |k, v, f| Some(Condition::State(StateClaim::ImageLayers(number(k, v, f)?)))),
    ("image_complete", |k, v, f| Some(Condition::State(StateClaim::ImageComplete(boolean(k, v, f)?)))),
    ("host_unchanged", |k, v, f| only_true(k, v, f, StateClaim::HostUnchanged)),
    ("nothing_left", |k, v, f| only_true(k, v, f, StateClaim::NothingLeft)),
];

fn outcome(claim: OutcomeClaim) -> Condition {
    Condition::Outcome(claim)
}

fn seen(claim: SeenClaim) -> Condition {
    Condition::Outcome(OutcomeClaim::Seen(claim))
}

fn memory(claim: MemoryClaim) -> Condition {
    Condition::Outcome(OutcomeClaim::Memory(claim))
}

fn only_true(key: &str, value: Value<'_>, f: &mut Findings<'_>, claim: StateClaim) -> Option<Condition> {
    if boolean(key, value, f)? {
        return Some(Condition::State(claim));
    }
    f.report(value.span(), format!("`{key}` can only be `true`"), Some(format!("leave `{key}` out")));
    None
}

fn number(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<Number> {
    match value.get_ref() {
        DeValue::Integer(_) => integer(key, value, f).map(Number::exactly),
        DeValue::String(text) => {
            let read = text.parse().ok();
            if read.is_none() {
                let what = format!("`{text}` is neither a number nor a comparison");
                f.report(value.span(), what, Some("for example `2` or `\">= 2\"`".to_owned()));
            }
            read
        }
        other => {
            mistaken(key, "a number or a comparison such as `\">= 2\"`", value, other, f);
            None
        }
    }
}

fn bytes(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<u64> {
    let read = u64::try_from(integer(key, value, f)?).ok().filter(|bytes| *bytes > 0);
    if read.is_none() {
        f.report(value.span(), format!("`{key}` is a number of bytes above 0"), None);
    }
    read
}

fn signal(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<i32> {
    let read = match value.get_ref() {
        DeValue::String(name) => signal_number(name),
        // Linux has the signals 1 to 64.
        DeValue::Integer(_) => {
            i32::try_from(integer(key, value, f)?).ok().filter(|number| (1..=64).contains(number))
        }
        other => {
            mistaken(key, "a name such as `\"SIGKILL\"` or a number", value, other, f);
            return None;
        }
    };
    if read.is_none() {
        f.report(
            value.span(),
            format!("`{key}` names no signal"),
            Some("for example `\"SIGKILL\"` or `9`".to_owned()),
        );
    }
    read
}

fn errno(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<i32> {
    let name = string(key, value, f)?;
    let read = errno_number(name);
    if read.is_none() {
        let all: Vec<String> = errnos().map(|(_, name)| name).collect();
        let near = nearest(name, all.iter().map(String::as_str));
        let hint = near.map_or_else(
            || "a name from errno(3), such as `EPERM`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        f.report(value.span(), format!("unknown errno `{name}`"), Some(hint));
    }
    read
}

/// One string or several, none of them empty: an empty one is in every text.
fn parts(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<Vec<String>> {
    let parts = match value.get_ref() {
        DeValue::String(text) => vec![(text.as_ref(), value.span())],
        DeValue::Array(_) => strings(key, value, f),
        other => {
            mistaken(key, "a string or a list of strings", value, other, f);
            return None;
        }
    };
    filled(key, &parts, value, f)?;
    Some(parts.into_iter().map(|(text, _)| text.to_owned()).collect())
}

fn names(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<BTreeSet<String>> {
    let names = strings(key, value, f);
    filled(key, &names, value, f)?;
    Some(names.into_iter().map(|(name, _)| name.to_owned()).collect())
}

fn targets(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<BTreeSet<String>> {
    let targets = strings(key, value, f);
    filled(key, &targets, value, f)?;
    targets.into_iter().map(|(target, span)| absolute(key, target, span, f)).collect()
}

fn filled(key: &str, texts: &[(&str, Range<usize>)], at: Value<'_>, f: &mut Findings<'_>) -> Option<()> {
    if texts.is_empty() {
        f.report(at.span(), format!("`{key}` claims nothing"), None);
        return None;
    }
    let (_, span) = match texts.iter().find(|(text, _)| text.is_empty()) {
        Some(empty) => empty,
        None => return Some(()),
    };
    f.report(span.clone(), format!("`{key}` has an empty string, which claims nothing"), None);
    None
}

fn absolute(key: &str, path: &str, span: Range<usize>, f: &mut Findings<'_>) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let hint = format!("for example `/{}`", path.trim_start_matches("./"));
    f.report(span, format!("`{key}` names paths from the root of the container"), Some(hint));
    None
}

fn owner(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<Owner> {
    match string(key, value, f)? {
        "own" => Some(Owner::Own),
        "host" => Some(Owner::Host),
        other => {
            f.report(
                value.span(),
                format!("unknown owner `{other}`"),
                Some("one of `own`, `host`".to_owned()),
            );
            None
        }
    }
}

fn processes(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<Processes> {
    match value.get_ref() {
        DeValue::String(text) if text == "host" => Some(Processes::Host),
        DeValue::String(text) if text == "none" => Some(Processes::None),
        DeValue::String(text) if text.parse::<Number>().is_err() => {
            f.report(
                value.span(),
                format!("`{text}` is no number of processes"),
                Some("for example `1`, `\">= 2\"`, `\"host\"` or `\"none\"`".to_owned()),
            );
            None
        }
        DeValue::String(_) | DeValue::Integer(_) => number(key, value, f).map(Processes::Count),
        other => {
            mistaken(key, "a number, a comparison, `\"host\"` or `\"none\"`", value, other, f);
            None
        }
    }
}

/// The entries of a table that claims something, each by its key and place.
fn entries<'t>(
    key: &str,
    example: &str,
    value: Value<'t>,
    f: &mut Findings<'_>,
) -> Option<Vec<(&'t str, Range<usize>, Value<'t>)>> {
    let DeValue::Table(table) = value.get_ref() else {
        mistaken(key, &format!("a table such as `{example}`"), value, value.get_ref(), f);
        return None;
    };
    if table.is_empty() {
        f.report(value.span(), format!("`{key}` claims nothing"), Some(format!("for example `{example}`")));
        return None;
    }
    Some(flat(table))
}

fn flat<'t>(table: &'t DeTable<'t>) -> Vec<(&'t str, Range<usize>, &'t Spanned<DeValue<'t>>)> {
    table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect()
}

fn namespaces(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<BTreeMap<Namespace, Owner>> {
    let mut claimed = BTreeMap::new();
    for (name, span, value) in entries(key, "{ pid = \"own\" }", value, f)? {
        let kind = Namespace::ALL.into_iter().find(|kind| kind.name() == name || kind.flag() == name);
        match kind {
            Some(kind) => {
                claimed.insert(kind, owner(name, value, f)?);
            }
            None => {
                let known = Namespace::ALL.map(Namespace::name);
                f.report(span, format!("unknown namespace `{name}`"), Some(nearest_or_all(name, &known)));
            }
        }
    }
    Some(claimed)
}

fn mounted(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<BTreeMap<String, String>> {
    let mut claimed = BTreeMap::new();
    for (target, span, value) in entries(key, "{ \"/proc\" = \"proc\" }", value, f)? {
        claimed.insert(absolute(key, target, span, f)?, string(target, value, f)?.to_owned());
    }
    Some(claimed)
}

fn limits(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<BTreeMap<Resource, LimitClaim>> {
    let mut claimed = BTreeMap::new();
    for (name, span, value) in entries(key, "{ \"memory.max\" = 7340032 }", value, f)? {
        let Some(resource) = Resource::ALL.into_iter().find(|resource| resource.name() == name) else {
            let known = Resource::ALL.map(Resource::name);
            // `memory.max` without its quotes is a table `memory` with a key `max`.
            let hint = match value.get_ref() {
                DeValue::Table(_) => format!("write the name in quotes: {}", listed(&known)),
                _ => nearest_or_all(name, &known),
            };
            f.report(span, format!("unknown limit `{name}`"), Some(hint));
            continue;
        };
        let claim = match value.get_ref() {
            DeValue::String(text) if text == "max" => LimitClaim::Max,
            _ => LimitClaim::Number(number(name, value, f)?),
        };
        claimed.insert(resource, claim);
    }
    Some(claimed)
}

fn capabilities(key: &str, value: Value<'_>, f: &mut Findings<'_>) -> Option<BTreeMap<&'static str, bool>> {
    let mut claimed = BTreeMap::new();
    for (name, span, value) in entries(key, "{ CAP_SYS_CHROOT = false }", value, f)? {
        match capability::canonical(name) {
            Some(canonical) => {
                claimed.insert(canonical, boolean(name, value, f)?);
            }
            None => {
                let hint = capability::near(name).map_or_else(
                    || "a name from capabilities(7), such as `CAP_SYS_CHROOT`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                f.report(span, format!("unknown capability `{}`", name.escape_debug()), Some(hint));
            }
        }
    }
    Some(claimed)
}
