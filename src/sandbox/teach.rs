//! What was refused, looked at while the place is still as it was, so that the table of errnos can say what it means
//! here. Nothing of this runs unless something was refused.

use std::path::{Path, PathBuf};

use crate::error::Trouble;
use crate::kernel::{elf, tree};
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::errno::{self, Context, Executable};
use crate::recipe::ingredient::{Mount, MountKind};
use crate::recipe::nearest::nearest;
use crate::recipe::outcome::Call;
use crate::recipe::plan::Plan;
use crate::sandbox::look::View;
use crate::sandbox::place;
use crate::sandbox::rootfs::Manifest;

/// What a container was made from, as far as it tells why it was refused.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What the learner composed.
    pub recipe: &'a Recipe,
    /// What was planned.
    pub plan: &'a Plan,
    /// Path of the program as the process names it.
    pub program: &'a str,
    /// The root directory on the host, where there is one.
    pub root: Option<&'a Path>,
    /// What a root in memory was filled with.
    pub manifest: Option<&'a Manifest>,
}

/// Writes beside the last of these calls what its refusal means, if it was refused.
pub fn explain(calls: &mut [Call], case: Case<'_>) {
    let Some(last) = calls.last().filter(|last| last.errno().is_some()) else { return };
    let mut context = Context::new(case.plan, case.recipe.root_change(), place::look());
    context.directory_gone = is_gone(last);
    if last.name == "execve" {
        context.executable = executable(case);
        context.near = near(last, case);
    }
    let meaning = errno::of(calls, &context);
    if let Some(last) = calls.last_mut() {
        last.meaning = meaning;
    }
}

/// Adds to a trouble that the last of these calls, which rlab made on the host, was refused.
pub fn told(trouble: Trouble, calls: &[Call]) -> Trouble {
    let directory_gone = calls.last().is_some_and(is_gone);
    let v1 = calls.last().is_some_and(is_v1);
    let context = Context { directory_gone, v1, place: place::look(), ..Context::default() };
    errno::told(trouble, calls, &context)
}

/// Whether the directory that a call named is gone; of a file that was to be written, the one that it is in.
fn is_gone(call: &Call) -> bool {
    let Some(path) = call.args.split('"').nth(1).map(Path::new) else { return false };
    let directory = if call.args.contains("O_WRONLY") { path.parent().unwrap_or(path) } else { path };
    !directory.exists()
}

/// The program, of those that are there, whose name is near to the one that was typed.
fn near(exec: &Call, case: Case<'_>) -> Option<String> {
    let typed = exec
        .args
        .split_once("[\"")?
        .1
        .split('"')
        .next()
        .filter(|name| !name.contains('/') && !name.is_empty())?;
    let known = match case.manifest {
        Some(manifest) => manifest.programs(),
        None => View::inside(case.recipe, case.root).programs(),
    };
    nearest(typed, known.iter().map(String::as_str)).filter(|near| *near != typed).map(str::to_owned)
}

/// Whether the directory that a call wanted to make would have been a group of cgroup v1, where a `tasks` file is in each.
fn is_v1(call: &Call) -> bool {
    let path = call.args.split('"').nth(1).map(Path::new);
    path.and_then(Path::parent).is_some_and(|above| above.join("tasks").exists())
}

/// Looks at a program that could not be executed.
fn executable(case: Case<'_>) -> Executable {
    if case.program.is_empty() {
        return Executable::Nameless;
    }
    let Some((root, path)) = on_the_host(case.program, case) else { return Executable::Unknown };
    if mount_over(case.program, case.recipe).is_some_and(forbids_programs) {
        return Executable::NoExec;
    }
    let Ok(file) = tree::look_inside(&root, &path) else { return Executable::Unknown };
    if file.directory {
        Executable::Directory
    } else if file.noexec {
        Executable::NoExec
    } else if !file.executable {
        Executable::NoBit
    } else {
        let interpreter = tree::read_inside(&root, &path).ok().and_then(elf::interpreter);
        match interpreter {
            Some(interpreter) if is_missing(&interpreter, case) => {
                Executable::Interpreter(interpreter.to_string_lossy().into_owned())
            }
            _ => Executable::Unknown,
        }
    }
}

fn is_missing(interpreter: &Path, case: Case<'_>) -> bool {
    let found = on_the_host(&interpreter.to_string_lossy(), case);
    found.is_some_and(|(root, path)| tree::look_inside(&root, &path).is_err())
}

/// Where a path of the container is found from outside: a root directory, and the path below it. `None` where it
/// is in a file system that only the container has.
fn on_the_host(path: &str, case: Case<'_>) -> Option<(PathBuf, String)> {
    let host = PathBuf::from("/");
    if let Some(mount) = mount_over(path, case.recipe) {
        let rest = path.strip_prefix(&mount.target).unwrap_or_default();
        let bound = matches!(mount.kind, MountKind::Bind | MountKind::Rbind);
        return bound.then(|| (host, format!("{}{rest}", mount.source)));
    }
    match (case.recipe.root_change(), case.manifest) {
        (RootChange::None, _) => Some((host, path.to_owned())),
        (_, Some(manifest)) => {
            let inside = path.trim_start_matches('/');
            manifest.files.get(inside).map(|source| (host, source.to_string_lossy().into_owned()))
        }
        (_, None) => Some((case.root?.to_owned(), path.to_owned())),
    }
}

/// The mount of the recipe in which a path lies.
fn mount_over<'a>(path: &str, recipe: &'a Recipe) -> Option<&'a Mount> {
    recipe.mounts().into_iter().rev().find(|mount| Path::new(path).starts_with(&mount.target))
}

/// Whether a mount has `noexec`: by its options, or as the file systems that hold no programs are mounted.
fn forbids_programs(mount: &Mount) -> bool {
    let option = |name: &str| mount.options.iter().any(|option| option == name);
    let usual = matches!(&mount.kind, MountKind::Fs(fstype) if fstype != "tmpfs");
    option("noexec") || (usual && !option("exec"))
}
