//! The verdicts of a step's checks: the claim, whether it holds, the value that was observed.

use super::document::{Line, Role, Sign, Text};
use super::pen::Pen;
use super::wrap;
use crate::lab::check::Verdict;

/// Column of the observed values, at most.
const COLUMN: usize = 44;

/// One line a verdict where the terminal is wide enough, else the observed value below its claim.
pub(super) fn verdicts(verdicts: &[Verdict], pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let observed: Vec<String> = verdicts.iter().map(|verdict| verdict.observed.clone()).collect();
    let claim = verdicts.iter().map(|verdict| wrap::width(&verdict.claim)).max().unwrap_or(0);
    let beside = pen.wide()
        && claim <= COLUMN
        && observed.iter().all(|observed| 3 + claim + 2 + wrap::width(observed) < pen.look.width);
    for (verdict, observed) in verdicts.iter().zip(observed) {
        let (sign, role) = if verdict.pass { (Sign::Pass, Role::Good) } else { (Sign::Fail, Role::Bad) };
        let mut line = Line::indented(1, 5).with(role, pen.sign(sign));
        line.push(Role::Plain, " ");
        let start = line.width();
        line.push(if verdict.pass { Role::Plain } else { Role::Strong }, verdict.claim.clone());
        if beside && !observed.is_empty() {
            line.pad_to(start + claim + 2);
            line.push(Role::Dim, observed.clone());
        }
        text.push(line);
        if !beside && !observed.is_empty() {
            text.push(Line::indented(5, 5).with(Role::Dim, observed));
        }
    }
    text
}
