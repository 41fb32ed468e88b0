//! The house keeps its own order: which room may use which, where `unsafe` may be, what a pure room may not touch.
//!
//! The map is in `src/lib.rs`. These tests read the source, so a new arrow is a decision that someone has to write
//! down here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may use. Every room may use `error` and itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("cli", &[]),
    ("recipe", &[]),
    ("lab", &["recipe"]),
    ("session", &["lab", "recipe"]),
    ("workshop", &["lab"]),
    ("render", &["lab", "recipe", "session", "workshop"]),
    ("kernel", &[]),
    ("sandbox", &["recipe", "kernel"]),
    ("board", &["workshop"]),
    ("frontend", &["cli", "lab", "recipe", "session", "workshop", "render", "sandbox", "board"]),
    ("main", &["cli", "lab", "recipe", "session", "workshop", "render", "sandbox", "board", "frontend"]),
];

/// Rooms that are values in, values out.
const PURE: &[&str] = &["cli", "error", "lab", "recipe", "render", "session", "workshop"];

/// What a pure room does not reach for: files, the environment, other processes, the clock, system calls.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "std::time",
    "std::os",
    "libc::",
    "nix::",
];

/// Tables of names that a pure room may read from nix.
const NAMES_ONLY: &[&str] = &["nix::errno", "nix::sys::signal"];

/// One source file.
struct Source {
    room: String,
    path: PathBuf,
    /// The text as it is.
    text: String,
    /// Without comments and the insides of literals.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let room = inside.components().next().unwrap().as_os_str().to_string_lossy();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source {
                    room: room.trim_end_matches(".rs").to_owned(),
                    path: inside.to_owned(),
                    code: code(&text),
                    text,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The code of a file: comments gone, literals empty.
fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&here) = chars.get(at) {
        let next = chars.get(at + 1);
        match here {
            '/' if next == Some(&'/') => at += chars[at..].iter().take_while(|c| **c != '\n').count(),
            '/' if next == Some(&'*') => at = block_comment_end(&chars, at),
            '"' => {
                out.push_str("\"\"");
                at = string_end(&chars, at);
            }
            'r' if raw_hashes(&chars, at).is_some() => {
                out.push_str("\"\"");
                at = raw_string_end(&chars, at);
            }
            // A quote that another one closes is a character; else it is a lifetime.
            '\'' if next == Some(&'\\') => {
                let close = chars.iter().skip(at + 3).position(|c| *c == '\'');
                at = close.map_or(chars.len(), |close| at + 3 + close + 1);
            }
            '\'' if chars.get(at + 2) == Some(&'\'') => at += 3,
            _ => {
                out.push(here);
                at += 1;
            }
        }
    }
    out
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 2;
    while at < chars.len() && !(chars[at - 1] == '*' && chars[at] == '/') {
        at += 1;
    }
    at + 1
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// How many hashes a raw string at this place has, where one begins here.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    if at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b' {
        return None;
    }
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn raw_string_end(chars: &[char], start: usize) -> usize {
    let hashes = raw_hashes(chars, start).unwrap_or_default();
    let mut at = start + 2 + hashes;
    while at < chars.len() {
        let closes =
            chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        at += 1;
        if closes {
            return at + hashes;
        }
    }
    at
}

/// The rooms that a file names: after `crate::` (or `rlab::` in the binary), also in a group, and after a chain of
/// `super::` that leaves the room.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let rooms: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let packed: String = code.split_whitespace().collect::<Vec<_>>().join(" ").replace(":: ", "::");
    let mut named = BTreeSet::new();
    for lead in ["crate::", "rlab::", "super::super::"] {
        for (at, _) in packed.match_indices(lead) {
            let rest = &packed[at + lead.len()..];
            for name in heads(rest) {
                if rooms.contains(name) {
                    named.insert(name.to_owned());
                }
            }
        }
    }
    named
}

/// The first names of a path: one, or each of a group at its outermost level.
fn heads(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 1;
    let mut heads = vec![word(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(word(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

#[test]
fn a_room_uses_only_the_rooms_that_its_arrows_name() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        // The map itself names every room.
        if source.room == "lib" {
            continue;
        }
        let Some(allowed) = arrows.get(source.room.as_str()) else {
            wrong.push(format!("{} is in no room of the map", source.path.display()));
            continue;
        };
        for named in rooms_named(&source.code) {
            if named != source.room && named != "error" && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{} uses `{named}`; `{}` may not", source.path.display(), source.room));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_map_is_a_module_of_the_crate() {
    let lib = sources().into_iter().find(|source| source.room == "lib").unwrap();
    for (room, _) in ARROWS.iter().filter(|(room, _)| *room != "main") {
        assert!(lib.code.contains(&format!("pub mod {room};")), "`{room}` is not in src/lib.rs");
        assert!(
            lib.text.contains(&format!("| [`{room}`] |")) || lib.text.contains(&format!("| `{room}` |")),
            "`{room}` is not told in the map of src/lib.rs"
        );
    }
}

#[test]
fn unsafe_is_in_one_file_of_the_kernel_room() {
    let with_unsafe: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|source| {
            source.code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe")
        })
        .map(|source| source.path)
        .collect();
    assert_eq!(with_unsafe.len(), 1, "`unsafe` is in {with_unsafe:?}");
    assert!(with_unsafe[0].starts_with("kernel"), "`unsafe` is in {with_unsafe:?}");
}

#[test]
fn pure_rooms_touch_neither_files_nor_processes_nor_the_clock() {
    let mut wrong = Vec::new();
    for source in sources().into_iter().filter(|source| PURE.contains(&source.room.as_str())) {
        if source.path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        let code = NAMES_ONLY.iter().fold(code.to_owned(), |code, allowed| code.replace(allowed, ""));
        for path in IMPURE.iter().filter(|path| code.contains(**path)) {
            wrong.push(format!("{} reaches for `{path}`", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a build with these features is made of, without what only building and testing need.
fn crates(features: &str) -> String {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--quiet", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_only_the_board_needs_is_not_in_what_a_learner_builds() {
    let has = |crates: &str, name: &str| crates.lines().any(|line| line.starts_with(&format!("{name} v")));
    let (plain, board) = (crates(""), crates("workshop"));
    for name in ["axum", "hyper", "libsqlite3-sys", "qrcode", "rusqlite", "tokio"] {
        assert!(has(&board, name), "{name} is not what the board is made of; is it another one now?");
        assert!(!has(&plain, name), "{name} is built for every learner");
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|source| source.path.file_name().is_none_or(|name| name != "tests.rs"))
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn the_reader_of_these_tests_is_not_fooled() {
    let text = r##"
        // use crate::kernel::a;
        /* use crate::kernel::b; */
        const A: &str = "use crate::kernel::c;";
        const B: &str = r#"use crate::kernel::"d";"#;
        const C: char = '"';
        fn f<'a>(x: &'a str) {}
        use crate::{lab::{Lab, file::Need}, recipe::line, error};
        fn g() { crate::render::event(); super::super::sandbox::run(); }
    "##;
    let named = rooms_named(&code(text));
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["error", "lab", "recipe", "render", "sandbox"]);
}
