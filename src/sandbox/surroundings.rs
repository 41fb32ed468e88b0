//! The facts by which the kind of machine is recognised, for `rlab doctor`.

use crate::kernel::cgroup::{Generation, Hierarchies};
use crate::kernel::{own, proc, surroundings};
use crate::recipe::ingredient::Tools;
use crate::recipe::machine::CgroupVersion;
use crate::recipe::surroundings::{Facts, MARKS, VARIABLES};
use crate::sandbox::place;
use crate::sandbox::rootfs::{Manifest, Names};

/// Asks for all of them.
pub fn look() -> Facts {
    let kernel = nix::sys::utsname::uname();
    let memory = Hierarchies::read().of("memory");
    let version = |generation| match generation {
        Generation::V1 => CgroupVersion::V1,
        Generation::V2 => CgroupVersion::V2,
    };
    Facts {
        kernel: kernel.map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default(),
        euid: nix::unistd::geteuid().as_raw(),
        init: proc::name(1),
        marks: surroundings::present(MARKS),
        variables: surroundings::variables(VARIABLES),
        groups: surroundings::own_groups(),
        root: surroundings::root_type(),
        inner_pid_namespace: surroundings::is_in_inner_pid_namespace(),
        place: place::look(),
        userns_clone: own::sysctl("kernel.unprivileged_userns_clone"),
        swap: surroundings::swap(),
        swap_limited: memory.as_ref().and_then(surroundings::limits_swap),
        generations: surroundings::generations().into_iter().map(version).collect(),
    }
}

/// Where the tools of a container's file system come from on this machine, in one sentence.
///
/// # Errors
/// A machine with neither BusyBox nor a shell.
pub fn tools() -> crate::error::Result<String> {
    Manifest::new(Tools::Any, Names::For(&[])).map(|manifest| manifest.source)
}
