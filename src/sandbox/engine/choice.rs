//! Which engine is driven: Podman where it is there, else Docker's daemon; or the one that `RLAB_ENGINE` names.

use std::path::PathBuf;

use crate::error::{Result, Trouble};
use crate::sandbox::rootfs::find_program;

/// The variable that names one.
const VARIABLE: &str = "RLAB_ENGINE";

/// The runtimes that Podman is given, the better known first. (crun refuses a machine with v1 and v2 at once.)
const RUNTIMES: [&str; 2] = ["runc", "crun"];

/// An engine, and what it needs.
#[derive(Debug)]
pub(super) enum Found {
    /// Podman.
    Podman(PodmanTools),
    /// Docker.
    Docker(DockerTools),
}

/// What Podman needs.
#[derive(Debug)]
pub(super) struct PodmanTools {
    pub(super) program: PathBuf,
    /// Name and place of the runtime.
    pub(super) runtime: (&'static str, PathBuf),
}

/// What Docker needs. Each is named by where it really is: links that lead through `/etc` or `/run` lead nowhere for the
/// daemon.
#[derive(Debug)]
pub(super) struct DockerTools {
    pub(super) client: PathBuf,
    pub(super) daemon: PathBuf,
    pub(super) runc: PathBuf,
    /// What the daemon starts by name.
    pub(super) helpers: Vec<(&'static str, PathBuf)>,
}

/// Finds the one to drive.
///
/// # Errors
/// None is installed, or not all of it; rlab is not root; the variable names none.
pub(super) fn find() -> Result<Found> {
    let wanted = std::env::var_os(VARIABLE).map(|name| name.to_string_lossy().into_owned());
    let found = match wanted.as_deref() {
        Some("podman") => podman().map(Found::Podman),
        Some("docker") => docker().map(Found::Docker),
        None | Some("") => either(),
        Some(other) => {
            return Err(Trouble::usage(format!("`{VARIABLE}={}` names no engine", other.escape_debug()))
                .hint(format!("`{VARIABLE}=podman` and `{VARIABLE}=docker` do")));
        }
    }?;
    if !nix::unistd::geteuid().is_root() {
        return Err(cannot(
            "the memory limit of its container wants root".to_owned(),
            "run rlab as root: `sudo rlab start docker`",
        ));
    }
    Ok(found)
}

fn cannot(why: String, hint: &str) -> Trouble {
    Trouble::cannot("there is no container engine that rlab can drive").because(why).hint(hint)
}

fn either() -> Result<Found> {
    if find_program("podman").is_some() {
        return podman().map(Found::Podman);
    }
    if find_program("dockerd").is_some() {
        return docker().map(Found::Docker);
    }
    let client = find_program("docker").is_some();
    let why = if client {
        "Podman is not installed, and of Docker only the client `docker`, not the daemon `dockerd`"
    } else {
        "neither Podman nor Docker's daemon `dockerd` is installed"
    };
    Err(cannot(why.to_owned(), "install one, for example with `apt-get install podman runc`"))
}

fn podman() -> Result<PodmanTools> {
    let Some(program) = find_program("podman") else {
        return Err(cannot(
            "Podman is not installed".to_owned(),
            "install it, for example with `apt-get install podman runc`",
        ));
    };
    let found = |name: &&'static str| Some((*name, find_program(name)?));
    let Some(runtime) = RUNTIMES.iter().find_map(found) else {
        return Err(cannot(
            "Podman has no runtime to start a container with".to_owned(),
            "install one, for example with `apt-get install runc`",
        ));
    };
    Ok(PodmanTools { program, runtime })
}

fn docker() -> Result<DockerTools> {
    let find = |name| find_program(name).map(|path| path.canonicalize().unwrap_or(path));
    let needed = |name: &'static str| {
        find(name).ok_or_else(|| {
            cannot(
                format!("`{name}` is not installed, which Docker's daemon cannot do without"),
                "install all of Docker, for example with `apt-get install docker.io`",
            )
        })
    };
    let daemon = find("dockerd").ok_or_else(|| {
        cannot(
            "Docker's daemon `dockerd` is not installed".to_owned(),
            "install it, for example with `apt-get install docker.io`",
        )
    })?;
    needed("docker")?;
    // The client runs among the host's files, by the name that it has there.
    let client = find_program("docker").unwrap_or_else(|| PathBuf::from("docker"));
    let runc = needed("runc")?;
    let mut helpers = vec![("runc", runc.clone())];
    for name in ["containerd", "containerd-shim-runc-v2"] {
        helpers.push((name, needed(name)?));
    }
    // Asked for by `--init`; without it that is refused in Docker's own words.
    helpers.extend(find("docker-init").map(|path| ("docker-init", path)));
    Ok(DockerTools { client, daemon, runc, helpers })
}
