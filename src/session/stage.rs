//! What a line is carried out on: the world, and the ear that is told.

use crate::error::Result;
use crate::recipe::compose::Recipe;
use crate::recipe::outcome::{Composed, Work};
use crate::session::event::Event;
use crate::session::world::{Live, World};

/// The world and the ear, passed down together.
pub(super) struct Stage<'a> {
    /// Does the real thing.
    pub(super) world: &'a mut dyn World,
    sink: &'a mut dyn FnMut(Event),
    quiet: bool,
    /// What goes on as a whole, while each part of it takes its time.
    doing: Option<Work>,
}

impl<'a> Stage<'a> {
    /// Everything is told.
    pub(super) fn new(world: &'a mut dyn World, sink: &'a mut dyn FnMut(Event)) -> Self {
        Self { world, sink, quiet: false, doing: None }
    }

    /// The same stage while a state is rebuilt: only what the learner has to know is told.
    pub(super) fn quiet(&mut self) -> Stage<'_> {
        Stage { world: self.world, sink: self.sink, quiet: true, doing: self.doing.clone() }
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

    /// Tells how far something that takes a while has come. Until the next such word, what its parts take is told as
    /// this.
    pub(super) fn working(&mut self, work: Work) {
        self.doing = Some(work.clone());
        (self.sink)(Event::Working(work));
    }

    /// Makes the host agree with a recipe.
    pub(super) fn compose(&mut self, recipe: &Recipe) -> Result<Composed> {
        let (world, mut tell) = self.split();
        world.compose(recipe, &mut |live| {
            if let Live::Working(work) = live {
                tell(Event::Working(work));
            }
        })
    }

    /// The world and the ear apart, for a call that needs both at once.
    pub(super) fn split(&mut self) -> (&mut dyn World, impl FnMut(Event) + '_) {
        let Self { world, sink, quiet, doing } = self;
        (&mut **world, move |event| match event {
            Event::Working(part) => sink(Event::Working(doing.clone().unwrap_or(part))),
            event if !*quiet => sink(event),
            _ => {}
        })
    }
}
