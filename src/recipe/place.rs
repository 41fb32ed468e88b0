//! The place in which rlab itself runs, as far as it decides what the kernel allows: found out by `sandbox::place`,
//! here plain data, so that what a refusal means can be told, and tested, anywhere.

use std::collections::BTreeSet;

use crate::recipe::ingredient::Namespace;

/// CAP_SYS_ADMIN, by its number (capabilities(7)).
pub const SYS_ADMIN: u8 = 21;
/// CAP_SETFCAP.
pub const SETFCAP: u8 = 31;

/// What rlab's own process is and may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its root directory is not the root of its mount namespace: somebody started it in a chroot.
    pub chrooted: bool,
    /// Its ids are mapped to none of the outer user namespace (`unshare --user` without a map).
    pub unmapped: bool,
    /// Its children get another PID namespace than it has itself (`unshare --pid` without `--fork`).
    pub half_unshared: bool,
    /// A seccomp filter looks at its system calls.
    pub filtered: bool,
    /// The profile that AppArmor holds it to, if it does.
    pub confined: Option<String>,
    /// AppArmor lets no program without a profile have capabilities in a user namespace of its own (Ubuntu).
    pub apparmor_restricts: bool,
    /// `kernel.unprivileged_userns_clone` is 0, and rlab has not the right to do it all the same (Debian).
    pub userns_clone_off: bool,
    /// Capabilities in effect, as a bit mask.
    pub capabilities: u64,
    /// Kinds of namespace of which none may be made here: their `user.max_…_namespaces` is 0.
    pub forbidden: BTreeSet<Namespace>,
    /// systemd manages this machine, so it can hand control groups to users.
    pub systemd: bool,
    /// The group with its `pids.max` in which there is no room for another process.
    pub processes_full: bool,
}

impl Default for Place {
    /// A process with every right and no fetters.
    fn default() -> Self {
        Self {
            chrooted: false,
            unmapped: false,
            half_unshared: false,
            filtered: false,
            confined: None,
            apparmor_restricts: false,
            userns_clone_off: false,
            capabilities: u64::MAX,
            forbidden: BTreeSet::new(),
            systemd: false,
            processes_full: false,
        }
    }
}

impl Place {
    /// Whether a capability is in effect, by its number.
    pub const fn has(&self, capability: u8) -> bool {
        self.capabilities >> capability & 1 == 1
    }
}
