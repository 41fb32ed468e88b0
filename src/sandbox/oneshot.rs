//! One command under a recipe, nothing else: `rlab exec`. The standard streams are the caller's own, the root lives in
//! memory, and nothing is observed that was not asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::kernel::signals::Interrupts;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::Command;
use crate::recipe::outcome::{Call, Capped, End};
use crate::recipe::plan::{At, Op, Plan, RootPlace};
use crate::sandbox::caps::Caps;
use crate::sandbox::collect::{Look, collect};
use crate::sandbox::keeper::Keeper;
use crate::sandbox::launch::{self, Base};
use crate::sandbox::machine;
use crate::sandbox::orphans::{self, Orphans};
use crate::sandbox::owner::{self, WorkDirectory};
use crate::sandbox::program::Ground;
use crate::sandbox::rootfs::{Manifest, Names};
use crate::sandbox::standing::Standing;
use crate::sandbox::teach::{self, Case};

/// What a one-shot container did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Every narrated call.
    pub calls: Vec<Call>,
    /// How it ended.
    pub end: End,
    /// The cap of rlab's own that it has met.
    pub capped: Option<Capped>,
}

impl Done {
    /// The status that `rlab exec` ends with: the command's own, 128 + signal for a kill, 125 to 127 where it never
    /// ran.
    pub fn status(&self) -> i32 {
        self.end.status(&self.calls).unwrap_or(125)
    }
}

/// Is told the calls before the program starts.
pub type Before<'a> = &'a mut dyn FnMut(&[Call]);

/// Runs one command under a recipe. `before` is told the calls once, before the program starts to write; where nobody
/// wants to know, the program does not wait for it.
///
/// # Errors
/// What rlab itself could not do.
pub fn run(recipe: &Recipe, command: &Command, before: Option<Before<'_>>) -> Result<Done> {
    let machine = machine::find();
    let plan = Plan::new(recipe, command, &machine, RootPlace::Memory)?;
    let mut standing = Standing::default();
    let mut calls = standing.agree_on_group(&plan.prepare, &machine)?;
    // What cannot be built is refused in any case; what nothing changes to is not built, since nobody would see it.
    let manifest =
        recipe.rootfs().map(|tools| Manifest::new(tools, Names::For(&command.argv))).transpose()?;
    let manifest = manifest.filter(|_| recipe.root_change() != RootChange::None);
    let site = manifest.as_ref().map(|manifest| Site::find(&plan, manifest)).transpose()?;
    let program = command.argv.first().map_or("", String::as_str);
    let mut ground = Ground {
        root: site.as_ref().map(Site::path),
        manifest: manifest.as_ref(),
        program: match &manifest {
            Some(manifest) if !program.contains('/') && !program.is_empty() => {
                manifest.program(program).unwrap_or_else(|| format!("/bin/{program}"))
            }
            _ => launch::resolve(program, None::<PathBuf>.as_deref()),
        },
        environment: launch::clean_environment(),
        straight: before.is_none(),
        ..Ground::default()
    };
    let mut caps = Caps::default();
    let mut bound = caps.bind(&plan, &machine, &standing.group, false);
    bound.give(&mut ground);
    // What a PID namespace of its own would end with its first process, rlab ends, and the keeper where rlab is killed.
    let ends_with_it = plan.clone.namespaces.contains(&Namespace::Pid);
    let mut keeper = if ends_with_it {
        None
    } else {
        orphans::adopt();
        Keeper::post()
    };
    let program = ground.program.clone();
    let explain = |calls: &mut [Call]| {
        let root = site.as_ref().map(Site::path);
        teach::explain(
            calls,
            Case { recipe, plan: &plan, program: &program, root, manifest: manifest.as_ref() },
        );
    };
    let mut interrupts = Interrupts::listen().ok();
    let mut launched = launch::launch(&plan, Base { machine: &machine, group: &standing.group, ground })?;
    calls.append(&mut launched.calls);
    let end = match launched.process.as_mut() {
        None => {
            explain(&mut calls);
            if let Some(before) = before {
                before(&calls);
            }
            End::Refused(launched.refused.unwrap_or_default())
        }
        Some(process) => {
            let straight = before.is_none();
            if let Some(before) = before {
                process.start(&mut calls)?;
                explain(&mut calls);
                before(&calls);
            }
            // What a killed rlab left is collected while the program runs, so that nobody waits for it. A new process
            // begins on the processor of its parent: it goes first.
            let _ = nix::sched::sched_yield();
            collect(&machine, Look::AtTraces);
            // Where the kernel ends the processes, empty groups are all that a killed rlab would leave. A keeper would be a
            // tenth of a short program's time: it comes for those who stay.
            if ends_with_it && !process.ends_within(SHORT) {
                keeper = Keeper::post();
            }
            let known = keeper.iter().map(Keeper::pid).chain([process.pid()]).collect();
            let orphans = (!ends_with_it).then(|| Orphans::beside(known));
            let end = process.wait_or_pass_on(interrupts.as_mut(), orphans.as_ref())?;
            if let Some(orphans) = &orphans {
                orphans.end();
            }
            // Nobody has asked for what went well.
            if straight && matches!(end, End::Refused(_)) {
                process.tell_all(&mut calls);
                explain(&mut calls);
            }
            end
        }
    };
    standing.group.remove_all(&mut Vec::new())?;
    Ok(Done { calls, end, capped: bound.met() })
}

/// How long a program runs before somebody is there to take away its groups.
const SHORT: Duration = Duration::from_millis(20);

/// The directory on which the root in memory is mounted.
enum Site {
    /// A directory that was there before. In the container's mount namespace alone its files are covered.
    Covered(PathBuf),
    /// A new one.
    Own(WorkDirectory),
}

impl Site {
    /// A new directory costs the disk's journal more time than most of the launch takes, so the directory for temporary
    /// files is covered instead. Not where something in it is still to be mounted, and not without a PID namespace: what
    /// outlives a killed rlab there is recognised by its root, which then must bear the owner's name.
    fn find(plan: &Plan, manifest: &Manifest) -> Result<Self> {
        let base = owner::base();
        let below = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path.starts_with(&base));
        let mounted = plan.child.iter().filter_map(|op| match op {
            Op::Mount { source: At::Host(path), .. } => Some(Path::new(path)),
            _ => None,
        });
        let in_use = manifest.files.values().map(PathBuf::as_path).chain(mounted).any(below);
        if !in_use && plan.clone.namespaces.contains(&Namespace::Pid) && base.is_dir() {
            return Ok(Self::Covered(base));
        }
        WorkDirectory::make().map(Self::Own)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Covered(path) => path,
            Self::Own(directory) => directory.path(),
        }
    }
}
