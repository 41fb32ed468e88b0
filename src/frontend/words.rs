//! Completion: which words can stand where.

use std::collections::BTreeSet;

use crate::recipe::ingredient::Namespace;
use crate::recipe::line::WORDS;

/// Programs that every root file system of rlab has, offered as first words.
const PROGRAMS: [&str; 8] = ["cat", "echo", "head", "id", "ls", "ps", "sh", "sleep"];

/// What completion knows beyond the grammar.
#[derive(Debug, Default, Clone)]
pub struct Known {
    /// Ids of the labs.
    pub labs: Vec<String>,
    /// Ids of the steps of this lab.
    pub steps: Vec<String>,
    /// Lines of the recipe, for `drop`.
    pub recipe: Vec<String>,
    /// Names of the programs inside.
    pub programs: Vec<String>,
}

/// The byte at which the word under the cursor begins, and what can stand there. `line` ends at the cursor.
pub fn candidates(line: &str, known: &Known) -> (usize, Vec<String>) {
    let start = line.char_indices().rfind(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
    let (before, word) = line.split_at(start);
    let mut before = before.split_whitespace();
    let found: BTreeSet<String> = match before.next() {
        None => first_words(known).collect(),
        Some(first) => arguments(first, before.last(), known),
    };
    (start, found.into_iter().filter(|candidate| candidate.starts_with(word)).collect())
}

fn first_words(known: &Known) -> impl Iterator<Item = String> {
    grammar()
        .map(str::to_owned)
        .chain(PROGRAMS.map(str::to_owned))
        .chain(known.programs.iter().cloned())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The first word of each line of the grammar.
fn grammar() -> impl Iterator<Item = &'static str> {
    WORDS
        .iter()
        .flat_map(|(usage, _)| usage.split(" · "))
        .filter_map(|usage| usage.split_whitespace().next())
        .filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

fn arguments(first: &str, last: Option<&str>, known: &Known) -> BTreeSet<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match first {
        "start" => known.labs.iter().cloned().collect(),
        "goto" => known.steps.iter().cloned().collect(),
        "help" => grammar().map(str::to_owned).collect(),
        "rootfs" => words(&["busybox", "host"]),
        "cgroup" => words(&["cpu.max=", "memory.max=", "pids.max="]),
        "unshare" => {
            let flags = Namespace::ALL.into_iter().map(|namespace| format!("--{}", namespace.flag()));
            flags.chain(["--mount-proc".to_owned()]).collect()
        }
        "mount" if last == Some("-t") => words(&["devpts", "mqueue", "proc", "sysfs", "tmpfs"]),
        "mount" => words(&["--bind", "--rbind", "-o", "-t", "/dev/null", "/dev/urandom", "/proc", "proc"]),
        "capdrop" => words(&["all"]),
        "drop" => known
            .recipe
            .iter()
            .flat_map(|line| {
                let mut words = line.split_whitespace();
                let first = words.next().map(str::to_owned);
                let rest = words.filter(|word| word.starts_with("--"));
                first.into_iter().chain(rest.map(str::to_owned))
            })
            .collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> (usize, Vec<String>) {
        let known = Known {
            labs: vec!["chroot".to_owned(), "container".to_owned()],
            steps: vec!["isolate".to_owned()],
            recipe: vec!["unshare --pid --mount-proc".to_owned(), "chroot".to_owned()],
            programs: Vec::new(),
        };
        candidates(line, &known)
    }

    #[test]
    fn each_place_offers_what_can_stand_there() {
        assert_eq!(complete("sta"), (0, vec!["start".to_owned(), "status".to_owned()]));
        assert_eq!(complete("start c"), (6, vec!["chroot".to_owned(), "container".to_owned()]));
        assert_eq!(complete("goto "), (5, vec!["isolate".to_owned()]));
        assert_eq!(
            complete("unshare --pid --mo"),
            (14, vec!["--mount".to_owned(), "--mount-proc".to_owned()])
        );
        assert_eq!(complete("drop --"), (5, vec!["--mount-proc".to_owned(), "--pid".to_owned()]));
        assert_eq!(complete("mount -t p"), (9, vec!["proc".to_owned()]));
        assert_eq!(complete("ls /"), (3, vec![]));
    }

    #[test]
    fn a_word_of_many_bytes_is_no_trouble() {
        assert_eq!(complete("é\u{3000}ü").1, Vec::<String>::new());
    }
}
