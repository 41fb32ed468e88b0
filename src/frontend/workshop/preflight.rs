//! `rlab doctor --report` writes what one machine can do; `rlab workshop preflight` reads everyone's.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::Format;
use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::render::doctor::Doctor;
use crate::render::preflight;
use crate::workshop::preflight::{FORMAT, LARGEST, Report as Given, Table};
use crate::workshop::rules;

/// A report that will be written: its name and its place are good.
pub struct Report {
    file: PathBuf,
    name: String,
}

/// The file.
#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    name: &'a str,
    rlab: &'static str,
    doctor: &'a Doctor,
}

impl Report {
    /// Looks whether it can be written there.
    ///
    /// # Errors
    /// The name can be none; the file holds something else.
    pub fn begin(file: &Path, name: Option<&str>) -> Result<Self> {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = rules::name(name.unwrap_or(stem)).map_err(|why| {
            Trouble::usage("the report has no name").because(why).hint("`--name` says whose machine it is")
        })?;
        match look(file) {
            Ok(_) => {}
            Err(Unread::Gone(ErrorKind::NotFound, _)) => {}
            // An earlier report is taken the place of; nothing else is.
            Err(Unread::Gone(_, why) | Unread::Other(why)) => {
                return Err(cannot(file)
                    .because(why)
                    .hint("choose another name: only a report is written over"));
            }
        }
        Ok(Self { file: file.to_owned(), name })
    }

    /// Writes it: whole, or not at all.
    ///
    /// # Errors
    /// The directory cannot be written, the disk is full.
    pub fn write(&self, doctor: &Doctor) -> Result<()> {
        let told = Written { format: FORMAT, name: &self.name, rlab: env!("CARGO_PKG_VERSION"), doctor };
        let cannot = |error: std::io::Error| cannot(&self.file).because(error);
        let mut text = serde_json::to_vec_pretty(&told).map_err(|error| cannot(error.into()))?;
        text.push(b'\n');
        let mut new = self.file.clone().into_os_string();
        new.push(format!(".{}.new", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&new)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| fs::rename(&new, &self.file));
        written.map_err(|error| {
            // Half a report helps nobody.
            let _ = fs::remove_file(&new);
            cannot(error)
        })
    }
}

fn cannot(file: &Path) -> Trouble {
    Trouble::usage(format!("the report `{}` cannot be written", file.display()))
}

/// Why a report was not read.
enum Unread {
    /// The file cannot be read.
    Gone(ErrorKind, String),
    /// It is something else.
    Other(String),
}

fn look(file: &Path) -> Result<Given, Unread> {
    let gone = |error: std::io::Error| Unread::Gone(error.kind(), error.to_string());
    if file.is_dir() {
        return Err(Unread::Other("it is a directory".to_owned()));
    }
    let mut bytes = Vec::new();
    let open = fs::File::open(file).map_err(gone)?;
    open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(gone)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unread::Other(format!("it is longer than {LARGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Unread::Other("it is no text".to_owned()))?;
    Given::read(&text)
        .map_err(|why| Unread::Other(format!("it is no report of `rlab doctor --report`: {why}")))
}

/// `rlab workshop preflight`. Exit status 3 where someone cannot do a lab, 2 where a file is no report.
///
/// # Errors
/// A directory without a report in it.
pub fn run(files: &[PathBuf], format: Format, terminal: &mut Terminal) -> Result<Exit> {
    let mut reports = Vec::new();
    let mut bad = false;
    for file in listed(files)? {
        match look(&file) {
            Ok(report) => reports.push((file.display().to_string(), report)),
            // One that cannot be read must not hide how the others are.
            Err(Unread::Gone(_, why) | Unread::Other(why)) => {
                bad = true;
                terminal.trouble(
                    &Trouble::usage(format!("`{}` is left out", file.display()))
                        .because(why)
                        .hint("ask for it again: `rlab doctor --report FILE`"),
                );
            }
        }
    }
    let table = Table::of(reports);
    match format {
        Format::Text => {
            let text = preflight::text(&table, &terminal.look());
            terminal.show(&text);
        }
        Format::Json => terminal.data(&preflight::json(&table)),
    }
    Ok(match (table.ready(), bad) {
        (false, _) => Exit::Cannot,
        (true, true) => Exit::Usage,
        (true, false) => Exit::Ok,
    })
}

/// The files that are meant: a directory stands for its `*.json`.
fn listed(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for file in files {
        if !file.is_dir() {
            all.push(file.clone());
            continue;
        }
        let cannot = |why: String| {
            Trouble::usage(format!("there is no report in `{}`", file.display()))
                .because(why)
                .hint("`rlab doctor --report FILE` writes one")
        };
        let entries = fs::read_dir(file).map_err(|error| cannot(error.to_string()))?;
        let is_one = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
        if found.is_empty() {
            return Err(cannot("no file there ends in `.json`".to_owned()));
        }
        found.sort();
        all.append(&mut found);
    }
    Ok(all)
}
