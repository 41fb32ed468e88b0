//! The colours of a line as it is typed: what rlab knows, what exists where the line will run, what is quoted.

use std::ops::Range;

use crate::frontend::known::{Known, Side};
use crate::frontend::typed::{Kind, Piece, Typed, typed};
use crate::frontend::words::{could_become, grammar};
use crate::render::document::{Look, Role, painted};

/// Bytes of a line that is coloured. A longer one was pasted, and every key would colour it anew.
const LONGEST: usize = 2 << 10;

/// Words of a shell that no directory has, and of which the second kind is followed by another command.
const BUILT_IN: [&str; 22] = [
    ".", ":", "[", "break", "cd", "continue", "eval", "exec", "export", "false", "read", "return", "set",
    "shift", "test", "trap", "true", "type", "ulimit", "umask", "unset", "wait",
];
const KEYWORDS: [&str; 13] =
    ["case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "then", "until", "while", "{"];

/// Whether a line is coloured at all.
pub fn is_colored(line: &str, look: Look) -> bool {
    look.color && line.len() <= LONGEST
}

/// The line with its colours; `cursor` is where the next key goes.
pub fn colored(line: &str, cursor: usize, known: &Known, look: Look) -> String {
    let mut out = String::with_capacity(line.len() + 32);
    let mut at = 0;
    for (range, role) in roles(line, cursor, known) {
        out.push_str(line.get(at..range.start).unwrap_or_default());
        let piece = line.get(range.clone()).unwrap_or_default();
        // A line's end inside a colour would colour what the editor draws there.
        let rows: Vec<String> = piece.split('\n').map(|row| painted(role, row, &look)).collect();
        out.push_str(&rows.join("\n"));
        at = range.end;
    }
    out.push_str(line.get(at..).unwrap_or_default());
    out
}

/// The role of every piece that is not plain, in order.
fn roles(line: &str, cursor: usize, known: &Known) -> Vec<(Range<usize>, Role)> {
    let typed = typed(line);
    let mut roles = Vec::new();
    let side = match typed.host {
        Some(end) => {
            roles.push((end - 1..end, Role::Strong));
            Side::Host
        }
        None => Side::Inside,
    };
    let own = side == Side::Inside && first_is_own(&typed, known);
    let (mut command, mut first) = (true, true);
    for piece in &typed.pieces {
        match piece.kind {
            Kind::Word if command => {
                let role = command_role(piece, cursor, first, side, known);
                let again = side == Side::Inside && first && piece.text == "run";
                command = again || KEYWORDS.contains(&piece.text.as_str()) || is_assignment(&piece.text);
                first = false;
                match role {
                    Some(role) => roles.push((piece.at.clone(), role)),
                    None => roles.extend(quotes(piece)),
                }
            }
            Kind::Word => roles.extend(quotes(piece)),
            Kind::Next => {
                // A word of rlab's own takes no shell syntax.
                roles.push((piece.at.clone(), if own { Role::Bad } else { Role::Kernel }));
                (command, first) = (true, false);
            }
            Kind::Redirect => roles.push((piece.at.clone(), if own { Role::Bad } else { Role::Kernel })),
            Kind::Comment => roles.push((piece.at.clone(), Role::Dim)),
        }
    }
    roles
}

fn first_is_own(typed: &Typed, known: &Known) -> bool {
    let own = |piece: &Piece| piece.kind == Kind::Word && is_own(piece, known) && piece.text != "run";
    typed.pieces.first().is_some_and(own)
}

/// A word of rlab's own, typed plainly.
fn is_own(piece: &Piece, known: &Known) -> bool {
    let mut words = grammar().chain(known.words.iter().copied());
    piece.quoted.is_empty() && (piece.text == "?" || words.any(|word| word == piece.text))
}

fn is_assignment(word: &str) -> bool {
    let name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    word.split_once('=').is_some_and(|(left, _)| name(left))
}

fn quotes(piece: &Piece) -> impl Iterator<Item = (Range<usize>, Role)> {
    piece.quoted.iter().map(|at| (at.clone(), Role::Good))
}

/// What the first word of a command is; nothing where it is not known yet.
fn command_role(piece: &Piece, cursor: usize, first: bool, side: Side, known: &Known) -> Option<Role> {
    let word = piece.text.as_str();
    let inside = side == Side::Inside;
    if first && inside && is_own(piece, known) {
        return Some(Role::Learner);
    }
    // The answer to a prediction, a shell's own words, something that only the shell can find out.
    if first && inside && !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Role::Learner);
    }
    if is_assignment(word) || word.contains(['$', '*', '?']) || word.is_empty() {
        return None;
    }
    if BUILT_IN.contains(&word) || KEYWORDS.contains(&word) {
        return Some(Role::Code);
    }
    let exists = match word.contains('/') {
        true => known.view(side).has(word),
        false => known.with_programs(side, |programs| programs.contains(word)),
    };
    if exists {
        return Some(Role::Code);
    }
    // While it is typed it is no mistake yet.
    let typing = cursor == piece.at.end && (word.contains('/') || could_become(word, first, side, known));
    (!typing).then_some(Role::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::known::tests::ground;

    /// `word:Role` of every piece that has a colour.
    fn colours(line: &str) -> Vec<String> {
        let ground = ground();
        let of = roles(line, line.len(), &ground.known);
        of.into_iter().map(|(at, role)| format!("{}:{role:?}", &line[at])).collect()
    }

    #[test]
    fn the_first_word_tells_what_it_is() {
        assert_eq!(colours("chroot"), ["chroot:Learner"]);
        assert_eq!(colours("2"), ["2:Learner"]);
        assert_eq!(colours("stat /"), ["stat:Code"], "a program inside");
        assert_eq!(colours("/bin/stat /"), ["/bin/stat:Code"]);
        assert_eq!(colours("systemctl /"), ["systemctl:Bad"], "it is on the host only, if at all");
        assert_eq!(colours("sta"), Vec::<String>::new(), "it may become `stat` or `start`");
        assert_eq!(colours("stax"), ["stax:Bad"]);
        assert_eq!(colours("sta "), ["sta:Bad"], "it is finished");
        assert_eq!(colours("! sh"), ["!:Strong", "sh:Code"]);
        assert_eq!(colours("run stat"), ["run:Learner", "stat:Code"]);
        assert_eq!(colours(""), Vec::<String>::new());
    }

    #[test]
    fn shells_have_colours_too() {
        assert_eq!(
            colours("stat 'a b' | nope # ls"),
            ["stat:Code", "'a b':Good", "|:Kernel", "nope:Bad", "# ls:Dim"]
        );
        assert_eq!(colours("A=1 stat"), ["stat:Code"]);
        assert_eq!(colours("if stat; then cat; fi").len(), 7);
        assert_eq!(colours("chroot | cat"), ["chroot:Learner", "|:Bad", "cat:Code"], "this will be refused");
        assert_eq!(colours("$x"), Vec::<String>::new());
    }

    #[test]
    fn colours_change_no_letter() {
        let ground = ground();
        let look = Look { color: true, ..Look::default() };
        for line in ["stat 'é\nü' \"", "chroot", "!ls | 'x", "\\", "a\u{3000}b"] {
            let colored = colored(line, line.len(), &ground.known, look);
            let mut plain = String::new();
            let mut rest = colored.as_str();
            while let Some((before, after)) = rest.split_once('\x1b') {
                plain.push_str(before);
                rest = after.split_once('m').map_or("", |(_, rest)| rest);
            }
            plain.push_str(rest);
            assert_eq!(plain, line);
            // A line ends without a colour.
            assert!(!colored.contains("\x1b[32m\n"));
        }
    }
}
