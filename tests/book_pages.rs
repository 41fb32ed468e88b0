//! The book as `rlab mdbook` makes it: the protocol with mdBook, mistakes in pages, recorded runs against fresh ones, and
//! the links between labs and pages in both directions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use rlab::lab::course::Course;
use rlab::lab::file::{Lab, Need};
use rlab::lab::read::schema;
use serde_json::{Value, json};
use support::recorded::{difference, lasting};
use support::{can_run_labs, has, repository, rlab, status, stderr, stdout};

/// What is in the book already, as mdBook would hand it over: each page with its name, its path and its text.
fn chapter(name: &str, path: &str, content: &str) -> Value {
    json!({"Chapter": {
        "name": name, "content": content, "number": [1], "sub_items": [], "path": path, "source_path": path,
        "parent_names": [],
    }})
}

/// Runs the preprocessor on a book with these pages.
fn preprocess(chapters: &[Value]) -> Output {
    preprocess_with(&["mdbook"], "recorded", chapters)
}

/// The same with other words, and another source of transcripts.
fn preprocess_with(words: &[&str], transcripts: &str, chapters: &[Value]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let context = json!({
        "root": repository().join("book"),
        "config": {
            "book": {"title": "rlab", "src": "src", "language": "en", "authors": []},
            "preprocessor": {"rlab": {"transcripts": transcripts}},
        },
        "renderer": "html",
        "mdbook_version": "0.5.4",
    });
    let mut child = rlab(home.path())
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!([context, {"items": chapters}]).to_string();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The pages that come back, each with its path and text, however deep they lie.
fn pages(output: &Output) -> Vec<(String, String)> {
    fn below(items: &Value, into: &mut Vec<(String, String)>) {
        for chapter in items.as_array().unwrap().iter().map(|item| &item["Chapter"]) {
            let text = |key: &str| chapter[key].as_str().unwrap().to_owned();
            into.push((text("path"), text("content")));
            below(&chapter["sub_items"], into);
        }
    }
    assert_eq!(status(output), 0, "{}", stderr(output));
    // Nothing else may stand on standard output: it is the book.
    let book: Value = serde_json::from_str(&stdout(output)).unwrap();
    let mut pages = Vec::new();
    below(&book["items"], &mut pages);
    pages
}

/// Every page of the real book, from its table of contents.
fn real() -> Vec<Value> {
    let source = repository().join("book/src");
    let summary = std::fs::read_to_string(source.join("SUMMARY.md")).unwrap();
    let links = summary.lines().filter_map(|line| {
        let (name, rest) = line.split_once("](")?;
        Some((name.rsplit('[').next()?.to_owned(), rest.strip_suffix(')')?.to_owned()))
    });
    links
        .map(|(name, path)| {
            let text =
                std::fs::read_to_string(source.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            chapter(&name, &path, &text)
        })
        .collect()
}

fn labs() -> Vec<Lab> {
    let course = Course::built_in();
    course.entries().iter().map(|entry| course.lab(entry.id()).unwrap().clone()).collect()
}

#[test]
fn supports_says_so_by_its_status_and_by_nothing_else() {
    for (renderer, expected) in [("html", 0), ("markdown", 0), ("epub", 1)] {
        let output = support::run(&["mdbook", "supports", renderer]);
        assert_eq!((status(&output), stdout(&output)), (expected, String::new()), "{renderer}");
    }
}

#[test]
fn what_is_no_book_is_told() {
    let home = tempfile::tempdir().unwrap();
    let output = rlab(home.path()).arg("mdbook").output().unwrap();
    assert_eq!((status(&output), stdout(&output)), (2, String::new()));
    assert!(stderr(&output).contains("hint:"), "{}", stderr(&output));
}

#[test]
fn a_wrong_directive_ends_the_build_with_chapter_line_and_the_nearest_right_one() {
    for (directive, line, hints) in [
        ("{{#rlab step pid-namespce:fresh}}", 3, "did you mean `pid-namespace`?"),
        ("\n{{#rlab transcript pid-namespace:frsh}}", 4, "did you mean `fresh`?"),
        ("{{#rlab trancript pid-namespace:fresh}}", 3, "did you mean `transcript`?"),
        ("{{#rlab step pid-namespace}}", 3, "`pid-namespace:fresh`"),
        ("{{#rlab lab}}", 3, "{{#rlab lab pid-namespace}}"),
        ("{{#rlab lab chroot:tools}}", 3, "{{#rlab step chroot:tools}}"),
        ("{{#rlab}}", 3, "{{#rlab directives}}"),
        ("{{ #rlabs labs}}", 3, "{{#rlab"),
        ("{{#rlab primitive pid-namespac}}", 3, "did you mean `pid-namespace`?"),
        ("{{#rlab fields stp}}", 3, "did you mean `step`?"),
        ("{{#rlab fields step lab}}", 3, "{{#rlab fields step}}"),
        ("{{#rlab mends environment.md}}", 3, "one of `deep/page.md`"),
        ("{{#rlab errnos all}}", 3, "{{#rlab errnos}}"),
        ("{{#rlab ablation pid-namespace:fresh}}", 3, "`ablate`"),
        ("{{#rlab labs", 3, "`}}`"),
    ] {
        let text = format!("# A page\n\n{directive}\n\n{{{{#rlab labs}}}}\n");
        let output = preprocess(&[chapter("A page", "deep/page.md", &text)]);
        assert_eq!((status(&output), stdout(&output)), (2, String::new()), "{directive}");
        let told = stderr(&output);
        assert!(told.contains(&format!("src/deep/page.md:{line}: ")), "{directive}: {told}");
        assert!(told.contains(hints), "{directive}: {told}");
    }
}

#[test]
fn labs_of_ones_own_become_a_book_too() {
    let labs = tempfile::tempdir().unwrap();
    let written = support::run(&["new", labs.path().join("mine.toml").to_str().unwrap()]);
    assert_eq!(status(&written), 0, "{}", stderr(&written));
    let page = [chapter("All", "all.md", "{{#rlab labs}}\n")];
    let pages =
        pages(&preprocess_with(&["--labs", labs.path().to_str().unwrap(), "mdbook"], "recorded", &page));
    assert_eq!(pages.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["all.md", "mine.md"]);
    assert!(pages[1].1.contains("data-step=\"mine:"), "{}", pages[1].1);
    assert!(pages[1].1.contains("No run of this step was recorded"), "{}", pages[1].1);
}

#[test]
fn a_setting_that_is_none_is_told() {
    let output = preprocess_with(&["mdbook"], "sometimes", &[chapter("All", "all.md", "{{#rlab labs}}\n")]);
    assert_eq!((status(&output), stdout(&output)), (2, String::new()));
    assert!(stderr(&output).contains("`auto`"), "{}", stderr(&output));
}

#[test]
fn a_lab_without_a_page_of_its_own_gets_one() {
    let own = chapter("Mine", "chroot.md", "# My own words\n");
    let labs = labs();
    let pages = pages(&preprocess(&[own, chapter("The labs", "labs.md", "# The labs\n\n{{#rlab labs}}\n")]));
    let paths: Vec<&str> = pages.iter().map(|(path, _)| path.as_str()).collect();
    let made: Vec<String> = labs.iter().skip(1).map(|lab| format!("{}.md", lab.id)).collect();
    assert_eq!(paths[..2], ["chroot.md", "labs.md"]);
    assert_eq!(paths[2..], made);
    assert_eq!(pages[0].1, "# My own words\n");
}

#[test]
fn a_book_that_has_no_place_for_a_lab_is_refused() {
    let output = preprocess(&[chapter("A page", "page.md", "# A page\n")]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("{{#rlab labs}}"), "{}", stderr(&output));
}

/// What stands behind each occurrence of `before`, up to `after`.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

#[test]
fn every_step_has_an_anchor_on_its_page_and_every_exercise_names_a_step() {
    let pages = pages(&preprocess(&real()));
    let mut boxes = BTreeSet::new();
    for (path, text) in &pages {
        assert!(!text.contains("{{#rlab") || path == "authors.md", "{path} has a directive left");
        let named = between(text, "data-step=\"", "\"").into_iter().chain(between(
            text,
            "data-copy=\"rlab start ",
            "\"",
        ));
        boxes.extend(named.map(str::to_owned));
    }
    let labs = labs();
    let mut steps = BTreeSet::new();
    for lab in &labs {
        let page = format!("{}.md", lab.id);
        assert_eq!(lab.book.as_deref(), Some(format!("{}.html", lab.id).as_str()), "`book` of {}", lab.id);
        let (_, text) =
            pages.iter().find(|(path, _)| *path == page).unwrap_or_else(|| panic!("no page {page}"));
        for step in &lab.steps {
            assert_eq!(
                text.matches(&format!("{{#{}}}\n", step.id)).count(),
                1,
                "the anchor `{}` on {page}",
                step.id
            );
            steps.insert(format!("{}:{}", lab.id, step.id));
        }
        steps.insert(lab.id.clone());
    }
    // Both ways: a box that names nothing, and a step without a box.
    assert_eq!(boxes, steps);
}

#[test]
fn every_need_is_a_section_of_what_the_kernel_did() {
    let page = std::fs::read_to_string(repository().join("book/src/kernel.md")).unwrap();
    // An engine is a program, and its chapter tells what it does.
    for need in Need::ALL.into_iter().filter(|need| *need != Need::DockerOrPodman) {
        let section = format!("{{#{need}}}\n");
        let (_, text) = page.split_once(&section).unwrap_or_else(|| panic!("`{need}` has no section"));
        let text = text.split("\n## ").next().unwrap();
        assert!(text.contains(&format!("{{{{#rlab primitive {need}}}}}")), "`{need}` is not shown");
    }
}

#[test]
fn every_mend_that_a_machine_was_told_is_with_its_need() {
    let pages = pages(&preprocess(&real()));
    let page = |name: &str| &pages.iter().find(|(path, _)| path == name).unwrap().1;
    let (told, mends) = (page("environments.md"), page("troubleshooting.md"));
    let mut seen = 0;
    for line in told.lines().filter(|line| line.contains("**Mend:**")) {
        let (needs, why) = line.strip_prefix("- ").unwrap().split_once(": ").unwrap();
        for need in needs.split(", ").map(|need| need.trim_matches('`')) {
            let section = between(mends, &format!("{{#need-{need}}}"), "\n##");
            assert!(section.len() == 1 && section[0].contains(why), "`{need}`: {why}");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} were found");
}

#[test]
fn every_key_of_a_lab_file_is_a_section_of_its_page() {
    let pages = pages(&preprocess(&real()));
    for table in schema::ALL {
        let name = if table == schema::CHECK { "checks.md" } else { "lab-format.md" };
        let (_, text) = pages.iter().find(|(path, _)| path == name).unwrap();
        for field in table.fields() {
            let heading = format!("\n### `{}`\n", field.key);
            let sections = between(text, &heading, "\n##");
            let told = sections.iter().any(|section| section.contains(field.about));
            assert!(told, "`{}` of {} on {name}", field.key, table.name);
        }
    }
}

#[test]
fn a_recorded_answer_is_the_one_that_the_lab_measures() {
    // A form whose answer nobody knows would be of no use: either a number, or words that say whose number it is.
    for (path, text) in pages(&preprocess(&real())) {
        for form in between(&text, "<form class=\"rlab-predict\"", "</form>") {
            assert!(!form.contains("<p>Your machine tells.</p>"), "{path}: {form}");
            assert!(form.starts_with(" data-answer=") || form.contains("the host"), "{path}: {form}");
        }
    }
}

#[test]
fn every_recorded_run_is_what_happens_now() {
    if !can_run_labs() {
        return;
    }
    let fresh = tempfile::tempdir().unwrap();
    let output = support::run(&["mdbook", "record", fresh.path().to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let mut compared = 0;
    for lab in labs() {
        let files = std::fs::read_dir(fresh.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let name = files
            .map(|name| name.into_string().unwrap())
            .find(|name| name.starts_with(&format!("{}@", lab.id)));
        let name = name.unwrap_or_else(|| panic!("{} was not recorded", lab.id));
        let (kept, now) = (repository().join("book/recorded").join(&name), fresh.path().join(&name));
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
                let hint = "hint: cargo run --features book -- mdbook record book/recorded";
                panic!("{}: {error}\n{hint}", path.display())
            });
            lasting(&text)
        };
        let (kept, now) = (read(&kept), read(&now));
        assert!(
            kept == now,
            "{name} is not what happens now:\n{}\nhint: read the difference after `cargo run --features book -- mdbook \
             record book/recorded {}`",
            difference(&kept, &now),
            lab.id
        );
        compared += 1;
    }
    assert_eq!(compared, labs().len());
}

#[test]
fn mdbook_builds_it_without_a_warning() {
    if !has("mdbook") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("mdbook")
        .args(["build", "--dest-dir"])
        .arg(place.path())
        .arg(repository().join("book"))
        .env("MDBOOK_PREPROCESSOR__RLAB__COMMAND", format!("{} mdbook", env!("CARGO_BIN_EXE_rlab")))
        .output()
        .unwrap();
    let told = stderr(&output) + &stdout(&output);
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("WARN") && !told.contains("ERROR"), "{told}");
    for lab in labs() {
        let page = std::fs::read_to_string(place.path().join(format!("{}.html", lab.id))).unwrap();
        for step in &lab.steps {
            assert!(page.contains(&format!("id=\"{}\"", step.id)), "{}:{}", lab.id, step.id);
        }
        // From elsewhere nothing is loaded: the book works without a network.
        for address in between(&page, " src=\"", "\"").into_iter().chain(between(&page, "<link ", ">")) {
            assert!(!address.contains("://"), "{}: {address}", lab.id);
        }
    }
}
