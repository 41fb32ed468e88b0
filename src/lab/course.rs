//! An ordered list of labs: the ones that are built into the program, or those of a directory.
//!
//! A lab is read when it is asked for, so a start at one lab pays for that one, and a broken file takes no other
//! down with it.

use std::borrow::Cow;
use std::cell::OnceCell;

use toml::de::{DeTable, DeValue};

use crate::error::{Result, Trouble};
use crate::lab::diagnostic::{Diagnostic, listed, nearest_or_all};
use crate::lab::file::Lab;
use crate::lab::trust;

/// The built-in labs, in the order of the course: id, file name, text.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("chroot", "labs/chroot.toml", include_str!("../../labs/chroot.toml")),
    ("pid-namespace", "labs/pid-namespace.toml", include_str!("../../labs/pid-namespace.toml")),
    ("memory-cgroup", "labs/memory-cgroup.toml", include_str!("../../labs/memory-cgroup.toml")),
    ("container", "labs/container.toml", include_str!("../../labs/container.toml")),
    ("docker", "labs/docker.toml", include_str!("../../labs/docker.toml")),
    ("exec", "labs/exec.toml", include_str!("../../labs/exec.toml")),
    ("image", "labs/image.toml", include_str!("../../labs/image.toml")),
    ("jailbreak", "labs/jailbreak.toml", include_str!("../../labs/jailbreak.toml")),
];

/// Labs in their order.
#[derive(Debug, Clone)]
pub struct Course {
    entries: Vec<Entry>,
}

/// One lab of a course: its text, and what was read of it so far.
#[derive(Debug, Clone)]
pub struct Entry {
    id: Cow<'static, str>,
    file: Cow<'static, str>,
    /// Its text, or why it cannot be read at all.
    source: Result<Cow<'static, str>>,
    lab: OnceCell<Result<Lab, Vec<Diagnostic>>>,
}

/// What a list of labs shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The lab's id.
    pub id: String,
    /// Its title; the file's name where the file says none.
    pub title: String,
    /// Minutes that a learner takes; 0 where the file does not say.
    pub minutes: u32,
}

impl Course {
    /// The course that is built into the program.
    pub fn built_in() -> Self {
        let entry = |(id, file, source): &(&'static str, &'static str, &'static str)| Entry {
            id: Cow::Borrowed(id),
            file: Cow::Borrowed(file),
            source: Ok(Cow::Borrowed(source)),
            lab: OnceCell::new(),
        };
        Self { entries: BUILT_IN.iter().map(entry).collect() }
    }

    /// A course of these files, each a name (as it is told in mistakes) and its text, in this order.
    ///
    /// A lab goes by the `id` in its file, or by the file's name where that cannot be read.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::from_sources(files.into_iter().map(|(file, source)| (file, Ok(source))))
    }

    /// As [`Self::from_files`], where a file may have no text that can be read. It is a lab of the course all the same, and
    /// says why when it is asked for.
    pub fn from_sources(files: impl IntoIterator<Item = (String, Result<String>)>) -> Self {
        let entry = |(file, source): (String, Result<String>)| {
            let head = source.as_deref().ok().and_then(head_of);
            let id = head.and_then(|head| text_of(&head, "id")).unwrap_or_else(|| stem(&file));
            Entry { id: id.into(), file: file.into(), source: source.map(Cow::Owned), lab: OnceCell::new() }
        };
        Self { entries: files.into_iter().map(entry).collect() }
    }

    /// Every lab, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many labs there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no lab at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a lab stands, from 0.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id == id)
    }

    /// The id of the lab after this one.
    pub fn next_after(&self, id: &str) -> Option<&str> {
        self.entries.get(self.position(id)? + 1).map(Entry::id)
    }

    /// Reads a lab, once. `trusted`: whether one that is not built in may run lines on the host.
    ///
    /// # Errors
    /// As [`Self::lab`]; and such lines, where they are not trusted.
    pub fn lab_to_run(&self, id: &str, trusted: bool) -> Result<&Lab> {
        let lab = self.lab(id)?;
        let entry = self.entries.iter().find(|entry| entry.id == id && !entry.is_built_in());
        match entry.filter(|_| !trusted).and_then(|entry| trust::distrusted(entry.file(), lab)) {
            Some(trouble) => Err(trouble),
            None => Ok(lab),
        }
    }

    /// Reads a lab, once.
    ///
    /// # Errors
    /// No lab has this id (with the nearest one as the hint), two have it, or its file has mistakes: then the first
    /// is told, and how many more there are. [`Entry::lab`] gives them all.
    pub fn lab(&self, id: &str) -> Result<&Lab> {
        let mut named = self.entries.iter().filter(|entry| entry.id == id);
        let Some(entry) = named.next() else {
            let ids: Vec<&str> = self.entries.iter().map(Entry::id).collect();
            let hint =
                if ids.is_empty() { "there are no labs here".to_owned() } else { nearest_or_all(id, &ids) };
            return Err(Trouble::usage(format!("no lab is called `{}`", id.escape_debug())).hint(hint));
        };
        if let Some(other) = named.next() {
            let files = listed(&[entry.file(), other.file()]);
            return Err(Trouble::usage(format!("two labs are called `{id}`"))
                .because(format!("both {files} have this id"))
                .hint("give one of them another `id`"));
        }
        entry.source()?;
        entry.lab().map_err(|mistakes| trouble(entry.file(), mistakes))
    }
}

/// Whether this text is, byte for byte, a lab that is built in.
pub fn is_built_in(source: &str) -> bool {
    BUILT_IN.iter().any(|(_, _, text)| *text == source)
}

/// The mistakes of one file as one trouble: the first, and how many more.
pub fn trouble(file: &str, mistakes: &[Diagnostic]) -> Trouble {
    let trouble = Trouble::usage(format!("`{file}` is no lab that can be read"));
    let Some(first) = mistakes.first() else { return trouble };
    let told = trouble.because(format!("{}:{}: {}", first.line, first.column, first.what));
    let more = mistakes.len() - 1;
    let told = match more {
        0 => told,
        1 => told.because("and 1 more mistake"),
        _ => told.because(format!("and {more} more mistakes")),
    };
    told.hint(first.hint.clone().unwrap_or_else(|| format!("`rlab check {file}` shows every mistake")))
}

impl Entry {
    /// The lab's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of its file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its text.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn source(&self) -> Result<&str> {
        self.source.as_deref().map_err(Clone::clone)
    }

    /// Whether it is, byte for byte, a lab that is built in, wherever it was read from.
    pub fn is_built_in(&self) -> bool {
        self.source.as_deref().is_ok_and(is_built_in)
    }

    /// Title and minutes, without reading the steps.
    pub fn head(&self) -> Head {
        let head = self.source.as_deref().ok().and_then(head_of);
        let title = head.as_ref().and_then(|head| text_of(head, "title"));
        let minutes = head.as_ref().and_then(|head| match head.get("minutes")?.get_ref() {
            DeValue::Integer(minutes) => minutes.as_str().parse().ok(),
            _ => None,
        });
        Head {
            id: self.id.to_string(),
            title: title.unwrap_or_else(|| stem(&self.file)),
            minutes: minutes.unwrap_or(0),
        }
    }

    /// The lab, read once.
    ///
    /// # Errors
    /// Every mistake of the file; none where it cannot be read at all ([`Self::source`] says why).
    pub fn lab(&self) -> Result<&Lab, &[Diagnostic]> {
        let read = || match &self.source {
            Ok(source) => Lab::read(&self.file, source),
            Err(_) => Err(Vec::new()),
        };
        self.lab.get_or_init(read).as_ref().map_err(Vec::as_slice)
    }
}

/// The keys before the first table: id, title, minutes.
fn head_of(source: &str) -> Option<DeTable<'_>> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let end = source.find("\n[[").map_or(source.len(), |at| at + 1);
    DeTable::parse(&source[..end]).ok().map(toml::Spanned::into_inner)
}

fn text_of(head: &DeTable<'_>, key: &str) -> Option<String> {
    match head.get(key)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}

/// `pid-namespace` of `labs/pid-namespace.toml`.
fn stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".toml").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(files: &[(&str, &str)]) -> Course {
        Course::from_files(files.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())))
    }

    #[test]
    fn the_built_in_ids_and_titles_are_those_of_the_files() {
        let course = Course::built_in();
        for entry in course.entries() {
            let lab = course.lab(entry.id()).unwrap_or_else(|trouble| panic!("{trouble}"));
            let head = entry.head();
            assert_eq!((lab.id.as_str(), &lab.title, lab.minutes), (entry.id(), &head.title, head.minutes));
        }
        assert_eq!(course.next_after("chroot"), Some("pid-namespace"));
        assert_eq!(course.next_after("jailbreak"), None);
    }

    #[test]
    fn a_broken_file_takes_no_other_down() {
        let good = BUILT_IN[0].2;
        let course = course(&[("a/broken.toml", "id = \"x"), ("a/chroot.toml", good)]);
        assert!(course.lab("chroot").is_ok());
        let trouble = course.lab("broken").unwrap_err();
        assert_eq!(trouble.exit, crate::error::Exit::Usage);
        assert!(trouble.causes[0].starts_with("1:"), "{trouble}");
        assert_eq!(course.entries()[0].head().title, "broken");
    }

    #[test]
    fn an_unknown_lab_is_told_with_the_nearest() {
        let trouble = Course::built_in().lab("chrot").unwrap_err();
        assert_eq!(trouble.hint.as_deref(), Some("did you mean `chroot`?"));
    }

    #[test]
    fn two_labs_of_one_id_are_refused_by_name() {
        let course = course(&[("one.toml", BUILT_IN[0].2), ("two.toml", BUILT_IN[0].2)]);
        assert!(course.lab("chroot").unwrap_err().causes[0].contains("`one.toml`, `two.toml`"));
    }
}
