//! A plan becomes prepared system calls. The order is the plan's; what is added here is only what an operation needs
//! to be made safely: a target opened inside the root without following links, a mount point inside a new tmpfs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::kernel::call::{Open, Slot, Syscall};
use crate::kernel::launch::{Program, Way};
use crate::kernel::proc;
use crate::recipe::capability;
use crate::recipe::ingredient::Namespace;
use crate::recipe::plan::{At, Layers, Op, Plan};
use crate::sandbox::mark::Mark;
use crate::sandbox::rootfs::Manifest;

mod stage;

/// The root directory, opened as a place.
const ROOT: Slot = 0;
/// A directory in which a mount point is made.
const ABOVE: Slot = 1;
/// What is mounted on.
const TARGET: Slot = 2;
/// A file that is written.
const FILE: Slot = 3;
/// The container that is joined.
const THEIRS: Slot = 4;
/// Its root directory.
const THEIR_ROOT: Slot = 5;
/// Its working directory.
const THEIR_DIRECTORY: Slot = 6;

/// What a program needs from the host: paths and descriptors that were made before.
#[derive(Debug, Default)]
pub struct Ground<'a> {
    /// The root directory.
    pub root: Option<&'a Path>,
    /// What a root in memory is filled with.
    pub manifest: Option<&'a Manifest>,
    /// The open `tasks` file of the session's v1 group of each controller.
    pub tasks: Vec<(&'static str, i32)>,
    /// A descriptor that joins the group which bounds processes where the recipe does not.
    pub caps: Option<i32>,
    /// Limits that the process sets itself.
    pub limits: Vec<Syscall>,
    /// The first process of the container that is joined.
    pub target: i32,
    /// The directories of its control groups, to be joined.
    pub to_join: Vec<PathBuf>,
    /// The `cgroup.procs` in them, open.
    pub their_groups: Vec<i32>,
    /// The detached proc.
    pub detached_proc: Option<i32>,
    /// Descriptors that become standard input, output and error; inherited where not given.
    pub stdio: Option<[i32; 3]>,
    /// Whether the standard streams are a terminal, which becomes that of the process's own session.
    pub terminal: bool,
    /// Whether it need not stand at the gate: nobody will look at it before its program starts.
    pub straight: bool,
    /// The environment, `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Path of the program, as the process will name it.
    pub program: String,
}

/// Prepares everything.
pub fn compile(plan: &Plan, ground: &mut Ground<'_>) -> Program {
    let limits = std::mem::take(&mut ground.limits);
    let ground = &*ground;
    let mut compiler = Compiler {
        root: ground.root.map(|root| root.to_string_lossy().into_owned()).unwrap_or_default(),
        root_is_new: false,
        changes_root: plan.child.iter().any(|op| matches!(op, Op::Chroot | Op::PivotRoot)),
        layers: Layers::default(),
        layers_of_host: Layers::default(),
        root_is_open: false,
        new_user_namespace: plan.clone.namespaces.contains(&Namespace::User),
        ground,
        program: Program::default(),
    };
    for signal in [libc::SIGPIPE, libc::SIGTTOU, libc::SIGTTIN, libc::SIGTSTP, libc::SIGINT, libc::SIGQUIT] {
        compiler.push(Syscall::default_signal(signal));
    }
    // What makes a process the leader of a session and bounds it is for the one that becomes the program.
    let born = plan.child.iter().position(|op| *op == Op::Fork).map_or(0, |at| at + 1);
    for op in plan.child.iter().take(born) {
        compiler.operation(op);
    }
    if let Some([input, ..]) = ground.stdio {
        compiler.push(Syscall::setsid());
        if ground.terminal {
            compiler.push(Syscall::controlling_terminal(input));
        }
    }
    compiler.push(Mark::own().set());
    compiler.program.before.extend(limits);
    if let Some(fd) = ground.caps {
        compiler.push(Syscall::write_fd(fd, "0").quiet());
    }
    for op in plan.child.iter().skip(born) {
        compiler.operation(op);
    }
    compiler.program
}

struct Compiler<'a> {
    root: String,
    /// Whether the root directory is a new file system: what is mounted in it needs its mount point made.
    root_is_new: bool,
    /// Whether the root changes. Where it does not, links of the host are part of the paths.
    changes_root: bool,
    /// The mounts so far: below a new file system a mount point has to be made, and below a bind never may be.
    layers: Layers,
    /// The same without links, where the root does not change.
    layers_of_host: Layers,
    root_is_open: bool,
    new_user_namespace: bool,
    ground: &'a Ground<'a>,
    program: Program,
}

impl Compiler<'_> {
    fn push(&mut self, call: Syscall) {
        self.program.before.push(call);
    }

    fn operation(&mut self, op: &Op) {
        match op {
            Op::DieWithParent => self.push(Syscall::die_with_parent().quiet()),
            Op::JoinGroup(controller) => {
                let fds: Vec<i32> = self
                    .ground
                    .tasks
                    .iter()
                    .filter(|(name, _)| name == controller)
                    .map(|(_, fd)| *fd)
                    .collect();
                for fd in fds {
                    self.push(Syscall::write_fd(fd, "0"));
                }
            }
            Op::MapIds { uid, gid } => {
                for (file, text) in [
                    ("setgroups", "deny".to_owned()),
                    ("uid_map", format!("0 {uid} 1")),
                    ("gid_map", format!("0 {gid} 1")),
                ] {
                    self.push(Syscall::open_to_write(&format!("/proc/self/{file}")).saved(FILE));
                    self.push(Syscall::write_slot(FILE, &text));
                }
            }
            Op::Unshare(_) => self.push(Syscall::unshare_cgroup()),
            Op::MakePrivate => {
                self.push(Syscall::mount(None, "/", None, &["MS_REC", "MS_PRIVATE"], None));
            }
            Op::BindRoot => {
                let root = self.root.clone();
                self.push(Syscall::mount(Some(&root), &root, None, &["MS_BIND", "MS_REC"], None));
            }
            Op::TmpfsRoot(_) => self.tmpfs_root(),
            // EINVAL: nothing is mounted there any more. ENOENT: the directory is gone, too.
            Op::ReadOnly { target, flags } => self.push(
                Syscall::mount(Some("none"), target, None, flags, None)
                    .tolerating(libc::EINVAL)
                    .tolerating(libc::ENOENT),
            ),
            Op::Mount { source, target, fstype, flags, data } => {
                self.mount(source, target, fstype.as_deref(), flags, data.as_deref());
            }
            Op::AttachProc(target) => self.attach(target),
            Op::Chroot => {
                let root = self.root.clone();
                self.push(Syscall::chroot(&root));
                self.push(Syscall::chdir("/"));
            }
            Op::PivotRoot => {
                let root = self.root.clone();
                self.push(Syscall::chdir(&root));
                self.push(Syscall::pivot_here());
                self.push(Syscall::detach("."));
                self.push(Syscall::chdir("/"));
            }
            Op::SetHostname(name) => self.push(Syscall::sethostname(name)),
            Op::DropCapabilities(names) => self.drop_capabilities(names),
            Op::FindTarget => {
                self.push(Syscall::pidfd_open(self.ground.target).saved(THEIRS));
            }
            Op::FindRoot => {
                let path = format!("/proc/{}/root", self.ground.target);
                self.push(Syscall::open_place(&path).saved(THEIR_ROOT));
            }
            Op::FindDirectory => {
                let path = format!("/proc/{}/cwd", self.ground.target);
                self.push(Syscall::open_place(&path).saved(THEIR_DIRECTORY));
            }
            Op::SetNamespace(kind) => {
                self.push(Syscall::setns(THEIRS, clone_flag(*kind), kind.clone_flag()));
            }
            Op::TakeRoot => {
                self.push(Syscall::fchdir(THEIR_ROOT));
                self.push(Syscall::chroot("."));
                self.push(Syscall::chdir("/"));
            }
            Op::TakeDirectory => self.push(Syscall::fchdir(THEIR_DIRECTORY)),
            Op::Fork => self.push(Syscall::hand_over(Way::known())),
            Op::JoinTheirGroup => {
                for fd in self.ground.their_groups.clone() {
                    self.push(Syscall::write_fd(fd, "0"));
                }
            }
            Op::WorkIn(directory) => self.push(Syscall::chdir(directory)),
            Op::BecomeUser { uid, gid } => {
                // Where a user namespace has a map of one line, setgroups is denied, and there is no group to lose.
                self.push(Syscall::no_groups().tolerating(libc::EPERM));
                self.push(Syscall::set_group(*gid));
                self.push(Syscall::set_user(*uid));
                // A change of user takes back that rlab's end is the program's end (prctl(2)).
                self.push(Syscall::die_with_parent().quiet());
            }
            Op::Stage => self.stage(),
            Op::ClimbOut => self.climb_out(),
            Op::Exec(command) => self.exec(&command.argv),
        }
    }

    fn mount(
        &mut self,
        source: &At,
        target: &At,
        fstype: Option<&str>,
        flags: &[&'static str],
        data: Option<&str>,
    ) {
        let source_path = match source {
            At::Root(path) => format!("{}{path}", self.root),
            At::Host(path) | At::Inside(path) => path.clone(),
        };
        let is_remount = flags.contains(&"MS_REMOUNT");
        let covered = !is_remount && self.is_in_new_file_system(inside(target));
        let is_new = fstype == Some("tmpfs");
        let directory = fstype.is_some() || std::fs::metadata(&source_path).is_ok_and(|meta| meta.is_dir());
        match target {
            At::Root(path) if covered && self.is_of_our_making(path) => {
                let target = format!("{}{path}", self.root);
                let made =
                    if directory { Syscall::mkdir(None, &target) } else { Syscall::mkfile(None, &target) };
                self.push(made.tolerating(libc::EEXIST));
                self.push(Syscall::mount(Some(&source_path), &target, fstype, flags, data));
            }
            At::Root(path) => {
                self.open_root();
                if covered {
                    self.make_mount_point(path, directory);
                }
                self.push(Syscall::open_below(ROOT, path, Open::Path).saved(TARGET));
                self.push(Syscall::mount_fd(Some(&source_path), TARGET, fstype, flags, data));
            }
            At::Inside(path) | At::Host(path) => {
                if covered {
                    self.push(Syscall::mkdir(None, path).tolerating(libc::EEXIST));
                }
                self.push(Syscall::mount(Some(&source_path), path, fstype, flags, data));
            }
        }
        if !is_remount {
            self.add_layer(inside(target), is_new);
        }
    }

    fn add_layer(&mut self, target: &str, is_new: bool) {
        self.layers.add(target, is_new);
        if !self.changes_root {
            self.layers_of_host.add(&without_links(target), is_new);
        }
    }

    fn open_root(&mut self) {
        if !self.root_is_open {
            let root = self.root.clone();
            self.push(Syscall::open_directory(&root).saved(ROOT));
            self.root_is_open = true;
        }
    }

    fn attach(&mut self, target: &At) {
        let Some(fd) = self.ground.detached_proc else { return };
        match target {
            At::Root(path) => {
                self.open_root();
                self.push(Syscall::open_below(ROOT, path, Open::Path).saved(TARGET));
                self.push(Syscall::attach_fd(fd, TARGET));
            }
            At::Inside(path) | At::Host(path) => self.push(Syscall::attach(fd, path)),
        }
        self.add_layer(inside(target), false);
    }

    fn is_in_new_file_system(&self, path: &str) -> bool {
        // A link that is hidden by now could make either of the two wrong.
        self.layers.is_in_new(path).unwrap_or(self.root_is_new)
            && (self.changes_root || self.layers_of_host.is_in_new(&without_links(path)) == Some(true))
    }

    /// Whether a path leads through directories only that are ours and new, to no link: a plain name is safe there.
    fn is_of_our_making(&self, path: &str) -> bool {
        let Some(manifest) = self.ground.manifest else { return false };
        let above = Path::new(path).parent().unwrap_or(Path::new("/"));
        let inside = |path: &str| path.trim_start_matches('/').to_owned();
        let name = inside(&above.to_string_lossy());
        self.root_is_new
            && (name.is_empty() || manifest.directories.contains(&name))
            && !manifest.links.contains_key(&inside(path))
            && self.layers.is_in_new(path).is_none()
    }

    fn make_mount_point(&mut self, path: &str, directory: bool) {
        let path = PathBuf::from(path);
        let above = path.parent().map(|above| above.to_string_lossy().into_owned()).unwrap_or_default();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.push(Syscall::open_below(ROOT, &above, Open::Directory).saved(ABOVE));
        let made =
            if directory { Syscall::mkdir(Some(ABOVE), &name) } else { Syscall::mkfile(Some(ABOVE), &name) };
        self.push(made.tolerating(libc::EEXIST));
    }

    /// A root in memory: a tmpfs on the root directory, filled by binding the tools. Nothing is copied, and it goes
    /// with the mount namespace. The tmpfs is ours and new, so plain paths below it are safe.
    fn tmpfs_root(&mut self) {
        let root = self.root.clone();
        self.push(Syscall::mount(
            Some("tmpfs"),
            &root,
            Some("tmpfs"),
            &["MS_NOSUID", "MS_NODEV"],
            Some("mode=755,size=256m"),
        ));
        self.root_is_new = true;
        self.push(Syscall::chdir(&root));
        let Some(manifest) = self.ground.manifest else { return };
        // Filling it is told only where it is refused: a hundred links would hide what matters.
        for directory in &manifest.directories {
            self.push(Syscall::mkdir(None, directory).quiet());
        }
        for (inside, source) in &manifest.files {
            self.push(Syscall::mkfile(None, inside).quiet());
            self.push(Syscall::mount(Some(&source.to_string_lossy()), inside, None, &["MS_BIND"], None));
        }
        for (inside, target) in &manifest.links {
            self.push(Syscall::symlink(target, inside).quiet());
        }
        let texts = manifest.texts.iter().map(|text| (text, 0o644));
        for ((inside, text), mode) in texts.chain(manifest.scripts.iter().map(|script| (script, 0o755))) {
            self.push(Syscall::create(inside, mode).saved(FILE).quiet());
            self.push(Syscall::write_slot(FILE, text).quiet());
        }
    }

    fn drop_capabilities(&mut self, names: &BTreeSet<String>) {
        let last = last_capability();
        let all = (1_u64 << (last + 1).min(63)) - 1;
        let dropped = capability::numbers(names);
        let held = if self.new_user_namespace { all } else { own_capabilities() & all };
        let mask = dropped.iter().fold(held, |mask, number| mask & !(1 << number));
        for number in dropped {
            // The kernel may be older than the list: it answers EINVAL for what it does not know.
            if number <= last {
                let name = capability::NAMES.get(usize::from(number)).copied().unwrap_or("?");
                self.push(Syscall::drop_from_bounding_set(number, name));
            }
        }
        self.push(Syscall::capset(mask));
    }

    fn exec(&mut self, argv: &[String]) {
        if let Some(stdio) = self.ground.stdio {
            for (fd, onto) in stdio.into_iter().zip(0..) {
                self.push(Syscall::redirect(fd, onto));
            }
        }
        self.push(Syscall::unblock_signals());
        self.program.after.push(Syscall::close_on_exec_from_3());
        self.program.after.push(Syscall::execve(&self.ground.program, argv, &self.ground.environment));
    }
}

/// The flag of a namespace for clone(2) and setns(2).
pub(super) const fn clone_flag(kind: Namespace) -> u64 {
    let flag = match kind {
        Namespace::Mnt => libc::CLONE_NEWNS,
        Namespace::Pid => libc::CLONE_NEWPID,
        Namespace::Uts => libc::CLONE_NEWUTS,
        Namespace::Ipc => libc::CLONE_NEWIPC,
        Namespace::Net => libc::CLONE_NEWNET,
        Namespace::User => libc::CLONE_NEWUSER,
        Namespace::Cgroup => libc::CLONE_NEWCGROUP,
    };
    flag as u64
}

/// The path of a place as the process names it.
fn inside(at: &At) -> &str {
    match at {
        At::Host(path) | At::Root(path) | At::Inside(path) => path,
    }
}

/// A path of the host without the links that are part of it, as far as it is there.
fn without_links(path: &str) -> String {
    let path = Path::new(path);
    let there = path.ancestors().find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    let whole = there.and_then(|(above, real)| Some(real.join(path.strip_prefix(above).ok()?)));
    // Without the `/` at the end that joining nothing leaves.
    let whole: Option<PathBuf> = whole.map(|whole| whole.components().collect());
    whole.as_deref().unwrap_or(path).to_string_lossy().into_owned()
}

fn last_capability() -> u8 {
    let text = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
    text.trim().parse().unwrap_or(40)
}

fn own_capabilities() -> u64 {
    let field = proc::status_field(std::process::id() as i32, "CapPrm").unwrap_or_default();
    u64::from_str_radix(&field, 16).unwrap_or_default()
}
