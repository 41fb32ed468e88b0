//! What this machine can do, in one sentence, for a learner who is here for the first time.
//!
//! Trying takes longer than a prompt may. So another rlab tries (`rlab doctor`), while this one waits for keys.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Tries that are under way.
pub(super) struct Verdict {
    child: Child,
    output: File,
    read: Vec<u8>,
}

impl Verdict {
    /// Begins to try. `None` where no process can be had: then nothing is told.
    pub(super) fn begin(labs: Option<&Path>) -> Option<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.args(["doctor", "--format", "json"]);
        if let Some(labs) = labs {
            command.arg("--labs").arg(labs);
        }
        // A Ctrl-C is for the line that runs, not for what is tried beside it.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let output: File = child.stdout.take().map(OwnedFd::from)?.into();
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).ok()?;
        Some(Self { child, output, read: Vec::new() })
    }

    /// Becomes readable when there is something to tell.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// PID of the one that tries.
    pub(super) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The sentence, once everything was tried; `Some(None)` where nothing can be said.
    pub(super) fn told(&mut self) -> Option<Option<String>> {
        let mut piece = [0; 4096];
        loop {
            match self.output.read(&mut piece) {
                Ok(0) => return Some(sentence(&self.read)),
                Ok(length) => self.read.extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some(None),
            }
        }
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        // It cleans up and ends; one that has ended already is only waited for.
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// The JSON of `rlab doctor` as one sentence.
fn sentence(json: &[u8]) -> Option<String> {
    let told: Value = serde_json::from_slice(json).ok()?;
    let needs = told.get("needs")?.as_array()?;
    let is = |told: &Value, verdict: &str| told.get("verdict").and_then(Value::as_str) == Some(verdict);
    let failed = needs.iter().filter(|need| !is(need, "yes")).count();
    let labs = told.get("labs")?.as_array()?;
    let whole = labs.iter().filter(|lab| is(lab, "runs")).count();
    Some(match failed {
        0 => format!("this machine can do all of it: {} of {} tries worked", needs.len(), needs.len()),
        _ => format!("{whole} of {} labs run whole here: `rlab doctor` tells the mend", labs.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_one_sentence() {
        let json = |second: &str| {
            format!(
                r#"{{"needs":[{{"need":"chroot","verdict":"yes"}},{{"need":"proc","verdict":"{second}"}}],
                    "labs":[{{"verdict":"runs"}},{{"verdict":"in part"}}]}}"#
            )
        };
        let told = |second| sentence(json(second).as_bytes()).unwrap();
        assert_eq!(told("yes"), "this machine can do all of it: 2 of 2 tries worked");
        assert_eq!(told("no"), "1 of 2 labs run whole here: `rlab doctor` tells the mend");
        // It has to fit one row beside the greeting.
        assert!(told("yes").len().max(told("no").len()) <= 56);
        assert_eq!(sentence(b"{"), None);
    }
}
