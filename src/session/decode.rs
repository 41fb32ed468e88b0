//! Bytes of a program become text, piece by piece: a character may be cut in two between pieces.

/// Turns the pieces of one stream into text. Bytes that are not UTF-8 become U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    /// The text of this piece, with what was left over from the last one.
    pub(super) fn push(&mut self, piece: &[u8]) -> String {
        self.rest.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            // No `error_len`: the bytes may be the start of a character that goes on in the next piece.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.rest.len() - unfinished(&self.rest),
        };
        let ready: Vec<u8> = self.rest.drain(..whole).collect();
        String::from_utf8_lossy(&ready).into_owned()
    }

    /// What is left when the stream is over.
    pub(super) fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }
}

/// How many bytes at the end may be the start of a character.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3))
        .find(|n| {
            let tail = &bytes[bytes.len() - n..];
            std::str::from_utf8(tail).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_in_two_comes_out_whole() {
        let mut decoder = Decoder::default();
        let bytes = "aé€🦀z".as_bytes();
        for cut in 0..=bytes.len() {
            let text =
                format!("{}{}{}", decoder.push(&bytes[..cut]), decoder.push(&bytes[cut..]), decoder.finish());
            assert_eq!(text, "aé€🦀z", "cut at {cut}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_stream() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"a\xffb\xe2\x82"), "a\u{fffd}b");
        assert_eq!(decoder.push(b"\xac!"), "€!");
        assert_eq!(decoder.push(b"\xe2"), "");
        assert_eq!(decoder.finish(), "\u{fffd}");
    }
}
