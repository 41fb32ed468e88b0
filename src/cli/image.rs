//! The words of `rlab image`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `rlab image`.
#[derive(Debug, Subcommand)]
pub enum Image {
    /// Pack a directory into an image of one layer. The same files give the same digests.
    Pack(Pack),
    /// What an image says: its manifest, its config, its layers.
    Show {
        /// The image's directory, with `:NAME` where it holds several.
        #[arg(value_name = "LAYOUT[:NAME]")]
        from: String,
        /// The entries of each layer, too.
        #[arg(long)]
        entries: bool,
    },
    /// Lay the layers of an image over each other in a new directory.
    Unpack {
        /// The image's directory, with `:NAME` where it holds several.
        #[arg(value_name = "LAYOUT[:NAME]")]
        from: String,
        /// Where: a directory that is not there yet, or is empty.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Run an image's program in a throw-away container, with what its config says, and pass its status on.
    Run {
        /// The image's directory, with `:NAME` where it holds several.
        #[arg(value_name = "LAYOUT[:NAME]")]
        from: String,
        /// One more ingredient, such as `cgroup memory.max=7M`. Repeat it, in order.
        #[arg(long = "with", value_name = "LINE")]
        with: Vec<String>,
        /// Words in place of the image's own arguments.
        #[arg(value_name = "WORD", last = true)]
        words: Vec<String>,
    },
}

/// `rlab image pack`.
#[derive(Debug, Args)]
pub struct Pack {
    /// The directory to pack.
    #[arg(value_name = "ROOT")]
    pub root: PathBuf,
    /// Where: a directory that is not there yet, or is empty.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The image's name.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The program and its first arguments, in one.
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub entrypoint: Option<String>,
    /// The arguments where nobody gives others, in one.
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub cmd: Option<String>,
    /// A variable. Repeat it.
    #[arg(long, short = 'e', value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// The working directory.
    #[arg(long, short = 'w', value_name = "DIR")]
    pub workdir: Option<String>,
    /// Who runs it, by name or number.
    #[arg(long, short = 'u', value_name = "USER[:GROUP]")]
    pub user: Option<String>,
}
