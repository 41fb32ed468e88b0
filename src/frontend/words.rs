//! Completion: what can stand where the cursor is.

use std::collections::BTreeSet;

use crate::frontend::known::{Known, Side};
use crate::frontend::typed::{Cursor, Piece, typed};
use crate::recipe::capability;
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::{DOCKER_WORDS, IMAGE_ACTS, IMAGE_FLAGS, WORDS, nsenter_flags};

/// Signals that `kill -` offers.
const SIGNALS: [&str; 8] = ["-CONT", "-HUP", "-INT", "-KILL", "-STOP", "-TERM", "-USR1", "-USR2"];

/// What can stand at a place of the line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// The byte at which the word under the cursor begins.
    pub start: usize,
    /// Each candidate: what the list shows, and what stands in the line then.
    pub found: Vec<(String, String)>,
}

/// Candidates for the word that ends at the cursor. `line` ends there too.
pub fn candidates(line: &str, known: &Known) -> Candidates {
    let typed = typed(line);
    if typed.pieces.last().is_some_and(|piece| piece.kind == crate::frontend::typed::Kind::Comment) {
        return Candidates { start: line.len(), found: Vec::new() };
    }
    let cursor = typed.cursor(line.len());
    let place =
        Place { known, side: if typed.host.is_some() { Side::Host } else { Side::Inside }, cursor: &cursor };
    let start = cursor.word.as_ref().map_or(line.len(), |word| word.at.start);
    let mut found = if typed.host.is_none() && cursor.first && !cursor.file {
        place.of_rlab()
    } else {
        place.of_a_shell()
    };
    found.sort();
    found.dedup();
    Candidates { start, found }
}

/// The words of rlab's own that a line can begin with.
pub fn grammar() -> impl Iterator<Item = &'static str> {
    WORDS
        .iter()
        .flat_map(|(usage, says)| usage.split(" · ").chain(spare(says)))
        .filter_map(|usage| usage.split_whitespace().next())
        .filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// The other words for the same: `leave, also `exit`, `bye`, `q``.
fn spare(says: &str) -> impl Iterator<Item = &str> {
    let also = says.split_once("also ").map_or("", |(_, also)| also);
    also.split('`').skip(1).step_by(2)
}

/// The place of the cursor.
struct Place<'a> {
    known: &'a Known,
    side: Side,
    cursor: &'a Cursor,
}

type Found = Vec<(String, String)>;

impl Place<'_> {
    fn text(&self) -> &str {
        self.cursor.word.as_ref().map_or("", |word| word.text.as_str())
    }

    /// These words, as far as they go on with what was typed. Words of rlab's own are never quoted.
    fn plain<T: Into<String>>(&self, words: impl IntoIterator<Item = T>) -> Found {
        let plain = self.cursor.word.as_ref().is_none_or(|word| word.quoted.is_empty());
        let fits = |word: &String| plain && word.starts_with(self.text());
        words.into_iter().map(Into::into).filter(fits).map(|word| (word.clone(), word)).collect()
    }

    /// In the first command of a line that is not for the host.
    fn of_rlab(&self) -> Found {
        let known = self.known;
        let words: Vec<&str> = self.cursor.words.iter().map(String::as_str).collect();
        let Some((first, before)) = words.split_first() else {
            let mut found = self.plain(grammar().chain(known.words.iter().copied()));
            found.extend(self.of_a_shell());
            return found;
        };
        match *first {
            "start" if before.is_empty() => self.start(),
            "goto" if before.is_empty() => self.plain(known.steps.iter().map(String::as_str)),
            "help" | "?" if before.is_empty() => self.plain(grammar()),
            "rootfs" if before.is_empty() => self.plain(["busybox", "host", "image"]),
            "docker" if before.is_empty() => self.plain(DOCKER_WORDS),
            "docker" => self.paths(Side::Inside),
            "image" => match before {
                [] => self.plain(IMAGE_ACTS),
                ["config", ..] => self.plain(IMAGE_FLAGS),
                ["show"] => self.plain(["config", "index", "layer", "layout", "manifest"]),
                ["load"] => self.paths(Side::Host),
                ["run", ..] => self.paths(Side::Inside),
                _ => Vec::new(),
            },
            "drop" if before.is_empty() => self.plain(known.droppable.iter().map(String::as_str)),
            "inspect" | "peek" if before.is_empty() => self.plain(known.jobs.iter().map(u32::to_string)),
            "kill" => {
                let signals = if before.is_empty() { SIGNALS.as_slice() } else { &[] };
                self.plain(
                    known.jobs.iter().map(u32::to_string).chain(signals.iter().map(|s| (*s).to_owned())),
                )
            }
            "nsenter" => self.nsenter(before),
            "predict" if before.is_empty() => self.plain((1..=known.answers).map(|n| n.to_string())),
            "cgroup" => self.plain(["cpu.max=", "memory.max=", "pids.max="]),
            "unshare" => self.plain(unshare_flags()),
            "mount" => self.mount(before),
            "capdrop" => self.plain(capability::NAMES.into_iter().chain(["all"])),
            // They take nothing, or nothing that could be known.
            word if !matches!(word, "run" | "escape") && grammar().any(|own| own == word) => Vec::new(),
            "run" | "escape" if before.is_empty() => self.programs(),
            _ => self.paths(self.side),
        }
    }

    /// In a command that a shell or the kernel will run.
    fn of_a_shell(&self) -> Found {
        if self.cursor.words.is_empty() && !self.cursor.file {
            self.programs()
        } else {
            self.paths(self.side)
        }
    }

    fn programs(&self) -> Found {
        let text = self.text();
        if text.contains('/') {
            return self.paths(self.side);
        }
        let known = self.known;
        known.with_programs(self.side, |programs| {
            let from = programs.range(text.to_owned()..).take_while(|name| name.starts_with(text));
            from.map(|name| (name.clone(), self.quoted(name))).collect()
        })
    }

    /// `LAB`, then `LAB:STEP`.
    fn start(&self) -> Found {
        match self.text().split_once(':') {
            Some((lab, _)) => {
                let steps = self.known.steps_of(lab);
                self.plain(steps.into_iter().map(|step| format!("{lab}:{step}")))
            }
            None => self.plain(self.known.labs.iter().map(String::as_str)),
        }
    }

    fn mount(&self, before: &[&str]) -> Found {
        match before.last() {
            Some(&"-t") => return self.plain(["devpts", "mqueue", "proc", "sysfs", "tmpfs"]),
            Some(&"-o") => return self.plain(["nodev", "noexec", "nosuid", "ro"]),
            _ => {}
        }
        let bind = before.iter().any(|word| matches!(*word, "--bind" | "--rbind" | "-B" | "-R"));
        let typed = before.contains(&"-t");
        // Flags that take the next word for themselves.
        let values = before.iter().filter(|word| matches!(**word, "-t" | "-o")).count();
        let names = before.iter().filter(|word| !word.starts_with('-')).count().saturating_sub(values);
        match (bind, names) {
            // What is bound comes from the host, where it appears is inside.
            (true, 0) => self.flags_or(&["-o"], self.paths(Side::Host)),
            (_, 1) => self.paths(Side::Inside),
            (false, 0) if typed => {
                self.flags_or(&["-o"], self.plain(["devpts", "mqueue", "proc", "sysfs", "tmpfs"]))
            }
            (false, 0) => self.plain(["--bind", "--rbind", "-o", "-t"]),
            _ => Vec::new(),
        }
    }

    /// The container, then flags and a program, then what the program takes.
    fn nsenter(&self, before: &[&str]) -> Found {
        if before.last() == Some(&"-t") {
            return self.plain(self.known.jobs.iter().map(u32::to_string));
        }
        let own = |word: &&&str| !word.starts_with('-') && word.parse::<u32>().is_err();
        match before.iter().find(own) {
            Some(_) => self.paths(Side::Inside),
            None => {
                let mut found = self.plain(nsenter_flags().chain(["-t".to_owned()]));
                found.extend(self.programs());
                found
            }
        }
    }

    fn flags_or(&self, flags: &[&str], mut found: Found) -> Found {
        found.extend(self.plain(flags.iter().copied()));
        found
    }

    /// Files, a directory at a time.
    fn paths(&self, side: Side) -> Found {
        let text = self.text();
        let (directory, begins) = text.rfind('/').map_or(("", text), |slash| text.split_at(slash + 1));
        let entries = self.known.view(side).list(directory, begins);
        // A hidden name is offered to whoever asks for one.
        let shown =
            entries.into_iter().filter(|entry| begins.starts_with('.') || !entry.name.starts_with('.'));
        shown
            .map(|entry| {
                let slash = if entry.directory { "/" } else { "" };
                let name = format!("{}{slash}", entry.name);
                let whole = self.quoted(&format!("{directory}{name}"));
                (name, whole)
            })
            .collect()
    }

    /// A word as it has to be typed, after the quote that was begun.
    fn quoted(&self, text: &str) -> String {
        quoted(text, self.cursor.word.as_ref())
    }
}

/// Quotes a word the way its beginning was.
fn quoted(text: &str, word: Option<&Piece>) -> String {
    // A directory is left open: its own name follows.
    let closed = !text.ends_with('/');
    match word.and_then(|word| {
        word.open.filter(|_| word.quoted.first().is_some_and(|at| at.start == word.at.start))
    }) {
        Some('\'') if !text.contains('\'') => format!("'{text}{}", if closed { "'" } else { "" }),
        Some('"') => {
            let inner: String = text
                .chars()
                .flat_map(|c| matches!(c, '"' | '\\' | '$' | '`').then_some('\\').into_iter().chain([c]))
                .collect();
            format!("\"{inner}{}", if closed { "\"" } else { "" })
        }
        _ => {
            let special = |c: char| c.is_whitespace() || "\\'\"`$&|;()<>*?[]{}#!~".contains(c);
            text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
        }
    }
}

fn unshare_flags() -> impl Iterator<Item = String> {
    let flags = Namespace::ALL.into_iter().map(|namespace| format!("--{}", namespace.flag()));
    flags.chain(["--mount-proc".to_owned()])
}

/// Every word that a first word could still become: programs and words of rlab's own.
pub fn could_become(text: &str, first: bool, side: Side, known: &Known) -> bool {
    let own: BTreeSet<&str> = if first && side == Side::Inside {
        grammar().chain(known.words.iter().copied()).collect()
    } else {
        BTreeSet::new()
    };
    own.iter().any(|word| word.starts_with(text))
        || known.with_programs(side, |programs| {
            programs.range(text.to_owned()..).next().is_some_and(|name| name.starts_with(text))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::known::tests::{Ground, ground};

    fn complete(ground: &Ground, line: &str) -> (usize, Vec<String>) {
        let Candidates { start, found } = candidates(line, &ground.known);
        (start, found.into_iter().map(|(_, whole)| whole).collect())
    }

    #[test]
    fn each_place_offers_what_can_stand_there() {
        let ground = ground();
        let of = |line: &str| complete(&ground, line);
        let all =
            |start: usize, words: &[&str]| (start, words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(of("sta"), all(0, &["start", "stat", "status"]), "`stat` is a program inside");
        assert_eq!(of("ex"), all(0, &["exit"]));
        assert_eq!(of("start c"), all(6, &["chroot", "container"]));
        assert_eq!(of("start chroot:"), all(6, &["chroot:build", "chroot:look"]));
        assert_eq!(of("start chroot:l"), all(6, &["chroot:look"]));
        assert_eq!(of("start nonsense:"), all(6, &[]));
        assert_eq!(of("goto "), all(5, &["1", "2", "isolate"]));
        assert_eq!(of("unshare --pid --mo"), all(14, &["--mount", "--mount-proc"]));
        assert_eq!(of("drop --"), all(5, &["--mount-proc", "--pid"]));
        assert_eq!(of("drop /"), all(5, &["/data"]));
        assert_eq!(of("kill "), (5, of("kill ").1));
        assert!(of("kill ").1.contains(&"3".to_owned()) && of("kill -T").1 == ["-TERM"]);
        assert_eq!(of("peek "), all(5, &["1", "3"]));
        assert_eq!(of("inspect "), all(8, &["1", "3"]));
        assert_eq!(of("capdrop CAP_SYS_P"), all(8, &["CAP_SYS_PACCT", "CAP_SYS_PTRACE"]));
        assert_eq!(of("help roo"), all(5, &["rootfs"]));
        assert_eq!(of("next "), all(5, &[]));
        assert_eq!(of("ls / # st"), all(9, &[]));
    }

    #[test]
    fn paths_are_those_of_where_the_line_runs() {
        let ground = ground();
        let of = |line: &str| complete(&ground, line);
        assert_eq!(of("cat /e"), (4, vec!["/etc/".to_owned()]));
        assert_eq!(of("cat /etc/"), (4, vec!["/etc/inner".to_owned(), "/etc/my\\ file".to_owned()]));
        assert_eq!(of("cat '/etc/my"), (4, vec!["'/etc/my file'".to_owned()]));
        assert_eq!(of("cat \"/etc/my"), (4, vec!["\"/etc/my file\"".to_owned()]));
        assert_eq!(of("cat /etc/my\\ "), (4, vec!["/etc/my\\ file".to_owned()]));
        assert_eq!(of("cat /absolute/i"), (4, vec!["/absolute/inner".to_owned()]), "a link stays inside");
        assert_eq!(of("/bin/st"), (0, vec!["/bin/stat".to_owned()]));
        assert_eq!(of("ls / | sta"), (7, vec!["stat".to_owned()]), "no word of rlab's own goes there");
        assert_eq!(of("run sta"), (4, vec!["stat".to_owned()]));
        assert_eq!(of("echo a > /etc/in"), (9, vec!["/etc/inner".to_owned()]));
        let host = ground.host.path().to_str().unwrap();
        assert_eq!(of(&format!("!ls {host}/o")).1, [format!("{host}/outside")]);
        assert_eq!(of(&format!("cat {host}/o")).1, Vec::<String>::new(), "inside there is no such place");
        assert_eq!(of("cat ../../../etc/in").1, ["../../../etc/inner"], "and no way out");
        assert!(of("!sh").1.contains(&"sh".to_owned()));
    }

    #[test]
    fn a_mount_takes_from_the_host_and_gives_inside() {
        let ground = ground();
        let of = |line: &str| complete(&ground, line).1;
        assert_eq!(of("mount -t p"), ["proc"]);
        assert_eq!(of("mount -t proc p"), ["proc"]);
        assert_eq!(of("mount -t proc proc /e"), ["/etc/"]);
        assert_eq!(of("mount --b"), ["--bind"]);
        let host = ground.host.path().to_str().unwrap();
        assert_eq!(of(&format!("mount --bind {host}/o")), [format!("{host}/outside")]);
        assert_eq!(of(&format!("mount --bind {host}/outside /e")), ["/etc/"]);
    }

    #[test]
    fn a_word_of_many_bytes_is_no_trouble() {
        let ground = ground();
        for line in ["é\u{3000}ü", "'ß", "cat /é\\", "\"", "!", "! ", ">", "cat \u{1f600}/"] {
            assert!(complete(&ground, line).1.is_empty() || line.len() < 3, "{line:?}");
        }
    }
}
