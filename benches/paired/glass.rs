//! What it costs to look at a process, and to hand a recipe over.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{PAIRS, RLAB, Result, pairs, peers, table};

/// `inspect` of one process beside a program that does nothing, and `export` of a bundle beside a copy of its files.
pub(crate) fn all(out: &mut impl Write) -> Result<()> {
    inspect(out)?;
    export(out)
}

/// A process that stays until it is dropped.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn inspect(out: &mut impl Write) -> Result<()> {
    writeln!(out, "\nrlab inspect PID, from start to end           {PAIRS} pairs, rlab ÷ peer")?;
    let plain = Sleeper(Command::new("sleep").arg("1000").spawn()?);
    // The dearest one: every namespace its own, so that a thread has to look up its host name.
    let contained = Command::new("unshare")
        .args(["--mount", "--uts", "--ipc", "--net", "--cgroup", "sleep", "1000"])
        .stderr(Stdio::null())
        .spawn()
        .map(Sleeper)?;
    let version = peers::command(RLAB, &["--version"]);
    for (name, process) in [("of a plain process", &plain), ("with own namespaces", &contained)] {
        let line = peers::command(RLAB, &["inspect", &process.0.id().to_string()]);
        let compared = peers::works(&line).and_then(|()| peers::works(&version)).and_then(|()| {
            pairs(PAIRS, || super::run(&line), || super::run(&version)).map_err(|error| error.to_string())
        });
        match compared {
            Ok(pairs) => table::ratios(out, name, &pairs)?,
            Err(reason) => table::left_out(out, name, &reason)?,
        }
    }
    writeln!(out, "  (the peer is `rlab --version`: a start that does nothing; below 5 ms is the aim)")?;
    Ok(())
}

fn export(out: &mut impl Write) -> Result<()> {
    writeln!(out, "\nrlab export full --as oci DIR                 {PAIRS} pairs, rlab ÷ peer")?;
    let ground = tempfile::tempdir()?;
    let model = ground.path().join("model");
    let made = |place: &std::path::Path| -> Result<Duration> {
        let line = peers::command(RLAB, &["export", "full", "--as", "oci", &place.to_string_lossy()]);
        let time = super::run(&line)?;
        Ok(time)
    };
    if let Err(reason) = made(&model) {
        return Ok(table::left_out(out, "cp -a", &reason.to_string())?);
    }
    let place = ground.path().join("place");
    let remove = || fs::remove_dir_all(&place);
    let compared = pairs(
        PAIRS,
        || {
            let time = made(&place)?;
            remove()?;
            Ok(time)
        },
        || {
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(&model).arg(&place).stdin(Stdio::null());
            let start = Instant::now();
            let status = copy.status()?;
            let time = start.elapsed();
            remove()?;
            if status.success() { Ok(time) } else { Err(format!("cp ended with {status}").into()) }
        },
    );
    match compared {
        Ok(pairs) => table::ratios(out, "cp -a of the bundle", &pairs)?,
        Err(reason) => table::left_out(out, "cp -a of the bundle", &reason.to_string())?,
    }
    writeln!(out, "  (below 20 ms and the copying is the aim)")?;
    Ok(())
}
