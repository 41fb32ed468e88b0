//! `unshare`, with the flags of util-linux. Source: unshare(1).

use std::collections::BTreeSet;

use super::LineError;
use super::scan::Word;
use super::words::Own;
use crate::recipe::ingredient::{Ingredient, Namespace};
use crate::recipe::nearest::nearest;

/// What one flag asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    /// A namespace.
    Own(Namespace),
    /// A proc of the new PID namespace at /proc.
    MountProc,
    /// What rlab does anyway: fork, and kill the child when it goes itself.
    Always,
}

/// Every long flag, with the short one where there is one.
const FLAGS: &[(&str, Option<char>, Flag)] = &[
    ("pid", Some('p'), Flag::Own(Namespace::Pid)),
    ("mount", Some('m'), Flag::Own(Namespace::Mnt)),
    ("uts", Some('u'), Flag::Own(Namespace::Uts)),
    ("ipc", Some('i'), Flag::Own(Namespace::Ipc)),
    ("net", Some('n'), Flag::Own(Namespace::Net)),
    ("user", Some('U'), Flag::Own(Namespace::User)),
    ("cgroup", Some('C'), Flag::Own(Namespace::Cgroup)),
    ("mount-proc", None, Flag::MountProc),
    ("map-root-user", Some('r'), Flag::Own(Namespace::User)),
    ("fork", Some('f'), Flag::Always),
    ("kill-child", None, Flag::Always),
];

/// Flags of util-linux that rlab leaves out, so that the message can say so.
const LEFT_OUT: &[&str] = &[
    "--time",
    "-T",
    "--root",
    "-R",
    "--wd",
    "-w",
    "--setuid",
    "-S",
    "--setgid",
    "-G",
    "--propagation",
    "--setgroups",
    "--map-user",
    "--map-group",
    "--map-users",
    "--map-groups",
    "--map-auto",
    "--map-current-user",
    "-c",
    "--keep-caps",
    "--load-interp",
    "--monotonic",
    "--boottime",
];

/// Reads one word such as `--pid` or `-fpm`, also for `drop`.
pub(crate) fn flag(text: &str) -> Option<Vec<Flag>> {
    if let Some(long) = text.strip_prefix("--") {
        return FLAGS.iter().find(|(name, ..)| *name == long).map(|(.., flag)| vec![*flag]);
    }
    let short = text.strip_prefix('-').filter(|short| !short.is_empty())?;
    short
        .chars()
        .map(|c| FLAGS.iter().find(|(_, short, _)| *short == Some(c)).map(|(.., flag)| *flag))
        .collect()
}

/// `unshare FLAG…`.
pub(super) fn read(line: &Own<'_>) -> Result<Ingredient, LineError> {
    let mut namespaces = BTreeSet::new();
    let mut mount_proc = false;
    for token in line.args {
        for flag in one(token)? {
            match flag {
                Flag::Own(namespace) => {
                    namespaces.insert(namespace);
                }
                Flag::MountProc => mount_proc = true,
                Flag::Always => {}
            }
        }
    }
    if namespaces.is_empty() && !mount_proc {
        return Err(LineError::new(line.end(), "`unshare` needs at least one namespace").hint(
            "type `unshare --pid`, or more of --mount --uts --ipc --net --user --cgroup --mount-proc in one line",
        ));
    }
    Ok(Ingredient::Unshare { namespaces, mount_proc })
}

fn one(token: &Word) -> Result<Vec<Flag>, LineError> {
    let text = token.text.as_str();
    if !text.starts_with('-') || text == "-" || text == "--" {
        return Err(LineError::new(
            token.at,
            "`unshare` starts no program here: it changes every line from now on",
        )
        .hint("type two lines: the `unshare` with its flags, then the program"));
    }
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    match (name, value) {
        ("--mount-proc", Some("/proc" | "/proc/")) => return Ok(vec![Flag::MountProc]),
        ("--mount-proc", Some(_)) => {
            return Err(LineError::new(token.at, "`--mount-proc` mounts at `/proc`, inside")
                .hint("paths are the container's own: write `--mount-proc`"));
        }
        ("--kill-child", Some(_)) => return Ok(vec![Flag::Always]),
        (name, Some(_)) if flag(name).is_some() => {
            return Err(LineError::new(token.at, format!("`{name}` takes no value here"))
                .hint(format!("write `{name}`: a namespace lives as long as its container")));
        }
        _ => {}
    }
    flag(text).ok_or_else(|| unknown(token, name))
}

fn unknown(token: &Word, name: &str) -> LineError {
    const LIST: &str = "the flags are --pid --mount --uts --ipc --net --user --cgroup --mount-proc";
    if LEFT_OUT.contains(&name) {
        return LineError::new(token.at, format!("`unshare {name}` is left out in rlab")).hint(LIST);
    }
    let error =
        LineError::new(token.at, format!("`unshare` has no flag `{}`", super::ingredients::shown(name)));
    let long = name.trim_start_matches('-');
    match nearest(long, FLAGS.iter().map(|(name, ..)| *name))
        .filter(|_| name.starts_with("--") || long.len() > 2)
    {
        Some(near) => error.hint(format!("did you mean `--{near}`?")),
        None => error.hint(LIST),
    }
}
