//! The facts about this machine that a plan depends on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::kernel::cgroup::{self, Generation, Hierarchies, Hierarchy, Missing};
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::{Absence, CgroupVersion, Cgroups, Controller, Machine};
use crate::sandbox::{leaf, owner};

/// Asks the machine.
pub fn find() -> Machine {
    let kernel = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let hierarchies = Hierarchies::read();
    let controller = |name| controller(&hierarchies, name);
    let mut cgroups = Cgroups {
        memory: controller("memory"),
        pids: controller("pids"),
        cpu: controller("cpu"),
        absent: BTreeMap::new(),
    };
    let lacking: Vec<Resource> =
        Resource::ALL.into_iter().filter(|resource| cgroups.of(*resource).is_none()).collect();
    cgroups.absent.extend(lacking.into_iter().map(|resource| (resource, absence(&hierarchies, resource))));
    Machine {
        kernel,
        euid: nix::unistd::geteuid().as_raw(),
        egid: nix::unistd::getegid().as_raw(),
        cgroups,
        memory_total: nix::sys::sysinfo::sysinfo().map_or(0, |info| info.ram_total()),
    }
}

fn absence(hierarchies: &Hierarchies, resource: Resource) -> Absence {
    match hierarchies.missing(resource.controller()) {
        Missing::NothingMounted => Absence::NothingMounted,
        Missing::SwitchedOff => Absence::SwitchedOff,
        Missing::NotMounted { bound } => Absence::NotMounted { unified: !bound },
        Missing::NotHandedOn(top) => Absence::NotHandedOn { top: top.to_string_lossy().into_owned() },
    }
}

/// Where a group of this controller can be made.
fn controller(hierarchies: &Hierarchies, name: &str) -> Option<Controller> {
    let found = hierarchies.of(name)?;
    let version = match found.generation {
        Generation::V1 => CgroupVersion::V1,
        Generation::V2 => CgroupVersion::V2,
    };
    let parent = match found.generation {
        Generation::V1 => top_or_own(&found),
        Generation::V2 => handing_on(&found, name),
    };
    // The top group of a machine is the one exception from the rule that a group with processes hands nothing on.
    let inside = version == CgroupVersion::V2 && parent == found.own && !cgroup::is_top(&parent);
    Some(Controller { version, parent: parent.to_string_lossy().into_owned(), inside })
}

/// At the top of the tree, as the article does it, or where that may not be written below the group that rlab itself
/// is in (a delegated one).
fn top_or_own(found: &Hierarchy) -> PathBuf {
    if !writable(&found.mount) && writable(&found.own) { found.own.clone() } else { found.mount.clone() }
}

/// On v2: the top of the tree where it is the machine's own and may be written. Else the nearest group, from rlab's own
/// upwards, that may be written and can hand this controller on: it does so already, or nobody but rlab is in it.
/// Where there is none the nearest is taken, and what is wrong with it is told when it is used.
fn handing_on(found: &Hierarchy, controller: &str) -> PathBuf {
    if cgroup::is_top(&found.mount) && writable(&found.mount) {
        return found.mount.clone();
    }
    // A leaf of ours is in use by the rlab that we come from.
    let is_leaf = |path: &&Path| path.to_str().is_some_and(|path| path.ends_with(owner::LEAF));
    let to_top = found.own.ancestors().skip_while(is_leaf).take_while(|path| path.starts_with(&found.mount));
    let open: Vec<&Path> =
        to_top.filter(|path| writable(path) && writable(&path.join("cgroup.procs"))).collect();
    let can = |path: &&&Path| {
        let lists =
            |file| cgroup::read(path, file).is_ok_and(|list| list.split(' ').any(|name| name == controller));
        lists("cgroup.subtree_control") || (lists("cgroup.controllers") && leaf::alone_in(path))
    };
    open.iter().find(can).or(open.first()).map_or_else(|| found.mount.clone(), |path| path.to_path_buf())
}

fn writable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
}
