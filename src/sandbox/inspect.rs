//! Looks at any process of the machine from the outside: which ingredients it uses.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use nix::errno::Errno;

use crate::error::{Result, Trouble};
use crate::kernel::cgroup::{self, Hierarchies, Hierarchy};
use crate::kernel::process::{self, Mounted as Line};
use crate::kernel::{own, proc};
use crate::recipe::ingredient::Resource;
use crate::recipe::machine::CgroupVersion;
use crate::recipe::outcome::{LimitSeen, NsPair};
use crate::recipe::process::{
    Capabilities, Group, KINDS, Mounted, Process, Reader as Who, Root, RootKind, Seccomp, Unread, id_map,
};
use crate::sandbox::group::{limit_file, limit_number};
use crate::sandbox::mark;

/// The number of `CAP_SYS_PTRACE` (capabilities(7)).
const SYS_PTRACE: u32 = 19;

/// Reads all of it. What may not be read is told in the process's `unread`.
///
/// # Errors
/// There is no such process (2), or it has ended meanwhile.
pub fn inspect(pid: i32) -> Result<Process> {
    let Some(began) = proc::stat(pid).filter(|_| process::exists(pid)) else { return Err(nobody(pid)) };
    let mut found = Process { pid, state: began.state, parent: began.parent, ..Process::default() };
    found.reader = who_looks();
    let mut reader = Reader { pid, unread: Vec::new() };
    status(&mut found, &mut reader);
    found.command = proc::command_line(pid).unwrap_or_default();
    let own_pid = std::process::id() as i32;
    for kind in KINDS {
        let Some(host) = proc::namespace(0, kind) else { continue };
        if let Some(inside) = reader.take(&format!("ns/{kind}"), process::namespace(pid, kind)) {
            found.namespaces.insert(kind, NsPair { inside, host });
        }
    }
    let theirs = reader.take("root", process::root(pid));
    let ours = process::root(own_pid).ok().map(|(_, identity)| identity);
    found.root = theirs.map(|(path, identity)| {
        let kind = match path.as_str() {
            "/" if Some(identity) == ours => RootKind::Host,
            "/" => RootKind::Pivot,
            _ => RootKind::Chroot,
        };
        Root { kind, path }
    });
    let lines = reader.take("mountinfo", process::mounts(pid)).unwrap_or_default();
    found.mounts = mounts(&lines, &process::mounts(own_pid).unwrap_or_default(), found.own_root());
    found.lists_itself = match (found.nspid.last(), found.namespaces.get("pid")) {
        (Some(inside), Some(pair)) => process::listed_as(pid, *inside) == Some(pair.inside),
        _ => false,
    };
    found.busybox = found.own_root() && process::has_busybox(pid);
    found.uid_map =
        reader.take("uid_map", process::text(pid, "uid_map")).map(|text| id_map(&text)).unwrap_or_default();
    found.gid_map =
        reader.take("gid_map", process::text(pid, "gid_map")).map(|text| id_map(&text)).unwrap_or_default();
    found.own_host_name = process::own_host_name().unwrap_or_default();
    found.host_name = if found.own("uts") {
        process::host_name(pid).ok()
    } else {
        found.namespaces.contains_key("uts").then(|| found.own_host_name.clone())
    };
    if let Some(text) = reader.take("cgroup", process::text(pid, "cgroup")) {
        found.groups = groups(&text);
    }
    found.unread = reader.unread;
    if found.has_ended() {
        found.goes_on =
            process::threads(pid).into_iter().find(|thread| *thread != pid && mark::lives(*thread));
    }
    // Its number may be somebody else's by now, or its end came while it was looked at.
    match proc::stat(pid) {
        Some(now) if now.start == began.start && (found.has_ended() || mark::lives(pid)) => Ok(found),
        _ => Err(Trouble::usage(format!("process {pid} has ended while it was looked at"))
            .hint("look at one that stays")),
    }
}

fn nobody(pid: i32) -> Trouble {
    let trouble = Trouble::usage(format!("no process has the number {pid}"));
    // Every proc has a first process; who does not see it is not let.
    if !process::exists(1) {
        return trouble.because("/proc shows you only your own processes (`hidepid`)").hint("look as root");
    }
    trouble.hint(
        "it has ended, or the number is one from inside a container: `ps -A` lists those of this machine",
    )
}

fn who_looks() -> Who {
    let traces = own::capabilities() & (1 << SYS_PTRACE) != 0;
    Who { root: nix::unistd::geteuid().is_root(), traces }
}

/// Keeps what could not be read.
struct Reader {
    pid: i32,
    unread: Vec<Unread>,
}

impl Reader {
    fn take<T>(&mut self, what: &str, read: io::Result<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                // A kernel without a kind of namespace has no such file either.
                let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
                self.unread.push(Unread { what: what.to_owned(), errno: format!("{errno:?}") });
                None
            }
        }
    }
}

/// What `/proc/PID/status` tells.
fn status(found: &mut Process, reader: &mut Reader) {
    let Some(text) = reader.take("status", process::text(reader.pid, "status")) else { return };
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let number = |name: &str| field(name).parse::<u32>().unwrap_or_default();
    let mask = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or_default();
    // Real, effective, saved, of the file system.
    let effective =
        |name: &str| field(name).split_whitespace().nth(1).and_then(|id| id.parse().ok()).unwrap_or_default();
    found.nspid = field("NSpid").split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    found.ids = (effective("Uid"), effective("Gid"));
    found.thread_of = field("Tgid").parse().ok().filter(|process| *process != found.pid);
    found.kernel_thread =
        field("Kthread") == "1" || (field("VmSize").is_empty() && !"ZX".contains(found.state));
    found.capabilities = Capabilities {
        effective: mask("CapEff"),
        permitted: mask("CapPrm"),
        inheritable: mask("CapInh"),
        bounding: mask("CapBnd"),
        ambient: mask("CapAmb"),
    };
    found.own_bounding = own::bounding();
    found.seccomp = match number("Seccomp") {
        0 => Seccomp::None,
        1 => Seccomp::Strict,
        _ => Seccomp::Filter,
    };
    found.filters = number("Seccomp_filters");
    found.no_new_privs = number("NoNewPrivs") == 1;
}

/// Its mounts, the last one at each place. `own_root`: what lies below another root is its own in any case.
fn mounts(theirs: &[Line], ours: &[Line], own_root: bool) -> Vec<Mounted> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, line) in theirs.iter().enumerate() {
        last.insert(&line.target, at);
    }
    let same = |line: &Line| {
        let alike =
            |own: &Line| (&own.device, &own.root, &own.target) == (&line.device, &line.root, &line.target);
        ours.iter().any(alike)
    };
    let seen = theirs.iter().enumerate().filter(|(at, line)| last.get(line.target.as_str()) == Some(at));
    let mounted = |line: &Line| {
        let own = own_root || !same(line);
        Mounted {
            target: line.target.clone(),
            fstype: line.fstype.clone(),
            source: line.source.clone(),
            bound: bound(line, ours).filter(|_| own),
            options: line.options.split(',').chain(line.data.split(',')).map(str::to_owned).collect(),
            own,
        }
    };
    seen.map(|(_, line)| mounted(line)).collect()
}

/// File systems of which every instance is the same one.
const ONE_FOR_ALL: [&str; 4] = ["proc", "sysfs", "mqueue", "devpts"];

/// What a bind shows, as rlab names it: through a mount of the same file system that rlab sees, too.
fn bound(line: &Line, ours: &[Line]) -> Option<String> {
    if line.root == "/" && ONE_FOR_ALL.contains(&line.fstype.as_str()) {
        return None;
    }
    let candidates = ours.iter().filter(|own| own.device == line.device);
    let path = |own: &Line| {
        let below = line.root.strip_prefix(own.root.trim_end_matches('/'))?;
        if !(below.is_empty() || below.starts_with('/')) {
            return None;
        }
        let path = format!("{}{}", own.target.trim_end_matches('/'), below.trim_end_matches('/'));
        Some(if path.is_empty() { "/".to_owned() } else { path })
    };
    candidates.filter_map(path).min_by_key(String::len)
}

/// Its group for each resource, with limits.
fn groups(text: &str) -> BTreeMap<Resource, Group> {
    let ours = Hierarchies::read();
    let theirs = ours.of_process(text);
    let group = |resource: Resource| {
        let controller = resource.controller();
        let hierarchy = theirs.of(controller)?;
        let version = match hierarchy.generation {
            cgroup::Generation::V1 => CgroupVersion::V1,
            cgroup::Generation::V2 => CgroupVersion::V2,
        };
        let limit = limit(&hierarchy.own, resource, version);
        let memory = resource == Resource::Memory;
        let group = Group {
            version,
            path: theirs.path(controller).to_owned(),
            own: theirs.path(controller) != ours.path(controller),
            period: period(&hierarchy.own, resource, version),
            above: above(&hierarchy, resource, version, limit.as_ref()),
            in_use: cgroup::in_use(&hierarchy.own, hierarchy.generation).filter(|_| memory),
            oom_kill: cgroup::oom_kills(&hierarchy.own, hierarchy.generation).filter(|_| memory),
            limit,
        };
        Some((resource, group))
    };
    Resource::ALL.into_iter().filter_map(group).collect()
}

fn limit(group: &Path, resource: Resource, version: CgroupVersion) -> Option<LimitSeen> {
    let file = limit_file(resource, version);
    let value = cgroup::read(group, file).ok()?;
    let number = limit_number(&value);
    Some(LimitSeen {
        resource,
        version,
        file: group.join(file).to_string_lossy().into_owned(),
        value,
        number,
    })
}

fn period(group: &Path, resource: Resource, version: CgroupVersion) -> Option<u64> {
    match (resource, version) {
        (Resource::Cpu, CgroupVersion::V1) => cgroup::read(group, "cpu.cfs_period_us").ok()?.parse().ok(),
        (Resource::Cpu, CgroupVersion::V2) => {
            cgroup::read(group, "cpu.max").ok()?.split(' ').nth(1)?.parse().ok()
        }
        _ => None,
    }
}

/// The tightest limit of the groups above, where it is tighter than the group's own. Of processor time the periods may
/// differ, so only the group's own is told.
fn above(
    hierarchy: &Hierarchy,
    resource: Resource,
    version: CgroupVersion,
    own: Option<&LimitSeen>,
) -> Option<LimitSeen> {
    if resource == Resource::Cpu {
        return None;
    }
    let ancestors = hierarchy.own.ancestors().skip(1).take_while(|path| path.starts_with(&hierarchy.mount));
    let limits = ancestors.filter_map(|path| limit(path, resource, version));
    let tightest = limits.filter(|limit| limit.number.is_some()).min_by_key(|limit| limit.number)?;
    let own = own.and_then(|own| own.number);
    (own.is_none() || tightest.number < own).then_some(tightest)
}
