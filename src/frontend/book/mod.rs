//! `rlab mdbook`: the preprocessor of the book. mdBook hands the book over as JSON on standard input and takes it back
//! from standard output, on which nothing else may stand.
//!
//! [`record`] runs labs and keeps what happened.

pub mod record;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mdbook_preprocessor::book::{Book, BookItem, Chapter, SectionNumber};
use mdbook_preprocessor::{PreprocessorContext, parse_input};

use crate::cli::{Global, MdbookWhat};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::labs::course;
use crate::frontend::terminal::Terminal;
use crate::lab::file::Lab;
use crate::render::book::Library;
use crate::render::book::recording::{FORMAT, Recording};

/// The generations of control groups under which a lab may have been recorded, the one that most machines have first.
const GENERATIONS: [&str; 3] = ["v2", "v1", "none"];

/// The directive of the page below which labs without a page of their own are put.
const HOME: &str = "{{#rlab labs}}";

/// Does what the command line says.
///
/// # Errors
/// The book cannot be read, a directive is wrong, or a lab cannot be recorded.
pub fn run(what: Option<MdbookWhat>, global: &Global, terminal: &mut Terminal) -> Result<Exit> {
    match what {
        None => preprocess(global, terminal),
        // HTML and Markdown alike; what shows neither would show the tags.
        Some(MdbookWhat::Supports { renderer }) if matches!(renderer.as_str(), "html" | "markdown") => {
            Ok(Exit::Ok)
        }
        Some(MdbookWhat::Supports { .. }) => Ok(Exit::CheckFailed),
        Some(MdbookWhat::Record { dir, which }) => record::write(&dir, &which, global, terminal),
    }
}

fn preprocess(global: &Global, terminal: &mut Terminal) -> Result<Exit> {
    let (context, mut book) = parse_input(std::io::stdin()).map_err(|error| {
        Trouble::usage("the book on standard input cannot be read")
            .because(format!("{error:#}"))
            .hint("`rlab mdbook` is run by mdBook: `mdbook build book`")
    })?;
    let settings = Settings::of(&context)?;
    let labs = labs(global)?;
    let recordings = settings.recordings(&labs, global, terminal)?;
    let written =
        |chapter: &Chapter| Some((chapter.path.as_ref()?.display().to_string(), chapter.content.clone()));
    let pages = book.chapters().filter_map(written).collect();
    let library = Library { labs, recordings, pages };
    add_chapters(&mut book, &library)?;
    expand(&mut book, &library, &settings.source)?;
    let text = serde_json::to_string(&book)
        .map_err(|error| Trouble::sandbox("the book cannot be written").because(error))?;
    terminal.data(&text);
    Ok(Exit::Ok)
}

/// Every lab of the course.
fn labs(global: &Global) -> Result<Vec<Lab>> {
    let course = course(global.labs.as_deref())?;
    course.entries().iter().map(|entry| course.lab_to_run(entry.id(), global.trust).cloned()).collect()
}

/// From where transcripts are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From a run now, where the machine can run the lab, else from its file.
    Auto,
    /// From files alone.
    Recorded,
}

/// `[preprocessor.rlab]` of `book.toml`.
struct Settings {
    transcripts: Source,
    recorded: PathBuf,
    /// The directory of the pages, as mistakes name it.
    source: PathBuf,
}

impl Settings {
    fn of(context: &PreprocessorContext) -> Result<Self> {
        let text = |key: &str| -> Result<Option<String>> {
            let cannot = |error| Trouble::usage(format!("`{key}` of `book.toml` is no text")).because(error);
            context.config.get(&format!("preprocessor.rlab.{key}")).map_err(cannot)
        };
        let transcripts = match text("transcripts")?.as_deref() {
            None | Some("auto") => Source::Auto,
            Some("recorded") => Source::Recorded,
            Some(other) => {
                return Err(Trouble::usage(format!(
                    "`transcripts = \"{other}\"` of `book.toml` is neither known way"
                ))
                .hint("`auto` runs the labs where this machine can, `recorded` only reads the files"));
            }
        };
        let recorded = context.root.join(text("recorded")?.unwrap_or_else(|| "recorded".to_owned()));
        Ok(Self { transcripts, recorded, source: context.config.book.src.clone() })
    }

    fn recordings(
        &self,
        labs: &[Lab],
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<BTreeMap<String, Vec<Recording>>> {
        let mut found = BTreeMap::new();
        for lab in labs {
            let live = match self.transcripts {
                Source::Auto => record::record(&lab.id, global).unwrap_or_else(|trouble| {
                    terminal.aside(&format!("the recorded run of `{}` is used: {}\n", lab.id, trouble.what));
                    None
                }),
                Source::Recorded => None,
            };
            // What this machine did comes first, then what others did.
            let mut runs: Vec<Recording> = live.into_iter().collect();
            for version in GENERATIONS {
                if runs.iter().all(|run| run.cgroups != version) {
                    runs.extend(read(&self.recorded, &lab.id, version)?);
                }
            }
            found.insert(lab.id.clone(), runs);
        }
        Ok(found)
    }
}

/// The recorded run of a lab on one generation of control groups, where there is one.
fn read(dir: &Path, lab: &str, version: &str) -> Result<Option<Recording>> {
    let path = dir.join(format!("{lab}@{version}.json"));
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    let cannot = || Trouble::usage(format!("the recording `{}` cannot be read", path.display()));
    let hint = format!("make it anew: `rlab mdbook record {} {lab}`", dir.display());
    let recording = Recording::read(&text).map_err(|error| cannot().because(error).hint(hint.clone()))?;
    if recording.format != FORMAT {
        return Err(cannot().because(format!("its format is {}, not {FORMAT}", recording.format)).hint(hint));
    }
    Ok(Some(recording))
}

/// Puts a chapter for each lab without a page of its own below the page that lists the labs.
fn add_chapters(book: &mut Book, library: &Library) -> Result<()> {
    let page = |lab: &Lab| PathBuf::from(format!("{}.md", lab.id));
    let known: Vec<PathBuf> = book.chapters().filter_map(|chapter| chapter.path.clone()).collect();
    let missing: Vec<&Lab> = library.labs.iter().filter(|lab| !known.contains(&page(lab))).collect();
    let mut placed = missing.is_empty();
    book.for_each_chapter_mut(|chapter| {
        if placed || !chapter.content.contains(HOME) {
            return;
        }
        placed = true;
        for lab in &missing {
            let parents = chapter.parent_names.iter().chain([&chapter.name]).cloned().collect();
            let mut made = Chapter::new(&lab.title, library.chapter(lab), page(lab), parents);
            made.source_path = None;
            let next = u32::try_from(chapter.sub_items.len() + 1).unwrap_or(u32::MAX);
            made.number = chapter
                .number
                .as_ref()
                .map(|number| SectionNumber::new(number.iter().copied().chain([next]).collect::<Vec<u32>>()));
            chapter.sub_items.push(BookItem::Chapter(made));
        }
    });
    if placed {
        return Ok(());
    }
    let ids: Vec<String> = missing.iter().map(|lab| format!("`{}`", lab.id)).collect();
    Err(Trouble::usage(format!("no chapter of the book is for {}", ids.join(", ")))
        .because("a lab without a page of its own goes below the page that lists the labs, and there is none")
        .hint(format!("write `{HOME}` on the page below which they shall be")))
}

/// Replaces the directives of every page.
fn expand(book: &mut Book, library: &Library, source: &Path) -> Result<()> {
    let mut mistake = None;
    book.for_each_chapter_mut(|chapter| {
        let place = chapter
            .source_path
            .as_ref()
            .map_or_else(|| chapter.name.clone(), |path| source.join(path).display().to_string());
        match library.expand(&place, &chapter.content) {
            Ok(text) => chapter.content = text,
            Err(trouble) => {
                mistake.get_or_insert(trouble);
            }
        }
    });
    mistake.map_or(Ok(()), Err)
}
