//! The report as pages. What they say is put together once; Markdown and HTML only write it down, and whatever came from
//! somebody else (a name) is escaped there.

use super::{Guess, Report};

/// A piece of the page.
enum Block {
    Heading(u8, String),
    Text(String),
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

impl Report {
    /// As Markdown, for a file beside the slides.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for block in self.blocks() {
            match block {
                Block::Heading(level, text) => {
                    out += &format!("{} {}\n\n", "#".repeat(usize::from(level)), in_markdown(&text));
                }
                Block::Text(text) => out += &format!("{}\n\n", in_markdown(&text)),
                Block::Table(heads, rows) => {
                    out += &format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
                    for row in rows {
                        let cells: Vec<String> = row.iter().map(|cell| in_markdown(cell)).collect();
                        out += &format!("| {} |\n", cells.join(" | "));
                    }
                    out.push('\n');
                }
            }
        }
        out.trim_end().to_owned() + "\n"
    }

    /// As one page of HTML that needs nothing else and runs nothing.
    pub fn html(&self) -> String {
        let mut body = String::new();
        for block in self.blocks() {
            match block {
                Block::Heading(level, text) => body += &format!("<h{level}>{}</h{level}>\n", in_html(&text)),
                Block::Text(text) => body += &format!("<p>{}</p>\n", in_html(&text)),
                Block::Table(heads, rows) => {
                    let heads: String = heads
                        .iter()
                        .map(|head| format!("<th scope=\"col\">{}</th>", in_html(head)))
                        .collect();
                    body += &format!("<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n");
                    for row in rows {
                        let cells: String =
                            row.iter().map(|cell| format!("<td>{}</td>", in_html(cell))).collect();
                        body += &format!("<tr>{cells}</tr>\n");
                    }
                    body += "</tbody>\n</table>\n";
                }
            }
        }
        format!("{HEAD}{body}</main>\n</body>\n</html>\n")
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = vec![Block::Heading(1, "Workshop report".to_owned())];
        let steps: usize = self.labs.iter().map(|lab| lab.steps.len()).sum();
        let done: usize = self.learners.iter().flat_map(|row| row.done.values()).sum();
        blocks.push(Block::Text(format!(
            "{}, {}, {}: {done} of {} steps done.",
            counted(self.learners.len(), "learner"),
            counted(self.labs.len(), "lab"),
            counted(steps, "step"),
            steps * self.learners.len()
        )));
        self.completion(&mut blocks);
        self.times(&mut blocks);
        if !self.predictions.is_empty() {
            let rows = self.predictions.iter().map(|guess| {
                vec![
                    format!("{}:{}", guess.lab, guess.step),
                    guess.ask.clone(),
                    format!("{} of {}", guess.right, guess.right + guess.wrong),
                    answers(guess),
                ]
            });
            blocks.push(Block::Heading(2, "Hardest predictions".to_owned()));
            blocks.push(Block::Table(vec!["step", "question", "right", "answers"], rows.collect()));
        }
        self.troubles(&mut blocks);
        let rows = self
            .learners
            .iter()
            .map(|row| vec![row.name.clone(), row.id.clone(), row.events.to_string(), row.hash.clone()]);
        blocks.push(Block::Heading(2, "Evidence".to_owned()));
        blocks.push(Block::Text(
            "Each learner keeps a record of every event. `rlab workshop verify` tells whether it is whole; it is what was \
             sent where number and last hash are these."
                .to_owned(),
        ));
        blocks.push(Block::Table(vec!["learner", "id", "events", "last hash"], rows.collect()));
        blocks
    }

    fn completion(&self, blocks: &mut Vec<Block>) {
        let rows = self.learners.iter().map(|row| {
            let of = |lab: &super::LabRow| {
                let done = row.done.get(&lab.id).copied().unwrap_or(0);
                (done, lab.steps.len(), format!("{} {done}/{}", lab.id, lab.steps.len()))
            };
            let labs: Vec<(usize, usize, String)> = self.labs.iter().map(of).collect();
            let (done, all) = labs.iter().fold((0, 0), |sum, lab| (sum.0 + lab.0, sum.1 + lab.1));
            let told: Vec<&str> = labs.iter().map(|lab| lab.2.as_str()).collect();
            let time: u64 = row.steps.iter().map(|walked| walked.millis).sum();
            vec![row.name.clone(), format!("{done} of {all}"), minutes(time), told.join(", ")]
        });
        blocks.push(Block::Heading(2, "Completion".to_owned()));
        blocks.push(Block::Table(vec!["learner", "steps done", "time", "by lab"], rows.collect()));
    }

    fn times(&self, blocks: &mut Vec<Block>) {
        blocks.push(Block::Heading(2, "Time a step".to_owned()));
        for lab in &self.labs {
            let rows = lab.steps.iter().map(|step| {
                vec![
                    step.title.clone(),
                    step.reached.to_string(),
                    step.done.to_string(),
                    step.median.map(minutes).unwrap_or_default(),
                    step.slowest.map(minutes).unwrap_or_default(),
                    minutes(step.planned),
                    step.tries.to_string(),
                    step.hints.to_string(),
                ]
            });
            let heads = vec!["step", "reached", "done", "median", "slowest", "planned", "tries", "hints"];
            blocks.push(Block::Heading(3, lab.title.clone()));
            blocks.push(Block::Table(heads, rows.collect()));
        }
    }

    fn troubles(&self, blocks: &mut Vec<Block>) {
        /// Rows of a table; what is rarer helps nobody.
        const ROWS: usize = 20;
        if !self.failures.is_empty() {
            let rows = self.failures.iter().take(ROWS).map(|failure| {
                vec![
                    format!("{}:{}", failure.lab, failure.step),
                    failure.claim.clone(),
                    failure.learners.to_string(),
                    failure.times.to_string(),
                ]
            });
            blocks.push(Block::Heading(2, "Commonest failures".to_owned()));
            blocks.push(Block::Table(vec!["step", "did not hold", "learners", "times"], rows.collect()));
        }
        if !self.refusals.is_empty() {
            let rows = self.refusals.iter().take(ROWS).map(|refused| {
                vec![
                    format!("{}:{}", refused.lab, refused.step),
                    format!("{} {}", refused.call, refused.errno),
                    refused.learners.to_string(),
                    refused.times.to_string(),
                ]
            });
            blocks.push(Block::Heading(2, "What the kernel refused".to_owned()));
            blocks.push(Block::Table(vec!["step", "refused", "learners", "times"], rows.collect()));
        }
    }
}

/// `1 learner`, `20 learners`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn answers(guess: &Guess) -> String {
    let told = guess.answers.iter().map(|(answer, times)| {
        let place = usize::try_from(*answer).ok().and_then(|answer| answer.checked_sub(1));
        match place.and_then(|place| guess.choices.get(place)) {
            Some(choice) => format!("{answer} {choice}: {times}"),
            None => format!("{answer}: {times}"),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

/// `3:05`, minutes and seconds.
fn minutes(millis: u64) -> String {
    let seconds = millis / 1000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Plain text inside Markdown: nothing of it is markup, nothing breaks a table.
fn in_markdown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn in_html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Workshop report</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; color: #1a1a1a; background: #fff }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem }
table { border-collapse: collapse; margin: 1rem 0; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ccc; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616 } th, td { border-color: #444 } }
</style>
</head>
<body>
<main>
"#;
