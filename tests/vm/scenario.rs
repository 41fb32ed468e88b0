//! The machines of the matrix.

use rlab::recipe::compose::Recipe;
use rlab::recipe::line::Line;
use rlab::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};
use rlab::recipe::told::{shell, shell_file};

/// Where the file system of a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// The first one that a kernel has, which nobody can pivot_root away from.
    Ramfs,
    /// In memory, switched to as every machine does.
    Tmpfs,
    /// On a disk, with a second disk for swap.
    Disk,
}

/// What a guest gets beside BusyBox and rlab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bring {
    /// bwrap, with a seccomp filter that hides clone3.
    Filter,
    /// Profiles for AppArmor.
    Profiles,
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name, in tests and snapshots.
    pub(crate) name: &'static str,
    /// What is different about it, for people.
    pub(crate) title: &'static str,
    /// Series of its kernel.
    pub(crate) series: &'static str,
    /// What its kernel is told.
    pub(crate) kernel_says: &'static str,
    /// Its file system.
    pub(crate) root: Root,
    /// What else it gets.
    pub(crate) brings: Option<Bring>,
    /// Shell lines that make the machine what it is, with the words of `guest/init`: `v2`, `v1`…
    pub(crate) setup: &'static str,
    /// Shell lines that run `"$@"` as whoever is at this machine.
    pub(crate) who: &'static str,
    /// How control groups are had there: version, directory, whether rlab starts inside it. `None` where they are not.
    pub(crate) groups: Option<(CgroupVersion, &'static str, bool)>,
    /// The suffix of the snapshots of what its labs did: machines on which they make the same calls have the same.
    pub(crate) like: &'static str,
}

/// root on a usual machine: what the rows of the table differ from.
const USUAL: Scenario = Scenario {
    name: "",
    title: "",
    series: "6.1",
    kernel_says: "",
    root: Root::Tmpfs,
    brings: None,
    setup: "v2; delegate",
    who: r#""$@""#,
    groups: Some((CgroupVersion::V2, "/sys/fs/cgroup", false)),
    like: "vm-v2",
};

/// Memory, pids and cpu, each with its own hierarchy.
const V1: Option<(CgroupVersion, &str, bool)> = Some((CgroupVersion::V1, "/sys/fs/cgroup", false));

/// An ordinary user, in the group that the machine was set up in.
const LEARNER: &str = r#"learner "$@""#;

/// All of them.
pub(crate) const TABLE: &[Scenario] = &[
    Scenario { name: "v2", title: "cgroup v2, controllers on", ..USUAL },
    Scenario { name: "v2_newer", title: "cgroup v2, a newer kernel", series: "6.12", ..USUAL },
    Scenario {
        name: "v2_off",
        title: "cgroup v2, no controller on in the top group",
        setup: "v2",
        like: "vm-v2-off",
        ..USUAL
    },
    Scenario {
        name: "v2_boxed",
        title: "in a container: its top group holds processes",
        setup: "v2; delegate; box",
        like: "vm-v2-off",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "v2_filtered",
        title: "a seccomp filter hides clone3, as Docker's does",
        brings: Some(Bring::Filter),
        who: r#"filtered "$@""#,
        like: "vm-v2-clone",
        ..USUAL
    },
    Scenario {
        name: "v1",
        title: "cgroup v1",
        setup: "v1 memory pids cpu",
        like: "vm-v1",
        groups: V1,
        ..USUAL
    },
    Scenario {
        name: "v1_newer",
        title: "cgroup v1, a kernel without v1 memory",
        series: "6.12",
        setup: "v1 memory pids cpu",
        like: "vm-v1",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "hybrid",
        title: "memory and pids on cgroup v1, cpu on v2",
        setup: "v1 memory pids; mkdir -p /sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
        like: "vm-v1",
        groups: V1,
        ..USUAL
    },
    Scenario {
        name: "memory_off",
        title: "the memory controller off",
        kernel_says: "cgroup_disable=memory",
        setup: "v2; echo '+pids +cpu' > /sys/fs/cgroup/cgroup.subtree_control",
        groups: None,
        ..USUAL
    },
    Scenario { name: "no_groups", title: "no control groups mounted", setup: "", groups: None, ..USUAL },
    Scenario {
        name: "read_only",
        title: "control groups mounted read-only",
        setup: "v2; delegate; mount -o remount,ro,bind /sys/fs/cgroup",
        groups: None,
        ..USUAL
    },
    Scenario { name: "ramfs", title: "the first ramfs as root, no pivot_root", root: Root::Ramfs, ..USUAL },
    Scenario {
        name: "disk",
        title: "a disk, swap on",
        root: Root::Disk,
        setup: "v2; delegate; swap",
        ..USUAL
    },
    Scenario {
        name: "v1_swap",
        title: "cgroup v1, a disk, swap on",
        root: Root::Disk,
        setup: "v1 memory pids cpu; swap",
        like: "vm-v1",
        groups: V1,
        ..USUAL
    },
    Scenario {
        name: "shared",
        title: "`/` is a shared mount",
        series: "6.12",
        setup: "v2; delegate; mount --make-rshared /",
        ..USUAL
    },
    Scenario {
        name: "no_user_namespaces",
        title: "root, `user.max_user_namespaces=0`",
        setup: "v2; delegate; sysctl -q -w user.max_user_namespaces=0",
        ..USUAL
    },
    Scenario {
        name: "user",
        title: "a user, no group delegated",
        who: LEARNER,
        like: "vm-user",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "user_delegated",
        title: "a user, alone in a delegated group",
        who: r#"scope; learner "$@""#,
        like: "vm-user",
        groups: Some((CgroupVersion::V2, "/sys/fs/cgroup/learner.scope", true)),
        ..USUAL
    },
    Scenario {
        name: "user_delegated_shell",
        title: "a user, with a shell in a delegated group",
        series: "6.12",
        who: r#"scope; learner sh -c '"$@"; exit' sh "$@""#,
        like: "vm-user",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "user_no_namespaces",
        title: "a user, `user.max_user_namespaces=0`",
        setup: "v2; delegate; sysctl -q -w user.max_user_namespaces=0",
        who: LEARNER,
        like: "vm-user",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "user_masked_proc",
        title: "a user in a container that masks parts of /proc",
        setup: "v2; delegate; mount -t tmpfs -o ro none /proc/acpi",
        who: LEARNER,
        like: "vm-user",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "user_v1",
        title: "a user, cgroup v1",
        setup: "v1 memory pids cpu",
        who: LEARNER,
        like: "vm-user",
        groups: None,
        ..USUAL
    },
    Scenario {
        name: "apparmor",
        title: "root, held to an AppArmor profile that forbids mounts, as Docker's does",
        kernel_says: "apparmor=1 security=apparmor",
        brings: Some(Bring::Profiles),
        setup: "v2; delegate; confine no-mounts",
        like: "vm-apparmor",
        groups: None,
        ..USUAL
    },
];

/// The one of this name.
pub(crate) fn named(name: &str) -> &'static Scenario {
    TABLE.iter().find(|scenario| scenario.name == name).unwrap()
}

impl Scenario {
    /// The load that is too much, as rlab tells a recipe by hand: a script for a shell and nothing else. Once for this
    /// machine, and once for any, as `rlab export` writes it.
    pub(crate) fn by_hand(&self) -> Option<(String, String)> {
        let (version, top, inside) = self.groups?;
        let controller = |name: &str| {
            let parent = match version {
                CgroupVersion::V1 => format!("{top}/{name}"),
                CgroupVersion::V2 => top.to_owned(),
            };
            Some(Controller { version, parent, inside })
        };
        let cgroups =
            Cgroups { memory: controller("memory"), pids: controller("pids"), ..Cgroups::default() };
        let euid = if self.who == USUAL.who { 0 } else { 1000 };
        let machine = Machine { kernel: String::new(), euid, egid: euid, cgroups, memory_total: 0 };
        let recipe = Recipe::read(["cgroup memory.max=7340032 pids.max=64"]).unwrap();
        let Ok(Line::Run(command)) = Line::parse("toomuch=$(head -c 7500000 /dev/urandom); echo survived")
        else {
            panic!("that is a program");
        };
        let anywhere = shell_file(&recipe, &command, &machine, "the load").unwrap();
        Some((shell(&recipe, &command, &machine), anywhere))
    }
}
