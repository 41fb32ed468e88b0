//! What went wrong, in one voice: `error:`, `caused by:`, an empty line, `hint:`.

use super::document::{Line, Role, Text};
use crate::error::Trouble;

/// The trouble as a document.
pub(super) fn trouble(trouble: &Trouble) -> Text {
    let mut text = Text::new();
    block(&mut text, "error: ", Role::Bad, 0, &trouble.what);
    for cause in &trouble.causes {
        block(&mut text, "caused by: ", Role::Bad, 2, cause);
    }
    if let Some(hint) = &trouble.hint {
        text.gap();
        block(&mut text, "hint: ", Role::Good, 0, hint);
    }
    text
}

/// A labelled text. Its own lines are kept: a caret under a line of a lab file has to stay where it points.
fn block(text: &mut Text, label: &str, role: Role, indent: usize, what: &str) {
    let mut lines = what.lines();
    let first = lines.next().unwrap_or_default();
    text.push(Line::indented(indent, indent + label.len()).with(role, label).with(Role::Plain, first));
    for line in lines {
        text.push(Line::indented(indent, indent + 2).with(Role::Plain, line));
    }
}
