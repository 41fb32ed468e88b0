//! The REPL: lines from a learner at a terminal.
//!
//! The first prompt is on the screen before anything else is made ready: the editor, the history and the facts about the
//! machine wait until the learner reads.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::{Exit, Result, Trouble};
use crate::frontend::beside::{Act, Beside, Told};
use crate::frontend::editor::{Guide, LineEditor, Read};
use crate::frontend::first::PASTES_OFF;
use crate::frontend::greeting::{goodbye, greeting};
use crate::frontend::keys::OneByOne;
use crate::frontend::known::Known;
use crate::frontend::prompt::{can_edit, shown_prompt};
use crate::frontend::replay::Ended;
use crate::frontend::signals::Came;
use crate::frontend::state::{Found, Saved, State};
use crate::frontend::terminal::Terminal;
use crate::frontend::verdict::Verdict;
use crate::frontend::world::Real;
use crate::frontend::{history, pasted};
use crate::recipe::line::LONGEST;
use crate::render::document::{Role, paint, painted};
use crate::render::teller::Teller;
use crate::session::event::Event;
use crate::session::progress::At;
use crate::session::shelf::Shelf;
use crate::session::walk::{Flow, Walk};
use crate::session::world::World;

/// Ctrl-C.
pub(super) const SIGINT: i32 = 2;

/// How a session goes that is not only a learner's.
#[derive(Default)]
pub(super) struct Company {
    /// Who sits beside it.
    pub(super) beside: Option<Box<dyn Beside>>,
    /// The solution types itself first, at so many words a minute.
    pub(super) replay: Option<u32>,
}

/// Where a session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Where the learner left off.
    Resume,
    /// At a lab, `LAB` or `LAB:STEP`.
    At(String),
    /// Without a lab.
    Play,
}

/// One session.
pub(super) struct Session<'a> {
    pub(super) walk: Walk,
    shelf: Rc<dyn Shelf>,
    pub(super) world: &'a mut Real,
    pub(super) terminal: &'a mut Terminal,
    pub(super) teller: Teller,
    state: State,
    /// Whether the next line that is told takes the place of the prompt above it.
    over: bool,
    /// Where the history goes; nowhere once that has failed.
    history: Option<PathBuf>,
    /// What this machine can do, while it is being tried.
    pub(super) verdict: Option<Verdict>,
    /// Who sits beside it.
    pub(super) beside: Option<Box<dyn Beside>>,
    /// Words that were told since somebody looked, for who wants to know how long reading them takes.
    pub(super) words_told: usize,
}

/// Runs a session until the learner leaves. Exit status 0: what went wrong was told there; 130 where a signal ended it.
/// `labs` is where the shelf was read from, if it is not the built-in one.
///
/// # Errors
/// The lab to begin with is not there, or the terminal cannot be used.
pub fn run(
    begin: &Begin,
    shelf: Rc<dyn Shelf>,
    labs: Option<&Path>,
    world: &mut Real,
    terminal: &mut Terminal,
) -> Result<Exit> {
    run_beside(begin, shelf, labs, world, terminal, Company::default())
}

/// The same with someone beside it.
///
/// # Errors
/// As without.
pub(super) fn run_beside(
    begin: &Begin,
    shelf: Rc<dyn Shelf>,
    labs: Option<&Path>,
    world: &mut Real,
    terminal: &mut Terminal,
    company: Company,
) -> Result<Exit> {
    let Company { beside, replay } = company;
    let Found { state, mut progress, returning, notes } = State::open();
    if let Some(first) = beside.as_ref().and_then(|beside| beside.course().first()) {
        let in_course = |at: &At| beside.as_ref().is_some_and(|beside| beside.course().contains(&at.lab));
        // What a room is taught comes before what someone did at home.
        progress.at = progress.at.filter(in_course).or_else(|| Some(At { lab: first.clone(), step: None }));
    }
    let interactive = std::io::stdin().is_terminal() && terminal.is_terminal();
    let boxed = Box::new(Rc::clone(&shelf));
    let walk = match begin {
        Begin::Resume => Walk::resume(boxed, progress.clone()),
        Begin::At(_) | Begin::Play => Walk::play(boxed).remembering(progress.clone()),
    };
    let mut teller = Teller::new(terminal.look());
    if let Some(mask) = teller.mask() {
        mask.machine(world.machine());
        mask.host(&world.host_state()?);
    }
    let history = state.history();
    let mut session = Session {
        walk: walk.known_as(std::process::id()),
        shelf,
        world,
        terminal,
        teller,
        state,
        over: false,
        history,
        verdict: None,
        beside,
        words_told: 0,
    };
    let hello = session.beside.as_ref().map(|beside| beside.hello()).unwrap_or_default();
    for note in notes.into_iter().chain(hello) {
        session.tell(&Event::Note(note));
    }
    // A recording of a masked session is to be the same on every machine.
    let first_run = interactive && !returning && !session.terminal.look().masked;
    if interactive {
        session.terminal.show(&greeting(begin, &progress, returning));
    }
    if let Begin::At(at) = begin {
        session.start(at)?;
    }
    let labs = labs.map(Path::to_owned);
    let verdict = move || if first_run { Verdict::begin(labs.as_deref()) } else { None };
    if let Some(words) = replay
        && session.replay(words)? == Ended::Quit
    {
        session.leave(interactive);
        return Ok(Exit::Ok);
    }
    let done = match (interactive, can_edit(session.terminal.look())) {
        (true, true) => session.edited(verdict),
        (true, false) => session.cooked(verdict),
        (false, _) => session.piped(),
    };
    session.leave(interactive);
    done
}

impl Session<'_> {
    pub(super) fn tell(&mut self, event: &Event) {
        let text = self.teller.tell(event);
        self.terminal.data(&text);
    }

    fn start(&mut self, at: &str) -> Result<()> {
        self.carried(|walk, world, tell| walk.start(at, world, tell))
    }

    /// Has the walk do something, and tells what comes of it.
    pub(super) fn carried<T>(
        &mut self,
        act: impl FnOnce(&mut Walk, &mut dyn World, &mut dyn FnMut(Event)) -> T,
    ) -> T {
        self.walk.clock(now());
        let Self { walk, world, terminal, teller, over, beside, words_told, .. } = self;
        if let Some(beside) = beside {
            world.spare_too(beside.pid());
            beside.begins(walk);
        }
        let mut over = std::mem::take(over);
        let done = act(walk, *world, &mut |event| match &event {
            // What an empty line stood for is written where the empty line was.
            Event::Line { prompt, text } if std::mem::take(&mut over) => {
                let look = terminal.look();
                let asks = painted(Role::Prompt, &shown_prompt(prompt, look), &look);
                terminal.data(&format!("\x1b[1A\r\x1b[J{asks}{}\n", painted(Role::Learner, text, &look)));
            }
            Event::Working(work) => terminal.working(work),
            _ => {
                let look = terminal.look();
                let told = beside.as_mut().map_or(Told::AsAlways, |beside| beside.hears(&event, &look));
                let text = match told {
                    Told::AsAlways => teller.tell(&event),
                    Told::Also(more) => teller.tell(&event) + &paint(&more, &look),
                    Told::Instead(text) => teller.flush() + &paint(&text, &look),
                };
                *words_told += text.split_whitespace().count();
                terminal.data(&text);
            }
        });
        let rest = self.teller.flush();
        self.terminal.rest();
        self.terminal.data(&rest);
        self.walk.clock(now());
        if let Some(beside) = &mut self.beside {
            let acts = beside.ended(&mut self.walk);
            self.act(acts);
        }
        self.save();
        done
    }

    /// Does what whoever sits beside the session wants.
    fn act(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Note(text) => self.tell(&Event::Note(text)),
                Act::Trouble(trouble) => self.tell(&Event::Trouble(trouble)),
                Act::Show(text) => self.terminal.show(&text),
                Act::Start(at) => {
                    if let Err(trouble) = self.start(&at) {
                        self.tell(&Event::Trouble(trouble));
                    }
                }
            }
        }
    }

    /// Between two lines: what there is to do for whoever sits beside the session.
    pub(super) fn between(&mut self) {
        let acts = self.beside.as_mut().map(|beside| beside.came()).unwrap_or_default();
        self.act(acts);
    }

    /// Carries out what was typed: one line, or several that were pasted.
    pub(super) fn typed(&mut self, text: &str) -> Flow {
        let width = self.terminal.measure();
        self.teller.set_width(width);
        self.teller.typed();
        let lines = pasted::lines(text);
        let several = lines.len() > 1;
        for line in lines {
            if several {
                // All of them stand above already: which one has which outcome does not.
                self.tell(&Event::Line { prompt: self.walk.prompt(), text: line.clone() });
            }
            if self.line(&line) == Flow::Quit {
                return Flow::Quit;
            }
            if self.walk.interrupted() || self.terminal.gone() {
                break;
            }
        }
        Flow::Continue
    }

    pub(super) fn line(&mut self, text: &str) -> Flow {
        let taken = self.beside.as_mut().and_then(|beside| beside.takes(text.trim(), &self.walk));
        match taken {
            Some(acts) => {
                self.over = false;
                self.act(acts);
                Flow::Continue
            }
            None => self.carried(|walk, world, tell| walk.line(text, world, tell)),
        }
    }

    fn save(&mut self) {
        let Saved { kept, note } = self.state.save(self.walk.progress());
        if let Some(kept) = kept {
            self.walk.absorb(kept);
        }
        if let Some(note) = note {
            self.tell(&Event::Note(note));
        }
    }

    fn leave(&mut self, interactive: bool) {
        self.stop_trying();
        self.state.tidy();
        self.walk.clock(now());
        let Self { walk, world, terminal, teller, .. } = self;
        walk.leave(*world, &mut |event| terminal.data(&teller.tell(&event)));
        self.save();
        if let Some(mut beside) = self.beside.take() {
            let acts = beside.leaves();
            self.act(acts);
        }
        if interactive {
            let bye = goodbye(self.walk.progress(), self.state.keeps());
            self.tell(&Event::Note(bye));
        }
    }

    /// Whether a signal has asked the session to end. Ctrl-C while nothing ran meant something that is over.
    pub(super) fn asked_to_end(&mut self) -> bool {
        self.world.ending().is_some_and(|signal| signal != SIGINT)
    }

    /// The prompt for the next line.
    pub(super) fn asks(&self) -> String {
        shown_prompt(&self.walk.prompt(), self.terminal.look())
    }

    fn edited(&mut self, verdict: impl FnOnce() -> Option<Verdict>) -> Result<Exit> {
        let keys = OneByOne::begin();
        self.draw_first();
        let mut editor = self.editor()?;
        let mut verdict = Some(verdict);
        self.guide(&mut editor, false);
        let came = self.first_key(&mut verdict, || editor.get_ready(), true);
        // The editor draws the prompt itself, at the same place.
        self.terminal.data("\r\x1b[J");
        drop(keys);
        if came != Came::Input {
            // Nobody has typed, so it is a signal that ends the session.
            self.terminal.data(PASTES_OFF);
            return Ok(Exit::Interrupted);
        }
        editor.tell_pastes(false);
        let (mut as_before, mut first) = (true, true);
        loop {
            self.guide(&mut editor, as_before);
            as_before = false;
            self.between();
            if self.asked_to_end() || (!first && !self.waited(&editor)) {
                return Ok(Exit::Interrupted);
            }
            first = false;
            self.guide(&mut editor, true);
            let asks = self.asks();
            let read = self.world.at_prompt(|| editor.read(&asks));
            if editor.tell_pastes(true) {
                self.terminal.data(PASTES_OFF);
            }
            if self.asked_to_end() {
                return Ok(Exit::Interrupted);
            }
            match read? {
                Read::Line(text) => {
                    self.remember(&mut editor, &text);
                    self.over = text.trim().is_empty();
                    if self.typed(&text) == Flow::Quit {
                        return Ok(Exit::Ok);
                    }
                }
                Read::Cleared => {}
                Read::End => return Ok(Exit::Ok),
                Read::TooLong => self.tell(&Event::Trouble(too_long())),
                Read::NotText => self.tell(&Event::Trouble(no_text())),
            }
            if let Some(begin) = verdict.take() {
                self.try_machine(begin());
            }
            self.tell_verdict();
            if self.terminal.gone() {
                return Ok(Exit::Ok);
            }
        }
    }

    fn editor(&mut self) -> Result<LineEditor> {
        let earlier = self.history.as_deref().map(history::load).unwrap_or_default();
        let known = Known::new(Rc::clone(&self.shelf));
        LineEditor::new(Guide::new(known, self.terminal.look()), earlier)
    }

    /// What the editor shows and completes at the next prompt; `as_before` where nothing was run since the last one.
    fn guide(&mut self, editor: &mut LineEditor, as_before: bool) {
        let Some(guide) = editor.guide() else { return };
        guide.suggestion = self.walk.suggestion();
        let known = &mut guide.known;
        known.steps = self.walk.step_ids();
        known.droppable = self.walk.recipe().droppable();
        known.jobs = self.world.jobs().iter().map(|job| job.number).collect();
        known.answers = self.walk.answers();
        known.words = self.beside.as_ref().map_or(&[], |beside| beside.words());
        known.see(self.world.view(self.walk.recipe()), as_before);
    }

    fn remember(&mut self, editor: &mut LineEditor, text: &str) {
        let Some(file) = &self.history else { return };
        let kept = if editor.remember(text) { history::append(file, text) } else { Ok(()) };
        if let Err(error) = kept {
            let file = file.display().to_string();
            // Told once: it is no reason to interrupt a lesson at every line.
            self.history = None;
            self.tell(&Event::Note(format!(
                "your lines are not kept for the next session: `{file}`: {error}"
            )));
        }
    }
}

/// Milliseconds since 1970; 0 where the clock stands before.
pub(super) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

fn too_long() -> Trouble {
    Trouble::usage(format!("the line is longer than {LONGEST} bytes"))
        .because("it was pasted or typed without an end, and was thrown away")
        .hint("put the script into a file and run that")
}

fn no_text() -> Trouble {
    Trouble::usage("what came in is no text")
        .because("a byte that is not UTF-8 was pasted or typed; what came after it was thrown away")
        .hint("what was typed before it stands in the line again; Ctrl-C clears it")
}
