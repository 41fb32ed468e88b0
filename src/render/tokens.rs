//! Whole tokens in text: finding them and replacing them, never a part of a longer word or number.

use std::collections::BTreeSet;

/// A session's directory and control group are named `rlab.PID.START`.
const SESSION: &str = "rlab.";

/// Where control groups live.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Whether a byte is part of a word or a number.
const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a byte can be part of a path, as paths are written in what rlab tells.
const fn in_path(byte: u8) -> bool {
    in_word(byte) || matches!(byte, b'/' | b'.' | b'-' | b'+' | b'@' | b':' | b'~' | b'%')
}

/// Paths through the session's own directory become `<work>…`; the name of its control group becomes `<group>`.
pub(super) fn session_paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, len)) = find_session(rest) {
        let before = rest.get(..at).unwrap_or_default();
        // The path up to the name.
        let path = before.bytes().rev().take_while(|&byte| in_path(byte)).count();
        let (kept, path) = before.split_at_checked(before.len() - path).unwrap_or((before, ""));
        // Something like `dir=/tmp/…` or `file:/tmp/…` is no part of the path.
        let start = path.find('/').unwrap_or(path.len());
        let (word, path) = path.split_at_checked(start).unwrap_or((path, ""));
        out.push_str(kept);
        out.push_str(word);
        if path.starts_with(CGROUPS) || path.is_empty() || path == "/" {
            out.push_str(path);
            out.push_str("<group>");
        } else {
            out.push_str("<work>");
        }
        rest = rest.get(at + len..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Digests by the names that they have here, and the sizes of files beside them. A digest is 64 hexadecimal digits, of
/// which forty are enough (a long output is cut off), and after `sha256:` twelve.
pub(super) fn digests(text: &str, mut name: impl FnMut(&str) -> String) -> String {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let (mut rest, mut found) = (line, false);
        let mut told = String::with_capacity(line.len());
        while let Some(at) = rest.bytes().position(is_hex) {
            let (before, from) = rest.split_at(at);
            told.push_str(before);
            let length = from.bytes().take_while(|byte| in_word(*byte)).count();
            let (word, after) = from.split_at_checked(length.max(1)).unwrap_or((from, ""));
            let free = told.bytes().next_back().is_none_or(|byte| !in_word(byte));
            let (word, cut) = word.strip_suffix('…').map_or((word, ""), |word| (word, "…"));
            let short = word.len() >= 12 && told.ends_with("sha256:");
            if free && ((40..=64).contains(&word.len()) || short) && word.bytes().all(is_hex) {
                told.push_str(&name(word));
                found = true;
            } else {
                told.push_str(word);
            }
            told.push_str(cut);
            rest = after;
        }
        told.push_str(rest);
        let told = if found { before_units(&told, &["bytes"], |_| true) } else { told };
        out.push_str(&match told.split_once("\"size\": ") {
            Some((before, after)) => {
                format!("{before}\"size\": <n>{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => told,
        });
        out.push_str(end);
    }
    out
}

/// The path of a group relative to its tree: the session's own name in it becomes `<group>`.
pub(super) fn session_group(path: &str) -> String {
    let mut out = Vec::new();
    for part in path.split('/') {
        let own = find_session(part).filter(|(at, _)| *at == 0);
        out.push(match own.and_then(|(_, len)| part.get(len..)) {
            Some(rest) => format!("<group>{rest}"),
            None => part.to_owned(),
        });
    }
    out.join("/")
}

/// The first session name in a text: where it begins, and its length.
fn find_session(text: &str) -> Option<(usize, usize)> {
    for (at, _) in text.match_indices(SESSION) {
        let bounded = at == 0 || text.as_bytes().get(at - 1).is_some_and(|&byte| !in_word(byte));
        let after = text.get(at + SESSION.len()..).unwrap_or_default();
        let len =
            after.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.' || *byte == b'-').count();
        let name = after.get(..len).unwrap_or_default().trim_end_matches(['.', '-']);
        if bounded && name.starts_with(|c: char| c.is_ascii_digit()) {
            return Some((at, SESSION.len() + name.len()));
        }
    }
    None
}

/// Whole words replaced.
pub(super) fn words(text: &str, words: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (word, name) in words {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (at, _) in text.match_indices(word.as_str()) {
            let end = at + word.len();
            let free = |byte: Option<&u8>| byte.is_none_or(|&byte| !in_word(byte) && byte != b'-');
            let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at));
            if at >= done && free(before) && free(text.as_bytes().get(end)) && before != Some(&b'<') {
                out.push_str(text.get(done..at).unwrap_or_default());
                out.push_str(name);
                done = end;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        text = out;
    }
    text
}

/// A whole number in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    /// Everything before it.
    pub(super) before: &'a str,
    /// Its digits.
    pub(super) number: &'a str,
    /// Everything after it.
    pub(super) after: &'a str,
}

impl Token<'_> {
    /// Its value; `None` for a number that is written with zeros in front, such as a mode.
    pub(super) fn parse<T: std::str::FromStr>(&self) -> Option<T> {
        if self.number.starts_with('0') && self.number.len() > 1 { None } else { self.number.parse().ok() }
    }
}

/// Whole numbers replaced by what `name` says of them. `<pid-1>`, `1.5` and `v24163` hold no whole number.
pub(super) fn numbers(text: &str, name: impl Fn(&Token<'_>) -> Option<String>) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while bytes.get(at).is_some_and(|&byte| in_word(byte)) {
            at += 1;
        }
        if at == start {
            at += 1;
            out.push_str(text.get(start..at).unwrap_or_default());
            continue;
        }
        let (before, number, after) = (
            text.get(..start).unwrap_or_default(),
            text.get(start..at).unwrap_or_default(),
            text.get(at..).unwrap_or_default(),
        );
        let digit = |c: char| c.is_ascii_digit();
        let decimal = before.strip_suffix('.').is_some_and(|before| before.ends_with(digit))
            || after.strip_prefix('.').is_some_and(|after| after.starts_with(digit));
        let masked = before.ends_with('-') && after.starts_with('>');
        let whole = !decimal && !masked && number.bytes().all(|byte| byte.is_ascii_digit());
        match name(&Token { before, number, after }).filter(|_| whole) {
            Some(name) => out.push_str(&name),
            None => out.push_str(number),
        }
    }
    out
}

/// What stands between backquotes replaced; `name` is given what stands before them, too.
pub(super) fn quoted(text: &str, name: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = "";
    for (at, part) in text.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        let named = if at % 2 == 1 { name(before, part) } else { None };
        before = part;
        match named {
            Some(name) => out.push_str(&name),
            None => out.push_str(part),
        }
    }
    out
}

/// What was, or could not be, read in the kernel's log: `the kernel killed \`sh\``.
fn kernel_log(text: &str) -> String {
    const UNREADABLE: &str = "the kernel's log cannot be read here";
    const READ: &str = "the kernel killed `";
    let text = text.replace(UNREADABLE, "<kernel log>");
    match text.split_once(READ) {
        Some((before, after)) => match after.split_once('`') {
            Some((_, after)) => format!("{before}<kernel log>{after}"),
            None => text,
        },
        None => text,
    }
}

/// Sizes of copied files differ from machine to machine: `2.0 MB`, `1987 bytes` become `<n> …`.
pub(super) fn sizes(text: &str) -> String {
    before_units(
        text,
        &["B", "kB", "KB", "KiB", "MB", "MiB", "GB", "GiB", "bytes", "files", "libraries"],
        |_| true,
    )
}

/// Counts of the host and peaks: `31 mounts, 84 processes`, `the host has 84`, `peak 7335936 B`. One process is no
/// count of a host.
pub(super) fn host_counts(text: &str, listed: &BTreeSet<usize>) -> String {
    let text = before_units(text, &["mounts", "processes"], |number| number != "0" && number != "1");
    let text = before_units(&text, &["lines"], |number| {
        number.parse().is_ok_and(|number: usize| listed.contains(&number))
    });
    let text = kernel_log(&text);
    numbers(&text, |token| {
        let lead = ["the host has ", "peak "].iter().any(|lead| token.before.ends_with(lead));
        lead.then(|| "<n>".to_owned())
    })
}

/// Numbers that stand before one of these units become `<n>`.
fn before_units(text: &str, units: &[&str], volatile: impl Fn(&str) -> bool) -> String {
    let parts: Vec<&str> = text.split(' ').collect();
    let mut out: Vec<String> = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let unit = parts.get(at + 1).map(|next| next.trim_end_matches([',', '.', ';', ')', ':']));
        let lead = part.len() - part.trim_start_matches('(').len();
        let number = part.get(lead..).unwrap_or_default();
        let is_number =
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_number && unit.is_some_and(|unit| units.contains(&unit)) && volatile(number) {
            out.push(format!("{}<n>", part.get(..lead).unwrap_or_default()));
        } else {
            out.push((*part).to_owned());
        }
    }
    out.join(" ")
}
