//! A plan as text: one numbered line an operation.

use std::fmt;

use super::{At, Clone3, Op, Plan, Prepare};
use crate::recipe::ingredient::Tools;
use crate::recipe::line::quoted;
use crate::recipe::machine::CgroupVersion;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prepare = self.prepare.iter().map(ToString::to_string);
        let child = self.child.iter().map(ToString::to_string);
        for (at, line) in prepare.chain([self.clone.to_string()]).chain(child).enumerate() {
            writeln!(f, "{:2}  {line}", at + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(path) | Self::Inside(path) => f.write_str(&quoted(path)),
            Self::Root(path) if path == "/" => f.write_str("$ROOTFS"),
            Self::Root(path) => write!(f, "$ROOTFS{}", quoted(path)),
        }
    }
}

const fn tools(tools: Tools) -> &'static str {
    match tools {
        Tools::Any => "with BusyBox, or the machine's own tools",
        Tools::Busybox => "with BusyBox",
        Tools::Host => "with the machine's own tools",
        Tools::Image => "from the layers of the image",
    }
}

impl fmt::Display for Prepare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rootfs(from) => write!(f, "build $ROOTFS {}", tools(*from)),
            Self::StepAside { parent } => write!(f, "move rlab from {} to a leaf below", quoted(parent)),
            Self::EnableController { controller, parent } => {
                write!(f, "write +{controller} to {}/cgroup.subtree_control", quoted(parent))
            }
            Self::MakeGroup { version, parent } => {
                let version = match version {
                    CgroupVersion::V1 => "v1",
                    CgroupVersion::V2 => "v2",
                };
                write!(f, "make $CGROUP in {} ({version})", quoted(parent))
            }
            Self::WriteLimit { file, value, optional, .. } => {
                write!(f, "write {value} to $CGROUP/{file}")?;
                if *optional { f.write_str(" (where there is one)") } else { Ok(()) }
            }
            Self::DetachedProc => {
                f.write_str("make a proc of the host's PID namespace, attached nowhere yet")
            }
        }
    }
}

impl fmt::Display for Clone3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut flags: Vec<&str> = self.namespaces.iter().map(|own| own.clone_flag()).collect();
        if self.into_cgroup {
            flags.push("CLONE_INTO_CGROUP");
        }
        write!(f, "clone3 {}", if flags.is_empty() { "0".to_owned() } else { flags.join("|") })
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DieWithParent => f.write_str("die when rlab dies"),
            Self::JoinGroup(controller) => write!(f, "join $CGROUP ({controller}): write 0 to its tasks"),
            Self::MapIds { uid, gid } => {
                write!(f, "map user {uid} and group {gid} to 0: setgroups deny, uid_map, gid_map")
            }
            Self::Unshare(own) => write!(f, "unshare {}", own.clone_flag()),
            Self::MakePrivate => f.write_str("make every mount private, so that none leaks to the host"),
            Self::BindRoot => f.write_str("bind $ROOTFS on itself, a mount point for pivot_root"),
            Self::TmpfsRoot(from) => write!(f, "mount a tmpfs on $ROOTFS, {}", tools(*from)),
            Self::Mount { source, target, fstype, flags, data } => {
                mount(f, source, target, fstype.as_deref(), flags, data.as_deref())
            }
            Self::ReadOnly { target, .. } => {
                write!(f, "make {} read-only, if it is still mounted", quoted(target))
            }
            Self::AttachProc(target) => write!(f, "attach that proc on {target}"),
            Self::Chroot => f.write_str("chroot $ROOTFS, chdir /"),
            Self::PivotRoot => f.write_str("pivot_root $ROOTFS, detach the old root, chdir /"),
            Self::SetHostname(name) => write!(f, "sethostname {}", quoted(name)),
            Self::DropCapabilities(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(f, "give up {}", names.join(" "))
            }
            Self::FindTarget => f.write_str("pidfd_open the container"),
            Self::FindRoot => f.write_str("open its root directory"),
            Self::FindDirectory => f.write_str("open its working directory"),
            Self::SetNamespace(own) => write!(f, "setns {}", own.clone_flag()),
            Self::TakeRoot => f.write_str("fchdir to its root directory, chroot ., chdir /"),
            Self::TakeDirectory => f.write_str("fchdir to its working directory"),
            Self::Fork => f.write_str("clone3 CLONE_PARENT: the child goes on, in the PID namespace"),
            Self::JoinTheirGroup => f.write_str("join its control groups: write 0 to cgroup.procs"),
            Self::WorkIn(directory) => write!(f, "chdir {}", quoted(directory)),
            Self::BecomeUser { uid, gid } => {
                write!(f, "become user {uid} and group {gid}, with no other group")
            }
            Self::Stage => {
                f.write_str("make a stage that stands for the host, $ROOTFS in it; pivot_root to it")
            }
            Self::ClimbOut => f.write_str("climb out: mkdir x, chroot x, chdir .. (four times), chroot ."),
            Self::Exec(command) => {
                let words: Vec<String> = command.argv.iter().map(|word| quoted(word)).collect();
                write!(f, "execve {}", words.join(" "))
            }
        }
    }
}

fn mount(
    f: &mut fmt::Formatter<'_>,
    source: &At,
    target: &At,
    fstype: Option<&str>,
    flags: &[&str],
    data: Option<&str>,
) -> fmt::Result {
    let word = |flag: &&str| flag.trim_start_matches("MS_").to_lowercase();
    match fstype {
        Some(fstype) => {
            let options: Vec<String> = flags.iter().map(word).chain(data.map(str::to_owned)).collect();
            write!(f, "mount {source} on {target} ({fstype}, {})", options.join(" "))
        }
        None if flags.contains(&"MS_REMOUNT") => {
            let options = flags.iter().filter(|flag| !matches!(**flag, "MS_REMOUNT" | "MS_BIND")).map(word);
            write!(f, "remount {target} ({})", options.collect::<Vec<_>>().join(" "))
        }
        None if flags.contains(&"MS_REC") => write!(f, "bind {source} on {target}, with everything below it"),
        None => write!(f, "bind {source} on {target}"),
    }
}
