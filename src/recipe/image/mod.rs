//! An image: a root file system in layers, and how its program is to be started, as files that name each other by their
//! digests (the OCI image format).
//!
//! - [`entry`]: what the name of an entry in a layer asks for.
//! - [`document`]: the JSON documents: config, manifest, index.
//! - [`start`]: how an image's program is started.

pub mod document;
pub mod entry;
pub mod start;

/// The name that an image has where nobody gives it one.
pub const NAME: &str = "latest";

/// `image …`: one thing done with the image of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// `image pack`: the root, or what is new in it since the last layer, becomes a layer.
    Pack,
    /// `image config …`: how the program is started is written down.
    Config(Settings),
    /// `image manifest`: config and layers are named in one document.
    Manifest,
    /// `image index [NAME]`: the manifest gets a name, and the layout is complete.
    Index(Option<String>),
    /// `image [show …]`: one of the files, or all of them in a line each.
    Show(Part),
    /// `image load DIRECTORY[:NAME]`: an image that somebody else made takes the place of this one.
    Load(String),
    /// `image unpack`: the layers become the root.
    Unpack,
    /// `image run [WORDS…]`: the image's own program, under the recipe; words take the place of its arguments.
    Run(Vec<String>),
    /// `image forge PATH [TARGET]`: a layer made by hand, with one file of any name; with a target the first part of
    /// the name is a link to it.
    Forge {
        /// The name of the file in the layer.
        path: String,
        /// Where a link leads that the name goes through.
        target: Option<String>,
    },
    /// `image rm`: it is gone.
    Remove,
}

/// What `image show` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Every file of the layout, a line each.
    Files,
    /// `oci-layout`.
    Layout,
    /// `index.json`.
    Index,
    /// The manifest.
    Manifest,
    /// The config.
    Config,
    /// The entries of a layer, by number from 1.
    Layer(usize),
}

/// How the program of an image is started; what is not said is not changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The program and its first arguments.
    pub entrypoint: Option<Vec<String>>,
    /// The arguments after them, where nobody gives others.
    pub cmd: Option<Vec<String>>,
    /// Variables, in order.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub workdir: Option<String>,
    /// `USER[:GROUP]`, by name or number.
    pub user: Option<String>,
}

impl Settings {
    /// With what later ones say.
    pub fn merge(&mut self, later: &Self) {
        let or = |old: &mut Option<_>, new: &Option<_>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        or(&mut self.entrypoint, &later.entrypoint);
        or(&mut self.cmd, &later.cmd);
        for (name, value) in &later.env {
            match self.env.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1.clone_from(value),
                None => self.env.push((name.clone(), value.clone())),
            }
        }
        if later.workdir.is_some() {
            self.workdir.clone_from(&later.workdir);
        }
        if later.user.is_some() {
            self.user.clone_from(&later.user);
        }
    }
}
