//! Bare hands: the article's own commands are pasted into a pseudo-terminal, the goals are reached by what the kernel shows,
//! and whatever is made goes again, however it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::path::Path;
use std::process::Command;

use support::screen::{ENTER, Screen, Seat};
use support::user::User;
use support::{can_run_labs, has, is_root, left_by, rlab, skip, status, stderr, wait_for};

/// Whether the article's paths are there: its control groups are those of v1.
fn can_paste() -> bool {
    if !can_run_labs() || !has("bash") || !has("su") {
        return false;
    }
    let v1 = Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists();
    if !v1 {
        skip("the article's commands are for cgroup v1");
    }
    v1
}

const CHROOT: &str = "cd ~/Downloads\t # location of binary
mv busybox-x86_64 busybox
chmod +x busybox
./busybox echo Hello from BusyBox!
mkdir ~/container
cd ~/container
mkdir -p bin dev etc proc sys
cp ~/Downloads/busybox bin
sudo chroot . /bin/busybox sh
busybox ls /
busybox ls /proc
busybox ps -A
exit
sudo mount -t proc /proc ./proc
sudo chroot . /bin/busybox sh
busybox ls /bin
exit
";

const NAMESPACE: &str = "sudo unshare -f -p --mount-proc=$PWD/proc \\
  chroot . /bin/busybox sh
busybox ps -A
exit
";

const MEMORY: &str = "sudo su   # superusers only
mkdir /sys/fs/cgroup/memory/busybox
ls -1 /sys/fs/cgroup/memory/busybox
cd /sys/fs/cgroup/memory/busybox
echo 7340032 > memory.limit_in_bytes
exit
sudo /bin/sh\t# start a new shell
cd /sys/fs/cgroup/memory/busybox
echo $$ >> tasks
toomuch=$(head -c 7500000 /dev/urandom)
cat /sys/fs/cgroup/memory/busybox/tasks
sudo rmdir /sys/fs/cgroup/memory/busybox
";

const SCRIPT: &str = "cd ~/Downloads
mv busybox-x86_64 busybox
cat > ~/container.sh <<'END'
#!/bin/sh
memoryLimit=7340032\t# 7 MB
pid=$$
mkdir -p /tmp/container/$pid
cd /tmp/container/$pid
mkdir -p bin dev etc proc sys
cp ~/Downloads/busybox bin
chmod +x bin/busybox
sudo mount -t proc /proc proc
cgDir=/sys/fs/cgroup/memory/container$pid
sudo mkdir $cgDir
sudo su -c \"echo $pid > $cgDir/tasks\"
sudo su -c \"echo $memoryLimit > $cgDir/memory.limit_in_bytes\"
touch dev/urandom
sudo mount --bind /dev/urandom dev/urandom
sudo unshare -f -p --mount-proc=$PWD/proc \\
    chroot . /bin/busybox sh
sudo su -c \"echo $pid > $cgDir/../tasks\"
sudo rmdir $cgDir
sudo umount dev/urandom
sudo umount proc
rm -rf /tmp/container/$pid
END
cd; chmod +x container.sh
sudo ./container.sh
busybox echo Hello from a container!
busybox ls /
data=$(busybox head -c 7500000 /dev/urandom)
";

/// A challenge, as far as its first prompt. What is pasted waits in the terminal already: an answer of the terminal would
/// come into the middle of it.
fn begin(lab: &str) -> Screen {
    let mut screen = Seat::new(100, 40).env("SHELL", "/bin/bash").mute().start(&["challenge", lab]);
    screen.asks("#");
    screen
}

/// Pastes all of it at once, and leaves. Gives the exit status and what was shown.
fn paste(lab: &str, text: &str) -> (i32, String) {
    let mut screen = begin(lab);
    screen.press(&format!("{text}exit\n"));
    let status = screen.end();
    assert_eq!(left_by(screen.pid()), Vec::<String>::new(), "{lab}");
    (status.code().unwrap(), screen.text())
}

#[test]
fn the_articles_commands_reach_every_goal() {
    if !can_paste() {
        return;
    }
    let namespace = format!("{CHROOT}{NAMESPACE}sudo umount proc\n");
    let chroot = format!("{CHROOT}sudo umount proc\n");
    for (lab, text) in [
        ("chroot", chroot.as_str()),
        ("pid-namespace", &namespace),
        ("memory-cgroup", MEMORY),
        ("container", SCRIPT),
    ] {
        let (status, shown) = paste(lab, text);
        assert!(status == 0 && !shown.contains('✗'), "{lab} ended with {status}:\n{shown}");
    }
}

#[test]
fn nothing_is_made_on_the_host_beside_the_place() {
    if !can_paste() {
        return;
    }
    let name = format!("left-{}", std::process::id());
    let hierarchies = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let tops: Vec<&str> = hierarchies
        .lines()
        .filter(|line| line.split(' ').nth(2).is_some_and(|kind| kind.starts_with("cgroup")))
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert!(tops.len() > 3, "{tops:?}");
    let disk = ["", "/dev", "/dev/shm", "/run", "/etc", "/root", "/usr", "/var", "/var/tmp", "/opt"];
    let mut lines = String::new();
    for place in tops.iter().chain(&disk) {
        lines.push_str(&format!("mkdir {place}/{name}\n"));
    }
    let ipc = || std::fs::read_to_string("/proc/sysvipc/shm").unwrap().lines().count();
    let before = (ipc(), std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap());
    lines.push_str("hostname left-behind; hostname\nipcmk -M 4096\n");
    lines.push_str("head -c 9 /dev/zero > /dev/null && echo devices wo''rk\n");
    let (_, shown) = paste("chroot", &lines);
    assert!(shown.contains("Read-only file system") && shown.contains("devices work"), "{shown}");
    for place in tops.iter().chain(&disk) {
        let path = format!("{place}/{name}");
        let left = Path::new(&path).exists();
        let _ = std::fs::remove_dir(&path);
        assert!(!left, "{place} has it:\n{shown}");
    }
    assert!(shown.contains("\nleft-behind"), "{shown}");
    assert_eq!((ipc(), std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap()), before, "{shown}");
}

/// A disk that hangs below another directory, with a blank in its name, and one that is hidden by a later mount.
#[test]
fn a_file_system_below_another_can_only_be_read_too() {
    if !can_paste() || !has("unshare") {
        return;
    }
    let place = tempfile::Builder::new().prefix("disk ").tempdir_in("/var/tmp").unwrap();
    let script = "set -e; cd \"$1\"; mkdir deep hidden; mount -t tmpfs disk deep; mount -t tmpfs disk hidden
                  mkdir hidden/below; mount -t tmpfs disk hidden/below; mount -t tmpfs disk hidden; mkdir hidden/below
                  echo kept > deep/file; shift; exec \"$@\"";
    let at = place.path().to_str().unwrap();
    let program =
        ["env", "SHELL=/bin/bash", &format!("HOME={at}"), env!("CARGO_BIN_EXE_rlab"), "challenge", "chroot"];
    let words = [&["--mount", "sh", "-c", script, "sh", at], &program[..]].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let mut screen = Seat::new(100, 40).run("unshare", &words);
    screen.asks("#");
    screen.press(&format!(
        "cat '{at}/deep/file'; for at in deep hidden; do mkdir '{at}'/$at/made; done; exit{ENTER}"
    ));
    screen.end();
    let shown = screen.text();
    assert!(shown.contains("\nkept"), "{shown}");
    assert_eq!(shown.matches("Read-only file system").count(), 2, "{shown}");
}

/// A challenge in which each birth of a process is held up for three seconds: that of the keeper, and then, after the look at
/// what is mounted, that of the shell. In the midst of that one the host does this.
fn meanwhile(line: &str, place: &Path) -> Screen {
    let script = format!(
        "cd \"$1\" && mkdir gone deep come && mount -t tmpfs disk gone && mount -t tmpfs disk deep && mkdir deep/er
         mount -t tmpfs disk deep/er; touch held; shift
         (until grep -q DELAYED held; do sleep 0.05; done; sleep 1.5; {line}) & exec \"$@\""
    );
    let at = place.to_str().unwrap();
    let held = format!("{at}/held");
    let outer = ["--mount", "--propagation", "private", "sh", "-c", &script, "sh", at];
    let strace =
        ["strace", "-f", "-o", &held, "-e", "trace=clone3", "-e", "inject=clone3:delay_enter=3000000"];
    let home = format!("HOME={at}");
    let program = ["env", "SHELL=/bin/bash", &home, env!("CARGO_BIN_EXE_rlab"), "challenge", "chroot"];
    let words = [&outer[..], &strace, &program].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    Seat::new(100, 40).run("unshare", &words)
}

#[test]
fn what_is_unmounted_meanwhile_is_not_missed() {
    if !can_paste() || !has("unshare") || !has("strace") {
        return;
    }
    let place = tempfile::Builder::new().prefix("disk").tempdir_in("/var/tmp").unwrap();
    let mut screen = meanwhile("umount gone deep/er deep", place.path());
    screen.asks("#");
    screen.press(&format!("exit{ENTER}"));
    screen.end();
    let shown = screen.text();
    assert!(!shown.contains("error:") && !shown.contains("EINVAL"), "{shown}");
    let held = std::fs::read_to_string(place.path().join("held")).unwrap();
    assert!(held.matches("clone3").count() >= 2, "{held}");
}

#[test]
fn what_is_mounted_meanwhile_could_be_written_to_so_nothing_begins() {
    if !can_paste() || !has("unshare") || !has("strace") {
        return;
    }
    let place = tempfile::Builder::new().prefix("disk").tempdir_in("/var/tmp").unwrap();
    let mut screen = meanwhile("mount -t tmpfs disk come", place.path());
    assert_eq!(screen.end().code(), Some(125));
    let shown = screen.text();
    assert!(
        shown.contains("was mounted meanwhile") && shown.contains("/come`") && shown.contains("begin again"),
        "{shown}"
    );
}

#[test]
fn a_goal_without_its_command_is_not_reached() {
    if !can_paste() {
        return;
    }
    let lines = |text: &str, gone: &str| -> String {
        assert!(text.contains(gone));
        text.lines().filter(|line| !line.contains(gone)).map(|line| format!("{line}\n")).collect()
    };
    let (status, shown) = paste("memory-cgroup", &lines(MEMORY, "rmdir"));
    assert_eq!((status, shown.matches('✗').count()), (1, 1), "{shown}");
    // The shell that nothing has killed has to be left.
    let (status, shown) = paste("memory-cgroup", &(lines(MEMORY, "toomuch") + "exit\n"));
    assert_eq!(status, 1, "{shown}");
    let (status, shown) = paste("pid-namespace", &format!("{CHROOT}sudo umount proc\n"));
    assert_eq!(status, 1, "{shown}");
}

/// A process, a mount, a directory and a group, made by hand and left.
const LITTER: &str = "mkdir /sys/fs/cgroup/memory/mine; mkdir /sys/fs/cgroup/memory/mine/below; \
                      (echo 0 > /sys/fs/cgroup/memory/mine/below/tasks; setsid sleep 18881 &) ; \
                      mkdir /tmp/left; mount -t tmpfs tmpfs /tmp/left; echo made";

#[test]
fn what_is_left_in_it_is_taken_away_and_a_strangers_group_is_not() {
    if !can_paste() {
        return;
    }
    let strangers = format!("/sys/fs/cgroup/memory/stranger{}", std::process::id());
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    for way in ["exit", "close", "kill"] {
        let before = mounts();
        let mut screen = begin("memory-cgroup");
        // Made by somebody else meanwhile.
        std::fs::create_dir(&strangers).unwrap();
        screen.press(&format!("{LITTER}{ENTER}"));
        wait_for("the process that is left", || screen.runs("sleep 18881"));
        let pid = screen.pid();
        match way {
            "exit" => screen.press(&format!("exit{ENTER}")),
            "close" => screen.hang_up(),
            _ => drop(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap()),
        }
        screen.end();
        wait_for("an empty place", || left_by(pid).is_empty());
        assert!(Path::new(&strangers).exists(), "{way}");
        std::fs::remove_dir(&strangers).unwrap();
        assert!(!Path::new("/tmp/left").exists() && !Path::new("/tmp/challenge").exists(), "{way}");
        assert_eq!(mounts(), before, "{way}");
    }
}

#[test]
fn a_goal_that_is_reached_is_told_and_what_is_typed_stays() {
    if !can_paste() {
        return;
    }
    let mut screen = begin("memory-cgroup");
    screen.press(&format!(
        "mkdir /sys/fs/cgroup/memory/busybox; cd /sys/fs/cgroup/memory/busybox; echo 7340032 > memory.limit_in_bytes{ENTER}"
    ));
    screen.asks("#");
    screen.press(&format!("sleep 18882 &{ENTER}"));
    screen.press("echo $! > tasks; echo half");
    screen.see("echo half");
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(screen.cursor_row().text.ends_with("echo half"));
    screen.press(&format!("-typed{ENTER}"));
    screen.see("half-typed");
    screen.see("✓ a process is a member");
    screen.asks("#");
    screen.press(&format!("kill %1; cd; rmdir /sys/fs/cgroup/memory/busybox; exit{ENTER}"));
    assert_eq!(screen.end().code(), Some(1));
    assert_eq!(left_by(screen.pid()), Vec::<String>::new());
}

#[test]
fn who_cannot_is_told_what_is_needed() {
    if !is_root() || !has("setpriv") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let output = User::new(61_238).rlab().args(["challenge", "chroot"]).output().unwrap();
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("needs root") && stderr(&output).contains("hint:"),
        "{}",
        stderr(&output)
    );
    for words in [["challenge", "exec"], ["challenge", "nowhere"], ["challenge", "chroot"]] {
        let output = rlab(home.path()).args(words).output().unwrap();
        assert_eq!(status(&output), 2, "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("hint:"), "{words:?}: {}", stderr(&output));
    }
}
