//! A stream of events as text. Pieces of output are put together to lines, so that a long one wraps and a masked one
//! can be recognised as a whole.

use super::document::{Look, Text, paint};
use super::event;
use super::mask::Masker;
use crate::recipe::outcome::Outcome;
use crate::session::event::Event;

/// Tells events one after the other.
///
/// In a masked run the output of a command is told when the command has ended, standard output first: only then is it
/// known which processes it lists, and how the pieces were cut does not show.
#[derive(Debug)]
pub struct Teller {
    look: Look,
    mask: Option<Masker>,
    /// The unfinished last line of output, and whether it is standard error.
    open: (String, bool),
    /// Whether the last line that was told is empty, or none was.
    gap: bool,
}

impl Teller {
    /// Nothing was told yet. A masked look gets a masker.
    pub fn new(look: Look) -> Self {
        Self { look, mask: look.masked.then(Masker::new), open: (String::new(), false), gap: true }
    }

    /// The masker of a masked run, to teach it what is known of the machine.
    pub fn mask(&mut self) -> Option<&mut Masker> {
        self.mask.as_mut()
    }

    /// What is shown changes with the terminal's size.
    pub fn set_width(&mut self, width: usize) {
        self.look.width = width;
    }

    /// The learner typed something: whatever was told last, the cursor stands below a line that is not empty.
    pub fn typed(&mut self) {
        self.gap = false;
    }

    /// The text of one event, each line ended. An empty line stands before whatever begins something new.
    pub fn tell(&mut self, what: &Event) -> String {
        let mut out = match what {
            Event::Output { text, stderr } if self.mask.is_none() => self.piece(text, *stderr),
            Event::Output { .. } | Event::ProbedBefore(_) | Event::Working(_) => String::new(),
            _ => {
                let flushed = self.flush();
                flushed + &paint(&self.document(what), &self.look)
            }
        };
        if out.is_empty() {
            return out;
        }
        if begins(what) && !self.gap {
            out.insert(0, '\n');
        }
        if ends(what) && !out.ends_with("\n\n") {
            out.push('\n');
        }
        self.gap = out == "\n" || out.ends_with("\n\n");
        out
    }

    fn document(&mut self, what: &Event) -> Text {
        let Some(mask) = self.mask.as_mut() else { return event::event(what, &self.look) };
        let copy = mask.event(what);
        let mut text = Text::new();
        if let Event::Ended(outcome) = &copy {
            text.append(whole(outcome));
        }
        text.append(event::masked(&copy, &self.look, mask));
        text
    }

    /// The unfinished last line, if there is one.
    pub fn flush(&mut self) -> String {
        let (text, stderr) = std::mem::take(&mut self.open);
        if text.is_empty() {
            return String::new();
        }
        self.gap = false;
        paint(&event::output(&text, stderr), &self.look)
    }

    fn piece(&mut self, text: &str, stderr: bool) -> String {
        let mut out = String::new();
        if self.open.1 != stderr {
            out.push_str(&self.flush());
            self.open.1 = stderr;
        }
        self.open.0.push_str(text);
        if let Some(end) = self.open.0.rfind('\n') {
            let rest = self.open.0.split_off(end + 1);
            let text = std::mem::replace(&mut self.open.0, rest);
            out.push_str(&paint(&event::output(&text, stderr), &self.look));
        }
        out
    }
}

/// Whether the event begins something new: an empty line stands before it, so that the eye finds it.
fn begins(what: &Event) -> bool {
    // A probe on the host makes no calls that would lead to it.
    if let Event::BeforeAfter { after, .. } = what {
        return after.calls.is_empty();
    }
    matches!(
        what,
        Event::LabBegins { .. }
            | Event::LabSkipped { .. }
            | Event::StepsSkipped { .. }
            | Event::StepBegins { .. }
            | Event::Line { .. }
            | Event::LabDone { .. }
            | Event::Judged(_)
            | Event::StepDone { .. }
    )
}

/// Whether the event is something to read at leisure: an empty line keeps it off the prompt.
const fn ends(what: &Event) -> bool {
    matches!(
        what,
        Event::StepDone { .. }
            | Event::LabDone { .. }
            | Event::Hint { .. }
            | Event::Why(_)
            | Event::Help(_)
            | Event::Labs(_)
            | Event::Map(_)
            | Event::Recipe(_)
            | Event::Status { .. }
            | Event::Ablated(_)
            | Event::Trouble(_)
    )
}

/// The whole output of a command.
fn whole(outcome: &Outcome) -> Text {
    let mut text = event::output(&outcome.stdout, false);
    text.append(event::output(&outcome.stderr, true));
    text
}
