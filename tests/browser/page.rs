//! What a test does with a browser, whichever it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// A browser with one page.
pub(crate) trait Page {
    /// A window of this many pixels, on a reader's machine that is light or dark.
    fn look(&mut self, width: u32, theme: &str);

    /// Loads a page and waits until all of it is there.
    fn open(&mut self, address: &str);

    /// The value of an expression on the page; a promise is waited for.
    fn eval(&mut self, expression: &str) -> Value;

    /// Runs a script on the page.
    fn run(&mut self, script: &str);

    /// Clicks there, as a mouse does.
    fn click_at(&mut self, x: f64, y: f64);

    /// Presses a key where the keyboard is, by its name; `Shift+Tab` is another one.
    fn press(&mut self, key: &str);

    /// What went wrong on the pages since the last time.
    fn complaints(&mut self) -> Vec<String>;

    /// What the window shows, as PNG.
    fn picture(&mut self) -> Vec<u8>;

    /// Clicks in the middle of what a selector finds first.
    fn click(&mut self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const found = document.querySelector({}); found.scrollIntoView({{block: 'center'}}); \
             const box = found.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ));
        self.click_at(place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    }

    /// Goes on with Tab until something that the selector finds has the keyboard.
    fn tab_to(&mut self, selector: &str) {
        let there = format!("document.activeElement.matches({})", json!(selector));
        for _ in 0..400 {
            if self.eval(&there) == json!(true) {
                return;
            }
            self.press("Tab");
        }
        panic!("Tab does not lead to `{selector}`");
    }
}

/// One browser at a time: each takes all of a small machine, and a page that is waited for should not wait for others.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes of a text in base64 (RFC 4648).
pub(crate) fn base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let digits: Vec<u8> = digits.collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}
