//! The image of a session, made step by step in its work directory.
//!
//! - [`store`]: a layout on disk, its files by their digests.
//! - [`pack`]: a directory becomes a layer.
//! - [`layer`]: a layer is read, within bounds, and held against its digests.
//! - [`apply`]: layers become a directory.

pub mod apply;
mod fits;
pub mod layer;
pub mod pack;
pub mod store;

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::recipe::image::document::{self, Blob, Layer};
use crate::recipe::image::entry::shown;
use crate::recipe::image::{NAME, Part, Settings};
use crate::recipe::outcome::ImageState;
use crate::sandbox::owner;
use apply::Unpacked;
use layer::{Kind, Room};
use store::{Image, Layout};

/// An image under way.
#[derive(Debug)]
pub struct Draft {
    layout: Layout,
    layers: Vec<Layer>,
    settings: Settings,
    /// Of these layers; a new layer needs a new one.
    config: Option<Blob>,
    manifest: Option<Blob>,
    name: Option<String>,
}

impl Draft {
    /// An image of no layers, in a directory that is made.
    ///
    /// # Errors
    /// What mkdir says.
    pub fn make(directory: &Path) -> Result<Self> {
        let layout = Layout::make(directory)?;
        Ok(Self {
            layout,
            layers: Vec::new(),
            settings: Settings::default(),
            config: None,
            manifest: None,
            name: None,
        })
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.layout.directory()
    }

    /// Packs what is new in the root.
    ///
    /// # Errors
    /// A file that cannot be read, a full disk; nothing is new.
    pub fn pack(&mut self, root: &Path) -> Result<String> {
        let Some(packed) = pack::pack(&self.layout, root, &self.layers)? else {
            return Err(Trouble::usage("there is nothing to pack")
                .because("the root holds what the layers hold already")
                .hint("change something in it first: `touch /new`"));
        };
        let number = self.layers.len() + 1;
        let Blob { sha256, size } = &packed.layer.blob;
        let mut told = format!("layer {number}  sha256:{}  {size} bytes, gzip\n", short(sha256));
        let whiteouts =
            if packed.gone > 0 { format!(", {} of them whiteouts", packed.gone) } else { String::new() };
        let (entries, bytes) = (packed.entries, packed.unpacked);
        told.push_str(&format!(
            "diff_id  sha256:{}  {bytes} bytes of tar, {entries} entries{whiteouts}\n",
            short(&packed.layer.diff_id)
        ));
        for path in &packed.left_out {
            told.push_str(&format!("left out: {path}, a layer has no place for it\n"));
        }
        self.add(packed.layer);
        Ok(told)
    }

    fn add(&mut self, layer: Layer) {
        self.layers.push(layer);
        (self.config, self.manifest) = (None, None);
    }

    /// Puts a layer on top that no tool would make.
    ///
    /// # Errors
    /// A name that does not fit a tar header.
    pub fn forge(&mut self, path: &str, target: Option<&str>) -> Result<String> {
        let layer = pack::forge(&self.layout, path, target)?;
        let Blob { sha256, size } = &layer.blob;
        let number = self.layers.len() + 1;
        let told = format!("layer {number}  sha256:{}  {size} bytes, gzip\n", short(sha256));
        self.add(layer);
        Ok(told)
    }

    /// Writes the config of the layers as they are.
    ///
    /// # Errors
    /// There is no layer, or a full disk.
    pub fn configure(&mut self, settings: &Settings) -> Result<String> {
        if self.layers.is_empty() {
            return Err(Trouble::usage("there is nothing to configure: the image has no layer")
                .hint("type `rootfs`, then `image pack`"));
        }
        let mut all = self.settings.clone();
        all.merge(settings);
        let blob = self.layout.keep(&document::config(&all, &self.layers)?)?;
        let told = line("config", &blob);
        self.settings = all;
        (self.config, self.manifest) = (Some(blob), None);
        Ok(told)
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// There is no config of these layers.
    pub fn manifest(&mut self) -> Result<String> {
        let Some(config) = &self.config else {
            let why = match self.layers.len() {
                0 => "the image has no layer yet".to_owned(),
                _ => "the config has to name every layer, and none does that yet".to_owned(),
            };
            let first =
                if self.layers.is_empty() { "`image pack`, then `image config`" } else { "`image config`" };
            return Err(Trouble::usage("there is no config for the manifest to name")
                .because(why)
                .hint(format!("type {first}, then `image manifest`")));
        };
        let blob = self.layout.keep(&document::manifest(config, &self.layers)?)?;
        let told = line("manifest", &blob);
        self.manifest = Some(blob);
        Ok(told)
    }

    /// Writes the index, and with it the layout is complete.
    ///
    /// # Errors
    /// There is no manifest.
    pub fn index(&mut self, name: Option<&str>) -> Result<String> {
        let Some(manifest) = &self.manifest else {
            return Err(Trouble::usage("there is no manifest for the index to name")
                .hint("type `image config`, `image manifest`, then `image index`"));
        };
        let name = name.or(self.name.as_deref()).unwrap_or(NAME).to_owned();
        self.layout.write("oci-layout", document::LAYOUT)?;
        self.layout.write("index.json", &document::index(manifest, &name)?)?;
        let told = format!("index  `{name}` is sha256:{}\n", short(&manifest.sha256));
        self.name = Some(name);
        Ok(told)
    }

    /// One of its files, or all in a line each.
    ///
    /// # Errors
    /// It is not there yet.
    pub fn show(&self, part: Part) -> Result<String> {
        let not_yet = |what: &str, word: &str| {
            Trouble::usage(format!("the image has no {what} yet")).hint(format!("type `image {word}`"))
        };
        match part {
            Part::Files => files(self.layout.directory()),
            Part::Layout => self.layout.read("oci-layout").map_err(|_| not_yet("`oci-layout`", "index")),
            Part::Index => self.layout.read("index.json").map_err(|_| not_yet("index", "index")),
            Part::Manifest => {
                self.layout.document(self.manifest.as_ref().ok_or_else(|| not_yet("manifest", "manifest"))?)
            }
            Part::Config => {
                self.layout.document(self.config.as_ref().ok_or_else(|| not_yet("config", "config"))?)
            }
            Part::Layer(number) => {
                let layer = number.checked_sub(1).and_then(|at| self.layers.get(at));
                listing(&self.layout, layer.ok_or_else(|| not_yet(&format!("layer {number}"), "pack"))?)
            }
        }
    }

    /// The image that its index leads to.
    ///
    /// # Errors
    /// It is not complete, or damaged.
    pub fn image(&self) -> Result<Image> {
        if self.name.is_none() {
            return Err(Trouble::usage("the image is not complete: it has no index")
                .hint("type `image config`, `image manifest`, `image index`"));
        }
        self.layout.image(&self.layout.manifest(None)?)
    }

    /// Unpacks the image into a directory, which comes to be when all of it is there.
    ///
    /// # Errors
    /// As [`unpack_into`].
    pub fn unpack(&self, root: &Path) -> Result<Vec<Unpacked>> {
        unpack_into(&self.layout, &self.image()?, root)
    }

    /// Takes an image of another layout in, every file of it held against its digest.
    ///
    /// # Errors
    /// It is damaged, or not for this machine.
    pub fn load(&mut self, from: &Layout, name: Option<&str>) -> Result<String> {
        let manifest = from.manifest(name)?;
        let image = from.image(&manifest)?;
        let config = from.config(&manifest)?;
        for blob in [&manifest, &config] {
            self.layout.keep(&from.document(blob)?)?;
        }
        for layer in &image.layers {
            let mut new = self.layout.begin()?;
            let copied = io::copy(&mut from.open(&layer.blob)?.take(layer.blob.size), &mut new)
                .and_then(|_| new.flush());
            copied.map_err(|error| Trouble::sandbox("cannot copy a layer of the image").because(error))?;
            let copy = new.finish()?;
            if copy != layer.blob {
                return Err(store::other_digest(&layer.blob, &copy.sha256));
            }
        }
        let layers = image.layers.len();
        self.settings = document::settings(&image.config);
        (self.layers, self.config, self.manifest) = (image.layers, Some(config), Some(manifest));
        let told = self.index(name)?;
        Ok(format!("{layers} layers, every digest right\n{told}"))
    }

    /// What of it is on disk now, its digests computed once more.
    pub fn state(&self) -> ImageState {
        let whole =
            |layers: &[Layer]| layers.iter().filter(|layer| self.layout.is_whole(&layer.blob)).count();
        let complete = self
            .image()
            .is_ok_and(|image| image.layers == self.layers && whole(&image.layers) == self.layers.len());
        ImageState {
            directory: self.directory().to_string_lossy().into_owned(),
            layers: u32::try_from(whole(&self.layers)).unwrap_or(u32::MAX),
            complete,
        }
    }
}

fn line(what: &str, blob: &Blob) -> String {
    format!("{what}  sha256:{}  {} bytes\n", short(&blob.sha256), blob.size)
}

/// The beginning of a digest, as Docker shows it: nobody meets two files that begin alike.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// Unpacks an image into a directory that is not there yet. It gets its name when all of it is there.
///
/// # Errors
/// A layer that is damaged, too large, or would write outside; a full disk. Then nothing is left of it.
pub fn unpack_into(layout: &Layout, image: &Image, root: &Path) -> Result<Vec<Unpacked>> {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let new = root.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let fault = |error: io::Error| {
        Trouble::sandbox(format!("cannot unpack into `{}`", root.display())).because(error)
    };
    fs::DirBuilder::new().mode(0o755).create(&new).map_err(fault)?;
    let unpacked = apply::unpack(layout, image, &new)
        .and_then(|unpacked| fs::rename(&new, root).map(|()| unpacked).map_err(fault));
    if unpacked.is_err() {
        // What went wrong matters more than what is in the way of tidying up.
        let _ = owner::remove_tree(&new);
    }
    unpacked
}

/// Every file of a layout with its size, and for a document what it is.
fn files(directory: &Path) -> Result<String> {
    let mut told = String::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let mut entries: Vec<fs::DirEntry> =
            fs::read_dir(directory.join(&below)).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = below.join(entry.file_name());
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(path),
                Ok(meta) => told.push_str(&format!("{}  {} bytes\n", path.display(), meta.len())),
                Err(_) => {}
            }
        }
    }
    if told.is_empty() {
        return Err(Trouble::usage("the image has no file yet").hint("type `rootfs`, then `image pack`"));
    }
    Ok(told)
}

/// The entries of a layer, as `tar -tv` lists them.
///
/// # Errors
/// As [`layer::each`].
pub fn listing(layout: &Layout, layer: &Layer) -> Result<String> {
    let mut told = String::new();
    layer::each(layout, layer, &mut Room::default(), &mut |entry, _| {
        let (kind, size, leads) = match &entry.kind {
            Kind::Directory => ('d', 0, String::new()),
            Kind::File(size) => ('-', *size, String::new()),
            Kind::Symlink(target) => ('l', 0, format!(" -> {}", shown(target))),
            Kind::HardLink(target) => ('h', 0, format!(" link to {}", shown(target))),
            Kind::Pipe => ('p', 0, String::new()),
            Kind::Device(_) => ('c', 0, String::new()),
        };
        let (uid, gid) = (entry.uid, entry.gid);
        told.push_str(&format!(
            "{kind}{:04o} {uid}/{gid} {size:>8} {}{leads}\n",
            entry.mode,
            shown(&entry.name)
        ));
        Ok(())
    })?;
    Ok(told)
}
