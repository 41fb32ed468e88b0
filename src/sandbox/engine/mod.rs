//! A real container engine, for the lesson that shows it at work beside the learner's own container: Podman, or Docker
//! with a daemon of this session's own. Both take Docker's words.
//!
//! Everything that it keeps lies in the session's work directory: its images, its containers, its settings. What it
//! mounts is in a mount namespace that goes with it. Its control groups have the owner's name, like ours, and are
//! collected like ours. Nothing is pulled. What the learner keeps in an engine of their own is never touched.

mod choice;
mod docker;
mod podman;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use choice::Found;
use docker::Docker;
use podman::Podman;

use crate::error::{Result, Trouble};
use crate::kernel::proc::OFFERED;
use crate::kernel::{cgroup, proc};
use crate::recipe::machine::Machine;
use crate::sandbox::{mark, owner, sweep};

/// What starts the runtime, in the engine's own place.
const RUNTIME: &str = "runtime";

/// Where the runtime notes its containers, in the same place.
const NOTES: &str = "containers";

/// The word before the runtime. Docker writes into each bundle that nobody is to be offered, who joins no more than who
/// is there; where nothing is written, each has what the runtime had. It has no program but the shell. Podman says nothing
/// of where the runtime is to keep its notes, and of a container that is killed with its session they would stay in
/// `/run`; where Docker says something, that counts.
const RUNTIME_SCRIPT: &str = r#"#!/bin/sh
flag=
for word; do
    [ "$word" != exec ] || echo OFFERED >/proc/self/oom_score_adj
    if [ "$flag" = --bundle ]; then
        IFS= read -r config <"$word/config.json" || :
        rest=${config#*',"oomScoreAdj":0'}
        if [ "$rest" != "$config" ]; then
            printf '%s\n' "${config%%',"oomScoreAdj":0'*}$rest" >"$word/config.json"
            echo 0 >/proc/self/oom_score_adj
        fi
    fi
    flag=$word
done
exec RUNTIME --root NOTES "$@"
"#;

/// An engine with a place of its own.
#[derive(Debug)]
pub struct Engine {
    place: Place,
    driver: Driver,
    /// The first process of the container that was started last.
    last: Option<i32>,
}

/// Which one.
#[derive(Debug)]
enum Driver {
    Podman(Podman),
    Docker(Box<Docker>),
}

/// Where an engine keeps its things.
#[derive(Debug)]
struct Place(PathBuf);

/// The variables that lead a command to an engine's own place.
type Leading = Vec<(&'static str, String)>;

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Puts a word before the runtime's own start: what joins a container is the first that memory is taken from, as it
    /// is with ours. Without it the kernel may choose the first process of the container, and then the container is gone:
    /// when that one holds more, or when a second choice falls before what the first held is back.
    fn write_runtime(&self, real: &Path) -> std::io::Result<()> {
        let (real, notes) = (real.to_string_lossy(), self.text(NOTES));
        let quoted = |path| shlex::try_quote(path).map_err(std::io::Error::other);
        let script = RUNTIME_SCRIPT
            .replace("OFFERED", OFFERED)
            .replace("RUNTIME", &quoted(&real)?)
            .replace("NOTES", &quoted(&notes)?);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(self.path(RUNTIME))?;
        file.write_all(script.as_bytes())
    }

    /// Ends what runs there, and removes all of it.
    fn take_away(&self) {
        let groups = groups(|name| name == group_name());
        end(&groups);
        for group in groups {
            let _ = owner::remove_group(&group);
        }
        // What is in the way is told by who removes the work directory.
        let _ = owner::remove_tree(&self.0);
    }
}

impl Engine {
    /// Prepares one in a new directory; one that has a daemon is on its way then, and [`Self::is_ready`] tells when it
    /// has come.
    ///
    /// # Errors
    /// No engine or no runtime is installed, rlab is not root, a full disk, or a namespace that the kernel refuses.
    pub fn make(directory: &Path, machine: &Machine) -> Result<Self> {
        let found = choice::find()?;
        let place = Place(directory.to_owned());
        let driver = Driver::make(&place, found, machine).inspect_err(|_| place.take_away())?;
        Ok(Self { place, driver, last: None })
    }

    /// Whether it takes words: one without a daemon does at once.
    ///
    /// # Errors
    /// Its daemon has ended, or does not come up.
    pub fn is_ready(&mut self) -> Result<bool> {
        match &mut self.driver {
            Driver::Podman(_) => Ok(true),
            Driver::Docker(docker) => docker.is_ready(&self.place),
        }
    }

    /// For how many milliseconds its daemon has been on its way.
    pub fn millis(&self) -> u64 {
        match &self.driver {
            Driver::Podman(_) => 0,
            Driver::Docker(docker) => docker.millis(),
        }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.place.0
    }

    /// The environment of a command: the host's, but for what would lead it elsewhere.
    pub fn environment(&self, host: Vec<String>) -> Vec<String> {
        let ours = match &self.driver {
            Driver::Podman(_) => podman::leading(&self.place),
            Driver::Docker(docker) => docker.leading(&self.place),
        };
        let kept = |variable: &String| {
            let foreign = ["DOCKER_", "CONTAINER", "PODMAN_", "REGISTRY_", "STORAGE_"];
            let own = |(name, _): &(&str, String)| variable.starts_with(&format!("{name}="));
            !ours.iter().any(own) && !foreign.iter().any(|begin| variable.starts_with(begin))
        };
        let mut variables: Vec<String> = host.into_iter().filter(kept).collect();
        variables.extend(ours.iter().map(|(name, value)| format!("{name}={value}")));
        variables
    }

    /// The command line for words of Docker's. `archive` is what `import -` reads.
    pub fn command(&self, words: &[String], archive: Option<&Path>) -> Vec<String> {
        // What a command leaves in its working directory (Podman's monitor notes a kill there) is not the learner's.
        let there = ["sh", "-c", "cd \"$0\" && exec \"$@\""].map(str::to_owned);
        let mut argv: Vec<String> = there.into_iter().chain([self.place.0.display().to_string()]).collect();
        argv.extend(match &self.driver {
            Driver::Podman(podman) => podman.command(&self.place, words, archive),
            Driver::Docker(docker) => docker.command(&self.place, words, archive),
        });
        argv
    }

    /// The first process of the container that `run` has just started, where it lives.
    pub fn started(&mut self) -> Option<i32> {
        let pid = match &self.driver {
            Driver::Podman(_) => podman::started(&self.place),
            Driver::Docker(docker) => docker.started(&self.place),
        };
        self.last = pid.filter(|pid| mark::lives(*pid));
        self.last
    }

    /// The memory group of the container that was started last, while it lives.
    pub fn memory_group(&self) -> Option<(PathBuf, cgroup::Generation)> {
        self.last.filter(|pid| mark::lives(*pid)).and_then(memory_group)
    }

    /// Its daemon, where it has one.
    pub fn daemon(&self) -> Option<i32> {
        match &self.driver {
            Driver::Podman(_) => None,
            Driver::Docker(docker) => Some(docker.pid()),
        }
    }

    /// Its processes: daemon or monitors, and the containers.
    pub fn processes(&self) -> Vec<i32> {
        let mut found: Vec<i32> =
            groups(|name| name == group_name()).iter().flat_map(|group| below(group)).collect();
        found.extend(self.daemon());
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.place.take_away();
    }
}

impl Driver {
    fn make(place: &Place, found: Found, machine: &Machine) -> Result<Self> {
        let cannot =
            |error| Trouble::sandbox(format!("cannot write to `{}`", place.0.display())).because(error);
        fs::DirBuilder::new().mode(0o700).create(&place.0).map_err(cannot)?;
        match found {
            Found::Podman(tools) => podman::furnish(place, tools).map(Self::Podman).map_err(cannot),
            Found::Docker(tools) => {
                docker::furnish(place, &tools).map_err(cannot)?;
                Ok(Self::Docker(Box::new(Docker::start(place, tools, machine)?)))
            }
        }
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
