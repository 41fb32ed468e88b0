//! `rlab clean`: what a killed rlab left behind is removed and told.

use std::time::{Duration, Instant};

use crate::error::{Exit, Result, Trouble};
use crate::frontend::state;
use crate::frontend::terminal::Terminal;
use crate::sandbox::collect::{Collected, Look, collect};
use crate::sandbox::{machine, owner};

/// How long the keeper waits for an rlab that has let go of its descriptors to be dead altogether.
const PATIENCE: Duration = Duration::from_secs(10);

/// Collects what dead owners left, after the owner of that name has died where one is given.
///
/// # Errors
/// Something could not be removed (125).
pub fn run(of: Option<&str>, terminal: &mut Terminal) -> Result<Exit> {
    let deadline = Instant::now() + PATIENCE;
    while of.is_some_and(|name| !owner::Census::near().is_dead(name)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let Collected { processes, groups, directories, left } = collect(&machine::find(), Look::Everywhere);
    let mut text = String::new();
    for pid in &processes {
        text.push_str(&format!("killed process {pid}\n"));
    }
    for path in groups.iter().chain(&directories) {
        text.push_str(&format!("removed {path}\n"));
    }
    for path in state::collect() {
        text.push_str(&format!("removed {}\n", path.display()));
    }
    if text.is_empty() && left.is_empty() {
        text.push_str("nothing was left behind\n");
    }
    terminal.data(&text);
    if left.is_empty() {
        return Ok(Exit::Ok);
    }
    let trouble = Trouble::sandbox("not everything could be removed")
        .hint("end what is in the way, then run `rlab clean` once more");
    Err(left.iter().fold(trouble, |trouble, what| trouble.because(what)))
}
