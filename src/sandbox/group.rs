//! The control group of a session: one directory a hierarchy, named after its owner, made and changed as the plan says.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::call::quoted;
use crate::kernel::cgroup::{self, Generation};
use crate::recipe::ingredient::{Limit, Resource};
use crate::recipe::machine::{CgroupVersion, Machine};
use crate::recipe::outcome::{Call, CallResult, GroupNow, GroupState, LimitSeen};
use crate::recipe::plan::Prepare;
use crate::sandbox::leaf::Leaf;
use crate::sandbox::rootfs::call;
use crate::sandbox::{handing, owner, teach};

/// The generation of a controller as the kernel room names it.
pub(super) const fn generation(version: CgroupVersion) -> Generation {
    match version {
        CgroupVersion::V1 => Generation::V1,
        CgroupVersion::V2 => Generation::V2,
    }
}

/// One directory of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    version: CgroupVersion,
    parent: PathBuf,
    path: PathBuf,
}

/// The session's group as it stands.
#[derive(Debug)]
pub struct Group {
    places: Vec<Place>,
    /// File and value of every limit that was written.
    written: Vec<(PathBuf, String)>,
    /// Groups in which a controller was switched on.
    handing: BTreeSet<PathBuf>,
    /// Where rlab itself has moved to.
    leaf: Option<Leaf>,
}

impl Group {
    /// No directory yet.
    pub fn new() -> Self {
        Self { places: Vec::new(), written: Vec::new(), handing: BTreeSet::new(), leaf: None }
    }

    /// Whether anything stands.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Makes the group agree with a plan: what stands already is not made again.
    ///
    /// # Errors
    /// The call that was refused, with its errno.
    pub fn agree(&mut self, prepare: &[Prepare], machine: &Machine, calls: &mut Vec<Call>) -> Result<()> {
        let wanted: Vec<PathBuf> = prepare
            .iter()
            .filter_map(|step| match step {
                Prepare::MakeGroup { parent, .. } => Some(Path::new(parent).join(owner::own_name())),
                _ => None,
            })
            .collect();
        let gone: Vec<PathBuf> = self
            .places
            .iter()
            .map(|place| place.path.clone())
            .filter(|path| !wanted.contains(path))
            .collect();
        for path in gone {
            self.remove(&path, calls)?;
        }
        // Another rlab must not switch a controller off between the moment in which it is found on and ours.
        let _lock = prepare.iter().find_map(|step| match step {
            Prepare::EnableController { parent, .. } => cgroup::lock(Path::new(parent)),
            _ => None,
        });
        for step in prepare {
            match step {
                Prepare::StepAside { parent } => {
                    if self.leaf.is_none() {
                        self.leaf = Some(Leaf::step_aside(Path::new(parent), calls)?);
                    }
                }
                Prepare::EnableController { controller, parent } => {
                    self.handing.insert(parent.into());
                    handing::switch_on(Path::new(parent), controller, calls)?;
                }
                Prepare::MakeGroup { version, parent } => self.make(*version, Path::new(parent), calls)?,
                Prepare::WriteLimit { resource, file, value, optional } => {
                    if let Some(directory) = self.directory(*resource, machine) {
                        self.write(&directory.join(file), value, *optional, prepare, calls)?;
                    }
                }
                Prepare::Rootfs(_) | Prepare::DetachedProc => {}
            }
        }
        Ok(())
    }

    fn make(&mut self, version: CgroupVersion, parent: &Path, calls: &mut Vec<Call>) -> Result<()> {
        let path = parent.join(owner::own_name());
        if self.places.iter().any(|place| place.path == path) {
            return Ok(());
        }
        let made = fs::create_dir(&path);
        calls.push(call("mkdir", format!("{}, 0777", quoted(&path.to_string_lossy())), &made));
        made.map_err(|_| {
            let trouble = Trouble::sandbox(format!("cannot make the control group `{}`", path.display()));
            teach::told(trouble, calls)
        })?;
        self.places.push(Place { version, parent: parent.to_owned(), path });
        Ok(())
    }

    fn write(
        &mut self,
        file: &Path,
        value: &str,
        optional: bool,
        prepare: &[Prepare],
        calls: &mut Vec<Call>,
    ) -> Result<()> {
        let stands = self.written.iter().any(|(path, written)| path == file && written == value);
        if stands || (optional && !file.exists()) {
            return Ok(());
        }
        if file.ends_with("memory.limit_in_bytes") {
            self.make_room_above(file, value, prepare, calls)?;
        }
        write_file(file, value, calls)?;
        self.written.retain(|(path, _)| path != file);
        self.written.push((file.to_owned(), value.to_owned()));
        Ok(())
    }

    /// On v1 memory plus swap must be at least the memory (EINVAL): when the limit rises, that one rises first.
    fn make_room_above(
        &mut self,
        file: &Path,
        value: &str,
        prepare: &[Prepare],
        calls: &mut Vec<Call>,
    ) -> Result<()> {
        let both = file.with_file_name("memory.memsw.limit_in_bytes");
        // A new group has no limit yet.
        if !self.written.iter().any(|(path, _)| *path == both) {
            return Ok(());
        }
        let now = fs::read_to_string(&both).ok().and_then(|text| text.trim().parse::<i64>().ok());
        let Some(now) = now else { return Ok(()) };
        let rises = value.parse::<i64>().map_or(true, |value| value < 0 || value > now);
        let planned = prepare.iter().any(
            |step| matches!(step, Prepare::WriteLimit { file, .. } if *file == "memory.memsw.limit_in_bytes"),
        );
        if rises && planned { self.write(&both, value, true, &[], calls) } else { Ok(()) }
    }

    /// Removes the whole group, and switches off what rlab had switched on.
    ///
    /// # Errors
    /// EBUSY while a process lives in it, told with its members.
    pub fn remove_all(&mut self, calls: &mut Vec<Call>) -> Result<()> {
        let paths: Vec<PathBuf> = self.places.iter().map(|place| place.path.clone()).collect();
        for path in paths {
            self.remove(&path, calls)?;
        }
        for parent in std::mem::take(&mut self.handing) {
            handing::switch_off(&parent, calls);
        }
        if self.leaf.as_ref().is_some_and(|leaf| leaf.step_back(calls)) {
            self.leaf = None;
        }
        Ok(())
    }

    fn remove(&mut self, path: &Path, calls: &mut Vec<Call>) -> Result<()> {
        let removed = owner::remove_group(path).map_err(std::io::Error::from);
        calls.push(call("rmdir", quoted(&path.to_string_lossy()), &removed));
        removed.map_err(|_| {
            let trouble = Trouble::sandbox(format!("cannot remove the control group `{}`", path.display()));
            let living: Vec<String> =
                cgroup::members(path).unwrap_or_default().iter().map(i32::to_string).collect();
            if living.is_empty() {
                teach::told(trouble, calls)
            } else {
                teach::told(trouble, calls)
                    .because(format!("{} lives in it", living.join(", ")))
                    .hint("end its containers first: `jobs` lists them, `kill N` ends one")
            }
        })?;
        self.places.retain(|place| place.path != path);
        self.written.retain(|(file, _)| !file.starts_with(path));
        Ok(())
    }

    /// The directory of a resource's controller.
    pub fn directory(&self, resource: Resource, machine: &Machine) -> Option<PathBuf> {
        let parent = Path::new(&machine.cgroups.of(resource)?.parent);
        self.places.iter().find(|place| place.parent == parent).map(|place| place.path.clone())
    }

    /// The v2 directory, for being born in.
    pub fn unified(&self) -> Option<&Path> {
        self.places.iter().find(|place| place.version == CgroupVersion::V2).map(|place| place.path.as_path())
    }

    /// Limits as the kernel reads them back.
    pub fn limits(&self, limits: &[Limit], machine: &Machine) -> Vec<LimitSeen> {
        self.read_back(limits.iter().map(|limit| limit.resource), machine)
    }

    fn read_back(&self, resources: impl Iterator<Item = Resource>, machine: &Machine) -> Vec<LimitSeen> {
        let seen = |resource: Resource| {
            let version = machine.cgroups.of(resource)?.version;
            let file = limit_file(resource, version);
            let directory = self.directory(resource, machine)?;
            let value = cgroup::read(&directory, file).ok()?;
            let number = limit_number(&value);
            let file = directory.join(file).to_string_lossy().into_owned();
            Some(LimitSeen { resource, version, file, value, number })
        };
        resources.filter_map(seen).collect()
    }

    /// Each directory of the group, with what it allows and what it holds.
    pub fn now(&self, machine: &Machine) -> Vec<GroupNow> {
        let limits = self.read_back(Resource::ALL.into_iter(), machine);
        let of = |state: GroupState| {
            let place = Path::new(&state.path);
            let memory = self.directory(Resource::Memory, machine).filter(|path| path == place);
            let version = machine.cgroups.memory.as_ref().map(|memory| memory.version);
            GroupNow {
                limits: limits
                    .iter()
                    .filter(|limit| Path::new(&limit.file).starts_with(place))
                    .cloned()
                    .collect(),
                in_use: memory
                    .zip(version)
                    .and_then(|(path, version)| cgroup::in_use(&path, generation(version))),
                state,
            }
        };
        self.state(machine).into_iter().map(of).collect()
    }

    /// The group as it is now.
    pub fn state(&self, machine: &Machine) -> Vec<GroupState> {
        let controllers = |parent: &Path| {
            Resource::ALL
                .into_iter()
                .filter(|resource| {
                    machine.cgroups.of(*resource).is_some_and(|found| Path::new(&found.parent) == parent)
                })
                .map(|resource| resource.controller().to_owned())
                .collect()
        };
        self.places
            .iter()
            .map(|place| GroupState {
                path: place.path.to_string_lossy().into_owned(),
                controllers: controllers(&place.parent),
                members: cgroup::members(&place.path).unwrap_or_default(),
            })
            .collect()
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group that cannot be removed now is collected by the next rlab.
        let _ = self.remove_all(&mut Vec::new());
    }
}

/// The file in which the kernel tells a limit.
pub(super) const fn limit_file(resource: Resource, version: CgroupVersion) -> &'static str {
    match (resource, version) {
        (Resource::Memory, CgroupVersion::V1) => "memory.limit_in_bytes",
        (Resource::Cpu, CgroupVersion::V1) => "cpu.cfs_quota_us",
        (resource, _) => resource.name(),
    }
}

/// A limit's text as a number; `None` for no limit. v1 tells "no limit" as the largest number of whole pages, or -1.
pub(super) fn limit_number(text: &str) -> Option<u64> {
    const V1_UNLIMITED: u64 = 1 << 62;
    let number: u64 = text.split_whitespace().next()?.parse().ok()?;
    (number < V1_UNLIMITED).then_some(number)
}

/// Writes a control file and tells both calls.
pub(super) fn write_file(path: &Path, value: &str, calls: &mut Vec<Call>) -> Result<()> {
    let name = path.to_string_lossy();
    let refused =
        |calls: &[Call]| teach::told(Trouble::sandbox(format!("cannot write `{value}` to `{name}`")), calls);
    let opened = fs::OpenOptions::new().write(true).open(path);
    let args = format!("AT_FDCWD, {}, O_WRONLY|O_CLOEXEC", quoted(&name));
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => {
            let result = CallResult::Errno(error.raw_os_error().unwrap_or(0));
            calls.push(Call::new("openat", args, result));
            return Err(refused(calls));
        }
    };
    let fd = file.as_raw_fd();
    calls.push(Call::new("openat", args, CallResult::Value(fd.into())));
    let written = file.write(value.as_bytes());
    let args = format!("{fd}, {}, {}", quoted(value), value.len());
    let result = match &written {
        Ok(length) => CallResult::Value(*length as i64),
        Err(error) => CallResult::Errno(error.raw_os_error().unwrap_or(0)),
    };
    calls.push(Call::new("write", args, result));
    written.map(drop).map_err(|_| refused(calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_told_in_three_ways() {
        assert_eq!(limit_number("9223372036854771712"), None);
        assert_eq!(limit_number("max"), None);
        assert_eq!(limit_number("-1"), None);
        assert_eq!(limit_number("max 100000"), None);
        assert_eq!(limit_number("7340032"), Some(7_340_032));
        assert_eq!(limit_number("50000 100000"), Some(50_000));
    }
}
