//! What this process itself is and may do, from /proc/self (proc(5), namespaces(7), user_namespaces(7), seccomp(2)).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{cgroup, proc};

/// Whether the root directory is not the root of the mount namespace. The mount table shows only what lies below the
/// root, so a chroot into a plain directory leaves `/` out of it; one into a mount point is seen beside init's root,
/// where that may be looked at.
pub fn is_in_a_chroot() -> bool {
    let Ok(mounts) = proc::mounts(0) else { return false };
    if !mounts.iter().any(|mount| mount.target == "/") {
        return true;
    }
    let identity = |path: &str| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let same_mounts = proc::namespace(0, "mnt") == proc::namespace(1, "mnt");
    match (identity("/"), identity("/proc/1/root/")) {
        (Some(own), Some(init)) => same_mounts && own != init,
        _ => false,
    }
}

/// Whether this process has ids in its user namespace at all: before a map is written it has none.
pub fn has_mapped_ids() -> bool {
    fs::read_to_string("/proc/self/uid_map").map_or(true, |map| !map.trim().is_empty())
}

/// Whether children are born in another PID namespace than this process has (`unshare --pid` without `--fork`).
pub fn is_half_unshared() -> bool {
    let own = proc::namespace(0, "pid");
    // Before the first child there is nobody to ask, and the link leads nowhere.
    own.is_some() && proc::namespace(0, "pid_for_children") != own
}

/// Whether a seccomp filter looks at the system calls of this process.
pub fn is_filtered() -> bool {
    proc::own_status_field("Seccomp").is_some_and(|mode| mode == "2")
}

/// Whether this process and its children can no longer gain rights by running a program.
pub fn has_no_new_privileges() -> bool {
    proc::own_status_field("NoNewPrivs").is_some_and(|value| value == "1")
}

/// The AppArmor profile that this process is held to.
pub fn profile() -> Option<String> {
    let text = fs::read_to_string("/proc/self/attr/apparmor/current")
        .or_else(|_| fs::read_to_string("/proc/self/attr/current"))
        .ok()?;
    let label = text.trim_end_matches(['\n', '\0']).to_owned();
    // SELinux answers in the same file, with colons.
    (!label.is_empty() && !label.starts_with("unconfined") && !label.contains(':')).then_some(label)
}

/// The value of a kernel parameter, with dots in its name.
pub fn sysctl(name: &str) -> Option<String> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    fs::read_to_string(path).ok().map(|value| value.trim().to_owned())
}

/// Capabilities in effect, as a bit mask; all of them where /proc does not tell.
pub fn capabilities() -> u64 {
    let field = proc::own_status_field("CapEff");
    field.and_then(|mask| u64::from_str_radix(&mask, 16).ok()).unwrap_or(u64::MAX)
}

/// The capabilities that this process and its children can have at all, as a bit mask.
pub fn bounding() -> u64 {
    let field = proc::own_status_field("CapBnd");
    field.and_then(|mask| u64::from_str_radix(&mask, 16).ok()).unwrap_or(u64::MAX)
}

/// Whether a group that this process is in, or one above it, has as many processes as its `pids.max` allows.
pub fn is_at_pids_max() -> bool {
    let Some(hierarchy) = cgroup::Hierarchies::read().of("pids") else { return false };
    let number = |group: &Path, file: &str| cgroup::read(group, file).ok()?.parse::<u64>().ok();
    let mut group: PathBuf = hierarchy.own;
    while group.starts_with(&hierarchy.mount) {
        if let (Some(now), Some(most)) = (number(&group, "pids.current"), number(&group, "pids.max"))
            && now >= most
        {
            return true;
        }
        if !group.pop() {
            return false;
        }
    }
    false
}
