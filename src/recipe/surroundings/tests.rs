use super::*;

fn facts() -> Facts {
    Facts { kernel: "6.1.0-18-amd64".into(), root: Some("ext4".into()), ..Facts::default() }
}

fn marks(marks: &[&str]) -> BTreeSet<String> {
    marks.iter().map(|mark| (*mark).to_owned()).collect()
}

fn variables(set: &[(&str, &str)]) -> BTreeMap<String, String> {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn names(facts: &Facts) -> Vec<&'static str> {
    recognise(facts).into_iter().map(|known| known.name).collect()
}

#[test]
fn machines_are_known_by_their_facts() {
    let container = Facts { inner_pid_namespace: true, root: Some("overlay".into()), ..facts() };
    let docker = Facts { marks: marks(&["/.dockerenv"]), ..container.clone() };
    let wsl = Facts { kernel: "5.15.167.4-microsoft-standard-WSL2".into(), ..facts() };
    let systemd = marks(&["/run/systemd/system"]);
    for (facts, wanted) in [
        (facts(), vec!["plain"]),
        (Facts { marks: systemd.clone(), ..facts() }, vec!["systemd"]),
        (docker.clone(), vec!["docker"]),
        (Facts { groups: "12:memory:/docker/0123abcd\n".into(), ..facts() }, vec!["docker"]),
        (Facts { groups: "0::/system.slice/docker-0123.scope\n".into(), ..facts() }, vec!["docker"]),
        // A disk that was made of an image, in a virtual machine: the mark alone proves nothing.
        (Facts { marks: marks(&["/.dockerenv"]), ..facts() }, vec!["plain"]),
        (Facts { marks: marks(&["/run/.containerenv"]), ..container.clone() }, vec!["podman"]),
        (Facts { variables: variables(&[("container", "podman")]), ..facts() }, vec!["podman"]),
        (Facts { groups: "0::/machine.slice/libpod-99.scope\n".into(), ..facts() }, vec!["podman"]),
        (
            Facts { variables: variables(&[("container", "lxc")]), marks: systemd.clone(), ..facts() },
            vec!["lxc", "systemd"],
        ),
        (
            Facts { variables: variables(&[("container", "systemd-nspawn")]), ..facts() },
            vec!["systemd-nspawn"],
        ),
        (container, vec!["container"]),
        (
            Facts { variables: variables(&[("CODESPACES", "true")]), ..docker.clone() },
            vec!["codespaces", "docker"],
        ),
        (
            Facts { marks: marks(&["/.dockerenv", "/workspaces/.codespaces"]), ..docker.clone() },
            vec!["codespaces", "docker"],
        ),
        (
            Facts { variables: variables(&[("GITPOD_WORKSPACE_ID", "x")]), ..docker.clone() },
            vec!["gitpod", "docker"],
        ),
        (
            Facts { variables: variables(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]), ..docker },
            vec!["kubernetes", "docker"],
        ),
        (wsl.clone(), vec!["wsl2"]),
        // Every distribution of WSL lives in a PID namespace of its own.
        (Facts { inner_pid_namespace: true, marks: systemd, ..wsl }, vec!["wsl2", "systemd"]),
        (Facts { kernel: "4.4.0-19041-Microsoft".into(), ..facts() }, vec!["wsl1"]),
        (Facts { root: Some("rootfs".into()), ..facts() }, vec!["initramfs"]),
    ] {
        assert_eq!(names(&facts), wanted, "{facts:?}");
    }
}

#[test]
fn what_holds_rlab_back_comes_after_the_machine() {
    let place = |place| Facts { place, ..facts() };
    for (facts, wanted) in [
        (Facts { euid: 1000, ..facts() }, "ordinary-user"),
        (place(Place { chrooted: true, ..Place::default() }), "chroot"),
        (Facts { euid: 65534, ..place(Place { unmapped: true, ..Place::default() }) }, "no-id-map"),
        (place(Place { half_unshared: true, ..Place::default() }), "half-unshared"),
        (place(Place { apparmor_restricts: true, ..Place::default() }), "apparmor-restriction"),
        (place(Place { confined: Some("docker-default".into()), ..Place::default() }), "apparmor-profile"),
        (
            place(Place { forbidden: BTreeSet::from([Namespace::User]), ..Place::default() }),
            "no-user-namespaces",
        ),
        (Facts { userns_clone: Some("0".into()), ..facts() }, "user-namespaces-of-root"),
        (place(Place { filtered: true, ..Place::default() }), "seccomp"),
    ] {
        assert_eq!(names(&facts), ["plain", wanted], "{facts:?}");
    }
    assert_eq!(names(&Facts { userns_clone: Some("1".into()), ..facts() }), ["plain"]);
}

#[test]
fn sentences_speak_in_the_voice_of_the_house() {
    let all = Facts {
        euid: 1000,
        marks: marks(MARKS),
        variables: variables(&[
            ("CODESPACES", "true"),
            ("GITPOD_WORKSPACE_ID", "x"),
            ("KUBERNETES_SERVICE_HOST", "x"),
        ]),
        userns_clone: Some("0".into()),
        place: Place {
            chrooted: true,
            half_unshared: true,
            apparmor_restricts: true,
            confined: Some("p".into()),
            filtered: true,
            ..Place::default()
        },
        ..facts()
    };
    for Surrounding { name, means } in recognise(&all) {
        assert!(!means.ends_with('.') && !means.contains("  "), "{name}: {means}");
        assert_eq!(means.matches('`').count() % 2, 0, "{name}: {means}");
    }
}

#[test]
fn the_layout_is_told_by_what_is_mounted() {
    let of = |generations: &[CgroupVersion]| {
        Facts { generations: generations.iter().copied().collect(), ..facts() }.layout()
    };
    assert_eq!(of(&[CgroupVersion::V1]), Layout::V1);
    assert_eq!(of(&[CgroupVersion::V2]), Layout::V2);
    assert_eq!(of(&[CgroupVersion::V1, CgroupVersion::V2]), Layout::Hybrid);
    assert_eq!(of(&[]), Layout::None);
}
