//! What an errno means *here*: one table from the call, the errno and what is known, to the meaning and the mend.
//!
//! The error is the lesson, so the table says what the kernel meant in this very place, not what the manual says of
//! all places. Sources: the ERRORS sections of the man page of each call, cgroups(7), user_namespaces(7), and trials
//! on kernels 6.1 and 6.18.

mod births;
mod groups;
mod mounts;
mod programs;

use nix::errno::Errno;

use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::near_word;
use crate::recipe::machine::{CgroupVersion, Machine};
use crate::recipe::outcome::{Call, CallResult};
use crate::recipe::plan::Plan;

/// What an errno means in its place, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Meaning {
    /// Why the kernel refused: lower case, no full stop.
    pub means: String,
    /// What to do about it, in the same voice.
    pub mend: String,
}

/// What is known of the place in which a call failed. Less knowledge gives a more general meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Whether the process has a user namespace of its own.
    pub user_namespace: bool,
    /// Whether it has a PID namespace of its own.
    pub pid_namespace: bool,
    /// Whether it has a network namespace of its own.
    pub net_namespace: bool,
    /// Whether it has an IPC namespace of its own.
    pub ipc_namespace: bool,
    /// Whether it has a UTS namespace of its own.
    pub uts_namespace: bool,
    /// The generation of the memory controller, where there is one.
    pub version: Option<CgroupVersion>,
    /// How the root is changed.
    pub root: RootChange,
    /// The interpreter that the program names (PT_INTERP, or `#!`), where the program itself was found.
    pub interpreter: Option<String>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            user_namespace: false,
            pid_namespace: false,
            net_namespace: false,
            ipc_namespace: false,
            uts_namespace: false,
            version: None,
            root: RootChange::None,
            interpreter: None,
        }
    }
}

impl Context {
    /// The context of a plan that was carried out.
    pub fn new(recipe: &Recipe, plan: &Plan, machine: &Machine) -> Self {
        let own = |namespace| plan.clone.namespaces.contains(&namespace);
        Self {
            user_namespace: own(Namespace::User),
            pid_namespace: own(Namespace::Pid),
            net_namespace: own(Namespace::Net),
            ipc_namespace: own(Namespace::Ipc),
            uts_namespace: own(Namespace::Uts),
            version: machine.cgroups.memory.as_ref().map(|controller| controller.version),
            root: recipe.root_change(),
            interpreter: None,
        }
    }
}

/// One row: these calls, this errno, all of these words in the arguments, this context.
struct Row {
    calls: &'static [&'static str],
    errno: Errno,
    words: &'static [&'static str],
    when: fn(&Context) -> bool,
    means: &'static str,
    mend: &'static str,
}

const fn row(
    calls: &'static [&'static str],
    errno: Errno,
    words: &'static [&'static str],
    means: &'static str,
    mend: &'static str,
) -> Row {
    Row { calls, errno, words, when: |_| true, means, mend }
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
    [births::ROWS, mounts::ROWS, groups::ROWS, programs::ROWS].into_iter().flatten()
}

/// What the refusal of a call means here, where the table knows.
///
/// `args` are in the notation of strace(1). For a `write`, name the file in place of its descriptor (see [`of`]).
pub fn meaning(call: &str, args: &str, errno: i32, context: &Context) -> Option<Meaning> {
    let errno = Errno::from_raw(errno);
    let row = rows().find(|row| row.fits(call, args, errno, context))?;
    let mut means = row.means.to_owned();
    if let Some(interpreter) = &context.interpreter {
        means = means.replace("{interpreter}", interpreter);
    }
    let near = mistyped(call, args).filter(|_| errno == Errno::ENOENT && context.interpreter.is_none());
    let mend = near.map_or_else(|| row.mend.to_owned(), |word| format!("did you mean `{word}`?"));
    Some(Meaning { means, mend })
}

/// The word of rlab's own that the program of an execve is near to.
fn mistyped(call: &str, args: &str) -> Option<&'static str> {
    let (_, argv) = args.split_once("[\"").filter(|_| call == "execve")?;
    near_word(argv.split('"').next()?)
}

/// What the refusal of the last of these calls means here, where the table knows.
pub fn of(calls: &[Call], context: &Context) -> Option<Meaning> {
    let last = calls.last()?;
    let CallResult::Errno(errno) = last.result else { return None };
    if last.name != "write" {
        return meaning(&last.name, &last.args, errno, context);
    }
    let fd: i64 = last.args.split(',').next()?.trim().parse().ok()?;
    let opened =
        calls.iter().rev().find(|call| call.name == "openat" && call.result == CallResult::Value(fd));
    let args = format!("{}, {}", opened.map_or("", |call| call.args.as_str()), last.args);
    meaning("write", &args, errno, context)
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
