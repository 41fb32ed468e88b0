//! When to show that something takes a while: not for half a second, then on one row that is drawn over and over and
//! erased as soon as there is something else to say. Where nothing can be drawn over (`--plain`, a terminal that cannot)
//! it is a line of words now and then.

use std::time::{Duration, Instant};

/// So long nothing is shown. The first word of it comes when a tenth of a second is over already.
const PATIENCE: Duration = Duration::from_millis(400);
/// Between two pictures.
const PICTURE: Duration = Duration::from_millis(90);
/// Between two lines of words.
const WORDS: Duration = Duration::from_secs(5);

/// Takes the row away: to its beginning, and erase to its end.
const ERASE: &str = "\r\x1b[K";

/// What is shown of something that takes a while.
#[derive(Debug, Default)]
pub struct Busy {
    /// When it was first heard of.
    since: Option<Instant>,
    /// When it was shown last.
    last: Option<Instant>,
    /// Whether the row stands on the screen.
    drawn: bool,
    turn: usize,
}

impl Busy {
    /// What to write now that it still goes on: the row, by its turn, without a line end.
    pub fn show(&mut self, now: Instant, redraws: bool, row: impl FnOnce(usize) -> String) -> Option<String> {
        let since = *self.since.get_or_insert(now);
        let pause = if redraws { PICTURE } else { WORDS };
        let soon = self.last.is_some_and(|last| now.duration_since(last) < pause);
        if now.duration_since(since) < PATIENCE || soon {
            return None;
        }
        self.last = Some(now);
        self.turn = self.turn.wrapping_add(1);
        let row = row(self.turn);
        if !redraws {
            return Some(format!("{row}\n"));
        }
        self.drawn = true;
        Some(format!("{ERASE}{row}"))
    }

    /// It is over, or something else is to be written: what to write before.
    pub fn over(&mut self) -> &'static str {
        let drawn = self.drawn;
        *self = Self::default();
        if drawn { ERASE } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(busy: &mut Busy, from: Instant, redraws: bool, at: std::ops::Range<u64>) -> Vec<String> {
        let ticks = at.step_by(100).map(|millis| from + Duration::from_millis(millis));
        ticks.filter_map(|now| busy.show(now, redraws, |turn| format!("turn {turn}"))).collect()
    }

    #[test]
    fn what_is_quick_shows_nothing() {
        let (mut busy, from) = (Busy::default(), Instant::now());
        assert_eq!(shown(&mut busy, from, true, 0..400), Vec::<String>::new());
        assert_eq!(busy.over(), "");
        // And the next thing begins anew.
        assert_eq!(shown(&mut busy, from, true, 400..800), Vec::<String>::new());
    }

    #[test]
    fn a_row_is_drawn_over_and_erased_once() {
        let (mut busy, from) = (Busy::default(), Instant::now());
        assert_eq!(
            shown(&mut busy, from, true, 0..700),
            ["\r\x1b[Kturn 1", "\r\x1b[Kturn 2", "\r\x1b[Kturn 3"]
        );
        assert_eq!((busy.over(), busy.over()), (ERASE, ""));
    }

    #[test]
    fn words_come_now_and_then_and_are_never_erased() {
        let (mut busy, from) = (Busy::default(), Instant::now());
        assert_eq!(shown(&mut busy, from, false, 0..6_000), ["turn 1\n", "turn 2\n"]);
        assert_eq!(busy.over(), "");
    }
}
