//! An interactive shell inside, on a terminal of its own: job control, the window's size, Ctrl-C and Ctrl-Z are the
//! shell's, and the learner's terminal is the same afterwards, however the shell ended.

use crate::error::{Result, Trouble};
use crate::kernel::terminal::{Over, Relay};
use crate::recipe::compose::Recipe;
use crate::recipe::line::Command;
use crate::recipe::outcome::{Call, End, Outcome, Place, Seen};
use crate::sandbox::errand::killed;
use crate::sandbox::launch::Process;
use crate::sandbox::session::Sandbox;

impl Sandbox {
    /// Runs the shell until it ends.
    ///
    /// # Errors
    /// No terminal, or what rlab itself could not do.
    pub fn shell(&mut self, recipe: &Recipe) -> Result<Outcome> {
        self.begin();
        let command = Command { argv: vec!["sh".to_owned()], text: "shell".to_owned() };
        let mut relay = Relay::new().map_err(|errno| {
            Trouble::usage("`shell` needs a terminal")
                .because(errno)
                .hint("run a single program instead, for example `ls /`, or start rlab in a terminal")
        })?;
        let plan = self.plan(recipe, &command)?;
        let mut bound = self.bind(&plan);
        let mut ground = self.ground(recipe, &command);
        bound.give(&mut ground);
        let program = ground.program.clone();
        ground.stdio = Some([relay.inner(); 3]);
        ground.terminal = true;
        ground.environment.push(format!("PS1={}", prompt(recipe)));
        let watch = self.watch();
        let mut launched = self.launch(&plan, ground)?;
        let mut calls = std::mem::take(&mut launched.calls);
        let (mut end, mut seen, mut millis) = (End::Refused(launched.refused.unwrap_or_default()), None, 0);
        if let Some(process) = launched.process.as_mut() {
            (end, seen) = self.attended(process, &mut relay, &mut calls)?;
            millis = process.millis();
        }
        self.explain(&mut calls, recipe, &plan, &program);
        let killed = killed(end, launched.process.as_ref());
        Ok(Outcome {
            calls,
            capped: bound.met().into_iter().collect(),
            seen,
            limits: self.limits(recipe),
            memory: watch.map(|watch| watch.end(killed.map(|pid| (pid, "sh")))),
            millis,
            ..Outcome::new(Place::Inside, command.text, end)
        })
    }

    /// Starts the shell and sits between it and the learner until it ends.
    fn attended(
        &mut self,
        process: &mut Process,
        relay: &mut Relay,
        calls: &mut Vec<Call>,
    ) -> Result<(End, Option<Seen>)> {
        let seen = process.observe();
        process.start(calls)?;
        let orphans = self.orphans(process.pid());
        let over = relay.run(process.descriptor(), &mut || {
            process.continue_if_stopped();
            orphans.reap();
        });
        if !matches!(over, Ok(Over::Ended)) {
            // The terminal has gone or rlab is to end: nobody is left to type `exit`.
            let _ = process.signal(libc::SIGKILL);
        }
        let end = process.wait()?;
        self.end_orphans();
        match over {
            Ok(Over::Asked(signal)) => self.ending = self.ending.or(Some(signal)),
            Ok(Over::Ended) => {}
            Err(errno) => return Err(Trouble::sandbox("the terminal cannot be relayed").because(errno)),
        }
        Ok((end, seen))
    }
}

/// `(chroot+pid) /bin # `: where one is, in a way that every shell of a root file system expands.
fn prompt(recipe: &Recipe) -> String {
    format!("({}) $PWD # ", recipe.summary())
}
