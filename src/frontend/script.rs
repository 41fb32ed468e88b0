//! `rlab run`: labs replayed with their own solutions, or someone's own lines, without a learner.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cli::{Format, Run};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::cast::Cast;
use crate::frontend::lines::{Lines, Next};
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::recipe::line::LONGEST;
use crate::render::document::Look;
use crate::render::mask::Masker;
use crate::render::report::Report;
use crate::render::teller::Teller;
use crate::session::event::Event;
use crate::session::shelf::Shelf;
use crate::session::walk::{Flow, Walk};
use crate::session::world::World as _;

/// Where the events of a run go.
struct Ear<'a> {
    terminal: &'a mut Terminal,
    format: Format,
    teller: Teller,
    report: Report,
    /// Teaches itself every value of a masked JSON report.
    masker: Option<Masker>,
    /// The first trouble that was told.
    trouble: Option<Trouble>,
    /// Whether a step of a script was not complete when it was left.
    undone: bool,
    /// Whether checks were shown since the last line.
    judged: bool,
    cast: Option<Cast>,
}

impl Ear<'_> {
    fn hear(&mut self, event: &Event) {
        if let Event::Working(work) = event {
            self.terminal.working(work);
            return;
        }
        if let Some(cast) = &mut self.cast {
            cast.hear(event, self.terminal);
        }
        if let Event::Trouble(trouble) = event {
            self.trouble.get_or_insert_with(|| trouble.clone());
        }
        match event {
            Event::Line { .. } => self.judged = false,
            Event::Judged(_) => self.judged = true,
            Event::StepFailed(_) => self.undone = true,
            _ => {}
        }
        match self.format {
            Format::Text => {
                let text = self.teller.tell(event);
                self.terminal.data(&text);
            }
            Format::Json => {
                if let Some(masker) = &mut self.masker {
                    masker.event(event);
                }
                self.report.fold(event);
            }
        }
    }

    fn end(&mut self) {
        let text = match self.format {
            Format::Text => self.teller.flush(),
            Format::Json => self.report.json(self.masker.as_ref()),
        };
        self.terminal.rest();
        self.terminal.data(&text);
        if let Some(cast) = &mut self.cast {
            cast.end(self.terminal);
        }
    }

    /// Whether something that was asked for could not be written.
    fn lost(&self) -> bool {
        self.cast.as_ref().is_some_and(Cast::lost)
    }
}

/// What a whole run came to.
#[derive(Debug, Default)]
struct Tally {
    labs: usize,
    passed: usize,
    failed: usize,
    skipped: usize,
    left_out: usize,
    interrupted: bool,
}

/// Runs what was asked for.
///
/// # Errors
/// A lab, a step or a script that is not there or cannot be read. What goes wrong inside a run is told in its
/// transcript and shows in the exit status.
pub fn run(args: &Run, shelf: Box<dyn Shelf>, world: &mut Real, terminal: &mut Terminal) -> Result<Exit> {
    let labs = if args.all { shelf.ids() } else { args.which.clone() };
    if args.script.is_some() && labs.len() > 1 {
        return Err(
            Trouble::usage("a script runs in one lab").hint("name one lab, or none to run it in no lab")
        );
    }
    let mut ear = ear(args, world, terminal)?;
    let mut walk = Walk::play(shelf);
    let exit = match &args.script {
        Some(script) => run_script(script, labs.first(), &mut walk, world, &mut ear),
        None => run_labs(&labs, args, &mut walk, world, &mut ear),
    };
    walk.leave(world, &mut |event| ear.hear(&event));
    ear.end();
    if ear.lost() { exit.map(|exit| if exit == Exit::Ok { Exit::Sandbox } else { exit }) } else { exit }
}

fn ear<'a>(args: &Run, world: &mut Real, terminal: &'a mut Terminal) -> Result<Ear<'a>> {
    // Two masked runs compare equal wherever they are looked at.
    let look = match args.masked {
        true => Look { masked: true, ..Look::default() },
        false => terminal.look(),
    };
    let mut teller = Teller::new(look);
    let mut masker = args.masked.then(Masker::new);
    let host = if args.masked { Some(world.host_state()?) } else { None };
    for masker in [teller.mask(), masker.as_mut()].into_iter().flatten() {
        masker.machine(world.machine());
        if let Some(host) = &host {
            masker.host(host);
        }
    }
    let mut cast = args.cast.as_deref().map(|path| Cast::begin(path, &title(args), look)).transpose()?;
    if let (Some(cast), Some(host)) = (&mut cast, &host) {
        cast.learn(world.machine(), host);
    }
    let report = Report::new(world.machine());
    Ok(Ear {
        terminal,
        format: args.format,
        teller,
        report,
        masker,
        trouble: None,
        undone: false,
        judged: false,
        cast,
    })
}

/// What a recording is called.
fn title(args: &Run) -> String {
    let what = if args.all { "--all".to_owned() } else { args.which.join(" ") };
    format!("rlab run {what}").trim_end().to_owned()
}

fn run_labs(
    labs: &[String],
    args: &Run,
    walk: &mut Walk,
    world: &mut Real,
    ear: &mut Ear<'_>,
) -> Result<Exit> {
    let mut tally = Tally::default();
    let mut broken = None;
    for lab in labs {
        let summary = match walk.replay(lab, world, &mut |event| ear.hear(&event)) {
            Ok(summary) => summary,
            // One lab that cannot be read must not hide what the others come to.
            Err(trouble) if labs.len() > 1 => {
                ear.terminal.trouble(&trouble);
                broken.get_or_insert(trouble.exit);
                continue;
            }
            Err(trouble) => return Err(trouble),
        };
        tally.labs += 1;
        tally.passed += summary.passed;
        tally.failed += summary.failed;
        tally.skipped += usize::from(summary.skipped.is_some());
        tally.left_out += summary.left_out;
        if summary.interrupted || world.ending().is_some() {
            tally.interrupted = true;
            break;
        }
        if ear.terminal.gone() {
            break;
        }
    }
    if args.format == Format::Text {
        let sum = sum(&tally);
        ear.terminal.aside(&sum);
    }
    let named = !args.all;
    Ok(match tally {
        Tally { interrupted: true, .. } => Exit::Interrupted,
        _ if broken.is_some() => broken.unwrap_or(Exit::Usage),
        Tally { failed: 1.., .. } => Exit::CheckFailed,
        Tally { skipped: 1.., .. } | Tally { left_out: 1.., .. } if named || args.strict => Exit::Cannot,
        _ => Exit::Ok,
    })
}

fn sum(tally: &Tally) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = format!(
        "{}: {} passed, {} failed",
        count(tally.labs, "lab"),
        count(tally.passed, "step"),
        tally.failed
    );
    for (skipped, what) in [(tally.left_out, "step"), (tally.skipped, "lab")] {
        if skipped > 0 {
            text.push_str(&format!(", {} skipped", count(skipped, what)));
        }
    }
    text.push('\n');
    text
}

/// Someone's own lines. Every step in which a line was run is judged when it is left, and must be done then.
fn run_script(
    script: &Path,
    lab: Option<&String>,
    walk: &mut Walk,
    world: &mut Real,
    ear: &mut Ear<'_>,
) -> Result<Exit> {
    let mut lines = Lines::of(open(script)?);
    if let Some(lab) = lab {
        if let Some(trouble) = walk.lacking(lab, world, &mut |event| ear.hear(&event))? {
            return Ok(trouble.exit);
        }
        walk.start(lab, world, &mut |event| ear.hear(&event))?;
    }
    // A step that was only just reached is no failure: nothing was tried there.
    let mut tried = false;
    loop {
        if walk.interrupted() || world.ending().is_some() {
            return Ok(Exit::Interrupted);
        }
        let text = match lines.line()? {
            Next::Line(text) if text.len() <= LONGEST => text,
            Next::Line(_) | Next::Cut(_) => return Err(too_long(script)),
            Next::End => break,
            Next::Asked => return Ok(Exit::Interrupted),
        };
        // It came while the line was read: then nothing more is run.
        if world.ending().is_some() {
            return Ok(Exit::Interrupted);
        }
        let place = |walk: &Walk| walk.position().map(|position| (position.lab, position.step));
        let before = place(walk);
        walk.judge_when_left(tried);
        if !text.trim().is_empty() {
            ear.hear(&Event::Line { prompt: walk.prompt(), text: text.trim_end().to_owned() });
        }
        let flow = walk.line(&text, world, &mut |event| ear.hear(&event));
        tried = before == place(walk);
        if flow == Flow::Quit || ear.terminal.gone() {
            break;
        }
    }
    if walk.interrupted() || world.ending().is_some() {
        return Ok(Exit::Interrupted);
    }
    if tried {
        let shown = ear.judged;
        walk.leave_step(shown, world, &mut |event| ear.hear(&event));
        if walk.interrupted() || world.ending().is_some() {
            return Ok(Exit::Interrupted);
        }
    }
    let trouble = ear.trouble.as_ref().map(|trouble| trouble.exit);
    Ok(if ear.undone { Exit::CheckFailed } else { trouble.unwrap_or(Exit::Ok) })
}

/// What has lines of such a length is no script, and may have no end (`/dev/zero`): nothing more of it is read.
fn too_long(script: &Path) -> Trouble {
    Trouble::usage(format!("a line of the script `{}` is longer than {LONGEST} bytes", script.display()))
        .because("no line may be; neither it nor what follows it was run")
        .hint("a script is a file of lines as you would type them; what a line does may stand in a file of its own")
}

fn open(script: &Path) -> Result<File> {
    if script == Path::new("-") {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned();
        return Ok(File::from(
            stdin.map_err(|error| Trouble::sandbox("the lines cannot be read").because(error))?,
        ));
    }
    let cannot = || {
        Trouble::usage(format!("the script `{}` cannot be read", script.display()))
            .hint("a script is a file of lines as you would type them; `-` reads them from standard input")
    };
    // A FIFO that nobody writes to yet would not be opened before, and a signal not be heard.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(script);
    let file = file.map_err(|error| cannot().because(error))?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Err(cannot().because("it is a directory"));
    }
    Ok(file)
}
