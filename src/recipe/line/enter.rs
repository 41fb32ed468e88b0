//! `nsenter`, with the flags of util-linux. Source: nsenter(1).

use super::scan::Word;
use super::words::{Own, job};
use super::{Line, LineError, program};
use crate::recipe::enter::Enter;
use crate::recipe::ingredient::Namespace;
use crate::recipe::nearest::nearest;

/// What one flag asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Namespace(Namespace),
    All,
    Root,
    Wd,
    Group,
    NoFork,
    /// The next word, or the rest of this one, is the container.
    Target,
}

/// Every long flag with its short one.
const FLAGS: &[(&str, char, Flag)] = &[
    ("target", 't', Flag::Target),
    ("all", 'a', Flag::All),
    ("mount", 'm', Flag::Namespace(Namespace::Mnt)),
    ("uts", 'u', Flag::Namespace(Namespace::Uts)),
    ("ipc", 'i', Flag::Namespace(Namespace::Ipc)),
    ("net", 'n', Flag::Namespace(Namespace::Net)),
    ("pid", 'p', Flag::Namespace(Namespace::Pid)),
    ("cgroup", 'C', Flag::Namespace(Namespace::Cgroup)),
    ("user", 'U', Flag::Namespace(Namespace::User)),
    ("root", 'r', Flag::Root),
    ("wd", 'w', Flag::Wd),
    ("join-cgroup", 'c', Flag::Group),
    ("no-fork", 'F', Flag::NoFork),
];

const EXAMPLE: &str = "type `nsenter -t 1 --all --root ps -A`; `jobs` shows the numbers";

/// Every long flag, for completion.
pub(crate) fn flags() -> impl Iterator<Item = String> {
    FLAGS.iter().map(|(name, ..)| format!("--{name}"))
}

/// `nsenter -t N FLAG… PROGRAM…`.
pub(super) fn read(line: &Own<'_>) -> Result<Line, LineError> {
    let mut enter = Enter::default();
    let mut target = None;
    let mut words = line.args.iter();
    let program = loop {
        match words.next() {
            Some(word) if word.text == "--" => break words.next(),
            Some(word) if word.text.starts_with('-') && word.text.len() > 1 => {
                if let Some(value) = flag(word, &mut enter, &mut words)? {
                    target = Some(job(&value)?);
                }
            }
            other => break other,
        }
    };
    enter.job = target.ok_or_else(|| {
        LineError::new(line.end(), "`nsenter` needs a container that stays: `-t N`").hint(EXAMPLE)
    })?;
    if enter.is_empty() {
        return Err(LineError::new(line.end(), "`nsenter` needs something to enter").hint(
            "name it: --mount --pid --uts --ipc --net --user --cgroup, or --all; --root, --wd and --join-cgroup \
             are no namespaces",
        ));
    }
    let Some(program) = program else {
        return Err(LineError::new(line.end(), "`nsenter` needs a program").hint(EXAMPLE));
    };
    match program::read(line.text, program.at, true)? {
        Line::Run(command) => Ok(Line::Enter(enter, command)),
        _ => Err(LineError::new(program.at, "what is entered with `nsenter` does not stay")
            .hint("leave out the `&`: the container stays, and can be entered again")),
    }
}

/// Takes one word of flags; gives the word that names the container, if it was among them.
fn flag<'a>(
    word: &Word,
    enter: &mut Enter,
    rest: &mut impl Iterator<Item = &'a Word>,
) -> Result<Option<Word>, LineError> {
    let missing = || {
        LineError::new(word.at, format!("`{}` needs the number of a container that stays", word.text))
            .hint(EXAMPLE)
    };
    let value = |text: &str| Word { text: text.to_owned(), at: word.at, plain: word.plain };
    if let Some(long) = word.text.strip_prefix("--") {
        let (name, given) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let found = FLAGS.iter().find(|(known, ..)| *known == name).map(|(.., flag)| *flag);
        return match (found, given) {
            (None, _) => Err(unknown(word, name)),
            (Some(Flag::Target), Some(given)) => Ok(Some(value(given))),
            (Some(Flag::Target), None) => rest.next().cloned().map(Some).ok_or_else(missing),
            (Some(_), Some(_)) => Err(LineError::new(word.at, format!("`--{name}` takes no value here"))
                .hint(format!("write `--{name}`: it is that of the container"))),
            (Some(flag), None) => {
                take(flag, enter);
                Ok(None)
            }
        };
    }
    let short = &word.text[1..];
    for (at, c) in short.char_indices() {
        match FLAGS.iter().find(|(_, known, _)| *known == c).map(|(.., flag)| *flag) {
            None => return Err(unknown(word, short)),
            Some(Flag::Target) => {
                let given = &short[at + c.len_utf8()..];
                let given = given.strip_prefix('=').unwrap_or(given);
                return match given {
                    "" => rest.next().cloned().map(Some).ok_or_else(missing),
                    given => Ok(Some(value(given))),
                };
            }
            Some(flag) => take(flag, enter),
        }
    }
    Ok(None)
}

fn take(flag: Flag, enter: &mut Enter) {
    match flag {
        Flag::Namespace(kind) => {
            enter.namespaces.insert(kind);
        }
        Flag::All => enter.all = true,
        Flag::Root => enter.root = true,
        Flag::Wd => enter.wd = true,
        Flag::Group => enter.group = true,
        Flag::NoFork => enter.no_fork = true,
        Flag::Target => {}
    }
}

fn unknown(word: &Word, name: &str) -> LineError {
    let error =
        LineError::new(word.at, format!("`nsenter` has no flag `{}`", super::ingredients::shown(&word.text)));
    match nearest(name, FLAGS.iter().map(|(known, ..)| *known)).filter(|_| name.len() > 2) {
        Some(near) => error.hint(format!("did you mean `--{near}`?")),
        None => error.hint(format!("the flags are {}", flags().collect::<Vec<_>>().join(" "))),
    }
}
