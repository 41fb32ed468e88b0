//! The reference pages of the book say what the parser does: every key is there with an example, and every example
//! is read.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rlab::lab::course::Course;
use rlab::lab::file::{Lab, Measure, Need};
use rlab::lab::lint::{Severity, lint};
use rlab::lab::read::{ABLATION_KEYS, LAB_KEYS, PREDICT_KEYS, ROW_KEYS, STEP_KEYS, check_keys};
use rlab::recipe::line::{Line, WORDS};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A fenced block, and the headings that it stands under.
struct Block {
    section: String,
    entry: String,
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut section, mut entry) = (String::new(), String::new());
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        if let Some((language, mut text)) = open.take() {
            if line == "```" {
                blocks.push(Block { section: section.clone(), entry: entry.clone(), language, text });
            } else {
                text.push_str(line);
                text.push('\n');
                open = Some((language, text));
            }
        } else if let Some(language) = line.strip_prefix("```") {
            open = Some((language.to_owned(), String::new()));
        } else if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut section);
            entry.clear();
        } else if let Some(heading) = line.strip_prefix("### ") {
            entry = heading.trim_matches('`').to_owned();
        }
    }
    assert!(open.is_none(), "a block of the page is never closed");
    blocks
}

/// The lab into which an example of one key is put.
const HEAD: &[&str] = &["format = 1", "id = \"example\"", "title = \"An example\"", "minutes = 5"];
const STEP: &[&str] =
    &["id = \"first\"", "title = \"A step\"", "say = \"What this is.\"", "try = [\"ls /\"]"];
const ABLATION: &str = "[step.ablation]\nprobes = [\"ps -A\"]\n[[step.ablation.row]]\nname = \"nothing\"\nlines = []\n\
                        [[step.ablation.row]]\nname = \"+ PID namespace\"\nlines = [\"unshare --pid --mount-proc\"]\n";

/// The example as a whole lab.
fn whole(block: &Block) -> String {
    let text = block.text.as_str();
    let key = text.split([' ', '=']).next().unwrap_or_default();
    let without = |lines: &[&str], key: &str| -> String {
        let kept = lines.iter().filter(|line| line.split(' ').next() != Some(key));
        kept.map(|line| format!("{line}\n")).collect()
    };
    let step = |key| format!("[[step]]\n{}", without(STEP, key));
    let head = |key| without(HEAD, key);
    if text.contains("format = 1\n") && text.contains("[[step]]") {
        text.to_owned()
    } else if text.starts_with("[[step]]") {
        format!("{}{text}", head(""))
    } else if text.starts_with("[step.ablation]") || text.starts_with("[step.predict]") {
        format!("{}{}{text}", head(""), step(""))
    } else if text.starts_with("[[step.check]]") {
        format!("{}{}{ABLATION}{text}", head(""), step(""))
    } else if block.section == "Keys of a lab" {
        format!("{}{text}{}", head(key), step(""))
    } else {
        format!("{}[[step]]\n{}{text}", head(""), without(STEP, key))
    }
}

#[test]
fn every_toml_example_is_a_lab_or_a_part_of_one() {
    let mut seen = 0;
    for name in ["lab-format.md", "checks.md"] {
        for block in blocks(&page(name)).iter().filter(|block| block.language == "toml") {
            let source = whole(block);
            if let Err(mistakes) = Lab::read(name, &source) {
                panic!("{name}, `{}`:\n{}\nin\n{source}", block.entry, mistakes[0]);
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} examples were found");
}

/// The keys that a section's entries tell, each with an example that has the key.
fn documented(page: &str, sections: &[&str]) -> BTreeSet<String> {
    let blocks = blocks(page);
    let has = |block: &&Block| {
        let entry = block.entry.as_str();
        block.text.lines().any(|line| {
            line.starts_with(&format!("{entry} ="))
                || line.starts_with(&format!("[[step.{entry}]]"))
                || line.starts_with(&format!("[step.{entry}]"))
                || line.starts_with(&format!("[[step.ablation.{entry}]]"))
                || line == format!("[[{entry}]]")
        })
    };
    let of = |block: &&Block| sections.contains(&block.section.as_str()) && block.language == "toml";
    blocks.iter().filter(of).filter(has).map(|block| block.entry.clone()).collect()
}

fn keys<'k>(keys: impl IntoIterator<Item = &'k str>) -> BTreeSet<String> {
    keys.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_key_of_a_lab_is_told_with_an_example_and_no_other() {
    let page = page("lab-format.md");
    for (section, known) in [
        ("Keys of a lab", LAB_KEYS),
        ("Keys of a step", STEP_KEYS),
        ("Keys of a prediction", PREDICT_KEYS),
        ("Keys of an ablation table", ABLATION_KEYS),
        ("Keys of a row", ROW_KEYS),
    ] {
        assert_eq!(documented(&page, &[section]), keys(known.iter().copied()), "{section}");
    }
}

#[test]
fn every_condition_is_told_with_an_example_and_with_what_passes_and_fails() {
    let page = page("checks.md");
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(documented(&page, &sections), keys(check_keys()));
    for entry in page.split("\n### ").skip(1).filter(|entry| !entry.starts_with("`claim`")) {
        let told = entry.to_lowercase();
        let name = entry.lines().next().unwrap_or_default();
        assert!(
            told.contains("passes") && (told.contains("fails") || told.contains("tell the two")),
            "{name}"
        );
    }
}

#[test]
fn every_need_and_measure_stands_in_its_table() {
    let page = page("lab-format.md");
    let row = |name: &str, text: &str| page.contains(&format!("| `{name}` | {text} |"));
    for need in Need::ALL {
        assert!(row(need.name(), need.description()), "`{need}`");
    }
    for measure in Measure::ALL {
        assert!(page.contains(&format!("| `{}` | ", measure.name())), "`{}`", measure.name());
    }
}

#[test]
fn the_first_lab_of_the_book_lacks_nothing() {
    let page = page("lab-format.md");
    let blocks = blocks(&page);
    let lab = Lab::read("book", &blocks[0].text).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    let findings = lint(&lab);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn every_line_of_the_grammar_page_reads_or_is_refused_as_it_says() {
    let page = page("line-grammar.md");
    let (mut read, mut refused) = (0, 0);
    for block in blocks(&page) {
        for line in block.text.lines() {
            match (block.language.as_str(), Line::parse(line)) {
                ("rlab", Ok(_)) => read += 1,
                ("refused", Err(error)) => {
                    assert!(error.hint.is_some(), "`{line}` is refused without a hint");
                    refused += 1;
                }
                ("rlab", Err(error)) => panic!("`{line}` should read: {}", error.what),
                ("refused", Ok(line_read)) => panic!("`{line}` should be refused, it is {line_read:?}"),
                (other, _) => panic!("a block of `{other}`"),
            }
        }
    }
    assert!(read > 40 && refused > 20, "{read} lines read, {refused} refused");
}

#[test]
fn every_word_of_the_grammar_is_on_its_page() {
    let page = page("line-grammar.md");
    for (usage, _) in WORDS {
        let word = usage.split_whitespace().next().unwrap_or_default();
        let told = page.contains(&format!("`{word}`")) || page.contains(&format!("`{word} "));
        assert!(told, "`{usage}`");
    }
}

#[test]
fn every_step_of_every_lab_is_recorded_for_the_book() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/recorded");
    let files: Vec<_> = std::fs::read_dir(recorded).unwrap().map(|entry| entry.unwrap().path()).collect();
    let course = Course::built_in();
    for entry in course.entries() {
        let lab = course.lab(entry.id()).unwrap();
        let begins = format!("{}@", lab.id);
        let of_lab = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&begins);
        let hint = format!("hint: cargo run --features book -- mdbook record book/recorded {}", lab.id);
        let file =
            files.iter().find(of_lab).unwrap_or_else(|| panic!("`{}` is not recorded\n{hint}", lab.id));
        let text = std::fs::read_to_string(file).unwrap();
        let recording: serde_json::Value = serde_json::from_str(&text).unwrap();
        let steps = recording["steps"].as_array().unwrap();
        let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
        let known: Vec<&str> = lab.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, known, "{}\n{hint}", lab.id);
    }
}
