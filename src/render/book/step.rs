//! A step of a lab on a page.

use super::html::{colored, escaped, markdown, sentence};
use super::recording::{Kind, Measured, Piece, StepRecording};
use super::{At, Library, picture};
use crate::error::Result;
use crate::lab::file::{Answer, Lab, Predict};

/// The table of the labs.
pub(super) fn labs(library: &Library) -> String {
    let mut out = "| lab | what it is about | steps | minutes |\n|---|---|---|---|\n".to_owned();
    for lab in &library.labs {
        out.push_str(&format!(
            "| [`{id}`]({id}.md) | {} | {} | {} |\n",
            lab.title,
            lab.steps.len(),
            lab.minutes,
            id = lab.id
        ));
    }
    out
}

/// A whole lab, without its title.
pub(super) fn lab(library: &Library, lab: &Lab) -> String {
    let number = library.labs.iter().position(|other| other.id == lab.id).unwrap_or_default() + 1;
    let needs: Vec<String> = lab.needs.iter().map(|need| format!("`{need}`")).collect();
    let mut out = format!(
        "<div class=\"rlab-head\">\n<p>Lab {number} of {}, {} steps, about {} minutes. {}</p>\n</div>\n\n",
        library.labs.len(),
        lab.steps.len(),
        lab.minutes,
        start(&lab.id)
    );
    if !needs.is_empty() {
        out.push_str(&format!(
            "It needs {}: `rlab doctor` tells whether this machine has them.\n\n",
            needs.join(", ")
        ));
    }
    if !lab.start.is_empty() {
        let lines: Vec<&str> = lab.start.iter().map(|line| line.text.as_str()).collect();
        out.push_str(&format!(
            "It begins with what was built before:\n\n```text\n{}\n```\n\n",
            lines.join("\n")
        ));
    }
    let mut before = None;
    for index in 0..lab.steps.len() {
        let at = library.at_index(lab, index);
        out.push_str(&head(&at));
        out.push_str(&body(&at));
        // A picture where something in it has changed.
        let now = at.recording.and_then(|step| step.inside.as_ref());
        if now.is_some() && now != before {
            out.push_str(&picture::namespaces(&at).unwrap_or_default());
            before = now;
        }
        out.push_str(&why(&at));
    }
    out
}

/// A whole step.
pub(super) fn whole(at: &At<'_>) -> String {
    head(at) + &body(at) + &why(at)
}

fn head(at: &At<'_>) -> String {
    format!("## {} {{#{}}}\n\n", at.step.title, at.step.id)
}

fn body(at: &At<'_>) -> String {
    let run = transcript(at).unwrap_or_else(|_| {
        format!(
            "<p class=\"rlab-made\">No run of this step was recorded yet: `rlab run {}` makes one.</p>\n\n",
            at.lab.id
        )
    });
    let table = ablation(at).unwrap_or_default();
    let plain = plain_box(at).unwrap_or_default();
    say(at) + &exercise(at) + &run + &table + &plain
}

/// What the step says.
pub(super) fn say(at: &At<'_>) -> String {
    format!("{}\n\n", at.step.say.trim())
}

/// Why it is so.
pub(super) fn why(at: &At<'_>) -> String {
    at.step.why.as_deref().map_or_else(String::new, |why| {
        format!("<div class=\"rlab-why\">\n<p class=\"rlab-label\">Why</p>\n{}\n</div>\n\n", markdown(why))
    })
}

/// The solution.
pub(super) fn command(at: &At<'_>) -> String {
    format!("```text\n{}\n```\n\n", solution(at))
}

fn solution(at: &At<'_>) -> String {
    let lines: Vec<&str> = at.step.try_lines.iter().map(|line| line.text.as_str()).collect();
    lines.join("\n")
}

/// The line for a plain Linux box.
///
/// # Errors
/// The step has none.
pub(super) fn plain_box(at: &At<'_>) -> Result<String> {
    let line = at.step.type_line.as_deref().ok_or_else(|| {
        crate::error::Trouble::usage(format!(
            "`{}:{}` has no line for a plain Linux box",
            at.lab.id, at.step.id
        ))
        .hint("its key is `type`; leave the directive out")
    })?;
    Ok(format!(
        "<details class=\"rlab-type\">\n<summary>The same on a plain Linux box</summary>\n<pre class=\"rlab-plain\" \
         tabindex=\"0\">{}</pre>\n</details>\n\n",
        escaped(line)
    ))
}

/// How to start it, with a button that copies the line.
fn start(address: &str) -> String {
    format!(
        "<span class=\"rlab-start\"><code>rlab start {address}</code> <button type=\"button\" class=\"rlab-copy\" \
         data-copy=\"rlab start {address}\">copy</button></span>"
    )
}

/// The exercise box.
pub(super) fn exercise(at: &At<'_>) -> String {
    let address = format!("{}:{}", at.lab.id, at.step.id);
    let mut out = format!(
        "<section class=\"rlab-exercise\" aria-label=\"Exercise: {}\" data-step=\"{address}\">\n<p><span \
         class=\"rlab-label\">Try it</span> {}</p>\n",
        escaped(&at.step.title),
        start(&address)
    );
    if let Some(predict) = &at.step.predict {
        out.push_str(&form(at, predict));
    }
    let of = at.step.hints.len();
    for (index, hint) in at.step.hints.iter().enumerate() {
        out.push_str(&format!(
            "<details><summary>Hint {} of {of}</summary>\n{}\n</details>\n",
            index + 1,
            markdown(hint)
        ));
    }
    let lines = if at.step.try_lines.len() == 1 { "The line" } else { "The lines" };
    out.push_str(&format!(
        "<details><summary>{lines}</summary>\n<pre class=\"rlab-plain\" tabindex=\"0\">{}</pre>\n</details>\n</section>\n\n",
        escaped(&solution(at))
    ));
    out
}

/// The prediction as a form. Without a script the answer is folded below it.
fn form(at: &At<'_>, predict: &Predict) -> String {
    let name = format!("predict-{}", at.step.id);
    let (right, told) = answer(at, predict);
    let value = right.map_or_else(String::new, |right| format!(" data-answer=\"{right}\""));
    let mut fields = String::new();
    if predict.choices.is_empty() {
        fields.push_str("<label>a number <input type=\"number\" min=\"0\" required></label>\n");
    }
    for (index, choice) in predict.choices.iter().enumerate() {
        fields.push_str(&format!(
            "<label><input type=\"radio\" name=\"{name}\" value=\"{}\" required> {}</label>\n",
            index + 1,
            sentence(choice)
        ));
    }
    format!(
        "<form class=\"rlab-predict\"{value}>\n<fieldset>\n<legend>{}</legend>\n{fields}<button \
         type=\"submit\">predict</button>\n</fieldset>\n<p class=\"rlab-verdict\" role=\"status\"></p>\n<details \
         class=\"rlab-answer\"><summary>The answer</summary>\n<p>{told}</p>\n</details>\n</form>\n",
        sentence(&predict.ask)
    )
}

/// The value that is right, where it is the same on every machine, and the answer in words.
fn answer(at: &At<'_>, predict: &Predict) -> (Option<u64>, String) {
    match predict.answer {
        Answer::Choice(number) => {
            let choice = number.checked_sub(1).and_then(|index| predict.choices.get(index));
            (u64::try_from(number).ok(), choice.map_or_else(String::new, |choice| sentence(choice)))
        }
        Answer::Measured(_) => match at.recording.and_then(|step| step.measured) {
            Some(Measured::Number(number)) => (Some(number), number.to_string()),
            Some(Measured::Host) => {
                (None, "As many as the host has; how many that is, your machine tells.".to_owned())
            }
            None => (None, "Your machine tells.".to_owned()),
        },
    }
}

/// What really happened.
///
/// # Errors
/// Nothing was recorded.
pub(super) fn transcript(at: &At<'_>) -> Result<String> {
    // A page has a table of its own for what a terminal shows as one.
    told(at, "What really happened", |piece| piece.kind != Kind::Ablation)
}

/// The probe, before and after.
///
/// # Errors
/// Nothing was recorded, or the step has no probe.
pub(super) fn before_after(at: &At<'_>) -> Result<String> {
    let (_, step) = at.recorded()?;
    let is_one = |piece: &Piece| piece.kind == Kind::BeforeAfter;
    if !step.pieces.iter().any(is_one) {
        return Err(crate::error::Trouble::usage(format!(
            "`{}:{}` has no before and after",
            at.lab.id, at.step.id
        ))
        .hint("a step with a `probe` has one"));
    }
    told(at, "Before and after", is_one)
}

/// Some pieces of the transcript, as they were on each generation of control groups: the first one open, the others folded,
/// or only named where they said the same.
fn told(at: &At<'_>, label: &str, of: impl Fn(&Piece) -> bool) -> Result<String> {
    let (run, step) = at.recorded()?;
    let chosen = |step: &'_ StepRecording| -> Vec<Piece> {
        step.pieces.iter().filter(|piece| of(piece)).cloned().collect()
    };
    let shown = chosen(step);
    let (mut made, mut folded) = (run.made(), String::new());
    for (other, step) in &at.others {
        let pieces = chosen(step);
        if pieces == shown {
            made.push_str(&format!("; and the same in {}", other.made()));
        } else {
            folded.push_str(&format!(
                "<details class=\"rlab-other\">\n<summary>{label} with {}</summary>\n{}</details>\n\n",
                other.groups(),
                figure(&other.made(), label, &pieces)
            ));
        }
    }
    Ok(format!("{}\n{folded}", figure(&made, label, &shown)))
}

/// What really happened on each generation of control groups, side by side.
///
/// # Errors
/// Fewer than two were recorded.
pub(super) fn sides(at: &At<'_>) -> Result<String> {
    let first = at.recorded()?;
    if at.others.is_empty() {
        let what =
            format!("`{}:{}` was recorded on one generation of control groups only", at.lab.id, at.step.id);
        return Err(crate::error::Trouble::usage(what).hint("`transcript` shows one run"));
    }
    let mut out = "<div class=\"rlab-both\">\n".to_owned();
    for (run, step) in std::iter::once(&first).chain(&at.others) {
        let label = format!("With {}", run.groups());
        let pieces: Vec<Piece> =
            step.pieces.iter().filter(|piece| piece.kind != Kind::Ablation).cloned().collect();
        out.push_str(&format!(
            "<figure class=\"rlab-run\">\n{}<figcaption class=\"rlab-made\">{label}: {}.</figcaption>\n</figure>\n",
            terminal("", &label, &lines(&pieces, true)),
            escaped(&run.made())
        ));
    }
    Ok(out + "</div>\n\n")
}

/// Pieces of a transcript in both widths.
fn figure(made: &str, label: &str, pieces: &[Piece]) -> String {
    format!(
        "<figure class=\"rlab-run\">\n{}{}<figcaption class=\"rlab-made\">{label}: {}.</figcaption>\n</figure>\n",
        terminal(" rlab-wide", label, &lines(pieces, false)),
        terminal(" rlab-narrow", label, &lines(pieces, true)),
        escaped(made)
    )
}

/// The lines of these pieces, where there is room or where there is little.
fn lines(pieces: &[Piece], narrow: bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        let own = if narrow && !piece.narrow.is_empty() { &piece.narrow } else { &piece.wide };
        let first = lines.is_empty();
        lines.extend(own.iter().skip_while(|line| first && line.is_empty()).cloned());
    }
    lines
}

/// Lines as a terminal shows them.
fn terminal(class: &str, label: &str, lines: &[String]) -> String {
    format!(
        "<pre class=\"rlab-term{class}\" tabindex=\"0\" role=\"region\" aria-label=\"{label}, as a terminal shows \
         it\">{}</pre>\n",
        colored(lines)
    )
}

/// The table of what each ingredient changes, from really running it.
///
/// # Errors
/// Nothing was recorded, or the step has no such table.
pub(super) fn ablation(at: &At<'_>) -> Result<String> {
    let (run, step) = at.recorded()?;
    let Some((heads, rows)) = step.ablation.split_first() else {
        return Err(crate::error::Trouble::usage(format!(
            "`{}:{}` has no ablation table",
            at.lab.id, at.step.id
        ))
        .hint("a step whose lines say `ablate` has one"));
    };
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
    };
    let mut out =
        "<div class=\"rlab-scroll\" tabindex=\"0\" role=\"region\" aria-label=\"What each ingredient \
                   changes\">\n<table class=\"rlab-ablation\">\n<thead><tr><td></td>"
            .to_owned();
    out.push_str(&cells("th", heads.get(1..).unwrap_or_default()));
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let name = row.first().map_or("", String::as_str);
        out.push_str(&format!("<tr><th scope=\"row\">{}</th>", escaped(name)));
        out.push_str(&cells("td", row.get(1..).unwrap_or_default()));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    out.push_str(&format!(
        "<p class=\"rlab-made\">A cell with ▸ is not what the row above it has: {}.</p>\n\n",
        escaped(&run.made())
    ));
    Ok(out)
}

/// The notes for the instructor.
pub(super) fn notes(lab: &Lab) -> String {
    let mut out = format!("### {}\n\n", lab.title);
    for step in &lab.steps {
        let Some(notes) = &step.notes else { continue };
        out.push_str(&format!("- [{}]({}.md#{}): {}\n", step.title, lab.id, step.id, notes.trim()));
    }
    out + "\n"
}
