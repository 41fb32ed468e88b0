//! The place in which rlab itself runs: asked when something was refused, and by `rlab doctor`.

use std::path::Path;

use crate::kernel::own;
use crate::recipe::ingredient::Namespace;
use crate::recipe::place::{Place, SYS_ADMIN};
use crate::recipe::surroundings::SYSTEMD_MARK;

/// The name of a kind of namespace in `user.max_…_namespaces`.
const fn limit(kind: Namespace) -> &'static str {
    match kind {
        Namespace::Mnt => "user.max_mnt_namespaces",
        Namespace::Pid => "user.max_pid_namespaces",
        Namespace::Uts => "user.max_uts_namespaces",
        Namespace::Ipc => "user.max_ipc_namespaces",
        Namespace::Net => "user.max_net_namespaces",
        Namespace::User => "user.max_user_namespaces",
        Namespace::Cgroup => "user.max_cgroup_namespaces",
    }
}

/// The capabilities that rlab itself can hand on, as a mask.
pub fn capabilities() -> u64 {
    own::capabilities()
}

/// Looks around.
pub fn look() -> Place {
    let zero = |kind: &Namespace| own::sysctl(limit(*kind)).as_deref() == Some("0");
    let restricts = own::sysctl("kernel.apparmor_restrict_unprivileged_userns").as_deref() == Some("1");
    Place {
        chrooted: own::is_in_a_chroot(),
        unmapped: !own::has_mapped_ids(),
        half_unshared: own::is_half_unshared(),
        filtered: own::is_filtered(),
        confined: own::profile(),
        apparmor_restricts: restricts,
        userns_clone_off: own::sysctl("kernel.unprivileged_userns_clone").as_deref() == Some("0")
            && own::capabilities() >> SYS_ADMIN & 1 == 0,
        capabilities: own::capabilities(),
        forbidden: Namespace::ALL.into_iter().filter(zero).collect(),
        systemd: Path::new(SYSTEMD_MARK).exists(),
        processes_full: own::is_at_pids_max(),
    }
}
