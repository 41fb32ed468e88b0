//! The container's file system: which tools, with which libraries.
//!
//! A static BusyBox where the machine has one; else a dynamic one with its libraries; else the machine's own tools
//! with theirs. What goes where is decided first, as a [`Manifest`]; then it is either copied into a directory or, for
//! one-shot containers, bound into a tmpfs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::call::quoted;
use crate::kernel::elf;
use crate::recipe::ingredient::Tools;
use crate::recipe::outcome::{Call, CallResult, Composed, Work};
use crate::sandbox::teach;

/// The directories of the article's container.
const DIRECTORIES: [&str; 5] = ["bin", "dev", "etc", "proc", "sys"];

/// The tools of a container: those of the machine where it has no BusyBox (missing ones are left out), and the names
/// under which BusyBox can be linked in a one-shot container.
const TOOLS: &[&str] = &[
    "sh",
    "ps",
    "ls",
    "cat",
    "head",
    "mount",
    "umount",
    "hostname",
    "sleep",
    "echo",
    "id",
    "env",
    "mkdir",
    "rmdir",
    "rm",
    "touch",
    "tail",
    "wc",
    "grep",
    "sort",
    "seq",
    "true",
    "false",
    "kill",
    "uname",
    "stat",
    "readlink",
    "dd",
    "df",
    "free",
    "mknod",
    "chroot",
    "unshare",
    "pwd",
    "tty",
    "nproc",
    "cp",
    "mv",
    "ln",
    "chmod",
    "sed",
    "tr",
    "cut",
    "date",
    "whoami",
    "test",
    "printf",
    "yes",
    "tee",
    "basename",
    "dirname",
    "find",
    "awk",
    "vi",
    "top",
    "less",
    "xargs",
    "pgrep",
    "nsenter",
    "pivot_root",
    "mktemp",
    "uniq",
    "od",
];

/// For a machine without ps(1): most lessons want to see who is there.
const PS: &str = include_str!("ps.sh");

/// Where the machine keeps its programs, asked in this order after `PATH`.
const PROGRAM_DIRECTORIES: [&str; 6] =
    ["/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Under which names BusyBox is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names<'a> {
    /// Every applet that it has; it is asked for them.
    All,
    /// What this command, the only one, can call. Asking BusyBox and making three hundred links would take longer than
    /// all the rest of a one-shot container.
    For(&'a [String]),
}

impl Names<'_> {
    fn of(self, busybox: &Path) -> Vec<String> {
        let usual = || TOOLS.iter().map(|name| (*name).to_owned());
        match self {
            Self::All => applets(busybox).unwrap_or_else(|| usual().collect()),
            Self::For(argv) => {
                // A shell that reads its lines from elsewhere can call anything.
                let shell = argv.iter().any(|word| ["sh", "ash", "/bin/sh"].contains(&word.as_str()));
                let open = shell && !argv.iter().any(|word| word == "-c");
                let words =
                    || argv.iter().flat_map(|word| word.split(|c: char| !(c.is_alphanumeric() || c == '_')));
                usual().filter(|name| open || words().any(|word| word == name)).collect()
            }
        }
    }
}

/// What the file system will hold. Paths inside have no leading slash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Directories, parents first.
    pub directories: Vec<String>,
    /// Path inside, and the file on the host that it is a copy of.
    pub files: BTreeMap<String, PathBuf>,
    /// Path inside, and the name beside it that it is a link to.
    pub links: BTreeMap<String, String>,
    /// Small files that rlab writes.
    pub texts: BTreeMap<String, &'static str>,
    /// Programs that rlab writes.
    pub scripts: BTreeMap<String, &'static str>,
    /// Where the tools come from.
    pub source: String,
    /// The same as a sentence, with what became of them.
    pub note: String,
}

impl Manifest {
    /// Decides.
    ///
    /// # Errors
    /// A machine with neither BusyBox nor a shell.
    pub fn new(tools: Tools, names: Names<'_>) -> Result<Self> {
        if tools == Tools::Image {
            return Err(Trouble::usage("`rootfs image` is the image of a session, and here is none").hint(
                "in `rlab play`, `image load DIRECTORY` takes an image in, and `image unpack` unpacks it",
            ));
        }
        let busybox = if tools == Tools::Host { None } else { find_program("busybox") };
        let mut manifest = Self {
            directories: DIRECTORIES.map(str::to_owned).to_vec(),
            texts: BTreeMap::from([
                ("etc/passwd".to_owned(), "root:x:0:0:root:/:/bin/sh\n"),
                ("etc/group".to_owned(), "root:x:0:\n"),
            ]),
            ..Self::default()
        };
        match busybox {
            Some(busybox) => manifest.busybox(busybox, names)?,
            None => manifest.host(tools)?,
        }
        Ok(manifest)
    }

    fn busybox(&mut self, busybox: PathBuf, names: Names<'_>) -> Result<()> {
        let how = if interpreter(&busybox).is_some() {
            self.libraries(&busybox)?;
            "comes with its libraries"
        } else {
            "is static"
        };
        let size = fs::metadata(&busybox).map(|meta| meta.len()).unwrap_or_default();
        for name in names.of(&busybox) {
            // A link of BusyBox to itself would never end (ELOOP).
            if name != "busybox" && !name.contains('/') {
                self.links.insert(format!("bin/{name}"), "busybox".to_owned());
            }
        }
        self.source = format!("{} {how}, {:.1} MB", busybox.display(), size as f64 / 1e6);
        self.note =
            format!("{}: every tool in /bin is a link to it ({} names)", self.source, self.links.len());
        self.files.insert("bin/busybox".to_owned(), busybox);
        Ok(())
    }

    fn host(&mut self, tools: Tools) -> Result<()> {
        let found: Vec<(&str, PathBuf)> =
            TOOLS.iter().filter_map(|name| Some((*name, find_program(name)?))).collect();
        if !found.iter().any(|(name, _)| *name == "sh") {
            return Err(Trouble::cannot(
                "this machine has neither BusyBox nor `sh` to fill a root file system with",
            )
            .hint("install BusyBox, for example with `apt-get install busybox-static`"));
        }
        for (name, path) in &found {
            self.libraries(path)?;
            self.files.insert(format!("bin/{name}"), path.clone());
        }
        let why = if tools == Tools::Host { "" } else { "no BusyBox here: " };
        self.source = format!("{why}{} tools of this machine, with the libraries they need", found.len());
        if !found.iter().any(|(name, _)| *name == "ps") {
            self.scripts.insert("bin/ps".to_owned(), PS);
            self.source.push_str("; it has no `ps`, so rlab lends one that reads /proc");
        }
        self.note.clone_from(&self.source);
        Ok(())
    }

    /// The dynamic linker and the libraries of a program, at the paths where it looks for them. A script has none.
    fn libraries(&mut self, program: &Path) -> Result<()> {
        if interpreter(program).is_none() {
            return Ok(());
        }
        let tree =
            lddtree::DependencyAnalyzer::new(PathBuf::from("/")).analyze(program).map_err(|error| {
                Trouble::sandbox(format!("cannot tell the libraries of `{}`", program.display()))
                    .because(error)
            })?;
        let linker = tree.interpreter.as_deref().map(PathBuf::from);
        let libraries =
            tree.libraries.into_values().filter_map(|library| library.realpath.map(|_| library.path));
        for path in libraries.chain(linker) {
            let inside = path.to_string_lossy().trim_start_matches('/').to_owned();
            self.parents_of(&inside);
            self.files.insert(inside, path);
        }
        Ok(())
    }

    fn parents_of(&mut self, inside: &str) {
        let known: BTreeSet<&String> = self.directories.iter().collect();
        let above: Vec<String> = Path::new(inside)
            .ancestors()
            .skip(1)
            .map(|path| path.to_string_lossy().into_owned())
            .filter(|path| !path.is_empty() && !known.contains(path))
            .collect();
        self.directories.extend(above.into_iter().rev());
    }

    /// Whether a program of this name is in /bin, and its path inside.
    pub fn program(&self, name: &str) -> Option<String> {
        let path = format!("bin/{name}");
        let known = self.files.contains_key(&path)
            || self.links.contains_key(&path)
            || self.scripts.contains_key(&path);
        known.then(|| format!("/{path}"))
    }

    /// The names of all programs in /bin, and those that BusyBox would have there if they were called.
    pub fn programs(&self) -> BTreeSet<String> {
        let paths = self.files.keys().chain(self.links.keys()).chain(self.scripts.keys());
        let there = paths.filter_map(|path| path.strip_prefix("bin/"));
        let could_be = TOOLS.iter().copied().filter(|_| self.files.contains_key("bin/busybox"));
        there.chain(could_be).map(str::to_owned).collect()
    }

    /// Copies everything into a new directory.
    ///
    /// # Errors
    /// A full disk, a file that may not be read. What was made so far is left to the caller to remove.
    pub fn build(&self, root: &Path, work: &mut dyn FnMut(Work)) -> Result<Composed> {
        let mut composed = Composed::default();
        let mut mkdir = |path: &Path| -> Result<()> {
            let made = fs::DirBuilder::new().mode(0o755).create(path);
            composed.calls.push(call("mkdir", format!("{}, 0755", quoted(&path.to_string_lossy())), &made));
            made.map_err(|error| building(path, "mkdir", error))
        };
        mkdir(root)?;
        for directory in &self.directories {
            mkdir(&root.join(directory))?;
        }
        let sizes = self.files.values().map(|source| fs::metadata(source).map_or(0, |meta| meta.len()));
        let (mut done, whole) = (0, sizes.sum());
        for (inside, source) in &self.files {
            let target = root.join(inside);
            work(Work::Copying(done, whole));
            done += fs::copy(source, &target).map_err(|error| building(&target, "write", error))?;
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&target, mode).map_err(|error| building(&target, "write", error))?;
        }
        for (inside, target) in &self.links {
            let path = root.join(inside);
            link(target, &path).map_err(|error| building(&path, "write", error))?;
        }
        for (inside, text) in self.texts.iter().chain(&self.scripts) {
            let path = root.join(inside);
            fs::write(&path, text).map_err(|error| building(&path, "write", error))?;
        }
        for inside in self.scripts.keys() {
            let path = root.join(inside);
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, mode).map_err(|error| building(&path, "write", error))?;
        }
        composed.notes.push(self.note.clone());
        Ok(composed)
    }
}

/// Another name for a file in the same directory, as `busybox --install` makes them: hard links need no inode. Hundreds
/// of new inodes, just after hundreds were freed, keep ext4 busy for a long time (it does not reuse them at once). A
/// symbolic link where the file system has no hard links.
fn link(target: &str, path: &Path) -> std::io::Result<()> {
    fs::hard_link(path.with_file_name(target), path).or_else(|_| std::os::unix::fs::symlink(target, path))
}

/// A call that rlab made through the standard library, told like the others.
pub(super) fn call(name: &str, args: String, result: &std::io::Result<()>) -> Call {
    let result = match result {
        Ok(()) => CallResult::Value(0),
        Err(error) => CallResult::Errno(error.raw_os_error().unwrap_or(0)),
    };
    Call::new(name, args, result)
}

fn building(path: &Path, name: &str, error: std::io::Error) -> Trouble {
    let trouble = Trouble::sandbox(format!("cannot build the root file system at `{}`", path.display()));
    if error.raw_os_error().is_none() {
        return trouble.because(error);
    }
    teach::told(trouble, &[call(name, quoted(&path.to_string_lossy()), &Err(error))])
}

/// Looks a program up on the host: `PATH` first, then where programs usually are.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(PROGRAM_DIRECTORIES.map(PathBuf::from));
    directories
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The dynamic linker of a program; `None` for a static one or none at all.
fn interpreter(path: &Path) -> Option<PathBuf> {
    elf::loader(fs::File::open(path).ok()?)
}

/// The applets of a BusyBox, from its own list.
fn applets(busybox: &Path) -> Option<Vec<String>> {
    let output = std::process::Command::new(busybox).arg("--list").output().ok()?;
    let names: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (output.status.success() && !names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_tools_come_with_their_linker() {
        let manifest = Manifest::new(Tools::Host, Names::All).unwrap();
        let shell = manifest.files.get("bin/sh").unwrap();
        if let Some(linker) = interpreter(shell) {
            let inside = linker.to_string_lossy().trim_start_matches('/').to_owned();
            assert!(manifest.files.contains_key(&inside), "{inside}");
        }
        for path in manifest.files.keys().chain(manifest.links.keys()) {
            let parent = Path::new(path).parent().unwrap().to_string_lossy().into_owned();
            assert!(manifest.directories.contains(&parent), "{path} has no directory");
        }
    }

    #[test]
    fn a_command_has_the_names_that_it_can_call() {
        let names = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            Names::For(&argv).of(Path::new("/nonexistent"))
        };
        assert_eq!(names(&["ls", "/"]), ["ls"]);
        assert_eq!(names(&["busybox", "true"]), ["true"]);
        assert_eq!(names(&["sh", "-c", "data=$(head -c 9 /dev/zero);ps|wc -l"]), ["sh", "ps", "head", "wc"]);
        assert_eq!(names(&["sh"]).len(), TOOLS.len());
        assert_eq!(names(&["busybox", "sh", "-x"]).len(), TOOLS.len());
    }

    #[test]
    fn parents_come_before_what_is_in_them() {
        let mut manifest = Manifest::default();
        manifest.parents_of("usr/lib/x/libc.so");
        manifest.parents_of("usr/lib/libm.so");
        assert_eq!(manifest.directories, ["usr", "usr/lib", "usr/lib/x"]);
    }

    #[test]
    fn a_text_file_has_no_interpreter() {
        assert_eq!(interpreter(Path::new("/etc/passwd")), None);
        assert_eq!(interpreter(Path::new("/nonexistent")), None);
    }
}
