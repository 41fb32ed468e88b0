//! The reference of the book says what the parser does: every key of the schema has an example, and every example is
//! read.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::path::{Path, PathBuf};

use rlab::lab::course::Course;
use rlab::lab::file::Lab;
use rlab::lab::lint::{Severity, lint};
use rlab::lab::read::schema::{self, Table};
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
    } else if block.section == "lab" {
        format!("{}{text}{}", head(key), step(""))
    } else {
        format!("{}[[step]]\n{}{text}", head(""), without(STEP, key))
    }
}

/// The examples of the schema, each under the name of its table.
fn examples() -> Vec<Block> {
    let of = |table: &Table| {
        let section = table.name.to_owned();
        table.fields().map(move |field| Block {
            section: section.clone(),
            entry: field.key.to_owned(),
            language: "toml".to_owned(),
            text: format!("{}\n", field.example),
        })
    };
    schema::ALL.iter().flat_map(of).collect()
}

#[test]
fn every_toml_example_is_a_lab_or_a_part_of_one() {
    let by_hand = ["lab-format.md", "checks.md"].map(|name| blocks(&page(name)));
    let by_hand = by_hand.into_iter().flatten().filter(|block| block.language == "toml");
    let mut seen = 0;
    for block in by_hand.chain(examples()) {
        let source = whole(&block);
        if let Err(mistakes) = Lab::read("example", &source) {
            panic!("`{}` of {}:\n{}\nin\n{source}", block.entry, block.section, mistakes[0]);
        }
        seen += 1;
    }
    assert!(seen > 60, "only {seen} examples were found");
}

#[test]
fn every_example_has_the_key_that_it_is_an_example_of() {
    for Block { section, entry, text, .. } in examples() {
        let heads = [
            format!("{entry} ="),
            format!("[[{entry}]]"),
            format!("[[step.{entry}]]"),
            format!("[step.{entry}]"),
            format!("[[step.ablation.{entry}]]"),
        ];
        let has = text.lines().any(|line| heads.iter().any(|head| line.starts_with(head)));
        assert!(has, "`{entry}` of {section}:\n{text}");
    }
}

#[test]
fn every_key_is_told_and_every_condition_with_what_passes_and_fails() {
    for table in schema::ALL {
        for field in table.fields() {
            let (about, more) = (field.about, field.more);
            assert!(about.len() > 8 && about.ends_with(['.', ':']), "`{}` of {}", field.key, table.name);
            assert!(more.is_empty() || more.ends_with('.'), "`{}` of {}", field.key, table.name);
            if table == schema::CHECK && field.key != "claim" {
                let told = format!("{about} {more}").to_lowercase();
                let fails = told.contains("fails") || told.contains("tell the two");
                assert!(told.contains("passes") && fails, "`{}`: {told}", field.key);
            }
        }
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
        let of_lab: Vec<&PathBuf> = files
            .iter()
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&begins))
            .collect();
        let hint = format!("hint: cargo run --features book -- mdbook record book/recorded {}", lab.id);
        assert!(!of_lab.is_empty(), "`{}` is not recorded\n{hint}", lab.id);
        let known: Vec<&str> = lab.steps.iter().map(|step| step.id.as_str()).collect();
        for file in of_lab {
            let text = std::fs::read_to_string(file).unwrap();
            let recording: serde_json::Value = serde_json::from_str(&text).unwrap();
            let steps = recording["steps"].as_array().unwrap();
            let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
            assert_eq!(ids, known, "{}\n{hint}", file.display());
        }
    }
}
