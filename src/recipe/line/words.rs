//! The words of rlab's own: which ones there are, and their exact shape.

use super::scan::{Scan, Word as Token, scan, trimmed};
use super::{Line, LineError, Word, docker, enter, image, ingredients, program};
use crate::recipe::nearest::nearest;

/// Every word of the grammar: how it is written, and what it does in one line. For help and completion.
pub const WORDS: &[(&str, &str)] = &[
    ("rootfs [busybox|host|image]", "build the container's file system: bin dev etc proc sys and the tools"),
    ("chroot", "change the root from now on"),
    ("pivot_root", "change the root from now on, and detach the old one"),
    ("unshare --pid --mount --uts --ipc --net --user --cgroup [--mount-proc]", "new namespaces from now on"),
    (
        "mount -t TYPE [-o OPTIONS] SOURCE TARGET",
        "a file system inside, from now on (proc tmpfs sysfs devpts mqueue)",
    ),
    (
        "mount --bind [-o OPTIONS] SOURCE TARGET",
        "a file or directory of the host appears inside, from now on",
    ),
    ("cgroup [memory.max=7M] [pids.max=64] [cpu.max=50%]", "a control group with these limits, from now on"),
    ("hostname NAME", "a host name of its own (after `unshare --uts`)"),
    ("capdrop CAPABILITY…|all", "capabilities given up before the program starts"),
    ("drop WHAT", "take an ingredient out: `drop chroot`, `drop --pid`, `drop /proc`, `drop memory.max`"),
    ("recipe", "the recipe so far, and the same as shell, `docker run` and OCI JSON"),
    ("run PROGRAM…", "the program of that name, where rlab has a word of the same name"),
    ("PROGRAM… &", "a container that stays"),
    ("jobs", "the containers that stay"),
    ("peek [N]", "look into one of them, from inside and from the host"),
    ("inspect [N]", "which ingredients one of them uses, or the process of that PID (`rlab inspect`)"),
    ("kill [-SIGNAL] N", "send its first process a signal (KILL where none is named)"),
    (
        "nsenter -t N [--all] [--mount --pid …] [--root] [--wd] [--join-cgroup] PROGRAM…",
        "run it in what one of them has (`docker exec`)",
    ),
    ("escape PROGRAM…", "run it after the classic way out of a chroot, on a stage that stands for the host"),
    ("shell", "an interactive shell inside"),
    (
        "docker import - NAME · docker run|exec|ps|images|inspect|logs|kill|rm …",
        "the same with a real engine (Podman, Docker), which keeps everything in this session",
    ),
    (
        "image pack · config · manifest · index · show · load · unpack · run · forge · rm",
        "an image of the root: made step by step, looked at, unpacked, run with its own program",
    ),
    ("ablate", "the same probes under ever more ingredients, as a table"),
    ("!COMMAND", "run it on the host, \"the second terminal\" (`$ROOTFS`, `$CGROUP`, `$IMAGE` are set)"),
    ("next", "on to the next step"),
    ("back", "one step back"),
    ("goto STEP", "to a step of this lab, by number or id"),
    ("hint", "the next hint"),
    ("why", "why it is so"),
    ("solve", "let rlab type the solution"),
    ("check", "judge the step now"),
    ("predict N", "answer the question of the step"),
    ("reset", "bring this step back to its beginning; `start LAB` begins a whole lab again"),
    ("labs", "the list of labs"),
    ("start LAB[:STEP]", "go to another lab"),
    ("status", "where you are"),
    ("map", "what is shared with the host and what is its own"),
    ("book", "the page of the book that tells of this step"),
    ("help [WORD]", "help, also `?`"),
    ("quit", "leave, also `exit`, `bye`, `q`"),
];

/// Ways to start rlab (`rlab doctor`) that are no words of the REPL, and rlab itself: typed here, they would be
/// programs of the container.
pub const OF_THE_SHELL: &[&str] = &[
    "challenge",
    "clean",
    "doctor",
    "join",
    "list",
    "new",
    "play",
    "present",
    "progress",
    "rlab",
    "workshop",
];

/// Reads a line that is neither `!COMMAND` nor a pasted prompt, from byte `from` on.
pub(super) fn read(text: &str, from: usize) -> Result<Line, LineError> {
    let found = scan(text, from)?;
    if trimmed(text, from, found.end).is_empty() {
        return Ok(Line::Empty);
    }
    let Some(first) = found.words.first().filter(|word| word.plain && word.at == from) else {
        return program::read(text, from, false);
    };
    if first.text == "run" {
        let after = from + first.text.len();
        if trimmed(text, after, found.end).is_empty() {
            return Err(LineError::new(from, "`run` needs a program").hint("type `run ls /`"));
        }
        return program::read(text, after, true);
    }
    let line = Own { text, found: &found, word: first, args: &found.words[1..] };
    if line.is_program() {
        return program::read(text, from, false);
    }
    match line.read() {
        Some(read) => read,
        None => program::read(text, from, false),
    }
}

/// A line that begins with what may be a word of rlab's own.
pub(super) struct Own<'a> {
    pub(super) text: &'a str,
    found: &'a Scan,
    pub(super) word: &'a Token,
    pub(super) args: &'a [Token],
}

impl Own<'_> {
    /// Whether it is the program of that name after all: `mount` and `hostname` alone only show.
    fn is_program(&self) -> bool {
        let alone = self.args.is_empty()
            || self.found.shell.is_some_and(|(at, c)| {
                matches!(c, '|' | '&' | ';' | '<' | '>' | '\n') && self.args.iter().all(|word| word.at > at)
            });
        let flag = |word: &Token| word.text.starts_with('-');
        match self.word.text.as_str() {
            "mount" => alone,
            "hostname" => alone || self.args.first().is_some_and(flag),
            _ => false,
        }
    }

    /// The line, where the first word is one of rlab's own.
    fn read(&self) -> Option<Result<Line, LineError>> {
        let name = self.word.text.as_str();
        if !matches!(name, "?" | "exit" | "bye" | "q") && !first_words().any(|word| word == name) {
            return None;
        }
        // `?` is also a wildcard, but alone or with a word it asks for help.
        let wildcard = |at: usize| name == "?" && at == self.word.at;
        match self.found.shell {
            // Shell syntax belongs to the program that joins.
            Some(_) if matches!(name, "nsenter" | "escape") => {}
            Some((at, c)) if !wildcard(at) => return Some(Err(self.no_shell(at, c))),
            _ => {}
        }
        Some(match name {
            "jobs" => self.bare(Line::Jobs),
            "recipe" => self.bare(Line::Recipe),
            "shell" => self.bare(Line::Shell),
            "ablate" => self.bare(Line::Ablate),
            "image" => image::read(self).map(Line::Image),
            "peek" => self.one_or_latest(Line::Peek),
            "inspect" => self.one_or_latest(Line::Inspect),
            "docker" => docker::read(self).map(Line::Docker),
            "kill" => self.kill(),
            "drop" => self.drop(),
            "nsenter" => enter::read(self),
            "escape" => self.escape(),
            _ => match self.walk(name) {
                Some(walk) => walk,
                None => ingredients::read(self).map(Line::Add),
            },
        })
    }

    fn walk(&self, name: &str) -> Option<Result<Line, LineError>> {
        let word = match name {
            "next" => Word::Next,
            "back" => Word::Back,
            "hint" => Word::Hint,
            "why" => Word::Why,
            "solve" => Word::Solve,
            "check" => Word::Check,
            "reset" => Word::Reset,
            "labs" => Word::Labs,
            "status" => Word::Status,
            "map" => Word::Map,
            "book" => Word::Book,
            "quit" | "exit" | "bye" | "q" => Word::Quit,
            "goto" => return Some(self.one("a step", "goto 2").map(|step| Line::Walk(Word::Goto(step)))),
            "start" => {
                let lab = self.one("a lab", "start chroot`, or `labs` for the list of them, `help");
                return Some(lab.map(|lab| Line::Walk(Word::Start(lab))));
            }
            "predict" => {
                let answer = self.one("an answer", "predict 2");
                return Some(answer.map(|answer| Line::Walk(Word::Predict(answer))));
            }
            "help" | "?" => {
                return Some(match self.args {
                    [] => Ok(Line::Walk(Word::Help(None))),
                    [topic] => Ok(Line::Walk(Word::Help(Some(topic.text.clone())))),
                    [_, extra, ..] => Err(self.too_many(extra)),
                });
            }
            _ => return None,
        };
        Some(self.bare(Line::Walk(word)))
    }

    /// `line`, when nothing follows the word.
    fn bare(&self, line: Line) -> Result<Line, LineError> {
        match self.args.first() {
            None => Ok(line),
            Some(extra) => Err(self.too_many(extra)),
        }
    }

    /// The one argument that the word takes.
    fn one(&self, what: &str, example: &str) -> Result<String, LineError> {
        match self.args {
            [] => Err(LineError::new(self.end(), format!("`{}` needs {what}", self.word.text))
                .hint(format!("type `{example}`"))),
            [only] => Ok(only.text.clone()),
            [_, extra, ..] => Err(self.too_many(extra)),
        }
    }

    fn too_many(&self, extra: &Token) -> LineError {
        let name = &self.word.text;
        LineError::new(extra.at, format!("`{name}` does not take `{}`", extra.text))
            .hint(format!("type `{name}` by itself, or `run {name} …` for a program of that name"))
    }

    fn no_shell(&self, at: usize, c: char) -> LineError {
        let name = &self.word.text;
        let shown = if c == '\n' { "a second line".to_owned() } else { format!("`{c}`") };
        let hint = if self.text.contains("$PWD") {
            "paths are the container's own: write `/proc` in place of `$PWD/proc`".to_owned()
        } else if name == "docker" && "*?[{".contains(c) {
            "put it in quotes: `docker ps --format '{{.Names}}'`".to_owned()
        } else {
            format!("type it as a line of its own, or `run {name} …` for the program of that name")
        };
        LineError::new(at, format!("`{name}` is a word of rlab, and {shown} is for a shell")).hint(hint)
    }

    /// Just behind the last character, where something is missing.
    pub(super) fn end(&self) -> usize {
        self.args.last().unwrap_or(self.word).at.max(self.found.end.min(self.text.trim_end().len()))
    }

    /// A word that looks at the container of a number, or at the latest.
    fn one_or_latest(&self, line: fn(Option<u32>) -> Line) -> Result<Line, LineError> {
        match self.args {
            [] => Ok(line(None)),
            [number] => Ok(line(Some(job(number)?))),
            [_, extra, ..] => Err(self.too_many(extra)),
        }
    }

    fn kill(&self) -> Result<Line, LineError> {
        const HINT: &str = "type `kill 1`, or `kill -TERM 1`; `jobs` shows the numbers";
        const KILL: i32 = 9;
        let (name, rest) = match self.args {
            [flag, name, rest @ ..] if flag.text == "-s" => (Some((name, name.text.as_str())), rest),
            [flag, rest @ ..] if flag.text.starts_with('-') => (Some((flag, &flag.text[1..])), rest),
            rest => (None, rest),
        };
        let signal = match name {
            None => KILL,
            Some((token, name)) => signal(name).ok_or_else(|| {
                LineError::new(token.at, format!("there is no signal `{name}`"))
                    .hint("signals have names such as TERM, INT, HUP, KILL, or numbers from 1 to 64")
            })?,
        };
        match rest {
            [] => {
                Err(LineError::new(self.end(), "`kill` needs the number of a container that stays")
                    .hint(HINT))
            }
            [number] => Ok(Line::Kill { signal, job: job(number)? }),
            [_, extra, ..] => {
                Err(LineError::new(extra.at, "`kill` takes one container at a time").hint(HINT))
            }
        }
    }

    fn escape(&self) -> Result<Line, LineError> {
        let Some(program) = self.args.first() else {
            return Err(LineError::new(self.end(), "`escape` needs a program to run outside")
                .hint("type `escape ls /`"));
        };
        match program::read(self.text, program.at, true)? {
            Line::Run(command) => Ok(Line::Escape(command)),
            _ => Err(LineError::new(program.at, "who escapes does not stay").hint("leave out the `&`")),
        }
    }

    fn drop(&self) -> Result<Line, LineError> {
        match self.args {
            [] => Err(LineError::new(self.end(), "`drop` needs the name of an ingredient")
                .hint("type `drop chroot`, `drop --pid`, `drop /proc`, `drop memory.max`; `recipe` shows what is in")),
            [what] => Ok(Line::Drop(what.text.clone())),
            // `drop mount /proc` and `drop unshare --pid` name the same thing twice.
            [kind, what] if matches!(kind.text.as_str(), "mount" | "unshare" | "cgroup" | "capdrop") => {
                Ok(Line::Drop(what.text.clone()))
            }
            [_, extra, ..] => Err(LineError::new(extra.at, "`drop` takes one ingredient at a time")
                .hint("type `drop chroot`, `drop --pid`, `drop /proc`, `drop memory.max`")),
        }
    }
}

/// The number of a background container, `2` or `%2`.
pub(super) fn job(token: &Token) -> Result<u32, LineError> {
    let number = token.text.strip_prefix('%').unwrap_or(&token.text);
    number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(|| {
        LineError::new(token.at, format!("`{}` is not the number of a container that stays", token.text))
            .hint("`jobs` shows the numbers; `run` before the line means the program of that name")
    })
}

/// The number of a signal, by name (`TERM`, `SIGTERM`, any case) or number.
fn signal(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    full.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32)
}

/// The first word of each line of [`WORDS`] that has one.
pub(super) fn first_words() -> impl Iterator<Item = &'static str> {
    WORDS
        .iter()
        .map(|(usage, _)| usage.split_whitespace().next().unwrap_or_default())
        .filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// The word of rlab's own that a mistyped program is near to, such as `unshare` for `unshar`.
pub fn near_word(typed: &str) -> Option<&'static str> {
    nearest(typed, first_words()).filter(|near| *near != typed)
}

/// What somebody wants who types a way to start rlab where a program of the container is meant.
pub fn of_the_shell(typed: &str) -> Option<String> {
    let mode = *OF_THE_SHELL.iter().find(|mode| **mode == typed)?;
    let whole = if mode == "rlab" { "rlab …".to_owned() } else { format!("rlab {mode}") };
    let here = if mode == "list" { "`labs` lists them here; " } else { "" };
    Some(format!("{here}`{whole}` is typed in your own shell: after `quit`, or in a second terminal"))
}
