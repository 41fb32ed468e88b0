//! What a program would find at a path, inside or on the host, without running one: for completion and for the colours
//! of a line as it is typed.
//!
//! Inside, what counts is the root directory as it stands, and of the recipe's mounts those whose files are known before
//! they are mounted: a bind shows its source, and the kernel's own file systems show the same names everywhere but for
//! the processes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::kernel::tree;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::MountKind;
use crate::sandbox::launch::PROGRAM_DIRECTORIES;

pub use crate::kernel::tree::Entry;

/// Names of one directory that are looked at. Nobody reads a longer list.
const MOST: usize = 5000;

/// A file system to look into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The root directory; the host's where there is none.
    root: Option<PathBuf>,
    /// What is mounted over it: where, what is seen there, and whether names of processes are left out.
    mounts: Vec<(String, PathBuf, bool)>,
}

impl View {
    /// The host's files.
    pub fn host() -> Self {
        Self::default()
    }

    /// The files that a program under this recipe sees.
    pub fn inside(recipe: &Recipe, root: Option<&Path>) -> Self {
        let root = root.filter(|_| recipe.root_change() != RootChange::None);
        let Some(root) = root else { return Self::host() };
        let known = recipe.mounts().into_iter().filter_map(|mount| {
            let target = mount.target.trim_end_matches('/').to_owned();
            match &mount.kind {
                MountKind::Bind | MountKind::Rbind => Some((target, PathBuf::from(&mount.source), false)),
                MountKind::Fs(kind) => match kind.as_str() {
                    "proc" => Some((target, PathBuf::from("/proc"), true)),
                    "sysfs" => Some((target, PathBuf::from("/sys"), false)),
                    _ => None,
                },
            }
        });
        let own_proc = recipe.mount_proc().then(|| ("/proc".to_owned(), PathBuf::from("/proc"), true));
        Self { root: Some(root.to_owned()), mounts: own_proc.into_iter().chain(known).collect() }
    }

    /// The entries of a directory whose names begin so, sorted. A relative path begins where a program begins: at the
    /// root inside, in rlab's own directory on the host. What cannot be read has none.
    pub fn list(&self, path: &str, begins: &str) -> Vec<Entry> {
        let (root, path, no_processes) = self.place(path);
        let mut found = tree::list_inside(&root, &path, begins, MOST).unwrap_or_default();
        found.retain(|entry| !no_processes || !entry.name.bytes().all(|byte| byte.is_ascii_digit()));
        found.sort();
        found
    }

    /// Whether there is something at a path.
    pub fn has(&self, path: &str) -> bool {
        let (root, path, _) = self.place(path);
        tree::look_inside(&root, &path).is_ok()
    }

    /// Names of the programs that are found without a path.
    pub fn programs(&self) -> BTreeSet<String> {
        let directories: Vec<String> = match self.root {
            Some(_) => PROGRAM_DIRECTORIES.iter().map(|directory| format!("/{directory}")).collect(),
            None => std::env::var("PATH").unwrap_or_default().split(':').map(str::to_owned).collect(),
        };
        let absolute = directories.iter().filter(|directory| directory.starts_with('/'));
        let names = absolute.flat_map(|directory| {
            let (root, path, _) = self.place(directory);
            tree::names_inside(&root, &path, MOST).unwrap_or_default()
        });
        names.collect()
    }

    /// The root to look below, the path there, and whether processes are left out.
    fn place(&self, path: &str) -> (PathBuf, String, bool) {
        let Some(root) = &self.root else {
            let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
            return (PathBuf::from("/"), here.join(path).to_string_lossy().into_owned(), false);
        };
        let path = format!("/{}", path.trim_start_matches('/'));
        // The last mount on a place is the one that is seen.
        let mounted = self.mounts.iter().rev().find_map(|(target, source, no_processes)| {
            let below = path.strip_prefix(target.as_str())?;
            let whole = below.is_empty() || below.starts_with('/');
            whole.then(|| {
                (
                    source.clone(),
                    below.trim_start_matches('/').to_owned(),
                    *no_processes && below.trim_matches('/').is_empty(),
                )
            })
        });
        mounted.unwrap_or_else(|| (root.clone(), path, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn a_view_shows_the_root_and_what_the_recipe_mounts_on_it() {
        let base = tempfile::tempdir().unwrap();
        let (root, bound) = (base.path().join("root"), base.path().join("bound"));
        for directory in [root.join("bin"), root.join("proc"), root.join("data"), bound.clone()] {
            std::fs::create_dir_all(directory).unwrap();
        }
        std::fs::write(root.join("bin/tool"), "").unwrap();
        std::fs::write(bound.join("inner"), "").unwrap();
        let bind = format!("mount --bind {} /data", bound.display());
        let lines = ["rootfs", "chroot", "mount -t proc proc /proc", bind.as_str()];
        let view = View::inside(&Recipe::read(lines).unwrap(), Some(&root));
        assert_eq!(names(&view.list("/", "")), ["bin", "data", "proc"]);
        assert_eq!(names(&view.list("/data", "")), ["inner"]);
        assert_eq!(names(&view.list("/proc", "mount")), ["mounts"]);
        assert!(!names(&view.list("/proc", "")).contains(&"1"), "whose processes they are is not known yet");
        assert_eq!(view.programs().into_iter().collect::<Vec<_>>(), ["tool"]);
        assert!(view.has("/bin/tool") && view.has("data/inner") && !view.has("/etc/passwd"));
        // Without a changed root a program sees the host.
        let host = View::inside(&Recipe::read(["rootfs"]).unwrap(), Some(&root));
        assert_eq!(host, View::host());
        assert!(host.programs().contains("sh") && host.has("/proc/self"));
    }
}
