//! The same room on a kernel that has cgroup v2 and nothing else: this very test program runs in one, as a process of this
//! machine (User Mode Linux), with this machine's files to read and file systems in memory to write to.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::{has, repository};

/// The first process of the guest.
const INIT: &str = r#"#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
chmod 666 /dev/ptmx /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo '+memory +pids +cpu' >/sys/fs/cgroup/cgroup.subtree_control
ip link set lo up
cd REPOSITORY
echo "groups: $(stat -f -c %T /sys/fs/cgroup)"
TMPDIR=/dev/shm HOME=/dev/shm RLAB_MUST_RUN=1 RLAB_LEARNERS=3 TEST --exact at_once::TWENTY --nocapture
sync
echo o >/proc/sysrq-trigger
sleep 60
"#;

#[test]
fn on_a_kernel_with_cgroup_v2_alone_it_is_the_same() {
    if !crate::can_open_a_room() || !has("linux.uml") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let init = place.path().join("init");
    let text = INIT
        .replace("REPOSITORY", repository().to_str().unwrap())
        .replace("TEST", std::env::current_exe().unwrap().to_str().unwrap())
        .replace("TWENTY", "twenty_learners_walk_the_labs_at_once_and_none_sees_another");
    std::fs::write(&init, text).unwrap();
    std::fs::set_permissions(&init, PermissionsExt::from_mode(0o755)).unwrap();
    let output = Command::new("timeout")
        .args([
            "--kill-after=5",
            "300",
            "linux.uml",
            "mem=1500M",
            "root=/dev/root",
            "rootfstype=hostfs",
            "ro",
        ])
        .args(["rootflags=/", "con=null", "con0=fd:0,fd:1", "quiet"])
        .arg(format!("uml_dir={}", place.path().display()))
        .arg(format!("init={}", init.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("groups: cgroup2fs") && told.contains("test result: ok. 1 passed"), "{told}");
}
