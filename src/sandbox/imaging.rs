//! What a session does with its image, told as a program tells it: lines on standard output, a refusal on standard
//! error with status 1. And the image's own program, which is launched like any other.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::tree;
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::image::Act;
use crate::recipe::image::start::{self, Start};
use crate::recipe::line::Command;
use crate::recipe::outcome::{End, Outcome, Place};
use crate::sandbox::errand::{Errand, Kind, Listener, Live};
use crate::sandbox::image::apply::Unpacked;
use crate::sandbox::image::store::Layout;
use crate::sandbox::session::Sandbox;

/// The longest `/etc/passwd` that is read, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

impl Sandbox {
    /// Does something with the image.
    ///
    /// # Errors
    /// What does not fit the moment: no root to pack, no manifest for the index. What is wrong with an image that is
    /// unpacked is an outcome.
    pub fn image(&mut self, recipe: &Recipe, act: &Act, live: Listener<'_>) -> Result<Outcome> {
        if let Act::Run(words) = act {
            return self.run_image(recipe, act, words, live);
        }
        self.begin();
        let began = std::time::Instant::now();
        let told = self.act(act).and_then(|told| {
            if *act == Act::Unpack {
                // What the recipe mounts needs its places in the new root.
                self.compose(recipe, &mut |_| {})?;
            }
            Ok(told)
        });
        let told = match (act, told) {
            (Act::Unpack, Err(trouble)) if self.standing.image().is_some() => Err(trouble),
            (_, Err(trouble)) => return Err(trouble),
            (_, told) => told,
        };
        let (end, stdout, stderr) = match told {
            Ok(text) => (End::Exited(0), text, String::new()),
            Err(trouble) => (End::Exited(1), String::new(), format!("{trouble}\n")),
        };
        live(Live::Calls(&[]));
        for (text, is_error) in [(&stdout, false), (&stderr, true)] {
            if !text.is_empty() {
                live(Live::Output(text.as_bytes(), is_error));
            }
        }
        Ok(Outcome {
            stdout,
            stderr,
            millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..Outcome::new(Place::Host, act.to_string(), end)
        })
    }

    fn act(&mut self, act: &Act) -> Result<String> {
        let standing = &mut self.standing;
        let no_image = || Trouble::usage("there is no image yet").hint("type `rootfs`, then `image pack`");
        match act {
            Act::Pack => {
                let no_root = || {
                    Trouble::usage("there is no root file system to pack")
                        .hint("type `rootfs`, then `image pack`")
                };
                let root = standing.root().map(Path::to_owned).ok_or_else(no_root)?;
                standing.image_to_make()?.pack(&root)
            }
            Act::Config(settings) => standing.image_to_change().ok_or_else(no_image)?.configure(settings),
            Act::Manifest => standing.image_to_change().ok_or_else(no_image)?.manifest(),
            Act::Index(name) => standing.image_to_change().ok_or_else(no_image)?.index(name.as_deref()),
            Act::Forge { path, target } => {
                standing.image_to_change().ok_or_else(no_image)?.forge(path, target.as_deref())
            }
            Act::Show(part) => standing.image().ok_or_else(no_image)?.show(*part),
            Act::Load(from) => {
                let (layout, name) = address(from);
                standing.forget_image()?;
                let loaded = standing.image_to_make()?.load(&layout, name.as_deref());
                if loaded.is_err() {
                    standing.forget_image()?;
                }
                loaded
            }
            Act::Unpack => standing.unpack().map(|layers| unpacked(&layers)),
            Act::Remove => standing.forget_image().map(|()| String::new()),
            Act::Run(_) => Ok(String::new()),
        }
    }

    /// Launches the image's program as its config says, under the recipe.
    fn run_image(
        &mut self,
        recipe: &Recipe,
        act: &Act,
        words: &[String],
        live: Listener<'_>,
    ) -> Result<Outcome> {
        self.begin();
        let no_image = || Trouble::usage("there is no image to run").hint("`image unpack` needs one first");
        let image = self.standing.image().ok_or_else(no_image)?.image()?;
        let start = Start::of(&image.config, words)?;
        let root = self.standing.root().filter(|_| recipe.root_change() != RootChange::None);
        let root = root.map(Path::to_owned).ok_or_else(|| {
            Trouble::usage("the program of an image runs in the image's root, and the recipe has none")
                .hint("type `image unpack`, then `chroot` or `pivot_root`")
        })?;
        let file = |path: &str| {
            let mut text = String::new();
            let read = tree::read_inside(&root, path).ok()?.take(LONGEST_FILE).read_to_string(&mut text);
            read.ok().map(|_| text)
        };
        let (passwd, group) = (file("/etc/passwd"), file("/etc/group"));
        let (uid, gid) = start::ids(&start.user, &passwd.unwrap_or_default(), &group.unwrap_or_default())?;
        // As runc does; where it cannot be made, chdir says why.
        let _ = tree::make_below(&root, &start.directory, true);
        let mut argv = start.argv.clone();
        if let Some(program) = argv.first_mut() {
            *program = found(program, &start.environment, &root);
        }
        let shown = Command { argv: start.argv, text: act.to_string() };
        let plan = self.plan(recipe, &shown)?.started_in(&start.directory, uid, gid);
        let launched = Command { argv, text: shown.text };
        let kind = Kind::Started(start.environment);
        self.supervised(&Errand { recipe, command: &launched, plan: &plan, kind }, live)
    }
}

/// Where a program is, by the image's own `PATH`.
fn found(program: &str, environment: &[String], root: &Path) -> String {
    if program.contains('/') {
        return program.to_owned();
    }
    let path = environment.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
    let mut candidates = path.split(':').filter(|directory| directory.starts_with('/'));
    let is_there =
        |path: &String| tree::look_inside(root, path).is_ok_and(|found| found.executable && !found.directory);
    let found = candidates.find_map(|directory| {
        Some(format!("{}/{program}", directory.trim_end_matches('/'))).filter(is_there)
    });
    // Not found: the kernel's own answer is what the learner sees.
    found.unwrap_or_else(|| format!("/bin/{program}"))
}

/// A layout, and the name of an image in it: `DIRECTORY` or `DIRECTORY:NAME`.
pub fn address(text: &str) -> (Layout, Option<String>) {
    if !Path::new(text).exists()
        && let Some((directory, name)) = text.rsplit_once(':')
    {
        return (Layout::at(&PathBuf::from(directory)), Some(name.to_owned()));
    }
    (Layout::at(Path::new(text)), None)
}

/// What unpacking did, a line a layer.
pub fn unpacked(layers: &[Unpacked]) -> String {
    let line = |(at, layer): (usize, &Unpacked)| {
        let gone = if layer.gone > 0 { format!(", {} taken away", layer.gone) } else { String::new() };
        let bare = match layer.bare {
            0 => String::new(),
            bare => format!(", {bare} without their extended attributes, which rlab does not set"),
        };
        let entries = if layer.made == 1 { "entry" } else { "entries" };
        format!("layer {}  {} {entries}{gone}{bare}\n", at + 1, layer.made)
    };
    layers.iter().enumerate().map(line).collect()
}
