//! The words of `rlab workshop`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;

/// `rlab workshop`.
#[derive(Debug, Subcommand)]
pub enum Workshop {
    /// Before: everyone's `rlab doctor --report` in one table, with the mends below.
    #[command(
        after_help = "Examples:\n  rlab doctor --report ada.json        each learner, on their own machine\n  \
                            rlab workshop preflight *.json       the instructor\n\n\
                            Exit status: 0 everyone can do every lab, 2 a file is no report, 3 someone cannot."
    )]
    Preflight {
        /// What `rlab doctor --report` wrote, or directories of it (`*.json`).
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// How.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// The board: takes what learners' rlabs report, keeps it in a file, and shows the room in a browser.
    #[command(
        after_help = "Examples:\n  rlab workshop host\n  rlab workshop host --course chroot,pid-namespace\n  \
                            rlab workshop host --bind 192.168.1.5:7700 --db monday.db\n\n\
                            The same file again is the same room, with the same code; what was acknowledged is in it, \
                            however the board ended. Ctrl-C ends it.\n\n\
                            It speaks plain HTTP: use it in a network that you trust, or open the instructor's page on \
                            the board's own machine."
    )]
    Host(Host),
    /// Afterwards: completion, time a step, the hardest predictions, the commonest failures, everyone's evidence.
    #[command(after_help = "Examples:\n  rlab workshop report rlab-workshop-2026-11-28.db > report.md\n  \
                            rlab workshop report records/*.jsonl > report.md\n  \
                            rlab workshop report --format html records/*.jsonl > report.html\n\n\
                            Exit status: 0 every record is whole, 1 one is not (it is left out), 2 a file is no record.")]
    Report(WorkshopReport),
    /// Whether a learner's record is whole: nothing left out, put in or changed.
    #[command(
        after_help = "Example:\n  rlab workshop verify events.jsonl\n\nExit status: 0 it is, 1 it is not, 2 it is no \
                            record."
    )]
    Verify {
        /// What `rlab join` has written down.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// `rlab workshop report`.
#[derive(Debug, Args)]
pub struct WorkshopReport {
    /// The board's log, or what each learner's `rlab join` has written down, or both.
    #[arg(value_name = "DB|FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// How.
    #[arg(long, value_enum, default_value_t = Pages::Markdown)]
    pub format: Pages,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pages {
    /// For a file beside the slides.
    Markdown,
    /// One page that needs nothing else.
    Html,
    /// For programs, as the book's page on JSON says.
    Json,
}

/// `rlab workshop host`.
#[derive(Debug, Args)]
pub struct Host {
    /// The labs that are taught, in this order, with commas between them; all of them where none is named.
    #[arg(long, value_name = "LAB,…", value_delimiter = ',')]
    pub course: Vec<String>,
    /// Where to listen; port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:7700")]
    pub bind: core::net::SocketAddr,
    /// The log of the room; `rlab-workshop-DATE.db` in this directory where nobody says otherwise.
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Make a new token for the instructor; the old one is worth nothing any more.
    #[arg(long)]
    pub new_token: bool,
}

/// `rlab join`.
#[derive(Debug, Args)]
pub struct Join {
    /// Where the board is; it is on the instructor's screen.
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub address: String,
    /// The code of the room.
    #[arg(value_name = "CODE")]
    pub code: String,
    /// What the room calls you.
    #[arg(long, value_name = "NAME")]
    pub name: String,
}

/// `rlab present`.
#[derive(Debug, Args)]
pub struct Present {
    /// Lab, and step by id or number.
    #[arg(value_name = "LAB[:STEP]")]
    pub at: String,
    /// Keep the notes off the screen until the word `notes` asks for them.
    #[arg(long)]
    pub hide_notes: bool,
    /// Type the solution by itself, and stop at every prediction until Enter is pressed.
    #[arg(long)]
    pub replay: bool,
    /// How fast, in words a minute: so fast it types, and so long it leaves to read what came.
    #[arg(long, value_name = "N", default_value_t = 180, requires = "replay",
          value_parser = clap::value_parser!(u32).range(10..=10_000))]
    pub words: u32,
}
