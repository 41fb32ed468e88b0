//! What rlab costs beside its peers, as ratios paired in one run. Nothing is asserted: times depend on the machine,
//! ratios of two runs side by side hardly do. How to read the table: CONTRIBUTING.md.
//!
//! The same binary is also two of the peers: the minimal launcher (`minimal`) and a bare line editor (`bare-repl`).

#[cfg(feature = "book")]
mod book;
mod glass;
mod images;
mod minimal;
mod peers;
mod prompt;
mod table;

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The command under test, measured in this build's profile.
const RLAB: &str = env!("CARGO_BIN_EXE_rlab");
/// Pairs of each comparison, after the warm-up.
const PAIRS: usize = 40;
/// Pairs that are run first and thrown away: files get into the page cache.
const WARM_UP: usize = 3;
/// The parts that can be measured alone.
const PARTS: [&str; 5] = ["launch", "image", "glass", "prompt", "book"];
/// Pairs of the comparison of prompts.
const PROMPTS: usize = 20;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("minimal") => minimal::main(&arguments[1..]),
        Some("bare-repl") => prompt::bare(),
        // `cargo bench` passes `--bench`. `cargo bench -- prompt` measures that part alone, and so on.
        _ => {
            let mut out = std::io::stdout().lock();
            let named = |part: &str| arguments.iter().any(|word| word == part);
            let all = !PARTS.iter().any(|part| named(part));
            if all || named("launch") {
                launches(&mut out)?;
            }
            if all || named("image") {
                images::compare(&mut out)?;
            }
            if all || named("glass") {
                glass::all(&mut out)?;
            }
            if all || named("prompt") {
                prompts(&mut out)?;
            }
            #[cfg(feature = "book")]
            if all || named("book") {
                book::compare(&mut out)?;
            }
            Ok(())
        }
    }
}

fn launches(out: &mut impl Write) -> Result<()> {
    writeln!(out, "rlab exec --with full -- busybox true        {PAIRS} pairs, rlab ÷ peer")?;
    if !nix::unistd::geteuid().is_root() {
        writeln!(out, "  left out: control groups and mounts want root")?;
        return Ok(());
    }
    // The peers mount on the host. Here the host is a mount namespace of the benchmark's own.
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let ground = peers::Ground::new()?;
    let rlab = peers::command(RLAB, &["exec", "--with", "full", "--", "busybox", "true"]);
    for peer in ground.peers()? {
        let compared = peer.command.and_then(|command| {
            peers::works(&rlab)?;
            peers::works(&command)?;
            pairs(PAIRS, || run(&rlab), || run(&command)).map_err(|error| error.to_string())
        });
        match compared {
            Ok(pairs) => table::ratios(out, peer.name, &pairs)?,
            Err(reason) => table::left_out(out, peer.name, &reason)?,
        }
    }
    Ok(())
}

fn prompts(out: &mut impl Write) -> Result<()> {
    writeln!(out, "\nREPL, from start to first prompt             {PROMPTS} pairs, rlab ÷ peer")?;
    let this = std::env::current_exe()?;
    let rlab = prompt::Repl::rlab()?;
    let bare = prompt::Repl::bare(&this)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let compared = pairs(
        PROMPTS,
        || {
            let start = rlab.start()?;
            ours.push(start);
            Ok(start.prompt)
        },
        || {
            let start = bare.start()?;
            theirs.push(start);
            Ok(start.prompt)
        },
    );
    match compared {
        Ok(pairs) => table::ratios(out, "bare line editor", &pairs)?,
        Err(reason) => {
            table::left_out(out, "bare line editor", &reason.to_string())?;
            return Ok(());
        }
    }
    let keys: Vec<_> =
        ours.iter().zip(&theirs).skip(WARM_UP).map(|(ours, theirs)| (ours.key, theirs.key)).collect();
    table::ratios(out, "  and to the first key", &keys)?;
    let resident = |starts: &[prompt::Start]| {
        let mut all: Vec<u64> = starts.iter().map(|start| start.resident).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    writeln!(
        out,
        "\nresident at the first key: rlab {} KiB, bare line editor {} KiB",
        resident(&ours),
        resident(&theirs)
    )?;
    match rlab.completions() {
        Ok((program, path)) => writeln!(
            out,
            "Tab in a root with BusyBox, from the key to the screen: a program {:.1} ms, a path {:.1} ms",
            program.as_secs_f64() * 1000.0,
            path.as_secs_f64() * 1000.0
        )?,
        Err(reason) => table::left_out(out, "Tab in a root with BusyBox", &reason.to_string())?,
    }
    Ok(())
}

/// Runs both sides in turn, and which goes first in turn too.
fn pairs(
    count: usize,
    mut ours: impl FnMut() -> Result<Duration>,
    mut theirs: impl FnMut() -> Result<Duration>,
) -> Result<Vec<(Duration, Duration)>> {
    let mut pairs = Vec::with_capacity(count);
    for round in 0..count + WARM_UP {
        let pair = if round % 2 == 0 {
            let first = ours()?;
            (first, theirs()?)
        } else {
            let first = theirs()?;
            (ours()?, first)
        };
        if round >= WARM_UP {
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

fn run(command: &peers::Line) -> Result<Duration> {
    let mut process = command.build();
    let start = Instant::now();
    let status = process.status()?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("ended with {status}").into()) }
}
