//! The first and the last thing that a learner reads.

use crate::frontend::repl::Begin;
use crate::render::document::{Line, Text};
use crate::render::markdown::markdown;
use crate::session::progress::Progress;

/// What a newcomer reads. With what the machine can do and the empty line after it, it is at most eight rows, on a
/// narrow terminal too.
const WELCOME: [&str; 4] = [
    "**rlab**: what a container is made of, one kernel primitive at a time.",
    "Each line is carried out for real by the kernel of this machine, and cleaned up after.",
    "It is a glass box, not a security boundary.",
    "**Press Enter** to run the line shown in grey. `help` lists the words, Ctrl-D leaves.",
];

/// At most eight lines, with the first thing to press.
pub(super) fn greeting(begin: &Begin, progress: &Progress, returning: bool) -> Text {
    let place = progress.at.as_ref().map(|at| {
        let step = at.step.as_ref().map(|step| format!(", step `{step}`")).unwrap_or_default();
        format!("`{}`{step}", at.lab)
    });
    let mut text = Text::new();
    let lines = match (begin, place) {
        (Begin::At(_), _) if returning => return text,
        (Begin::Play, _) => {
            vec!["Every line works here, and nothing is asked. `help` lists the words.".to_owned()]
        }
        (Begin::Resume, Some(place)) if returning => {
            vec![format!("Welcome back. Press Enter to go on with {place}; `labs` lists the labs.")]
        }
        _ => WELCOME.iter().map(|line| (*line).to_owned()).collect(),
    };
    for line in lines {
        text.append_indented(markdown(&line), 1);
    }
    text.push(Line::new());
    text
}

/// What is left, and how to come back.
pub(super) fn goodbye(progress: &Progress) -> String {
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
