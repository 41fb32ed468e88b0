//! What a machine must be able to do, and how each is tried for real.

use std::fmt;
use std::str::FromStr;

use crate::recipe::ingredient::Resource;

/// What a machine may be able to do. Each is tried for real by `rlab doctor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// chroot(2).
    Chroot,
    /// pivot_root(2).
    PivotRoot,
    /// A mount namespace of one's own.
    MountNamespace,
    /// A PID namespace of one's own, with a proc mounted for it.
    PidNamespace,
    /// A UTS namespace of one's own, with the host name set.
    UtsNamespace,
    /// An IPC namespace of one's own.
    IpcNamespace,
    /// A network namespace of one's own.
    NetNamespace,
    /// A user namespace with an id map written.
    UserNamespace,
    /// A cgroup namespace of one's own.
    CgroupNamespace,
    /// proc mounted in a changed root.
    Proc,
    /// A bind mount of a device node.
    BindMount,
    /// A group with a memory limit that is read back and joined.
    MemoryCgroup,
    /// A group with a limit of processes.
    PidsCgroup,
    /// A group with a limit of processor time.
    CpuCgroup,
    /// A container engine that starts a container with a limit.
    DockerOrPodman,
}

/// How a need is told and tried.
struct Trial {
    name: &'static str,
    description: &'static str,
    lines: &'static [&'static str],
    probe: &'static str,
}

impl Need {
    /// Every need, in the order in which they are told.
    pub const ALL: [Self; 15] = [
        Self::Chroot,
        Self::PivotRoot,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::UtsNamespace,
        Self::IpcNamespace,
        Self::NetNamespace,
        Self::UserNamespace,
        Self::CgroupNamespace,
        Self::Proc,
        Self::BindMount,
        Self::MemoryCgroup,
        Self::PidsCgroup,
        Self::CpuCgroup,
        Self::DockerOrPodman,
    ];

    /// The word in a lab file and in `rlab doctor`.
    pub const fn name(self) -> &'static str {
        self.trial().name
    }

    /// One line, for people.
    pub const fn description(self) -> &'static str {
        self.trial().description
    }

    /// The recipe under which it is tried, from an empty one.
    pub const fn lines(self) -> &'static [&'static str] {
        self.trial().lines
    }

    /// The command that is run under [`Need::lines`]: it exits with 0 where the machine can.
    pub const fn probe(self) -> &'static str {
        self.trial().probe
    }

    /// Whether it is a program to install, not something that the kernel can or cannot: without it a machine is no worse.
    pub const fn is_program(self) -> bool {
        matches!(self, Self::DockerOrPodman)
    }

    /// The resource that it limits, where it is a control group.
    pub const fn resource(self) -> Option<Resource> {
        match self {
            Self::MemoryCgroup => Some(Resource::Memory),
            Self::PidsCgroup => Some(Resource::Pids),
            Self::CpuCgroup => Some(Resource::Cpu),
            _ => None,
        }
    }

    /// Probes keep to what both BusyBox and a minimal host have: `ls`, `cat`, `true`, `sh`.
    const fn trial(self) -> Trial {
        let (name, description, lines, probe): (_, _, &'static [&'static str], _) = match self {
            Self::Chroot => ("chroot", "a root directory of its own", &["rootfs", "chroot"], "ls /bin"),
            Self::PivotRoot => (
                "pivot-root",
                "a root of its own, with the old one detached",
                &["rootfs", "pivot_root"],
                "ls /bin",
            ),
            Self::MountNamespace => {
                ("mount-namespace", "mounts of its own", &["unshare --mount"], "cat /proc/self/mountinfo")
            }
            Self::PidNamespace => (
                "pid-namespace",
                "a process tree of its own, with its proc",
                &["unshare --pid --mount-proc"],
                "ls /proc/1",
            ),
            Self::UtsNamespace => (
                "uts-namespace",
                "a host name of its own",
                &["unshare --uts", "hostname rlab-doctor"],
                "cat /proc/sys/kernel/hostname",
            ),
            Self::IpcNamespace => ("ipc-namespace", "message queues of its own", &["unshare --ipc"], "true"),
            Self::NetNamespace => ("net-namespace", "a network of its own", &["unshare --net"], "true"),
            Self::UserNamespace => {
                ("user-namespace", "user ids of its own", &["unshare --user"], "cat /proc/self/uid_map")
            }
            Self::CgroupNamespace => {
                ("cgroup-namespace", "a view of its own on control groups", &["unshare --cgroup"], "true")
            }
            Self::Proc => (
                "proc",
                "proc mounted in a changed root",
                &["rootfs", "mount -t proc proc /proc", "chroot"],
                "ls /proc/self",
            ),
            Self::BindMount => (
                "bind-mount",
                "a device of the host bound inside",
                &["rootfs", "mount --bind /dev/urandom /dev/urandom", "chroot"],
                "[ -c /dev/urandom ]",
            ),
            Self::MemoryCgroup => {
                ("memory-cgroup", "a limit of memory", &["cgroup memory.max=7340032"], "true")
            }
            Self::PidsCgroup => ("pids-cgroup", "a limit of processes", &["cgroup pids.max=20"], "true"),
            Self::CpuCgroup => ("cpu-cgroup", "a limit of processor time", &["cgroup cpu.max=50%"], "true"),
            // Tried by the engine itself, with an image of this root.
            Self::DockerOrPodman => {
                ("docker-or-podman", "a container of a real engine's, with a limit", &["rootfs"], "true")
            }
        };
        Trial { name, description, lines, probe }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Need {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|need| need.name() == name).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_agree_with_json() {
        for need in Need::ALL {
            assert_eq!(need.name().parse(), Ok(need));
            assert_eq!(serde_json::to_value(need).unwrap(), need.name());
        }
        assert!("gpu".parse::<Need>().is_err());
    }
}
