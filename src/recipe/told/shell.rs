//! The recipe as a POSIX shell script that does the same by hand, in the manner of the article.
//!
//! It is made from the plan, so it does the same things in the same order. What the tools of a plain machine cannot
//! do is said in a comment. It cleans up after itself, and never removes a directory in which something is mounted.

mod anywhere;
mod start;
mod texts;

use std::fmt::Write as _;

use crate::error::Result;
use crate::recipe::capability::ALL;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::Resource;
use crate::recipe::line::{Command, MOUNT_FLAGS, quoted};
use crate::recipe::machine::{CgroupVersion, Machine};
use crate::recipe::plan::{At, Layers, Op, Plan, Prepare, RootPlace};

/// The script, or as a comment why this machine cannot.
pub fn shell(recipe: &Recipe, command: &Command, machine: &Machine) -> String {
    match Plan::new(recipe, command, machine, RootPlace::Directory) {
        Ok(plan) => Script { recipe, plan: &plan, machine, command, file: None }.text(),
        Err(trouble) => {
            let told = trouble.to_string();
            let lines = told.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.fold("#!/bin/sh\n".to_owned(), |text, line| text + "# " + line + "\n") + "exit 3\n"
        }
    }
}

/// The script as a file for any machine, v1 or v2: it asks where each controller lives, and runs the words that it is
/// started with in place of the command. `name` is what the recipe is called.
///
/// # Errors
/// A limit larger than this machine, as [`Plan::new`] has it.
pub fn shell_file(recipe: &Recipe, command: &Command, machine: &Machine, name: &str) -> Result<String> {
    let machine = anywhere::machine(machine);
    let plan = Plan::new(recipe, command, &machine, RootPlace::Directory)?;
    Ok(Script { recipe, plan: &plan, machine: &machine, command, file: Some(name) }.text())
}

struct Script<'a> {
    recipe: &'a Recipe,
    plan: &'a Plan,
    machine: &'a Machine,
    command: &'a Command,
    /// What the recipe is called, where the script is a file for any machine.
    file: Option<&'a str>,
}

impl Script<'_> {
    fn text(&self) -> String {
        let who = if self.machine.euid == 0 { "as root" } else { "as you are" };
        let mut text = match self.file {
            None => format!("#!/bin/sh\n# What rlab does, by hand. Run it {who}.\nset -eu\n"),
            Some(name) => anywhere::head(name, self.recipe, self.command, self.machine.euid == 0),
        };
        text.push_str(&self.names());
        text.push_str(&self.clean_up());
        for prepare in &self.plan.prepare {
            text.push_str(&self.prepare(prepare));
        }
        if self.file.is_some() {
            text.push_str(&anywhere::groups(self.recipe));
        }
        text.push_str(&self.run());
        text
    }

    fn has_root(&self) -> bool {
        self.recipe.rootfs().is_some()
    }

    /// The variables that name the groups, with their directories.
    fn groups(&self) -> Vec<(String, &str)> {
        if self.file.is_some() {
            return Vec::new();
        }
        let made = self.plan.prepare.iter().filter_map(|prepare| match prepare {
            Prepare::MakeGroup { version, parent } => Some((self.group(*version, parent), parent.as_str())),
            _ => None,
        });
        made.collect()
    }

    /// The variable of the group with this parent: one for all on v2, one a controller on v1.
    fn group(&self, version: CgroupVersion, parent: &str) -> String {
        let drives = |resource: &Resource| {
            self.machine
                .cgroups
                .of(*resource)
                .is_some_and(|known| known.parent == parent && known.version == version)
        };
        match (version, Resource::ALL.into_iter().find(drives)) {
            (CgroupVersion::V1, Some(resource)) => format!("{}_group", resource.controller()),
            _ => "group".to_owned(),
        }
    }

    fn group_of(&self, resource: Resource) -> String {
        let controller = self.machine.cgroups.of(resource);
        controller.map_or_else(|| "group".to_owned(), |known| self.group(known.version, &known.parent))
    }

    fn names(&self) -> String {
        let mut text = String::new();
        if self.has_root() {
            text.push_str("root=$(mktemp -d /tmp/container.XXXXXX)\nexport root\n");
        }
        for (name, parent) in self.groups() {
            let _written = writeln!(text, "{name}={}/container$$", quoted(parent));
        }
        if let Some(parent) = self.left() {
            let _written = writeln!(text, "leaf={}/leaf$$", quoted(parent));
        }
        if self.handing().is_some() {
            text.push_str("off=\n");
        }
        if self.file.is_some() && self.recipe.group().is_some() {
            text.push_str(anywhere::NAMES);
        }
        text
    }

    /// The group that has to be left before it can hand controllers on.
    fn left(&self) -> Option<&str> {
        self.plan.prepare.iter().find_map(|prepare| match prepare {
            Prepare::StepAside { parent } => Some(parent.as_str()),
            _ => None,
        })
    }

    /// The group whose controllers are switched on.
    fn handing(&self) -> Option<&str> {
        self.plan.prepare.iter().find_map(|prepare| match prepare {
            Prepare::EnableController { parent, .. } => Some(parent.as_str()),
            _ => None,
        })
    }

    /// What was switched on is switched off; then the group may hold this shell again.
    fn hand_back(&self) -> String {
        let mut text = String::new();
        if let Some(parent) = self.handing() {
            let control = quoted(&format!("{parent}/cgroup.subtree_control"));
            let _written = writeln!(text, "    if [ -n \"$off\" ]; then echo \"$off\" > {control}; fi");
        }
        if let Some(parent) = self.left() {
            let members = quoted(&format!("{parent}/cgroup.procs"));
            let _written = writeln!(text, "    echo $$ > {members}\n    rmdir \"$leaf\"");
        }
        text
    }

    fn clean_up(&self) -> String {
        if !self.has_root() && self.recipe.group().is_none() {
            return String::new();
        }
        let mut text = String::from("\nclean_up() {\n    status=$?\n    trap - EXIT\n");
        for (name, _) in self.groups() {
            // The kernel needs a few milliseconds after a kill until the group is empty.
            let _written = writeln!(
                text,
                "    for _ in 1 2 3; do\n        if [ ! -d \"${name}\" ] || rmdir \"${name}\"; then break; fi\n        \
                 sleep 1\n    done"
            );
        }
        text.push_str(&self.hand_back());
        if self.file.is_some() && self.recipe.group().is_some() {
            text.push_str(anywhere::CLEAN_UP);
        }
        if self.has_root() {
            text.push_str(
                r#"    # Every mount vanished with its namespace; should one be left, removing files could reach the host's.
    mounts=$(cat /proc/self/mountinfo)
    case $mounts in
        '' | *" $root "* | *" $root/"*) echo "something is mounted below $root: it stays" >&2 ;;
        *) rm -rf "$root" ;;
    esac
"#,
            );
        }
        text.push_str("    exit \"$status\"\n}\ntrap clean_up EXIT\ntrap 'exit 129' HUP\ntrap 'exit 130' INT\ntrap 'exit 143' TERM\n");
        text
    }

    fn prepare(&self, prepare: &Prepare) -> String {
        match prepare {
            Prepare::Rootfs(tools) => texts::rootfs(*tools),
            // A file asks the machine on which it runs.
            _ if self.file.is_some() => String::new(),
            Prepare::StepAside { .. } => "\n# A v2 group with processes of its own hands no controller on: this \
                                          shell moves to a leaf.\nmkdir \"$leaf\"\necho $$ > \"$leaf/cgroup.procs\"\n"
                .to_owned(),
            Prepare::EnableController { controller, parent } => {
                let control = quoted(&format!("{parent}/cgroup.subtree_control"));
                format!(
                    "\ncase \" $(cat {control}) \" in\n    *\" {controller} \"*) ;;\n    *) echo +{controller} > \
                     {control}; off=\"$off -{controller}\" ;;\nesac\n"
                )
            }
            Prepare::MakeGroup { version, parent } => {
                format!("\nmkdir \"${}\"\n", self.group(*version, parent))
            }
            Prepare::WriteLimit { resource, file, value, optional } => {
                let path = format!("\"${}/{file}\"", self.group_of(*resource));
                let write = format!("echo {} > {path}", quoted(value));
                if *optional { format!("if [ -e {path} ]; then {write}; fi\n") } else { format!("{write}\n") }
            }
            // Mounted further below, before the PID namespace is made.
            Prepare::DetachedProc => String::new(),
        }
    }

    /// What is done inside, and the words that start it.
    fn inside(&self) -> Inside {
        let chroot = match self.recipe.root_change() {
            RootChange::Chroot => " chroot \"$root\"",
            _ => "",
        };
        if self.simple_proc() || !self.plan.child.iter().any(needs_lines) {
            return Inside { lines: None, start: chroot.to_owned() };
        }
        let mut lines = String::new();
        let changes = self.recipe.root_change() != RootChange::None;
        if changes && self.plan.child.iter().any(|op| bind_source(op).is_some()) {
            lines.push_str(texts::PLACE);
        }
        let mut layers = Layers::default();
        for op in &self.plan.child {
            lines.push_str(&self.op(op, &layers));
            if let Op::Mount { target, fstype, flags, .. } = op
                && !flags.contains(&"MS_REMOUNT")
            {
                layers.add(plain(target), fstype.as_deref() == Some("tmpfs"));
            }
        }
        lines.push_str(&self.last());
        Inside { lines: Some(lines), start: " sh -euc \"$inside\" sh".to_owned() }
    }

    fn op(&self, op: &Op, layers: &Layers) -> String {
        match op {
            Op::BindRoot => "mount --bind \"$root\" \"$root\"\n".to_owned(),
            Op::SetHostname(name) => format!("hostname {}\n", quoted(name)),
            Op::Mount { source, target, fstype, flags, data } => {
                let path = self.path(target);
                let mut options: Vec<&str> = flags.iter().filter_map(|flag| option(flag)).collect();
                options.extend(data.as_deref());
                let options = match options.as_slice() {
                    [] => String::new(),
                    some => format!(" -o {}", quoted(&some.join(","))),
                };
                let from = plain(source);
                // Below a bind it would be made on the host, and stay there.
                let may_make = layers.is_in_new(plain(target)) != Some(false);
                match fstype {
                    Some(fstype) => {
                        let place = if may_make { self.directory(target) } else { String::new() };
                        format!("{place}mount -t {fstype}{options} {} {path}\n", quoted(from))
                    }
                    None if flags.contains(&"MS_REMOUNT") => {
                        format!("mount{} {path}\n", options.replacen(" -o ", " -o remount,bind,", 1))
                    }
                    None => {
                        let how = if flags.contains(&"MS_REC") { "--rbind" } else { "--bind" };
                        let from = quoted(from);
                        let changes = self.recipe.root_change() != RootChange::None && may_make;
                        let place = if changes { format!("place {from} {path}\n") } else { String::new() };
                        format!("{place}mount {how} {from} {path}\n")
                    }
                }
            }
            _ => String::new(),
        }
    }

    /// The path on the host before the root changes; the mounts are the same whether made before or after.
    fn path(&self, target: &At) -> String {
        let path = plain(target);
        if self.recipe.root_change() == RootChange::None {
            quoted(path)
        } else {
            format!("\"$root\"{}", quoted(path))
        }
    }

    /// Makes the directory to mount on, where `rootfs` has none.
    fn directory(&self, target: &At) -> String {
        let path = plain(target);
        let there = matches!(path, "/dev" | "/proc" | "/sys" | "/etc" | "/bin");
        if there || self.recipe.root_change() == RootChange::None {
            return String::new();
        }
        format!("mkdir -p {}\n", self.path(target))
    }

    /// The change of the root, the capabilities, the program.
    fn last(&self) -> String {
        let dropped = self.recipe.dropped_capabilities();
        let list = |each: fn(&str) -> String, join: &str| {
            let names: Vec<String> = dropped.into_iter().flatten().map(|name| each(name)).collect();
            names.join(join)
        };
        match (self.recipe.root_change(), dropped) {
            (RootChange::None, None) => "exec \"$@\"\n".to_owned(),
            (RootChange::None, Some(_)) => {
                let names = list(|name| format!("-{}", name.trim_start_matches("CAP_").to_lowercase()), ",");
                format!("exec setpriv --bounding-set {names} --inh-caps {names} \"$@\"\n")
            }
            (RootChange::Chroot, None) => "exec chroot \"$root\" \"$@\"\n".to_owned(),
            (RootChange::Chroot, Some(_)) => {
                // Of the usual tools only capsh changes the root first and gives up capabilities then.
                let names = if list(str::to_owned, ",") == ALL {
                    ALL.to_owned()
                } else {
                    list(str::to_lowercase, ",")
                };
                format!(
                    "exec capsh --chroot=\"$root\" --drop={names} --shell=/bin/sh -- -c 'exec \"$@\"' sh \"$@\"\n"
                )
            }
            (RootChange::Pivot, dropped) => {
                let change = "cd \"$root\"\nmkdir old\npivot_root . old\ncd /\numount -l /old\nrmdir /old\n";
                let Some(dropped) = dropped else { return format!("{change}exec \"$@\"\n") };
                let names = list(|name| format!("-{}", name.trim_start_matches("CAP_").to_lowercase()), ",");
                if dropped.iter().any(|name| [ALL, "CAP_SYS_ADMIN"].contains(&name.as_str())) {
                    return texts::CHANGE_BY_ANOTHER
                        .replace("{change}", &change.replace('\n', "\n    "))
                        .replace("{names}", &names);
                }
                format!(
                    "# Given up while setpriv is in reach: the change of the root wants CAP_SYS_ADMIN alone, which stays.\n\
                     exec setpriv --bounding-set {names} --inh-caps {names} sh -euc '\n{change}exec \"$@\"' sh \"$@\"\n"
                )
            }
        }
    }

    /// The mounts of a proc that is older than the PID namespace.
    fn older_proc(&self) -> Option<String> {
        let mut lines = String::new();
        for op in &self.plan.child {
            if let Op::AttachProc(target) = op {
                let _written = writeln!(
                    lines,
                    "{}mount -t proc -o nosuid,nodev,noexec proc {}",
                    self.directory(target),
                    self.path(target)
                );
            }
        }
        (!lines.is_empty()).then_some(lines)
    }
}

/// What is done inside, and the words that start it.
struct Inside {
    lines: Option<String>,
    start: String,
}

/// Whether this operation needs lines of script of its own (a chroot is a word, `unshare` does the rest).
fn needs_lines(op: &Op) -> bool {
    matches!(
        op,
        Op::BindRoot | Op::Mount { .. } | Op::SetHostname(_) | Op::PivotRoot | Op::DropCapabilities(_)
    )
}

/// The path of a place.
fn plain(at: &At) -> &str {
    let (At::Host(path) | At::Inside(path) | At::Root(path)) = at;
    path
}

fn bind_source(op: &Op) -> Option<&str> {
    match op {
        Op::Mount { source: At::Host(path) | At::Inside(path), fstype: None, flags, .. }
            if !flags.contains(&"MS_REMOUNT") =>
        {
            Some(path)
        }
        _ => None,
    }
}

/// The `-o` word of a flag of mount(2).
fn option(flag: &str) -> Option<&'static str> {
    MOUNT_FLAGS.iter().find(|(_, name)| *name == flag).map(|(word, _)| *word)
}
