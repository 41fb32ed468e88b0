use super::*;

/// Every context that the table can tell apart.
fn contexts() -> Vec<Context> {
    let mut all = Vec::new();
    for bits in 0..32_u8 {
        let bit = |at: u8| bits >> at & 1 == 1;
        for version in [None, Some(CgroupVersion::V1), Some(CgroupVersion::V2)] {
            for (root, interpreter) in [
                (RootChange::None, None),
                (RootChange::Chroot, None),
                (RootChange::Pivot, Some("/lib/ld.so".to_owned())),
            ] {
                all.push(Context {
                    user_namespace: bit(0),
                    pid_namespace: bit(1),
                    net_namespace: bit(2),
                    ipc_namespace: bit(3),
                    uts_namespace: bit(4),
                    version,
                    root,
                    interpreter,
                });
            }
        }
    }
    all
}

#[test]
fn no_row_hides_another() {
    let contexts = contexts();
    for (at, row) in rows().enumerate() {
        let args = row.words.join(", ");
        for call in row.calls {
            let found = contexts.iter().any(|context| {
                rows().position(|other| other.fits(call, &args, row.errno, context)) == Some(at)
            });
            assert!(found, "{call} {:?} {args} is never reached: {}", row.errno, row.means);
        }
    }
}

#[test]
fn every_row_speaks_in_the_voice_of_the_house() {
    for row in rows() {
        for text in [row.means, row.mend] {
            assert!(!text.is_empty() && !text.ends_with('.') && !text.contains("  "), "{text}");
            assert!(!text.starts_with(|c: char| c.is_uppercase()), "{text}");
            assert_eq!(text.matches('`').count() % 2, 0, "{text}");
        }
    }
}

fn means(call: &str, args: &str, errno: Errno, context: &Context) -> String {
    let found = meaning(call, args, errno as i32, context);
    found.unwrap_or_else(|| panic!("{call}({args}) {errno:?} is not in the table")).means
}

/// The facts of the kernel that a learner meets: each errno with a word that its meaning cannot do without.
#[test]
fn what_was_tried_on_real_kernels_is_told() {
    let plain = Context::default();
    let user = Context { user_namespace: true, ..Context::default() };
    let own = Context { pid_namespace: true, ..user.clone() };
    let v2 = Context { version: Some(CgroupVersion::V2), ..Context::default() };
    let proc = "\"proc\", \"/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL";
    for (call, args, errno, context, word) in [
        ("mount", proc, Errno::EPERM, &user, "PID namespace"),
        ("mount", proc, Errno::EPERM, &own, "masked"),
        ("mount", "\"sysfs\", \"/sys\", \"sysfs\", 0, NULL", Errno::EPERM, &own, "network"),
        ("mount", proc, Errno::EPERM, &plain, "CAP_SYS_ADMIN"),
        ("mount", "\"/etc\", \"/proc/self/fd/5\", NULL, MS_BIND, NULL", Errno::EINVAL, &user, "below"),
        ("mount", "\"x\", \"/t\", \"tmpfs\", 0, \"sise=1\"", Errno::EINVAL, &plain, "options"),
        ("openat2", "4, \"proc\", {resolve=…}, 24", Errno::ELOOP, &plain, "symbolic link"),
        ("pivot_root", "\".\", \".\"", Errno::EBUSY, &plain, "on the mount"),
        ("pivot_root", "\".\", \".\"", Errno::EINVAL, &plain, "shared"),
        ("chroot", "\"/x\"", Errno::EPERM, &plain, "CAP_SYS_CHROOT"),
        ("chroot", "\"/x\"", Errno::ENOENT, &plain, "does not exist"),
        ("clone3", "{flags=CLONE_NEWUSER|CLONE_NEWPID}", Errno::EPERM, &user, "user namespace"),
        ("clone3", "{flags=CLONE_NEWPID}", Errno::EPERM, &plain, "CAP_SYS_ADMIN"),
        ("clone3", "{flags=CLONE_NEWPID}", Errno::ENOMEM, &plain, "PID 1"),
        ("clone3", "{flags=CLONE_NEWPID}", Errno::ENOSPC, &plain, "32"),
        ("clone3", "{flags=0}", Errno::EAGAIN, &plain, "pids.max"),
        ("clone3", "{flags=CLONE_INTO_CGROUP}", Errno::EBADF, &plain, "v1"),
        ("clone3", "{flags=0}", Errno::ENOSYS, &plain, "5.3"),
        ("sethostname", "\"x\", 1", Errno::EPERM, &plain, "host"),
        ("write", "\"/proc/self/uid_map\", \"0 1000 1\"", Errno::EPERM, &user, "AppArmor"),
        ("openat", "AT_FDCWD, \"/proc/self/uid_map\", O_WRONLY", Errno::EACCES, &user, "owner"),
        ("write", "\"/proc/self/gid_map\", \"0 1000 1\"", Errno::EPERM, &user, "deny"),
        ("write", "\"/sys/fs/cgroup/cgroup.subtree_control\", \"+memory\"", Errno::EBUSY, &v2, "leaves"),
        ("write", "\"/sys/fs/cgroup/cgroup.subtree_control\", \"+memory\"", Errno::ENOENT, &v2, "hand on"),
        ("openat", "AT_FDCWD, \"/sys/fs/cgroup/x/memory.max\", O_WRONLY", Errno::ENOENT, &v2, "+memory"),
        ("write", "\"/sys/fs/cgroup/x/cgroup.procs\", \"12\"", Errno::EACCES, &v2, "outside"),
        ("write", "\"/sys/fs/cgroup/memory/x/memory.limit_in_bytes\"", Errno::EBUSY, &plain, "v1"),
        (
            "write",
            "\"/sys/fs/cgroup/memory/x/memory.memsw.limit_in_bytes\"",
            Errno::EINVAL,
            &plain,
            "less than memory",
        ),
        ("mkdir", "\"/sys/fs/cgroup/memory/x\", 0755", Errno::EROFS, &plain, "Docker"),
        ("mkdirat", "AT_FDCWD, \"/var/tmp/x\", 0755", Errno::EROFS, &plain, "read-only"),
        ("rmdir", "\"/sys/fs/cgroup/memory/x\"", Errno::EBUSY, &plain, "still lives"),
        ("write", "\"/var/tmp/x/bin/busybox\"", Errno::ENOSPC, &plain, "full"),
        ("write", "\"/var/tmp/x/bin/busybox\"", Errno::EDQUOT, &plain, "quota"),
        ("execve", "\"/bin/x\", [\"x\"], …", Errno::ENOENT, &plain, "on this machine"),
        ("execve", "\"/bin/x\", [\"x\"], …", Errno::EACCES, &plain, "executable"),
        ("execve", "\"/bin/x\", [\"x\"], …", Errno::ENOEXEC, &plain, "script"),
    ] {
        let told = means(call, args, errno, context);
        assert!(told.contains(word), "{call}({args}) {errno:?}: {told}");
    }
    let inside = Context { root: RootChange::Chroot, ..Context::default() };
    assert!(means("execve", "", Errno::ENOENT, &inside).contains("this root"));
    let loader = Context { interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()), ..inside };
    assert!(means("execve", "", Errno::ENOENT, &loader).contains("`/lib64/ld-linux-x86-64.so.2`"));
    assert_eq!(meaning("getpid", "", Errno::EPERM as i32, &plain), None);
    assert_eq!(meaning("mount", "", 123_456, &plain), None);
}

#[test]
fn a_refused_write_is_known_by_the_file_it_went_to() {
    let call = |name: &str, args: &str, result| Call { name: name.into(), args: args.into(), result };
    let refused = CallResult::Errno(Errno::EBUSY as i32);
    let calls = [
        call("openat", "AT_FDCWD, \"/sys/fs/cgroup/cgroup.subtree_control\", O_WRONLY", CallResult::Value(7)),
        call(
            "openat",
            "AT_FDCWD, \"/sys/fs/cgroup/memory/x/memory.limit_in_bytes\", O_WRONLY",
            CallResult::Value(8),
        ),
        call("write", "7, \"+memory\", 7", refused),
    ];
    assert!(of(&calls, &Context::default()).unwrap().means.contains("leaves"));
    assert_eq!(of(&calls[..2], &Context::default()), None);
    assert_eq!(of(&[], &Context::default()), None);
}

#[test]
fn a_mistyped_word_is_recognised() {
    let mend = |name: &str| {
        let args = format!("\"{name}\", [\"{name}\", \"-p\"], …");
        meaning("execve", &args, Errno::ENOENT as i32, &Context::default()).unwrap().mend
    };
    assert!(mend("unshar").contains("`unshare`"));
    assert!(mend("moutn").contains("`mount`"));
    assert!(!mend("python3").contains("did you mean"));
    // The program of that name, after `run`.
    assert!(!mend("mount").contains("did you mean"));
}

#[test]
fn an_errno_has_a_name_and_a_text() {
    assert_eq!((name(1).as_str(), text(1)), ("EPERM", "Operation not permitted"));
    assert_eq!(name(123_456), "errno 123456");
}
