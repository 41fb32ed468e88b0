//! The floor: what a launcher has to do for the same container and not one thing more. No errors told, nothing
//! observed, no machine looked at: the caller passes the root and the controllers.

#![allow(unsafe_code, reason = "clone3 and the child after it, as in the launcher that this is the floor of")]

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::CloneFlags;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, chdir, execv, pivot_root, sethostname};

use super::Result;

/// `v1:/sys/fs/cgroup/memory` or `v2:/sys/fs/cgroup`, as [`super::peers`] passes it.
struct Group {
    v2: bool,
    path: String,
}

/// `minimal ROOT GROUP… -- PROGRAM ARGUMENT…`
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let (root, rest) = arguments.split_first().ok_or("no root")?;
    let split = rest.iter().position(|word| word == "--").ok_or("no program")?;
    let groups: Vec<Group> = rest[..split]
        .iter()
        .filter_map(|word| word.split_once(':'))
        .map(|(version, parent)| Group {
            v2: version == "v2",
            path: format!("{parent}/rlab-bench-{}", std::process::id()),
        })
        .collect();
    let argv: Vec<CString> =
        rest[split + 1..].iter().map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?;
    for group in &groups {
        make(group)?;
    }
    let status = launch(root, &groups, &argv);
    for group in &groups {
        fs::remove_dir(&group.path)?;
    }
    match status? {
        WaitStatus::Exited(_, 0) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn make(group: &Group) -> Result<()> {
    fs::create_dir(&group.path)?;
    let files: &[(&str, &str)] = if group.v2 {
        &[("memory.max", "7340032"), ("memory.swap.max", "0"), ("pids.max", "64")]
    } else {
        &[("memory.limit_in_bytes", "7340032"), ("pids.max", "64")]
    };
    for (file, value) in files {
        // Each v1 tree has one of them, and a kernel without swap accounting lacks the second.
        if let Ok(mut file) = fs::OpenOptions::new().write(true).open(format!("{}/{file}", group.path)) {
            file.write_all(value.as_bytes())?;
        }
    }
    Ok(())
}

fn launch(root: &str, groups: &[Group], argv: &[CString]) -> Result<WaitStatus> {
    let opened: Vec<fs::File> = groups
        .iter()
        .map(|group| {
            if group.v2 {
                fs::File::open(&group.path)
            } else {
                fs::OpenOptions::new().write(true).open(format!("{}/tasks", group.path))
            }
        })
        .collect::<Result<_, _>>()?;
    let namespaces = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
    // set_tid_size, cgroup.
    let mut args = [0_u64; 11];
    args[0] = namespaces.bits() as u64;
    args[4] = libc::SIGCHLD as u64;
    if let Some(at) = groups.iter().position(|group| group.v2) {
        args[0] |= 0x2_0000_0000;
        args[10] = opened[at].as_raw_fd() as u64;
    }
    // SAFETY: `args` is a whole clone_args, and without CLONE_VM the child has memory of its own. This process has one
    // thread, so the child may do whatever it likes.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args)) };
    match pid {
        0 => {
            let failed = child(root, groups, &opened, argv).err();
            drop(writeln!(std::io::stderr(), "{failed:?}"));
            // SAFETY: ends this process at once; there is nothing to unwind in a copy.
            unsafe { libc::_exit(125) }
        }
        pid if pid > 0 => Ok(waitpid(Pid::from_raw(pid as i32), None)?),
        _ => Err(Errno::last().into()),
    }
}

fn child(root: &str, groups: &[Group], opened: &[fs::File], argv: &[CString]) -> Result<()> {
    for (group, mut file) in groups.iter().zip(opened) {
        if !group.v2 {
            file.write_all(b"0")?;
        }
    }
    const NONE: Option<&str> = None;
    nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP)?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
    mount(Some(root), root, NONE, MsFlags::MS_BIND, NONE)?;
    sethostname("container")?;
    chdir(root)?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE)?;
    execv(argv.first().ok_or("no program")?, argv)?;
    Ok(())
}
