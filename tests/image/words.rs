//! `rlab image`: the same without a session.

use std::path::Path;
use std::process::Output;

use crate::playing::{below, layout};
use crate::support::{has, is_root, rlab, status, stderr, stdout};

fn image(place: &Path, words: &[&str]) -> Output {
    rlab(place).env("TMPDIR", place).current_dir(place).arg("image").args(words).output().unwrap()
}

/// Everything that the layouts hold, digests and all.
fn index(layout: &Path) -> String {
    std::fs::read_to_string(layout.join("index.json")).unwrap()
}

#[test]
fn the_same_files_give_the_same_digests() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let fill = |root: &str, order: &[&str]| {
        std::fs::create_dir_all(place.join(root).join("d")).unwrap();
        for name in order {
            std::fs::write(place.join(root).join(name), *name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", place.join(root).join("link")).unwrap();
        std::fs::hard_link(place.join(root).join("d/b"), place.join(root).join("z")).unwrap();
    };
    fill("one", &["a", "d/b", "c"]);
    let first = image(place, &["pack", "one", "layout-one", "--env", "A=1"]);
    assert_eq!(status(&first), 0, "{}", stderr(&first));
    // Another order, another time, another directory.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    fill("two", &["c", "d/b", "a"]);
    image(place, &["pack", "two", "layout-two", "--env", "A=1"]);
    assert_eq!(index(&place.join("layout-one")), index(&place.join("layout-two")));
    assert_eq!(below(&place.join("layout-one")), below(&place.join("layout-two")));
    // And what is in them counts.
    std::fs::write(place.join("two/a"), "b").unwrap();
    image(place, &["pack", "two", "layout-three", "--env", "A=1"]);
    assert_ne!(index(&place.join("layout-one")), index(&place.join("layout-three")));

    let unpacked = image(place, &["unpack", "layout-one:latest", "again"]);
    assert_eq!(status(&unpacked), 0, "{}", stderr(&unpacked));
    assert_eq!(below(&place.join("again")), below(&place.join("one")));
    image(place, &["pack", "again", "layout-four", "--env", "A=1"]);
    assert_eq!(index(&place.join("layout-one")), index(&place.join("layout-four")));
}

#[test]
fn what_cannot_be_done_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    std::fs::create_dir_all(place.join("root/full")).unwrap();
    assert_eq!(status(&image(place, &["pack", "root", "layout"])), 0);
    let before = below(place);
    for (words, code, why) in [
        (&["pack", "nowhere", "new"][..], 2, "no directory `nowhere`"),
        (&["pack", "root", "layout"], 2, "is not empty"),
        (&["pack", "root", "new", "--env", "nothing"], 2, "is no variable"),
        (&["pack", "root", "new", "--name", "two words"], 2, "no name for an image"),
        (&["unpack", "layout", "root"], 2, "is not empty"),
        (&["unpack", "nowhere", "new"], 2, "no directory `nowhere`"),
        (&["unpack", "root", "new"], 2, "oci-layout"),
        (&["unpack", "layout:other", "new"], 2, "is called `other`"),
        (&["show", "layout:other"], 2, "is called `other`"),
        (&["run", "layout"], 2, "does not say which program"),
    ] {
        let output = image(place, words);
        assert_eq!(status(&output), code, "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{words:?}: {}", stderr(&output));
        let after: Vec<String> = below(place).into_iter().filter(|path| !path.starts_with("state")).collect();
        assert_eq!(after, before, "{words:?}");
    }
    // A layer that is damaged: half of the tree was laid already.
    let blobs = place.join("layout/blobs/sha256");
    for entry in std::fs::read_dir(blobs).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if bytes[0] == 0x1f {
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(entry.path(), bytes).unwrap();
        }
    }
    let output = image(place, &["unpack", "layout", "new"]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert_eq!(below(place), before);
}

#[test]
fn a_program_runs_as_its_image_says_and_passes_its_status_on() {
    if !is_root() || !has("busybox") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let config = "--entrypoint '/bin/sh -c' --cmd '\"echo $GREETING; pwd; exit 3\"' --env GREETING=hello --workdir /new";
    let layout = layout(place, config);
    let layout = layout.to_str().unwrap();
    let output = image(place, &["run", layout]);
    assert_eq!((status(&output), stdout(&output)), (3, "hello\n/new\n".to_owned()), "{}", stderr(&output));
    let output = image(place, &["run", layout, "--", "echo $0 >&2; echo $$", "words"]);
    // It is the first process of its own.
    assert_eq!((status(&output), stdout(&output).trim()), (0, "1"), "{}", stderr(&output));
    assert_eq!(stderr(&output), "words\n");
    let output = image(place, &["run", layout, "--with", "drop unshare", "--", "kill -9 $$"]);
    assert_eq!(status(&output), 137, "{}", stderr(&output));
    let left: Vec<String> = below(place).into_iter().filter(|path| path.starts_with("rlab.")).collect();
    assert_eq!(left, [""; 0]);
}
