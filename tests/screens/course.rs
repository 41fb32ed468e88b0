//! The whole course at a terminal: by Enter alone, and by other lines that work too.

use crate::support::picture::Row;
use crate::support::screen::Screen;
use crate::support::{LABS, can_run_labs};

/// More lines than the course has.
const ENOUGH: usize = 200;

/// What stands in grey after the prompt: the line that Enter will run.
pub(crate) fn ghost(row: &Row) -> Option<String> {
    let ghost: String =
        row.pieces.iter().filter(|(_, style)| style.dim).map(|(piece, _)| piece.as_str()).collect();
    (!ghost.trim().is_empty()).then(|| ghost.trim().to_owned())
}

/// Rows that the terminal had to break: text wider than the screen. A line that somebody typed may be as long as it
/// likes.
pub(crate) fn broken(rows: &[Row]) -> Vec<&str> {
    let mut typed = false;
    let mut broken = Vec::new();
    for row in rows {
        typed = row.wrapped && (typed || row.text.contains(" ▸ ") || row.text.contains(" > "));
        if row.wrapped && !typed {
            broken.push(row.text.as_str());
        }
    }
    broken
}

/// Goes on with Enter alone while it runs a line of this lab.
pub(crate) fn to_the_end_of_the_lab(screen: &mut Screen) {
    let mut lines = 0;
    while ghost(&screen.cursor_row()).is_some_and(|line| !line.starts_with("start ")) {
        let told = screen.line("");
        lines += 1;
        if told.contains('✗') {
            // The memory of a process that was killed is not free at once. Where the machine is very busy the kernel
            // may have to kill a second one meanwhile, the sleeper; a learner begins the step again.
            assert!(told.contains("oom_kill 0 → 2"), "a check failed:\n{}", screen.text());
            screen.line("reset");
        }
        assert!(lines < ENOUGH, "no end:\n{}", screen.text());
    }
}

/// From the first key of a newcomer to the end of the course.
fn by_enter_alone(columns: u16) {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(columns, 24, &[]);
    screen.prompt();
    for _ in LABS {
        screen.line("");
        to_the_end_of_the_lab(&mut screen);
    }
    assert_eq!(ghost(&screen.cursor_row()), None, "the course goes on");
    let rows = screen.rows();
    assert_eq!(broken(&rows), Vec::<&str>::new(), "wider than {columns} columns");
    let labs = screen.line("labs");
    assert_eq!(labs.matches("✓ done").count(), LABS.len(), "not every lab is done:\n{labs}");
    screen.leave();
}

#[test]
fn enter_alone_walks_the_course_at_40_columns() {
    by_enter_alone(40);
}

#[test]
fn enter_alone_walks_the_course_at_80_columns() {
    by_enter_alone(80);
}

#[test]
fn enter_alone_walks_the_course_at_120_columns() {
    by_enter_alone(120);
}

/// Other lines than those that the labs suggest, step by step. Each does the same by another way.
const OTHER_LINES: [(&str, &[&[&str]]); 8] = [
    (
        "chroot",
        &[
            &["2", "rootfs host", "!chroot $ROOTFS echo 'Hello from the new tools!'"],
            &["predict 2", "pivot_root"],
            &["ls -a /bin", "echo /proc/* | grep -v /proc/[*] || true"],
            &["ps"],
            &["mount --bind /proc /proc", "echo /proc/[1]"],
            &["sh -c 'sleep 1000; true' &"],
        ],
    ),
    (
        "pid-namespace",
        &[
            &["ps"],
            &["unshare -p"],
            &["drop unshare", "unshare --pid --fork", "mount -t proc none /proc"],
            &["busybox sleep 1234 &"],
            &["kill -15 1"],
            &["kill -9 1"],
        ],
    ),
    (
        "memory-cgroup",
        &[
            &["cgroup pids.max=100 memory.max=max", "!find $CGROUP -maxdepth 1"],
            &["cgroup memory.max=7M", "!cat $CGROUP/memory.limit_in_bytes"],
            &["tail -f /dev/null &"],
            &["all=$(tail -c 9000000 /dev/zero | tr '\\0' x)"],
            &["some=$(head -c 2950000 /dev/urandom)"],
            &["kill -KILL 1"],
            &["drop memory.max", "drop cgroup"],
        ],
    ),
    (
        "container",
        &[
            &["rootfs host", "pivot_root"],
            &["mount -t proc kernel /proc"],
            &["cgroup memory.max=7168K"],
            &["mount --bind /dev/random /dev/urandom"],
            &["unshare -p --mount-proc --mount", "sleep 999 &"],
            &["echo 'Hello from a container!'", "echo /*", "data=$(head -c 8000000 /dev/urandom)"],
            &[
                "kill -9 1",
                "drop pivot_root",
                "drop unshare",
                "drop cgroup",
                "drop /dev/urandom",
                "drop /proc",
                "drop rootfs",
                "true",
            ],
            &["ablate"],
        ],
    ),
    (
        "docker",
        &[
            &["2", "rootfs", "docker import - busybox", "docker images"],
            &["docker run -d --name mine busybox sh -c 'sleep 1234; true'"],
            &[
                "docker run -d -m 7340032b --memory-swap 7340032b --name small busybox sleep 4444",
                "!cat $CONTAINER/memory.limit_in_bytes",
            ],
            &["docker exec small sh -c 'all=$(head -c 9000000 /dev/urandom)'"],
            &[
                "docker run -d -m 7m --name two busybox sleep 5678",
                "unshare -p --mount-proc",
                "cgroup memory.max=7M",
                "chroot",
                "sleep 5678 &",
            ],
            &["kill -9 1", "docker kill two", "docker rm -f two", "docker ps -q --filter name=two"],
        ],
    ),
    (
        "exec",
        &[
            &["sh -c 'sleep 1001; true' &", "ls /proc/[0-9]* -d"],
            &["nsenter -a -t 1 echo /tmp"],
            &["kill 1", "sleep 1000 &", "nsenter -art 1 ps"],
            &["nsenter -F --target=1 -pmr echo '$$'"],
            &[
                "nsenter -t 1 -pmr x=$(head -c 7500001 /dev/urandom)",
                "nsenter -t 1 -pmrc x=$(head -c 9000000 /dev/urandom)",
            ],
            &[
                "kill -9 1",
                "drop chroot",
                "pivot_root",
                "sleep 77 &",
                "nsenter -mt 1 true",
                "nsenter -arct 1 true",
            ],
        ],
    ),
    (
        "image",
        &[
            &[
                "rootfs host",
                "!mkdir -p ${ROOTFS:?}/lesson; echo uno >$ROOTFS/lesson/old",
                "image pack",
                "!gzip -dc $IMAGE/blobs/sha256/* | tar -t",
                "!cd $IMAGE/blobs/sha256; for f in *; do echo \"$f  $f\"; done | sha256sum -c -",
            ],
            &[
                "image config --entrypoint=/bin/env -e GREETING=hello -w /lesson",
                "!grep -l diff_ids $IMAGE/blobs/sha256/* | xargs cat",
            ],
            &[
                "image manifest",
                "image index",
                "!cat $IMAGE/index.json",
                "!grep -l image.layer $IMAGE/blobs/sha256/* | xargs cat",
            ],
            &[
                "image unpack",
                "pivot_root",
                "image run",
                "image run pwd",
                "image run stat -c %Y ../lesson/old",
            ],
            &["sh -c 'echo x > /lesson/new; rm /lesson/old'", "image pack", "image show layer 2"],
            &[
                "image config -e MORE=1",
                "image manifest",
                "image index",
                "drop pivot_root",
                "drop rootfs",
                "rootfs image",
                "chroot",
                "ls -1A /lesson",
                "run stat -c %Y /lesson/new",
            ],
            &[
                "image forge out/evil /tmp",
                "image config",
                "image manifest",
                "image index",
                "image unpack",
                "!test -e $ROOTFS/../../evil || echo nothing there",
                "ls -1 /lesson",
            ],
        ],
    ),
    (
        "jailbreak",
        &[
            &["rootfs host", "chroot", "sh -c 'cat /host.txt; exit 1'"],
            &["escape sh -c 'cat /host.txt && ls -l /'"],
            &["unshare -fpm --mount-proc", "escape true"],
            &["capdrop all", "escape true"],
            &["drop capdrop", "drop chroot", "pivot_root", "escape sh -c 'cat /host.txt || exit 1'"],
        ],
    ),
];

#[test]
fn other_lines_that_work_walk_the_course_too() {
    if !can_run_labs() {
        return;
    }
    let mut screen = Screen::start(100, 24, &["start", "chroot"]);
    screen.prompt();
    for (lab, steps) in OTHER_LINES {
        for (at, lines) in steps.iter().enumerate() {
            let place = format!("{lab}, step {}", at + 1);
            let told: String = lines.iter().map(|line| screen.line(line)).collect();
            let check = screen.line("check");
            assert!(check.contains('✓') && !check.contains('✗'), "{place} is not done:\n{told}\n{check}");
            screen.line("next");
        }
        screen.line("");
    }
    let labs = screen.line("labs");
    assert_eq!(labs.matches("✓ done").count(), LABS.len(), "not every lab is done:\n{labs}");
    screen.leave();
}
