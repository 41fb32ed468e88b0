//! Terminal, files, environment, clock: where bytes go.
//!
//! - [`terminal`]: the one writer, and what the terminal can show; [`busy`] is when it shows that something takes a while.
//! - [`world`]: the sandbox as the walk sees it.
//! - [`repl`]: a learner at a terminal; `prompt` is how it asks, [`first`] the first time, [`greeting`] the first and the last
//!   that they read, [`verdict`] what the machine can do. [`lines`]: lines that nobody edits here, from a pipe or a plain terminal.
//! - [`editor`]: the line editor. [`typed`] takes apart what was typed so far, [`words`] completes it and [`colors`]
//!   colours it with what is [`known`]; [`history`] keeps it; [`pasted`] is for several lines at once.
//! - [`keys`], [`signals`]: what comes while rlab waits.
//! - [`script`]: `rlab run`. [`exec`]: `rlab exec`. [`doctor`]: `rlab doctor`. [`clean`]: `rlab clean`.
//! - [`challenge`]: `rlab challenge`.
//! - [`progress`]: `rlab progress`. [`export`]: `rlab export`. [`inspect`]: `rlab inspect`.
//! - [`image`]: `rlab image`.
//! - [`cast`]: `rlab run --cast`. `book`: `rlab mdbook`, with the feature of that name.
//! - [`labs`]: labs as files: `--labs`, `rlab list`, `rlab check`, `rlab new`.
//! - [`present`]: `rlab present`; `replay` is what types by itself.
//! - [`workshop`]: a workshop for a room, both sides: `rlab workshop`, `rlab join`. [`beside`]: who sits beside a session.
//! - [`state`]: what is kept between sessions.

pub mod beside;
#[cfg(feature = "book")]
pub mod book;
pub mod busy;
pub mod cast;
pub mod challenge;
pub mod clean;
pub mod colors;
pub mod doctor;
pub mod editor;
pub mod exec;
pub mod export;
pub mod first;
pub mod greeting;
pub mod history;
pub mod image;
pub mod inspect;
pub mod keys;
pub mod known;
mod labfile;
pub mod labs;
pub mod lines;
pub mod pasted;
pub mod present;
pub mod progress;
mod prompt;
pub mod repl;
mod replay;
pub mod script;
pub mod signals;
pub mod state;
pub mod terminal;
pub mod typed;
pub mod verdict;
pub mod words;
pub mod workshop;
pub mod world;

use std::rc::Rc;

use crate::cli::{Cli, Global, Mode};
use crate::error::{Exit, Result};
use crate::frontend::labs::{CourseShelf, course};
use crate::frontend::repl::{Begin, Company};
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::session::shelf::Shelf;

/// Does what the command line says, and gives the exit status.
pub fn main(cli: Cli) -> u8 {
    let mut terminal = Terminal::new(&cli.global);
    let exit = run(cli, &mut terminal).unwrap_or_else(|trouble| {
        terminal.trouble(&trouble);
        trouble.exit as u8
    });
    // Whoever reads the report must not take half of it for all of it.
    if exit == 0 && terminal.lost() { Exit::Sandbox as u8 } else { exit }
}

/// The table of modes.
fn run(cli: Cli, terminal: &mut Terminal) -> Result<u8> {
    let Cli { mode, global } = cli;
    let labs = global.labs.as_deref();
    let exit = match mode {
        None => repl::run(
            &Begin::Resume,
            shelf(&global, terminal)?,
            labs,
            &mut Real::lasting(global.time_limit),
            terminal,
        )?,
        Some(Mode::Start { at, masked }) => {
            terminal.mask(masked);
            repl::run(
                &Begin::At(at),
                shelf(&global, terminal)?,
                labs,
                &mut Real::lasting(global.time_limit),
                terminal,
            )?
        }
        Some(Mode::Play { masked }) => {
            terminal.mask(masked);
            repl::run(
                &Begin::Play,
                shelf(&global, terminal)?,
                labs,
                &mut Real::lasting(global.time_limit),
                terminal,
            )?
        }
        Some(Mode::Join(args)) => {
            let shelf = shelf(&global, terminal)?;
            let beside = workshop::join::enter(&args, &shelf)?;
            repl::run_beside(
                &Begin::Resume,
                shelf,
                labs,
                &mut Real::lasting(global.time_limit),
                terminal,
                Company { beside: Some(beside), replay: None },
            )?
        }
        Some(Mode::Present(args)) => {
            let shelf = shelf(&global, terminal)?;
            present::run(&args, shelf, labs, &mut Real::lasting(global.time_limit), terminal)?
        }
        Some(Mode::Courier { dir }) => workshop::courier::run(&dir)?,
        Some(Mode::Board { db, supervisor }) => workshop::host::serve(&db, supervisor, terminal)?,
        Some(Mode::List { format }) => labs::list(format, &course(global.labs.as_deref())?, terminal),
        Some(Mode::Run(args)) => script::run(
            &args,
            Box::new(shelf(&global, terminal)?),
            &mut Real::lasting(global.time_limit),
            terminal,
        )?,
        Some(Mode::Challenge { lab }) => {
            let mut real = Real::lasting(0);
            challenge::run(&lab, &course(global.labs.as_deref())?, &mut real, terminal)?
        }
        Some(Mode::Exec(args)) => return exec::run(&args, terminal),
        Some(Mode::Export(args)) => export::run(&args, &course(global.labs.as_deref())?, terminal)?,
        Some(Mode::Inspect(args)) => inspect::run(&args, terminal)?,
        Some(Mode::Image { what }) => return image::run(&what, global.time_limit, terminal),
        Some(Mode::Doctor(args)) => doctor::run(
            &args,
            &course(global.labs.as_deref())?,
            &mut Real::lasting(global.time_limit),
            terminal,
        )?,
        Some(Mode::Check { paths }) => labs::check(&paths, || course(global.labs.as_deref()), terminal)?,
        Some(Mode::New { path }) => labs::new(&path, terminal)?,
        Some(Mode::Progress(args)) => progress::run(&args, &course(global.labs.as_deref())?, terminal)?,
        Some(Mode::Workshop { what }) => workshop::run(&what, &course(global.labs.as_deref())?, terminal)?,
        #[cfg(feature = "book")]
        Some(Mode::Mdbook { what }) => book::run(what, &global, terminal)?,
        Some(Mode::Clean { of }) => clean::run(of.as_deref(), terminal)?,
    };
    Ok(exit as u8)
}

fn shelf(global: &Global, terminal: &mut Terminal) -> Result<Rc<dyn Shelf>> {
    let course = course(global.labs.as_deref())?;
    if global.trust {
        labs::show_trusted(&course, terminal);
    }
    Ok(Rc::new(CourseShelf { course, trusted: global.trust }))
}
