//! What one learner tries against another, and against the server. Each attack is made twice: on the room as it is shipped,
//! where it must not get through, and on one whose protection was taken out, where it must.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;

use crate::room::{Change, Fed, Room};
use crate::support::screen::Screen;
use crate::support::wait_for;

/// Who attacks.
const MALLORY: &str = "mallory";
/// Who is attacked.
const BOB: &str = "bob";

/// Something that is tried.
struct Attack {
    name: &'static str,
    /// What is taken out, so that it gets through.
    without: &'static [Change<'static>],
    /// Makes it; whether it got through.
    gets_through: fn(&Room) -> bool,
}

const ATTACKS: [Attack; 15] = [
    Attack {
        name: "read the command lines of others",
        without: &[("seat", " --unshare-pid", ""), ("seat", "--proc /proc", "--ro-bind /proc /proc")],
        gets_through: |room| run(room, "cat /proc/[0-9]*/cmdline >~/out").contains("secret words of bob"),
    },
    Attack {
        name: "kill the processes of others",
        // Without namespaces the accounts would still keep them apart: both have to go.
        without: &[
            ("seat", " --unshare-pid", ""),
            ("seat", "--proc /proc", "--ro-bind /proc /proc"),
            ("add-learner", "useradd ", "useradd --non-unique --uid 64999 "),
            ("seat", "name=$(id -un)", "name=$USER"),
        ],
        gets_through: |room| {
            let bobs = secret_process(room).unwrap();
            run(room, &format!("kill -KILL {bobs}; kill -KILL $(seq 3 400); true"));
            secret_process(room) != Some(bobs)
        },
    },
    Attack {
        name: "read the files in /tmp of others",
        without: &[(
            "seat",
            "--perms 1777 --size \"$(numfmt --from=iec \"$TMP_SIZE\")\" --tmpfs /tmp",
            "--bind /tmp /tmp",
        )],
        gets_through: |room| run(room, "cat /tmp/of-bob* >~/out").contains("file of bob"),
    },
    Attack {
        name: "read the home of others",
        without: &[
            ("seat", "--proc /proc", "--proc /proc --bind /run /run"),
            ("open-seat", "mode=0700", "mode=0777"),
            ("open-seat", "install -d -m 0700", "install -d -m 0777"),
        ],
        gets_through: |room| {
            run(room, "cat /run/rlab-room/homes/bob/letter /home/bob/letter /home/*/letter >~/out")
                .contains("letter of bob")
        },
    },
    Attack {
        name: "more processes than allowed",
        without: &[("room.conf", "PROCESSES=700", "PROCESSES=1000")],
        gets_through: |room| {
            let many = "for i in $(seq 800); do sleep 300 >/dev/null 2>&1 & done; echo all of them >~/out";
            run(room, many).contains("all of them")
        },
    },
    Attack {
        name: "more memory than allowed",
        without: &[("room.conf", "MEMORY=384M", "MEMORY=4G")],
        gets_through: |room| {
            run(room, "head -c 700000000 /dev/zero | tail -c 600000000 | wc -c >~/out").contains("600000000")
        },
    },
    Attack {
        name: "a large file in /tmp",
        without: &[("room.conf", "TMP_SIZE=192M", "TMP_SIZE=350M")],
        gets_through: |room| {
            run(room, "head -c 300000000 /dev/zero >/tmp/big; stat -c %s /tmp/big >~/out")
                .contains("300000000")
        },
    },
    Attack {
        name: "a large file at home",
        without: &[("room.conf", "HOME_SIZE=32M", "HOME_SIZE=128M")],
        gets_through: |room| {
            run(
                room,
                "head -c 60000000 /dev/zero >~/big; stat -c %s ~/big >/tmp/o; rm ~/big; cat /tmp/o >~/out",
            )
            .contains("60000000")
        },
    },
    Attack {
        name: "connect to what listens on the server",
        without: &[("seat", " --unshare-net", "")],
        gets_through: |room| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let port = listener.local_addr().unwrap().port();
            run(room, &format!("bash -c 'echo here >/dev/tcp/127.0.0.1/{port}'"));
            listener.accept().is_ok()
        },
    },
    Attack {
        name: "look at the shared memory of others",
        without: &[("seat", " --unshare-ipc", "")],
        gets_through: |room| {
            let made = Command::new("ipcmk").args(["--shmem", "4096", "--mode", "0666"]).output().unwrap();
            let made = String::from_utf8(made.stdout).unwrap();
            let id = made.trim().rsplit(' ').next().unwrap();
            let seen = run(room, "cat /proc/sysvipc/shm >~/out");
            assert!(Command::new("ipcrm").args(["--shmem-id", id]).status().unwrap().success());
            seen.lines().any(|line| line.split_whitespace().nth(1) == Some(id))
        },
    },
    Attack {
        name: "a tunnel through the server",
        without: &[
            ("sshd_config", "DisableForwarding yes", "AllowTcpForwarding yes"),
            ("add-learner", "restrict,pty ", "pty "),
        ],
        gets_through: tunnel,
    },
    Attack {
        name: "a command in place of rlab",
        without: &[
            ("sshd_config", "ForceCommand", "#ForceCommand"),
            (
                "add-learner",
                "--shell /usr/local/lib/rlab-room/seat",
                "--shell $([ $name = bob ] && echo /usr/local/lib/rlab-room/seat || echo /bin/sh)",
            ),
        ],
        gets_through: |room| {
            let words = room.ssh(MALLORY, &["-T", "mallory@127.0.0.1", "cat /etc/rlab-room/host_key.pub"]);
            let output = Command::new("ssh").args(words).output().unwrap();
            String::from_utf8_lossy(&output.stdout).contains("ssh-ed25519")
        },
    },
    Attack {
        name: "a file that runs at the next login, outside of the seat",
        without: &[(
            "add-learner",
            "--home-dir / --shell /usr/local/lib/rlab-room/seat",
            "--home-dir /run/rlab-room/homes/$name --shell /bin/bash",
        )],
        gets_through: |room| {
            // Each of these is read by a shell, by sshd, or by PAM.
            let files = "mkdir -p ~/.ssh; for f in .bashrc .bash_profile .profile .ssh/rc .pam_environment .kshenv; do \
                         echo 'ls /run/rlab-room >>/run/rlab-room/homes/mallory/out' >~/$f; done";
            run(room, files);
            run(room, "true").contains("groups")
        },
    },
    Attack {
        name: "something that goes on when the connection has ended",
        without: &[("seat", "exec setpriv --pdeathsig KILL \"$0\" seated", "true")],
        gets_through: |room| {
            let session = room.feed_slowly(MALLORY, "!sleep 1000\n");
            let lasts = || room.processes(MALLORY).into_iter().any(sleeps);
            wait_for("what goes on", lasts);
            drop(session);
            // It may take a moment, and never for ever.
            (0..100).all(|_| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                lasts()
            })
        },
    },
    Attack {
        name: "go out by a mount, a namespace or the group of another",
        without: &[(
            "seat",
            "--proc /proc",
            "--bind /run /run --ro-bind /etc/rlab-room /etc/rlab-room --proc /proc",
        )],
        gets_through: |room| {
            let tries = "(umount /tmp /home/mallory /proc /usr; unshare -Urm sh -c 'umount /tmp; umount -l /; mount --bind / /tmp; \
                         chroot /proc/1/root ls /etc/rlab-room'; nsenter -t 1 -a ls /etc/rlab-room; ls /proc/1/cwd /etc/rlab-room; \
                         find /sys/fs/cgroup -name bob; echo 1 >/sys/fs/cgroup/memory/../pids.max; mount -t tmpfs none /usr; \
                         echo mallory >/proc/sys/kernel/hostname) >~/out 2>&1";
            let out = run(room, tries);
            ["sshd_config", "/bob", "of-bob"].into_iter().any(|word| out.contains(word))
        },
    },
];

/// Has mallory run a script in the seat's second terminal, and gives what it left in `~/out`.
fn run(room: &Room, script: &str) -> String {
    let output = room.feed(MALLORY, &format!("!{script}"));
    // Who has not even come in has attacked nobody; who was killed by the own attack has.
    assert!(!output.stdout.is_empty(), "{output:?}\n{}", room.log());
    room.kept(MALLORY, "out")
}

/// Bob's process, as this machine numbers it.
fn secret_process(room: &Room) -> Option<i32> {
    let is_it = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"sh\0-c\0sleep") && words.ends_with(b"\0secret words of bob\0")
    };
    room.processes(BOB).into_iter().find(is_it)
}

/// Whether a process is a `sleep 1000`.
fn sleeps(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words == b"sleep\x001000\0")
}

/// Asks for a tunnel to a port of the server's, and whether something comes out of it.
fn tunnel(room: &Room) -> bool {
    let (inner, outer) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let to = inner.local_addr().unwrap().port();
    let from = outer.local_addr().unwrap().port();
    drop(outer);
    inner.set_nonblocking(true).unwrap();
    let ways = format!("{from}:127.0.0.1:{to}");
    let words =
        room.ssh(MALLORY, &["-N", "-o", "ExitOnForwardFailure=yes", "-L", &ways, "mallory@127.0.0.1"]);
    let mut ssh = Command::new("ssh").args(words).stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_for("the near end of the tunnel", || std::net::TcpStream::connect(("127.0.0.1", from)).is_ok());
    let mut near = std::net::TcpStream::connect(("127.0.0.1", from)).unwrap();
    near.set_read_timeout(Some(std::time::Duration::from_millis(1500))).unwrap();
    // Where the far end is refused, the near one is closed.
    let _ = near.read(&mut [0]);
    let came = inner.accept().is_ok();
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    came
}

/// Bob at two terminals, with something of each kind to be found.
fn bob(room: &Room) -> (Screen, Fed) {
    let mut screen = room.terminal(BOB);
    screen.line("start pid-namespace:fresh");
    screen.line("!echo file of bob >/tmp/of-bob; echo letter of bob >~/letter; chmod 644 ~/letter");
    // On what is the host to him, where nothing but the seat protects it.
    let second = room.feed_slowly(BOB, "!sh -c 'sleep 1000; :' 'secret words of bob'\n");
    wait_for("bob's process", || secret_process(room).is_some());
    (screen, second)
}

#[test]
fn what_one_learner_tries_reaches_nobody_else() {
    if !crate::can_open_a_room() {
        return;
    }
    let room = Room::open(&[BOB.to_owned(), MALLORY.to_owned()], &[]);
    let (mut screen, second) = bob(&room);
    let through: Vec<&str> =
        ATTACKS.iter().filter(|attack| (attack.gets_through)(&room)).map(|attack| attack.name).collect();
    assert_eq!(through, Vec::<&str>::new());

    // While a fork bomb goes off beside him, bob works.
    let bomb = room.feed_slowly(MALLORY, "!bash -c 'while :; do (while :; do sleep 100 & done) & done'\n");
    wait_for("the bomb", || room.processes(MALLORY).len() > 600);
    assert!(room.processes(MALLORY).len() <= 700);
    screen.line("unshare -f -p --mount-proc");
    let shown = screen.line("echo the first is $$");
    assert!(shown.contains("the first is 1\n"), "{shown}");
    drop(bomb);
    wait_for("the end of the bomb with its session", || room.processes(MALLORY).is_empty());
    assert!(secret_process(&room).is_some());
    drop(second);
    screen.press("quit\r");
    assert!(screen.end().success());
    assert_eq!(room.close(), Vec::<String>::new());
}

#[test]
fn without_its_protection_each_attack_succeeds() {
    if !crate::can_open_a_room() {
        return;
    }
    let mut held = Vec::new();
    for attack in ATTACKS {
        let room = Room::open(&[BOB.to_owned(), MALLORY.to_owned()], attack.without);
        let bob = bob(&room);
        if !(attack.gets_through)(&room) {
            held.push(attack.name);
        }
        drop(bob);
        drop(room);
    }
    assert_eq!(held, Vec::<&str>::new(), "held without its protection: then the test above shows nothing");
}
