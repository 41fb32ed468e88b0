//! Who else can start such a container, and what each is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rlab::recipe::ingredient::Resource;
use rlab::recipe::machine::{CgroupVersion, Machine};
use serde_json::json;
use tempfile::TempDir;

use super::Result;

/// A command line.
pub(crate) struct Line {
    program: PathBuf,
    arguments: Vec<String>,
}

/// Puts a command line together.
pub(crate) fn command(program: impl Into<PathBuf>, arguments: &[&str]) -> Line {
    Line { program: program.into(), arguments: arguments.iter().map(|word| (*word).to_owned()).collect() }
}

impl Line {
    /// The command, its streams closed.
    pub(crate) fn build(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Whether it works on this machine at all; if not, its own words.
pub(crate) fn works(line: &Line) -> Result<(), String> {
    let output = line.build().stderr(Stdio::piped()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word of why").trim();
    Err(format!("{} ({said})", output.status))
}

/// A peer, or why it cannot be one.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) command: Result<Line, String>,
}

/// What the peers work on: the same root with a static BusyBox, and the machine's controllers.
pub(crate) struct Ground {
    directory: TempDir,
    busybox: Option<PathBuf>,
    machine: Machine,
}

impl Ground {
    /// Builds the root.
    pub(crate) fn new() -> Result<Self> {
        let directory = TempDir::new()?;
        let root = directory.path().join("rootfs");
        for name in ["bin", "dev", "etc", "proc", "sys"] {
            fs::create_dir_all(root.join(name))?;
        }
        let busybox = installed("busybox");
        if let Some(busybox) = &busybox {
            fs::copy(busybox, root.join("bin/busybox"))?;
        }
        Ok(Self { directory, busybox, machine: rlab::sandbox::machine::find() })
    }

    fn root(&self) -> String {
        self.directory.path().join("rootfs").to_string_lossy().into_owned()
    }

    /// Everyone, in the order of the table.
    pub(crate) fn peers(&self) -> Result<Vec<Peer>> {
        let peer = |name, command| Peer { name, command };
        let Some(busybox) = &self.busybox else {
            return Ok(vec![peer("every peer", Err("needs busybox, which is not installed".to_owned()))]);
        };
        Ok(vec![
            peer("minimal launcher", self.minimal().map_err(|error| error.to_string())),
            peer("unshare … chroot", self.unshare()),
            peer("bwrap", self.bwrap()),
            peer("crun", self.runtime("crun")?),
            peer("runc", self.runtime("runc")?),
            peer("the article's script", self.script(busybox)?),
        ])
    }

    fn minimal(&self) -> Result<Line> {
        let root = self.root();
        let mut groups: Vec<String> = Vec::new();
        for controller in [Resource::Memory, Resource::Pids].map(|kind| self.machine.cgroups.of(kind)) {
            let controller = controller.ok_or("no memory or pids controller here")?;
            let version = if controller.version == CgroupVersion::V2 { "v2" } else { "v1" };
            let group = format!("{version}:{}", controller.parent);
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let mut words = vec!["minimal", &root];
        words.extend(groups.iter().map(String::as_str));
        words.extend(["--", "/bin/busybox", "true"]);
        Ok(command(std::env::current_exe()?, &words))
    }

    fn unshare(&self) -> Result<Line, String> {
        let root = self.root();
        let proc = format!("--mount-proc={root}/proc");
        let flags = ["--fork", "--pid", "--mount", "--uts", "--ipc", "--cgroup", &proc];
        let words = [&flags[..], &["chroot", &root, "/bin/busybox", "true"]].concat();
        Ok(command(found("unshare")?, &words))
    }

    fn bwrap(&self) -> Result<Line, String> {
        let root = self.root();
        let words = [
            "--unshare-pid",
            "--unshare-uts",
            "--unshare-ipc",
            "--unshare-cgroup",
            "--hostname",
            "container",
            "--bind",
            &root,
            "/",
            "--proc",
            "/proc",
            "/bin/busybox",
            "true",
        ];
        Ok(command(found("bwrap")?, &words))
    }

    /// An OCI runtime on a bundle of the same root.
    fn runtime(&self, name: &str) -> Result<Result<Line, String>> {
        let bundle = self.directory.path().join(name);
        fs::create_dir_all(&bundle)?;
        let namespaces = ["pid", "mount", "uts", "ipc", "cgroup"].map(|kind| json!({ "type": kind }));
        let config = json!({
            "ociVersion": "1.0.2",
            "root": { "path": self.root() },
            "hostname": "container",
            "process": { "args": ["/bin/busybox", "true"], "cwd": "/", "user": { "uid": 0, "gid": 0 },
                "env": ["PATH=/bin"] },
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
            "linux": {
                "namespaces": namespaces,
                "resources": { "memory": { "limit": 7_340_032 }, "pids": { "limit": 64 } }
            }
        });
        fs::write(bundle.join("config.json"), config.to_string())?;
        let id = format!("rlab-bench-{}", std::process::id());
        let bundle = bundle.to_string_lossy();
        Ok(found(name).map(|program| command(program, &["run", "--bundle", &bundle, &id])))
    }

    /// The script of the article, with a program instead of the shell, and without `sudo`.
    fn script(&self, busybox: &Path) -> Result<Result<Line, String>> {
        let Some(memory) = &self.machine.cgroups.memory else {
            return Ok(Err("no memory controller here".to_owned()));
        };
        let (tasks, limit) = match memory.version {
            CgroupVersion::V1 => ("tasks", "memory.limit_in_bytes"),
            CgroupVersion::V2 => ("cgroup.procs", "memory.max"),
        };
        let text = format!(
            "#!/bin/sh
set -e
pid=$$
dir={work}/script/$pid
group={parent}/rlab-bench-$pid
mkdir -p $dir
cd $dir
mkdir -p bin dev etc proc sys
cp {busybox} bin
chmod +x bin/busybox
mount -t proc /proc proc
mkdir $group
echo 7340032 > $group/{limit}
echo $pid > $group/{tasks}
touch dev/urandom
mount --bind /dev/urandom dev/urandom
unshare -f -p --mount-proc=$PWD/proc chroot . /bin/busybox true
echo $pid > {parent}/{tasks}
rmdir $group
umount dev/urandom
umount proc
cd /
rm -rf --one-file-system $dir
",
            work = self.directory.path().display(),
            parent = memory.parent,
            busybox = busybox.display(),
        );
        let path = self.directory.path().join("container.sh");
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        Ok(Ok(command(path, &[])))
    }
}

fn found(name: &str) -> Result<PathBuf, String> {
    installed(name).ok_or_else(|| "not installed".to_owned())
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
