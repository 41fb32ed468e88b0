//! The command line: clap types, no side effects.

mod image;
mod workshop;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use image::{Image, Pack};
pub use workshop::{Host, Join, Pages, Present, Workshop, WorkshopReport};

/// What a container is made of, one kernel primitive at a time, for real.
#[derive(Debug, Parser)]
#[command(
    name = "rlab",
    version,
    about,
    long_about = "A terminal playground that teaches what a container is made of. You type a line, rlab asks the \
                  kernel for it for real, in the open, and shows what changed.\n\n\
                  rlab is not a security boundary: run nothing in it that you would not run beside it.",
    after_help = "Examples:\n  \
                  rlab                          begin, or go on where you left off\n  \
                  rlab start memory-cgroup      at a lab; LAB:STEP goes to a step\n  \
                  rlab run --all                every lab's own solution, on this machine's kernel\n  \
                  rlab exec --with full -- sh   a finished container, one command\n\n\
                  Exit status: 0 all well, 1 a check failed, 2 usage or a bad lab file, 3 this machine cannot, \
                  125 the sandbox could not be set up, 130 interrupted. `rlab exec` passes the command's own on."
)]
pub struct Cli {
    /// What to do; the REPL where nothing is said.
    #[command(subcommand)]
    pub mode: Option<Mode>,
    /// Options that every mode knows.
    #[command(flatten)]
    pub global: Global,
}

/// Seconds that a line may take where nobody says otherwise.
const TIME_LIMIT: u64 = 600;

impl Cli {
    /// Reads the words of a command line, the program's own first.
    ///
    /// # Errors
    /// What clap has to say: a mistake, or the help that was asked for.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<OsString> = words.collect();
        match Self::plain(words.get(1..).unwrap_or_default()) {
            Some(mode) => Ok(Self { mode, global: Global::default() }),
            None => Self::try_parse_from(words),
        }
    }

    /// What can be read without a parser, as clap would read it: `rlab` alone and a plain `rlab exec`. To make a parser
    /// of all that rlab knows takes a tenth of a one-shot container, and longer than all the rest of a first prompt.
    fn plain(words: &[OsString]) -> Option<Option<Mode>> {
        let [mode, rest @ ..] = words else { return Some(None) };
        if mode != "exec" {
            return None;
        }
        let mut exec = Exec { with: Vec::new(), explain: false, command: Vec::new() };
        let mut rest = rest.iter().map(|word| word.to_str());
        loop {
            match rest.next()?? {
                "--with" => exec.with.push(rest.next()?.filter(|line| !line.starts_with('-'))?.to_owned()),
                "--explain" if !exec.explain => exec.explain = true,
                "--" => break,
                _ => return None,
            }
        }
        exec.command = rest.map(|word| word.map(str::to_owned)).collect::<Option<_>>()?;
        (!exec.command.is_empty()).then_some(Some(Mode::Exec(exec)))
    }
}

/// Options that every mode knows.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Take the labs from this directory (`*.toml`, in the order of their names) instead of the built-in ones.
    #[arg(long, value_name = "DIR", global = true)]
    pub labs: Option<PathBuf>,
    /// Let labs that are not built in run their `!` lines, on this machine and as you. They are shown first.
    #[arg(long, global = true)]
    pub trust: bool,
    /// End a line that takes longer; 0 never. A shell and what stays in the background have no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = TIME_LIMIT, global = true)]
    pub time_limit: u64,
    /// Colour on the terminal.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,
    /// No drawing and no colour: every sign is also a word, for screen readers and logs.
    #[arg(long, global = true)]
    pub plain: bool,
}

impl Default for Global {
    fn default() -> Self {
        Self { labs: None, trust: false, time_limit: TIME_LIMIT, color: Color::Auto, plain: false }
    }
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that can, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs, as the book's page on JSON says.
    Json,
}

/// One mode of the program.
#[derive(Debug, Subcommand)]
pub enum Mode {
    /// Begin a lab, or one of its steps.
    #[command(after_help = "Examples:\n  rlab start chroot\n  rlab start pid-namespace:isolate\n  \
                            rlab start pid-namespace:3\n\nThe state before the step is made by the tested solutions \
                            of the steps before it.")]
    Start {
        /// Lab, and step by id or number.
        #[arg(value_name = "LAB[:STEP]")]
        at: String,
        /// Show names for what changes from run to run (PIDs, namespace ids, paths…), for a recording.
        #[arg(long)]
        masked: bool,
    },
    /// The REPL with no lab: every line works, nothing is asked.
    #[command(after_help = "Examples:\n  rlab play\n  printf 'rootfs\\nchroot\\nls /\\n' | rlab play")]
    Play {
        /// Show names for what changes from run to run (PIDs, namespace ids, paths…), for a recording.
        #[arg(long)]
        masked: bool,
    },
    /// Come into a workshop's room: the REPL, and the instructor's board is told how you get on.
    #[command(after_help = "Example:\n  rlab join 192.168.1.5:7700 K7QF2M --name Ada\n\n\
                            The board is told your steps, tries, hints, verdicts, names of errnos and answers to \
                            predictions: nothing that you type, and nothing of your machine. The word `sent` shows all \
                            of it, `ask` raises your hand and `unask` takes it down. Where the board is gone you work \
                            on, and what was missed is sent later.")]
    Join(Join),
    /// Show a lab to a room: pages with room around the words, the lab's notes beside the step, the time against the plan.
    #[command(after_help = "Examples:\n  rlab present chroot\n  rlab present container:4 --hide-notes\n  \
                            rlab present pid-namespace --replay --words 120\n\nIn a replay Enter goes on at once, a blank \
                            holds it, Ctrl-C hands over the prompt. `notes`, `page` and `pace` are words of its own.")]
    Present(Present),
    /// Carries a learner's events to the board; `rlab join` starts it.
    #[command(hide = true)]
    Courier {
        /// The seat.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Serves a board at the socket that is its standard input; `rlab workshop host` starts it.
    #[command(hide = true)]
    Board {
        /// The log.
        #[arg(value_name = "DB")]
        db: PathBuf,
        /// The PID of whoever starts it again where it breaks down.
        #[arg(value_name = "PID")]
        supervisor: u32,
    },
    /// List the labs.
    #[command(after_help = "Examples:\n  rlab list\n  rlab list --format json")]
    List {
        /// How.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Replay a lab's own solution and judge it.
    #[command(after_help = "Examples:\n  rlab run --all\n  rlab run memory-cgroup --format json\n  \
                            rlab run container:limits --masked\n  rlab run chroot --script mine.txt\n  rlab run container --cast container.cast\n\n\
                            Exit status: 0 every check held, 1 a check failed, 3 a lab that was named cannot run here \
                            (with --all a lab is skipped, and that is 0 unless --strict).")]
    Run(Run),
    /// Run one command under a recipe, and pass its status on.
    #[command(after_help = "Examples:\n  rlab exec --with rootfs --with chroot -- ls /\n  \
                            rlab exec --with full -- sh -c 'echo $$'\n  \
                            rlab exec --explain --with 'unshare --pid --mount-proc' -- ps -A\n\n\
                            `--with full` is the finished container of the course. Exit status: the command's own, \
                            128 + the signal that killed it, 127 not found, 126 not executable, 125 the sandbox \
                            could not be set up.")]
    Exec(Exec),
    /// Write a lab's recipe as a directory that runs without rlab: a shell script, a `docker run` line, an OCI bundle.
    #[command(after_help = "Examples:\n  rlab export container --as sh /tmp/by-hand\n  \
                            rlab export container:files --as oci /tmp/bundle\n  \
                            rlab export full --as docker /tmp/docker -- ps -A\n\n\
                            The recipe is the fullest one of the lab, or the one at the end of the step; `full` is the \
                            finished container of the course. The directory must be empty or not be there yet: it \
                            appears whole or not at all.")]
    Export(Export),
    /// Which ingredients a running process uses, and the recipe that comes closest.
    #[command(after_help = "Examples:\n  rlab inspect 1\n  rlab inspect $$ --format json\n  \
                            rlab inspect my-container      a container of Docker's or Podman's\n\n\
                            Exit status: 0 all of it was read, 2 there is no such process or container, 3 some of it \
                            may not be read by you (the rest is told), or neither Docker nor Podman is there.")]
    Inspect(Inspect),
    /// Images as directories (OCI layouts): pack a root, look at one, unpack it, run its program.
    #[command(
        after_help = "Examples:\n  rlab image pack rootfs layout --entrypoint /bin/sh --env GREETING=hello\n  \
                            rlab image show layout\n  rlab image unpack layout:latest rootfs2\n  \
                            rlab image run layout -- -c 'echo $GREETING'\n\n\
                            What is written appears whole or not at all. What skopeo, umoci and podman make is taken \
                            as well: `podman save --format oci-dir`, `skopeo copy … oci:layout`."
    )]
    Image {
        /// What to do.
        #[command(subcommand)]
        what: Image,
    },
    /// A plain root shell in a place of its own, where you do a lab with the real tools and rlab watches.
    #[command(
        after_help = "Examples:\n  sudo rlab challenge chroot\n  sudo rlab challenge memory-cgroup\n  \
                            sudo rlab challenge container\n\nNo word of rlab's works in there: the shell is your own \
                            `$SHELL`, as root. Its mounts and its `/tmp` are its own, and what it makes below \
                            `/sys/fs/cgroup` lies in a group of rlab's: whatever is left there is taken away when you \
                            leave. The goals are ticked as the kernel shows them.\n\n\
                            Exit status: 0 every goal was reached, 1 one was not, 3 without root."
    )]
    Challenge {
        /// Which lab's goals.
        #[arg(value_name = "LAB")]
        lab: String,
    },
    /// What this machine can do: each primitive is tried, and told with the mend where it fails.
    #[command(after_help = "Examples:\n  rlab doctor\n  rlab doctor --format json\n  \
                            rlab doctor --report ada.json        for the instructor of a workshop\n\n\
                            Exit status: 0 every lab runs, 3 one cannot.")]
    Doctor(Doctor),
    /// Lint lab files.
    #[command(after_help = "Examples:\n  rlab check                 the labs that are built in\n  \
                            rlab check labs/mine.toml\n  rlab check labs\n\n\
                            Exit status: 0 nothing is wrong (warnings are told), 2 an error.")]
    Check {
        /// Files, or directories of `*.toml`.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Write a lab file to start from.
    #[command(
        after_help = "Example:\n  rlab new labs/mine.toml\n\nThe id is the name of the file. A file that is \
                            there is never overwritten."
    )]
    New {
        /// Where.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// What is remembered of you: steps done, tries, hints, predictions, time; or forget a lab.
    #[command(after_help = "Examples:\n  rlab progress\n  rlab progress --format json\n  \
                            rlab progress forget chroot\n\nIt is kept in `$XDG_STATE_HOME/rlab` \
                            (`~/.local/state/rlab`), and nowhere else.")]
    Progress(Progress),
    /// A workshop for a room: the instructor's side.
    Workshop {
        /// What to do.
        #[command(subcommand)]
        what: Workshop,
    },
    /// The book's preprocessor for mdBook: JSON on standard input, the book on standard output.
    #[cfg(feature = "book")]
    #[command(after_help = "Examples:\n  mdbook build book\n  rlab mdbook supports html\n  \
                            rlab mdbook record book/recorded\n\nThe book's page for lab authors lists the directives.")]
    Mdbook {
        /// Something else than to preprocess.
        #[command(subcommand)]
        what: Option<MdbookWhat>,
    },
    /// Remove what a killed rlab left behind: work directories and control groups of dead owners.
    #[command(
        after_help = "Example:\n  rlab clean\n\nWhat belongs to an rlab that is still alive is left alone. The \
                            same happens by itself at once after a `kill -9`, and when rlab starts."
    )]
    Clean {
        /// Wait first until the owner of this name is dead: this is how a killed rlab is cleaned up after at once.
        #[arg(long, value_name = "NAME", hide = true)]
        of: Option<String>,
    },
}

/// `rlab run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Labs; with `:STEP`, from that step on.
    #[arg(value_name = "LAB[:STEP]", required_unless_present_any = ["all", "script"], conflicts_with = "all")]
    pub which: Vec<String>,
    /// Every lab of the course.
    #[arg(long, conflicts_with = "script")]
    pub all: bool,
    /// Carry out the lines of this file (`-`: standard input) in the lab that is named, or in none, instead of the
    /// lab's own solution. Each step in which a line was run must be done when it is left.
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// How.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Replace what changes from run to run (PIDs, namespace ids, paths…) by names, so that two runs compare equal.
    #[arg(long)]
    pub masked: bool,
    /// Record the run to this file too, with its timing, for asciinema (asciicast v2).
    #[arg(long, value_name = "FILE")]
    pub cast: Option<PathBuf>,
    /// A lab that cannot run here is a failure, with --all too.
    #[arg(long)]
    pub strict: bool,
}

/// What else `rlab mdbook` does.
#[cfg(feature = "book")]
#[derive(Debug, Subcommand)]
pub enum MdbookWhat {
    /// Whether pages for this renderer can be made: exit status 0 for yes.
    Supports {
        /// Its name.
        #[arg(value_name = "RENDERER")]
        renderer: String,
    },
    /// Run labs, masked, and write what happened to files that the book can use on machines that cannot run them.
    Record {
        /// Where.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Which; all of them where none is named.
        #[arg(value_name = "LAB")]
        which: Vec<String>,
    },
}

/// `rlab progress`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Progress {
    /// How.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Something else than to show it.
    #[command(subcommand)]
    pub what: Option<ProgressWhat>,
}

/// What can be done with what is remembered.
#[derive(Debug, Subcommand)]
pub enum ProgressWhat {
    /// Forget one lab, so that it begins anew.
    Forget {
        /// Its id.
        #[arg(value_name = "LAB")]
        lab: String,
    },
}

/// `rlab exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// An ingredient, such as `chroot` or `cgroup memory.max=7M`; `full` is the finished container. Repeat it, in
    /// order.
    #[arg(long = "with", value_name = "LINE")]
    pub with: Vec<String>,
    /// Tell the kernel calls on standard error.
    #[arg(long)]
    pub explain: bool,
    /// The program and its arguments.
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub command: Vec<String>,
}

/// `rlab doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// How.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write what was found to this file too, for `rlab workshop preflight`: what `--format json` says, with a name.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// The name in the report; the file's own where nothing is said.
    #[arg(long, value_name = "NAME", requires = "report")]
    pub name: Option<String>,
}

/// `rlab inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A process of this machine by its number, or a container of Docker's or Podman's by its name or id.
    #[arg(value_name = "PID|NAME")]
    pub who: String,
    /// How.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `rlab export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Whose recipe: a lab, with `:STEP` what is composed at the end of that step; or `full`.
    #[arg(value_name = "LAB[:STEP]")]
    pub what: String,
    /// In whose words.
    #[arg(long = "as", value_name = "WHAT", value_enum)]
    pub told: Told,
    /// Where: a directory that is not there yet, or is empty.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// One more ingredient, or `drop WHAT`. Repeat it, in order.
    #[arg(long = "with", value_name = "LINE")]
    pub with: Vec<String>,
    /// The program and its arguments.
    #[arg(value_name = "COMMAND", default_value = "sh", last = true)]
    pub command: Vec<String>,
}

/// In whose words a recipe is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Told {
    /// `container.sh`, a POSIX shell script that does it by hand.
    Sh,
    /// `run.sh`, a `docker run` line that Podman takes too, and the image's `rootfs.tar`.
    Docker,
    /// An OCI bundle: `config.json` and `rootfs`, for runc.
    Oci,
}

#[cfg(test)]
mod tests;
