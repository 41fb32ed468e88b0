//! `image …`: one thing done with the image of the session.

use super::scan::Word as Token;
use super::words::Own;
use super::{LineError, quoted};
use crate::recipe::image::{Act, Part, Settings};
use crate::recipe::nearest::nearest;

/// What can follow `image`, in the order in which an image comes to be.
pub(crate) const ACTS: [&str; 10] =
    ["pack", "config", "manifest", "index", "show", "load", "unpack", "run", "forge", "rm"];

/// What `image config` takes.
pub(crate) const CONFIG_FLAGS: [&str; 5] = ["--entrypoint", "--cmd", "--env", "--workdir", "--user"];

const CONFIG: &str =
    "type `image config --entrypoint /bin/sh --cmd '-c env' --env NAME=VALUE --workdir / --user 1000`";

/// The longest name that an image may have; the same letters as in the names of registries.
const LONGEST_NAME: usize = 128;

/// Reads it.
pub(super) fn read(line: &Own<'_>) -> Result<Act, LineError> {
    let Some((what, rest)) = line.args.split_first() else { return Ok(Act::Show(Part::Files)) };
    match what.text.as_str() {
        "pack" => bare(what, rest, Act::Pack),
        "config" => config(line, rest).map(Act::Config),
        "manifest" => bare(what, rest, Act::Manifest),
        "index" => index(rest).map(Act::Index),
        "show" => show(rest).map(Act::Show),
        "load" => load(line, rest),
        "unpack" => bare(what, rest, Act::Unpack),
        "run" => Ok(Act::Run(rest.iter().map(|word| word.text.clone()).collect())),
        "forge" => forge(line, rest),
        "rm" => bare(what, rest, Act::Remove),
        other => {
            let hint = match nearest(other, ACTS) {
                Some(near) => format!("did you mean `image {near}`?"),
                None => format!("one of {}", ACTS.map(|act| format!("`image {act}`")).join(", ")),
            };
            Err(LineError::new(what.at, format!("an image cannot be `{other}`")).hint(hint))
        }
    }
}

fn bare(what: &Token, rest: &[Token], act: Act) -> Result<Act, LineError> {
    match rest.first() {
        None => Ok(act),
        Some(extra) => {
            Err(LineError::new(extra.at, format!("`image {}` does not take `{}`", what.text, extra.text))
                .hint(format!("type `image {}` by itself", what.text)))
        }
    }
}

fn config(line: &Own<'_>, rest: &[Token]) -> Result<Settings, LineError> {
    let mut settings = Settings::default();
    let mut rest = rest.iter();
    while let Some(flag) = rest.next() {
        let (name, value) = match flag.text.split_once('=').filter(|(name, _)| name.starts_with("--")) {
            Some((name, value)) => (name, Some((flag.at, value.to_owned()))),
            None => (flag.text.as_str(), None),
        };
        let mut value =
            || match value.clone().or_else(|| rest.next().map(|word| (word.at, word.text.clone()))) {
                Some(value) => Ok(value),
                None => Err(LineError::new(line.end(), format!("`{name}` needs a value")).hint(CONFIG)),
            };
        match name {
            "--entrypoint" => settings.entrypoint = Some(words(value()?)?),
            "--cmd" => settings.cmd = Some(words(value()?)?),
            "--env" | "-e" => {
                settings.merge(&Settings { env: vec![variable(value()?)?], ..Settings::default() })
            }
            "--workdir" | "-w" => settings.workdir = Some(directory(value()?)?),
            "--user" | "-u" => settings.user = Some(value()?.1),
            other => {
                let hint = match nearest(other, CONFIG_FLAGS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => CONFIG.to_owned(),
                };
                return Err(LineError::new(flag.at, format!("`image config` has no `{other}`")).hint(hint));
            }
        }
    }
    Ok(settings)
}

/// The words of a program and its arguments, written in one.
fn words((at, text): (usize, String)) -> Result<Vec<String>, LineError> {
    shlex::split(&text).ok_or_else(|| LineError::new(at, "a quote in the words is never closed"))
}

fn variable((at, text): (usize, String)) -> Result<(String, String), LineError> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(LineError::new(at, format!("`{text}` is no variable")).hint("write `--env NAME=VALUE`")),
    }
}

fn directory((at, text): (usize, String)) -> Result<String, LineError> {
    if text.starts_with('/') {
        return Ok(text);
    }
    Err(LineError::new(at, format!("`{text}` is no absolute path")).hint("write `--workdir /etc`"))
}

fn index(rest: &[Token]) -> Result<Option<String>, LineError> {
    match rest {
        [] => Ok(None),
        [name] if is_name(&name.text) => Ok(Some(name.text.clone())),
        [name] => Err(LineError::new(name.at, format!("`{}` is no name for an image", name.text))
            .hint("letters, digits, `.`, `-` and `_`, such as `1.0`")),
        [_, extra, ..] => {
            Err(LineError::new(extra.at, "an image has one name").hint("type `image index 1.0`"))
        }
    }
}

/// Whether an image may have this name (the distribution specification's tags).
fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(letter) && !name.starts_with(['.', '-'])
}

fn show(rest: &[Token]) -> Result<Part, LineError> {
    const HINT: &str = "`image show` alone, or with `layout`, `index`, `manifest`, `config`, `layer 1`";
    let (what, number) = match rest {
        [] => return Ok(Part::Files),
        [what] => (what, None),
        [what, number] if what.text == "layer" => (what, Some(number)),
        [_, extra, ..] => {
            return Err(LineError::new(extra.at, format!("`{}` is too much", extra.text)).hint(HINT));
        }
    };
    match what.text.as_str() {
        "layout" => Ok(Part::Layout),
        "index" => Ok(Part::Index),
        "manifest" => Ok(Part::Manifest),
        "config" => Ok(Part::Config),
        "layer" => {
            let Some(number) = number else { return Ok(Part::Layer(1)) };
            let read = number.text.parse().ok().filter(|number| *number > 0);
            read.map(Part::Layer).ok_or_else(|| {
                LineError::new(number.at, format!("`{}` is not the number of a layer", number.text))
                    .hint("layers are numbered from 1, the lowest first")
            })
        }
        other => Err(LineError::new(what.at, format!("an image has no `{other}`")).hint(HINT)),
    }
}

fn load(line: &Own<'_>, rest: &[Token]) -> Result<Act, LineError> {
    const HINT: &str = "type `image load DIRECTORY`, or `image load DIRECTORY:NAME` where it holds several";
    match rest {
        [] => Err(LineError::new(line.end(), "`image load` needs the directory of an image").hint(HINT)),
        [from] => Ok(Act::Load(from.text.clone())),
        [_, extra, ..] => Err(LineError::new(extra.at, format!("`{}` is too much", extra.text)).hint(HINT)),
    }
}

fn forge(line: &Own<'_>, rest: &[Token]) -> Result<Act, LineError> {
    const HINT: &str =
        "type `image forge ../../evil`, or `image forge link/evil /tmp` for a name through a link";
    match rest {
        [] => Err(LineError::new(line.end(), "`image forge` needs the name of a file").hint(HINT)),
        [path] => Ok(Act::Forge { path: path.text.clone(), target: None }),
        [path, target] => Ok(Act::Forge { path: path.text.clone(), target: Some(target.text.clone()) }),
        [_, _, extra, ..] => {
            Err(LineError::new(extra.at, format!("`{}` is too much", extra.text)).hint(HINT))
        }
    }
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("image")?;
        match self {
            Self::Pack => f.write_str(" pack"),
            Self::Config(settings) => write!(f, " config{settings}"),
            Self::Manifest => f.write_str(" manifest"),
            Self::Index(None) => f.write_str(" index"),
            Self::Index(Some(name)) => write!(f, " index {}", quoted(name)),
            Self::Show(Part::Files) => f.write_str(" show"),
            Self::Show(Part::Layout) => f.write_str(" show layout"),
            Self::Show(Part::Index) => f.write_str(" show index"),
            Self::Show(Part::Manifest) => f.write_str(" show manifest"),
            Self::Show(Part::Config) => f.write_str(" show config"),
            Self::Show(Part::Layer(number)) => write!(f, " show layer {number}"),
            Self::Load(from) => write!(f, " load {}", quoted(from)),
            Self::Unpack => f.write_str(" unpack"),
            Self::Run(words) => {
                f.write_str(" run")?;
                words.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
            }
            Self::Forge { path, target } => {
                write!(f, " forge {}", quoted(path))?;
                target.iter().try_for_each(|target| write!(f, " {}", quoted(target)))
            }
            Self::Remove => f.write_str(" rm"),
        }
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let joined = |words: &Vec<String>| {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            quoted(&words.join(" "))
        };
        if let Some(words) = &self.entrypoint {
            write!(f, " --entrypoint {}", joined(words))?;
        }
        if let Some(words) = &self.cmd {
            write!(f, " --cmd {}", joined(words))?;
        }
        for (name, value) in &self.env {
            write!(f, " --env {}", quoted(&format!("{name}={value}")))?;
        }
        if let Some(directory) = &self.workdir {
            write!(f, " --workdir {}", quoted(directory))?;
        }
        self.user.iter().try_for_each(|user| write!(f, " --user {}", quoted(user)))
    }
}
