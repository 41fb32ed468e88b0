//! `rlab present`: the instructor's own session. The pages have room, the notes of the lab file stand beside the step, and
//! the time is compared with the plan.

use std::io::IsTerminal;
use std::path::Path;
use std::rc::Rc;

use crate::cli;
use crate::error::{Exit, Result, Trouble};
use crate::frontend::beside::{Act, Beside, Told};
use crate::frontend::repl::{self, Begin, Company, now};
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::lab::file::Lab;
use crate::render::document::{Look, Text};
use crate::render::present::{self, Shown};
use crate::session::event::{Event, Position};
use crate::session::shelf::Shelf;
use crate::session::walk::Walk;

/// Words of a presenter's.
const WORDS: [&str; 3] = ["notes", "pace", "page"];

/// Presents a lab.
///
/// # Errors
/// There is no such lab or step; a replay without a terminal.
pub fn run(
    args: &cli::Present,
    shelf: Rc<dyn Shelf>,
    labs: Option<&Path>,
    world: &mut Real,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let at_terminal = std::io::stdin().is_terminal() && terminal.is_terminal();
    if args.replay && !at_terminal {
        return Err(Trouble::usage("a replay needs a terminal: it stops until Enter is pressed")
            .hint(format!("`rlab run {}` shows the solution without stopping", args.at)));
    }
    let company = Company {
        beside: Some(Box::new(Presenter::new(Rc::clone(&shelf), args.hide_notes))),
        replay: args.replay.then_some(args.words),
    };
    repl::run_beside(&Begin::At(args.at.clone()), shelf, labs, world, terminal, company)
}

/// The instructor's notes and clock.
pub(super) struct Presenter {
    shelf: Rc<dyn Shelf>,
    /// Whether the notes stay hidden until they are asked for: the screen is on the wall.
    hidden: bool,
    lab: Option<Lab>,
    /// When the lab began, and when the step did.
    began: (u64, u64),
    position: Option<Position>,
    say: String,
}

impl Presenter {
    pub(super) fn new(shelf: Rc<dyn Shelf>, hidden: bool) -> Self {
        Self { shelf, hidden, lab: None, began: (now(), now()), position: None, say: String::new() }
    }

    fn notes(&self) -> Option<&str> {
        let position = self.position.as_ref()?;
        self.lab.as_ref()?.steps.get(position.step_number.checked_sub(1)?)?.notes.as_deref()
    }

    fn pace(&self, done: bool) -> String {
        let (Some(position), Some(lab)) = (&self.position, &self.lab) else { return String::new() };
        let passed = now().saturating_sub(self.began.0);
        present::timing(passed, position.step_number.saturating_sub(1), position.steps, lab.minutes, done)
    }
}

impl Beside for Presenter {
    fn hello(&self) -> Vec<String> {
        vec!["presenting: `notes` shows what the lab file notes, `page` all of the step's text, `pace` the time".to_owned()]
    }

    fn words(&self) -> &'static [&'static str] {
        &WORDS
    }

    fn takes(&mut self, line: &str, _walk: &Walk) -> Option<Vec<Act>> {
        let nothing = || Act::Note("you are in no step".to_owned());
        Some(vec![match line {
            "notes" => self.notes().map_or_else(
                || Act::Note("the lab file notes nothing for this step".to_owned()),
                |notes| Act::Show(present::whole(notes)),
            ),
            "page" if self.position.is_some() => Act::Show(present::whole(&self.say)),
            "pace" if self.position.is_some() => {
                let step = now().saturating_sub(self.began.1) / 1000;
                Act::Note(format!("{}; {}:{:02} in this step", self.pace(false), step / 60, step % 60))
            }
            "page" | "pace" => nothing(),
            _ => return None,
        }])
    }

    fn hears(&mut self, event: &Event, look: &Look) -> Told {
        match event {
            Event::LabBegins { lab, .. } => {
                self.lab = self.shelf.lab(lab).ok();
                self.began = (now(), now());
                Told::Instead(Text::new())
            }
            Event::StepBegins { position, say, predict, .. } => {
                self.began.1 = now();
                self.position = Some(position.clone());
                self.say.clone_from(say);
                let pace = self.pace(false);
                let notes = if self.hidden { None } else { self.notes() };
                Told::Instead(present::step(
                    &Shown { position, say, predict: predict.as_ref(), notes, pace: &pace },
                    look,
                ))
            }
            Event::StepDone { .. } => Told::Also(present::pace(&self.pace(true))),
            Event::LabDone { .. } => {
                self.position = None;
                Told::AsAlways
            }
            _ => Told::AsAlways,
        }
    }
}
