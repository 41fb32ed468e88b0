//! `rlab workshop report` and `rlab workshop verify`: what came of a workshop, from the board's log and from the records that
//! learners keep.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::cli::{Pages, WorkshopReport};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::lab::course::Course;
use crate::render::document::{Line, Role, Text};
use crate::workshop::course::Taught;
use crate::workshop::evidence::{Evidence, LARGEST};
use crate::workshop::report::{Learner, Report};

/// Tells what a room has done. Exit status 1 where a record is not whole; it is left out.
///
/// # Errors
/// A file that is no record.
pub fn report(args: &WorkshopReport, course: &Course, terminal: &mut Terminal) -> Result<Exit> {
    let mut learners: Vec<Learner> = Vec::new();
    let mut taught = Vec::new();
    let mut whole = true;
    for file in &args.files {
        if is_log(file) {
            let (course, logged) = log(file)?;
            // Two days of one course have the same labs.
            for lab in course {
                if !taught.iter().any(|known: &Taught| known.id == lab.id) {
                    taught.push(lab);
                }
            }
            logged.into_iter().for_each(|learner| add(&mut learners, learner));
            continue;
        }
        match read(file) {
            Ok(Evidence { heading, events, .. }) => {
                add(&mut learners, Learner { name: heading.name, id: heading.learner, events });
            }
            Err(trouble) if trouble.exit == Exit::CheckFailed => {
                whole = false;
                terminal.trouble(&trouble.hint("it is left out; the board has what was sent"));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    // A log knows what was taught; records do not.
    if taught.is_empty() {
        for entry in course.entries() {
            match course.lab(entry.id()) {
                Ok(lab) => taught.push(Taught::of(lab)),
                Err(trouble) => terminal.trouble(&trouble),
            }
        }
    }
    let report = Report::of(&learners, &taught);
    terminal.data(&match args.format {
        Pages::Markdown => report.markdown(),
        Pages::Html => report.html(),
        Pages::Json => report.json(),
    });
    Ok(if whole { Exit::Ok } else { Exit::CheckFailed })
}

/// Adds a learner. The same one may be there twice, as it was at two times or from both sides: the longer one has both.
fn add(learners: &mut Vec<Learner>, learner: Learner) {
    match learners.iter_mut().find(|known| known.id == learner.id) {
        Some(known) if known.events.len() < learner.events.len() => *known = learner,
        Some(_) => {}
        None => learners.push(learner),
    }
}

/// Whether it is a board's log: a file of SQLite's.
fn is_log(file: &Path) -> bool {
    let mut head = [0; 16];
    File::open(file).and_then(|mut open| open.read_exact(&mut head)).is_ok() && &head == b"SQLite format 3\0"
}

/// What was taught, and everyone's events.
#[cfg(feature = "workshop")]
fn log(file: &Path) -> Result<(Vec<Taught>, Vec<Learner>)> {
    let record = crate::board::record(file)?;
    let learner = |(learner, events): (crate::board::store::Learner, _)| Learner {
        name: learner.name,
        id: learner.id,
        events,
    };
    Ok((record.course, record.learners.into_iter().map(learner).collect()))
}

/// Says what it takes.
#[cfg(not(feature = "workshop"))]
fn log(file: &Path) -> Result<(Vec<Taught>, Vec<Learner>)> {
    Err(Trouble::usage(format!(
        "`{}` is the log of a board, and this rlab was built without one",
        file.display()
    ))
    .hint("build it with `cargo build --release --features workshop`; a released rlab has it"))
}

/// Tells whether records are whole. Exit status 1 where one is not.
///
/// # Errors
/// A file that is no record.
pub fn verify(files: &[std::path::PathBuf], terminal: &mut Terminal) -> Result<Exit> {
    let mut exit = Exit::Ok;
    for file in files {
        match read(file) {
            Ok(found) => terminal.show(&whole(&found)),
            Err(trouble) if trouble.exit == Exit::CheckFailed => {
                exit = Exit::CheckFailed;
                terminal.trouble(&trouble);
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(exit)
}

fn whole(found: &Evidence) -> Text {
    let Evidence { heading, events, end } = found;
    let mut text = Text::new();
    let fact = |label: &str, value: String| {
        let mut line = Line::indented(3, 5).with(Role::Dim, label);
        line.pad_to(11);
        line.with(Role::Plain, value)
    };
    let head = Line::indented(1, 3).with(Role::Strong, heading.name.clone());
    text.push(head.with(Role::Good, "   whole: nothing was left out, put in or changed"));
    text.push(fact("learner", format!("{}, at the board {}", heading.learner, heading.board)));
    text.push(fact("events", events.len().to_string()));
    text.push(fact("last hash", end.hash.to_string()));
    text.push(Line::indented(3, 3).with(
        Role::Plain,
        "Events at its end may be missing: all are there if the board has the same number and hash.",
    ));
    text
}

/// Reads a record. One that is not whole has the exit status 1.
fn read(file: &Path) -> Result<Evidence> {
    let cannot = |why: String| {
        Trouble::usage(format!("`{}` cannot be read as a learner's record", file.display()))
            .because(why)
            .hint("`rlab join` tells where its record is, when it ends and by the word `sent`")
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes));
    opened.map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(cannot(format!("it is longer than {LARGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is no text".to_owned()))?;
    Evidence::read(&text).map_err(|wrong| {
        let why = format!("line {}: {}", wrong.line, wrong.why);
        if !wrong.forged {
            return cannot(why);
        }
        let trouble = Trouble::usage(format!("the record `{}` is not whole", file.display())).because(why);
        Trouble { exit: Exit::CheckFailed, ..trouble }
    })
}
