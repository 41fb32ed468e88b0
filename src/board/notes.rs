//! What is told at the board's terminal: who was refused, and why. The same from the same address is one line a second, with
//! how often: whoever shouts at the board does not fill the terminal.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::board::clock;

/// Milliseconds in which the same is told once.
const ONCE: u64 = 1_000;
/// Kinds of notes that are remembered.
const KINDS: usize = 4_096;

/// The way to the terminal.
pub struct Notes {
    tell: Box<dyn Fn(String) + Send + Sync>,
    said: Mutex<HashMap<(Option<IpAddr>, String), Said>>,
}

/// When it was told, and how often it was not since.
struct Said {
    at: u64,
    more: u64,
}

impl Notes {
    /// Notes that go there.
    pub fn new(tell: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { tell: Box::new(tell), said: Mutex::new(HashMap::new()) }
    }

    /// Tells something about an address, or about the board itself. What comes from outside has to be in `what` escaped
    /// already.
    pub fn note(&self, from: Option<IpAddr>, what: &str) {
        let now = clock::now();
        let more = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() >= KINDS {
                said.retain(|_, said| now.saturating_sub(said.at) < ONCE);
            }
            match said.get_mut(&(from, what.to_owned())) {
                Some(said) if now.saturating_sub(said.at) < ONCE => {
                    said.more += 1;
                    return;
                }
                Some(said) => {
                    said.at = now;
                    std::mem::take(&mut said.more)
                }
                None => {
                    if said.len() < KINDS {
                        said.insert((from, what.to_owned()), Said { at: now, more: 0 });
                    }
                    0
                }
            }
        };
        let seconds = now / 1000 % 86_400;
        let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let who = from.map_or_else(|| "board".to_owned(), |from| from.to_string());
        let more = if more > 0 { format!(" (and {more} more like it before)") } else { String::new() };
        (self.tell)(format!("{time} {who}  {what}{more}"));
    }
}
