//! The REPL: lines from a learner at a terminal, or from a pipe without a prompt.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustyline::error::ReadlineError;

use crate::error::{Exit, Result, Trouble};
use crate::frontend::editor::{LineEditor, PROMPT_COLOR, RESET, editor, open_quote};
use crate::frontend::signals::{wait_for, watched};
use crate::frontend::state::{Found, Saved, State};
use crate::frontend::terminal::Terminal;
use crate::frontend::words::Known;
use crate::frontend::world::Real;
use crate::recipe::compose::RootChange;
use crate::render::document::{Line, Look, Sign, Text};
use crate::render::markdown::markdown;
use crate::render::teller::Teller;
use crate::session::event::Event;
use crate::session::progress::Progress;
use crate::session::shelf::Shelf;
use crate::session::walk::{Flow, Walk};
use crate::session::world::World as _;

/// Bytes of one line from a pipe; the grammar refuses longer ones, so no more is kept.
const LINE_LIMIT: u64 = (64 << 10) + 2;

/// Ctrl-C.
const SIGINT: i32 = 2;

/// What a newcomer reads.
const WELCOME: [&str; 4] = [
    "**rlab**: what a container is made of, one kernel primitive at a time.",
    "Each line is carried out for real by the kernel of this machine, and cleaned up after.",
    "It is a glass box, not a security boundary.",
    "**Press Enter** to run the line shown in grey. `help` lists the words, Ctrl-D leaves.",
];

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
struct Session<'a> {
    walk: Walk,
    world: &'a mut Real,
    terminal: &'a mut Terminal,
    teller: Teller,
    state: State,
    /// Whether the next line that is told takes the place of the prompt above it.
    over: bool,
    /// The recipe under which `programs` were looked up.
    looked_up: String,
    /// Names of the programs inside, for completion.
    programs: Vec<String>,
    /// Where the history goes; nowhere once that has failed.
    history: Option<PathBuf>,
}

/// Runs a session until the learner leaves. Exit status 0: what went wrong was told there; 130 where a signal ended it.
///
/// # Errors
/// The lab to begin with is not there, or the terminal cannot be used.
pub fn run(begin: &Begin, shelf: Box<dyn Shelf>, world: &mut Real, terminal: &mut Terminal) -> Result<Exit> {
    let Found { state, progress, returning, notes } = State::open();
    let interactive = std::io::stdin().is_terminal() && terminal.is_terminal();
    let walk = match begin {
        Begin::Resume => Walk::resume(shelf, progress.clone()),
        Begin::At(_) | Begin::Play => Walk::play(shelf).remembering(progress.clone()),
    };
    let mut teller = Teller::new(terminal.look());
    if let Some(mask) = teller.mask() {
        mask.machine(world.machine());
        mask.host(&world.host_state()?);
    }
    let history = state.history();
    let mut session = Session {
        walk: walk.known_as(std::process::id()),
        world,
        terminal,
        teller,
        state,
        over: false,
        looked_up: String::new(),
        programs: Vec::new(),
        history,
    };
    for note in notes {
        session.tell(&Event::Note(note));
    }
    if interactive {
        session.greet(begin, &progress, returning);
    }
    if let Begin::At(at) = begin {
        session.start(at)?;
    }
    let done = match interactive {
        true => session.interactive(),
        false => session.piped(),
    };
    session.leave(interactive);
    done
}

impl Session<'_> {
    fn tell(&mut self, event: &Event) {
        let text = self.teller.tell(event);
        self.terminal.data(&text);
    }

    fn start(&mut self, at: &str) -> Result<()> {
        self.walk.clock(now());
        let Self { walk, world, terminal, teller, .. } = self;
        walk.start(at, *world, &mut |event| terminal.data(&teller.tell(&event)))
    }

    fn line(&mut self, text: &str) -> Flow {
        self.walk.clock(now());
        let Self { walk, world, terminal, teller, over, .. } = self;
        let mut over = std::mem::take(over);
        let flow = walk.line(text, *world, &mut |event| match &event {
            // What an empty line stood for is written where the empty line was.
            Event::Line { prompt, text } if std::mem::take(&mut over) => {
                terminal.data(&format!("\x1b[1A\r\x1b[J{}{text}\n", shown_prompt(prompt, terminal.look())));
            }
            _ => terminal.data(&teller.tell(&event)),
        });
        let rest = self.teller.flush();
        self.terminal.data(&rest);
        self.walk.clock(now());
        self.save();
        flow
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
        self.walk.clock(now());
        let Self { walk, world, terminal, teller, .. } = self;
        walk.leave(*world, &mut |event| terminal.data(&teller.tell(&event)));
        self.save();
        if interactive {
            let bye = goodbye(self.walk.progress());
            self.tell(&Event::Note(bye));
        }
    }

    /// At most eight lines, with the first thing to press.
    fn greet(&mut self, begin: &Begin, progress: &Progress, returning: bool) {
        let place = progress.at.as_ref().map(|at| {
            let step = at.step.as_ref().map(|step| format!(", step `{step}`")).unwrap_or_default();
            format!("`{}`{step}", at.lab)
        });
        let lines = match (begin, place) {
            (Begin::At(_), _) if returning => return,
            (Begin::Play, _) => {
                vec!["Every line works here, and nothing is asked. `help` lists the words.".to_owned()]
            }
            (Begin::Resume, Some(place)) if returning => {
                vec![format!("Welcome back. Press Enter to go on with {place}; `labs` lists the labs.")]
            }
            _ => WELCOME.iter().map(|line| (*line).to_owned()).collect(),
        };
        let mut text = Text::new();
        for line in lines {
            text.append_indented(markdown(&line), 1);
        }
        text.push(Line::new());
        self.terminal.show(&text);
    }

    fn interactive(&mut self) -> Result<Exit> {
        let look = self.terminal.look();
        let mut editor = editor(look.color)?;
        if let Some(history) = &self.history {
            // There is none before the first session; one that cannot be read is told when it cannot be written.
            let _ = editor.load_history(history);
        }
        loop {
            self.guide(&mut editor);
            // Ctrl-C while a file system was copied meant nothing that is still there; the others mean the end.
            if self.world.ending().is_some_and(|signal| signal != SIGINT) {
                return Ok(Exit::Interrupted);
            }
            let asks = prompt(&self.walk.prompt(), look);
            let (line, signal) = watched(|| editor.readline(&asks));
            if signal.is_some() {
                return Ok(Exit::Interrupted);
            }
            match line {
                Ok(text) => {
                    self.remember(&mut editor, &text);
                    let width = self.terminal.measure();
                    self.teller.set_width(width);
                    self.over = text.trim().is_empty() && can_go_up(look);
                    self.teller.typed();
                    if self.line(&text) == Flow::Quit {
                        return Ok(Exit::Ok);
                    }
                }
                // Ctrl-C takes the line back, as in a shell.
                Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {}
                Err(ReadlineError::Eof) => return Ok(Exit::Ok),
                Err(error) => {
                    return Err(Trouble::sandbox("the terminal cannot be read").because(error));
                }
            }
            if self.terminal.gone() {
                return Ok(Exit::Ok);
            }
        }
    }

    /// What the editor shows and completes at the next prompt.
    fn guide(&mut self, editor: &mut LineEditor) {
        let summary = self.walk.prompt();
        if summary != self.looked_up {
            let inside = self.walk.recipe().root_change() != RootChange::None;
            self.programs = if inside { self.world.programs() } else { Vec::new() };
            self.looked_up = summary;
        }
        let Some(guide) = editor.helper_mut() else { return };
        guide.suggestion = self.walk.suggestion();
        guide.known = Known {
            labs: self.walk.lab_ids(),
            steps: self.walk.step_ids(),
            recipe: self.walk.recipe().lines(),
            programs: self.programs.clone(),
        };
    }

    fn remember(&mut self, editor: &mut LineEditor, text: &str) {
        if text.trim().is_empty() || !editor.add_history_entry(text).unwrap_or(false) {
            return;
        }
        let failed = self.history.as_ref().and_then(|history| editor.append_history(history).err());
        if let Some(error) = failed {
            // Told once: it is no reason to interrupt a lesson at every line.
            self.history = None;
            self.tell(&Event::Note(format!("the history of your lines is not kept: {error}")));
        }
    }

    /// Lines from a pipe, each told as it would look at the prompt.
    fn piped(&mut self) -> Result<Exit> {
        let stdin = std::io::stdin();
        let cannot = |error| Trouble::sandbox("the lines cannot be read").because(error);
        // A reader of our own, to know what was read ahead: then there is nothing to wait for.
        let mut input = BufReader::new(File::from(stdin.as_fd().try_clone_to_owned().map_err(cannot)?));
        loop {
            if self.world.ending().is_some()
                || (input.buffer().is_empty() && wait_for(stdin.as_fd()).is_some())
            {
                return Ok(Exit::Interrupted);
            }
            let Some(text) = read_line(&mut input)? else { return Ok(Exit::Ok) };
            if !text.trim().is_empty() {
                self.tell(&Event::Line { prompt: self.walk.prompt(), text: text.trim_end().to_owned() });
            }
            if self.line(&text) == Flow::Quit || self.terminal.gone() {
                return Ok(Exit::Ok);
            }
        }
    }
}

/// Milliseconds since 1970; 0 where the clock stands before.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// The next line of a pipe, or several while a quote is open; `None` at the end.
///
/// # Errors
/// The pipe cannot be read.
pub(super) fn read_line(input: &mut impl BufRead) -> Result<Option<String>> {
    let mut text = String::new();
    loop {
        let mut bytes = Vec::new();
        let read = input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut bytes);
        match read.map_err(|error| Trouble::sandbox("the lines cannot be read").because(error))? {
            0 if text.is_empty() => return Ok(None),
            0 => return Ok(Some(text)),
            _ => text.push_str(&String::from_utf8_lossy(&bytes)),
        }
        if !open_quote(&text) || text.len() as u64 >= LINE_LIMIT {
            break;
        }
    }
    if text.len() as u64 >= LINE_LIMIT && !text.ends_with('\n') {
        // The grammar refuses it anyway: the rest of the line must not be read as lines of its own.
        input
            .skip_until(b'\n')
            .map_err(|error| Trouble::sandbox("the lines cannot be read").because(error))?;
    }
    while text.ends_with(['\n', '\r']) {
        text.pop();
    }
    Ok(Some(text))
}

/// `chroot+proc ▸ `: nothing that could be taken for the prompt of the host's shell.
fn prompt(summary: &str, look: Look) -> String {
    let sign = if look.plain || look.ascii { ">" } else { look.sign(Sign::Prompt) };
    format!("{summary} {sign} ")
}

/// The same as the editor shows it.
fn shown_prompt(summary: &str, look: Look) -> String {
    let prompt = prompt(summary, look);
    if look.color { format!("{PROMPT_COLOR}{prompt}{RESET}") } else { prompt }
}

/// Whether the cursor may be moved up: not for a screen reader, and not on a terminal that cannot.
fn can_go_up(look: Look) -> bool {
    !look.plain
        && std::env::var("TERM").is_ok_and(|term| !matches!(term.as_str(), "" | "dumb" | "cons25" | "emacs"))
}

fn goodbye(progress: &Progress) -> String {
    match &progress.at {
        Some(at) => format!(
            "nothing is left on this machine, and your place is kept: `rlab` brings you back to `{}`{}",
            at.lab,
            at.step.as_ref().map(|step| format!(", step `{step}`")).unwrap_or_default()
        ),
        None => "nothing is left on this machine: `rlab` begins the course, `rlab play` comes back here"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8]) -> Vec<String> {
        std::iter::from_fn(|| read_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_come_one_by_one_and_go_on_in_quotes() {
        assert_eq!(lines(b"ps\n\nls /\r\nlast"), ["ps", "", "ls /", "last"]);
        assert_eq!(lines(b"sh -c 'a\nb'\nps\n"), ["sh -c 'a\nb'", "ps"]);
        assert_eq!(lines(b"echo 'never closed\n"), ["echo 'never closed\n"]);
        assert_eq!(lines(b"a\xffb\n"), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_its_rest_is_no_line() {
        let mut input = vec![b'x'; 200_000];
        input.extend_from_slice(b"\nps\n");
        let read = lines(&input);
        assert_eq!(read.len(), 2);
        assert!(read[0].len() as u64 <= LINE_LIMIT);
        assert_eq!(read[1], "ps");
    }

    #[test]
    fn the_prompt_has_a_sign_in_every_look() {
        let look = Look::default();
        assert_eq!(prompt("chroot+proc", look), "chroot+proc ▸ ");
        assert_eq!(prompt("bare", Look { ascii: true, ..look }), "bare > ");
        assert_eq!(prompt("bare", Look { plain: true, ..look }), "bare > ");
    }
}
