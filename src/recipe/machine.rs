//! The facts about this machine that a plan depends on. They are found by `sandbox::machine`; here they are data,
//! so that a plan for any machine can be printed on any other.

use std::collections::BTreeMap;

use crate::recipe::ingredient::Resource;

/// The two generations of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupVersion {
    /// One hierarchy a controller, `memory.limit_in_bytes`.
    V1,
    /// The unified hierarchy, `memory.max`.
    V2,
}

/// Where the groups of one controller are made on this machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Controller {
    /// Which generation drives this controller. A machine can have memory on v1 and hugetlb on v2 at once.
    pub version: CgroupVersion,
    /// The directory in which rlab makes its group, such as `/sys/fs/cgroup/memory`.
    pub parent: String,
    /// Whether rlab itself is in that group, which on v2 then hands nothing on: it has to move to a leaf first.
    #[serde(skip)]
    pub inside: bool,
}

/// Why a controller is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// No control group file system is mounted.
    NothingMounted,
    /// The kernel was built or booted without it.
    SwitchedOff,
    /// No mounted v1 hierarchy has it, and v2 is not mounted or cannot have it.
    NotMounted {
        /// Whether v2 could have it, since no v1 hierarchy does.
        unified: bool,
    },
    /// The v2 tree that can be seen does not have it: whoever made this container or unit did not hand it on.
    NotHandedOn {
        /// The first group that can be seen.
        top: String,
    },
}

/// The controllers that rlab uses; `None` where this machine has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Cgroups {
    /// Limits bytes.
    pub memory: Option<Controller>,
    /// Limits the number of processes.
    pub pids: Option<Controller>,
    /// Limits processor time.
    pub cpu: Option<Controller>,
    /// Why one is missing.
    #[serde(skip)]
    pub absent: BTreeMap<Resource, Absence>,
}

impl Cgroups {
    /// All of them, of one generation, where they usually are: to tell what would be done on such a machine.
    pub fn usual(version: CgroupVersion) -> Self {
        let controller = |name: &str| {
            let parent = match version {
                CgroupVersion::V1 => format!("/sys/fs/cgroup/{name}"),
                CgroupVersion::V2 => "/sys/fs/cgroup".to_owned(),
            };
            Some(Controller { version, parent, inside: false })
        };
        Self {
            memory: controller("memory"),
            pids: controller("pids"),
            cpu: controller("cpu"),
            absent: BTreeMap::new(),
        }
    }

    /// The controller of a resource.
    pub const fn of(&self, resource: Resource) -> Option<&Controller> {
        match resource {
            Resource::Memory => self.memory.as_ref(),
            Resource::Pids => self.pids.as_ref(),
            Resource::Cpu => self.cpu.as_ref(),
        }
    }
}

/// What a plan has to know about the machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Machine {
    /// Release of the running kernel, as in `uname -r`.
    pub kernel: String,
    /// Effective user id of rlab. Anything but 0 gets a user namespace added by the plan.
    pub euid: u32,
    /// Effective group id of rlab.
    pub egid: u32,
    /// Where control groups are made.
    pub cgroups: Cgroups,
    /// Memory of the machine in bytes (`MemTotal`).
    pub memory_total: u64,
}
