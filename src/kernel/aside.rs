//! Something to be told while a program inside has the terminal, without destroying what is typed: it waits until the
//! line under the cursor is a prompt that nobody has typed at yet, stands in its place, and the prompt comes again below.

use std::time::{Duration, Instant};

use nix::poll::PollTimeout;

/// Between two looks while something moves.
const BUSY: Duration = Duration::from_millis(25);
/// And while nothing does.
const IDLE: Duration = Duration::from_millis(200);
/// How long something counts as moving after the last byte in either direction.
const MOVES: Duration = Duration::from_secs(2);
/// How long nothing may be written before something is told.
const QUIET: Duration = Duration::from_millis(120);
/// How long a line that was handed in is left alone, before a look at what came of it and the next line: what was pasted
/// would be over before anybody had looked.
const LINE: Duration = Duration::from_millis(30);
/// Bytes of a line that are kept to be written again. A prompt is shorter.
const LONGEST: usize = 1024;

/// What is told beside the program inside.
pub(super) struct Aside<'a> {
    look: &'a mut dyn FnMut() -> Option<String>,
    next: Instant,
    /// When a byte came last, from either side.
    moved: Instant,
    /// And from the program.
    wrote: Instant,
    /// The line under the cursor, as it was written.
    line: Vec<u8>,
    /// Whether keys of it were typed already.
    typed: bool,
    /// Whether a line was handed in since the last look.
    handed: bool,
    /// Since when all that was handed in is read.
    read: Option<Instant>,
    pending: Vec<String>,
}

impl<'a> Aside<'a> {
    pub(super) fn new(look: &'a mut dyn FnMut() -> Option<String>) -> Self {
        let now = Instant::now();
        Self {
            look,
            next: now,
            moved: now,
            wrote: now,
            line: Vec::new(),
            typed: false,
            handed: false,
            read: None,
            pending: Vec::new(),
        }
    }

    /// How long to wait at most.
    pub(super) fn pause(&self) -> PollTimeout {
        let mut until = self.next;
        if !self.pending.is_empty() {
            until = until.min(self.wrote + QUIET);
        }
        let wait = until.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO)
    }

    /// The program wrote this.
    pub(super) fn written(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.moved = Instant::now();
        self.wrote = self.moved;
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.line = bytes.get(end + 1..).unwrap_or_default().to_vec(),
            None => self.line.extend_from_slice(bytes),
        }
        let surplus = self.line.len().saturating_sub(LONGEST);
        self.line.drain(..surplus);
    }

    /// The learner typed this. Gives what the terminal has answered, which the program inside waits for and gets at once,
    /// and the keys.
    pub(super) fn typed(&mut self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (answers, keys) = without_answers(bytes);
        if !keys.is_empty() {
            self.moved = Instant::now();
            // Enter, Ctrl-C and Ctrl-D end a line.
            self.typed = keys.last().is_some_and(|key| !matches!(key, b'\r' | b'\n' | 3 | 4));
        }
        let pasted = keys.iter().rposition(|key| matches!(key, b'\r' | b'\n')).is_some_and(|end| end > 0);
        (answers, if pasted { with_tabs_as_blanks(&keys) } else { keys })
    }

    /// How many of these keys may be handed in now: a line, and the next one after a look and when that one was read. Whoever
    /// interrupts (Ctrl-C, Ctrl-Z, Ctrl-\) waits for nobody.
    pub(super) fn may_hand_in(&self, keys: &[u8], unread: bool) -> usize {
        if keys.iter().any(|key| matches!(key, 3 | 0x1a | 0x1c)) {
            return keys.len();
        }
        let end = keys.iter().position(|key| matches!(key, b'\r' | b'\n'));
        if self.handed || unread { 0 } else { end.map_or(keys.len(), |end| end + 1) }
    }

    /// These keys were handed in.
    pub(super) fn handed_in(&mut self, keys: &[u8]) {
        if keys.last().is_some_and(|key| matches!(key, b'\r' | b'\n')) {
            self.handed = true;
            self.read = None;
            self.next = Instant::now() + LINE;
        }
    }

    /// Looks, where it is time to. Gives the bytes that tell what there is to tell, where now is the moment for it: never
    /// while another page is shown.
    pub(super) fn look(&mut self, elsewhere: bool, unread: bool) -> Vec<u8> {
        let now = Instant::now();
        self.read = if unread { None } else { self.read.or(Some(now)) };
        if now >= self.next {
            self.pending.extend((self.look)());
            // What the line does begins when somebody has read it.
            self.handed &= self.read.is_none_or(|read| now.duration_since(read) < LINE);
            let pace = if now.duration_since(self.moved) < MOVES { BUSY } else { IDLE };
            self.next = Instant::now() + pace;
        }
        let quiet = now.duration_since(self.wrote) >= QUIET;
        if self.pending.is_empty() || self.typed || !quiet || elsewhere {
            return Vec::new();
        }
        let mut bytes = b"\r\x1b[K".to_vec();
        for text in self.pending.drain(..) {
            bytes.extend(text.replace('\n', "\r\n").into_bytes());
        }
        bytes.extend(without_questions(&self.line));
        bytes
    }
}

/// A line without the question for the cursor's place (BusyBox asks it at each prompt): its answer would be typed.
fn without_questions(line: &[u8]) -> Vec<u8> {
    const QUESTION: &[u8] = b"\x1b[6n";
    let mut rest = line;
    let mut kept = Vec::new();
    while let Some(first) = rest.first() {
        rest = match rest.strip_prefix(QUESTION) {
            Some(behind) => behind,
            None => {
                kept.push(*first);
                rest.get(1..).unwrap_or_default()
            }
        };
    }
    kept
}

/// Takes the answers to that question (`ESC [ row ; column R`) out of what was typed: the answers, the keys.
fn without_answers(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut answers, mut keys) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let length = answer(rest);
        let (into, taken) = if length > 0 { (&mut answers, length) } else { (&mut keys, 1) };
        into.extend_from_slice(rest.get(..taken).unwrap_or(std::slice::from_ref(first)));
        rest = rest.get(taken..).unwrap_or_default();
    }
    (answers, keys)
}

/// The length of the answer with which these bytes begin; 0 where they do not.
fn answer(bytes: &[u8]) -> usize {
    let Some(rest) = bytes.strip_prefix(b"\x1b[") else { return 0 };
    let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';')).unwrap_or(rest.len());
    if end > 0 && rest.get(end) == Some(&b'R') { end + 3 } else { 0 }
}

/// In several lines that come at once a tab is no wish for completion, and a line editor would take it for one. Ctrl-V before
/// it does not help: whether the terminal or the editor takes that away depends on who reads just then.
fn with_tabs_as_blanks(keys: &[u8]) -> Vec<u8> {
    keys.iter().map(|key| if *key == b'\t' { b' ' } else { *key }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told now, some time after the last byte.
    fn told(aside: &mut Aside<'_>, elsewhere: bool) -> String {
        aside.wrote -= QUIET;
        aside.next = Instant::now();
        String::from_utf8(aside.look(elsewhere, false)).unwrap()
    }

    #[test]
    fn it_stands_above_the_prompt_and_waits_for_the_end_of_a_line() {
        let mut news = vec!["second\n".to_owned(), "first\n".to_owned()];
        let mut look = || news.pop();
        let mut aside = Aside::new(&mut look);
        aside.written(b"out\r\n# \x1b[6n");
        assert_eq!(aside.typed(b"\x1b[24;3R"), (b"\x1b[24;3R".to_vec(), Vec::new()));
        assert_eq!(told(&mut aside, false), "\r\x1b[Kfirst\r\n# ");
        aside.typed(b"ls");
        aside.written(b"ls");
        assert_eq!(told(&mut aside, false), "");
        aside.typed(b"\r");
        assert_eq!(told(&mut aside, true), "", "an editor has the screen");
        aside.written(b"\r\nfile\r\n# ");
        aside.next = Instant::now();
        assert_eq!(aside.look(false, false), b"", "there may be more to come");
        assert_eq!(told(&mut aside, false), "\r\x1b[Ksecond\r\n# ");
        assert_eq!(told(&mut aside, false), "");
    }
    #[test]
    fn lines_that_come_at_once_go_in_one_by_one_with_a_look_between() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            None
        };
        let mut aside = Aside::new(&mut look);
        let (answers, keys) = aside.typed(b"a\tb\nls\n\x1b[1;2Rex");
        assert_eq!((answers.as_slice(), keys.as_slice()), (&b"\x1b[1;2R"[..], &b"a b\nls\nex"[..]));
        assert_eq!(aside.may_hand_in(&keys, false), 4);
        aside.handed_in(&keys[..4]);
        assert_eq!(aside.may_hand_in(&keys[4..], false), 0, "nobody has looked yet");
        aside.next = Instant::now();
        drop(aside.look(false, false));
        assert_eq!(aside.may_hand_in(&keys[4..], false), 0, "it was read just now");
        aside.read = Some(Instant::now() - LINE);
        aside.next = Instant::now();
        drop(aside.look(false, false));
        assert_eq!(aside.may_hand_in(&keys[4..], false), 3);
        assert_eq!(aside.may_hand_in(b"ex", false), 2);
        assert_eq!(aside.may_hand_in(b"ex", true), 0, "nobody has read yet");
        assert_eq!(aside.may_hand_in(b"ex\x03", true), 3, "an interrupt");
        assert_eq!(aside.typed(b"\t").1, b"\t", "a key that was pressed");
        assert_eq!(aside.typed(b"\x1b[A\x1b[R\x1b[1").1, b"\x1b[A\x1b[R\x1b[1");
        drop(aside);
        assert_eq!(looks, 2);
    }
}
