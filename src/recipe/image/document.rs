//! The JSON documents of an image, written and read: the config (how to start, and which layers), the manifest (the
//! files of one image), the index (manifests by name and platform).
//!
//! Source: the OCI image specification 1.1. The types are those of the `oci-spec` crate; what is held here is what the
//! types leave open: that the parts fit together, and that there is one for this machine.

use std::collections::HashMap;
use std::fmt::Display;

use oci_spec::image::{
    Arch, Config, ConfigBuilder, Descriptor, DescriptorBuilder, Digest, DigestAlgorithm, ImageConfiguration,
    ImageConfigurationBuilder, ImageIndex, ImageIndexBuilder, ImageManifest, ImageManifestBuilder, MediaType,
    Os, PlatformBuilder, RootFsBuilder,
};

use super::Settings;
use crate::error::{Result, Trouble};

/// The file `oci-layout`.
pub const LAYOUT: &str = "{\n  \"imageLayoutVersion\": \"1.0.0\"\n}\n";

/// The annotation that gives a manifest its name in an index.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The media type of a layer as Docker's tools write it.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// What layers may be.
const READABLE: &str = "rlab reads tar, plain or compressed with gzip";
/// What makes such layers of others.
const RECOMPRESS: &str = "`skopeo copy --dest-compress-format gzip oci:DIR oci:NEW` writes the same image so";

/// A file among the blobs: its digest, which is its name too, and its size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// 64 hexadecimal digits of SHA-256.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// A layer: the file, and the digest of what is in it once it is not compressed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The file.
    pub blob: Blob,
    /// SHA-256 of the tar archive, as hexadecimal digits.
    pub diff_id: String,
    /// Whether the file is compressed with gzip.
    pub gzip: bool,
}

fn built<T>(what: &str, result: Result<T, impl Display>) -> Result<T> {
    result.map_err(|error| Trouble::sandbox(format!("cannot write the {what} of the image")).because(error))
}

fn text(what: &str, document: &impl serde::Serialize) -> Result<String> {
    built(what, serde_json::to_string_pretty(document)).map(|text| text + "\n")
}

fn descriptor(media_type: MediaType, blob: &Blob) -> Result<Descriptor> {
    let digest: Digest = built("digest", format!("sha256:{}", blob.sha256).parse())?;
    Ok(Descriptor::new(media_type, blob.size, digest))
}

/// The config: how the program is started, and the layers by what is in them.
///
/// # Errors
/// A text that is no part of such a document.
pub fn config(settings: &Settings, layers: &[Layer]) -> Result<String> {
    let mut how = ConfigBuilder::default();
    if let Some(words) = &settings.entrypoint {
        how = how.entrypoint(words.clone());
    }
    if let Some(words) = &settings.cmd {
        how = how.cmd(words.clone());
    }
    if !settings.env.is_empty() {
        how = how.env(settings.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>());
    }
    if let Some(directory) = &settings.workdir {
        how = how.working_dir(directory);
    }
    if let Some(user) = &settings.user {
        how = how.user(user);
    }
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", layer.diff_id)).collect();
    let rootfs = built("config", RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build())?;
    let config = ImageConfigurationBuilder::default()
        .architecture(Arch::default())
        .os(Os::Linux)
        .config(built("config", how.build())?)
        .rootfs(rootfs)
        .build();
    text("config", &built("config", config)?)
}

/// The manifest: the config and the layers, by digest and size.
///
/// # Errors
/// As [`config`].
pub fn manifest(config: &Blob, layers: &[Layer]) -> Result<String> {
    let layers: Vec<Descriptor> = layers
        .iter()
        .map(|layer| {
            let kind = if layer.gzip { MediaType::ImageLayerGzip } else { MediaType::ImageLayer };
            descriptor(kind, &layer.blob)
        })
        .collect::<Result<_>>()?;
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(descriptor(MediaType::ImageConfig, config)?)
        .layers(layers)
        .build();
    text("manifest", &built("manifest", manifest)?)
}

/// The index: one manifest, by name and platform.
///
/// # Errors
/// As [`config`].
pub fn index(manifest: &Blob, name: &str) -> Result<String> {
    let platform = PlatformBuilder::default().architecture(Arch::default()).os(Os::Linux).build();
    let digest: Digest = built("digest", format!("sha256:{}", manifest.sha256).parse())?;
    let manifest = DescriptorBuilder::default()
        .media_type(MediaType::ImageManifest)
        .digest(digest)
        .size(manifest.size)
        .platform(built("index", platform)?)
        .annotations(HashMap::from([(REF_NAME.to_owned(), name.to_owned())]))
        .build();
    let index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![built("index", manifest)?])
        .build();
    text("index", &built("index", index)?)
}

fn broken(what: impl Into<String>) -> Trouble {
    Trouble::usage(what).hint("the image is damaged or not complete: make it, or fetch it, once more")
}

fn read<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| broken(format!("the {what} is not what it should be")).because(error))
}

/// The blob that a descriptor names.
fn blob(of: &Descriptor) -> Result<Blob> {
    if *of.digest().algorithm() != DigestAlgorithm::Sha256 {
        return Err(Trouble::usage(format!("the digest `{}` is none that rlab can compute", of.digest()))
            .hint("rlab knows sha256"));
    }
    Ok(Blob { sha256: of.digest().digest().to_owned(), size: of.size() })
}

/// What an index leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// A manifest.
    Manifest(Blob),
    /// Another index, for several platforms.
    Index(Blob),
}

/// The manifest of this name in an index, or the only one there is for this machine.
///
/// # Errors
/// There is none, there are several, or none is for this machine.
pub fn choose(json: &str, name: Option<&str>) -> Result<Chosen> {
    let index: ImageIndex = read("index", json)?;
    let all: Vec<&Descriptor> = index.manifests().iter().filter(|one| leads_on(one)).collect();
    if all.is_empty() {
        return Err(broken("the index names no manifest"));
    }
    let named: Vec<&Descriptor> =
        all.iter().copied().filter(|one| name.is_none() || ref_name(one) == name).collect();
    if let (Some(name), []) = (name, &named[..]) {
        let known: Vec<String> =
            all.iter().filter_map(|one| ref_name(one)).map(|name| format!("`{name}`")).collect();
        let trouble = Trouble::usage(format!("no image here is called `{}`", name.escape_debug()));
        let known = if known.is_empty() { "the index has no names".to_owned() } else { known.join(", ") };
        return Err(trouble.hint(format!("what there is: {known}")));
    }
    let fitting: Vec<&Descriptor> = named.iter().copied().filter(|one| fits(one)).collect();
    match &fitting[..] {
        [] => Err(foreign(
            named.iter().filter_map(|one| one.platform().as_ref()).map(|of| (of.os(), of.architecture())),
        )),
        [one] if *one.media_type() == MediaType::ImageIndex => blob(one).map(Chosen::Index),
        [one] => blob(one).map(Chosen::Manifest),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|one| ref_name(one).map_or_else(|| one.digest().to_string(), |name| format!("`{name}`")))
                .collect();
            Err(Trouble::usage(format!("there are {} images here", several.len()))
                .because(names.join(", "))
                .hint("say which one: `LAYOUT:NAME`"))
        }
    }
}

fn leads_on(one: &Descriptor) -> bool {
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    match one.media_type() {
        MediaType::ImageManifest | MediaType::ImageIndex => true,
        MediaType::Other(other) => other == docker,
        _ => false,
    }
}

fn ref_name(of: &Descriptor) -> Option<&str> {
    of.annotations().as_ref()?.get(REF_NAME).map(String::as_str)
}

fn fits(one: &Descriptor) -> bool {
    one.platform().as_ref().is_none_or(|of| *of.os() == Os::Linux && *of.architecture() == Arch::default())
}

fn foreign<'a>(found: impl Iterator<Item = (&'a Os, &'a Arch)>) -> Trouble {
    let mut found: Vec<String> = found.map(|(os, arch)| format!("{os}/{arch}")).collect();
    found.sort();
    found.dedup();
    Trouble::cannot(format!("the image is not for this machine, which is linux/{}", Arch::default()))
        .because(format!("it is for {}", found.join(", ")))
        .hint(
            "a container runs on the kernel and the processor of its host: take the image for this platform",
        )
}

/// The config and the layers that a manifest names; what is in the layers the config tells.
///
/// # Errors
/// It is no manifest, or a layer is of a kind that rlab does not read.
pub fn parts(json: &str) -> Result<(Blob, Vec<(Blob, bool)>)> {
    let manifest: ImageManifest = read("manifest", json)?;
    let config = blob(manifest.config())?;
    let layers = manifest.layers().iter().map(|layer| {
        let gzip = match layer.media_type() {
            MediaType::ImageLayer => false,
            MediaType::ImageLayerGzip => true,
            MediaType::Other(other) if other == DOCKER_LAYER => true,
            other => {
                let hint = if other.to_string().ends_with("+zstd") {
                    format!("{READABLE}: {RECOMPRESS}")
                } else {
                    READABLE.to_owned()
                };
                return Err(Trouble::usage(format!("rlab does not read layers of the type `{other}`"))
                    .because(format!("in the layer {}", layer.digest()))
                    .hint(hint));
            }
        };
        Ok((blob(layer)?, gzip))
    });
    Ok((config, layers.collect::<Result<_>>()?))
}

/// A config, read and held against the layers of its manifest.
///
/// # Errors
/// It is no config, is for another platform, or tells of other layers.
pub fn fitting(json: &str, layers: Vec<(Blob, bool)>) -> Result<(Config, Vec<Layer>)> {
    let config: ImageConfiguration = read("config", json)?;
    if *config.os() != Os::Linux || *config.architecture() != Arch::default() {
        return Err(foreign(std::iter::once((config.os(), config.architecture()))));
    }
    let diff_ids = config.rootfs().diff_ids();
    if diff_ids.len() != layers.len() {
        return Err(broken("config and manifest do not belong together").because(format!(
            "the config knows {} layers, the manifest {}",
            diff_ids.len(),
            layers.len()
        )));
    }
    let layer = |((blob, gzip), diff_id): ((Blob, bool), &String)| {
        let hex = diff_id.strip_prefix("sha256:").filter(|hex| is_sha256(hex));
        let hex = hex.ok_or_else(|| broken(format!("`{}` is no sha256 digest", diff_id.escape_debug())))?;
        Ok(Layer { blob, diff_id: hex.to_owned(), gzip })
    };
    let layers = layers.into_iter().zip(diff_ids).map(layer).collect::<Result<_>>()?;
    Ok((config.config().clone().unwrap_or_default(), layers))
}

fn is_sha256(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// What a config says of how to start, to go on from.
pub fn settings(config: &Config) -> Settings {
    let variable =
        |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings {
        entrypoint: config.entrypoint().clone(),
        cmd: config.cmd().clone(),
        env: config.env().iter().flatten().filter_map(variable).collect(),
        workdir: config.working_dir().clone(),
        user: config.user().clone(),
    }
}
