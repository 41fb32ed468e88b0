//! The first prompt of a session: on the screen before the editor is there, and kept there while what a newcomer should
//! know of the machine is found out.

use std::os::fd::AsFd;

use crate::frontend::editor::{LineEditor, shown_ghost};
use crate::frontend::keys::OneByOne;
use crate::frontend::repl::{SIGINT, Session};
use crate::frontend::signals::{Came, wait_for};
use crate::frontend::verdict::Verdict;
use crate::render::document::{Role, painted};
use crate::render::wrap;
use crate::session::event::Event;

/// From here on the terminal takes pastes apart from keys; the editor says it itself later.
const PASTES_ON: &str = "\x1b[?2004h";
/// And from here on no more.
pub(super) const PASTES_OFF: &str = "\x1b[?2004l";

/// Milliseconds without a key after which the learner reads, and there is time for something else.
const READING: u16 = 100;

impl Session<'_> {
    /// The first prompt, with its ghost, as the editor will draw it.
    pub(super) fn draw_first(&mut self) {
        let look = self.terminal.look();
        let asks = self.asks();
        let room = look.width.saturating_sub(wrap::width(&asks) + 1);
        let ghost = self.walk.suggestion().map(|rest| shown_ghost(&rest, look)).unwrap_or_default();
        // Never so wide that the terminal breaks it: it will be drawn over.
        let fits = if wrap::width(&ghost) < room { ghost.as_str() } else { "" };
        let back = match wrap::width(fits) {
            0 => String::new(),
            columns => format!("\x1b[{columns}D"),
        };
        let (asks, ghost) = (painted(Role::Prompt, &asks, &look), painted(Role::Dim, fits, &look));
        self.terminal.data(&format!("{PASTES_ON}{asks}{ghost}{back}"));
    }

    /// Waits for the first key, below the greeting or later. What the machine can do is told above the prompt when it is known before that.
    pub(super) fn first_key(
        &mut self,
        verdict: &mut Option<impl FnOnce() -> Option<Verdict>>,
        ready: impl Fn(),
        mut below_greeting: bool,
    ) -> Came {
        loop {
            let other = self.verdict.as_ref().map(|verdict| verdict.descriptor());
            let other = other.or_else(|| self.beside.as_ref().and_then(|beside| beside.waits_for()));
            let patience = verdict.as_ref().map(|_| READING);
            match wait_for(std::io::stdin().as_fd(), other, patience) {
                Came::Signal(SIGINT) => {}
                Came::Nothing => {
                    ready();
                    self.try_machine(verdict.take().and_then(|begin| begin()));
                }
                Came::Other if self.verdict.is_none() => {
                    below_greeting = false;
                    self.above_the_prompt();
                }
                Came::Other => {
                    if let Some(told) = self.verdict_told() {
                        // Over the empty line that ends the greeting, where nothing else came in between.
                        self.terminal.data(if below_greeting { "\x1b[1A\r\x1b[J" } else { "\r\x1b[J" });
                        self.tell(&Event::Note(told));
                        self.terminal.data("\n");
                        self.draw_first();
                    }
                }
                came => return came,
            }
        }
    }

    /// Waits at the prompt of someone who has typed nothing yet, while somebody sits beside the session who may have
    /// something to say. `false`: a signal ends the session.
    pub(super) fn waited(&mut self, editor: &LineEditor) -> bool {
        if self.beside.as_ref().is_none_or(|beside| beside.waits_for().is_none()) {
            return true;
        }
        let keys = OneByOne::begin();
        self.draw_first();
        let mut never: Option<fn() -> Option<Verdict>> = None;
        let came = self.first_key(&mut never, || editor.get_ready(), false);
        // The editor draws the prompt itself, at the same place.
        self.terminal.data(&format!("\r\x1b[J{PASTES_OFF}"));
        drop(keys);
        came == Came::Input
    }

    /// Tells what came while the prompt stood there, in its place, and asks again below.
    fn above_the_prompt(&mut self) {
        self.terminal.data("\r\x1b[J");
        self.between();
        self.draw_first();
    }

    pub(super) fn try_machine(&mut self, verdict: Option<Verdict>) {
        self.world.spare(verdict.as_ref().map(Verdict::pid));
        self.verdict = verdict;
    }

    pub(super) fn stop_trying(&mut self) {
        if self.verdict.take().is_some() {
            self.world.spare(None);
        }
    }

    /// The verdict about the machine, once it is complete.
    fn verdict_told(&mut self) -> Option<String> {
        let told = self.verdict.as_mut()?.told()?;
        self.stop_trying();
        told
    }

    pub(super) fn tell_verdict(&mut self) {
        if let Some(told) = self.verdict_told() {
            self.tell(&Event::Note(told));
        }
    }
}
