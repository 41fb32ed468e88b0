//! The facts about this machine that a plan depends on.

use std::path::Path;

use crate::kernel::cgroup::{Generation, Hierarchies};
use crate::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};

/// Asks the machine.
pub fn find() -> Machine {
    let kernel = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let hierarchies = Hierarchies::read();
    let controller = |name| controller(&hierarchies, name);
    Machine {
        kernel,
        euid: nix::unistd::geteuid().as_raw(),
        egid: nix::unistd::getegid().as_raw(),
        cgroups: Cgroups { memory: controller("memory"), pids: controller("pids"), cpu: controller("cpu") },
        memory_total: nix::sys::sysinfo::sysinfo().map_or(0, |info| info.ram_total()),
    }
}

/// Where a group of this controller can be made: at the top of the tree, as the article does it, or where that may not
/// be written below the group that rlab itself is in (a delegated one).
fn controller(hierarchies: &Hierarchies, name: &str) -> Option<Controller> {
    let found = hierarchies.of(name)?;
    let writable = |path: &Path| nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok();
    let parent = if !writable(&found.mount) && writable(&found.own) { found.own } else { found.mount };
    let version = match found.generation {
        Generation::V1 => CgroupVersion::V1,
        Generation::V2 => CgroupVersion::V2,
    };
    Some(Controller { version, parent: parent.to_string_lossy().into_owned() })
}
