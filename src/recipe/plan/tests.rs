use super::*;
use crate::error::Exit;
use crate::recipe::line::Line;
use crate::recipe::machine::{Absence, Cgroups, Controller};

fn controller(version: CgroupVersion, parent: &str) -> Option<Controller> {
    Some(Controller { version, parent: parent.to_owned(), inside: false })
}

fn machine(version: CgroupVersion, euid: u32) -> Machine {
    let cgroups = match version {
        CgroupVersion::V1 => Cgroups {
            memory: controller(version, "/cg/memory"),
            pids: controller(version, "/cg/pids"),
            cpu: controller(version, "/cg/cpu"),
            ..Cgroups::default()
        },
        CgroupVersion::V2 => Cgroups {
            memory: controller(version, "/cg"),
            pids: controller(version, "/cg"),
            cpu: controller(version, "/cg"),
            ..Cgroups::default()
        },
    };
    Machine { kernel: "6.18.0".into(), euid, egid: euid, cgroups, memory_total: 4 << 30 }
}

fn root() -> Machine {
    machine(CgroupVersion::V1, 0)
}

fn command() -> Command {
    match Line::parse("ps -A") {
        Ok(Line::Run(command)) => command,
        other => panic!("{other:?}"),
    }
}

fn plan_on(lines: &[&str], machine: &Machine, place: RootPlace) -> Plan {
    let recipe = Recipe::read(lines.iter().copied()).unwrap();
    Plan::new(&recipe, &command(), machine, place).unwrap()
}

/// The plan as numbered lines, without the numbers.
fn told(lines: &[&str], machine: &Machine) -> Vec<String> {
    let text = plan_on(lines, machine, RootPlace::Directory).to_string();
    text.lines().map(|line| line[4..].to_owned()).collect()
}

/// Only what the child does between its birth and execve, without dying and making private.
fn inside(lines: &[&str], machine: &Machine) -> Vec<String> {
    let all = told(lines, machine);
    let birth = all.iter().position(|line| line.starts_with("clone3")).unwrap();
    let dull = |line: &&String| {
        !line.starts_with("die ") && !line.starts_with("make every") && !line.starts_with("execve")
    };
    all[birth + 1..].iter().filter(dull).cloned().collect()
}

const PROC: &str = "mount proc on /proc (proc, nosuid nodev noexec)";

#[test]
fn a_bare_recipe_only_runs_the_program() {
    for euid in [0, 1000] {
        let plan = plan_on(&[], &machine(CgroupVersion::V2, euid), RootPlace::Directory);
        assert_eq!(plan.to_string(), " 1  clone3 0\n 2  die when rlab dies\n 3  execve ps -A\n");
    }
}

#[test]
fn the_full_container_on_v1() {
    assert_eq!(
        told(Recipe::FULL, &root()),
        [
            "build $ROOTFS with BusyBox, or the machine's own tools",
            "make $CGROUP in /cg/memory (v1)",
            "write 7340032 to $CGROUP/memory.limit_in_bytes",
            "write 7340032 to $CGROUP/memory.memsw.limit_in_bytes (where there is one)",
            "make $CGROUP in /cg/pids (v1)",
            "write 64 to $CGROUP/pids.max",
            "clone3 CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUTS|CLONE_NEWIPC",
            "die when rlab dies",
            "join $CGROUP (memory): write 0 to its tasks",
            "join $CGROUP (pids): write 0 to its tasks",
            "unshare CLONE_NEWCGROUP",
            "make every mount private, so that none leaks to the host",
            "bind $ROOTFS on itself, a mount point for pivot_root",
            "bind /dev/null on $ROOTFS/dev/null",
            "bind /dev/urandom on $ROOTFS/dev/urandom",
            "sethostname container",
            "pivot_root $ROOTFS, detach the old root, chdir /",
            PROC,
            "execve ps -A",
        ]
    );
}

#[test]
fn the_full_container_on_v2_without_root() {
    let machine = machine(CgroupVersion::V2, 1000);
    assert_eq!(
        told(Recipe::FULL, &machine)[1..],
        [
            "write +memory to /cg/cgroup.subtree_control",
            "make $CGROUP in /cg (v2)",
            "write 7340032 to $CGROUP/memory.max",
            "write 0 to $CGROUP/memory.swap.max (where there is one)",
            "write +pids to /cg/cgroup.subtree_control",
            "write 64 to $CGROUP/pids.max",
            "clone3 CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_INTO_CGROUP",
            "die when rlab dies",
            "map user 1000 and group 1000 to 0: setgroups deny, uid_map, gid_map",
            "unshare CLONE_NEWCGROUP",
            "make every mount private, so that none leaks to the host",
            "bind $ROOTFS on itself, a mount point for pivot_root",
            "mount proc on $ROOTFS/proc (proc, nosuid nodev noexec)",
            "bind /dev/null on $ROOTFS/dev/null",
            "bind /dev/urandom on $ROOTFS/dev/urandom",
            "sethostname container",
            "pivot_root $ROOTFS, detach the old root, chdir /",
            "execve ps -A",
        ]
    );
}

#[test]
fn in_memory_the_root_is_a_tmpfs_and_a_mount_point_already() {
    let plan = plan_on(Recipe::FULL, &root(), RootPlace::Memory);
    assert!(!plan.prepare.iter().any(|prepare| matches!(prepare, Prepare::Rootfs(_))));
    assert!(plan.child.contains(&Op::TmpfsRoot(Tools::Any)));
    assert!(!plan.child.contains(&Op::BindRoot));
    let chroot = plan_on(&["rootfs", "chroot"], &root(), RootPlace::Memory);
    assert_eq!(chroot.clone.namespaces, BTreeSet::from([Namespace::Mnt]));
    assert_eq!(chroot.child[1..4], [Op::MakePrivate, Op::TmpfsRoot(Tools::Any), Op::Chroot]);
    let rootless = plan_on(&["rootfs", "chroot"], &machine(CgroupVersion::V1, 7), RootPlace::Memory);
    assert!(rootless.clone.namespaces.contains(&Namespace::User));
    // Without a change of the root it is as in a directory: nothing is mounted, and no namespace is added.
    for euid in [0, 7] {
        let machine = machine(CgroupVersion::V1, euid);
        for lines in [&["rootfs"][..], &["rootfs", "mount -t proc proc /proc"]] {
            let plan = plan_on(lines, &machine, RootPlace::Memory);
            let usual = plan_on(lines, &machine, RootPlace::Directory);
            assert_eq!((plan.clone, plan.child), (usual.clone, usual.child), "{lines:?}");
        }
    }
}

#[test]
fn only_what_needs_a_capability_gets_a_user_namespace() {
    let rootless = machine(CgroupVersion::V2, 1000);
    let user = |lines: &[&str]| {
        plan_on(lines, &rootless, RootPlace::Directory).clone.namespaces.contains(&Namespace::User)
    };
    assert!(!user(&["rootfs", "cgroup pids.max=5"]));
    for lines in [&["rootfs", "chroot"][..], &["unshare --uts"], &["capdrop all"], &["mount -t tmpfs x /tmp"]]
    {
        assert!(user(lines), "{lines:?}");
    }
    let asked = plan_on(&["unshare --user"], &root(), RootPlace::Directory);
    assert_eq!(asked.child[1], Op::MapIds { uid: 0, gid: 0 });
}

#[test]
fn in_a_user_namespace_proc_comes_while_the_old_one_is_in_view() {
    let lines = ["rootfs", "unshare --pid --mount-proc", "pivot_root"];
    let order = |machine: &Machine| {
        let ops = inside(&lines, machine);
        let at = |word: &str| ops.iter().position(|op| op.contains(word)).unwrap();
        (at("mount proc"), at("pivot_root $ROOTFS"))
    };
    let (proc, pivot) = order(&machine(CgroupVersion::V2, 1000));
    assert!(proc < pivot);
    let (proc, pivot) = order(&root());
    assert!(proc > pivot);
}

#[test]
fn the_group_is_joined_before_anything_else() {
    let mut v1 = machine(CgroupVersion::V1, 1000);
    let ops = inside(&["cgroup memory.max=7M", "unshare --cgroup"], &v1);
    assert_eq!(ops[0], "join $CGROUP (memory): write 0 to its tasks");
    assert!(ops[1].starts_with("map user 1000"));
    assert_eq!(ops[2], "unshare CLONE_NEWCGROUP");
    // rlab in its own way: it leaves once, whatever is handed on.
    let mut boxed = machine(CgroupVersion::V2, 0);
    for known in [&mut boxed.cgroups.memory, &mut boxed.cgroups.pids].into_iter().flatten() {
        known.inside = true;
    }
    assert_eq!(
        told(&["cgroup memory.max=7M pids.max=9"], &boxed)[..4],
        [
            "move rlab from /cg to a leaf below",
            "write +memory to /cg/cgroup.subtree_control",
            "make $CGROUP in /cg (v2)",
            "write 7340032 to $CGROUP/memory.max",
        ]
    );

    // Memory on v1 and pids on v2, at once.
    v1.cgroups.pids = controller(CgroupVersion::V2, "/cg/unified");
    let bare = plan_on(&["cgroup"], &v1, RootPlace::Directory);
    assert_eq!(
        bare.prepare.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["make $CGROUP in /cg/memory (v1)"]
    );
    let plan = plan_on(&["cgroup memory.max=7M pids.max=9"], &v1, RootPlace::Directory);
    assert!(plan.clone.into_cgroup);
    assert_eq!(plan.child[1], Op::JoinGroup("memory"));
    let limits = |step: &&Prepare| !matches!(step, Prepare::WriteLimit { .. });
    assert_eq!(
        plan.prepare.iter().filter(limits).map(ToString::to_string).collect::<Vec<_>>(),
        [
            "make $CGROUP in /cg/memory (v1)",
            "write +pids to /cg/unified/cgroup.subtree_control",
            "make $CGROUP in /cg/unified (v2)"
        ]
    );
}

#[test]
fn a_missing_controller_is_told_with_its_reason_and_a_mend() {
    let cases = [
        (Absence::NothingMounted, "no control group file system is mounted", "mount -t cgroup2"),
        (Absence::SwitchedOff, "booted or built without", "cgroup_disable=memory"),
        (Absence::NotMounted { unified: true }, "v2 can", "mount -t cgroup2"),
        (Absence::NotMounted { unified: false }, "mounted nowhere", "mount -t cgroup -o memory"),
        (Absence::NotHandedOn { top: "/cg".to_owned() }, "`/cg/cgroup.controllers`", "Delegate=yes"),
    ];
    for (absence, why, mend) in cases {
        let mut machine = root();
        machine.cgroups = Cgroups { memory: None, ..machine.cgroups };
        machine.cgroups.absent.insert(Resource::Memory, absence);
        let recipe = Recipe::read(["cgroup memory.max=7M"]).unwrap();
        let trouble = Plan::new(&recipe, &command(), &machine, RootPlace::Directory).unwrap_err();
        assert_eq!(trouble.exit, Exit::Cannot);
        assert!(trouble.causes.join(" ").contains(why), "{trouble}");
        assert!(trouble.hint.as_deref().is_some_and(|hint| hint.contains(mend)), "{trouble}");
    }
}

#[test]
fn each_limit_has_the_files_of_its_generation() {
    let writes = |line: &str, version| -> Vec<String> {
        let all = told(&[line], &machine(version, 0));
        let prefix = "write ";
        all.iter()
            .filter(|line| line.contains("$CGROUP/"))
            .map(|line| line[prefix.len()..].to_owned())
            .collect()
    };
    use CgroupVersion::{V1, V2};
    assert_eq!(
        writes("cgroup cpu.max=50%", V1),
        ["100000 to $CGROUP/cpu.cfs_period_us", "50000 to $CGROUP/cpu.cfs_quota_us"]
    );
    assert_eq!(writes("cgroup cpu.max=50%", V2), ["50000 100000 to $CGROUP/cpu.max"]);
    assert_eq!(writes("cgroup cpu.max=max", V1), ["-1 to $CGROUP/cpu.cfs_quota_us"]);
    assert_eq!(writes("cgroup cpu.max=max", V2), ["max to $CGROUP/cpu.max"]);
    assert_eq!(writes("cgroup pids.max=max", V1), ["max to $CGROUP/pids.max"]);
    assert_eq!(
        writes("cgroup memory.max=max", V1),
        [
            "-1 to $CGROUP/memory.memsw.limit_in_bytes (where there is one)",
            "-1 to $CGROUP/memory.limit_in_bytes"
        ]
    );
    assert_eq!(
        writes("cgroup memory.max=max", V2),
        ["max to $CGROUP/memory.max", "max to $CGROUP/memory.swap.max (where there is one)"]
    );
}

#[test]
fn a_limit_that_cannot_be_is_refused() {
    let mut machine = root();
    machine.cgroups.cpu = None;
    let refused = |line: &str, machine: &Machine| {
        let recipe = Recipe::read([line]).unwrap();
        Plan::new(&recipe, &command(), machine, RootPlace::Directory).unwrap_err()
    };
    let none = refused("cgroup cpu.max=50%", &machine);
    assert_eq!((none.exit, none.what.contains("`cpu`")), (Exit::Cannot, true));
    let large = refused("cgroup memory.max=5G", &machine);
    assert_eq!((large.exit, large.what.contains("4294967296 bytes")), (Exit::Usage, true));
    machine.cgroups = Cgroups::default();
    assert_eq!(refused("cgroup", &machine).exit, Exit::Cannot);
}

#[test]
fn binds_come_before_the_root_changes_and_file_systems_after() {
    let lines = ["rootfs", "chroot", "mount -t proc proc /proc", "mount --bind /dev/null /dev/null"];
    assert_eq!(
        inside(&lines, &root()),
        ["bind /dev/null on $ROOTFS/dev/null", "chroot $ROOTFS, chdir /", PROC]
    );
    // What a later bind needs below it comes before, too; what only looks alike does not.
    let lines = [
        "rootfs",
        "pivot_root",
        "mount -t tmpfs tmpfs /dev",
        "mount -t tmpfs tmpfs /de",
        "mount --bind /dev/null /dev/null",
        "mount -t devpts devpts /dev/pts",
    ];
    assert_eq!(
        inside(&lines, &root()),
        [
            "bind $ROOTFS on itself, a mount point for pivot_root",
            "mount tmpfs on $ROOTFS/dev (tmpfs, nosuid nodev)",
            "bind /dev/null on $ROOTFS/dev/null",
            "pivot_root $ROOTFS, detach the old root, chdir /",
            "mount tmpfs on /de (tmpfs, nosuid nodev)",
            "mount devpts on /dev/pts (devpts, nosuid noexec newinstance,ptmxmode=0666,mode=620)",
        ]
    );
    // A later bind that hides an earlier file system still hides it.
    let lines = ["rootfs", "chroot", "mount -t devpts devpts /dev/pts", "mount --rbind /dev /dev"];
    let ops = inside(&lines, &root());
    assert!(ops[0].starts_with("mount devpts on $ROOTFS/dev/pts"), "{ops:?}");
    assert_eq!(ops[1..], ["bind /dev on $ROOTFS/dev, with everything below it", "chroot $ROOTFS, chdir /"]);
    // --mount-proc is a mount like any other here.
    let lines = ["rootfs", "chroot", "unshare --pid --mount-proc", "mount --bind /dev/null /proc/kcore"];
    assert_eq!(inside(&lines, &root())[0], "mount proc on $ROOTFS/proc (proc, nosuid nodev noexec)");
}

#[test]
fn without_a_new_root_the_order_is_the_one_typed() {
    let lines =
        ["mount -t proc proc /proc", "mount --bind /etc /mnt", "mount -t tmpfs -o size=1m,ro tmpfs /tmp"];
    assert_eq!(
        inside(&lines, &root()),
        [PROC, "bind /etc on /mnt", "mount tmpfs on /tmp (tmpfs, rdonly nosuid nodev size=1m)"]
    );
    let plan = plan_on(&lines, &root(), RootPlace::Directory);
    assert_eq!(plan.clone.namespaces, BTreeSet::from([Namespace::Mnt]));
    assert!(!plan.child.iter().any(|op| matches!(op, Op::Mount { target: At::Root(_), .. })));
}

#[test]
fn a_read_only_bind_takes_two_calls() {
    let plan =
        plan_on(&["rootfs", "chroot", "mount --bind -o ro,nosuid /etc /etc"], &root(), RootPlace::Directory);
    let mounts: Vec<&Op> = plan.child.iter().filter(|op| matches!(op, Op::Mount { .. })).collect();
    let [Op::Mount { flags: first, source, .. }, Op::Mount { flags: second, target, .. }] = mounts[..] else {
        panic!("{mounts:?}")
    };
    assert_eq!((source, first), (&At::Host("/etc".into()), &vec!["MS_BIND"]));
    assert_eq!(
        (target, second),
        (&At::Root("/etc".into()), &vec!["MS_RDONLY", "MS_NOSUID", "MS_REMOUNT", "MS_BIND"])
    );
}

#[test]
fn options_become_flags_and_data() {
    for (line, told) in [
        (
            "mount -t tmpfs -o exec,dev,noatime,mode=700 x /t",
            "mount x on /t (tmpfs, nosuid noatime mode=700)",
        ),
        (
            "mount -t proc -o ro,hidepid=2 proc /proc",
            "mount proc on /proc (proc, rdonly nosuid nodev noexec hidepid=2)",
        ),
        ("mount -t sysfs sysfs /sys", "mount sysfs on /sys (sysfs, nosuid nodev noexec)"),
        (
            "mount -t devpts -o mode=600 devpts /dev/pts",
            "mount devpts on /dev/pts (devpts, nosuid noexec newinstance,ptmxmode=0666,mode=600)",
        ),
        ("mount -t tmpfs dev /dev", "mount dev on /dev (tmpfs, nosuid nodev)"),
    ] {
        assert_eq!(inside(&[line], &root()), [told]);
    }
    let rootless = machine(CgroupVersion::V1, 1000);
    assert_eq!(
        inside(&["mount -t tmpfs dev /dev"], &rootless)[1],
        "mount dev on /dev (tmpfs, nosuid nodev mode=755)"
    );
    assert_eq!(
        inside(&["mount -t tmpfs -o mode=700 dev /dev"], &rootless)[1],
        "mount dev on /dev (tmpfs, nosuid nodev mode=700)"
    );
}

#[test]
fn a_proc_older_than_the_pid_namespace_shows_the_host() {
    let stale = ["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid"];
    let plan = plan_on(&stale, &root(), RootPlace::Directory);
    assert_eq!(plan.prepare.last(), Some(&Prepare::DetachedProc));
    assert_eq!(inside(&stale, &root()), ["chroot $ROOTFS, chdir /", "attach that proc on /proc"]);
    // Without root, nobody can make one: the host's own is bound.
    let rootless = machine(CgroupVersion::V1, 1000);
    let ops = inside(&stale, &rootless);
    assert_eq!(ops[1..], ["bind /proc on $ROOTFS/proc, with everything below it", "chroot $ROOTFS, chdir /"]);
    assert!(!plan_on(&stale, &rootless, RootPlace::Directory).prepare.contains(&Prepare::DetachedProc));
    // Where a bind needs it below, it is attached before the root changes.
    let below = [&stale[..], &["mount --bind /dev/null /proc/kcore"]].concat();
    assert_eq!(inside(&below, &root())[0], "attach that proc on $ROOTFS/proc");
}

#[test]
fn a_younger_proc_covers_the_stale_one() {
    for mend in ["unshare --mount-proc", "mount -t proc proc /proc"] {
        let lines = ["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid", mend];
        assert_eq!(inside(&lines, &root()), ["chroot $ROOTFS, chdir /", PROC], "{mend}");
    }
    let lines = ["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid --mount-proc"];
    let plan = plan_on(&lines, &root(), RootPlace::Directory);
    assert!(!plan.prepare.contains(&Prepare::DetachedProc));
    // Elsewhere it stays stale.
    let lines = ["rootfs", "chroot", "mount -t proc proc /mnt", "unshare --pid --mount-proc"];
    assert_eq!(inside(&lines, &root()), ["chroot $ROOTFS, chdir /", "attach that proc on /mnt", PROC]);
    // `--mount-proc` can be the older one itself.
    assert_eq!(inside(&["unshare --mount-proc", "unshare --pid"], &root()), ["attach that proc on /proc"]);
}

#[test]
fn a_user_namespace_without_a_pid_namespace_gets_no_new_proc() {
    let rootless = machine(CgroupVersion::V1, 1000);
    let lines = ["rootfs", "chroot", "mount -t proc proc /proc"];
    assert_eq!(inside(&lines, &rootless)[1], "bind /proc on $ROOTFS/proc, with everything below it");
    // Root who asks for the user namespace meets the kernel's refusal: that is the lesson.
    let asked = ["rootfs", "chroot", "mount -t proc proc /proc", "unshare --user"];
    assert_eq!(inside(&asked, &root())[2], PROC);
    let own = ["rootfs", "chroot", "unshare --pid", "mount -t proc proc /proc"];
    assert_eq!(inside(&own, &rootless)[2], PROC);
}

#[test]
fn capabilities_go_last() {
    let lines = ["capdrop sys_chroot", "rootfs", "chroot", "mount -t proc proc /proc"];
    assert_eq!(inside(&lines, &root()), ["chroot $ROOTFS, chdir /", PROC, "give up CAP_SYS_CHROOT"]);
}

#[test]
fn what_rlab_adds_is_told() {
    let added = |lines: &[&str], machine: &Machine| {
        let recipe = Recipe::read(lines.iter().copied()).unwrap();
        Plan::new(&recipe, &command(), machine, RootPlace::Directory).unwrap().added(&recipe).join("\n")
    };
    assert_eq!(added(&["rootfs", "chroot", "unshare --pid"], &root()), "");
    assert!(added(&["mount -t proc proc /proc"], &root()).contains("mount namespace"));
    assert!(added(&["unshare --pid"], &machine(CgroupVersion::V1, 1)).contains("user namespace"));
    assert!(added(&["mount -t proc proc /proc", "unshare --pid"], &root()).contains("older"));
    assert!(added(&["mount -t proc proc /proc"], &machine(CgroupVersion::V1, 1)).contains("bound in place"));
    assert!(added(&["cgroup memory.max=7M"], &root()).contains("swap"));
    assert_eq!(added(&["cgroup memory.max=max"], &root()), "");
}
