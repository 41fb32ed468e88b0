//! The ingredients that need few words: rootfs, chroot, pivot_root, hostname, capdrop.

use std::collections::BTreeSet;

use super::LineError;
use super::words::Own;
use super::{cgroup, mount, unshare};
use crate::recipe::capability;
use crate::recipe::ingredient::{Ingredient, Tools};
use crate::recipe::nearest::nearest;

/// Reads an ingredient; the first word is one of rlab's own.
pub(super) fn read(line: &Own<'_>) -> Result<Ingredient, LineError> {
    match line.word.text.as_str() {
        "rootfs" => rootfs(line),
        "chroot" => root(line, Ingredient::Chroot),
        "pivot_root" => root(line, Ingredient::PivotRoot),
        "unshare" => unshare::read(line),
        "mount" => mount::read(line).map(Ingredient::Mount),
        "cgroup" => cgroup::read(line).map(Ingredient::Cgroup),
        "hostname" => hostname(line),
        "capdrop" => capdrop(line),
        other => {
            Err(LineError::new(line.word.at, format!("`{other}` is not an ingredient")).hint("type `help`"))
        }
    }
}

fn rootfs(line: &Own<'_>) -> Result<Ingredient, LineError> {
    const HINT: &str = "type `rootfs`, `rootfs busybox`, `rootfs host` or `rootfs image`";
    match line.args {
        [] => Ok(Ingredient::Rootfs(Tools::Any)),
        [tools] => match tools.text.as_str() {
            "busybox" => Ok(Ingredient::Rootfs(Tools::Busybox)),
            "host" => Ok(Ingredient::Rootfs(Tools::Host)),
            "image" => Ok(Ingredient::Rootfs(Tools::Image)),
            other => {
                let hint = match nearest(other, ["busybox", "host", "image"]) {
                    Some(near) => format!("did you mean `rootfs {near}`?"),
                    None => HINT.to_owned(),
                };
                Err(LineError::new(
                    tools.at,
                    format!("a rootfs comes from `busybox`, `host` or `image`, not `{other}`"),
                )
                .hint(hint))
            }
        },
        [_, extra, ..] => {
            Err(LineError::new(extra.at, format!("`rootfs` does not take `{}`", extra.text)).hint(HINT))
        }
    }
}

fn root(line: &Own<'_>, ingredient: Ingredient) -> Result<Ingredient, LineError> {
    let name = &line.word.text;
    match line.args {
        [] => Ok(ingredient),
        [first, ..] => Err(LineError::new(
            first.at,
            format!("`{name}` takes no arguments here: the new root is always the rootfs"),
        )
        .hint(format!(
            "type `{name}`, then the program as a line of its own; `run {name} …` is the program of that name"
        ))),
    }
}

fn hostname(line: &Own<'_>) -> Result<Ingredient, LineError> {
    const HINT: &str = "1 to 64 letters, digits, `-` and `.`, beginning and ending with a letter or digit";
    match line.args {
        [] => Err(LineError::new(line.end(), "`hostname` needs a name").hint(HINT)),
        [name] => {
            let text = &name.text;
            let letters =
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
            let edges = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
            if letters && text.len() <= 64 && edges(text.bytes().next()) && edges(text.bytes().next_back()) {
                Ok(Ingredient::Hostname(text.clone()))
            } else {
                Err(LineError::new(name.at, format!("`{}` is not a host name", shown(text))).hint(HINT))
            }
        }
        [_, extra, ..] => Err(LineError::new(extra.at, "`hostname` takes one name")
            .hint("type `hostname NAME`, or `run hostname …` for the program of that name")),
    }
}

fn capdrop(line: &Own<'_>) -> Result<Ingredient, LineError> {
    let mut names = BTreeSet::new();
    for token in line.args {
        for name in token.text.split(',').filter(|name| !name.is_empty()) {
            if name.eq_ignore_ascii_case(capability::ALL) {
                names.insert(capability::ALL.to_owned());
            } else if let Some(name) = capability::canonical(name) {
                names.insert(name.to_owned());
            } else {
                let error = LineError::new(token.at, format!("there is no capability `{}`", shown(name)));
                return Err(match capability::near(name) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => {
                        error.hint("capabilities(7) lists them, such as `CAP_SYS_CHROOT`; `all` is every one")
                    }
                });
            }
        }
    }
    if names.is_empty() {
        return Err(LineError::new(line.end(), "`capdrop` needs a capability")
            .hint("type `capdrop CAP_SYS_CHROOT`, or `capdrop all`"));
    }
    if names.contains(capability::ALL) {
        names = BTreeSet::from([capability::ALL.to_owned()]);
    }
    Ok(Ingredient::Capdrop(names))
}

/// A typed word, cut where it is long enough to drown the message.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['…']).collect()
    }
}
