//! Layers and layouts that are damaged, or that somebody made to get out: each is refused by name, the old root stands,
//! and nothing is left beside it.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::playing::{below, layout, play};
use crate::support::{self, has, is_root, status, stderr, stdout};

/// An entry of a hand-made archive: name, type, link, bytes.
type Entry<'a> = (&'a str, u8, &'a str, &'a [u8]);

/// A tar archive of these entries, past all checks of any library.
fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, link, data) in entries {
        bytes.extend(header(name, *kind, link, data.len() as u64));
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn header(name: &str, kind: u8, link: &str, size: u64) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size < 1 << 33 {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar  \0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A layout made by hand, whatever is in its layers.
struct Made {
    directory: PathBuf,
}

impl Made {
    fn of(place: &Path, layers: &[Vec<u8>]) -> Self {
        Self::with(
            place,
            layers,
            std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64").as_str(),
        )
    }

    fn with(place: &Path, layers: &[Vec<u8>], architecture: &str) -> Self {
        let made = Self { directory: place.join("made") };
        let _ = std::fs::remove_dir_all(&made.directory);
        std::fs::create_dir_all(made.directory.join("blobs/sha256")).unwrap();
        let diff_ids: Vec<String> =
            layers.iter().map(|layer| format!("\"sha256:{}\"", sha256(layer))).collect();
        let config = made.blob(
            format!(
                "{{\"architecture\":\"{architecture}\",\"os\":\"linux\",\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[{}]}}}}",
                diff_ids.join(",")
            )
            .as_bytes(),
        );
        let kind = |of: &str| format!("application/vnd.oci.image.{of}");
        let named = |kind: String, (digest, size): &(String, usize)| {
            format!("{{\"mediaType\":\"{kind}\",\"digest\":\"sha256:{digest}\",\"size\":{size}}}")
        };
        let layers: Vec<String> =
            layers.iter().map(|layer| named(kind("layer.v1.tar"), &made.blob(layer))).collect();
        let manifest = made.blob(
            format!(
                "{{\"schemaVersion\":2,\"config\":{},\"layers\":[{}]}}",
                named(kind("config.v1+json"), &config),
                layers.join(",")
            )
            .as_bytes(),
        );
        let index =
            format!("{{\"schemaVersion\":2,\"manifests\":[{}]}}", named(kind("manifest.v1+json"), &manifest));
        std::fs::write(made.directory.join("index.json"), index).unwrap();
        std::fs::write(made.directory.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
        made
    }

    fn blob(&self, bytes: &[u8]) -> (String, usize) {
        let digest = sha256(bytes);
        std::fs::write(self.directory.join("blobs/sha256").join(&digest), bytes).unwrap();
        (digest, bytes.len())
    }
}

/// Unpacks it over a root that stands, and holds that it is refused with this, and that nothing else has changed.
fn refused(place: &Path, made: &Made, why: &[&str]) {
    let (precious, work) = (place.join("precious"), place.join("work"));
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(&precious, "kept").unwrap();
    // What the session keeps of itself aside.
    let all = || below(place).into_iter().filter(|path| !path.starts_with("work/state")).collect::<Vec<_>>();
    let before = all();
    let load = format!("image load {}", made.directory.display());
    let look = "!ls -A \"$ROOTFS\" \"$ROOTFS/..\"";
    let told = play(&work, &["rootfs busybox", &load, "image unpack", look, "image rm", "ls /bin/busybox"]);
    for why in why {
        assert!(told.text.contains(why), "{why}:\n{}", told.text);
    }
    // The root still stands, and nothing half-made is beside it.
    assert!(told.text.contains("\n  bin\n  dev\n  etc\n  proc\n  sys\n"), "{}", told.text);
    assert!(!told.text.contains(".new"), "{}", told.text);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "kept");
    assert_eq!(all(), before, "{}", told.text);
}

fn ready() -> Option<tempfile::TempDir> {
    (is_root() && has("busybox")).then(|| tempfile::tempdir().unwrap())
}

#[test]
fn a_layer_that_wants_out_is_refused_by_name() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let out = place.join("precious").display().to_string();
    let up = "up/precious";
    for (entries, name, why) in [
        (vec![("../../precious", b'0', "", &b"gone"[..])], "`../../precious`", "climbs"),
        (vec![("a/../../../precious", b'0', "", b"gone")], "`a/../../../precious`", "climbs"),
        (vec![(out.as_str(), b'0', "", b"gone")], &out, "absolute"),
        (vec![("../evil/", b'5', "", b"")], "`../evil/`", "climbs"),
        (vec![("a/.wh...", b'0', "", b"")], "`a/.wh...`", "whiteout"),
        (vec![("../.wh.precious", b'0', "", b"")], "`../.wh.precious`", "climbs"),
        // Through a link, relative or not, of this layer.
        (vec![("up", b'2', "../..", b""), (up, b'0', "", b"gone")], "`up/precious`", "is a link"),
        (
            vec![("up", b'2', place.to_str().unwrap(), b""), (up, b'0', "", b"gone")],
            "`up/precious`",
            "is a link",
        ),
        (vec![("up", b'2', "..", b""), ("up/d/", b'5', "", b"")], "`up/d/`", "is a link"),
        (vec![("up", b'2', "..", b""), ("up/.wh.x", b'0', "", b"")], "`up/.wh.x`", "is a link"),
        (vec![("up", b'2', "..", b""), ("up/.wh..wh..opq", b'0', "", b"")], "opq`", "is a link"),
        // Another name for a file outside, to be written to later.
        (vec![("mine", b'1', "../../precious", b"")], "`mine`", "climbs"),
        (vec![("mine", b'1', out.as_str(), b"")], "`mine`", "absolute"),
        (vec![("up", b'2', "../..", b""), ("mine", b'1', up, b"")], "`mine`", "is a link"),
        (vec![("mine", b'1', "nowhere", b"")], "`mine`", "which is not there"),
        (vec![("disk", b'4', "", b"")], "`disk`", "is a block device"),
        (vec![("mem", b'3', "", b"")], "`mem`", "is a character device"),
        (vec![("./", b'2', "/", b"")], "`./`", "the root itself"),
        (vec![("odd", b'Q', "", b"")], "`odd`", "of a kind that no file has"),
    ] {
        refused(place, &Made::of(place, &[tar(&entries)]), &[name, why]);
        // And with an honest layer below.
        let honest = tar(&[("etc/", b'5', "", b""), ("etc/file", b'0', "", b"text")]);
        refused(place, &Made::of(place, &[honest, tar(&entries)]), &[name, why]);
    }
    // A link of a lower layer, and a name through it in the one above.
    let link = tar(&[("up", b'2', "../..", b"")]);
    refused(
        place,
        &Made::of(place, &[link, tar(&[(up, b'0', "", b"gone")])]),
        &["`up/precious`", "is a link"],
    );
}

#[test]
fn extended_attributes_are_told_and_not_set() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let record = |key: &str| {
        let rest = format!(" {key}=red\n");
        format!("{}{rest}", rest.len() + 2).into_bytes()
    };
    for (key, told) in [
        ("SCHILY.xattr.user.color", ", 1 without their extended attributes"),
        ("LIBARCHIVE.xattr.user.color", ", 1 without their extended attributes"),
        ("comment.user.color", "layer 1  2 entries\n"),
    ] {
        let record = record(key);
        let made = Made::of(
            place,
            &[tar(&[
                ("PaxHeaders/file", b'x', "", &record),
                ("file", b'0', "", b"text"),
                ("other", b'0', "", b"text"),
            ])],
        );
        let load = format!("image load {}", made.directory.display());
        let seen = play(place, &["rootfs busybox", &load, "image unpack", "!cat \"$ROOTFS/file\""]).text;
        assert!(seen.contains(told) && seen.contains("\n  text"), "{key}:\n{seen}");
    }
}

#[test]
fn what_would_fill_the_disk_or_the_memory_is_refused_before() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let huge = 10_u64 << 30;
    // A header that claims ten gibibytes, and none of them there.
    let claims = [header("huge", b'0', "", huge), vec![0; 1024]].concat();
    refused(place, &Made::of(place, &[claims]), &["`huge`", "has 10737418240 bytes"]);
    // A sparse file, in the two ways of GNU tar: old, and as PAX records.
    if has("tar") {
        std::fs::File::create(place.join("sparse")).unwrap().set_len(huge).unwrap();
        for format in ["gnu", "posix"] {
            let archive = place.join("sparse.tar");
            let output = std::process::Command::new("tar")
                .args(["--sparse", "--format", format, "-C", place.to_str().unwrap(), "-cf"])
                .args([archive.as_os_str(), "sparse".as_ref()])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
            let layer = std::fs::read(&archive).unwrap();
            assert!(layer.len() < 1 << 20, "tar has made no sparse file");
            std::fs::remove_file(&archive).unwrap();
            refused(place, &Made::of(place, &[layer]), &["sparse", "has 10737418240 bytes"]);
        }
        std::fs::remove_file(place.join("sparse")).unwrap();
    }
    // A long name, and a PAX record, that claim as much: read into memory they would end rlab.
    for kind in *b"LKx" {
        let claims = [header("name", kind, "", huge), vec![0; 1024]].concat();
        refused(place, &Made::of(place, &[claims]), &["claims to have 10737418240 bytes"]);
    }
    // Many entries that are nothing.
    let many: Vec<u8> = header("d/", b'5', "", 0).repeat(100_001);
    refused(place, &Made::of(place, &[many]), &["more entries than rlab unpacks"]);
}

#[test]
fn what_could_not_be_unpacked_again_is_not_packed_and_told_at_once() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let root = place.join("large");
    std::fs::create_dir_all(root.join("var/lib")).unwrap();
    let file = |name: &str, bytes: u64| {
        std::fs::File::create(root.join(name)).unwrap().set_len(bytes).unwrap();
    };
    let pack = || {
        let layout = place.join("layout");
        let words = ["image", "pack", root.to_str().unwrap(), layout.to_str().unwrap()];
        let begin = std::time::Instant::now();
        let output = support::run(&words);
        (output, begin.elapsed(), std::fs::read_dir(place).unwrap().count())
    };
    let refused = |why: &[&str]| {
        let (output, took, names) = pack();
        assert_eq!((status(&output), stdout(&output).as_str()), (2, ""), "{}", stderr(&output));
        let said = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for why in why.iter().chain(&["hint: nothing was written"]) {
            assert!(said.contains(why), "`{why}` is not told: {said}");
        }
        // The directory alone: nothing beside it is left.
        assert_eq!(names, 1);
        // To read ten gibibytes of nothing takes half a minute.
        assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    };
    file("var/lib/disk.img", 10 << 30);
    refused(&[
        "`var/lib/disk.img` cannot be packed",
        "10737418240 bytes",
        "536870912",
        "a sparse file: 0 bytes",
    ]);
    std::fs::remove_file(root.join("var/lib/disk.img")).unwrap();
    // Three that could each be packed.
    for name in ["one", "two", "var/three"] {
        file(name, 400 << 20);
    }
    refused(&["too large for an image", "1073741824"]);
    // Names of one file count once.
    for name in ["two", "var/three"] {
        std::fs::remove_file(root.join(name)).unwrap();
        std::fs::hard_link(root.join("one"), root.join(name)).unwrap();
    }
    std::fs::File::options().write(true).open(root.join("one")).unwrap().set_len(1 << 20).unwrap();
    let (output, ..) = pack();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
}

#[test]
fn what_is_damaged_is_told_with_what_is_wrong_with_it() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let layer = || tar(&[("etc/", b'5', "", b""), ("etc/file", b'0', "", &[b'x'; 3000])]);
    let digest = sha256(&layer());
    let path = |made: &Made| made.directory.join("blobs/sha256").join(&digest);
    let damaged = |change: &dyn Fn(&Made), why: &[&str]| {
        let made = Made::of(place, &[layer()]);
        change(&made);
        refused(place, &made, why);
    };
    damaged(&|made| drop(std::fs::remove_file(path(made))), &[&digest, "not complete"]);
    damaged(
        &|made| {
            let mut bytes = layer();
            bytes[1600] ^= 1;
            std::fs::write(path(made), bytes).unwrap();
        },
        &[&digest, "is not what its digest says"],
    );
    damaged(
        &|made| std::fs::write(path(made), &layer()[..1000]).unwrap(),
        &[&digest, "another size", "it has 1000 bytes"],
    );
    damaged(&|made| std::fs::write(made.directory.join("index.json"), "{}").unwrap(), &["the index is not"]);
    damaged(
        &|made| std::fs::write(made.directory.join("index.json"), "no json").unwrap(),
        &["the index is not"],
    );
    damaged(
        &|made| {
            let none = "{\"schemaVersion\":2,\"manifests\":[]}";
            std::fs::write(made.directory.join("index.json"), none).unwrap();
        },
        &["the index names no manifest"],
    );
    damaged(
        &|made| drop(std::fs::remove_file(made.directory.join("index.json"))),
        &["index.json", "not complete"],
    );
    damaged(&|made| drop(std::fs::remove_file(made.directory.join("oci-layout"))), &["oci-layout"]);
    damaged(
        &|made| std::fs::write(made.directory.join("oci-layout"), "{\"imageLayoutVersion\":\"7\"}").unwrap(),
        &["not an image layout of version 1"],
    );
    // A pipe in place of the index: nobody may be held up.
    damaged(
        &|made| {
            let index = made.directory.join("index.json");
            std::fs::remove_file(&index).unwrap();
            nix::unistd::mkfifo(&index, nix::sys::stat::Mode::S_IRWXU).unwrap();
        },
        &["index.json", "it is not a file"],
    );
    // Cut short, with digests that are right.
    refused(place, &Made::of(place, &[layer()[..2000].to_vec()]), &["cut short"]);
    refused(
        place,
        &Made::of(place, &[b"no tar at all, but long enough for one header".repeat(20)]),
        &["cannot be read"],
    );
    refused(place, &Made::with(place, &[layer()], "s390x"), &["not for this machine", "linux/s390x"]);
}

#[test]
fn a_compressed_layer_is_held_to_both_of_its_digests() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let layout = layout(place, "--cmd env");
    let blobs = layout.join("blobs/sha256");
    let layer = std::fs::read_dir(&blobs)
        .unwrap()
        .flatten()
        .max_by_key(|entry| entry.metadata().unwrap().len())
        .unwrap()
        .path();
    let whole = std::fs::read(&layer).unwrap();
    let cut = &whole[..whole.len() / 2];
    for (bytes, why) in [
        (cut.to_vec(), "another size"),
        (
            {
                let mut bytes = whole.clone();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x55;
                bytes
            },
            "is not what its digest says",
        ),
        // Noticed in the middle of a file, by who unpacks it.
        (
            {
                let mut bytes = whole.clone();
                bytes[whole.len() / 3..whole.len() / 3 + 64].fill(0xff);
                bytes
            },
            "is not what its digest says",
        ),
    ] {
        std::fs::write(&layer, bytes).unwrap();
        refused(
            place,
            &Made { directory: layout.clone() },
            &[layer.file_name().unwrap().to_str().unwrap(), why],
        );
    }
    // Another archive under a right digest: the config tells of other contents.
    let other = tar(&[("other", b'0', "", b"")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&other).unwrap();
    let gzip = gzip.finish().unwrap();
    std::fs::remove_file(&layer).unwrap();
    std::fs::write(blobs.join(sha256(&gzip)), &gzip).unwrap();
    let old = layer.file_name().unwrap().to_str().unwrap().to_owned();
    let renamed = |text: String| {
        text.replace(&old, &sha256(&gzip))
            .replace(&format!("\"size\": {}", whole.len()), &format!("\"size\": {}", gzip.len()))
    };
    let index = std::fs::read_to_string(layout.join("index.json")).unwrap();
    for entry in std::fs::read_dir(&blobs).unwrap().flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        if text.contains(&old) {
            let (was, now) = (sha256(text.as_bytes()), renamed(text.clone()));
            std::fs::write(blobs.join(sha256(now.as_bytes())), &now).unwrap();
            let index = index
                .replace(&was, &sha256(now.as_bytes()))
                .replace(&format!("\"size\": {}", text.len()), &format!("\"size\": {}", now.len()));
            std::fs::write(layout.join("index.json"), index).unwrap();
        }
    }
    refused(place, &Made { directory: layout }, &["is not the one that the config tells of"]);
}

#[test]
fn whiteouts_spare_what_their_own_layer_makes() {
    let Some(place) = ready() else { return };
    let place = place.path();
    let lower = tar(&[
        ("d/", b'5', "", b""),
        ("d/old", b'0', "", b"old"),
        ("d/deep/", b'5', "", b""),
        ("d/deep/old", b'0', "", b"old"),
        ("e/file", b'0', "", b"old"),
        ("was-file", b'0', "", b"old"),
        ("was-dir/", b'5', "", b""),
        ("was-dir/x", b'0', "", b"old"),
        ("link", b'2', "/etc/passwd", b""),
    ]);
    // The opaque whiteout comes last, as it may.
    let upper = tar(&[
        ("d/new", b'0', "", b"new"),
        ("d/deep/new", b'0', "", b"new"),
        ("d/.wh..wh..opq", b'0', "", b""),
        ("e/.wh.file", b'0', "", b""),
        ("e/.wh.never-there", b'0', "", b""),
        (".wh..wh.plnk", b'0', "", b""),
        ("was-file/", b'5', "", b""),
        ("was-file/x", b'0', "", b"new"),
        ("was-dir", b'0', "", b"new"),
        ("link", b'0', "", b"no link any more"),
        ("hard", b'1', "link", b""),
    ]);
    let made = Made::of(place, &[lower, upper]);
    let own = place.join("own");
    let load = format!("image load {}", made.directory.display());
    let keep = format!("!cp -a \"$ROOTFS\" {}", own.display());
    let told = play(place, &[&load, "image unpack", &keep]);
    assert!(own.is_dir(), "{}", told.text);
    assert_eq!(
        below(&own),
        ["d", "d/deep", "d/deep/new", "d/new", "e", "hard", "link", "was-dir", "was-file", "was-file/x"]
    );
    assert_eq!(std::fs::read_to_string(own.join("hard")).unwrap(), "no link any more");
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    assert!(passwd.starts_with("root:"), "the host's own file was written to");
}
