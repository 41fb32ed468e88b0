//! The stage of an escape, and the way out: calls of their own.

use std::path::Path;

use super::{Compiler, FILE};
use crate::kernel::call::{Slot, Syscall};
use crate::recipe::plan::{DOOR, HOST_FILE, JAIL, STEPS_UP};

/// The container's root directory, held while something is mounted over what it is in.
const HELD: Slot = 7;

/// What of a root directory is not shown on the stage: it is the container's alone.
const ITS_OWN: [&str; 6] = ["dev", "etc", "home", "proc", "sys", DOOR];

impl Compiler<'_> {
    /// A root in memory that stands for the host. It is mounted over the session's own directory, so nothing is made on
    /// the real host; the container's root directory is a directory in it, and its tools are lent to the stage by links.
    /// Then it becomes the root of the mount namespace, and the real one is detached.
    pub(super) fn stage(&mut self) {
        let root = self.root.clone();
        let Some(above) = Path::new(&root).parent().map(|above| above.to_string_lossy().into_owned()) else {
            return;
        };
        self.push(Syscall::open_directory(&root).saved(HELD));
        let flags = ["MS_NOSUID", "MS_NODEV"];
        self.push(Syscall::mount(Some("tmpfs"), &above, Some("tmpfs"), &flags, Some("mode=755,size=1m")));
        self.push(Syscall::chdir(&above));
        let jail = JAIL.trim_start_matches('/');
        let mut directories: Vec<&Path> = Path::new(jail).ancestors().collect();
        // The last one is the empty path.
        directories.pop();
        for directory in directories.into_iter().rev() {
            self.push(Syscall::mkdir(None, &directory.to_string_lossy()).quiet());
        }
        for name in lent(&root) {
            self.push(Syscall::symlink(&format!("{jail}/{name}"), &name).quiet());
        }
        let (name, text) = HOST_FILE;
        self.push(Syscall::create(name, 0o644).saved(FILE));
        self.push(Syscall::write_slot(FILE, text));
        self.push(Syscall::mount_from_fd(HELD, jail, &["MS_BIND", "MS_REC"]));
        self.push(Syscall::pivot_here());
        self.push(Syscall::detach("."));
        self.push(Syscall::chdir("/"));
        JAIL.clone_into(&mut self.root);
    }

    /// The root moves into a directory, and the process stays where it is: outside. From there `..` never meets the root
    /// at which it would end.
    pub(super) fn climb_out(&mut self) {
        self.push(Syscall::mkdir(None, DOOR).tolerating(libc::EEXIST));
        self.push(Syscall::chroot(DOOR));
        for _ in 0..STEPS_UP {
            self.push(Syscall::chdir(".."));
        }
        self.push(Syscall::chroot("."));
    }
}

/// Names of a root directory under which the stage finds its tools.
fn lent(root: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !ITS_OWN.contains(&name.as_str())).collect();
    names.sort_unstable();
    names
}
