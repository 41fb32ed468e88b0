//! Where a place inside a string is in the text of the file: behind its quote, with escapes counted as written.

use std::ops::Range;

/// The bytes of the file that hold the word at byte `at` of a string's value.
///
/// `token` is where the string stands, with its quotes; `value` is what it means. Where the place cannot be told (a
/// string over several lines with escapes) it is the whole token.
pub(in crate::lab) fn word_in_token(
    source: &str,
    token: Range<usize>,
    value: &str,
    at: usize,
) -> Range<usize> {
    let Some(raw) = source.get(token.clone()) else { return token };
    let (quotes, basic) = match raw {
        _ if raw.starts_with("\"\"\"") => (3, true),
        _ if raw.starts_with("'''") => (3, false),
        _ => (1, raw.starts_with('"')),
    };
    let Some(body) = raw.get(quotes..raw.len().saturating_sub(quotes)) else { return token };
    let offset = if body == value {
        at
    } else if basic && quotes == 1 {
        offset_as_written(body, at)
    } else {
        return token;
    };
    let start = token.start + quotes + offset.min(body.len());
    let rest = source.get(start..token.end - quotes).unwrap_or_default();
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    if length == 0 && offset >= body.len() {
        // Past the end, as for a missing quote: the closing quote of the string is the nearest thing to show.
        return start..start + 1;
    }
    start..start + length.max(1)
}

/// How far into the written text the byte `at` of the value is.
fn offset_as_written(body: &str, at: usize) -> usize {
    let (mut written, mut meant) = (0, 0);
    while meant < at && written < body.len() {
        let rest = &body[written..];
        let (length, character) = escape(rest);
        written += length;
        meant += character.len_utf8();
    }
    written
}

/// The length as written, and the meaning, of the first character or escape.
fn escape(rest: &str) -> (usize, char) {
    let mut characters = rest.chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), Some(kind @ ('u' | 'U' | 'x'))) => {
            let digits = match kind {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let code = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            (rest.len().min(2 + digits), code.and_then(char::from_u32).unwrap_or('?'))
        }
        (Some('\\'), Some(other)) => (1 + other.len_utf8(), '?'),
        (Some(plain), _) => (plain.len_utf8(), plain),
        (None, _) => (0, '?'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word<'s>(source: &'s str, value: &str, at: usize) -> &'s str {
        let range = word_in_token(source, 0..source.len(), value, at);
        &source[range]
    }

    #[test]
    fn the_word_is_found_behind_quotes_and_escapes() {
        assert_eq!(word("\"unshare --pdi\"", "unshare --pdi", 8), "--pdi");
        assert_eq!(word("'unshare --pdi x'", "unshare --pdi x", 8), "--pdi");
        assert_eq!(word("'''unshare --pdi'''", "unshare --pdi", 8), "--pdi");
        assert_eq!(word(r#""a \"\u00e9\" --pdi""#, "a \"é\" --pdi", 7), "--pdi");
        assert_eq!(word("\"echo 'a\"", "echo 'a", 7), "\"");
        assert_eq!(word("\"\"\"\na b\"\"\"", "a b", 2), "\"\"\"\na b\"\"\"");
    }
}
