//! One line a peer.

use std::io::Write;
use std::time::Duration;

/// Writes the median of the ratios, their range, and the median times.
pub(crate) fn ratios(
    out: &mut impl Write,
    name: &str,
    pairs: &[(Duration, Duration)],
) -> std::io::Result<()> {
    let mut ratios: Vec<f64> =
        pairs.iter().map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (ratios.first(), ratios.last()) else {
        return left_out(out, name, "no pair was measured");
    };
    let ours = median(pairs.iter().map(|(ours, _)| *ours));
    let theirs = median(pairs.iter().map(|(_, theirs)| *theirs));
    writeln!(
        out,
        "  {name:<20} {:>6.2}   ({least:.2} – {most:.2})   {:.2} ms ÷ {:.2} ms",
        ratios[ratios.len() / 2],
        ours.as_secs_f64() * 1e3,
        theirs.as_secs_f64() * 1e3,
    )
}

/// Says why there is no number.
pub(crate) fn left_out(out: &mut impl Write, name: &str, reason: &str) -> std::io::Result<()> {
    writeln!(out, "  {name:<20} left out: {reason}")
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
