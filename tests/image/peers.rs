//! skopeo, umoci and podman take what rlab makes, and run it the same; rlab takes and runs what they make.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::playing::{below, layout, play, sure};
use crate::support::peers::Store;
use crate::support::{has, is_root, stderr, stdout};

/// What podman says, with a store of its own.
fn podman(store: &Store, arguments: &[&str]) -> String {
    let mut command = Command::new("podman");
    store.lend(&mut command);
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "podman {arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn peers(names: &[&str]) -> bool {
    is_root() && has("busybox") && names.iter().all(|name| has(name))
}

const CONFIG: &str = "--entrypoint '/bin/sh -c' --cmd '\"echo $GREETING; pwd; id -u; id -g\"' --env GREETING=hello \
                      --workdir /etc --user 1000:33";

#[test]
fn skopeo_and_umoci_take_what_rlab_makes() {
    if !peers(&["skopeo", "umoci"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let layout = layout(place.path(), CONFIG);
    let source = format!("oci:{}:1.0", layout.display());
    let told: serde_json::Value =
        serde_json::from_str(&sure("skopeo", &["inspect", "--config", &source])).unwrap();
    assert_eq!(told["config"]["Env"][0], "GREETING=hello");
    // It holds every digest against its bytes on the way.
    let copy = format!("dir:{}", place.path().join("copy").display());
    sure("skopeo", &["copy", &source, &copy]);

    let bundle = place.path().join("bundle");
    let image = format!("{}:1.0", layout.display());
    sure("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]);
    // And what umoci unpacks is what rlab unpacks.
    let own = place.path().join("own");
    let load = format!("image load {image}");
    let keep = format!("!cp -a \"$ROOTFS\" {}", own.display());
    let told = play(place.path(), &[&load, "image unpack", &keep]);
    assert_eq!(below(&own), below(&bundle.join("rootfs")), "{}", told.text);
    for path in below(&own) {
        let meta = |root: &Path| {
            let meta = std::fs::symlink_metadata(root.join(&path)).unwrap();
            let mtime = if meta.is_dir() { 0 } else { meta.mtime() };
            (meta.mode(), meta.uid(), meta.gid(), mtime, meta.nlink())
        };
        assert_eq!(meta(&own), meta(&bundle.join("rootfs")), "{path}");
    }
}

#[test]
fn layers_of_zstd_are_refused_and_what_is_said_to_help_helps() {
    if !peers(&["skopeo"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let own = layout(place.path(), CONFIG);
    let at = |name: &str| place.path().join(name).display().to_string();
    let (old, new) = (at("old"), at("new"));
    let from = format!("oci:{}:1.0", own.display());
    sure(
        "skopeo",
        &["--insecure-policy", "copy", "--dest-compress-format", "zstd", &from, &format!("oci:{old}")],
    );
    let unpacked = |of: &str| play(place.path(), &[&format!("image load {of}"), "image unpack"]).text;
    let told = unpacked(&old);
    let hint = told.lines().skip_while(|line| !line.contains("hint:")).collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = hint.split_whitespace().collect();
    let hint = words.join(" ");
    let command = hint.split('`').nth(1).unwrap_or_else(|| panic!("{told}"));
    assert!(told.contains("layer.v1.tar+zstd"), "{told}");
    // Done to the letter.
    let command = command.replace("oci:DIR", &format!("oci:{old}")).replace("oci:NEW", &format!("oci:{new}"));
    let mut words = command.split(' ');
    let program = words.next().unwrap();
    let arguments: Vec<&str> = ["--insecure-policy"].into_iter().chain(words).collect();
    sure(program, &arguments);
    let told = unpacked(&new);
    assert!(!told.contains("error:") && told.contains("unpack"), "{told}");
}

#[test]
fn podman_runs_what_rlab_makes_as_rlab_does() {
    if !peers(&["podman", "runc", "conmon"]) {
        return;
    }
    // Podman makes a name of the path, and names have no capital letters.
    let name = format!("rlab-image-test-{}", std::process::id());
    let place = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().unwrap();
    let store = Store::new();
    let layout = layout(place.path(), CONFIG);
    let image = format!("oci:{}:1.0", layout.display());
    podman(&store, &["pull", "--quiet", &image]);
    let id = podman(&store, &["images", "--quiet", "--no-trunc"]);
    let id = id.trim();
    let run = |words: &[&str]| {
        let mut all = vec!["run", "--rm", "--network", "none", id];
        all.extend(words);
        podman(&store, &all)
    };
    let theirs = run(&[]);
    let other = run(&["echo $0 $1", "a", "b"]);
    podman(&store, &["rmi", "--all", "--force"]);
    assert_eq!(theirs, "hello\n/etc\n1000\n33\n");
    let load = format!("image load {}:1.0", layout.display());
    let told =
        play(place.path(), &[&load, "image unpack", "pivot_root", "image run", "image run 'echo $0 $1' a b"]);
    assert_eq!(other, "a b\n");
    for theirs in [theirs, other] {
        let shown: String = theirs.lines().map(|line| format!("  {line}\n")).collect();
        assert!(told.text.contains(&shown), "podman told\n{theirs}\nrlab told\n{}", told.text);
    }
}

#[test]
fn rlab_runs_what_umoci_and_podman_make() {
    if !peers(&["podman", "umoci", "runc", "conmon"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let first = layout(place.path(), "--entrypoint /bin/echo --cmd 'the first'");
    // Umoci: a second layer with a whiteout, over a layer that rlab made.
    let image = format!("{}:1.0", first.display());
    let bundle = place.path().join("bundle");
    sure("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]);
    std::fs::remove_file(bundle.join("rootfs/etc/group")).unwrap();
    std::fs::write(bundle.join("rootfs/etc/new"), "umoci was here\n").unwrap();
    sure("umoci", &["repack", "--image", &format!("{}:2.0", first.display()), bundle.to_str().unwrap()]);
    sure("umoci", &["config", "--image", &format!("{}:2.0", first.display()), "--config.cmd", "the second"]);
    let load = format!("image load {}:2.0", first.display());
    let told = play(place.path(), &[&load, "image unpack", "chroot", "image run", "ls /etc", "cat /etc/new"]);
    assert!(told.text.contains("2 layers, every digest right"), "{}", told.text);
    assert!(told.text.contains("\n  the second\n"), "{}", told.text);
    assert!(told.text.contains("\n  new\n  passwd\n"), "{}", told.text);
    assert!(told.text.contains("\n  umoci was here\n"), "{}", told.text);

    let store = Store::new();
    // Podman: saved as an OCI layout, its layer made by podman from a tar archive.
    let tar = place.path().join("root.tar");
    sure("tar", &["-C", bundle.join("rootfs").to_str().unwrap(), "-cf", tar.to_str().unwrap(), "."]);
    let changes = ["--change", "ENTRYPOINT [\"/bin/cat\"]", "--change", "CMD [\"/etc/new\"]"];
    let mut import = vec!["import", "--quiet"];
    import.extend(changes);
    import.extend([tar.to_str().unwrap(), "localhost/rlab-test:1"]);
    podman(&store, &import);
    let saved = place.path().join("saved");
    podman(
        &store,
        &[
            "save",
            "--quiet",
            "--format",
            "oci-dir",
            "--output",
            saved.to_str().unwrap(),
            "localhost/rlab-test:1",
        ],
    );
    podman(&store, &["rmi", "--all", "--force"]);
    let load = format!("image load {}", saved.display());
    let told = play(place.path(), &[&load, "image unpack", "chroot", "image run"]);
    assert!(told.text.contains("\n  umoci was here\n"), "{}", told.text);
}
