//! `docker …`: a word of Docker's for the engine of the session.

use super::LineError;
use super::scan::Word as Token;
use super::words::Own;
use crate::recipe::nearest::nearest;

/// What of Docker's words is passed on: what a lesson needs, and nothing that reaches a registry or the host's files.
pub(crate) const PASSED_ON: [&str; 9] =
    ["import", "run", "exec", "ps", "images", "inspect", "logs", "kill", "rm"];

/// The host stays out of reach: these flags hand it in.
const HANDS_IN: [&str; 8] = [
    "--volume",
    "--mount",
    "--privileged",
    "--device",
    "--rootfs",
    "--cgroup-parent",
    "--env-host",
    "--env-file",
];

/// The kinds of namespace: with the value `host` they are not the container's own.
const KINDS: [&str; 7] = ["--pid", "--network", "--net", "--ipc", "--uts", "--userns", "--cgroupns"];

/// Other flags whose value may stand behind them, as a word of its own.
const WITH_VALUE: [&str; 16] = [
    "--name",
    "--memory",
    "--memory-swap",
    "--cpus",
    "--pids-limit",
    "--env",
    "--workdir",
    "--user",
    "--hostname",
    "--entrypoint",
    "--cap-add",
    "--cap-drop",
    "--label",
    "--ulimit",
    "--tmpfs",
    "--signal",
];

/// Flags of one letter whose value stands behind them, in the same word or in the next.
const LETTERS_WITH_VALUE: &str = "mewuhlps";

/// Reads it.
pub(super) fn read(line: &Own<'_>) -> Result<Vec<String>, LineError> {
    let Some((what, rest)) = line.args.split_first() else {
        return Err(LineError::new(line.end(), "`docker` needs a word of Docker's")
            .hint("type `docker import - busybox`, then `docker run --rm -d busybox sleep 1234`"));
    };
    let known = PASSED_ON.contains(&what.text.as_str());
    if !known {
        let hint = match (what.text.as_str(), nearest(&what.text, PASSED_ON)) {
            ("pull" | "push" | "build" | "login" | "search", _) => {
                "nothing is fetched here: `docker import - busybox` makes an image of the rootfs".to_owned()
            }
            (_, Some(near)) => format!("did you mean `docker {near}`?"),
            _ => format!("rlab passes on {}", PASSED_ON.map(|word| format!("`{word}`")).join(", ")),
        };
        return Err(LineError::new(what.at, format!("`docker {}` is not passed on", what.text)).hint(hint));
    }
    if what.text == "import" {
        return match rest {
            [dash, name] if dash.text == "-" && !name.text.starts_with('-') => {
                Ok(line.args.iter().map(|word| word.text.clone()).collect())
            }
            _ => Err(LineError::new(
                what.at,
                "`docker import` reads the rootfs, packed, as its standard input",
            )
            .hint("type `docker import - busybox`")),
        };
    }
    if let Some(flag) = handing_in(rest) {
        return Err(LineError::new(
            flag.at,
            format!("`{}` is not passed on: it hands the host in", flag.text),
        )
        .hint("leave it out; `!` lines run on the host"));
    }
    Ok(line.args.iter().map(|word| word.text.clone()).collect())
}

/// What a flag is to rlab.
enum Flag {
    HandsIn,
    TakesNext,
    Whole,
}

/// Reads one flag, and the word behind it.
fn flag(word: &str, next: Option<&str>) -> Flag {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    if !word.starts_with("--") {
        // Letters may stand together: `-dm 7m`.
        let mut letters = word.chars().skip(1);
        return match letters.find(|letter| *letter == 'v' || LETTERS_WITH_VALUE.contains(*letter)) {
            Some('v') => Flag::HandsIn,
            Some(_) if letters.next().is_none() => Flag::TakesNext,
            _ => Flag::Whole,
        };
    }
    let kind = KINDS.contains(&name);
    if HANDS_IN.contains(&name) || (kind && value.or(next) == Some("host")) {
        return Flag::HandsIn;
    }
    if value.is_none() && (kind || WITH_VALUE.contains(&name)) { Flag::TakesNext } else { Flag::Whole }
}

/// The first flag that hands the host in. What follows the image is the program's.
fn handing_in(words: &[Token]) -> Option<&Token> {
    let mut rest = words;
    while let [word, more @ ..] = rest
        && word.text.starts_with('-')
    {
        rest = match flag(&word.text, more.first().map(|next| next.text.as_str())) {
            Flag::HandsIn => return Some(word),
            Flag::TakesNext => more.get(1..).unwrap_or_default(),
            Flag::Whole => more,
        };
    }
    None
}

/// The container that `exec` means: its first word that is neither a flag nor the value of one.
pub(crate) fn entered(words: &[String]) -> Option<&str> {
    let [exec, rest @ ..] = words else { return None };
    let mut rest = if exec == "exec" { rest } else { return None };
    while let [word, more @ ..] = rest {
        if !word.starts_with('-') {
            return Some(word);
        }
        let takes_next = matches!(flag(word, more.first().map(String::as_str)), Flag::TakesNext);
        rest = if takes_next { more.get(1..).unwrap_or_default() } else { more };
    }
    None
}
