//! Controllers that rlab switches on in a v2 group, so that the groups below it get them, and off again.
//!
//! Several rlabs may make their groups below the same one. Which controllers an rlab has switched on is written on the
//! group itself, as an extended attribute (xattr(7)), so that whoever is the last to leave can put it back, also after
//! one was killed. What was on before is never switched off.

use std::fs;
use std::path::Path;

use crate::error::Result;
use crate::kernel::cgroup;
use crate::recipe::outcome::Call;
use crate::sandbox::group::write_file;
use crate::sandbox::owner;

/// Switches a controller on for the groups below, where it is not on yet.
///
/// # Errors
/// What the kernel says: EBUSY where the group has processes of its own, ENOENT where it has no such controller.
pub(super) fn switch_on(parent: &Path, controller: &str, calls: &mut Vec<Call>) -> Result<()> {
    let on = cgroup::read(parent, "cgroup.subtree_control").unwrap_or_default();
    if on.split_whitespace().any(|name| name == controller) {
        return Ok(());
    }
    write_file(&parent.join("cgroup.subtree_control"), &format!("+{controller}"), calls)?;
    let mut noted = cgroup::noted(parent);
    noted.push(controller.to_owned());
    cgroup::note(parent, &noted);
    Ok(())
}

/// Whether a threaded controller (`pids`, `cpu`) can be switched on without harm. In a group with processes of its own
/// the kernel allows it and turns the group into one in which nothing can be started; only the top group may have both,
/// and it is known by having no `cgroup.type`.
pub(super) fn may_switch_on(parent: &Path) -> bool {
    !parent.join("cgroup.type").exists() || cgroup::members(parent).is_ok_and(|members| members.is_empty())
}

/// Switches off what rlabs had switched on, unless one still has a group there.
pub(super) fn switch_off(parent: &Path, calls: &mut Vec<Call>) {
    if cgroup::noted(parent).is_empty() {
        return;
    }
    let _lock = cgroup::lock(parent);
    let (used, unused): (Vec<String>, Vec<String>) =
        cgroup::noted(parent).into_iter().partition(|controller| has_groups_of_ours(parent, controller));
    for controller in unused {
        // Another program may have built on it by now; then it stays on, which harms nobody.
        let _ = write_file(&parent.join("cgroup.subtree_control"), &format!("-{controller}"), calls);
    }
    cgroup::note(parent, &used);
}

/// Whether a group of ours, of this session or another, may use a controller of this parent. The groups that only bound
/// processes use no other than `pids`; a leaf uses none.
fn has_groups_of_ours(parent: &Path, controller: &str) -> bool {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| {
        name.starts_with("rlab.")
            && !name.ends_with(owner::LEAF)
            && (controller == "pids" || !name.ends_with(owner::CAPS))
    })
}
