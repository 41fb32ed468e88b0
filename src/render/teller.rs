//! A stream of events as text. Pieces of output are put together to lines, so that a long one wraps and a masked one
//! can be recognised as a whole.

use super::document::{Line, Look, Text, paint};
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
}

impl Teller {
    /// Nothing was told yet. A masked look gets a masker.
    pub fn new(look: Look) -> Self {
        Self { look, mask: look.masked.then(Masker::new), open: (String::new(), false) }
    }

    /// The masker of a masked run, to teach it what is known of the machine.
    pub fn mask(&mut self) -> Option<&mut Masker> {
        self.mask.as_mut()
    }

    /// What is shown changes with the terminal's size.
    pub fn set_width(&mut self, width: usize) {
        self.look.width = width;
    }

    /// The text of one event, each line ended.
    pub fn tell(&mut self, what: &Event) -> String {
        if let Some(mask) = self.mask.as_mut() {
            if matches!(what, Event::Output { .. }) {
                return String::new();
            }
            let copy = mask.event(what);
            let mut text = Text::new();
            if let Event::Ended(outcome) = &copy {
                text.append(whole(outcome));
            }
            text.append(event::masked(&copy, &self.look, mask));
            return paint(&text, &self.look);
        }
        match what {
            Event::Output { text, stderr } => self.piece(text, *stderr),
            other => {
                let mut out = self.flush();
                out.push_str(&paint(&event::event(other, &self.look), &self.look));
                out
            }
        }
    }

    /// The unfinished last line, if there is one.
    pub fn flush(&mut self) -> String {
        let (text, stderr) = std::mem::take(&mut self.open);
        if text.is_empty() {
            return String::new();
        }
        paint(&event::event(&Event::Output { text, stderr }, &self.look), &self.look)
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
            out.push_str(&paint(&event::event(&Event::Output { text, stderr }, &self.look), &self.look));
        }
        out
    }
}

/// The whole output of a command.
fn whole(outcome: &Outcome) -> Text {
    let mut text = Text::new();
    for (output, stderr) in [(&outcome.stdout, false), (&outcome.stderr, true)] {
        let output = Event::Output { text: output.clone(), stderr };
        text.append(event::event(&output, &Look::default()));
    }
    text.lines.retain(|line: &Line| !line.spans.is_empty());
    text
}
