//! `docker …`: a word of Docker's for the engine of the session.

use super::LineError;
use super::scan::Word as Token;
use super::words::Own;
use crate::recipe::nearest::nearest;

/// What of Docker's words is passed on: what a lesson needs, and nothing that reaches a registry or the host's files.
pub(crate) const PASSED_ON: [&str; 9] =
    ["import", "run", "exec", "ps", "images", "inspect", "logs", "kill", "rm"];

/// The host stays out of reach: these flags hand it in.
const HANDS_IN: [&str; 7] =
    ["-v", "--volume", "--mount", "--privileged", "--device", "--rootfs", "--cgroup-parent"];

/// Flags whose value may stand behind them, as a word of its own.
const WITH_VALUE: [&str; 22] = [
    "--name",
    "-m",
    "--memory",
    "--memory-swap",
    "--cpus",
    "--pids-limit",
    "-e",
    "--env",
    "-w",
    "--workdir",
    "-u",
    "--user",
    "-h",
    "--hostname",
    "--entrypoint",
    "--cap-add",
    "--cap-drop",
    "--network",
    "-l",
    "--label",
    "--ulimit",
    "--tmpfs",
];

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

/// The first flag that hands the host in. What follows the image is the program's.
fn handing_in(words: &[Token]) -> Option<&Token> {
    let mut words = words.iter();
    while let Some(word) = words.next().filter(|word| word.text.starts_with('-')) {
        let name = word.text.split_once('=').map_or(word.text.as_str(), |(name, _)| name);
        if HANDS_IN.contains(&name) || word.text == "--pid=host" {
            return Some(word);
        }
        if WITH_VALUE.contains(&word.text.as_str()) {
            words.next();
        }
    }
    None
}
