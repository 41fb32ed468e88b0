//! The walk against a made-up world: every word, every kind of line, and what happens when the world refuses.

mod lines;
mod moves;
mod parts;
mod progress;
mod replay;
mod words;

use crate::error::{Result, Trouble};
use crate::lab::file::Lab;
use crate::session::event::Event;
use crate::session::fake::Fake;
use crate::session::shelf::Shelf;
use crate::session::walk::{Flow, Walk};

const ONE: &str = r#"
format = 1
id = "one"
title = "One"
minutes = 5
start = ["rootfs", "chroot"]

[[step]]
id = "proc"
title = "See"
say = "Say."
try = ["mount -t proc proc /proc", "ps -A"]
probe = "ps -A"
hints = ["nudge", "stronger", "nearly"]
why = "Because."
[step.predict]
ask = "How many?"
choices = ["none", "all"]
answer = 2
[[step.check]]
claim = "it sees processes"
processes_seen = ">= 2"

[[step]]
id = "pid"
title = "Hide"
say = "Say."
try = ["unshare --pid --mount-proc"]
probe = "ps -A"
hints = ["nudge", "stronger", "nearly"]
[step.predict]
ask = "How many?"
measure = "processes_seen"
[[step.check]]
claim = "it is PID 1"
pid_inside = 1

[[step]]
id = "stay"
title = "Stay"
say = "Say."
try = ["sleep 1234 &", "ablate"]
hints = ["nudge", "stronger", "nearly"]
[step.ablation]
probes = ["ps -A", "ls /"]
[[step.ablation.row]]
name = "nothing"
lines = []
[[step.ablation.row]]
name = "chroot"
lines = ["rootfs", "chroot"]
[[step.check]]
claim = "it stays"
running = true
"#;

const TWO: &str = r#"
format = 1
id = "two"
title = "Two"
minutes = 3
needs = ["memory-cgroup"]

[[step]]
id = "only"
title = "Only"
say = "Say."
try = ["true"]
hints = ["nudge", "stronger", "nearly"]
[[step.check]]
claim = "it ended well"
status = 0
"#;

/// A step that only looks, with a probe on the host.
const LOOKS: &str = r#"
format = 1
id = "looks"
title = "Looks"
minutes = 3

[[step]]
id = "look"
title = "Look"
say = "Say."
try = ["true"]
probe = "!ls"
hints = ["nudge", "stronger", "nearly"]
[[step.check]]
claim = "it ended well"
status = 0
"#;

struct Labs(Vec<(&'static str, &'static str)>);

impl Shelf for Labs {
    fn ids(&self) -> Vec<String> {
        self.0.iter().map(|(id, _)| (*id).to_owned()).collect()
    }

    fn lab(&self, id: &str) -> Result<Lab> {
        let found = self.0.iter().find(|(known, _)| *known == id);
        let (_, source) = found.ok_or_else(|| Trouble::usage(format!("no lab is called `{id}`")))?;
        Ok(Lab::read(id, source).unwrap())
    }
}

fn shelf() -> Box<dyn Shelf> {
    Box::new(Labs(vec![("one", ONE), ("two", TWO)]))
}

/// A learner with a world.
struct Learner {
    walk: Walk,
    world: Fake,
}

impl Learner {
    fn playing() -> Self {
        Self { walk: Walk::play(shelf()), world: Fake::default() }
    }

    fn at(at: &str) -> Self {
        let mut learner = Self::playing();
        learner.walk.start(at, &mut learner.world, &mut |_| {}).unwrap();
        learner
    }

    fn looking() -> Self {
        let mut learner =
            Self { walk: Walk::play(Box::new(Labs(vec![("looks", LOOKS)]))), world: Fake::default() };
        learner.walk.start("looks", &mut learner.world, &mut |_| {}).unwrap();
        learner
    }

    fn types(&mut self, line: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let flow = self.walk.line(line, &mut self.world, &mut |event| events.push(event));
        // What is shown in passing is no part of what is told.
        events.retain(|event| !matches!(event, Event::Working(_)));
        assert_eq!(flow, Flow::Continue, "{line}");
        events
    }

    fn trouble(&mut self, line: &str) -> Trouble {
        let events = self.types(line);
        let found = events.into_iter().find_map(|e| if let Event::Trouble(t) = e { Some(t) } else { None });
        found.unwrap_or_else(|| panic!("`{line}` is no trouble"))
    }

    /// What was asked of the world since the last look.
    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.world.asked)
    }

    fn step(&self) -> String {
        self.walk.position().map(|p| p.step).unwrap_or_default()
    }
}

/// The kinds of the events, for orders.
fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Event| format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
    events.iter().map(kind).collect()
}

fn graded(events: &[Event]) -> Option<(String, String, bool)> {
    events.iter().find_map(|event| match event {
        Event::StepDone { graded: Some(g), .. } => Some((g.said.clone(), g.right.clone(), g.agrees)),
        _ => None,
    })
}
