//! Conditions on the table that `ablate` fills.

use crate::lab::check::{Evidence, Observation};
use crate::lab::claim::{Cell, Change};
use crate::lab::judge::outcome::ended;
use crate::lab::judge::words::{counted, shortened};
use crate::recipe::outcome::{AblationTable, End, Outcome};

/// The outcome of a cell, or why there is none.
pub(in crate::lab) fn find_cell<'a>(
    cell: &Cell,
    evidence: &Evidence<'a>,
) -> Result<&'a Outcome, Observation> {
    let (table, column) = column(&cell.probe, evidence)?;
    let row = table.rows.iter().find(|row| row.name == cell.row);
    row.and_then(|row| row.cells.get(column))
        .ok_or_else(|| Observation::unknown(format!("the table has no row `{}`", cell.row)))
}

/// Judges that the answer of a probe changes for the first time in one row.
pub(in crate::lab) fn changes_at(change: &Change, evidence: &Evidence<'_>) -> Observation {
    let (table, column) = match column(&change.probe, evidence) {
        Ok(found) => found,
        Err(missing) => return missing,
    };
    let host = evidence.host_now.processes;
    let answers: Vec<(&str, String)> = table
        .rows
        .iter()
        .filter_map(|row| Some((row.name.as_str(), answer(row.cells.get(column)?, host))))
        .collect();
    let first = answers.windows(2).find(|pair| pair[0].1 != pair[1].1);
    match first {
        // Only the new answer is told: the one before is often a whole listing of the host.
        Some([_, (row, after)]) => {
            Observation::new(*row == change.row, format!("`{}` changes at `{row}`: {after}", change.probe))
        }
        _ => Observation::new(false, format!("`{}` answers the same in every row", change.probe)),
    }
}

fn column<'a>(probe: &str, evidence: &Evidence<'a>) -> Result<(&'a AblationTable, usize), Observation> {
    let table = evidence.ablation.ok_or_else(|| Observation::unknown("`ablate` was not run yet"))?;
    let column = table.probes.iter().position(|known| known.trim() == probe.trim());
    column
        .map(|column| (table, column))
        .ok_or_else(|| Observation::unknown(format!("the table has no column `{probe}`")))
}

/// What a probe said, without what differs from run to run: a failure is its end, a process listing is how many
/// processes it has (those of the host are one answer), anything else its words.
fn answer(outcome: &Outcome, host_processes: u32) -> String {
    if outcome.end != End::Exited(0) {
        return ended(outcome);
    }
    let mut lines = outcome.stdout.lines();
    if lines.next().is_some_and(|header| header.split_whitespace().any(|word| word == "PID")) {
        let listed = lines.filter(|line| !line.trim().is_empty()).count();
        // `ps` itself comes and goes, and so do the host's processes.
        return if listed >= 2 && listed * 2 >= host_processes as usize {
            "the host's processes".to_owned()
        } else {
            counted(listed, "process")
        };
    }
    let words = shortened(&outcome.stdout);
    if words.is_empty() { ended(outcome) } else { words }
}
