//! The birth of a process: clone3 into its namespaces and its v2 group, or, where there is no clone3, clone and then the
//! group by its `cgroup.procs`, as on v1.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;

use crate::error::{Result, Trouble};
use crate::kernel::call::{Syscall, quoted};
use crate::kernel::launch::{self, Birth, Child, Program, Way};
use crate::recipe::errno::{self, Context};
use crate::recipe::ingredient::Resource;
use crate::recipe::outcome::Call;
use crate::recipe::plan::Plan;
use crate::sandbox::launch::{Base, told_call};
use crate::sandbox::{program, teach};

/// Has the process born; what is refused for good is told, with its errno.
///
/// # Errors
/// The directory or the file of a v2 group that cannot be opened.
pub(super) fn born(
    plan: &Plan,
    base: &Base<'_>,
    prepared: &mut Program,
    calls: &mut Vec<Call>,
) -> Result<nix::Result<Child>> {
    let group = if plan.clone.into_cgroup { base.group.unified() } else { None };
    let namespaces = plan.clone.namespaces.iter().fold(0, |flags, kind| flags | program::clone_flag(*kind));
    let birth = Birth { namespaces, straight: base.ground.straight, way: Way::known(), group: None };
    if birth.way == Way::Clone3 {
        let unified = group.map(|path| open_group(path, calls)).transpose()?;
        let birth = Birth { group: unified.as_ref().map(AsFd::as_fd), ..birth };
        let born = told(launch::launch(prepared, birth), birth.way, plan, calls);
        if !matches!(born, Err(Errno::ENOSYS)) {
            return Ok(born);
        }
        if let Some(call) = calls.last_mut() {
            call.meaning = errno::meaning(&call.name, &call.args, libc::ENOSYS, &Context::default());
        }
    }
    // Before everything else, so that every byte is charged to the group; by a descriptor of rlab's.
    let join = group.map(|path| open_to_join(path, "cgroup.procs", calls)).transpose()?;
    if let Some(join) = &join {
        prepared.before.insert(0, Syscall::write_fd(join.as_raw_fd(), "0"));
    }
    let birth = Birth { way: Way::Clone, ..birth };
    Ok(told(launch::launch(prepared, birth), birth.way, plan, calls))
}

/// Tells a birth, or that it was refused.
fn told(born: nix::Result<Child>, way: Way, plan: &Plan, calls: &mut Vec<Call>) -> nix::Result<Child> {
    let result = born.as_ref().map(|child| child.pid.into()).map_err(|errno| *errno as i32);
    calls.push(told_call(way.name(), text(plan, way), result));
    born
}

fn text(plan: &Plan, way: Way) -> String {
    let mut flags: Vec<&str> = plan.clone.namespaces.iter().map(|kind| kind.clone_flag()).collect();
    if plan.clone.into_cgroup && way == Way::Clone3 {
        flags.push("CLONE_INTO_CGROUP");
    }
    if flags.is_empty() { "0".to_owned() } else { flags.join("|") }
}

/// Opens the `tasks` file of the session's v1 group of a controller.
///
/// # Errors
/// The refused call.
pub(super) fn open_tasks(controller: &str, base: &Base<'_>, calls: &mut Vec<Call>) -> Result<OwnedFd> {
    let resource = Resource::ALL.into_iter().find(|resource| resource.controller() == controller);
    let directory = resource.and_then(|resource| base.group.directory(resource, base.machine));
    open_to_join(&directory.unwrap_or_default(), "tasks", calls)
}

/// Opens the file of a group that takes in whoever writes `0` to it.
///
/// # Errors
/// The refused call.
pub(super) fn open_to_join(group: &Path, file: &str, calls: &mut Vec<Call>) -> Result<OwnedFd> {
    let path = group.join(file);
    let opened = OpenOptions::new().write(true).custom_flags(libc::O_CLOEXEC).open(&path);
    let args = format!("AT_FDCWD, {}, O_WRONLY|O_CLOEXEC", quoted(&path.to_string_lossy()));
    let errno = |error: &std::io::Error| error.raw_os_error().unwrap_or_default();
    let result = opened.as_ref().map(|file| file.as_raw_fd().into()).map_err(errno);
    calls.push(told_call("openat", args, result));
    let file = opened.map_err(|_| teach::told(Trouble::sandbox("cannot join the control group"), calls))?;
    Ok(file.into())
}

/// Opens the directory of a v2 group to be born in. It is told only where it is refused.
fn open_group(path: &Path, calls: &[Call]) -> Result<File> {
    File::open(path).map_err(|error| {
        let args = format!("AT_FDCWD, {}, O_RDONLY|O_CLOEXEC", quoted(&path.to_string_lossy()));
        let refused = told_call("openat", args, Err(error.raw_os_error().unwrap_or_default()));
        let calls: Vec<Call> = calls.iter().cloned().chain([refused]).collect();
        teach::told(Trouble::sandbox("cannot join the control group"), &calls)
    })
}
