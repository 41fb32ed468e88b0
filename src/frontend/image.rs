//! `rlab image`: images as directories, with no session.

use crate::cli::{Image, Pack};
use crate::error::{Exit, Result, Trouble};
use crate::frontend::exec;
use crate::frontend::terminal::Terminal;
use crate::frontend::world::Real;
use crate::recipe::compose::Recipe;
use crate::recipe::image::Act;
use crate::recipe::ingredient::{Ingredient, Tools};
use crate::recipe::line::Line;
use crate::recipe::outcome::End;
use crate::sandbox::beside::Beside;
use crate::sandbox::image::apply;
use crate::sandbox::image::{Draft, listing};
use crate::sandbox::imaging::{address, unpacked};
use crate::session::world::{Live, World};

/// The container in which `rlab image run` runs a program, beside the image's root.
const AROUND: [&str; 2] = ["unshare --pid --mount --uts --ipc --mount-proc", "pivot_root"];

/// Does it, and gives the exit status.
///
/// # Errors
/// A mistake in the words, an image that is damaged or wants out (2); one for another machine (3); a full disk (125).
/// What was to be written is not there then.
pub fn run(what: &Image, time_limit: u64, terminal: &mut Terminal) -> Result<u8> {
    match what {
        Image::Pack(args) => pack(args, terminal)?,
        Image::Show { from, entries } => show(from, *entries, terminal)?,
        Image::Unpack { from, directory } => {
            let (layout, name) = address(from);
            let image = layout.image(&layout.manifest(name.as_deref())?)?;
            let beside = Beside::make(directory)?;
            let layers = apply::unpack(&layout, &image, beside.path())?;
            let directory = beside.appear()?;
            terminal.data(&format!("{}wrote {}\n", unpacked(&layers), directory.display()));
        }
        Image::Run { from, with, words } => return start(from, with, words, time_limit, terminal),
    }
    Ok(Exit::Ok as u8)
}

fn pack(args: &Pack, terminal: &mut Terminal) -> Result<()> {
    let acts = acts(args)?;
    if !args.root.is_dir() {
        return Err(Trouble::usage(format!("there is no directory `{}`", args.root.display()))
            .hint("`rlab image pack ROOT DIR` packs ROOT into the new directory DIR"));
    }
    let beside = Beside::make(&args.directory)?;
    let mut draft = Draft::make(beside.path())?;
    let mut told = draft.pack(&args.root)?;
    for act in acts {
        told.push_str(&match act {
            Act::Config(settings) => draft.configure(&settings)?,
            Act::Manifest => draft.manifest()?,
            Act::Index(name) => draft.index(name.as_deref())?,
            _ => String::new(),
        });
    }
    let directory = beside.appear()?;
    terminal.data(&format!("{told}wrote {}\n", directory.display()));
    Ok(())
}

/// The lines that a learner would type after `image pack`: read by the same grammar, with the same mistakes.
fn acts(args: &Pack) -> Result<Vec<Act>> {
    let mut config = vec!["image".to_owned(), "config".to_owned()];
    let mut flag = |name: &str, value: &Option<String>| {
        config.extend(value.iter().flat_map(|value| [name.to_owned(), value.clone()]));
    };
    flag("--entrypoint", &args.entrypoint);
    flag("--cmd", &args.cmd);
    flag("--workdir", &args.workdir);
    flag("--user", &args.user);
    args.env.iter().for_each(|variable| flag("--env", &Some(variable.clone())));
    let index = ["image".to_owned(), "index".to_owned()].into_iter().chain(args.name.clone()).collect();
    let lines = [config, vec!["image".to_owned(), "manifest".to_owned()], index];
    let read = |words: &Vec<String>| {
        let text = shlex::try_join(words.iter().map(String::as_str))
            .map_err(|_| Trouble::usage("a word of the command line has a NUL byte"))?;
        match Line::parse(&text)? {
            Line::Image(act) => Ok(act),
            _ => Err(Trouble::usage(format!("`{text}` cannot be read"))),
        }
    };
    lines.iter().map(read).collect()
}

fn show(from: &str, entries: bool, terminal: &mut Terminal) -> Result<()> {
    let (layout, name) = address(from);
    let manifest = layout.manifest(name.as_deref())?;
    let image = layout.image(&manifest)?;
    let mut told = format!("manifest  sha256:{}\n{}", manifest.sha256, layout.document(&manifest)?);
    let config = layout.config(&manifest)?;
    told.push_str(&format!("config  sha256:{}\n{}", config.sha256, layout.document(&config)?));
    for (at, layer) in image.layers.iter().enumerate() {
        let number = at + 1;
        told.push_str(&format!(
            "\nlayer {number}  sha256:{}  {} bytes\n",
            layer.blob.sha256, layer.blob.size
        ));
        if entries {
            told.push_str(&listing(&layout, layer)?);
        }
    }
    terminal.data(&told);
    Ok(())
}

fn start(
    from: &str,
    with: &[String],
    words: &[String],
    time_limit: u64,
    terminal: &mut Terminal,
) -> Result<u8> {
    let mut world = Real::lasting(time_limit);
    let mut recipe = Recipe::default();
    let silent = &mut |_: Live<'_>| {};
    world.image(&recipe, &Act::Load(from.to_owned()), silent)?;
    recipe.add(Ingredient::Rootfs(Tools::Image))?;
    exec::add(&mut recipe, &AROUND.map(str::to_owned))?;
    exec::add(&mut recipe, with)?;
    world.compose(&recipe, silent)?;
    let outcome = world.image(&recipe, &Act::Run(words.to_vec()), &mut |live| {
        if let Live::Output(bytes, stderr) = live {
            let text = String::from_utf8_lossy(bytes);
            if stderr { terminal.aside(&text) } else { terminal.data(&text) }
        }
    })?;
    let status = outcome.end.status(&outcome.calls).unwrap_or(125);
    for capped in &outcome.capped {
        terminal.aside(&format!("{}\n", capped.text()));
    }
    if let End::Refused(_) = outcome.end {
        terminal.trouble(&exec::refused(&outcome.calls, "the image's program"));
    }
    Ok(u8::try_from(status).unwrap_or(Exit::Sandbox as u8))
}
