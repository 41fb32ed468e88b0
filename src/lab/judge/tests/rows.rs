//! Every condition, with evidence of which it holds and evidence of which it does not.

use crate::lab::judge::tests::evidence::{
    Case, changed, group, image, job, on_host, refused, remembered, unseen,
};
use crate::recipe::ingredient::Namespace;
use crate::recipe::outcome::{End, GroupState, Paired, SeenMount, Victim};

/// Condition; evidence of which it holds, and what is told then; evidence of which it does not, and what is told.
pub(super) type Row = (&'static str, Case, &'static str, Case, &'static str);

fn of_the_end() -> Vec<Row> {
    let killed = || changed(|outcome| outcome.end = End::Signaled(9));
    let exited = |code| changed(|outcome| outcome.end = End::Exited(code));
    vec![
        ("exit = 0", Case::new(), "exit status 0", exited(3), "exit status 3"),
        ("exit = 137", exited(137), "exit status 137", killed(), "killed by SIGKILL, status 137"),
        ("status = 137", killed(), "killed by SIGKILL, status 137", Case::new(), "exit status 0"),
        ("status = 127", refused("execve", 2), "execve was refused: ENOENT", exited(1), "exit status 1"),
        ("status = 126", refused("execve", 13), "execve was refused: EACCES", exited(1), "exit status 1"),
        ("status = 125", refused("mount", 1), "mount was refused: EPERM", exited(1), "exit status 1"),
        ("signal = \"SIGKILL\"", killed(), "killed by SIGKILL, status 137", exited(137), "exit status 137"),
        ("signal = 9", killed(), "killed by SIGKILL, status 137", exited(9), "exit status 9"),
        (
            "errno = \"EPERM\"",
            refused("mount", 1),
            "mount was refused: EPERM",
            refused("mount", 2),
            "mount was refused: ENOENT",
        ),
        (
            "errno = \"EPERM\"\ncall = \"chroot\"",
            refused("chroot", 1),
            "chroot was refused: EPERM",
            refused("mount", 1),
            "mount was refused: EPERM",
        ),
    ]
}

fn of_the_output() -> Vec<Row> {
    let printed = |text: &'static str| changed(move |outcome| outcome.stdout = text.to_owned());
    vec![
        (
            "stdout = \"7340032\"",
            printed("7340032\n"),
            "output `7340032`",
            printed("17340032\n"),
            "output `17340032`",
        ),
        (
            "stdout_contains = [\"1 root\", \"PID\"]",
            Case::new(),
            "output `PID USER 1 root`",
            printed("PID\n"),
            "no `1 root` in the output, output `PID`",
        ),
        (
            "stdout_lacks = \"init\"",
            Case::new(),
            "output `PID USER 1 root`",
            printed("1 init"),
            "the output has `init`",
        ),
        ("stdout_lines = 2", Case::new(), "2 lines of output", printed("a\n"), "1 line of output"),
        (
            "stderr_contains = \"warn\"",
            Case::new(),
            "error output `a warning`",
            changed(|outcome| outcome.stderr.clear()),
            "no `warn` in the error output, no error output",
        ),
    ]
}

fn of_the_process() -> Vec<Row> {
    let sees = |count| unseen(move |seen| seen.processes = count);
    let as_on_host = || {
        unseen(|seen| {
            seen.nspid = vec![24163];
            seen.root_own = false;
            seen.root = "/tmp/root".to_owned();
            seen.root_entries = vec!["bin".to_owned(), "home".to_owned()];
            seen.mounts.clear();
        })
    };
    let root = "its root holds bin dev etc proc sys";
    let pids = "PID 1 inside, 24163 on the host";
    let same = "PID 24163 inside and on the host";
    vec![
        ("processes_seen = 1", Case::new(), "it sees 1 process", sees(Some(2)), "it sees 2 processes"),
        ("processes_seen = \">= 2\"", sees(Some(2)), "it sees 2 processes", sees(None), "no proc is mounted"),
        (
            "processes_seen = \"host\"",
            sees(Some(80)),
            "it sees 80 processes, the host has 84",
            Case::new(),
            "it sees 1 process, the host has 84",
        ),
        (
            // As many as a small host has, or half as many: the number moves while it is read.
            "processes_seen = \"host\"",
            sees(Some(42)),
            "it sees 42 processes, the host has 84",
            sees(Some(41)),
            "it sees 41 processes, the host has 84",
        ),
        ("processes_seen = \"none\"", sees(None), "no proc is mounted", Case::new(), "it sees 1 process"),
        ("pid_inside = 1", Case::new(), pids, as_on_host(), same),
        ("pid_differs = true", Case::new(), pids, as_on_host(), same),
        ("pid_differs = false", as_on_host(), same, Case::new(), pids),
        (
            "namespace = { pid = \"own\" }",
            Case::new(),
            "a pid namespace of its own",
            unseen(|seen| seen.namespaces.get_mut(&Namespace::Pid).unwrap().inside = 100),
            "the host's pid namespace",
        ),
        (
            "namespace = { pid = \"own\", net = \"host\" }",
            Case::new(),
            "a pid namespace of its own, the host's net namespace",
            unseen(|seen| {
                seen.namespaces.remove(&Namespace::Net);
            }),
            "this kernel has no net namespace",
        ),
        ("root = \"own\"", Case::new(), "a root of its own", as_on_host(), "the host's root"),
        ("root = \"host\"", as_on_host(), "the host's root", Case::new(), "a root of its own"),
        (
            "root_path = \"/\"",
            Case::new(),
            "the host names its root `/`",
            as_on_host(),
            "the host names its root `/tmp/root`",
        ),
        (
            "root_entries = [\"sys\", \"proc\", \"etc\", \"dev\", \"bin\"]",
            Case::new(),
            root,
            unseen(|seen| seen.root_entries.push("usr".to_owned())),
            "its root holds bin dev etc proc sys usr",
        ),
        (
            "root_entries = [\"bin\", \"dev\", \"etc\", \"proc\", \"sys\"]",
            Case::new(),
            root,
            unseen(|seen| seen.root_entries.truncate(4)),
            "its root holds bin dev etc proc",
        ),
        ("root_has = [\"bin\", \"sys\"]", Case::new(), root, as_on_host(), "its root has no `sys`"),
        (
            "mounted = { \"/proc\" = \"proc\", \"/dev/urandom\" = \"any\" }",
            Case::new(),
            "devtmpfs on /dev/urandom, proc on /proc",
            // What lies on top is what counts.
            unseen(|seen| {
                seen.mounts.push(SeenMount { target: "/proc".to_owned(), fstype: "tmpfs".to_owned() });
            }),
            "tmpfs on /proc",
        ),
        (
            "capability = { CAP_CHOWN = true, sys_chroot = false }",
            Case::new(),
            "it has CAP_CHOWN, it lacks CAP_SYS_CHROOT",
            unseen(|seen| seen.cap_eff = 1 << 18 | 1),
            "it has CAP_SYS_CHROOT",
        ),
        ("not_mounted = [\"/proc\"]", as_on_host(), "nothing on /proc", Case::new(), "proc on /proc"),
    ]
}

fn of_the_group() -> Vec<Row> {
    let unlimited = || changed(|outcome| outcome.limits[0].number = None);
    vec![
        (
            "limit = { \"memory.max\" = 7340032 }",
            Case::new(),
            "7340032 in memory.limit_in_bytes",
            changed(|outcome| outcome.limits.clear()),
            "no memory.max is set",
        ),
        (
            "limit = { \"memory.max\" = \"max\" }",
            unlimited(),
            "7340032 in memory.limit_in_bytes",
            Case::new(),
            "7340032 in memory.limit_in_bytes",
        ),
        (
            "oom_kill = 1",
            Case::new(),
            "oom_kill 2 → 3",
            remembered(|memory| memory.oom_kill_after = 2),
            "oom_kill 2 → 2",
        ),
        (
            "oom_kill = 0",
            remembered(|memory| memory.oom_kill_after = 2),
            "oom_kill 2 → 2",
            changed(|outcome| outcome.memory = None),
            "it ran in no group with a memory controller",
        ),
        (
            "peak_at_least = 3000000",
            Case::new(),
            "peak 7340032 B",
            remembered(|memory| memory.peak = Some(2_999_999)),
            "peak 2999999 B",
        ),
        (
            "peak_at_most = 7340032",
            Case::new(),
            "peak 7340032 B",
            remembered(|memory| memory.peak = Some(7_340_033)),
            "peak 7340033 B",
        ),
        (
            "victim = \"sh\"",
            remembered(|memory| memory.victim = Some(victim("sh"))),
            "the kernel killed `sh`",
            remembered(|memory| memory.victim = Some(victim("head"))),
            "the kernel killed `head`",
        ),
        (
            "victim = \"sh\"",
            Case::new(),
            "the kernel's log does not name it here",
            remembered(|memory| memory.oom_kill_after = 2),
            "the kernel killed nothing",
        ),
    ]
}

fn victim(name: &str) -> Victim {
    Victim { pid: 24170, name: name.to_owned(), line: String::new() }
}

fn of_the_machine() -> Vec<Row> {
    let with_group = || on_host(|host| host.groups.push(group()));
    let joined = || {
        on_host(|host| {
            host.groups = vec![GroupState { members: vec![5], ..group() }; 2];
        })
    };
    let background = |alive| {
        let mut case = changed(|outcome| {
            outcome.command = "sleep 1234".to_owned();
            outcome.job = Some(1);
            outcome.end = End::Running;
        });
        case.jobs = vec![job(alive)];
        case.now.jobs = u32::from(alive);
        case
    };
    let runs = "`sleep 1234` runs as 24163 on the host";
    let stray = || {
        on_host(|host| {
            host.strays = vec![Paired { pid: 9, pid_inside: 1, command: "sleep 9".to_owned() }];
        })
    };
    let fine = "2 mounts, 84 processes, 0 cgroups of ours";
    vec![
        ("running = true", background(true), runs, background(false), "`sleep 1234` has ended"),
        (
            "running = false",
            background(false),
            "`sleep 1234` has ended",
            Case::new(),
            "it was not left running in the background",
        ),
        (
            "cgroup_exists = true",
            with_group(),
            "/sys/fs/cgroup/memory/rlab",
            Case::new(),
            "no control group of ours",
        ),
        (
            "cgroup_exists = false",
            Case::new(),
            "no control group of ours",
            with_group(),
            "/sys/fs/cgroup/memory/rlab",
        ),
        ("cgroup_members = 0", with_group(), "0 processes in the group", joined(), "1 process in the group"),
        ("cgroup_members = 1", joined(), "1 process in the group", Case::new(), "there is no control group"),
        ("jobs = 1", background(true), "1 background container", Case::new(), "0 background containers"),
        (
            "rootfs_exists = true",
            on_host(|host| host.rootfs = Some("/tmp/rlab".to_owned())),
            "/tmp/rlab",
            Case::new(),
            "no root file system of ours",
        ),
        (
            "image_layers = 2",
            image(2, false),
            "2 layers with the right digest",
            Case::new(),
            "there is no image",
        ),
        (
            "image_layers = 2",
            image(2, true),
            "2 layers with the right digest",
            image(1, true),
            "1 layer with the right digest",
        ),
        (
            "image_complete = true",
            image(1, true),
            "from the index to the last layer every size and digest is right",
            image(1, false),
            "the index does not lead to these layers",
        ),
        (
            "image_complete = false",
            Case::new(),
            "there is no image",
            image(1, true),
            "from the index to the last layer every size and digest is right",
        ),
        (
            "host_unchanged = true",
            Case::new(),
            fine,
            on_host(|host| host.mounts.push("/proc proc".to_owned())),
            "1 mount more: /proc proc",
        ),
        (
            "host_unchanged = true",
            on_host(|host| host.mounts.reverse()),
            fine,
            on_host(|host| {
                host.mounts.pop();
                host.hostname = "box".to_owned();
            }),
            "1 mount fewer: /proc proc, the host name is `box`, it was `desk`",
        ),
        ("host_unchanged = true", Case::new(), fine, stray(), "1 process out of a container: 9 `sleep 9`"),
        (
            "nothing_left = true",
            Case::new(),
            "no process, control group or directory of ours",
            with_group(),
            "still there: /sys/fs/cgroup/memory/rlab",
        ),
        (
            "nothing_left = true",
            Case::new(),
            "no process, control group or directory of ours",
            background(true),
            "still there: 1 background container",
        ),
    ]
}

pub(super) fn every_row() -> Vec<Row> {
    [of_the_end(), of_the_output(), of_the_process(), of_the_group(), of_the_machine()]
        .into_iter()
        .flatten()
        .collect()
}
