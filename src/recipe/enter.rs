//! Joining a container that stays: what of it a new process takes. Source: nsenter(1), setns(2).

use std::collections::BTreeSet;
use std::fmt;

use crate::recipe::ingredient::Namespace;

/// What a process enters of a container that stays. It prints as the flags of nsenter(1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enter {
    /// Which container, by its number.
    pub job: u32,
    /// The namespaces that are named.
    pub namespaces: BTreeSet<Namespace>,
    /// `--all`: every namespace that is not the host's.
    pub all: bool,
    /// `--root`: its root directory.
    pub root: bool,
    /// `--wd`: its working directory.
    pub wd: bool,
    /// `--join-cgroup`: its control groups.
    pub group: bool,
    /// `--no-fork`: the process itself becomes the program, and stays in the PID namespace that it has.
    pub no_fork: bool,
}

impl Enter {
    /// The order of setns(2): the user namespace first, since it gives the right to the others; the mounts last, since
    /// `/proc` of the host is out of sight from then on.
    pub const ORDER: [Namespace; 7] = [
        Namespace::User,
        Namespace::Cgroup,
        Namespace::Ipc,
        Namespace::Uts,
        Namespace::Net,
        Namespace::Pid,
        Namespace::Mnt,
    ];

    /// Whether it names anything to enter.
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && !(self.all || self.root || self.wd || self.group)
    }
}

impl fmt::Display for Enter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nsenter -t {}", self.job)?;
        for namespace in Namespace::ALL.into_iter().filter(|kind| self.namespaces.contains(kind)) {
            write!(f, " --{}", namespace.flag())?;
        }
        let flags = [
            (self.all, "all"),
            (self.root, "root"),
            (self.wd, "wd"),
            (self.group, "join-cgroup"),
            (self.no_fork, "no-fork"),
        ];
        flags.into_iter().filter(|(given, _)| *given).try_for_each(|(_, name)| write!(f, " --{name}"))
    }
}
