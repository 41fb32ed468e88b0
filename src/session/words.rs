//! The words for walking a lab: where am I, what now, why, what is there.

use crate::error::{Result, Trouble};
use crate::lab::file::{Lab, Step};
use crate::recipe::line::{WORDS, Word};
use crate::recipe::told;
use crate::session::event::{Event, LabStatus, Position, StepStatus};
use crate::session::moves::no_lab;
use crate::session::shelf::step_index;
use crate::session::stage::Stage;
use crate::session::walk::{Flow, Walk};

impl Walk {
    /// Does what a word says.
    pub(super) fn word(&mut self, word: &Word, stage: &mut Stage<'_>) -> Result<Flow> {
        match word {
            Word::Quit => return Ok(Flow::Quit),
            Word::Next => self.next(stage)?,
            Word::Back => self.back(stage)?,
            Word::Goto(step) => self.goto(step, stage)?,
            Word::Start(at) => self.start_at(at, stage)?,
            Word::Reset => self.reset(stage)?,
            Word::Solve => self.solve(stage)?,
            word => self.look(word, stage)?,
        }
        Ok(Flow::Continue)
    }

    /// The words that go nowhere. Lines of a lab may say these; the others make no sense there and do nothing.
    pub(super) fn look(&mut self, word: &Word, stage: &mut Stage<'_>) -> Result<()> {
        match word {
            Word::Hint => self.hint(stage),
            Word::Why => self.why(stage),
            Word::Check => self.check(stage),
            Word::Labs => self.labs(stage),
            Word::Status => {
                self.status(stage);
                Ok(())
            }
            Word::Map => {
                let map = stage.world.map();
                stage.tell(Event::Map(map));
                Ok(())
            }
            Word::Book => {
                self.book(stage);
                Ok(())
            }
            Word::Predict(answer) => self.predict(answer, stage),
            Word::Help(word) => help(word.as_deref(), stage),
            Word::Next
            | Word::Back
            | Word::Goto(_)
            | Word::Start(_)
            | Word::Reset
            | Word::Solve
            | Word::Quit => Ok(()),
        }
    }

    /// The next rung of the ladder. The last one is the solution, and stays.
    fn hint(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &mut self.at else { return Err(no_lab()) };
        let of = at.step().hints.len() + 1;
        let number = (at.visit.hints + 1).min(of);
        at.visit.hints = number;
        let text = at.step().hints.get(number - 1).cloned().unwrap_or_else(|| {
            let lines: Vec<String> = at.step().try_lines.iter().map(|line| line.text.clone()).collect();
            format!(
                "The solution, line by line (`solve` types it for you):\n\n```\n{}\n```",
                lines.join("\n")
            )
        });
        stage.tell(Event::Hint { number, of, text });
        Ok(())
    }

    fn why(&self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Err(no_lab()) };
        match &at.step().why {
            Some(why) => stage.tell(Event::Why(why.clone())),
            None => stage.note("this step has no more to say than its page"),
        }
        Ok(())
    }

    /// Kernel state is judged now, and told.
    fn check(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        let Some(at) = &self.at else { return Err(no_lab()) };
        let done = at.visit.done;
        let verdicts = self.judge(stage)?;
        let complete = self.complete(&verdicts);
        if complete && !done {
            self.last_look(stage);
        }
        stage.tell(Event::Judged(verdicts));
        if complete && !done {
            self.finish_step(stage);
        } else if !complete {
            self.say_what_to_try(stage);
        }
        Ok(())
    }

    /// After a check that does not hold: the ways on, as far as they were not gone yet.
    fn say_what_to_try(&self, stage: &mut Stage<'_>) {
        let Some(at) = &self.at else { return };
        let (told, of) = (at.visit.hints, at.step().hints.len() + 1);
        let hint = match told {
            0 => format!("`hint` gives the first of {of} hints"),
            told if told < of => format!("`hint` gives hint {} of {of}", told + 1),
            _ => "`solve` types the solution for you".to_owned(),
        };
        let anew = "`reset` brings this step back to its beginning";
        stage.note(format!("not yet: {hint}, {anew}"));
    }

    /// Where the book tells of the step. What opens it runs where the repository is, which need not be here.
    fn book(&self, stage: &mut Stage<'_>) {
        const OPENS: &str = "`mdbook serve book --open` builds the book and opens it, in rlab's repository";
        match &self.at {
            None => stage.note(format!("the book begins at `index.html`: {OPENS}")),
            Some(at) => match at.lab.page(at.index) {
                Some(page) => stage.note(format!("this step is `{page}`: {OPENS}")),
                None => stage.note("the book has no page for this lab"),
            },
        }
    }

    fn labs(&self, stage: &mut Stage<'_>) -> Result<()> {
        let mut labs = Vec::new();
        for id in self.shelf.ids() {
            match self.shelf.lab(&id) {
                Ok(lab) => {
                    let done =
                        lab.steps.iter().filter(|step| self.progress.is_done(&lab.id, &step.id)).count();
                    let done = (done, lab.steps.len());
                    labs.push(LabStatus { id: lab.id, title: lab.title, minutes: lab.minutes, done });
                }
                // One broken file must not hide the others.
                Err(trouble) => stage.tell(Event::Trouble(trouble)),
            }
        }
        stage.tell(Event::Labs(labs));
        Ok(())
    }

    /// Where the learner stands, or is about to go on.
    fn status(&self, stage: &mut Stage<'_>) {
        let steps = |lab: &Lab| -> Vec<StepStatus> {
            let status = |step: &Step| StepStatus {
                title: step.title.clone(),
                done: self.progress.is_done(&lab.id, &step.id),
                tally: self.progress.tally(&lab.id, &step.id),
            };
            lab.steps.iter().map(status).collect()
        };
        let (position, steps) = match (&self.at, &self.ahead) {
            (Some(at), _) => (self.position(), steps(&at.lab)),
            (None, Some(ahead)) => match self.shelf.lab(&ahead.lab) {
                Ok(lab) => {
                    let step = ahead.step.as_deref().and_then(|step| step_index(&lab, step).ok());
                    (Some(Position::of(&lab, self.number(&lab.id), step.unwrap_or(0))), steps(&lab))
                }
                // It is told when the lab begins.
                Err(_) => (None, Vec::new()),
            },
            (None, None) => (None, Vec::new()),
        };
        stage.tell(Event::Status { position, steps, recipe: self.recipe.lines() });
    }

    /// `recipe`: the lines, and the same told in other words.
    pub(super) fn tell_recipe(&self, stage: &mut Stage<'_>) {
        let command = self.shown_command();
        let mut told = Vec::new();
        if self.recipe.ingredients().is_empty() {
            stage.note("the recipe is empty: a program runs as any program of this machine does");
        } else {
            // The longest first: what a learner looks for most stands last, next to the prompt.
            let machine = stage.world.machine();
            told.push(("as OCI config.json".to_owned(), told::oci(&self.recipe, &command, u64::MAX)));
            told.push(("as a shell script".to_owned(), told::shell(&self.recipe, &command, machine)));
            told.push(("as docker run".to_owned(), told::docker(&self.recipe, &command)));
        }
        told.push(("recipe".to_owned(), self.recipe.lines().join("\n")));
        stage.tell(Event::Recipe(told));
    }
}

/// `help`, or `help WORD`.
fn help(word: Option<&str>, stage: &mut Stage<'_>) -> Result<()> {
    let text = match word {
        None => overview(),
        Some(word) => about(word)?,
    };
    stage.tell(Event::Help(text));
    Ok(())
}

fn overview() -> String {
    let mut text = String::from(
        "Type a line. An ingredient (`chroot`, `unshare --pid`, `cgroup memory.max=7M`) counts from then on; anything \
         else is a program and runs inside. Enter on an empty line runs the line shown in grey.\n\n",
    );
    for (usage, says) in WORDS {
        text.push_str(&format!("- `{usage}`: {says}\n"));
    }
    text
}

fn about(word: &str) -> Result<String> {
    let first = |usage: &str| -> Vec<String> {
        usage.split(" · ").filter_map(|u| u.split_whitespace().next()).map(str::to_owned).collect()
    };
    let found: Vec<String> = WORDS
        .iter()
        .filter(|(usage, _)| first(usage).iter().any(|w| w == word))
        .map(|(usage, says)| format!("- `{usage}`: {says}\n"))
        .collect();
    if !found.is_empty() {
        return Ok(found.concat());
    }
    let near = WORDS
        .iter()
        .flat_map(|(usage, _)| first(usage))
        .map(|known| (strsim::damerau_levenshtein(word, &known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let hint = match near {
        Some((_, near)) => format!("did you mean `help {near}`?"),
        None => "`help` lists every word; a name that is not among them is a program".to_owned(),
    };
    Err(Trouble::usage(format!("there is no word `{word}`")).hint(hint))
}
