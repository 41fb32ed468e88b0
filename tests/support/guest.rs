//! A kernel with cgroup v2 and nothing else: a guest that is a process of this machine (User Mode Linux), with this machine's
//! files to read and file systems in memory to write to.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// The first process of the guest. It says first of what kind its groups are.
const INIT: &str = r#"#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/dev/shm HOME=/dev/shm
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
echo "groups: $(stat -f -c %T /sys/fs/cgroup)"
SCRIPT
sync
echo o >/proc/sysrq-trigger
sleep 60
"#;

/// Runs a shell script in such a guest, at most five minutes, and gives what its terminal showed.
pub(crate) fn on_v2_alone(script: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let init = place.path().join("init");
    std::fs::write(&init, INIT.replace("SCRIPT", script)).unwrap();
    std::fs::set_permissions(&init, PermissionsExt::from_mode(0o755)).unwrap();
    let output = Command::new("timeout")
        .args(["--kill-after=5", "300", "linux.uml", "mem=1500M"])
        .args(["root=/dev/root", "rootfstype=hostfs", "ro", "rootflags=/"])
        .args(["con=null", "con0=fd:0,fd:1", "quiet"])
        .arg(format!("uml_dir={}", place.path().display()))
        .arg(format!("init={}", init.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(told.contains("groups: cgroup2fs"), "{told}");
    told
}
