//! One command under a recipe, nothing else: `rlab exec`. The standard streams are the caller's own, the root lives in
//! memory, and nothing is observed that was not asked for.

use std::path::PathBuf;

use crate::error::Result;
use crate::kernel::signals::Interrupts;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::Command;
use crate::recipe::outcome::{Call, End};
use crate::recipe::plan::{Plan, RootPlace};
use crate::sandbox::launch::{self, Base};
use crate::sandbox::machine;
use crate::sandbox::owner::{self, WorkDirectory};
use crate::sandbox::program::Ground;
use crate::sandbox::rootfs::Manifest;
use crate::sandbox::standing::Standing;

/// What a one-shot container did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Every narrated call.
    pub calls: Vec<Call>,
    /// How it ended.
    pub end: End,
    /// What rlab added by itself, one sentence each.
    pub notes: Vec<String>,
}

impl Done {
    /// The status that `rlab exec` ends with: the command's own, 128 + signal for a kill, 125 to 127 where it never
    /// ran.
    pub fn status(&self) -> i32 {
        self.end.status(&self.calls).unwrap_or(125)
    }
}

/// Runs one command under a recipe. `before` is told the calls once, before the program starts to write.
///
/// # Errors
/// What rlab itself could not do.
pub fn run(recipe: &Recipe, command: &Command, before: &mut dyn FnMut(&[Call])) -> Result<Done> {
    let machine = machine::find();
    owner::collect(&machine);
    let plan = Plan::new(recipe, command, &machine, RootPlace::Memory)?;
    let mut standing = Standing::default();
    let mut calls = standing.agree_on_group(&plan.prepare, &machine)?;
    let tools = recipe.rootfs().filter(|_| recipe.root_change() != RootChange::None);
    let manifest = tools.map(|tools| Manifest::new(tools, false)).transpose()?;
    let place = manifest.as_ref().map(|_| WorkDirectory::make()).transpose()?;
    let program = command.argv.first().map_or("", String::as_str);
    let ground = Ground {
        root: place.as_ref().map(WorkDirectory::path),
        manifest: manifest.as_ref(),
        program: match &manifest {
            Some(manifest) if !program.contains('/') => {
                manifest.program(program).unwrap_or_else(|| format!("/bin/{program}"))
            }
            _ => launch::resolve(program, None::<PathBuf>.as_deref()),
        },
        environment: launch::clean_environment(),
        ..Ground::default()
    };
    let mut interrupts = Interrupts::listen().ok();
    let mut launched = launch::launch(&plan, Base { machine: &machine, group: &standing.group, ground })?;
    calls.append(&mut launched.calls);
    let end = match launched.process.as_mut() {
        None => End::Refused(launched.refused.unwrap_or_default()),
        Some(process) => {
            process.start(&mut calls)?;
            before(&calls);
            process.wait_or_pass_on(interrupts.as_mut())?
        }
    };
    if !plan.clone.namespaces.contains(&Namespace::Pid) {
        launch::kill_strays(&[]);
    }
    standing.group.remove_all(&mut Vec::new())?;
    Ok(Done { calls, end, notes: Vec::new() })
}
