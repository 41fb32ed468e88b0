//! What kind of machine rlab stands on: a systemd machine, a container of Docker's, a codespace, WSL… Recognised from
//! facts that `sandbox::surroundings` gathers. It explains what `rlab doctor` has tried; it never stands for trying.

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::ingredient::Namespace;
use crate::recipe::machine::CgroupVersion;
use crate::recipe::place::Place;

/// Files whose presence says something.
pub const MARKS: &[&str] = &[
    DOCKER_MARK,
    PODMAN_MARK,
    SYSTEMD_MARK,
    CODESPACES_MARK,
    "/var/run/secrets/kubernetes.io",
    "/proc/sys/fs/binfmt_misc/WSLInterop",
];
const DOCKER_MARK: &str = "/.dockerenv";
const PODMAN_MARK: &str = "/run/.containerenv";
/// There where systemd manages the machine (sd_booted(3)).
pub const SYSTEMD_MARK: &str = "/run/systemd/system";
const CODESPACES_MARK: &str = "/workspaces/.codespaces";

/// Environment variables that say something.
pub const VARIABLES: &[&str] = &["container", "CODESPACES", "GITPOD_WORKSPACE_ID", "KUBERNETES_SERVICE_HOST"];

/// A kind of container, and how it is known.
struct Kind {
    name: &'static str,
    called: &'static str,
    /// Parts of the paths of its groups.
    groups: &'static [&'static str],
    /// A file that its manager puts there.
    mark: Option<&'static str>,
}

const KINDS: &[Kind] = &[
    Kind { name: "podman", called: "Podman", groups: &["libpod-"], mark: Some(PODMAN_MARK) },
    Kind { name: "lxc", called: "LXC", groups: &["/lxc"], mark: None },
    Kind { name: "systemd-nspawn", called: "systemd-nspawn", groups: &[], mark: None },
    Kind { name: "docker", called: "Docker", groups: &["/docker/", "/docker-"], mark: Some(DOCKER_MARK) },
];

/// Everything that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Release of the kernel.
    pub kernel: String,
    /// Effective user id of rlab.
    pub euid: u32,
    /// The name of PID 1, as far as it can be seen.
    pub init: Option<String>,
    /// Which of [`MARKS`] are there.
    pub marks: BTreeSet<String>,
    /// Which of [`VARIABLES`] are set, to what.
    pub variables: BTreeMap<String, String>,
    /// `/proc/self/cgroup`.
    pub groups: String,
    /// Type of the file system that is mounted at `/`.
    pub root: Option<String>,
    /// Whether rlab is in another PID namespace than the machine's first.
    pub inner_pid_namespace: bool,
    /// What rlab's own process may do.
    pub place: Place,
    /// `kernel.unprivileged_userns_clone`, where the kernel has it (Debian's).
    pub userns_clone: Option<String>,
    /// Bytes of swap.
    pub swap: u64,
    /// Whether a group's swap can be limited, where that can be seen.
    pub swap_limited: Option<bool>,
    /// Where control groups are mounted: the generations that there are.
    pub generations: BTreeSet<CgroupVersion>,
}

/// One thing that is known of the surroundings.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Surrounding {
    /// A word for programs.
    pub name: &'static str,
    /// One sentence for people: what follows from it here.
    pub means: String,
}

/// How control groups are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One hierarchy a controller.
    V1,
    /// The unified hierarchy alone.
    V2,
    /// Both.
    Hybrid,
    /// None is mounted.
    None,
}

impl Facts {
    /// How control groups are laid out, by the controllers that rlab uses and by what is mounted.
    pub fn layout(&self) -> Layout {
        let has = |version| self.generations.contains(&version);
        match (has(CgroupVersion::V1), has(CgroupVersion::V2)) {
            (true, true) => Layout::Hybrid,
            (true, false) => Layout::V1,
            (false, true) => Layout::V2,
            (false, false) => Layout::None,
        }
    }

    fn marked(&self, mark: &str) -> bool {
        self.marks.contains(mark)
    }

    /// Whether systemd is this machine's service manager.
    pub fn systemd(&self) -> bool {
        self.marked(SYSTEMD_MARK)
    }

    /// Whether something but a mark in the file system says that this is a container: images of containers are used
    /// as disks of virtual machines too.
    fn contained(&self) -> bool {
        let overlay = self.root.as_deref().is_some_and(|root| root == "overlay" || root == "fuse-overlayfs");
        self.inner_pid_namespace || overlay || self.variables.contains_key("container")
    }

    /// The container's kind: as its manager says, as the groups are named, as the mark in its file system says.
    pub fn container(&self) -> Option<(&'static str, &'static str)> {
        let said = |kind: &&Kind| self.variables.get("container").is_some_and(|known| known == kind.name);
        let grouped = |kind: &&Kind| kind.groups.iter().any(|part| self.groups.contains(part));
        let marked = |kind: &&Kind| self.contained() && kind.mark.is_some_and(|mark| self.marked(mark));
        let known = KINDS.iter().find(said).or_else(|| KINDS.iter().find(grouped));
        known
            .or_else(|| KINDS.iter().find(marked))
            .map(|kind| (kind.name, kind.called))
            .or_else(|| (self.contained() && !self.wsl2()).then_some(("container", "of some other kind")))
    }

    fn wsl2(&self) -> bool {
        let kernel = self.kernel.to_ascii_lowercase();
        kernel.contains("microsoft") && !self.wsl1()
    }

    fn wsl1(&self) -> bool {
        self.kernel.ends_with("-Microsoft") && self.kernel.starts_with("4.4.0-")
    }
}

/// Recognises the surroundings: the machine first, then what holds rlab back.
pub fn recognise(facts: &Facts) -> Vec<Surrounding> {
    let mut known = machine(facts);
    if known.is_empty() {
        known.push(told("plain", "no service manager, container or workspace was recognised"));
    }
    known.extend(fetters(facts));
    known
}

fn told(name: &'static str, means: impl Into<String>) -> Surrounding {
    Surrounding { name, means: means.into() }
}

fn machine(facts: &Facts) -> Vec<Surrounding> {
    let mut known = Vec::new();
    if facts.wsl1() {
        known.push(told(
            "wsl1",
            "WSL 1 has no Linux kernel: only WSL 2 can run a container (`wsl --set-version`)",
        ));
    } else if facts.wsl2() {
        known.push(told(
            "wsl2",
            "WSL 2: a Linux kernel of Microsoft's in a virtual machine; the newest have cgroup v2 alone",
        ));
    }
    if facts.variables.get("CODESPACES").is_some_and(|value| value == "true") || facts.marked(CODESPACES_MARK)
    {
        known.push(told(
            "codespaces",
            "a GitHub codespace: you are root in a container of Docker's, on a machine of your own",
        ));
    }
    if facts.variables.contains_key("GITPOD_WORKSPACE_ID") {
        known.push(told(
            "gitpod",
            "a Gitpod workspace: a container in a user namespace, in which most needs fail",
        ));
    }
    if facts.variables.contains_key("KUBERNETES_SERVICE_HOST") || facts.groups.contains("kubepods") {
        known.push(told(
            "kubernetes",
            "a pod of Kubernetes: what its `securityContext` does not allow fails here",
        ));
    }
    if let Some((name, called)) = facts.container() {
        known.push(told(
            name,
            format!(
                "rlab runs in a container already ({called}): what that is not allowed to do fails here too"
            ),
        ));
    }
    if facts.systemd() {
        let hands = "it hands control groups to users: `systemd-run --user --scope -p Delegate=yes rlab`";
        known.push(told("systemd", format!("systemd manages this machine; on cgroup v2 {hands}")));
    }
    if facts.root.as_deref() == Some("rootfs") {
        known.push(told("initramfs", "the root is an initramfs, which cannot be left behind by pivot_root"));
    }
    known
}

fn fetters(facts: &Facts) -> Vec<Surrounding> {
    let place = &facts.place;
    let mut known = Vec::new();
    if place.chrooted {
        known.push(told("chroot", "rlab runs in a chroot: from there no user namespace can be made"));
    }
    if place.unmapped {
        known.push(told("no-id-map", "rlab runs in a user namespace whose id map was never written"));
    } else if facts.euid != 0 {
        known.push(told(
            "ordinary-user",
            "rlab is not root: it adds a user namespace of its own to every container, and control groups work only \
             where they were delegated",
        ));
    }
    if place.half_unshared {
        known.push(told("half-unshared", "rlab was started by `unshare --pid` without `--fork`"));
    }
    if place.apparmor_restricts {
        known.push(told(
            "apparmor-restriction",
            "`kernel.apparmor_restrict_unprivileged_userns` is 1 (Ubuntu): AppArmor takes the rights away from a user \
             namespace that a program without a profile makes",
        ));
    }
    if let Some(profile) = &place.confined {
        known.push(told("apparmor-profile", format!("AppArmor holds rlab to the profile `{profile}`")));
    }
    if place.forbidden.contains(&Namespace::User) {
        known.push(told(
            "no-user-namespaces",
            "`user.max_user_namespaces` is 0: no user namespace can be made",
        ));
    } else if facts.userns_clone.as_deref() == Some("0") {
        known.push(told(
            "user-namespaces-of-root",
            "`kernel.unprivileged_userns_clone` is 0: only root may make a user namespace",
        ));
    }
    if place.filtered {
        known.push(told(
            "seccomp",
            "a seccomp filter looks at every system call of rlab, and may refuse some",
        ));
    }
    known
}

#[cfg(test)]
mod tests;
