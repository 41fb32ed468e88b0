//! `rlab export`: a lab's recipe for the tools of a plain machine, as a directory that runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cli::{Export, Told};
use crate::error::{Exit, Result};
use crate::frontend::exec;
use crate::frontend::terminal::Terminal;
use crate::lab::composed::composed;
use crate::lab::course::Course;
use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::Tools;
use crate::recipe::line::Command;
use crate::recipe::told;
use crate::sandbox::beside::Beside;
use crate::sandbox::rootfs::{Manifest, Names};
use crate::sandbox::{machine, place};
use crate::session::shelf::{address, step_index};

/// What stands for the finished container of the course.
const FULL: &str = "full";

/// Writes the directory, and says how to run what is in it.
///
/// # Errors
/// No such lab or step, a directory that is not empty (2); a disk that is full (125). Then nothing was written.
pub fn run(args: &Export, course: &Course, terminal: &mut Terminal) -> Result<Exit> {
    let recipe = recipe(args, course)?;
    let text = shlex::try_join(args.command.iter().map(String::as_str)).unwrap_or_default();
    let command = Command { argv: args.command.clone(), text };
    let beside = Beside::make(&args.directory)?;
    let name = args.what.as_str();
    match args.told {
        Told::Sh => script(&recipe, &command, name, &beside)?,
        Told::Docker => line(&recipe, &command, name, &beside, terminal)?,
        Told::Oci => bundle(&recipe, &command, &beside, terminal)?,
    }
    terminal.rest();
    let directory = beside.appear()?;
    terminal.data(&format!("wrote {}\n", directory.display()));
    if args.told == Told::Oci {
        for note in told::oci_notes(&recipe) {
            terminal.data(&format!("note: {note}\n"));
        }
    }
    terminal.data(&format!("run it: {}\n", how(args.told, name, &quoted(&directory.to_string_lossy()))));
    Ok(Exit::Ok)
}

/// The line that runs what is in the directory.
fn how(told: Told, name: &str, directory: &str) -> String {
    match told {
        Told::Sh => format!("sudo {directory}/container.sh"),
        Told::Docker => format!("{directory}/run.sh, or with Podman: ENGINE=podman {directory}/run.sh"),
        Told::Oci => format!("sudo runc run --bundle {directory} {}", name.replace(':', "-")),
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    shlex::try_quote(path).map_or_else(|_| path.to_owned(), |quoted| quoted.into_owned())
}

fn recipe(args: &Export, course: &Course) -> Result<Recipe> {
    let (lab, step) = address(&args.what);
    let mut recipe = if args.what == FULL {
        Recipe::full()
    } else {
        let lab = course.lab(lab)?;
        composed(lab, step.map(|step| step_index(lab, step)).transpose()?)?
    };
    exec::add(&mut recipe, &args.with)?;
    Ok(recipe)
}

fn script(recipe: &Recipe, command: &Command, name: &str, beside: &Beside) -> Result<()> {
    let text = told::shell_file(recipe, command, &machine::find(), name)?;
    beside.write("container.sh", &text)?;
    executable(beside, "container.sh")
}

fn line(
    recipe: &Recipe,
    command: &Command,
    name: &str,
    beside: &Beside,
    terminal: &mut Terminal,
) -> Result<()> {
    beside.write("run.sh", &told::docker_file(recipe, command, name))?;
    executable(beside, "run.sh")?;
    // Docker always changes the root, so there is one to change to.
    let manifest = Manifest::new(recipe.rootfs().unwrap_or(Tools::Any), Names::All)?;
    let failed = |error| beside.failed("rootfs.tar", &error);
    let archive = fs::File::create(beside.path().join("rootfs.tar")).map_err(failed)?;
    manifest.pack(archive, &mut |work| terminal.working(&work)).map_err(failed)
}

fn bundle(recipe: &Recipe, command: &Command, beside: &Beside, terminal: &mut Terminal) -> Result<()> {
    beside.write("config.json", &told::oci(recipe, command, place::capabilities()))?;
    let root = beside.path().join("rootfs");
    match recipe.rootfs() {
        Some(tools) => {
            Manifest::new(tools, Names::All)?.build(&root, &mut |work| terminal.working(&work))?;
        }
        None => fs::create_dir(&root).map_err(|error| beside.failed("rootfs", &error))?,
    }
    Ok(())
}

fn executable(beside: &Beside, name: &str) -> Result<()> {
    let path: &Path = &beside.path().join(name);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| beside.failed(name, &error))
}
