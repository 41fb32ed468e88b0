//! The last part of the script: a process that joins the groups and becomes the container.

use std::fmt::Write as _;

use super::{Script, anywhere, needs_lines, texts};
use crate::recipe::compose::RootChange;
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::quoted;
use crate::recipe::plan::{At, Op};

impl Script<'_> {
    /// The part in parentheses: a process that joins the groups and becomes the container.
    pub(super) fn run(&self) -> String {
        let inside = self.inside();
        let older = self.older_proc();
        let flags = self.flags();
        let mut text = String::new();
        if self.file.is_some() && (!flags.is_empty() || older.is_some()) {
            text.push_str(anywhere::UNSHARE);
            if self.has_pid() && !self.waits() {
                text.push_str(anywhere::KILL_CHILD);
            }
        }
        if let Some(lines) = &inside.lines {
            let _written = write!(text, "\ninside=$(cat <<'INSIDE'\n{lines}INSIDE\n)\nexport inside\n");
        }
        let mut start = inside.start;
        if self.waits() {
            text.push_str(&anywhere::parent(start.trim_start()));
            anywhere::PARENT.clone_into(&mut start);
        }
        if let Some(lines) = &older {
            let _written = write!(
                text,
                "\n# A proc from before the PID namespace.\nolder=$(cat <<'OLDER'\n{lines}exec {flags}{start} \"$@\"\nOLDER\n)\n",
            );
            start = format!("{} --mount sh -euc \"$older\" sh", self.unshare());
        } else {
            start = format!("{flags}{start}");
        }
        text.push('\n');
        if self.file.is_none() && self.has_pid() && self.recipe.group().is_some() {
            text.push_str(texts::KILLED);
        }
        let program: Vec<String> = self.command.argv.iter().map(|word| quoted(word)).collect();
        let program = if self.file.is_some() { "\"$@\"".to_owned() } else { program.join(" ") };
        let start = format!("{start} {program}");
        let _written = write!(text, "(\n{}    exec {}\n)\n", self.join(), start.trim_start());
        text
    }

    /// The new process puts itself into the groups.
    fn join(&self) -> String {
        if self.file.is_some() {
            return if self.recipe.group().is_some() { anywhere::JOIN.to_owned() } else { String::new() };
        }
        let mut text = String::new();
        for op in &self.plan.child {
            if let Op::JoinGroup(controller) = op {
                let _written = writeln!(text, "    echo 0 > \"${controller}_group/tasks\"");
            }
        }
        if self.plan.clone.into_cgroup {
            text.push_str("    echo 0 > \"$group/cgroup.procs\"\n");
        }
        text
    }

    fn has_pid(&self) -> bool {
        self.plan.clone.namespaces.contains(&Namespace::Pid)
    }

    /// Whether a shell waits for PID 1, since it may be killed and unshare(1) may tell that wrongly.
    fn waits(&self) -> bool {
        self.file.is_some() && self.has_pid() && self.recipe.group().is_some()
    }

    /// The program.
    const fn unshare(&self) -> &'static str {
        if self.file.is_some() { "\"$unshare\"" } else { "unshare" }
    }

    /// `unshare` with its flags, or nothing.
    fn flags(&self) -> String {
        let mut own = self.plan.clone.namespaces.clone();
        if self.plan.child.contains(&Op::Unshare(Namespace::Cgroup)) {
            own.insert(Namespace::Cgroup);
        }
        if own.is_empty() {
            return String::new();
        }
        let mut words = vec![self.unshare().to_owned()];
        if own.contains(&Namespace::Pid) && !self.waits() {
            // Nobody is moved by unshare(2): the child is PID 1, and dies with its parent.
            let fork = if self.file.is_some() { anywhere::FORK } else { "--fork --kill-child" };
            words.push(fork.to_owned());
        }
        words.extend(own.iter().map(|own| format!("--{}", own.flag())));
        if own.contains(&Namespace::User) {
            words.push("-r".to_owned());
        }
        if self.simple_proc() {
            let path = if self.recipe.root_change() == RootChange::None { "/proc" } else { "$root/proc" };
            words.push(format!("--mount-proc=\"{path}\""));
        }
        words.join(" ")
    }

    /// Whether all that is mounted is a new proc on /proc, in a PID namespace: the article's `--mount-proc`.
    pub(super) fn simple_proc(&self) -> bool {
        if self.waits() {
            return false;
        }
        let mut work = self.plan.child.iter().filter(|op| needs_lines(op));
        let proc_only = matches!(
            work.next(),
            Some(Op::Mount { fstype: Some(fstype), target: At::Inside(target) | At::Root(target), flags, data: None, .. })
                if fstype == "proc" && target == "/proc" && flags.len() == 3
        );
        proc_only && work.next().is_none() && self.has_pid()
    }
}
