//! This machine once more, to be harmed: its files seen through an overlay, with processes, a host name and mounts of its
//! own. What a program does there reaches nothing outside, and is told.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Builds it on `$PLACE`, the one directory that is really this machine's, and runs the words in it. Every file system
/// below the root is the same one, read-only; `/dev/shm` is a new one.
const BUILD: &str = r#"
set -e
world=$PLACE/world
mkdir "$world"
mount -t tmpfs -o mode=755 tmpfs "$world"
mkdir "$world/upper" "$world/work" "$world/root"
mount -t overlay -o "lowerdir=/,upperdir=$world/upper,workdir=$world/work" overlay "$world/root"
while read -r _ _ _ _ at _; do
  case $at in
    / | /dev | /dev/* | /proc | /proc/* | /sys | /sys/* | "$world" | "$world"/*) continue ;;
  esac
  [ -e "$world/root$at" ] || continue
  mount --bind "$at" "$world/root$at"
  mount -o remount,bind,ro "$world/root$at"
done </proc/self/mountinfo
for part in dev proc sys; do
  mount --rbind "/$part" "$world/root/$part"
done
mount -t tmpfs -o mode=1777 tmpfs "$world/root/dev/shm"
mount --bind "$PLACE" "$world/root$PLACE"
unshare --mount --propagation private sh -c "$RUN" sh "$@" && status=0 || status=$?
find "$world/upper" -mindepth 1 -printf '%y %m %U %G %P\n' >"$PLACE/files"
exit $status
"#;

/// Goes into it, and looks before and after at what is no file. The bystander is a process that nobody may touch.
const RUN: &str = r#"
cd "$PLACE/world/root"
pivot_root . .
umount -l .
cd /
sleep 100000 &
look() {
  echo "host name $(uname -n)"
  [ -z "$(readlink /proc/$!/exe)" ] || echo "the bystander lives"
  while read -r _ _ device root at rest; do echo "mount $device $root $at ${rest#* }"; done </proc/self/mountinfo
  find /dev -path /dev/pts -prune -o -printf 'device %y %m %p\n' | sort
}
look >"$PLACE/before"
"$@" && status=0 || status=$?
look >"$PLACE/after"
kill -9 $!
exit $status
"#;

/// What became of a command, and what it has changed.
pub(crate) struct Told {
    pub(crate) output: Output,
    pub(crate) changed: Vec<String>,
}

/// Runs a command there. `place` is the one directory that it may write to.
pub(crate) fn run(place: &Path, command: &Command) -> Told {
    let mut inside = Command::new("unshare");
    inside
        .args(["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["--propagation", "private", "sh", "-c", BUILD, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    let own = place.join("tmp");
    fs::create_dir_all(&own).unwrap();
    let output = inside.env("PLACE", place).env("RUN", RUN).env("TMPDIR", own).output().unwrap();
    let changed = changed(place).unwrap_or_else(|missing| panic!("no {missing}: {output:?}"));
    fs::remove_dir(place.join("world")).unwrap();
    Told { output, changed }
}

fn changed(place: &Path) -> Result<Vec<String>, &'static str> {
    let take = |name| {
        let text = fs::read_to_string(place.join(name)).map_err(|_| name);
        drop(fs::remove_file(place.join(name)));
        text
    };
    let (before, after, files) = (take("before")?, take("after")?, take("files")?);
    let lost = before.lines().filter(|line| !after.lines().any(|now| now == *line));
    let new = after.lines().filter(|line| !before.lines().any(|then| then == *line));
    let lost = lost.map(|line| format!("gone: {line}"));
    let new = new.map(|line| format!("new: {line}"));
    Ok(files.lines().filter_map(file).chain(lost).chain(new).collect())
}

/// A line of what lies over the machine's files; `None` for a directory that only had to be there for what is in it.
fn file(line: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next().unwrap();
    let (kind, mode, uid, gid, path) = (word(), word(), word(), word(), word());
    let below = fs::symlink_metadata(Path::new("/").join(path)).ok();
    let as_it_was = below.is_some_and(|below| {
        let was = (below.mode() & 0o7777, below.uid().to_string(), below.gid().to_string());
        below.is_dir() && was == (u32::from_str_radix(mode, 8).unwrap(), uid.to_owned(), gid.to_owned())
    });
    // A character device stands for a name that was taken away.
    let what = if kind == "c" { "taken away" } else { "written" };
    (kind != "d" || !as_it_was).then(|| format!("{what}: /{path}"))
}
