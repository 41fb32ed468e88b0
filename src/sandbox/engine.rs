//! A real container engine, for the lesson that shows it at work beside the learner's own container: Podman, whose words
//! are Docker's and which has no daemon.
//!
//! Everything that it keeps lies in the session's work directory, by settings of its own (containers.conf(5),
//! containers-storage.conf(5)): its images, its containers, its locks. It runs in a mount namespace of its own, so what it
//! mounts never shows on the host. Its control groups have the owner's name, like ours, and are collected like ours.
//! Nothing is pulled.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::proc::OFFERED;
use crate::kernel::{cgroup, proc};
use crate::sandbox::rootfs::find_program;
use crate::sandbox::{mark, owner, sweep};

/// The runtimes that are asked for, the better known first. (crun refuses a machine with v1 and v2 at once.)
const RUNTIMES: [&str; 2] = ["runc", "crun"];

/// What starts the runtime, in the engine's own place.
const RUNTIME: &str = "runtime";

/// An engine with a place of its own.
#[derive(Debug)]
pub struct Engine {
    directory: PathBuf,
    program: PathBuf,
    /// The first process of the container that was started last.
    last: Option<i32>,
}

impl Engine {
    /// Prepares one in a new directory.
    ///
    /// # Errors
    /// No engine or no runtime is installed, rlab is not root, or a full disk.
    pub fn make(directory: &Path) -> Result<Self> {
        let cannot = |why: &str, hint: &str| {
            Trouble::cannot("there is no container engine that rlab can drive").because(why).hint(hint)
        };
        let Some(program) = find_program("podman") else {
            return Err(cannot(
                "Podman is not installed; Docker's daemon keeps what is yours, which rlab does not touch",
                "install it, for example with `apt-get install podman runc`",
            ));
        };
        let found = |name: &&'static str| Some((*name, find_program(name)?));
        let Some((runtime, real)) = RUNTIMES.iter().find_map(found) else {
            return Err(cannot(
                "Podman has no runtime to start a container with",
                "install one, for example with `apt-get install runc`",
            ));
        };
        if !nix::unistd::geteuid().is_root() {
            return Err(cannot(
                "the memory limit of its container wants root",
                "run rlab as root: `sudo rlab start docker`",
            ));
        }
        let engine = Self { directory: directory.to_owned(), program, last: None };
        let written = fs::DirBuilder::new()
            .mode(0o700)
            .create(directory)
            .and_then(|()| fs::write(engine.path("containers.conf"), engine.settings(runtime)))
            .and_then(|()| fs::write(engine.path("storage.conf"), engine.storage()))
            .and_then(|()| engine.write_runtime(&real));
        written.map_err(|error| {
            Trouble::sandbox(format!("cannot write to `{}`", directory.display())).because(error)
        })?;
        Ok(engine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A network is not needed, and what it shares of memory would have to be mounted; the default limits are more than
    /// a container that runs in another may set.
    fn settings(&self, runtime: &str) -> String {
        let at = |name: &str| self.path(name).display().to_string();
        // Who clears up after a container is started by its monitor, and is to find the same place: one that looks
        // elsewhere finds no container, and Podman waits for it for twenty seconds. (For that the place of its own
        // records stays where it is without a word, below the storage.)
        let led: Vec<String> =
            self.leading().map(|(name, path)| format!("\"{name}={}\"", path.display())).into();
        let led = led.join(", ");
        format!(
            "[containers]\nnetns = \"none\"\nipcns = \"none\"\nlog_driver = \"k8s-file\"\n\
             default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\n\
             [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\nlock_type = \"file\"\n\
             runtime = \"{runtime}\"\nconmon_env_vars = [{led}]\ntmp_dir = \"{}\"\nvolume_path = \"{}\"\n\n\
             [engine.runtimes]\n{runtime} = [\"{}\"]\n",
            at("tmp"),
            at("volumes"),
            at(RUNTIME)
        )
    }

    /// Puts a word before the runtime's own start: what joins a container is the first that memory is taken from, as it
    /// is with ours. Without it the kernel may choose the first process of the container, and then the container is gone:
    /// when that one holds more, or when a second choice falls before what the first held is back.
    fn write_runtime(&self, real: &Path) -> std::io::Result<()> {
        let real = real.to_string_lossy();
        let script = format!(
            "#!/bin/sh\nfor word; do [ \"$word\" != exec ] || echo {OFFERED} >/proc/self/oom_score_adj; done\n\
             exec {} \"$@\"\n",
            shlex::try_quote(&real).map_err(std::io::Error::other)?
        );
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(self.path(RUNTIME))?;
        file.write_all(script.as_bytes())
    }

    fn storage(&self) -> String {
        let at = |name: &str| self.path(name).display().to_string();
        format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            at("storage"),
            at("run")
        )
    }

    /// The variables that lead it to its own place.
    fn leading(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("CONTAINERS_CONF", self.path("containers.conf")),
            ("CONTAINERS_STORAGE_CONF", self.path("storage.conf")),
            ("HOME", self.directory.clone()),
            ("XDG_RUNTIME_DIR", self.path("tmp")),
        ]
    }

    /// The environment of a command: the host's, but for what would lead it elsewhere.
    pub fn environment(&self, host: Vec<String>) -> Vec<String> {
        let ours = self.leading();
        let kept = |variable: &String| {
            let foreign = ["DOCKER_", "CONTAINER", "PODMAN_", "REGISTRY_", "STORAGE_"];
            let own = |(name, _): &(&str, PathBuf)| variable.starts_with(&format!("{name}="));
            !ours.iter().any(own) && !foreign.iter().any(|begin| variable.starts_with(begin))
        };
        let mut variables: Vec<String> = host.into_iter().filter(kept).collect();
        variables.extend(ours.iter().map(|(name, path)| format!("{name}={}", path.display())));
        variables
    }

    /// The command line for words of Docker's. `archive` is what `import -` reads.
    pub fn command(&self, words: &[String], archive: Option<&Path>) -> Vec<String> {
        // A monitor notes a kill in its working directory: not in the learner's.
        let there = ["sh", "-c", "cd \"$0\" && exec \"$@\""].map(str::to_owned);
        let mut argv: Vec<String> = there.into_iter().chain([self.directory.display().to_string()]).collect();
        argv.push(self.program.display().to_string());
        match words {
            [word, rest @ ..] if word == "run" => {
                let _ = fs::remove_file(self.path("pid"));
                argv.extend([
                    "run".to_owned(),
                    "--pull=never".to_owned(),
                    format!("--cgroup-parent=/{}", group_name()),
                    format!("--pidfile={}", self.path("pid").display()),
                ]);
                argv.extend(rest.iter().cloned());
            }
            // Docker's own kills at once; Podman's would wait for a PID 1 that does not listen.
            [word, rest @ ..] if word == "rm" => {
                argv.extend(["rm".to_owned(), "--time=0".to_owned()]);
                argv.extend(rest.iter().cloned());
            }
            [word, _, rest @ ..] if word == "import" => {
                argv.extend(["import".to_owned(), "--quiet".to_owned()]);
                argv.extend(archive.iter().map(|path| path.display().to_string()));
                argv.extend(rest.iter().cloned());
            }
            words => argv.extend(words.iter().cloned()),
        }
        argv
    }

    /// The first process of the container that `run` has just started, where it lives.
    pub fn started(&mut self) -> Option<i32> {
        let pid = fs::read_to_string(self.path("pid")).ok()?.trim().parse().ok();
        self.last = pid.filter(|pid| mark::lives(*pid));
        self.last
    }

    /// The memory group of the container that was started last, while it lives.
    pub fn memory_group(&self) -> Option<(PathBuf, cgroup::Generation)> {
        self.last.filter(|pid| mark::lives(*pid)).and_then(memory_group)
    }

    /// Its processes, the monitors and the containers.
    pub fn processes(&self) -> Vec<i32> {
        let mut found: Vec<i32> =
            groups(|name| name == group_name()).iter().flat_map(|group| below(group)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let groups = groups(|name| name == group_name());
        end(&groups);
        for group in groups {
            let _ = owner::remove_group(&group);
        }
        // What is in the way is told by who removes the work directory.
        let _ = owner::remove_tree(&self.directory);
    }
}

/// The memory group in which a process is.
pub fn memory_group(pid: i32) -> Option<(PathBuf, cgroup::Generation)> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let hierarchy = cgroup::Hierarchies::read().of_process(&groups).of("memory")?;
    Some((hierarchy.own, hierarchy.generation))
}

/// Ends every process in these groups and below.
pub fn end(groups: &[PathBuf]) {
    let members = || groups.iter().flat_map(|group| below(group)).collect::<Vec<i32>>();
    sweep::end_all(members, |pid| groups.iter().any(|group| below(group).contains(&pid)));
    for pid in proc::own_children() {
        if !mark::lives(pid) {
            let _ = nix::sys::wait::waitpid(
                nix::unistd::Pid::from_raw(pid),
                Some(nix::sys::wait::WaitPidFlag::WNOHANG),
            );
        }
    }
}

fn below(group: &Path) -> Vec<i32> {
    owner::groups_below(group).iter().flat_map(|group| cgroup::members(group).unwrap_or_default()).collect()
}

/// The name of the groups in which the engine of this rlab makes those of its containers.
fn group_name() -> String {
    format!("{}{}", owner::own_name(), owner::ENGINE)
}

/// The groups at the top of every hierarchy that have such a name: an engine makes them in all of them.
pub fn groups(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mounts = proc::mounts(0).unwrap_or_default();
    let tops = mounts.into_iter().filter(|mount| matches!(mount.fstype.as_str(), "cgroup" | "cgroup2"));
    let mut found: Vec<PathBuf> = tops
        .flat_map(|mount| fs::read_dir(mount.target).into_iter().flatten().flatten())
        .filter(|entry| wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.dedup();
    found
}
