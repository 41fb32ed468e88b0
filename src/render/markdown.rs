//! The Markdown of labs: paragraphs, `code`, **strong**, *em*, lists, fenced code, headings, links as text.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::document::{Break, Line, Role, Text};

/// Makes a document of Markdown. Anything beyond what labs use is shown as its text.
pub fn markdown(source: &str) -> Text {
    let mut reader = Reader::default();
    for event in Parser::new_ext(source, Options::empty()) {
        reader.event(event);
    }
    reader.end_line();
    while reader.text.lines.last().is_some_and(|line| line.spans.is_empty()) {
        reader.text.lines.pop();
    }
    reader.text
}

/// Where the reader is in the Markdown.
#[derive(Default)]
struct Reader {
    text: Text,
    line: Line,
    /// Roles of the marks that are open, innermost last.
    roles: Vec<Role>,
    /// For each open list the number of its next item; `None` for bullets.
    lists: Vec<Option<u64>>,
    code_block: bool,
    /// Where the open link leads, and what was written of it.
    link: Option<String>,
}

/// Columns by which a list or a block of code is moved to the right.
const STEP: usize = 2;

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code_block => self.code(&text),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                let role = self.roles.last().copied().unwrap_or(Role::Plain);
                self.line.push(role, text.into_string());
            }
            Event::Code(text) => self.line.push(Role::Code, text.into_string()),
            Event::SoftBreak => self.line.push(Role::Plain, " "),
            Event::HardBreak => self.end_line(),
            Event::Rule => self.text.gap(),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.block();
                self.roles.push(Role::Strong);
            }
            Tag::Paragraph if self.lists.is_empty() => self.block(),
            Tag::CodeBlock(_) => {
                self.end_line();
                self.code_block = true;
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.block();
                } else {
                    self.end_line();
                }
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Strong | Tag::Emphasis => self.roles.push(Role::Strong),
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.roles.pop();
                self.end_line();
            }
            TagEnd::Paragraph | TagEnd::Item => self.end_line(),
            TagEnd::CodeBlock => self.code_block = false,
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Strong | TagEnd::Emphasis => {
                self.roles.pop();
            }
            TagEnd::Link => {
                if let Some(to) = self.link.take()
                    && !self.line.text().ends_with(&to)
                {
                    self.line.push(Role::Dim, format!(" ({to})"));
                }
            }
            _ => {}
        }
    }

    /// Begins a block: what came before is ended, with an empty line below it.
    fn block(&mut self) {
        self.end_line();
        self.text.gap();
        self.indent();
    }

    fn item(&mut self) {
        self.end_line();
        let sign = match self.lists.last_mut() {
            Some(Some(number)) => {
                let sign = format!("{number}. ");
                *number += 1;
                sign
            }
            _ => "- ".to_owned(),
        };
        let depth = STEP * self.lists.len().saturating_sub(1);
        self.line = Line::indented(depth, depth + sign.len());
        self.line.push(Role::Dim, sign);
    }

    /// A block of code keeps its lines.
    fn code(&mut self, text: &str) {
        let indent = STEP * (1 + self.lists.len());
        self.text.gap();
        for line in text.lines() {
            self.text.push(Line::indented(indent, indent + STEP).with(Role::Code, line));
        }
    }

    fn end_line(&mut self) {
        if !self.line.spans.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.text.push(Line { breaks: Break::Prose, ..line });
        }
        self.indent();
    }

    fn indent(&mut self) {
        let indent = STEP * self.lists.len();
        self.line = Line::indented(indent, indent);
    }
}
