//! Labs as files: the built-in course or a directory of someone's own, `rlab list`, `rlab check`, `rlab new`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::cli::Format;
use crate::error::{Exit, Result, Trouble};
use crate::frontend::labfile::{self, Chosen};
use crate::frontend::terminal::Terminal;
use crate::lab::course::{Course, is_built_in};
use crate::lab::file::Lab;
use crate::lab::lint::{Severity, lint};
use crate::lab::scaffold::{as_id, scaffold};
use crate::lab::trust;
use crate::render::shelf::Shelf as List;
use crate::session::shelf::Shelf;

/// The labs that the walk finds.
pub struct CourseShelf {
    /// Which.
    pub course: Course,
    /// Whether those that are not built in may run lines on the host.
    pub trusted: bool,
}

impl Shelf for CourseShelf {
    fn ids(&self) -> Vec<String> {
        self.course.entries().iter().map(|entry| entry.id().to_owned()).collect()
    }

    fn lab(&self, id: &str) -> Result<Lab> {
        self.course.lab_to_run(id, self.trusted).cloned()
    }
}

/// Shows what a course that is trusted will run on the host, before any of it is run.
pub fn show_trusted(course: &Course, terminal: &mut Terminal) {
    for entry in course.entries().iter().filter(|entry| !entry.is_built_in()) {
        // A file with mistakes is told when its lab is asked for.
        let lines = entry.lab().map(trust::host_lines).unwrap_or_default();
        if !lines.is_empty() {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            terminal.aside(&format!("trusted: `{}` runs on this machine:\n{lines}", entry.file()));
        }
    }
}

/// The built-in course, or the labs of a directory.
///
/// # Errors
/// The directory cannot be read, or has no lab.
pub fn course(labs: Option<&Path>) -> Result<Course> {
    let Some(dir) = labs else { return Ok(Course::built_in()) };
    let files = toml_files(dir)?;
    if files.is_empty() {
        return Err(Trouble::usage(format!("there is no lab in `{}`", dir.display()))
            .because("no file there ends in `.toml`")
            .hint(format!("`rlab new {}` writes one to start from", dir.join("mine.toml").display())));
    }
    Ok(Course::from_sources(files.iter().map(|file| read(file, Chosen::Found))))
}

/// The `*.toml` files of a directory, sorted by name: also what cannot be read, so that it is told.
fn toml_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error: std::io::Error| {
        let hint = "`--labs` and `rlab check` take a directory of `*.toml` files";
        Trouble::usage(format!("the directory `{}` cannot be read", dir.display())).because(error).hint(hint)
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A lab file as it was found: its name, and its text or why it has none.
type Source = (String, Result<String>);

/// Name and text of one file.
fn read(file: &Path, chosen: Chosen) -> Source {
    (file.display().to_string(), labfile::text(file, chosen))
}

/// `rlab list`.
pub fn list(format: Format, course: &Course, terminal: &mut Terminal) -> Exit {
    let mut list = List::new();
    for entry in course.entries() {
        list.put(entry.id(), course.lab(entry.id()).as_ref().copied());
    }
    match format {
        Format::Text => {
            let text = list.text(&terminal.look());
            terminal.show(&text);
        }
        Format::Json => terminal.data(&list.json()),
    }
    Exit::Ok
}

/// `rlab check`: lints files, directories of files, or the built-in course. Exit status 2 where there is an error.
///
/// # Errors
/// A directory that cannot be read, or has no lab.
pub fn check(
    paths: &[PathBuf],
    course: impl FnOnce() -> Result<Course>,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let sources = match paths {
        [] => {
            course()?.entries().iter().map(|e| (e.file().to_owned(), e.source().map(str::to_owned))).collect()
        }
        paths => sources(paths)?,
    };
    let (mut errors, mut warnings) = (0, 0);
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    for (file, source) in &sources {
        let source = match source {
            Ok(source) => source,
            // One file that cannot be read must not hide what is wrong with the others.
            Err(trouble) => {
                errors += 1;
                terminal.trouble(trouble);
                continue;
            }
        };
        match Lab::read(file, source) {
            Err(mistakes) => {
                errors += mistakes.len();
                for mistake in mistakes {
                    terminal.data(&format!("{mistake}\n\n"));
                }
            }
            Ok(lab) => {
                if let Some(other) = ids.insert(lab.id.clone(), file) {
                    errors += 1;
                    terminal.data(&format!(
                        "{file}: error: `{other}` has the id `{}` too\nhint: give one of them another `id`\n",
                        lab.id
                    ));
                }
                let trust = trust::finding(&lab).filter(|_| !is_built_in(source));
                for finding in lint(&lab).into_iter().chain(trust) {
                    match finding.severity {
                        Severity::Error => errors += 1,
                        Severity::Warning => warnings += 1,
                    }
                    terminal.data(&format!("{file}: {finding}\n"));
                }
            }
        }
    }
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    terminal.aside(&format!(
        "{}: {}, {}\n",
        count(sources.len(), "lab"),
        count(errors, "error"),
        count(warnings, "warning")
    ));
    Ok(if errors == 0 { Exit::Ok } else { Exit::Usage })
}

/// The files that are meant, each with its text or why it cannot be read.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        if path.is_dir() {
            let files = toml_files(path)?;
            if files.is_empty() {
                return Err(Trouble::usage(format!("there is no lab in `{}`", path.display()))
                    .because("no file there ends in `.toml`")
                    .hint(format!("`rlab new {}` writes one", path.join("mine.toml").display())));
            }
            sources.extend(files.iter().map(|file| read(file, Chosen::Found)));
        } else {
            sources.push(read(path, Chosen::Named));
        }
    }
    Ok(sources)
}

/// `rlab new`: writes a lab to start from, and never over another file.
///
/// # Errors
/// The file is there, its name is no id, or it cannot be written.
pub fn new(path: &Path, terminal: &mut Terminal) -> Result<Exit> {
    let cannot = || Trouble::usage(format!("`{}` cannot be written", path.display()));
    let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if id.is_empty() || !id.bytes().all(good) || path.extension().is_none_or(|e| e != "toml") {
        return Err(cannot()
            .because("a lab's file is named after its id: `a-z`, `0-9`, `-`, then `.toml`")
            .hint("for example `rlab new labs/my-first-lab.toml`"));
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let trouble = cannot().because(&error);
        match error.kind() {
            ErrorKind::AlreadyExists => {
                trouble.hint("choose another name; what is there is never overwritten")
            }
            ErrorKind::NotFound => trouble.hint("make the directory first"),
            _ => trouble,
        }
    })?;
    file.write_all(scaffold(id).as_bytes()).map_err(|error| {
        // Half a lab would be in the way of the next attempt.
        let _ = fs::remove_file(path);
        cannot().because(error)
    })?;
    let (path, id) = (path.display(), as_id(id));
    terminal.data(&format!(
        "wrote {path}\n`rlab check {path}` lints it; `rlab --labs DIR start {id}` walks it, with its directory\n"
    ));
    Ok(Exit::Ok)
}
