//! The capabilities of Linux, by name and number.
//!
//! Source: capabilities(7) and the kernel's `include/uapi/linux/capability.h`; 41 since Linux 5.9.

use std::collections::BTreeSet;

use crate::recipe::nearest::nearest;

/// Canonical names; the position is the number.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The name that stands for every capability.
pub const ALL: &str = "all";

/// The canonical name (`CAP_SYS_CHROOT`) of what was typed (`sys_chroot`, `cap_sys_chroot`), or `None`.
pub fn canonical(typed: &str) -> Option<&'static str> {
    let upper = typed.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES.into_iter().find(|name| name.strip_prefix("CAP_") == Some(bare))
}

/// The number of a capability, the bit of the masks in `/proc/PID/status`.
pub fn number(name: &str) -> Option<u8> {
    let name = canonical(name)?;
    NAMES.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok())
}

/// The numbers of a set of names, ascending; `all` is every one of [`NAMES`].
pub fn numbers(names: &BTreeSet<String>) -> Vec<u8> {
    if names.contains(ALL) {
        return (0..NAMES.len()).filter_map(|at| u8::try_from(at).ok()).collect();
    }
    let numbers: BTreeSet<u8> = names.iter().filter_map(|name| number(name)).collect();
    numbers.into_iter().collect()
}

/// The canonical name nearest to a mistyped one.
pub fn near(typed: &str) -> Option<&'static str> {
    let upper = typed.to_ascii_uppercase();
    let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    nearest(&full, NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        // Three fixed points of capability.h: the first, the one of the escape, the last.
        assert_eq!(number("CAP_CHOWN"), Some(0));
        assert_eq!(number("sys_chroot"), Some(18));
        assert_eq!(number("cap_checkpoint_restore"), Some(40));
        assert_eq!(number("CAP_"), None);
        assert_eq!(number("CAP_CAP_CHOWN"), None);
    }

    #[test]
    fn all_is_every_one() {
        assert_eq!(numbers(&BTreeSet::from(["all".to_owned()])).len(), 41);
        let two = BTreeSet::from(["CAP_SYS_CHROOT".to_owned(), "CAP_KILL".to_owned()]);
        assert_eq!(numbers(&two), [5, 18]);
    }

    #[test]
    fn a_slip_is_found() {
        assert_eq!(near("sys_chrot"), Some("CAP_SYS_CHROOT"));
        assert_eq!(near("cap_net_adm"), Some("CAP_NET_ADMIN"));
    }
}
