//! What is done with the session's container engine, told like any command: its output, its status, and what the host
//! sees of the container that it started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Result, Trouble};
use crate::kernel::signals::Interrupts;
use crate::recipe::compose::Recipe;
use crate::recipe::line::{Command, entered};
use crate::recipe::machine::Machine;
use crate::recipe::outcome::{End, LimitSeen, Outcome, Place, Work};
use crate::recipe::plan::{Plan, RootPlace};
use crate::sandbox::engine::{Engine, memory_group};
use crate::sandbox::errand::{Errand, Kind, Listener, Live};
use crate::sandbox::image::pack;
use crate::sandbox::image::store::Layout;
use crate::sandbox::memory::Watch;
use crate::sandbox::orphans::Orphans;
use crate::sandbox::session::Sandbox;
use crate::sandbox::{inspect, machine, mark, observe};

/// What the engine mounts stays its own.
const APART: &str = "unshare --mount";

/// How often a daemon that is on its way is asked whether it has come.
const PAUSE: Duration = Duration::from_millis(50);

impl Sandbox {
    /// Hands words of Docker's to the engine.
    ///
    /// # Errors
    /// There is no engine; no root to import; what rlab itself could not do.
    pub fn docker(&mut self, words: &[String], live: Listener<'_>) -> Result<Outcome> {
        self.begin();
        self.engine_at_work(live)?;
        let archive =
            if words.first().is_some_and(|word| word == "import") { Some(self.archive()?) } else { None };
        let joined = entered(words).map(str::to_owned).and_then(|name| self.first_process(&name));
        let watch = joined.and_then(memory_group).map(|(path, kind)| Watch::begin(path, kind));
        let outcome = self.by_engine(words, archive.as_deref(), live);
        if let Some(archive) = archive.as_ref().and_then(|archive| archive.ancestors().nth(3)) {
            let _ = std::fs::remove_dir_all(archive);
        }
        let mut outcome = outcome?;
        let pid = match words.first().map(String::as_str) {
            Some("run") => self.standing.engine_to_ask().and_then(Engine::started),
            Some("exec") => joined.filter(|pid| mark::lives(*pid)),
            _ => return Ok(outcome),
        };
        outcome.place = Place::Inside;
        outcome.memory = watch.map(|watch| watch.end(None));
        if let Some(pid) = pid {
            let mut seen = observe::process(pid);
            // Podman lays its files over the root in no order of its own.
            seen.mounts.sort_by(|one, other| one.target.cmp(&other.target));
            outcome.seen = Some(seen);
            outcome.limits = limits(pid);
        }
        Ok(outcome)
    }

    /// Prepares the engine where there is none, and waits until it takes words. One that does not is taken away again.
    fn engine_at_work(&mut self, live: Listener<'_>) -> Result<()> {
        let machine = self.machine.get_or_init(machine::find);
        let engine = self.standing.engine_to_use(machine)?;
        let interrupts = &mut self.interrupts;
        let ready = loop {
            match engine.is_ready() {
                Ok(false) => {}
                other => break other.map(drop),
            }
            if let Some(signal) = interrupts.as_mut().and_then(Interrupts::take) {
                self.ending = self.ending.or(Some(signal).filter(|signal| *signal != libc::SIGINT));
                break Err(Trouble::interrupted("the start of the container engine was interrupted"));
            }
            live(Live::Working(Work::Running {
                command: "dockerd".to_owned(),
                millis: engine.millis(),
                memory: None,
            }));
            std::thread::sleep(PAUSE);
        };
        ready.inspect_err(|_| self.forget_engine())
    }

    /// Hands the engine words of Docker's. `archive` is what `import -` reads.
    fn by_engine(&mut self, words: &[String], archive: Option<&Path>, live: Listener<'_>) -> Result<Outcome> {
        let host = self.host_environment();
        let gone = || Trouble::sandbox("the container engine is gone");
        let engine = self.standing.engine().ok_or_else(gone)?;
        let (argv, environment) = (engine.command(words, archive), engine.environment(host));
        let text =
            format!("docker {}", shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default());
        let command = Command { argv, text };
        let recipe = Recipe::read([APART])?;
        let machine = Machine { euid: 0, ..self.machine().clone() };
        let plan = Plan::new(&recipe, &command, &machine, RootPlace::Directory)?;
        let kind = Kind::Host(environment);
        self.supervised(&Errand { recipe: &recipe, command: &command, plan: &plan, kind }, live)
    }

    /// The first process of a container that runs, by the engine's own word.
    fn first_process(&mut self, name: &str) -> Option<i32> {
        let words = ["container", "inspect", "--format", "{{.State.Pid}}", name].map(str::to_owned);
        let told = self.by_engine(&words, None, &mut |_| {}).ok()?;
        told.stdout.trim().parse().ok().filter(|pid| mark::lives(*pid))
    }

    /// The root, packed: what `docker import -` reads.
    fn archive(&self) -> Result<PathBuf> {
        let no_root = || {
            Trouble::usage("there is no root file system to import")
                .hint("type `rootfs`, then `docker import - busybox`")
        };
        let root = self.standing.root().ok_or_else(no_root)?;
        let engine = self.standing.engine().ok_or_else(no_root)?;
        let layout = Layout::make(&engine.directory().join("import"))?;
        let packed = pack::pack(&layout, root, &[])?.ok_or_else(no_root)?;
        Ok(layout.blob(&packed.layer.blob))
    }

    /// Whether the engine can start a container with a limit, tried from beginning to end.
    ///
    /// # Errors
    /// It cannot, in its own words.
    pub fn try_engine(&mut self) -> Result<()> {
        let had_engine = self.standing.engine().is_some();
        let silent = &mut |_: super::errand::Live<'_>| {};
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut tried = Ok(());
        for line in ["import - rlab-doctor", "run --rm --memory=7m rlab-doctor true"] {
            let outcome = self.docker(&words(line), silent);
            tried = outcome.and_then(|outcome| {
                if outcome.end == End::Exited(0) {
                    return Ok(());
                }
                let said = outcome.stderr.lines().last().unwrap_or("and said nothing").to_owned();
                Err(Trouble::cannot("the container engine starts no container here")
                    .because(format!("`docker {line}`: {said}"))
                    .hint("an engine works as root on a machine whose control groups it may write to"))
            });
            if tried.is_err() {
                break;
            }
        }
        if !had_engine {
            self.forget_engine();
        }
        tried
    }

    /// Ends what the engine has started, and removes what it keeps.
    pub fn forget_engine(&mut self) {
        // The monitor of a container that could not be made is in no group of the engine's, and cleans up behind it: it would
        // write anew to what is removed.
        let daemon = self.standing.engine().and_then(Engine::daemon);
        Orphans::beside(self.known_but_engine().chain(daemon).collect()).end();
        self.standing.forget_engine();
    }
}

/// What the kernel reads back of the limits of a container.
fn limits(pid: i32) -> Vec<LimitSeen> {
    let groups = inspect::inspect(pid).map(|process| process.groups).unwrap_or_default();
    groups.into_values().filter_map(|group| group.limit).filter(|limit| limit.number.is_some()).collect()
}
