//! A program: its words as they are, or the text for `sh -c` where it has shell syntax.

use super::scan::{Word, scan, trimmed};
use super::{Command, Line, LineError};

/// Words that a shell does itself; there is no program of that name to run.
const BUILTINS: &[&str] = &[
    ".", ":", "alias", "cd", "command", "eval", "exec", "exit", "export", "hash", "local", "read",
    "readonly", "return", "set", "shift", "source", "times", "trap", "type", "ulimit", "umask", "unset",
    "wait",
];

/// Reads a program from byte `from` on; the text there is not empty.
///
/// `run` says that the program is meant, whatever the first word is.
pub(super) fn read(text: &str, from: usize, run: bool) -> Result<Line, LineError> {
    let found = scan(text, from)?;
    let Some(ampersand) = found.ampersand else {
        return command(text, from, found.end, run).map(Line::Run);
    };
    if trimmed(text, from, ampersand).is_empty() {
        return Err(LineError::new(ampersand, "`&` has no command before it").hint("type `sleep 1234 &`"));
    }
    command(text, from, ampersand, run).map(Line::Stay)
}

fn command(text: &str, from: usize, end: usize, run: bool) -> Result<Command, LineError> {
    let body = trimmed(text, from, end);
    let found = scan(&text[..end], from)?;
    let first = found.words.first();
    if let Some(word) = first.filter(|word| word.plain && found.shell.is_none() && !run) {
        let alone = useless_alone(word, body);
        if let Some(error) = alone {
            return Err(error);
        }
    }
    let assigns = first.is_some_and(|word| is_assignment(&text[word.at..end]));
    let builtin = first.is_some_and(|word| word.plain && BUILTINS.contains(&word.text.as_str()));
    let argv = if found.shell.is_some() || assigns || builtin {
        vec!["sh".to_owned(), "-c".to_owned(), body.to_owned()]
    } else {
        found.words.into_iter().map(|word| word.text).collect()
    };
    Ok(Command { argv, text: body.to_owned() })
}

/// What a learner brings along from a shell and what would do nothing here, or not what it looks like.
fn useless_alone(word: &Word, body: &str) -> Option<LineError> {
    let name = word.text.as_str();
    match name {
        "cd" | "export" => Some(
            LineError::new(word.at, format!("`{name}` would change a process that ends with this line"))
                .hint(format!(
                    "every line is a process of its own: type `{body} && …` in one line, or `shell`"
                )),
        ),
        "sudo" => Some(
            LineError::new(word.at, "`sudo` is not needed here")
                .hint("leave it out: rlab asks the kernel with the rights that it has"),
        ),
        _ => None,
    }
}

/// Whether the text begins with `NAME=`.
fn is_assignment(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    name.len() < text.len()
        && name
            .bytes()
            .enumerate()
            .all(|(at, byte)| byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit()))
        && !name.is_empty()
}
