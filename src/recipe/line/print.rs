//! Every line prints as the canonical line that reads back as the same.

use std::fmt;

use super::{Command, Line, Word};
use crate::recipe::ingredient::{Amount, Ingredient, Limit, Mount, MountKind, Namespace, Tools};

/// The order of the flags of `unshare`.
const ORDER: [Namespace; 7] = [
    Namespace::Pid,
    Namespace::Mnt,
    Namespace::Uts,
    Namespace::Ipc,
    Namespace::Net,
    Namespace::User,
    Namespace::Cgroup,
];

/// The word as it has to be typed, quoted where it needs to be.
pub(crate) fn quoted(word: &str) -> String {
    // A shell and the grammar take these as they are, except in the first word; quotes would only be in the way.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-./:@_,=%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Add(ingredient) => ingredient.fmt(f),
            Self::Drop(what) => write!(f, "drop {}", quoted(what)),
            Self::Recipe => f.write_str("recipe"),
            Self::Run(command) => command.fmt(f),
            Self::Stay(command) => write!(f, "{command} &"),
            Self::Enter(enter, command) => {
                let plain = format!("{enter} {}", command.text);
                // A program whose name could be read as a flag.
                let same = matches!(Line::parse(&plain), Ok(Line::Enter(_, read)) if read == *command);
                if same { f.write_str(&plain) } else { write!(f, "{enter} -- {}", command.text) }
            }
            Self::Escape(command) => write!(f, "escape {}", command.text),
            Self::Host(script) => write!(f, "!{script}"),
            Self::Jobs => f.write_str("jobs"),
            Self::Peek(None) => f.write_str("peek"),
            Self::Peek(Some(job)) => write!(f, "peek {job}"),
            Self::Inspect(None) => f.write_str("inspect"),
            Self::Inspect(Some(number)) => write!(f, "inspect {number}"),
            Self::Kill { signal: 9, job } => write!(f, "kill {job}"),
            Self::Kill { signal, job } => write!(f, "kill -{signal} {job}"),
            Self::Shell => f.write_str("shell"),
            Self::Ablate => f.write_str("ablate"),
            Self::Image(act) => act.fmt(f),
            Self::Docker(words) => {
                f.write_str("docker")?;
                words.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
            }
            Self::Walk(word) => word.fmt(f),
        }
    }
}

impl fmt::Display for Command {
    /// As typed; with `run` before it where the line would otherwise mean something else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = matches!(Line::parse(&self.text), Ok(Line::Run(command)) if command == *self);
        write!(f, "{}{}", if same { "" } else { "run " }, self.text)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, argument) = match self {
            Self::Next => ("next", None),
            Self::Back => ("back", None),
            Self::Goto(step) => ("goto", Some(step)),
            Self::Hint => ("hint", None),
            Self::Why => ("why", None),
            Self::Solve => ("solve", None),
            Self::Check => ("check", None),
            Self::Reset => ("reset", None),
            Self::Labs => ("labs", None),
            Self::Start(lab) => ("start", Some(lab)),
            Self::Status => ("status", None),
            Self::Map => ("map", None),
            Self::Book => ("book", None),
            Self::Predict(answer) => ("predict", Some(answer)),
            Self::Help(topic) => ("help", topic.as_ref()),
            Self::Quit => ("quit", None),
        };
        f.write_str(name)?;
        argument.map_or(Ok(()), |argument| write!(f, " {}", quoted(argument)))
    }
}

impl fmt::Display for Ingredient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rootfs(Tools::Any) => f.write_str("rootfs"),
            Self::Rootfs(Tools::Busybox) => f.write_str("rootfs busybox"),
            Self::Rootfs(Tools::Host) => f.write_str("rootfs host"),
            Self::Rootfs(Tools::Image) => f.write_str("rootfs image"),
            Self::Chroot => f.write_str("chroot"),
            Self::PivotRoot => f.write_str("pivot_root"),
            Self::Unshare { namespaces, mount_proc } => {
                f.write_str("unshare")?;
                for namespace in ORDER.into_iter().filter(|namespace| namespaces.contains(namespace)) {
                    write!(f, " --{}", namespace.flag())?;
                }
                if *mount_proc { f.write_str(" --mount-proc") } else { Ok(()) }
            }
            Self::Mount(mount) => mount.fmt(f),
            Self::Cgroup(limits) => {
                f.write_str("cgroup")?;
                limits.iter().try_for_each(|limit| write!(f, " {limit}"))
            }
            Self::Hostname(name) => write!(f, "hostname {}", quoted(name)),
            Self::Capdrop(names) => {
                f.write_str("capdrop")?;
                names.iter().try_for_each(|name| write!(f, " {}", quoted(name)))
            }
        }
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MountKind::Fs(fstype) => write!(f, "mount -t {}", quoted(fstype))?,
            MountKind::Bind => f.write_str("mount --bind")?,
            MountKind::Rbind => f.write_str("mount --rbind")?,
        }
        if !self.options.is_empty() {
            write!(f, " -o {}", quoted(&self.options.join(",")))?;
        }
        if self.source.starts_with('-') {
            f.write_str(" --")?;
        }
        write!(f, " {} {}", quoted(&self.source), quoted(&self.target))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.resource.name(), self.amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Cpu { quota, period } => write!(f, "{quota}/{period}"),
        }
    }
}
