//! A world without a kernel, for tests of the walk. It answers from the recipe alone, in the simplest way that shows a
//! difference, and does what a test scripted where that is not enough. It proves nothing about containers: the labs
//! are proven on the real kernel.

use std::collections::{BTreeMap, VecDeque};

use crate::error::{Result, Trouble};
use crate::lab::file::Need;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::enter::Enter;
use crate::recipe::image::Act;
use crate::recipe::ingredient::Namespace;
use crate::recipe::line::Command;
use crate::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};
use crate::recipe::outcome::{
    Call, CallResult, Composed, End, HostState, Job, Map, NsPair, Outcome, Peek, Place, Seen,
};
use crate::recipe::process::Process;
use crate::session::world::{Listener, Live, World};

/// Processes of the made-up host.
pub const HOST_PROCESSES: u32 = 84;

/// A made-up machine.
#[derive(Debug)]
pub struct Fake {
    /// What was asked for, in order: `compose chroot`, `run ps -A`, `kill 1`.
    pub asked: Vec<String>,
    /// Answers to the next launches, first to last, in place of the computed ones.
    pub script: VecDeque<Result<Outcome>>,
    /// Answers to the next `compose`.
    pub compositions: VecDeque<Result<Composed>>,
    /// What the machine cannot do.
    pub lacks: Vec<Need>,
    /// The background containers.
    pub jobs: Vec<Job>,
    /// The host.
    pub host: HostState,
    /// The facts about its machine.
    pub machine: Machine,
    next_pid: i32,
}

impl Default for Fake {
    fn default() -> Self {
        let controller = |name: &str| {
            Some(Controller {
                version: CgroupVersion::V1,
                parent: format!("/sys/fs/cgroup/{name}"),
                inside: false,
            })
        };
        Self {
            asked: Vec::new(),
            script: VecDeque::new(),
            compositions: VecDeque::new(),
            lacks: Vec::new(),
            jobs: Vec::new(),
            host: HostState {
                mounts: vec!["/ ext4".to_owned()],
                hostname: "host".to_owned(),
                processes: HOST_PROCESSES,
                strays: Vec::new(),
                groups: Vec::new(),
                jobs: 0,
                directories: Vec::new(),
                rootfs: None,
                image: None,
            },
            machine: Machine {
                kernel: "6.18.0".to_owned(),
                euid: 0,
                egid: 0,
                cgroups: Cgroups {
                    memory: controller("memory"),
                    pids: controller("pids"),
                    cpu: controller("cpu"),
                    ..Cgroups::default()
                },
                memory_total: 8 << 30,
            },
            next_pid: 24_163,
        }
    }
}

impl Fake {
    /// An outcome as this world makes them: the command exits with 0 and prints nothing.
    pub fn outcome(&mut self, recipe: &Recipe, command: &str) -> Outcome {
        let seen = self.seen(recipe);
        Outcome {
            place: Place::Inside,
            command: command.to_owned(),
            job: None,
            calls: vec![Call::new("clone3", "{flags=…}, 88", CallResult::Value(i64::from(seen.pid)))],
            end: End::Exited(0),
            stdout: String::new(),
            stderr: String::new(),
            truncated: false,
            interrupted: false,
            capped: Vec::new(),
            seen: Some(seen),
            limits: Vec::new(),
            memory: None,
            millis: 1,
        }
    }

    fn seen(&mut self, recipe: &Recipe) -> Seen {
        let pid = self.next_pid;
        self.next_pid += 1;
        let namespaces = recipe.namespaces();
        let own_pids = namespaces.contains(&Namespace::Pid);
        let root_own = recipe.root_change() != RootChange::None;
        let proc = recipe.mounts().iter().any(|mount| mount.target == "/proc");
        let processes = match (root_own, proc || own_pids, own_pids) {
            (true, false, _) => None,
            (_, _, true) => Some(1),
            _ => Some(HOST_PROCESSES),
        };
        let pair = |ns: Namespace| NsPair { host: 1, inside: if namespaces.contains(&ns) { 2 } else { 1 } };
        Seen {
            pid,
            nspid: if own_pids { vec![pid, 1] } else { vec![pid] },
            namespaces: Namespace::ALL.into_iter().map(|ns| (ns, pair(ns))).collect(),
            root_own,
            root: if root_own { "/tmp/root".to_owned() } else { "/".to_owned() },
            root_entries: Vec::new(),
            processes,
            host_processes: HOST_PROCESSES,
            mounts: Vec::new(),
            cgroups: BTreeMap::new(),
            cap_eff: u64::MAX,
            uid_map: "0 0 4294967295".to_owned(),
        }
    }

    fn answer(&mut self, recipe: &Recipe, command: &str) -> Result<Outcome> {
        match self.script.pop_front() {
            Some(scripted) => scripted,
            None => Ok(self.outcome(recipe, command)),
        }
    }
}

impl World for Fake {
    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn can(&mut self, need: Need) -> Result<()> {
        if self.lacks.contains(&need) {
            return Err(Trouble::cannot(format!("this machine has no {need:?}")).hint("take another one"));
        }
        Ok(())
    }

    fn compose(&mut self, recipe: &Recipe, _: Listener<'_>) -> Result<Composed> {
        self.asked.push(format!("compose {}", recipe.summary()));
        self.compositions.pop_front().unwrap_or_else(|| Ok(Composed::default()))
    }

    fn run(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome> {
        self.asked.push(format!("run {}", command.text));
        let outcome = self.answer(recipe, &command.text)?;
        live(Live::Calls(&outcome.calls));
        if !outcome.stdout.is_empty() {
            live(Live::Output(outcome.stdout.as_bytes(), false));
        }
        if !outcome.stderr.is_empty() {
            live(Live::Output(outcome.stderr.as_bytes(), true));
        }
        Ok(outcome)
    }

    fn stay(&mut self, recipe: &Recipe, command: &Command) -> Result<Outcome> {
        self.asked.push(format!("stay {}", command.text));
        let mut outcome = self.answer(recipe, &command.text)?;
        let number = self.jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        outcome.job = Some(number);
        outcome.end = End::Running;
        let seen = self.seen(recipe);
        self.jobs.push(Job { number, command: command.text.clone(), alive: true, seen });
        Ok(outcome)
    }

    fn enter(
        &mut self,
        recipe: &Recipe,
        enter: &Enter,
        command: &Command,
        live: Listener<'_>,
    ) -> Result<Outcome> {
        self.asked.push(format!("{enter} {}", command.text));
        let outcome = self.answer(recipe, &command.text)?;
        live(Live::Calls(&outcome.calls));
        Ok(outcome)
    }

    fn escape(&mut self, recipe: &Recipe, command: &Command, live: Listener<'_>) -> Result<Outcome> {
        self.asked.push(format!("escape {}", command.text));
        let outcome = self.answer(recipe, &command.text)?;
        live(Live::Calls(&outcome.calls));
        Ok(outcome)
    }

    fn host(&mut self, script: &str, live: Listener<'_>) -> Result<Outcome> {
        self.asked.push(format!("host {script}"));
        let outcome = Outcome { place: Place::Host, seen: None, ..self.answer(&Recipe::default(), script)? };
        live(Live::Calls(&[]));
        live(Live::Output(outcome.stdout.as_bytes(), false));
        Ok(outcome)
    }

    fn jobs(&mut self) -> Vec<Job> {
        self.jobs.clone()
    }

    fn peek(&mut self, job: Option<u32>) -> Result<Peek> {
        let found = match job {
            Some(number) => self.jobs.iter().find(|job| job.number == number),
            None => self.jobs.last(),
        };
        let job = found.cloned().ok_or_else(|| Trouble::usage("no container stays"))?;
        Ok(Peek { job, processes: Vec::new() })
    }

    fn inspect(&mut self, number: Option<u32>) -> Result<Process> {
        let pid = self.peek(number)?.job.seen.pid;
        Ok(Process { pid, ..Process::default() })
    }

    fn kill(&mut self, job: u32, signal: i32) -> Result<Outcome> {
        self.asked.push(format!("kill {job}"));
        let Some(at) = self.jobs.iter().position(|j| j.number == job) else {
            return Err(Trouble::usage(format!("there is no container {job}")));
        };
        let command = self.jobs.remove(at).command;
        Ok(Outcome {
            job: Some(job),
            end: End::Signaled(signal),
            ..self.outcome(&Recipe::default(), &command)
        })
    }

    fn image(&mut self, recipe: &Recipe, act: &Act, _: Listener<'_>) -> Result<Outcome> {
        self.asked.push(act.to_string());
        self.answer(recipe, &act.to_string())
    }

    fn docker(&mut self, words: &[String], _: Listener<'_>) -> Result<Outcome> {
        self.asked.push(format!("docker {}", words.join(" ")));
        self.answer(&Recipe::default(), "docker")
    }

    fn forget_engine(&mut self) {
        self.asked.push("forget the engine".to_owned());
    }

    fn shell(&mut self, recipe: &Recipe) -> Result<Outcome> {
        self.asked.push("shell".to_owned());
        self.answer(recipe, "sh")
    }

    fn map(&mut self) -> Map {
        let alive = self.jobs.iter().filter(|job| job.alive);
        let containers = alive.map(|job| Peek { job: job.clone(), processes: Vec::new() }).collect();
        let host = self.seen(&Recipe::default());
        Map { hostname: self.host.hostname.clone(), host, containers, groups: Vec::new() }
    }

    fn host_state(&mut self) -> Result<HostState> {
        Ok(self.host.clone())
    }
}
