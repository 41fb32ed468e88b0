//! `rlab exec`: one command under a recipe. The standard streams are the command's own, and so is the exit status.

use crate::cli::Exec;
use crate::error::{Exit, Result, Trouble};
use crate::frontend::terminal::Terminal;
use crate::recipe::compose::Recipe;
use crate::recipe::errno::{self, Context};
use crate::recipe::line::{Command, Line};
use crate::recipe::outcome::{Call, End};
use crate::render;
use crate::sandbox::oneshot;
use crate::session::event::Event;

/// Runs the command and gives its status: 128 + the signal that killed it, 127 and 126 where it could not be
/// executed.
///
/// # Errors
/// A line that is no ingredient (2), something that this machine lacks (3), a sandbox that could not be set up (125).
pub fn run(args: &Exec, terminal: &mut Terminal) -> Result<u8> {
    let recipe = recipe(&args.with)?;
    let text = shlex::try_join(args.command.iter().map(String::as_str)).unwrap_or_default();
    let command = Command { argv: args.command.clone(), text };
    let mut tell = |calls: &[Call]| explain(&Event::Calls(calls.to_vec()), terminal);
    let done = oneshot::run(&recipe, &command, if args.explain { Some(&mut tell) } else { None })?;
    if let Some(capped) = done.capped {
        explain(&Event::Note(capped.text()), terminal);
    }
    if let End::Refused(_) = done.end {
        let trouble = refused(&done.calls, &args.command[0]);
        if !matches!(done.status(), 126 | 127) {
            return Err(trouble);
        }
        terminal.trouble(&trouble);
    }
    Ok(u8::try_from(done.status()).unwrap_or(Exit::Sandbox as u8))
}

fn explain(event: &Event, terminal: &mut Terminal) {
    let text = render::event::event(event, &terminal.err_look());
    terminal.show_aside(&text);
}

/// The recipe of the `--with` lines; `full` stands for the finished container's.
fn recipe(with: &[String]) -> Result<Recipe> {
    let mut recipe = Recipe::default();
    add(&mut recipe, with)?;
    Ok(recipe)
}

/// Puts the `--with` lines into a recipe.
pub(super) fn add(recipe: &mut Recipe, with: &[String]) -> Result<()> {
    for text in with {
        let lines: Vec<&str> =
            if text.trim() == "full" { Recipe::FULL.to_vec() } else { vec![text.as_str()] };
        for line in lines {
            let parsed = Line::parse(line).map_err(|error| Trouble {
                hint: error.hint,
                ..Trouble::usage(error.what).because(format!("in `--with '{line}'`"))
            })?;
            match parsed {
                Line::Add(ingredient) => recipe.add(ingredient)?,
                Line::Drop(what) => drop(recipe.drop(&what)?),
                Line::Empty => {}
                _ => {
                    return Err(Trouble::usage(format!("`{line}` is not an ingredient")).hint(
                        "`--with` takes lines such as `rootfs`, `chroot`, `unshare --pid`, or `full`; the program \
                         comes after `--`",
                    ));
                }
            }
        }
    }
    Ok(())
}

/// The call that was refused, and what that means.
pub(super) fn refused(calls: &[Call], program: &str) -> Trouble {
    let last = calls.iter().rposition(|call| call.errno().is_some());
    let tried = last.map_or(calls, |last| &calls[..=last]);
    let what = match tried.last() {
        Some(call) if call.name == "execve" => format!("`{program}` could not be executed inside"),
        _ => "the kernel refused to set the container up".to_owned(),
    };
    errno::told(Trouble::sandbox(what), tried, &Context::default())
}
