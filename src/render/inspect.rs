//! `rlab inspect`: which ingredients a running process uses, as JSON and as a page.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{Line, Look, Role, Text};
use super::pen::{Pen, counted};
use super::report::FORMAT;
use crate::recipe::closest::closest;
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::{LimitSeen, NsPair};
use crate::recipe::process::{
    Group, KINDS, MapRow, Mounted, Process, Root, RootKind, Seccomp, Unread, names,
};

/// Mounts that are shown before the rest is counted.
const MOUNTS: usize = 12;

/// The whole of `rlab inspect --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// [`FORMAT`].
    pub format: u32,
    /// PID here.
    pub pid: i32,
    /// The PID in each nested PID namespace, outermost first.
    pub nspid: Vec<i32>,
    /// Its words.
    pub command: String,
    /// State letter.
    pub state: char,
    /// The process that it is a thread of, where it is not the first one.
    pub thread_of: Option<i32>,
    /// PID of its parent.
    pub parent: i32,
    /// Whether it is a thread of the kernel.
    pub kernel_thread: bool,
    /// Effective user id, as rlab's user namespace has it.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Its root; `null` where it may not be read.
    pub root: Option<Root>,
    /// Each namespace beside rlab's.
    pub namespaces: BTreeMap<&'static str, NsPair>,
    /// Its host name; `null` where it cannot be read.
    pub host_name: Option<String>,
    /// Its group for each controller.
    pub cgroups: BTreeMap<&'static str, Group>,
    /// Its capabilities by name.
    pub capabilities: CapabilityNames,
    /// How system calls are filtered.
    pub seccomp: Seccomp,
    /// By how many filters.
    pub filters: u32,
    /// Whether running a program gives it no right.
    pub no_new_privs: bool,
    /// How user ids are mapped.
    pub uid_map: Vec<MapRow>,
    /// How group ids are.
    pub gid_map: Vec<MapRow>,
    /// The mounts below its root.
    pub mounts: Vec<Mounted>,
    /// Whether its /proc lists the processes of another PID namespace than its own.
    pub stale_proc: bool,
    /// The lines that come closest.
    pub recipe: Vec<String>,
    /// What they do not say, one sentence each.
    pub notes: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    #[serde(skip)]
    goes_on: Option<i32>,
    /// What is said of a part that could not be read.
    #[serde(skip)]
    missing: &'static str,
    /// The capabilities that rlab itself could hand on.
    #[serde(skip)]
    yours: u64,
    #[serde(skip)]
    bounding: u64,
    #[serde(skip)]
    effective: u64,
}

/// The five sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapabilityNames {
    /// In effect.
    pub effective: Vec<String>,
    /// What it can bring into effect.
    pub permitted: Vec<String>,
    /// What a program that asks for it inherits.
    pub inheritable: Vec<String>,
    /// What it and its children can have at all.
    pub bounding: Vec<String>,
    /// What any program that it runs inherits.
    pub ambient: Vec<String>,
}

impl Inspected {
    /// Takes it in, and finds the closest recipe.
    pub fn new(process: &Process) -> Self {
        let closest = closest(process);
        let sets = process.capabilities;
        Self {
            format: FORMAT,
            pid: process.pid,
            nspid: process.nspid.clone(),
            command: process.command.clone(),
            state: process.state,
            thread_of: process.thread_of,
            parent: process.parent,
            kernel_thread: process.kernel_thread,
            uid: process.ids.0,
            gid: process.ids.1,
            root: process.root.clone(),
            namespaces: process.namespaces.clone(),
            host_name: process.host_name.clone(),
            cgroups: process
                .groups
                .iter()
                .map(|(resource, group)| (resource.controller(), group.clone()))
                .collect(),
            capabilities: CapabilityNames {
                effective: names(sets.effective),
                permitted: names(sets.permitted),
                inheritable: names(sets.inheritable),
                bounding: names(sets.bounding),
                ambient: names(sets.ambient),
            },
            seccomp: process.seccomp,
            filters: process.filters,
            no_new_privs: process.no_new_privs,
            uid_map: process.uid_map.clone(),
            gid_map: process.gid_map.clone(),
            mounts: process.mounts.clone(),
            stale_proc: process.stale_proc(),
            recipe: closest.recipe.lines(),
            notes: closest.notes,
            unread: process.unread.clone(),
            goes_on: process.goes_on,
            missing: if process.has_ended() { "went with its end" } else { "may not be read" },
            yours: process.own_bounding,
            bounding: sets.bounding,
            effective: sets.effective,
        }
    }

    /// The JSON, pretty, with a line end.
    pub fn json(&self) -> String {
        super::report::pretty(self)
    }

    /// The page, its numbers as names where they are masked.
    pub(super) fn masked(&self, pen: &Pen<'_>) -> Text {
        let Some(mask) = pen.mask else { return self.text(pen.look) };
        let mut text = self.text(pen.look);
        for span in text.lines.iter_mut().flat_map(|line| &mut line.spans) {
            span.text = mask
                .text(&span.text)
                .replace(&format!("PID {}", self.pid), &format!("PID {}", mask.pid(self.pid)));
        }
        text
    }

    /// The page.
    pub fn text(&self, _look: &Look) -> Text {
        let mut text = Text::new();
        self.who(&mut text);
        text.gap();
        self.root(&mut text);
        self.namespaces(&mut text);
        self.groups(&mut text);
        self.rights(&mut text);
        self.ids(&mut text);
        self.mounts(&mut text);
        text.gap();
        self.closest(&mut text);
        text
    }

    fn refused(&self, what: &str) -> bool {
        self.unread.iter().any(|unread| unread.what == what)
    }

    fn who(&self, text: &mut Text) {
        let mut head = Line::indented(1, 3).with(Role::Strong, self.command.clone());
        let inside = self.nspid.last().filter(|_| self.nspid.len() > 1);
        let inside = inside.map(|pid| format!(", {pid} inside")).unwrap_or_default();
        head.push(Role::Plain, format!("   PID {}{inside}, user {}, group {}", self.pid, self.uid, self.gid));
        text.push(head);
        if self.kernel_thread {
            text.push(Line::indented(3, 3).with(Role::Dim, "a thread of the kernel: it runs no program"));
        } else if matches!(self.state, 'Z' | 'X') {
            let told = match self.goes_on {
                Some(thread) => format!("its first thread has ended, and others go on, such as {thread}"),
                None => format!("it has ended; its parent, PID {}, has not waited for it yet", self.parent),
            };
            text.push(Line::indented(3, 3).with(Role::Dim, told));
        }
        if let Some(process) = self.thread_of {
            let told = format!("a thread of process {process}, looked at by itself");
            text.push(Line::indented(3, 3).with(Role::Dim, told));
        }
    }

    fn root(&self, text: &mut Text) {
        let (role, told) = match &self.root {
            None => (Role::Bad, self.missing.to_owned()),
            Some(root) => match root.kind {
                RootKind::Host => (Role::Plain, "yours".to_owned()),
                RootKind::Chroot => (Role::Good, format!("its own, a directory (chroot): {}", root.path)),
                RootKind::Pivot => (Role::Good, "its own, the root of its mounts (pivot_root)".to_owned()),
            },
        };
        text.push(fact("root", role, told));
    }

    fn namespaces(&self, text: &mut Text) {
        let kinds = |own: bool| {
            let of = |kind: &&&str| self.namespaces.get(**kind).is_some_and(|pair| pair.own() == own);
            KINDS.iter().filter(of).copied().collect::<Vec<_>>().join(" ")
        };
        let refused: Vec<&str> =
            KINDS.into_iter().filter(|kind| self.refused(&format!("ns/{kind}"))).collect();
        let mut label = "namespaces";
        let rows = [
            ("its own", Role::Good, kinds(true)),
            ("yours", Role::Plain, kinds(false)),
            (self.missing, Role::Bad, refused.join(" ")),
        ];
        for (whose, role, kinds) in rows.into_iter().filter(|(_, _, kinds)| !kinds.is_empty()) {
            let mut line = fact(label, Role::Dim, format!("{whose}: "));
            line.push(role, kinds);
            text.push(line);
            label = "";
        }
        if self.namespaces.get("uts").is_some_and(|pair| pair.own()) {
            let name =
                self.host_name.as_deref().map_or("cannot be read".to_owned(), |name| format!("`{name}`"));
            text.push(fact("", Role::Plain, format!("its host name: {name}")));
        }
    }

    fn groups(&self, text: &mut Text) {
        if self.refused("cgroup") {
            text.push(fact("cgroups", Role::Bad, self.missing));
            return;
        }
        if self.cgroups.is_empty() {
            text.push(fact("cgroups", Role::Plain, "no controller of memory, pids or cpu is here"));
        }
        for resource in Resource::ALL {
            let Some(group) = self.cgroups.get(resource.controller()) else { continue };
            let version = if group.version == CgroupVersion::V1 { "v1" } else { "v2" };
            let whose = if group.own { "" } else { ", yours" };
            let mut line =
                fact(resource.controller(), if group.own { Role::Good } else { Role::Plain }, &group.path);
            line.push(Role::Dim, format!("   cgroup {version}{whose}"));
            text.push(line);
            limits(group, resource, text);
        }
    }

    fn rights(&self, text: &mut Text) {
        if self.refused("status") {
            return;
        }
        let inside = if self.namespaces.get("user").is_some_and(|pair| pair.own()) {
            ", in its own user namespace alone"
        } else {
            ""
        };
        let told = match (self.effective, self.yours & !self.effective) {
            (0, _) => "none in effect".to_owned(),
            (all, 0) if inside.is_empty() => {
                let more = all & !self.yours;
                let more = if more == 0 { String::new() } else { format!(" and {}", short(more)) };
                format!("{} in effect, all that you can have{more}", all.count_ones())
            }
            (all, 0) => format!("{} in effect{inside}", all.count_ones()),
            (some, lacks) if lacks.count_ones() < some.count_ones() => {
                format!("{} in effect, not {}{inside}", some.count_ones(), short(lacks))
            }
            (some, _) => format!("{} in effect{inside}: {}", some.count_ones(), short(some)),
        };
        text.push(fact("capabilities", Role::Plain, told));
        let lost = self.yours & !self.bounding;
        if lost != 0 && self.bounding != self.effective {
            let kept = self.bounding.count_ones();
            text.push(fact("", Role::Plain, format!("it and its children can have {kept} at all")));
        }
        let (role, told) = match self.seccomp {
            Seccomp::None => (Role::Plain, "no filter".to_owned()),
            Seccomp::Strict => (Role::Good, "strict: four system calls".to_owned()),
            Seccomp::Filter => (
                Role::Good,
                counted(self.filters.max(1) as usize, "filter looks", "filters look")
                    + " at its system calls",
            ),
        };
        text.push(fact("seccomp", role, told));
        let (role, told) = if self.no_new_privs {
            (Role::Good, "set: it gains no right by running a program")
        } else {
            (Role::Plain, "not set")
        };
        text.push(fact("no_new_privs", role, told));
    }

    fn ids(&self, text: &mut Text) {
        if !self.namespaces.get("user").is_some_and(|pair| pair.own()) {
            return;
        }
        for (label, map) in [("user ids", &self.uid_map), ("group ids", &self.gid_map)] {
            if map.is_empty() {
                text.push(fact(label, Role::Bad, "none is mapped"));
            }
            for (at, row) in map.iter().enumerate() {
                let many =
                    if row.count == 1 { String::new() } else { format!(", and so on for {} ids", row.count) };
                let told = format!("{} inside is {} for you{many}", row.inside, row.outside);
                text.push(fact(if at == 0 { label } else { "" }, Role::Plain, told));
            }
        }
    }

    fn mounts(&self, text: &mut Text) {
        if self.refused("mountinfo") {
            text.push(fact("mounts", Role::Bad, self.missing));
            return;
        }
        let own: Vec<&Mounted> = self.mounts.iter().filter(|mount| mount.own).collect();
        let shared = self.mounts.len() - own.len();
        if own.is_empty() {
            let told = match shared {
                0 => "none below its root".to_owned(),
                all => counted(all, "of yours, and no other", "of yours, and no other"),
            };
            text.push(fact("mounts", Role::Plain, told));
            return;
        }
        for (at, mount) in own.iter().take(MOUNTS).enumerate() {
            let mut line = fact(if at == 0 { "mounts" } else { "" }, Role::Code, &mount.target);
            line.push(Role::Plain, format!("   {}", mount.fstype));
            if let Some(bound) = &mount.bound {
                line.push(Role::Dim, format!(", {bound} bound"));
            }
            if mount.options.first().is_some_and(|option| option == "ro") {
                line.push(Role::Dim, ", read-only");
            }
            text.push(line);
        }
        let rest = own.len().saturating_sub(MOUNTS);
        if rest > 0 {
            text.push(fact("", Role::Dim, format!("and {rest} more: `--format json` has all")));
        }
        if shared > 0 {
            text.push(fact("", Role::Dim, counted(shared, "more is yours", "more are yours")));
        }
        if self.stale_proc {
            text.push(fact(
                "",
                Role::Bad,
                "its /proc is older than its PID namespace: it lists another one's processes",
            ));
        }
    }

    fn closest(&self, text: &mut Text) {
        let head = match (self.recipe.is_empty(), self.unread.is_empty()) {
            (true, true) if self.notes.is_empty() => {
                "no ingredient: an ordinary process, like those that you start"
            }
            (true, true) => "no line of a recipe comes close",
            (true, false) if self.notes.is_empty() => "as far as it may be read, no ingredient",
            (true, false) => "no line of a recipe comes close",
            (false, true) => "the recipe that comes closest",
            (false, false) => "the recipe that comes closest, as far as it may be read",
        };
        text.push(Line::indented(1, 3).with(Role::Dim, head));
        for line in &self.recipe {
            text.push(Line::indented(3, 5).with(Role::Learner, line.clone()));
        }
        for note in &self.notes {
            text.push(Line::indented(3, 5).with(Role::Dim, format!("# {note}")));
        }
    }
}

/// What a group allows, and what it holds.
fn limits(group: &Group, resource: Resource, text: &mut Text) {
    let unit = match resource {
        Resource::Memory => " B",
        Resource::Pids => " processes",
        Resource::Cpu => " µs",
    };
    let amount =
        |limit: &LimitSeen| limit.number.map_or("no limit".to_owned(), |number| format!("{number}{unit}"));
    if let Some(limit) = group.limit.as_ref().filter(|limit| limit.number.is_some()) {
        let period = group.period.filter(|_| resource == Resource::Cpu);
        let period = period.map(|period| format!(" in each {period} µs")).unwrap_or_default();
        text.push(fact("", Role::Plain, format!("at most {}{period}, in {}", amount(limit), limit.file)));
    }
    if let Some(above) = &group.above {
        text.push(fact("", Role::Plain, format!("above it at most {}, in {}", amount(above), above.file)));
    }
    if let (Some(bytes), true) = (group.in_use, group.own) {
        let kills = group.oom_kill.map(|kills| format!(", oom_kill {kills}")).unwrap_or_default();
        text.push(fact("", Role::Dim, format!("{bytes} B in use{kills}")));
    }
}

/// Names without the part that they all share.
fn short(set: u64) -> String {
    let names = names(set);
    let names: Vec<&str> = names.iter().map(|name| name.trim_start_matches("CAP_")).collect();
    names.join(" ").to_lowercase()
}

fn fact(label: &str, role: Role, value: impl Into<String>) -> Line {
    const COLUMN: usize = 14;
    let mut line = Line::indented(1, 1 + COLUMN).with(Role::Dim, label);
    line.pad_to(COLUMN);
    line.with(role, value)
}
