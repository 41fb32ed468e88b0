//! Twenty learners at once, each at a terminal of their own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::room::{Room, groups_in};
use crate::support::{peers, wait_for};

/// Everything that a learner can see of others: processes and their environment, files, names, queues, sockets.
const LOOK: &str = "!(cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ /proc/[0-9]*/mountinfo; ps -A -o args; \
    find / -path /usr -prune -o -path /proc -prune -o -print; cat /etc/*; cat /tmp/*; ipcs -a; \
    cat /proc/net/unix /proc/net/tcp; hostname; find /sys/fs/cgroup; ls /proc/[0-9]*/root/home; ls -R /home) >~/seen 2>&1";

/// Where the learners wait for each other: a barrier that a learner who fails does not keep shut for ever.
struct All {
    count: usize,
    here: AtomicUsize,
}

impl All {
    /// Waits until all have come here so many times.
    fn wait(&self, times: usize) {
        self.here.fetch_add(1, Ordering::SeqCst);
        wait_for("every other learner", || self.here.load(Ordering::SeqCst) >= times * self.count);
    }
}

/// What one learner's kernel state was.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Walked {
    namespace: String,
    learner: String,
}

#[test]
fn twenty_learners_walk_the_labs_at_once_and_none_sees_another() {
    if !crate::can_open_a_room() {
        return;
    }
    // Fewer on the slow machine of `v2`.
    let count = std::env::var("RLAB_LEARNERS").map_or(20, |count| count.parse().unwrap());
    let learners: Vec<String> = (10..10 + count).map(|number| format!("learner{number}")).collect();
    let room = Room::open(&learners, &[]);
    let all = All { count: learners.len(), here: AtomicUsize::new(0) };
    let walked: BTreeSet<Walked> = std::thread::scope(|scope| {
        let walks: Vec<_> =
            learners.iter().map(|learner| scope.spawn(|| walk(&room, learner, &all))).collect();
        walks.into_iter().map(|walk| walk.join().unwrap()).collect()
    });
    assert_eq!(walked.len(), learners.len(), "a PID namespace for each: {walked:?}");
    let namespaces: BTreeSet<&str> = walked.iter().map(|walked| walked.namespace.as_str()).collect();
    assert_eq!(namespaces.len(), learners.len(), "{walked:?}");
    for learner in &learners {
        let seen = room.kept(learner, "seen");
        // It looked, and it found what is its own.
        for own in [
            format!("own process of {learner}"),
            format!("/tmp/file-of-{learner}"),
            format!("/home/{learner}/"),
        ] {
            assert!(seen.contains(&own), "{learner} does not even see {own:?}:\n{seen}");
        }
        let others: Vec<&String> =
            learners.iter().filter(|other| *other != learner && seen.contains(*other)).collect();
        assert!(others.is_empty(), "{learner} sees {others:?}");
        // What was done is kept for the next login.
        let progress: serde_json::Value =
            serde_json::from_str(&room.kept(learner, ".local/state/rlab/progress.json")).unwrap();
        let kept = progress.to_string();
        assert!(kept.contains("fresh") && kept.contains("kill"), "{kept}");
        // sshd takes leave of a client before its own processes end.
        wait_for("the end of a session", || room.processes(learner).is_empty());
    }
    assert_eq!(room.close(), Vec::<String>::new());
}

/// Logs in, does a step with a PID namespace and one with a memory limit, looks around, and leaves.
fn walk(room: &Room, learner: &str, all: &All) -> Walked {
    let mut screen = room.terminal(learner);
    screen.line("start pid-namespace:fresh");
    screen.line("unshare -f -p --mount-proc");
    screen.line(&format!("sh -c 'sleep 1000; : own process of {learner}' &"));
    screen.line(&format!("!echo own >/tmp/file-of-{learner}"));
    let words = format!("sleep 1000; : own process of {learner}");
    let pid = peers::find(&["sh", "-c", &words]);
    // As this machine numbers it, as the seat does, as the container does; and it is the first there.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    let numbers: Vec<i32> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert!(numbers.len() == 3 && numbers[2] == 1, "{learner}: {numbers:?}");
    let namespace = std::fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap().display().to_string();
    assert!(room.processes(learner).contains(&pid), "{pid} is not in the group of {learner}");
    // Nobody looks before everybody has something to be seen.
    all.wait(1);
    screen.line(LOOK);
    all.wait(2);
    screen.line("start memory-cgroup:kill");
    assert_eq!(kills(room, learner), 0);
    screen.line("toomuch=$(head -c 7500000 /dev/urandom)");
    // `head` may be killed as well, when the shell is gone.
    assert!((1..=2).contains(&kills(room, learner)), "the kernel counts its kills");
    screen.press("quit\r");
    assert!(screen.end().success());
    Walked { namespace, learner: learner.to_owned() }
}

/// How often the kernel has killed in the groups below the learner's seat; on v2 a group counts for those below it, too.
fn kills(room: &Room, learner: &str) -> u64 {
    let seat = room.group(learner, "memory.stat").unwrap().join("seat");
    let of = |group: PathBuf| {
        let files = ["memory.oom_control", "memory.events"].map(|file| group.join(file));
        let texts = files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok());
        let counts = texts.filter_map(|text| {
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse::<u64>().ok())
        });
        counts.max()
    };
    groups_in(&seat).into_iter().filter_map(of).max().unwrap()
}
