//! Directives in a page: `{{#rlab NAME WORDS}}`, and where each stands.

use crate::error::{Result, Trouble};
use crate::recipe::nearest::nearest;

/// How a directive begins.
const OPEN: &str = "{{#rlab";

/// One directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive<'t> {
    /// Its first word.
    pub(super) name: &'t str,
    /// The others.
    pub(super) words: Vec<&'t str>,
    /// Line of the page, from 1.
    pub(super) line: usize,
}

/// What a page is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// Markdown, left as it is.
    Text(&'t str),
    /// Something to put in.
    Directive(Directive<'t>),
}

/// Takes a page apart. A directive in a block of code, and one behind a backslash, is text: this is how a page shows one.
///
/// # Errors
/// A directive that is never closed, with its line.
pub(super) fn parts(page: &str) -> Result<Vec<Part<'_>>, (usize, Trouble)> {
    let mut parts = Vec::new();
    let (mut from, mut fence) = (0, None);
    let mut at = 0;
    for (index, line) in page.split_inclusive('\n').enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => {
                let mut column = 0;
                while let Some(found) = line[column..].find("{{").map(|found| column + found) {
                    let shown = line[..found].ends_with('\\') || line[..found].matches('`').count() % 2 == 1;
                    match opening(&line[found..]) {
                        Opening::Ours if !shown => {}
                        Opening::Mistyped(trouble) if !shown => return Err((index + 1, trouble)),
                        _ => {
                            column = found + 2;
                            continue;
                        }
                    }
                    let rest = &line[found + OPEN.len()..];
                    let Some(end) = rest.find("}}") else {
                        let trouble =
                            Trouble::usage("a directive is not closed on its line").hint("it ends with `}}`");
                        return Err((index + 1, trouble));
                    };
                    let mut words = rest[..end].split_whitespace();
                    let name = words.next().unwrap_or_default();
                    parts.push(Part::Text(&page[from..at + found]));
                    parts.push(Part::Directive(Directive { name, words: words.collect(), line: index + 1 }));
                    column = found + OPEN.len() + end + 2;
                    from = at + column;
                }
            }
            _ => {}
        }
        at += line.len();
    }
    parts.push(Part::Text(&page[from..]));
    Ok(parts)
}

/// What begins with two braces.
enum Opening {
    /// One of these directives.
    Ours,
    /// What was meant to be one, and would be left on the page as it is.
    Mistyped(Trouble),
    /// Text, or a directive of somebody else.
    Text,
}

fn opening(text: &str) -> Opening {
    if text.strip_prefix(OPEN).is_some_and(|rest| rest.starts_with([' ', '\t', '\n', '\r', '}'])) {
        return Opening::Ours;
    }
    let inner = text.trim_start_matches('{').trim_start();
    let Some(inner) = inner.strip_prefix('#') else { return Opening::Text };
    let word: String = inner.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let lower = word.to_lowercase();
    if !lower.starts_with("rlab") && nearest(&lower, ["rlab"]).is_none() {
        return Opening::Text;
    }
    let begins = text.split_inclusive(&word).next().unwrap_or_default();
    Opening::Mistyped(
        Trouble::usage(format!("`{begins}` begins no directive"))
            .hint(format!("write `{OPEN}`, a blank, and the name of one")),
    )
}

impl Directive<'_> {
    /// The only word after its name.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn one(&self, what: &str) -> Result<&str> {
        match self.words.as_slice() {
            [only] => Ok(only),
            _ => Err(Trouble::usage(format!("`{}` takes {what}, and nothing else", self.name))
                .hint(format!("for example `{{{{#rlab {} {}}}}}`", self.name, example(what)))),
        }
    }

    /// Nothing follows its name.
    ///
    /// # Errors
    /// Something does.
    pub(super) fn bare(&self) -> Result<()> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(Trouble::usage(format!("`{}` does not take `{word}`", self.name))
                .hint(format!("write `{{{{#rlab {}}}}}`", self.name))),
        }
    }
}

fn example(what: &str) -> &'static str {
    match what {
        _ if what.contains("step") => "pid-namespace:fresh",
        _ if what.contains("table") => "step",
        _ if what.contains("page") => "environments.md",
        // A lab and a need have this name.
        _ => "pid-namespace",
    }
}

/// A name that is none, with the nearest that is, or all of them.
pub(super) fn unknown(name: &str, known: &[&str]) -> Trouble {
    if name.is_empty() {
        return Trouble::usage("a directive without a name")
            .hint("for example `{{#rlab step pid-namespace:fresh}}`; `{{#rlab directives}}` lists them all");
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "there are {}",
            known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Trouble::usage(format!("no directive is called `{name}`")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(page: &str) -> Vec<(String, usize)> {
        let of = |part| match part {
            Part::Directive(found) => Some((format!("{} {}", found.name, found.words.join("+")), found.line)),
            Part::Text(_) => None,
        };
        parts(page).unwrap().into_iter().filter_map(of).collect()
    }

    #[test]
    fn a_directive_is_found_with_its_line_unless_it_is_shown() {
        let page = "a\n{{#rlab step x:y}} and {{#rlab labs}}\n```\n{{#rlab no}}\n```\n`{{#rlab no}}` \\{{#rlab no}}\n";
        assert_eq!(names(page), [("step x:y".to_owned(), 2), ("labs ".to_owned(), 2)]);
    }

    #[test]
    fn what_was_meant_to_be_one_is_no_text() {
        for page in [
            "{{#rlabs labs}}",
            "{{#rlabstep x:y}}",
            "{{ #rlab labs}}",
            "{{# rlab labs}}",
            "{{#RLAB labs}}",
            "{{#rlba labs}}",
        ] {
            let (line, trouble) = parts(&format!("a\n{page}\n")).unwrap_err();
            assert_eq!(line, 2, "{page}");
            assert!(trouble.what.contains("begins no directive") && trouble.hint.is_some(), "{page}");
        }
        for page in
            ["{{#include a.md}}", "{{#title A}}", "{{ x }}", "`{{#rlabs labs}}`", "\\{{#RLAB labs}}", "{{"]
        {
            assert_eq!(names(page), [], "{page}");
        }
    }

    #[test]
    fn the_text_around_is_kept_to_the_byte() {
        let page = "a {{#rlab labs}} b\n\n{{#rlab labs}}";
        let kept: String = parts(page)
            .unwrap()
            .into_iter()
            .map(|part| match part {
                Part::Text(text) => text.to_owned(),
                Part::Directive(_) => "@".to_owned(),
            })
            .collect();
        assert_eq!(kept, "a @ b\n\n@");
    }

    #[test]
    fn one_that_is_not_closed_is_told_with_its_line() {
        let (line, trouble) = parts("a\nb {{#rlab step\n").unwrap_err();
        assert_eq!(line, 2);
        assert!(trouble.hint.is_some());
    }
}
