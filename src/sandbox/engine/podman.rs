//! Podman: it takes Docker's words and has no daemon. Settings of its own (containers.conf(5), containers-storage.conf(5))
//! lead it to the session's place. Each command runs in a mount namespace of its own, so what it mounts never shows on the
//! host.

use std::fs;
use std::path::{Path, PathBuf};

use super::choice::PodmanTools;
use super::{Leading, Place, RUNTIME, group_name};
use crate::sandbox::owner::WorkDirectory;

/// Podman.
#[derive(Debug)]
pub(super) struct Podman {
    program: PathBuf,
    /// Where it keeps what goes with the containers, if not with the rest: removed with the engine.
    _run: Option<WorkDirectory>,
}

/// Characters of a path that Podman takes for that. Its sockets lie there, whose paths have an end; and who clears up
/// after a container is given the path, refuses a longer one, and tells nobody: Podman waits for it for twenty seconds.
const RUN: usize = 50;

/// Writes what it reads.
pub(super) fn furnish(place: &Place, tools: PodmanTools) -> std::io::Result<Podman> {
    let (runtime, real) = &tools.runtime;
    let long = place.text("run").len() > RUN;
    // Where there is none to be had, it works all the same, slowly.
    let run = long.then(WorkDirectory::make_short).and_then(Result::ok);
    fs::write(place.path("containers.conf"), settings(place, runtime))?;
    fs::write(place.path("storage.conf"), storage(place, run.as_ref()))?;
    place.write_runtime(real)?;
    Ok(Podman { program: tools.program, _run: run })
}

/// A network is not needed, and what it shares of memory would have to be mounted; the default limits are more than
/// a container that runs in another may set.
fn settings(place: &Place, runtime: &str) -> String {
    // Who clears up after a container is started by its monitor, and is to find the same place: one that looks
    // elsewhere finds no container, and Podman waits for it for twenty seconds. (For that the place of its own
    // records stays where it is without a word, below the storage.)
    let led: Vec<String> = leading(place).iter().map(|(name, path)| format!("\"{name}={path}\"")).collect();
    let led = led.join(", ");
    format!(
        "[containers]\nnetns = \"none\"\nipcns = \"none\"\nlog_driver = \"k8s-file\"\n\
         default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\n\
         [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\nlock_type = \"file\"\n\
         runtime = \"{runtime}\"\nconmon_env_vars = [{led}]\ntmp_dir = \"{}\"\nvolume_path = \"{}\"\n\n\
         [engine.runtimes]\n{runtime} = [\"{}\"]\n\n\
         [network]\nnetwork_config_dir = \"{}\"\n",
        place.text("tmp"),
        place.text("volumes"),
        place.text(RUNTIME),
        place.text("networks")
    )
}

fn storage(place: &Place, run: Option<&WorkDirectory>) -> String {
    let run = run.map_or_else(|| place.text("run"), |run| run.path().display().to_string());
    format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{run}\"\n", place.text("storage"),)
}

/// The variables that lead it to its own place.
pub(super) fn leading(place: &Place) -> Leading {
    vec![
        ("CONTAINERS_CONF", place.text("containers.conf")),
        ("CONTAINERS_STORAGE_CONF", place.text("storage.conf")),
        ("HOME", place.0.display().to_string()),
        ("XDG_RUNTIME_DIR", place.text("tmp")),
    ]
}

impl Podman {
    /// The command line for words of Docker's.
    pub(super) fn command(&self, place: &Place, words: &[String], archive: Option<&Path>) -> Vec<String> {
        let mut argv = vec![self.program.display().to_string()];
        match words {
            [word, rest @ ..] if word == "run" => {
                let _ = fs::remove_file(place.path("pid"));
                argv.extend([
                    "run".to_owned(),
                    "--pull=never".to_owned(),
                    format!("--cgroup-parent=/{}", group_name()),
                    format!("--pidfile={}", place.text("pid")),
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
}

/// The first process of the container that `run` has just started.
pub(super) fn started(place: &Place) -> Option<i32> {
    fs::read_to_string(place.path("pid")).ok()?.trim().parse().ok()
}
