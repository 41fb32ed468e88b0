//! The book in a real browser: Chromium, from files, without a network. Nothing complains, every link leads somewhere,
//! forms and buttons do what they say, nothing is wider than the window.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod chrome;
#[allow(dead_code, reason = "the tests of the board use more of it")]
mod page;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use chrome::Browser;
use page::Page;
use serde_json::{Value, json};
use support::{has, repository, stderr};

/// The book, built for this test, or the reason why it cannot be.
fn book() -> Option<tempfile::TempDir> {
    if !has("mdbook") || !has("chromium") {
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    let output = Command::new("mdbook")
        .args(["build", "--dest-dir"])
        .arg(place.path())
        .arg(repository().join("book"))
        .env("MDBOOK_PREPROCESSOR__RLAB__COMMAND", format!("{} mdbook", env!("CARGO_BIN_EXE_rlab")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    Some(place)
}

/// The pages, but the one that is made of all the others.
fn pages(book: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(book).unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".html") && !matches!(name.as_str(), "print.html" | "toc.html" | "404.html")
    };
    let mut pages: Vec<PathBuf> = entries.filter(is_page).collect();
    pages.sort();
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

fn address(page: &Path) -> String {
    format!("file://{}", page.display())
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn no_page_complains_and_every_link_and_anchor_leads_somewhere() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    let (mut anchors, mut links) = (BTreeMap::new(), BTreeSet::new());
    for page in pages(book.path()) {
        browser.open(&address(&page));
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{}", page.display());
        let found = browser.eval("[...document.querySelectorAll('[id]')].map(found => found.id)");
        let ids: BTreeSet<String> = strings(&found).into_iter().collect();
        assert_eq!(ids.len(), found.as_array().unwrap().len(), "an id is there twice on {}", page.display());
        anchors.insert(address(&page), ids);
        // As the browser reads them, the ones of the sidebar too.
        let found = browser.eval("[...document.querySelectorAll('a[href]')].map(link => link.href)");
        links.extend(strings(&found).into_iter().map(|link| (page.clone(), link)));
    }
    let mut within = 0;
    for (page, link) in links {
        let Some(path) = link.strip_prefix("file://") else {
            assert!(link.starts_with("https://"), "{}: {link}", page.display());
            continue;
        };
        let (path, anchor) = path.split_once('#').unwrap_or((path, ""));
        assert!(Path::new(path).is_file(), "{}: {link}", page.display());
        let known = anchors.get(&format!("file://{path}"));
        let there = anchor.is_empty() || known.is_none_or(|ids| ids.contains(anchor));
        assert!(there, "{}: {link}", page.display());
        within += 1;
    }
    assert!(within > 200, "only {within} links lead to pages of the book");
}

/// The README promises one line. What it installs is what CI installs; the rest of it is carried out, where a desktop would
/// open what it is handed.
#[test]
fn the_line_of_the_readme_builds_the_book_and_opens_it() {
    if !has("mdbook") || !has("chromium") {
        return;
    }
    let text = |file: &str| std::fs::read_to_string(repository().join(file)).unwrap();
    let readme = text("README.md");
    let line = readme.lines().find(|line| line.starts_with("$ ") && line.contains("mdbook build")).unwrap();
    let (install, build) = line.trim_start_matches("$ ").split_once(" && ").unwrap();
    let what = install.strip_prefix("cargo install --locked ").unwrap();
    assert!(text(".ci/run").contains(what), "CI installs something else than `{what}`");
    let place = tempfile::tempdir().unwrap();
    let (desktop, opened) = (place.path().join("xdg-open"), place.path().join("opened"));
    std::fs::write(&desktop, format!("#!/bin/sh\nprintf %s \"$1\" > {}\n", opened.display())).unwrap();
    std::fs::set_permissions(&desktop, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", build])
        .current_dir(repository())
        .env("PATH", path)
        .env("MDBOOK_BUILD__BUILD_DIR", place.path().join("book"))
        .env("MDBOOK_PREPROCESSOR__RLAB__COMMAND", format!("{} mdbook", env!("CARGO_BIN_EXE_rlab")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let mut page = String::new();
    support::wait_for("the desktop", || {
        page = std::fs::read_to_string(&opened).unwrap_or_default();
        !page.is_empty()
    });
    let mut browser = Browser::start();
    browser.open(&address(Path::new(page.trim_start_matches("file://"))));
    assert_eq!(browser.eval("document.querySelector('main h1').innerText"), json!("rlab"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_prediction_is_taken_and_the_answer_is_shown() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    browser.look(1280, "light");
    browser.open(&address(&book.path().join("pid-namespace.html")));
    // A choice, wrong and then right. `stale`: the new namespace with an old proc still lists the host.
    let form = "[data-step='pid-namespace:stale'] .rlab-predict";
    let state = format!(
        "(() => {{ const form = document.querySelector({}); return [form.querySelector('.rlab-verdict').textContent, \
         form.querySelector('.rlab-answer').open]; }})()",
        json!(form)
    );
    assert_eq!(browser.eval(&state), json!(["", false]));
    browser.click(&format!("{form} input[value='2']"));
    browser.click(&format!("{form} button"));
    assert_eq!(browser.eval(&state), json!(["It is otherwise.", true]));
    browser.click(&format!("{form} input[value='1']"));
    browser.click(&format!("{form} button"));
    assert_eq!(browser.eval(&state), json!(["As predicted.", true]));
    let answer = browser
        .eval(&format!("document.querySelector({}).innerText", json!(format!("{form} .rlab-answer p"))));
    assert_eq!(answer, json!("every process of the host"));
    // A number: a container with a PID namespace and a fresh proc sees itself alone.
    let form = "[data-step='pid-namespace:fresh'] .rlab-predict";
    browser.click(&format!("{form} input"));
    browser.eval("document.activeElement.value = '1'");
    browser.click(&format!("{form} button"));
    let verdict = format!("document.querySelector({}).textContent", json!(format!("{form} .rlab-verdict")));
    assert_eq!(browser.eval(&verdict), json!("As predicted."));
    // Nothing was chosen: the browser asks for it, and nothing is revealed.
    let form = "[data-step='pid-namespace:ignore'] .rlab-predict";
    browser.click(&format!("{form} button"));
    let open = format!("document.querySelector({}).open", json!(format!("{form} .rlab-answer")));
    assert_eq!(browser.eval(&open), json!(false));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_button_copies_the_line() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    browser.look(1280, "light");
    browser.open(&address(&book.path().join("pid-namespace.html")));
    browser.eval("navigator.clipboard.writeText('something else')");
    let button = "[data-step='pid-namespace:fresh'] .rlab-copy";
    browser.click(button);
    support::wait_for("the button's word", || {
        browser.eval(&format!("document.querySelector({}).textContent", json!(button))) == json!("copied")
    });
    assert_eq!(browser.eval("navigator.clipboard.readText()"), json!("rlab start pid-namespace:fresh"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_keyboard_reaches_everything_that_a_mouse_does() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    browser.look(360, "light");
    browser.open(&address(&book.path().join("pid-namespace.html")));
    // The table of contents of mdBook.
    let shown = "document.documentElement.classList.contains('sidebar-visible')";
    assert_eq!(browser.eval(shown), json!(false));
    browser.tab_to("#mdbook-sidebar-toggle");
    browser.press("Enter");
    assert_eq!(browser.eval(shown), json!(true));
    browser.press(" ");
    assert_eq!(browser.eval(shown), json!(false));
    // The line to copy, the prediction, a folded hint of the same step.
    let step = "[data-step='pid-namespace:stale']";
    browser.eval("navigator.clipboard.writeText('something else')");
    browser.tab_to(&format!("{step} .rlab-copy"));
    browser.press("Enter");
    support::wait_for("the line on the clipboard", || {
        browser.eval("navigator.clipboard.readText()") == json!("rlab start pid-namespace:stale")
    });
    browser.tab_to(&format!("{step} .rlab-predict input"));
    browser.press(" ");
    browser.press("ArrowDown");
    assert_eq!(browser.eval("document.activeElement.value"), json!("2"));
    browser.tab_to(&format!("{step} .rlab-predict button"));
    browser.press("Enter");
    let verdict = format!("document.querySelector({}).textContent", json!(format!("{step} .rlab-verdict")));
    assert_eq!(browser.eval(&verdict), json!("It is otherwise."));
    browser.tab_to(&format!("{step} > details > summary"));
    browser.press("Enter");
    assert_eq!(browser.eval("document.activeElement.parentElement.open"), json!(true));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// What is wider than the window, and not inside something that scrolls by itself. The sidebar waits outside on purpose.
const TOO_WIDE: &str = "(() => {
    const wide = [];
    const scrolls = (element) => {
        for (let above = element.parentElement; above && above.tagName !== 'MAIN'; above = above.parentElement) {
            if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(above).overflowX)) { return true; }
        }
        return false;
    };
    for (const element of document.querySelectorAll('main *, main')) {
        const box = element.getBoundingClientRect();
        if (box.width > 0 && box.right > innerWidth + 1 && !scrolls(element)) {
            wide.push(`${element.tagName}.${element.getAttribute('class')}: ${Math.round(box.right)}: ${element.textContent.slice(0, 60)}`);
        }
    }
    for (const around of document.querySelectorAll('html, body, .page-wrapper, .page, .content')) {
        if (around.scrollWidth > innerWidth) { wide.push(`${around.tagName}.${around.className}: ${around.scrollWidth}`); }
    }
    return wide;
})()";

#[test]
fn nothing_is_wider_than_the_window_and_each_theme_has_its_own_colours() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    for page in pages(book.path()) {
        let mut backgrounds = BTreeSet::new();
        for theme in ["light", "dark"] {
            for width in [360, 1280] {
                browser.look(width, theme);
                browser.open(&address(&page));
                let wide = strings(&browser.eval(TOO_WIDE));
                assert_eq!(wide, Vec::<String>::new(), "{} at {width} pixels, {theme}", page.display());
                let background =
                    browser.eval("getComputedStyle(document.querySelector('html')).backgroundColor");
                backgrounds.insert(background.to_string());
            }
        }
        assert_eq!(backgrounds.len(), 2, "{}: {backgrounds:?}", page.display());
    }
}

#[test]
fn a_telephone_shows_a_transcript_without_scrolling() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    browser.look(360, "light");
    browser.open(&address(&book.path().join("pid-namespace.html")));
    let shown = browser.eval(
        "[...document.querySelectorAll('.rlab-term')].filter(found => found.offsetWidth > 0)
            .map(found => [found.classList.contains('rlab-narrow'), found.scrollWidth - found.clientWidth])",
    );
    let shown = shown.as_array().unwrap();
    assert!(shown.len() > 4, "{shown:?}");
    assert!(shown.iter().all(|one| *one == json!([true, 0])), "{shown:?}");
}

#[test]
fn a_printer_gets_all_of_it_unfolded_and_without_buttons() {
    let Some(book) = book() else { return };
    let mut browser = Browser::start();
    browser.open(&address(&book.path().join("pid-namespace.html")));
    let state = "(() => { dispatchEvent(new Event('beforeprint'));
        const open = [...document.querySelectorAll('main details')].every(one => one.open);
        const shown = (what) => [...document.querySelectorAll(what)].some(one => one.offsetWidth > 0);
        const state = [open, shown('.rlab-wide'), shown('.rlab-narrow'), shown('.rlab-copy')];
        dispatchEvent(new Event('afterprint'));
        return [state, document.querySelectorAll('main details[open]').length]; })()";
    browser.print_media(true);
    assert_eq!(browser.eval(state), json!([[true, true, false, false], 0]));
    browser.print_media(false);
    assert_eq!(browser.eval(state), json!([[true, true, false, true], 0]));
}

#[test]
fn axe_finds_no_serious_violation() {
    let Some(axe) = std::env::var_os("RLAB_AXE") else {
        // It comes from npm, which not every machine has; CI says where it lies.
        eprint_skip("`RLAB_AXE` does not name axe-core's script");
        return;
    };
    let Some(book) = book() else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    let mut browser = Browser::start();
    let mut violations = BTreeSet::new();
    for page in pages(book.path()) {
        for (width, theme) in [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")] {
            browser.look(width, theme);
            browser.open(&address(&page));
            browser.run(&axe);
            // The whole page, with what mdBook puts around it.
            let found = browser.eval(
                "axe.run(document).then(found => found.violations
                    .filter(one => ['serious', 'critical'].includes(one.impact))
                    .map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 200) + ' ' + node.failureSummary).join(' | ')}`))",
            );
            let page = page.file_name().unwrap().to_string_lossy();
            violations
                .extend(strings(&found).into_iter().map(|one| format!("{page}, {width}, {theme}: {one}")));
        }
    }
    assert_eq!(violations, BTreeSet::new());
}

fn eprint_skip(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
