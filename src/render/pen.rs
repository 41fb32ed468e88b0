//! What every page is written with: the look, and the names of volatile values when the run is masked.

use super::document::{Line, Look, Role, Sign};
use super::mask::Masker;

/// Columns at the left of everything that a line did.
pub(super) const MARGIN: usize = 2;

/// The look, and how volatile values are written.
#[derive(Clone, Copy)]
pub(super) struct Pen<'a> {
    pub(super) look: &'a Look,
    pub(super) mask: Option<&'a Masker>,
}

impl Pen<'_> {
    /// A process id on the host.
    pub(super) fn pid(&self, pid: i32) -> String {
        self.mask.map_or_else(|| pid.to_string(), |mask| mask.pid(pid))
    }

    /// A namespace of a process, by its inode number.
    pub(super) fn namespace(&self, owner: i32, id: u64) -> String {
        self.mask.map_or_else(|| id.to_string(), |mask| mask.namespace(owner, id))
    }

    /// A number that differs from run to run.
    pub(super) fn volatile(&self, number: impl std::fmt::Display) -> String {
        if self.mask.is_some() { "<n>".to_owned() } else { number.to_string() }
    }

    /// A sign.
    pub(super) fn sign(&self, sign: Sign) -> &'static str {
        self.look.sign(sign)
    }

    /// Whether two things fit side by side.
    pub(super) fn wide(&self) -> bool {
        self.look.width >= 80 && !self.look.plain
    }
}

/// `1 process`, `84 processes`.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// A line `  label  value` below a heading.
pub(super) fn labelled(label: &str, column: usize) -> Line {
    let indent = MARGIN + 1;
    let mut line = Line::indented(indent, indent + column);
    line.push(Role::Dim, label);
    line.pad_to(column);
    line
}
