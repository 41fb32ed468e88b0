//! The plan of a process that joins a container. Sources: setns(2), nsenter(1), pid_namespaces(7).

use std::collections::BTreeSet;

use super::{Clone3, Op, Plan};
use crate::recipe::enter::Enter;
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::Command;
use crate::recipe::machine::Machine;

impl Plan {
    /// Plans a command that joins a container which has these namespaces of its own.
    ///
    /// Everything is looked up in `/proc` before the namespaces change, since it is out of sight afterwards. The root
    /// comes after the namespaces: to enter mounts is to be set at their root. Last a child is made, since a process
    /// never moves to another PID namespace itself.
    pub fn enter(enter: &Enter, own: &BTreeSet<Namespace>, command: &Command, machine: &Machine) -> Self {
        let mut kinds = enter.namespaces.clone();
        if enter.all {
            kinds.extend(own);
        }
        // Who is not root has the right to the rest only in there.
        if machine.euid != 0 && own.contains(&Namespace::User) && (enter.root || !kinds.is_empty()) {
            kinds.insert(Namespace::User);
        }
        let mut child = Vec::new();
        if !kinds.is_empty() {
            child.push(Op::FindTarget);
        }
        child.extend(enter.root.then_some(Op::FindRoot));
        child.extend(enter.wd.then_some(Op::FindDirectory));
        child.extend(Enter::ORDER.into_iter().filter(|kind| kinds.contains(kind)).map(Op::SetNamespace));
        child.extend(enter.root.then_some(Op::TakeRoot));
        child.extend(enter.wd.then_some(Op::TakeDirectory));
        if kinds.contains(&Namespace::Pid) && !enter.no_fork {
            child.push(Op::Fork);
        }
        child.extend(enter.group.then_some(Op::JoinTheirGroup));
        child.extend([Op::DieWithParent, Op::Exec(command.clone())]);
        let clone = Clone3 { namespaces: BTreeSet::new(), into_cgroup: false };
        Self { prepare: Vec::new(), clone, child }
    }
}
