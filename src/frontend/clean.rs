//! `rlab clean`: what a killed rlab left behind is removed and told.

use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::sandbox::{machine, owner};

/// Collects what dead owners left.
///
/// # Errors
/// Something could not be removed (125).
pub fn run(terminal: &mut Terminal) -> Result<Exit> {
    let owner::Collected { processes, groups, directories, left } = owner::collect(&machine::find());
    let mut text = String::new();
    for pid in &processes {
        text.push_str(&format!("killed process {pid}\n"));
    }
    for path in groups.iter().chain(&directories) {
        text.push_str(&format!("removed {path}\n"));
    }
    if text.is_empty() && left.is_empty() {
        text.push_str("nothing was left behind\n");
    }
    terminal.data(&text);
    if left.is_empty() {
        return Ok(Exit::Ok);
    }
    let trouble = Trouble::sandbox("not everything could be removed")
        .hint("whoever made it can: run `rlab clean` as that user, or as root");
    Err(left.iter().fold(trouble, |trouble, what| trouble.because(what)))
}
