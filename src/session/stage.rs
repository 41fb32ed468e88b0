//! What a line is carried out on: the world, and the ear that is told.

use crate::session::event::Event;
use crate::session::world::World;

/// The world and the ear, passed down together.
pub(super) struct Stage<'a> {
    /// Does the real thing.
    pub(super) world: &'a mut dyn World,
    sink: &'a mut dyn FnMut(Event),
    quiet: bool,
}

impl<'a> Stage<'a> {
    /// Everything is told.
    pub(super) fn new(world: &'a mut dyn World, sink: &'a mut dyn FnMut(Event)) -> Self {
        Self { world, sink, quiet: false }
    }

    /// The same stage while a state is rebuilt: only what the learner has to know is told.
    pub(super) fn quiet(&mut self) -> Stage<'_> {
        Stage { world: self.world, sink: self.sink, quiet: true }
    }

    /// Tells one thing.
    pub(super) fn tell(&mut self, event: Event) {
        if !self.quiet || matches!(event, Event::Note(_) | Event::Trouble(_)) {
            (self.sink)(event);
        }
    }

    /// Tells a note.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.tell(Event::Note(text.into()));
    }

    /// The world and the ear apart, for a call that needs both at once.
    pub(super) fn split(&mut self) -> (&mut dyn World, impl FnMut(Event) + '_) {
        let Self { world, sink, quiet } = self;
        let quiet = *quiet;
        (&mut **world, move |event| {
            if !quiet {
                sink(event);
            }
        })
    }
}
