//! The facts about this machine that a plan depends on. They are found by `sandbox::machine`; here they are data,
//! so that a plan for any machine can be printed on any other.

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
}

impl Cgroups {
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
