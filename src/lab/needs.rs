//! What the machine must be able to do for a lab and for each of its steps: read off the lines, so that a lab of which a
//! machine cannot do all is done in part.

use std::collections::BTreeSet;

use crate::lab::file::{Lab, LabLine, Need, Step};
use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::{Ingredient, Mount, MountKind, Namespace, Resource};
use crate::recipe::line::Line;

impl Lab {
    /// What a step needs: what it names itself, or else what is in the recipe when it begins and what its own lines ask
    /// for. To this comes what every step needs.
    pub fn needs_of_step(&self, index: usize) -> BTreeSet<Need> {
        let own = self.steps.get(index).map(|step| self.own_needs(index, step)).unwrap_or_default();
        own.union(&self.needs_of_all()).copied().collect()
    }

    /// Everything that is needed somewhere.
    pub fn all_needs(&self) -> BTreeSet<Need> {
        let steps = self.steps.iter().enumerate().flat_map(|(index, step)| self.own_needs(index, step));
        self.needs.iter().copied().chain(asked_for(&self.start)).chain(steps).collect()
    }

    /// What the lines before the first step ask for, and what the lab names without any step that asks for it.
    fn needs_of_all(&self) -> BTreeSet<Need> {
        let of_steps: BTreeSet<Need> =
            self.steps.iter().enumerate().flat_map(|(index, step)| self.own_needs(index, step)).collect();
        let named = self.needs.iter().copied().filter(|need| !of_steps.contains(need));
        asked_for(&self.start).chain(named).collect()
    }

    fn own_needs(&self, index: usize, step: &Step) -> BTreeSet<Need> {
        if let Some(needs) = &step.needs {
            return needs.iter().copied().collect();
        }
        let rows = step.ablation.iter().flat_map(|table| &table.rows).flat_map(|row| asked_for(&row.lines));
        let recipe = self.recipe_before(index);
        let found = recipe.ingredients().iter().flat_map(needs_of);
        found.chain(asked_for(&step.try_lines)).chain(rows).collect()
    }

    /// The recipe with which the solutions of the steps before come to a step.
    fn recipe_before(&self, index: usize) -> Recipe {
        let mut recipe = Recipe::default();
        let before = self.steps.iter().take(index).flat_map(|step| &step.try_lines);
        for line in self.start.iter().chain(before) {
            // What cannot be added or dropped at its place is told by the lint.
            let _ = recipe.follow(&line.line);
        }
        recipe
    }
}

/// What the lines ask for.
fn asked_for(lines: &[LabLine]) -> impl Iterator<Item = Need> {
    lines.iter().flat_map(|line| needs_of_line(&line.line))
}

/// What a line asks of the machine.
pub fn needs_of_line(line: &Line) -> Vec<Need> {
    match line {
        Line::Add(ingredient) => needs_of(ingredient),
        Line::Docker(_) => vec![Need::DockerOrPodman],
        // Its stage is a root that is moved to.
        Line::Escape(_) => vec![Need::MountNamespace, Need::PivotRoot],
        _ => Vec::new(),
    }
}

fn needs_of(ingredient: &Ingredient) -> Vec<Need> {
    match ingredient {
        Ingredient::Rootfs(_) | Ingredient::Capdrop(_) => Vec::new(),
        Ingredient::Chroot => vec![Need::Chroot],
        Ingredient::PivotRoot => vec![Need::PivotRoot],
        Ingredient::Unshare { namespaces, mount_proc } => {
            let proc = mount_proc.then_some(Need::Proc);
            namespaces.iter().map(|kind| need_of_namespace(*kind)).chain(proc).collect()
        }
        Ingredient::Mount(Mount { kind: MountKind::Fs(fstype), .. }) if fstype == "proc" => vec![Need::Proc],
        Ingredient::Mount(Mount { kind: MountKind::Fs(_), .. }) => vec![Need::MountNamespace],
        Ingredient::Mount(_) => vec![Need::BindMount],
        // The bare group is one of the memory controller.
        Ingredient::Cgroup(limits) if limits.is_empty() => vec![Need::MemoryCgroup],
        Ingredient::Cgroup(limits) => limits.iter().map(|limit| need_of_limit(limit.resource)).collect(),
        Ingredient::Hostname(_) => vec![Need::UtsNamespace],
    }
}

const fn need_of_namespace(kind: Namespace) -> Need {
    match kind {
        Namespace::Mnt => Need::MountNamespace,
        Namespace::Pid => Need::PidNamespace,
        Namespace::Uts => Need::UtsNamespace,
        Namespace::Ipc => Need::IpcNamespace,
        Namespace::Net => Need::NetNamespace,
        Namespace::User => Need::UserNamespace,
        Namespace::Cgroup => Need::CgroupNamespace,
    }
}

const fn need_of_limit(resource: Resource) -> Need {
    match resource {
        Resource::Memory => Need::MemoryCgroup,
        Resource::Pids => Need::PidsCgroup,
        Resource::Cpu => Need::CpuCgroup,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::course::Course;

    fn needs(lab: &str, step: &str) -> Vec<&'static str> {
        let course = Course::built_in();
        let lab = course.lab(lab).unwrap();
        let index = lab.steps.iter().position(|known| known.id == step).unwrap();
        lab.needs_of_step(index).into_iter().map(Need::name).collect()
    }

    #[test]
    fn a_step_needs_its_recipe_and_its_lines() {
        assert_eq!(needs("container", "files"), ["chroot"]);
        assert_eq!(needs("container", "limit"), ["chroot", "proc", "memory-cgroup"]);
        // Its group is dropped there, so it has to be had.
        assert!(needs("container", "teardown").contains(&"memory-cgroup"));
        // The rows of the table, and nothing of the steps before, which have dropped all.
        assert!(needs("container", "ablation").contains(&"pivot-root"));
    }

    #[test]
    fn a_step_may_say_that_it_needs_less() {
        assert_eq!(needs("container", "device"), ["chroot", "proc", "bind-mount"]);
    }

    #[test]
    fn an_escape_needs_its_stage() {
        assert!(!needs("jailbreak", "jail").contains(&"pivot-root"));
        assert!(needs("jailbreak", "climb").contains(&"pivot-root"));
    }

    #[test]
    fn what_the_start_lines_ask_for_is_needed_by_all() {
        assert_eq!(needs("pid-namespace", "problem"), ["chroot", "proc"]);
        let course = Course::built_in();
        let lab = course.lab("pid-namespace").unwrap();
        assert!((0..lab.steps.len()).all(|index| lab.needs_of_step(index).contains(&Need::Proc)));
    }

    #[test]
    fn what_no_line_asks_for_is_needed_by_all() {
        let course = Course::built_in();
        let mut lab = course.lab("chroot").unwrap().clone();
        lab.needs.push(Need::NetNamespace);
        assert!((0..lab.steps.len()).all(|index| lab.needs_of_step(index).contains(&Need::NetNamespace)));
        assert!(lab.all_needs().contains(&Need::NetNamespace));
    }
}
