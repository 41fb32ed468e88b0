//! Pieces of HTML: escaping, the Markdown of labs, the colours of a terminal.

use pulldown_cmark::{Event, Options, Parser, html};

/// Text as HTML shows it.
pub(super) fn escaped(text: &str) -> String {
    ansi_to_html::Esc(text).to_string()
}

/// With a capital letter in front, where it begins with one that has it.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Markdown of a lab as HTML, safe inside a block of HTML: no line of it is empty.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::new();
    // HTML in a lab is text, as it is in a terminal.
    let plain = Parser::new_ext(text, Options::empty()).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        other => other,
    });
    html::push_html(&mut out, plain);
    closed_up(out.trim_end())
}

/// Markdown of one sentence, without the paragraph around it.
pub(super) fn sentence(text: &str) -> String {
    let html = markdown(text);
    let inner = html.strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>"));
    inner.map_or(html.clone(), str::to_owned)
}

/// Lines with the colours of a terminal as HTML. The four bits of a colour are variables, which the book's style sheet
/// sets for light and for dark.
pub(super) fn colored(lines: &[String]) -> String {
    let converter = ansi_to_html::Converter::new().four_bit_var_prefix(Some("term-".to_owned()));
    let text = lines.join("\n");
    // Only a colour that is none can go wrong, and rlab writes none of these; then the text stays, without colours.
    let html = converter.convert(&text).unwrap_or_else(|_| escaped(&text));
    closed_up(&html)
}

/// Without a line that is empty: in Markdown it would end the block of HTML.
fn closed_up(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for (at, line) in html.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        out.push_str(if line.trim().is_empty() { "<!-- -->" } else { line });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_lab_is_taken_for_html() {
        assert_eq!(escaped("a <b> & \"c\""), "a &lt;b&gt; &amp; &quot;c&quot;");
        assert_eq!(
            colored(&["<pid-1> \u{1b}[32mok\u{1b}[39m".to_owned()]),
            "&lt;pid-1&gt; <span style='color:var(--term-green,#0a0)'>ok</span>"
        );
    }

    #[test]
    fn no_line_is_empty() {
        let html = markdown("One.\n\n```\na\n\nb\n```\n\nTwo.");
        assert!(html.lines().all(|line| !line.trim().is_empty()), "{html}");
        assert!(html.contains("<p>Two.</p>"), "{html}");
        assert_eq!(sentence("How many `ps`?"), "How many <code>ps</code>?");
    }
}
