//! The first and the last thing that a learner reads.

use crate::frontend::repl::Begin;
use crate::render::document::{Line, Role, Text};
use crate::session::progress::{At, Progress};

use Role::{Code, Plain, Strong};

/// Pieces of a line. They are written out, since reading Markdown would take longer than the rest of the first prompt.
type Said<'a> = &'a [(Role, &'a str)];

/// What a newcomer reads. With what the machine can do it is at most eight rows, on a narrow terminal too.
const WELCOME: [Said<'_>; 4] = [
    &[(Strong, "rlab"), (Plain, ": what a container is made of, one kernel primitive at a time.")],
    &[(Plain, "Each line is carried out for real by the kernel of this machine, and cleaned up after.")],
    &[(Plain, "It is a glass box, not a security boundary.")],
    &[
        (Strong, "Press Enter"),
        (Plain, " to run the line shown in grey. "),
        (Code, "help"),
        (Plain, " lists the words, Ctrl-D leaves."),
    ],
];

/// What somebody reads who wants no lab.
const PLAY: Said<'_> =
    &[(Plain, "Every line works here, and nothing is asked. "), (Code, "help"), (Plain, " lists the words.")];

/// At most eight lines, with the first thing to press.
pub(super) fn greeting(begin: &Begin, progress: &Progress, returning: bool) -> Text {
    let mut text = Text::new();
    match (begin, &progress.at) {
        (Begin::At(_), _) if returning => return text,
        (Begin::Play, _) => text.push(said(PLAY)),
        (Begin::Resume, Some(at)) if returning => text.push(welcome_back(at)),
        _ => text.lines.extend(WELCOME.map(said)),
    }
    text.push(Line::new());
    text
}

fn said(pieces: Said<'_>) -> Line {
    pieces.iter().fold(Line::indented(1, 1), |line, (role, piece)| line.with(*role, *piece))
}

fn welcome_back(At { lab, step }: &At) -> Line {
    let mut line = said(&[(Plain, "Welcome back. Press Enter to go on with "), (Code, lab)]);
    if let Some(step) = step {
        line = line.with(Plain, ", step ").with(Code, step.as_str());
    }
    line.with(Plain, "; ").with(Code, "labs").with(Plain, " lists the labs.")
}

/// What is left, and how to come back. `kept` is whether the place in the course is remembered.
pub(super) fn goodbye(progress: &Progress, kept: bool) -> String {
    let Some(at) = &progress.at else {
        return "nothing is left on this machine: `rlab` begins the course, `rlab play` comes back here"
            .to_owned();
    };
    if !kept {
        let place = at.step.as_ref().map_or_else(|| at.lab.clone(), |step| format!("{}:{step}", at.lab));
        return format!(
            "nothing is left on this machine; `rlab start {place}` comes back here, since your place is not kept"
        );
    }
    format!(
        "nothing is left on this machine, and your place is kept: `rlab` brings you back to `{}`{}",
        at.lab,
        at.step.as_ref().map(|step| format!(", step `{step}`")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::progress::At;

    #[test]
    fn the_last_line_says_how_to_come_back() {
        let mut progress = Progress::default();
        assert!(goodbye(&progress, true).contains("`rlab` begins the course"));
        progress.at = Some(At { lab: "chroot".to_owned(), step: Some("root".to_owned()) });
        assert!(goodbye(&progress, true).contains("`rlab` brings you back to `chroot`, step `root`"));
        assert!(goodbye(&progress, false).contains("`rlab start chroot:root`"));
    }
}
