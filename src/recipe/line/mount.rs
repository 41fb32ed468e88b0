//! `mount`, with the words of mount(8).

use super::LineError;
use super::ingredients::shown;
use super::scan::Word;
use super::words::Own;
use crate::recipe::ingredient::{Mount, MountKind};
use crate::recipe::nearest::nearest;

/// The file systems that can be mounted inside.
pub(super) const TYPES: &[&str] = &["proc", "tmpfs", "sysfs", "devpts", "mqueue"];

/// The options that are flags of mount(2), with the flag; an empty name is the kernel's default.
pub(crate) const FLAGS: &[(&str, &str)] = &[
    ("ro", "MS_RDONLY"),
    ("nosuid", "MS_NOSUID"),
    ("nodev", "MS_NODEV"),
    ("noexec", "MS_NOEXEC"),
    ("sync", "MS_SYNCHRONOUS"),
    ("dirsync", "MS_DIRSYNC"),
    ("nosymfollow", "MS_NOSYMFOLLOW"),
    ("noatime", "MS_NOATIME"),
    ("nodiratime", "MS_NODIRATIME"),
    ("relatime", "MS_RELATIME"),
    ("strictatime", "MS_STRICTATIME"),
    ("lazytime", "MS_LAZYTIME"),
    ("defaults", ""),
    ("rw", ""),
    ("suid", ""),
    ("dev", ""),
    ("exec", ""),
    ("async", ""),
    ("atime", ""),
    ("diratime", ""),
];

const USAGE: &str = "type `mount -t proc proc /proc`, or `mount --bind /dev/urandom /dev/urandom`";

#[derive(Default)]
struct Asked<'a> {
    fstype: Option<(usize, String)>,
    bind: Option<MountKind>,
    options: Vec<(usize, String)>,
    paths: Vec<&'a Word>,
}

/// `mount …` with at least one argument.
pub(super) fn read(line: &Own<'_>) -> Result<Mount, LineError> {
    let asked = arguments(line)?;
    let (source, target) = match asked.paths.as_slice() {
        [source, target] => (*source, *target),
        [_, _, extra, ..] => {
            return Err(LineError::new(extra.at, format!("`mount` does not take `{}`", shown(&extra.text)))
                .hint(USAGE));
        }
        _ => return Err(LineError::new(line.end(), "`mount` needs a source and a target").hint(USAGE)),
    };
    let kind = kind(&asked, source)?;
    if matches!(kind, MountKind::Bind | MountKind::Rbind) {
        bind_source(source)?;
        bind_options(&asked.options)?;
    }
    let options = asked.options.into_iter().map(|(_, option)| option).collect();
    Ok(Mount { source: source.text.clone(), target: target_path(target)?, kind, options })
}

fn arguments<'a>(line: &Own<'a>) -> Result<Asked<'a>, LineError> {
    let mut asked = Asked::default();
    let mut words = line.args.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (text, None),
        };
        match (name, value) {
            ("--", None) => asked.paths.extend(words.by_ref()),
            ("-t" | "--types", None) => {
                let value = value_of(word, words.next())?;
                asked.fstype = Some((value.at, value.text.clone()));
            }
            ("--types", Some(value)) => asked.fstype = Some((word.at, value.to_owned())),
            ("-o" | "--options", None) => {
                let value = value_of(word, words.next())?;
                options(&mut asked, value.at, &value.text)?;
            }
            ("--options", Some(value)) => options(&mut asked, word.at, value)?,
            ("--bind" | "-B", None) => asked.bind = Some(MountKind::Bind),
            ("--rbind" | "-R", None) => asked.bind = Some(MountKind::Rbind),
            ("-r" | "--read-only", None) => asked.options.push((word.at, "ro".to_owned())),
            ("-w" | "--rw" | "--read-write", None) => asked.options.push((word.at, "rw".to_owned())),
            (name, _) if name.starts_with('-') && name.len() > 1 => return Err(unknown(word, name)),
            _ => asked.paths.push(word),
        }
    }
    Ok(asked)
}

fn value_of<'a>(flag: &Word, value: Option<&'a Word>) -> Result<&'a Word, LineError> {
    value.ok_or_else(|| {
        LineError::new(flag.at + flag.text.len(), format!("`{}` needs a value", flag.text)).hint(USAGE)
    })
}

fn options(asked: &mut Asked<'_>, at: usize, text: &str) -> Result<(), LineError> {
    for option in text.split(',').filter(|option| !option.is_empty()) {
        match option {
            "bind" => asked.bind = Some(MountKind::Bind),
            "rbind" => asked.bind = Some(MountKind::Rbind),
            "remount" | "move" | "loop" => {
                return Err(LineError::new(at, format!("`mount -o {option}` is left out in rlab")).hint(
                    "every line gets its mounts anew: `drop` the mount and type it again with other options",
                ));
            }
            other => asked.options.push((at, other.to_owned())),
        }
    }
    Ok(())
}

fn unknown(word: &Word, name: &str) -> LineError {
    let known = ["--types", "--options", "--bind", "--rbind", "--read-only"];
    if name.starts_with("--make-") {
        return LineError::new(word.at, format!("`mount {name}` is done by rlab itself"))
            .hint("no mount of a container leaks to the host: propagation is made private first");
    }
    let error = LineError::new(word.at, format!("`mount` has no flag `{}` here", shown(name)));
    match nearest(name, known).filter(|_| name.len() > 2) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("{USAGE}; `run mount …` is the program of that name")),
    }
}

fn kind(asked: &Asked<'_>, source: &Word) -> Result<MountKind, LineError> {
    match (&asked.bind, &asked.fstype) {
        (Some(bind), None) => Ok(bind.clone()),
        (Some(bind), Some((_, fstype))) if fstype == "none" => Ok(bind.clone()),
        (Some(_), Some((at, _))) => Err(LineError::new(*at, "a bind mount has no type of its own")
            .hint("leave out `-t`, or leave out `--bind`")),
        (None, Some((_, fstype))) if TYPES.contains(&fstype.as_str()) => Ok(MountKind::Fs(fstype.clone())),
        (None, Some((at, fstype))) => {
            let known = TYPES.join(" ");
            let error = LineError::new(*at, format!("the type `{}` is left out in rlab", shown(fstype)));
            Err(match nearest(fstype, TYPES.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `-t {near}`? the types are {known}")),
                None => {
                    error.hint(format!("the types are {known}; a directory of the host comes with `--bind`"))
                }
            })
        }
        (None, None) => {
            let error = LineError::new(source.at, "`mount` needs to know what kind of mount");
            Err(match TYPES.iter().find(|name| **name == source.text) {
                Some(name) => error.hint(format!("type `mount -t {name} {name} …`")),
                None => error.hint("say `-t TYPE` for a new file system, or `--bind` for a path of the host"),
            })
        }
    }
}

fn bind_source(source: &Word) -> Result<(), LineError> {
    if source.text.starts_with('/') {
        return Ok(());
    }
    Err(LineError::new(source.at, format!("`{}` is not an absolute path on the host", shown(&source.text)))
        .hint("the source of a bind is a path on the host, from `/` on"))
}

fn bind_options(options: &[(usize, String)]) -> Result<(), LineError> {
    let unknown = options.iter().find(|(_, option)| !FLAGS.iter().any(|(name, _)| name == option));
    match unknown {
        None => Ok(()),
        Some((at, option)) => Err(LineError::new(
            *at,
            format!("a bind shows a file system that is there already, so `{}` has no effect", shown(option)),
        )
        .hint("a bind takes ro nosuid nodev noexec noatime relatime")),
    }
}

/// The target as a clean absolute path inside.
fn target_path(target: &Word) -> Result<String, LineError> {
    let text = target.text.as_str();
    if !text.starts_with('/') {
        let inside = text.trim_start_matches("./").trim_end_matches('/');
        return Err(LineError::new(target.at, format!("`{}` is not an absolute path", shown(text)))
            .hint(format!("paths are the container's own: write `/{}`", shown(inside))));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(LineError::new(target.at, format!("`{}` climbs with `..`", shown(text)))
            .hint("write the path that it ends at"));
    }
    if parts.is_empty() {
        return Err(LineError::new(target.at, "nothing can be mounted on `/` itself")
            .hint("`rootfs` and `chroot` or `pivot_root` make the root"));
    }
    Ok(format!("/{}", parts.join("/")))
}
