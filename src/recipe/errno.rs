//! What an errno means *here*: one table from the call, the errno and what was observed, to the meaning and the mend.
//!
//! The error is the lesson, so the table says what the kernel meant in this very place, not what the manual says of
//! all places. It holds only what a kernel was seen to answer to rlab: `tests/errno.rs` provokes every entry, here or
//! in a virtual machine. Sources: the ERRORS sections of the man page of each call, cgroups(7), user_namespaces(7).

mod births;
mod files;
mod groups;
mod mounts;
mod programs;

use nix::errno::Errno;

use crate::error::{Refusal, Trouble};
use crate::recipe::compose::RootChange;
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::{near_word, of_the_shell};
use crate::recipe::outcome::{Call, CallResult};
use crate::recipe::place::Place;
use crate::recipe::plan::Plan;

/// What an errno means in its place, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Meaning {
    /// Name of the errno, such as `EPERM`.
    pub errno: String,
    /// Id of the entry in the table.
    pub entry: &'static str,
    /// Why the kernel refused: lower case, no full stop.
    pub means: String,
    /// What to do about it, in the same voice.
    pub mend: String,
}

/// The program that execve(2) did not start, looked at from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Executable {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// Its name is empty.
    Nameless,
    /// It is a directory.
    Directory,
    /// No execute bit is set.
    NoBit,
    /// It lies on a mount with `noexec`.
    NoExec,
    /// It is there, but names an interpreter (PT_INTERP, or `#!`) that is not.
    Interpreter(String),
}

/// What is known of the place in which a call failed. Less knowledge gives a more general meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The namespaces of its own that the process has, or was to have.
    pub own: Vec<Namespace>,
    /// How the root is changed.
    pub root: RootChange,
    /// The program, where it could not be executed.
    pub executable: Executable,
    /// The program that a mistyped name is near to.
    pub near: Option<String>,
    /// Whether the directory of the file that could not be opened is gone, too.
    pub directory_gone: bool,
    /// Whether the call was about a group of cgroup v1.
    pub v1: bool,
    /// The place in which rlab itself runs.
    pub place: Place,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            own: Vec::new(),
            root: RootChange::None,
            executable: Executable::Unknown,
            near: None,
            directory_gone: false,
            v1: false,
            place: Place::default(),
        }
    }
}

impl Context {
    /// The context of a plan that was carried out in this place.
    pub fn new(plan: &Plan, root: RootChange, place: Place) -> Self {
        Self { own: plan.clone.namespaces.iter().copied().collect(), root, place, ..Self::default() }
    }

    /// Whether the process has a namespace of its own.
    pub fn owns(&self, namespace: Namespace) -> bool {
        self.own.contains(&namespace)
    }

    /// Whether it is in a user namespace of its own.
    fn user(&self) -> bool {
        self.owns(Namespace::User)
    }

    /// Whether one of the namespaces that were asked for is forbidden here.
    fn forbidden(&self) -> bool {
        self.place.forbidden.iter().any(|namespace| self.owns(*namespace) || *namespace == Namespace::Cgroup)
    }
}

/// One row: these calls, this errno, all of these words in the arguments, this context.
struct Row {
    id: &'static str,
    calls: &'static [&'static str],
    errno: Errno,
    words: &'static [&'static str],
    when: fn(&Context) -> bool,
    means: &'static str,
    mend: &'static str,
}

const fn row(
    id: &'static str,
    calls: &'static [&'static str],
    errno: Errno,
    words: &'static [&'static str],
    means: &'static str,
    mend: &'static str,
) -> Row {
    Row { id, calls, errno, words, when: |_| true, means, mend }
}

impl Row {
    const fn when(self, when: fn(&Context) -> bool) -> Self {
        Self { when, ..self }
    }

    fn fits(&self, call: &str, args: &str, errno: Errno, context: &Context) -> bool {
        self.errno == errno
            && self.calls.contains(&call)
            && self.words.iter().all(|word| args.contains(word))
            && (self.when)(context)
    }
}

/// The whole table; the first row that fits is meant.
fn rows() -> impl Iterator<Item = &'static Row> {
    [births::ROWS, files::ROWS, mounts::ROWS, groups::ROWS, programs::ROWS].into_iter().flatten()
}

/// One entry of the table, for those who show or test all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: &'static str,
    /// The calls that can be refused so.
    pub calls: &'static [&'static str],
    /// The errno, by its number.
    pub errno: i32,
    /// Why the kernel refuses; `{interpreter}` stands for what is known at the time.
    pub means: &'static str,
    /// The mend.
    pub mend: &'static str,
}

/// Every entry, in the order in which they are asked.
pub fn entries() -> impl Iterator<Item = Entry> {
    rows().map(|row| Entry {
        id: row.id,
        calls: row.calls,
        errno: row.errno as i32,
        means: row.means,
        mend: row.mend,
    })
}

/// What the refusal of a call means here, where the table knows.
///
/// `args` are in the notation of strace(1). For a `write`, name the file in place of its descriptor (see [`of`]).
pub fn meaning(call: &str, args: &str, errno: i32, context: &Context) -> Option<Meaning> {
    let known = Errno::from_raw(errno);
    let row = rows().find(|row| row.fits(call, args, known, context))?;
    let mut means = row.means.to_owned();
    if let Executable::Interpreter(interpreter) = &context.executable {
        means = means.replace("{interpreter}", interpreter);
    }
    let missing = known == Errno::ENOENT && !matches!(context.executable, Executable::Interpreter(_));
    let meant = program(call, args).filter(|_| missing).and_then(|program| meant(program, context));
    let mend = meant.unwrap_or_else(|| row.mend.to_owned());
    Some(Meaning { errno: name(errno), entry: row.id, means, mend })
}

/// The name of the program that an execve was to start, as it was typed.
fn program<'a>(call: &str, args: &'a str) -> Option<&'a str> {
    let (_, argv) = args.split_once("[\"").filter(|_| call == "execve")?;
    argv.split('"').next()
}

/// What somebody wants who types the name of a program that is not there.
fn meant(program: &str, context: &Context) -> Option<String> {
    of_the_shell(program).or_else(|| {
        let near = near_word(program).or(context.near.as_deref())?;
        Some(format!("did you mean `{near}`?"))
    })
}

/// What the refusal of the last of these calls means here, where the table knows.
pub fn of(calls: &[Call], context: &Context) -> Option<Meaning> {
    let last = calls.last()?;
    let errno = last.errno()?;
    let fd = last.args.split(',').next().and_then(|fd| fd.trim().parse::<i64>().ok());
    let Some(fd) = fd.filter(|_| last.name == "write") else {
        return meaning(&last.name, &last.args, errno, context);
    };
    let opened =
        calls.iter().rev().find(|call| call.name == "openat" && call.result == CallResult::Value(fd));
    let args = format!("{}, {}", opened.map_or("", |call| call.args.as_str()), last.args);
    meaning("write", &args, errno, context)
}

/// Tells in a trouble that the last of these calls was refused: the call with its errno, the meaning and the mend.
pub fn told(mut trouble: Trouble, calls: &[Call], context: &Context) -> Trouble {
    let Some((last, errno)) = calls.last().and_then(|last| Some((last, last.errno()?))) else {
        return trouble;
    };
    let meaning = last.meaning.clone().or_else(|| of(calls, context));
    trouble.refusal = Some(Box::new(Refusal {
        call: last.name.clone(),
        errno: name(errno),
        entry: meaning.as_ref().map(|meaning| meaning.entry),
    }));
    trouble = trouble.because(refused(&last.name, errno));
    match meaning {
        Some(Meaning { means, mend, .. }) => {
            trouble.hint.get_or_insert(mend);
            trouble.because(means)
        }
        None => trouble,
    }
}

/// One sentence: "`mount` was refused: EPERM (Operation not permitted)".
pub fn refused(call: &str, errno: i32) -> String {
    format!("`{call}` was refused: {} ({})", name(errno), text(errno))
}

/// The name of an errno, such as `EPERM`.
pub fn name(errno: i32) -> String {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => format!("errno {errno}"),
        known => format!("{known:?}"),
    }
}

/// The text of an errno as strerror(3) has it, such as `Operation not permitted`.
pub fn text(errno: i32) -> &'static str {
    Errno::from_raw(errno).desc()
}

#[cfg(test)]
mod tests;
