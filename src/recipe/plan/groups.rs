//! The control groups of a plan: which directories, which files, which values.
//!
//! Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{cgroups,memory}.rst.

use super::{Op, Prepare};
use crate::error::{Result, Trouble};
use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::{Amount, Limit, Resource};
use crate::recipe::machine::{Absence, CgroupVersion, Machine};

/// What the control groups add to a plan.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) prepare: Vec<Prepare>,
    /// Joins of v1 groups, by the child itself.
    pub(super) join: Vec<Op>,
    /// Whether the child is born in a v2 group.
    pub(super) into_cgroup: bool,
}

/// Plans the groups of a recipe.
pub(super) fn plan(recipe: &Recipe, machine: &Machine) -> Result<Groups> {
    let mut groups = Groups::default();
    let Some(limits) = recipe.group() else { return Ok(groups) };
    let mut parents: Vec<&str> = Vec::new();
    for resource in resources(&limits, machine)? {
        let controller = machine.cgroups.of(resource).ok_or_else(|| no_controller(resource, machine))?;
        if controller.version == CgroupVersion::V2 {
            groups.into_cgroup = true;
            let aside = Prepare::StepAside { parent: controller.parent.clone() };
            if controller.inside && !groups.prepare.contains(&aside) {
                groups.prepare.push(aside);
            }
            groups.prepare.push(Prepare::EnableController {
                controller: resource.controller(),
                parent: controller.parent.clone(),
            });
        }
        if !parents.contains(&controller.parent.as_str()) {
            parents.push(&controller.parent);
            groups
                .prepare
                .push(Prepare::MakeGroup { version: controller.version, parent: controller.parent.clone() });
            if controller.version == CgroupVersion::V1 {
                groups.join.push(Op::JoinGroup(resource.controller()));
            }
        }
        if let Some(limit) = limits.iter().find(|limit| limit.resource == resource) {
            too_large(limit, machine)?;
            groups.prepare.extend(writes(limit, controller.version));
        }
    }
    Ok(groups)
}

/// The resources whose controllers get a group: those with a limit; for a bare group memory, or the first that this
/// machine has.
fn resources(limits: &[Limit], machine: &Machine) -> Result<Vec<Resource>> {
    if !limits.is_empty() {
        return Ok(limits.iter().map(|limit| limit.resource).collect());
    }
    let first = Resource::ALL.into_iter().find(|resource| machine.cgroups.of(*resource).is_some());
    first.map(|resource| vec![resource]).ok_or_else(|| no_controller(Resource::Memory, machine))
}

fn no_controller(resource: Resource, machine: &Machine) -> Trouble {
    let controller = resource.controller();
    let trouble =
        Trouble::cannot(format!("this machine has no `{controller}` controller for `{}`", resource.name()));
    match machine.cgroups.absent.get(&resource) {
        Some(Absence::NothingMounted) => trouble
            .because("no control group file system is mounted")
            .hint("as root: `mount -t cgroup2 cgroup2 /sys/fs/cgroup`, then start rlab again"),
        Some(Absence::SwitchedOff) => trouble
            .because("the kernel was booted or built without it, says /proc/cgroups")
            .hint(format!(
                "take `cgroup_disable={controller}` out of the kernel's command line and reboot; a Raspberry Pi wants \
                 `cgroup_enable={controller}` there"
            )),
        Some(Absence::NotMounted { unified: true }) => trouble
            .because("no mounted hierarchy of cgroup v1 has it; v2 can, and is not mounted")
            .hint(
                "as root: `mkdir /sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified`, then start \
                 rlab again",
            ),
        Some(Absence::NotMounted { unified: false }) => trouble
            .because("its hierarchy of cgroup v1 is mounted nowhere here")
            .hint(format!(
                "as root: `mkdir -p /sys/fs/cgroup/{controller}; mount -t cgroup -o {controller} cgroup \
                 /sys/fs/cgroup/{controller}`, then start rlab again"
            )),
        Some(Absence::NotHandedOn { top }) => trouble
            .because(format!("it is not in `{top}/cgroup.controllers`: it was not handed on to this part of the tree"))
            .hint("run rlab on the host, or let the container or unit have it (systemd: `Delegate=yes`)"),
        None => trouble
            .because(format!("no control group file system with `{controller}` is mounted where rlab may write"))
            .hint("`rlab doctor` tells what is missing"),
    }
}

fn too_large(limit: &Limit, machine: &Machine) -> Result<()> {
    match limit.amount {
        Amount::Number(bytes)
            if limit.resource == Resource::Memory
                && machine.memory_total > 0
                && bytes > machine.memory_total =>
        {
            let total = machine.memory_total;
            Err(Trouble::usage(format!(
                "`memory.max={bytes}` is more than this machine has ({total} bytes), so it would never bite"
            ))
            .hint("write a smaller one such as `cgroup memory.max=7M`, or `cgroup memory.max=max`"))
        }
        _ => Ok(()),
    }
}

/// The files of one limit and what is written to them, in an order that a new group takes.
pub(in crate::recipe) fn writes(limit: &Limit, version: CgroupVersion) -> Vec<Prepare> {
    use CgroupVersion::{V1, V2};
    let Limit { resource, amount } = *limit;
    let write = |file, value: String| Prepare::WriteLimit { resource, file, value, optional: false };
    let optional = |file, value: String| Prepare::WriteLimit { resource, file, value, optional: true };
    match (resource, version, amount) {
        (Resource::Memory, V1, Amount::Max) => vec![
            // Never below the limit, so this one first.
            optional("memory.memsw.limit_in_bytes", "-1".to_owned()),
            write("memory.limit_in_bytes", "-1".to_owned()),
        ],
        (Resource::Memory, V1, Amount::Number(bytes)) => vec![
            write("memory.limit_in_bytes", bytes.to_string()),
            optional("memory.memsw.limit_in_bytes", bytes.to_string()),
        ],
        (Resource::Memory, V2, Amount::Number(bytes)) => {
            vec![write("memory.max", bytes.to_string()), optional("memory.swap.max", "0".to_owned())]
        }
        (Resource::Memory, V2, _) => {
            vec![write("memory.max", "max".to_owned()), optional("memory.swap.max", "max".to_owned())]
        }
        (Resource::Cpu, V1, Amount::Cpu { quota, period }) => {
            vec![write("cpu.cfs_period_us", period.to_string()), write("cpu.cfs_quota_us", quota.to_string())]
        }
        (Resource::Cpu, V1, _) => vec![write("cpu.cfs_quota_us", "-1".to_owned())],
        (Resource::Cpu, V2, Amount::Cpu { quota, period }) => {
            vec![write("cpu.max", format!("{quota} {period}"))]
        }
        (Resource::Pids, _, Amount::Number(count)) => vec![write("pids.max", count.to_string())],
        // The grammar gives no other pair than `max` here.
        (other, ..) => vec![write(other.name(), "max".to_owned())],
    }
}

/// Whether this write is the one that keeps memory from going to swap.
pub(super) fn closes_swap(prepare: &Prepare) -> bool {
    matches!(prepare, Prepare::WriteLimit { resource: Resource::Memory, optional: true, value, .. }
        if value != "-1" && value != "max")
}
