//! The room of the book's page "One shared server", in a corner of this machine: set up with the page's own lines, in a
//! mount namespace with copies of the directories that they write to, below control groups of the test's own.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::screen::{Screen, Seat};
use crate::support::{repository, stdout, wait_for};

/// Something taken out of what is shipped: file, what stands there, what stands there instead.
pub(crate) type Change<'a> = (&'a str, &'a str, &'a str);

/// What each of the scripts is told before: directories that the page's lines write to are copies, or empty.
const CORNER: &str = r#"
for group in $GROUPS_OF_TEST; do echo 0 >$group/cgroup.procs; done
cp -a /etc "$PLACE/etc"
mount --bind "$PLACE/etc" /etc
for empty in /run /var/log /var/mail /usr/local/lib /usr/local/bin; do
    [ ! -d $empty ] || mount -t tmpfs none $empty
done
umask 022
"#;

/// An open room.
pub(crate) struct Room {
    place: tempfile::TempDir,
    /// The first process in the corner: the script, which becomes sshd.
    sshd: Child,
    port: u16,
    /// The control groups of the test, one a tree.
    groups: Vec<PathBuf>,
}

impl Room {
    /// Sets it up for these learners, with something changed, and waits until it is open.
    pub(crate) fn open(learners: &[String], changes: &[Change<'_>]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let at = place.path();
        // Others have to get through, to the keys of the host too.
        fs::set_permissions(at, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let share = at.join("share/shared-server");
        fs::create_dir_all(&share).unwrap();
        let shipped = repository().join("share/shared-server");
        let mut changes_left: Vec<&Change<'_>> = changes.iter().collect();
        let port_line = format!("Port {port}\nListenAddress 127.0.0.1");
        for entry in fs::read_dir(shipped).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let mut text = fs::read_to_string(entry.path()).unwrap();
            if name == "sshd_config" {
                text = text.replace("Port 2222", &port_line);
            }
            changes_left.retain(|(file, from, to)| {
                let here = *file == name && text.contains(from);
                if here {
                    text = text.replace(from, to);
                }
                !here
            });
            fs::write(share.join(name), text).unwrap();
        }
        assert!(changes_left.is_empty(), "not in what is shipped: {changes_left:?}");

        let mut script = CORNER.to_owned();
        for line in page_lines() {
            if line.starts_with("/usr/local/lib/rlab-room/add-learner ") {
                for name in learners {
                    script.push_str(&line.replace("ada", name));
                    script.push('\n');
                    let made = Command::new("ssh-keygen")
                        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                        .arg(at.join(name))
                        .output();
                    assert!(made.unwrap().status.success());
                }
            } else {
                script.push_str(&line.replace("target/*/release/rlab", env!("CARGO_BIN_EXE_rlab")));
                script.push('\n');
            }
        }
        let unit = fs::read_to_string(share.join("rlab-room.service")).unwrap();
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        script.push_str(&format!("exec {start}\n"));

        let groups = own_groups();
        let log = fs::File::create(at.join("log")).unwrap();
        let sshd = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-euc", &script])
            .current_dir(at)
            .env("PLACE", at)
            .env(
                "GROUPS_OF_TEST",
                groups.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>().join(" "),
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut room = Self { place, sshd, port, groups };
        wait_for("the room", || {
            let ended = room.sshd.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}:\n{}", room.log());
            room.log().contains("Server listening")
        });
        room
    }

    /// What sshd and the scripts said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap()
    }

    /// The words of the ssh client for a learner: nothing of the machine's configuration, no question.
    pub(crate) fn ssh(&self, learner: &str, words: &[&str]) -> Vec<String> {
        let key = self.place.path().join(learner).display().to_string();
        let known = self.place.path().join("known").display().to_string();
        let host = fs::read_to_string(self.place.path().join("etc/rlab-room/host_key.pub")).unwrap();
        // Whoever comes first writes it; all of them write the same.
        fs::write(&known, format!("[127.0.0.1]:{} {host}", self.port)).unwrap();
        let port = self.port.to_string();
        let mut all: Vec<String> =
            ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"].map(str::to_owned).to_vec();
        all.extend([
            "-o".to_owned(),
            format!("UserKnownHostsFile={known}"),
            "-i".to_owned(),
            key,
            "-p".to_owned(),
            port,
        ]);
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all
    }

    /// A learner at a terminal.
    pub(crate) fn terminal(&self, learner: &str) -> Screen {
        let words = self.ssh(learner, &["-tt", &format!("{learner}@127.0.0.1")]);
        let mut screen = Seat::new(80, 24).run("ssh", &words);
        screen.prompt();
        screen
    }

    /// What comes of lines that are fed to a learner's ssh.
    pub(crate) fn feed(&self, learner: &str, lines: &str) -> Output {
        let words = self.ssh(learner, &["-T", &format!("{learner}@127.0.0.1")]);
        crate::support::feed(Command::new("ssh").args(words), format!("{lines}\nquit\n"))
    }

    /// Feeds lines to a learner's ssh, which goes on until this is dropped.
    pub(crate) fn feed_slowly(&self, learner: &str, lines: &str) -> Fed {
        let words = self.ssh(learner, &["-T", &format!("{learner}@127.0.0.1")]);
        let child =
            Command::new("ssh").args(words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.as_ref().unwrap().write_all(lines.as_bytes()).unwrap();
        Fed(child)
    }

    /// A file in the home of a learner; empty where it is not there.
    pub(crate) fn kept(&self, learner: &str, file: &str) -> String {
        let path = format!("/proc/{}/root/run/rlab-room/homes/{learner}/{file}", self.sshd.id());
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    }

    /// The directory of a learner's group that has this file; `None` before the first login.
    pub(crate) fn group(&self, learner: &str, file: &str) -> Option<PathBuf> {
        let below = ["rlab-room", "rlab-room/learners"].map(|name| Path::new(name).join(learner));
        let paths = self.groups.iter().flat_map(|group| below.clone().map(|below| group.join(below)));
        paths.into_iter().find(|path| path.join(file).exists())
    }

    /// Every process of a learner, as this machine numbers them.
    pub(crate) fn processes(&self, learner: &str) -> Vec<i32> {
        let group = self.group(learner, "pids.max");
        let of = |group: PathBuf| fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        let texts: Vec<String> = group.iter().flat_map(|group| groups_in(group)).map(of).collect();
        texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.parse().ok()).collect()
    }

    /// Closes the room as the service would, and tells what is left of it.
    pub(crate) fn close(mut self) -> Vec<String> {
        let unit = repository().join("share/shared-server/rlab-room.service");
        let unit = fs::read_to_string(unit).unwrap();
        let stop = unit.lines().find_map(|line| line.strip_prefix("ExecStopPost=")).unwrap();
        // Another process holds the corner open when sshd has ended.
        let mut corner = Command::new("nsenter")
            .args(["--target", &self.sshd.id().to_string(), "--mount", "--wd=/", "sh", "-c"])
            .arg(format!("read go; {stop}; ls /run/rlab-room; grep rlab-home /proc/self/mountinfo"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It has to be in the corner before.
        wait_for("the corner", || {
            let of = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
            of(corner.id()) == of(self.sshd.id())
        });
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.sshd.id() as i32),
            nix::sys::signal::Signal::SIGTERM,
        )
        .unwrap();
        self.sshd.wait().unwrap();
        corner.stdin.take().unwrap().write_all(b"go\n").unwrap();
        let said = corner.wait_with_output().unwrap();
        let mut left: Vec<String> = stdout(&said).lines().map(str::to_owned).collect();
        // `ls` says that there is no such directory; nothing else may be said.
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        left.extend(
            said.lines().filter(|line| !line.contains("cannot access '/run/rlab-room'")).map(str::to_owned),
        );
        for group in &self.groups {
            left.extend(
                groups_in(group)
                    .into_iter()
                    .filter(|path| path != group)
                    .map(|path| path.display().to_string()),
            );
            left.extend(
                fs::read_to_string(group.join("cgroup.procs"))
                    .unwrap()
                    .lines()
                    .map(|pid| format!("process {pid}")),
            );
        }
        left
    }
}

/// An ssh client that is ended when it is dropped, as by a laptop that is shut.
pub(crate) struct Fed(Child);

impl Drop for Fed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        // Of a test that failed; after `close` there is nothing.
        for group in &self.groups {
            for _ in 0..100 {
                for path in groups_in(group) {
                    for pid in fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default().lines() {
                        let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
                        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
                    }
                    let _ = fs::remove_dir(path);
                }
                if !group.exists() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

/// The lines that the page has root type, but those for what is here already.
fn page_lines() -> Vec<String> {
    let page = fs::read_to_string(repository().join("book/src/shared-server.md")).unwrap();
    let typed = page.lines().filter_map(|line| line.strip_prefix("# "));
    let commands = ["install ", "ssh-keygen ", "echo ", "/usr/local/"];
    let lines: Vec<String> = typed
        .filter(|line| commands.iter().any(|command| line.starts_with(command)))
        .map(str::to_owned)
        .collect();
    assert!(lines.len() >= 6, "{lines:?}");
    lines
}

/// A group and those below it, deepest first.
pub(crate) fn groups_in(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let below = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut found: Vec<PathBuf> = below.flat_map(|path| groups_in(&path)).collect();
    found.push(group.to_owned());
    found
}

/// A group of the test's own in each tree that the room uses, in which the room is set up.
fn own_groups() -> Vec<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("rlab-test-room-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let wanted = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let v1 = back.starts_with("cgroup ")
            && ["memory", "pids", "cpu"].iter().any(|name| back.split([',', ' ']).any(|word| word == *name));
        let path = PathBuf::from(front.split(' ').nth(4)?);
        (v1 || path.join("cgroup.controllers").exists() && path == Path::new("/sys/fs/cgroup"))
            .then_some(path)
    };
    let trees = mounts.lines().filter_map(wanted);
    trees
        .map(|tree| {
            let group = tree.join(&name);
            fs::create_dir(&group).unwrap();
            group
        })
        .collect()
}
