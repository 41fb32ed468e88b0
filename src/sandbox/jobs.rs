//! Containers that stay: started with `COMMAND &`, looked at from both sides, ended by number.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Result, Trouble};
use crate::kernel::proc;
use crate::recipe::outcome::{Capped, End, Job, OUTPUT_LIMIT, Paired, Peek, Seen};
use crate::sandbox::caps::LineWatch;
use crate::sandbox::guard::{Guard, Ward};
use crate::sandbox::launch::Process;
use crate::sandbox::{capture, observe};

/// One container that stays.
#[derive(Debug)]
pub struct Running {
    number: u32,
    command: String,
    process: Process,
    seen: Seen,
    output: File,
    guard: Option<Guard>,
}

/// The containers of a session that stay.
#[derive(Debug, Default)]
pub struct Jobs {
    running: Vec<Running>,
}

/// How a container that was signalled stands.
#[derive(Debug)]
pub struct Ended {
    /// The command as typed.
    pub command: String,
    /// Its end, or `Running` where it ignores the signal.
    pub end: End,
    /// What it wrote.
    pub output: String,
    /// How long it ran, in milliseconds.
    pub millis: u64,
    /// What the host saw of it.
    pub seen: Seen,
    /// The cap for which it was ended.
    pub capped: Option<Capped>,
}

/// A pipe for a container's output, with room for all that is kept of it, and the descriptors for the process. Nobody
/// reads while it runs, so whoever writes more waits: it fills no disk and no memory.
///
/// # Errors
/// No descriptor left.
pub fn output_pipe() -> Result<(File, [OwnedFd; 3])> {
    let failed = |errno: Errno| Trouble::sandbox("cannot keep the container's output").because(errno);
    let (output, stdout) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    // Only this end: a program may not expect that its output cannot be written just now.
    fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed)?;
    // EPERM: a user who has many large pipes already gets one of 64 KiB.
    let _ = fcntl(&output, FcntlArg::F_SETPIPE_SZ(OUTPUT_LIMIT as i32));
    let input = capture::empty_input().map_err(failed)?;
    let stderr = stdout.try_clone().map_err(|_| failed(Errno::EMFILE))?;
    Ok((output.into(), [input, stdout, stderr]))
}

impl Jobs {
    /// Takes a started process in, and gives its number. It is looked at what it makes of the disk in this directory.
    pub fn add(
        &mut self,
        command: &str,
        process: Process,
        seen: Seen,
        output: File,
        directory: Option<&Path>,
    ) -> u32 {
        // As a shell numbers its jobs: from 1 again once all are gone, so that `kill 1` in a lab always means its own.
        let number = self.running.iter().map(|running| running.number).max().unwrap_or(0) + 1;
        let guard = directory.and_then(|directory| {
            let descriptor = process.descriptor().try_clone_to_owned().ok()?;
            let ward = Ward { pid: process.pid(), descriptor, is_init: process.is_init };
            Guard::post(ward, LineWatch::of_disk(directory))
        });
        self.running.push(Running { number, command: command.to_owned(), process, seen, output, guard });
        number
    }

    /// All of them, in the order in which they were started.
    pub fn list(&self) -> Vec<Job> {
        self.running.iter().map(Running::job).collect()
    }

    /// PIDs of the first processes.
    pub fn pids(&self) -> Vec<i32> {
        self.running.iter().map(|running| running.process.pid()).collect()
    }

    /// How many are alive.
    pub fn alive(&self) -> u32 {
        self.running.iter().filter(|running| !running.process.has_ended()).count() as u32
    }

    /// Looks at one from both sides; the latest where no number is given.
    ///
    /// # Errors
    /// No such container.
    pub fn peek(&self, number: Option<u32>) -> Result<Peek> {
        let running = match number {
            Some(number) => self.find(number)?,
            None => self.running.last().ok_or_else(none_at_all)?,
        };
        let processes: Vec<Paired> =
            if running.process.has_ended() { Vec::new() } else { observe::members(running.process.pid()) };
        Ok(Peek { job: running.job(), processes })
    }

    /// Every one that is alive, as /proc shows it now: a program may have gone on since it was started.
    pub fn now(&self) -> Vec<Peek> {
        let alive = self.running.iter().filter(|running| !running.process.has_ended());
        alive
            .map(|running| {
                let pid = running.process.pid();
                Peek {
                    job: Job { seen: observe::process(pid), ..running.job() },
                    processes: observe::members(pid),
                }
            })
            .collect()
    }

    /// The first process of one that is alive.
    ///
    /// # Errors
    /// No such container, or it has ended.
    pub fn living(&self, number: u32) -> Result<i32> {
        let running = self.find(number)?;
        if running.process.has_ended() {
            return Err(Trouble::usage(format!("container {number} has ended"))
                .because("there is no process left whose namespaces could be entered")
                .hint(format!("`kill {number}` tells how it ended; start another one with `COMMAND &`")));
        }
        Ok(running.process.pid())
    }

    fn find(&self, number: u32) -> Result<&Running> {
        self.running.iter().find(|running| running.number == number).ok_or_else(|| self.unknown(number))
    }

    fn unknown(&self, number: u32) -> Trouble {
        if self.running.is_empty() {
            return none_at_all();
        }
        let known: Vec<String> = self.running.iter().map(|running| running.number.to_string()).collect();
        Trouble::usage(format!("no background container has the number {number}"))
            .hint(format!("`jobs` lists them: {}", known.join(", ")))
    }

    /// Sends a signal to the first process of one, and waits a moment for its end.
    ///
    /// # Errors
    /// No such container.
    pub fn signal(&mut self, number: u32, signal: i32) -> Result<Ended> {
        let at = self
            .running
            .iter()
            .position(|running| running.number == number)
            .ok_or_else(|| self.unknown(number))?;
        let Some(running) = self.running.get(at) else { return Err(none_at_all()) };
        let below =
            if running.process.is_init { Vec::new() } else { proc::descendants(running.process.pid()) };
        // ESRCH: it has ended by itself; its status is waiting.
        let _ = running.process.signal(signal);
        let deadline =
            Instant::now() + Duration::from_millis(if signal == libc::SIGKILL { 5000 } else { 300 });
        while !running.process.has_ended() {
            if Instant::now() > deadline {
                return Ok(running.told(End::Running, String::new()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut running = self.running.remove(at);
        let end = running.process.wait()?;
        for pid in below.into_iter().skip(1) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let output = running.output();
        Ok(running.told(end, output))
    }

    /// Ends all of them.
    pub fn end_all(&mut self) {
        for number in self.running.iter().map(|running| running.number).collect::<Vec<_>>() {
            // An end that cannot be waited for is left to the kernel: PDEATHSIG ends it with us.
            let _ = self.signal(number, libc::SIGKILL);
        }
    }
}

fn none_at_all() -> Trouble {
    Trouble::usage("there is no background container")
        .hint("start one with `COMMAND &`, for example `sleep 1234 &`")
}

impl Running {
    fn job(&self) -> Job {
        Job {
            number: self.number,
            command: self.command.clone(),
            alive: !self.process.has_ended(),
            seen: self.seen.clone(),
        }
    }

    fn output(&mut self) -> String {
        let mut bytes = Vec::new();
        // It ends where there is nothing more just now: something may have run away and still hold the other end.
        let _ = (&self.output).take(OUTPUT_LIMIT as u64).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn told(&self, end: End, output: String) -> Ended {
        Ended {
            command: self.command.clone(),
            end,
            output,
            millis: self.process.millis(),
            seen: self.seen.clone(),
            capped: self.guard.as_ref().and_then(Guard::met),
        }
    }
}
