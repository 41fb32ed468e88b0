//! `rlab run --cast FILE`: the run as a terminal would show it, with the time at which each piece came, in asciinema's
//! format (asciicast v2): a line of JSON for the head, then one for each piece.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::error::{Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::recipe::machine::Machine;
use crate::recipe::outcome::HostState;
use crate::render::document::Look;
use crate::render::teller::Teller;
use crate::session::event::Event;

/// The terminal that is recorded.
const COLUMNS: usize = 80;
const ROWS: usize = 24;

/// A recording while it is made.
pub struct Cast {
    path: PathBuf,
    file: BufWriter<File>,
    teller: Teller,
    started: Instant,
    /// A piece could not be written; it is told once.
    lost: bool,
}

impl Cast {
    /// Begins one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(path: &Path, title: &str, look: Look) -> Result<Self> {
        let cannot = |error: std::io::Error| cannot(path).because(error);
        let head = json!({
            "version": 2,
            "width": COLUMNS,
            "height": ROWS,
            "timestamp": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            "title": title,
            "env": {"TERM": "xterm-256color"},
        });
        let mut file = BufWriter::new(File::create(path).map_err(cannot)?);
        writeln!(file, "{head}").map_err(cannot)?;
        let teller = Teller::new(Look { width: COLUMNS, color: true, plain: false, ascii: false, ..look });
        Ok(Self { path: path.to_owned(), file, teller, started: Instant::now(), lost: false })
    }

    /// Learns what is volatile, for a masked recording.
    pub fn learn(&mut self, machine: &Machine, host: &HostState) {
        if let Some(mask) = self.teller.mask() {
            mask.machine(machine);
            mask.host(host);
        }
    }

    /// Takes down what is told now.
    pub fn hear(&mut self, event: &Event, terminal: &mut Terminal) {
        let text = self.teller.tell(event);
        self.put(&text, terminal);
    }

    /// The recording is over.
    pub fn end(&mut self, terminal: &mut Terminal) {
        let text = self.teller.flush();
        self.put(&text, terminal);
        if let Err(error) = self.file.flush() {
            self.tell(error, terminal);
        }
    }

    /// Whether something of it could not be written.
    pub const fn lost(&self) -> bool {
        self.lost
    }

    fn put(&mut self, text: &str, terminal: &mut Terminal) {
        if text.is_empty() || self.lost {
            return;
        }
        // A terminal in its usual mode begins a line at its left end only when it is told to.
        let piece = json!([self.started.elapsed().as_secs_f64(), "o", text.replace('\n', "\r\n")]);
        if let Err(error) = writeln!(self.file, "{piece}") {
            self.tell(error, terminal);
        }
    }

    fn tell(&mut self, error: std::io::Error, terminal: &mut Terminal) {
        self.lost = true;
        terminal.trouble(&cannot(&self.path).because(error));
    }
}

fn cannot(path: &Path) -> Trouble {
    Trouble::usage(format!("the recording `{}` cannot be written", path.display()))
        .hint("name a file in a directory that is there and that you may write to")
}
