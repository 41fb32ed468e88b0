//! The goals of a challenge: each is reached once, and stays so.

use crate::lab::check::{Check, Evidence};
use crate::recipe::outcome::{HostState, Outcome};

/// One goal, and what was seen when it was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// What is to be reached, in the learner's words.
    pub claim: String,
    /// What was observed in that moment; `None` as long as it is not reached.
    pub reached: Option<String>,
}

/// The goals of one challenge.
#[derive(Debug, Clone)]
pub struct Goals {
    checks: Vec<Check>,
    goals: Vec<Goal>,
    /// The machine when the challenge began.
    then: HostState,
}

impl Goals {
    /// None of them is reached yet.
    pub fn new(checks: &[Check], then: HostState) -> Self {
        let goals = checks.iter().map(|check| Goal { claim: check.claim.clone(), reached: None }).collect();
        Self { checks: checks.to_vec(), goals, then }
    }

    /// Looks at every process and group of the challenge, one outcome each, and at the machine. Gives the numbers of the
    /// goals that were reached by that.
    ///
    /// What is only about the machine ("all is removed again") holds before anything was done, so it counts when every
    /// goal before it is reached.
    pub fn look(&mut self, outcomes: &[Outcome], now: &HostState) -> Vec<usize> {
        let evidence = Evidence { outcomes, jobs: &[], host_then: &self.then, host_now: now, ablation: None };
        let mut reached = Vec::new();
        for (at, check) in self.checks.iter().enumerate() {
            let waits =
                check.outcome.is_empty() && self.goals.iter().take(at).any(|goal| goal.reached.is_none());
            let Some(goal) = self.goals.get_mut(at).filter(|goal| goal.reached.is_none() && !waits) else {
                continue;
            };
            let verdict = check.judge(&evidence);
            if verdict.pass {
                goal.reached = Some(verdict.observed);
                reached.push(at);
            }
        }
        reached
    }

    /// All of them.
    pub fn all(&self) -> &[Goal] {
        &self.goals
    }

    /// Whether every one is reached.
    pub fn complete(&self) -> bool {
        self.goals.iter().all(|goal| goal.reached.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::file::Lab;
    use crate::recipe::compose::Recipe;
    use crate::session::fake::Fake;

    fn goals() -> Goals {
        let text = r#"
format = 1
id = "x"
title = "x"
minutes = 1

[[goal]]
claim = "a root"
root = "own"

[[goal]]
claim = "all gone"
nothing_left = true

[[step]]
id = "one"
title = "One"
say = "x"
"#;
        let lab = Lab::read("x", text).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
        Goals::new(&lab.goals, Fake::default().host)
    }

    #[test]
    fn what_is_left_counts_only_after_the_rest() {
        let mut world = Fake::default();
        let mut goals = goals();
        assert_eq!(goals.look(&[], &world.host.clone()), Vec::<usize>::new());
        let host = world.outcome(&Recipe::default(), "sh");
        assert_eq!(goals.look(std::slice::from_ref(&host), &world.host.clone()), Vec::<usize>::new());
        let own = world.outcome(&Recipe::read(["rootfs", "chroot"]).unwrap(), "sh");
        world.host.directories.push("/tmp/left".to_owned());
        assert_eq!(goals.look(&[host, own], &world.host.clone()), [0]);
        assert!(!goals.complete() && goals.all()[0].reached.is_some());
        // It stays reached when the process is gone.
        world.host.directories.clear();
        assert_eq!(goals.look(&[], &world.host.clone()), [1]);
        assert!(goals.complete());
    }
}
