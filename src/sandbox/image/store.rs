//! An image layout on disk: `oci-layout`, `index.json`, and below `blobs/sha256` every other file by its digest.
//!
//! A file comes to be under another name and is renamed when it is whole, so no reader ever sees half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Result, Trouble};
use crate::recipe::image::document::{self, Blob, Chosen, Layer};
use oci_spec::image::Config;

/// The longest JSON document that is read, in bytes.
const LONGEST_DOCUMENT: u64 = 4 << 20;

/// A layout, by its directory.
#[derive(Debug, Clone)]
pub struct Layout {
    directory: PathBuf,
}

/// An image of a layout, held together: how it starts, and its layers, the lowest first.
#[derive(Debug, Clone)]
pub struct Image {
    /// How its program is started.
    pub config: Config,
    /// The layers.
    pub layers: Vec<Layer>,
}

fn cannot(what: &str, path: &Path, error: impl std::fmt::Display) -> Trouble {
    Trouble::sandbox(format!("cannot {what} `{}`", path.display())).because(error)
}

/// The digest of bytes, as hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Layout {
    /// A layout that is there.
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// A new, empty one; what of it is there already stays.
    ///
    /// # Errors
    /// What mkdir says.
    pub fn make(directory: &Path) -> Result<Self> {
        let layout = Self::at(directory);
        let blobs = layout.blobs();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&blobs)
            .map_err(|error| cannot("make", &blobs, error))?;
        Ok(layout)
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn blobs(&self) -> PathBuf {
        self.directory.join("blobs/sha256")
    }

    /// The path of a blob.
    pub fn blob(&self, blob: &Blob) -> PathBuf {
        self.blobs().join(&blob.sha256)
    }

    /// Keeps a document among the blobs.
    ///
    /// # Errors
    /// A full disk.
    pub fn keep(&self, text: &str) -> Result<Blob> {
        let mut file = self.begin()?;
        file.write_all(text.as_bytes()).map_err(|error| cannot("write", &file.path, error))?;
        file.finish()
    }

    /// Begins a blob: it has its name when it is finished.
    ///
    /// # Errors
    /// The directory may not be written.
    pub fn begin(&self) -> Result<NewBlob> {
        let path = self.blobs().join(format!(".new.{}", std::process::id()));
        // What a killed one left under this name is nothing to anyone.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|error| cannot("write", &path, error))?;
        Ok(NewBlob { file, path, hash: Sha256::new(), size: 0 })
    }

    /// Writes a file beside the blobs: `oci-layout`, `index.json`.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        let new = self.directory.join(format!(".{name}.new"));
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&new);
            cannot("write", &path, error)
        })
    }

    /// Reads a file beside the blobs.
    ///
    /// # Errors
    /// It is not there, or too long to be one.
    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.directory.join(name);
        let file = open(&path).map_err(|error| missing(&path, name, &error))?;
        let bytes = bounded(file, &path, LONGEST_DOCUMENT)?;
        String::from_utf8(bytes).map_err(|_| Trouble::usage(format!("`{}` is not text", path.display())))
    }

    /// Reads a document among the blobs, and holds it against its digest and size.
    ///
    /// # Errors
    /// It is not there, or another one than it should be.
    pub fn document(&self, blob: &Blob) -> Result<String> {
        let path = self.blob(blob);
        let bytes = bounded(self.open(blob)?, &path, LONGEST_DOCUMENT)?;
        let found = sha256(&bytes);
        if found != blob.sha256 {
            return Err(other_digest(blob, &found));
        }
        String::from_utf8(bytes).map_err(|_| Trouble::usage(format!("`{}` is not text", path.display())))
    }

    /// Opens a blob of the right size.
    ///
    /// # Errors
    /// It is not there, or has another size than it should have.
    pub fn open(&self, blob: &Blob) -> Result<File> {
        let path = self.blob(blob);
        let file = open(&path).map_err(|error| missing(&path, "a file of the image", &error))?;
        let size = file.metadata().map_or(0, |meta| meta.len());
        if size != blob.size {
            return Err(Trouble::usage(format!(
                "the file `{}` has another size than it should have",
                blob.sha256
            ))
            .because(format!("it has {size} bytes, and the document that names it says {}", blob.size))
            .hint("the image is damaged or was not copied to the end: make it, or fetch it, once more"));
        }
        Ok(file)
    }

    /// The manifest of an image, by name where one is given.
    ///
    /// # Errors
    /// The layout is none, has no such image, or none for this machine.
    pub fn manifest(&self, name: Option<&str>) -> Result<Blob> {
        if !self.directory.is_dir() {
            return Err(Trouble::usage(format!("there is no directory `{}`", self.directory.display()))
                .hint("an image layout is a directory with `index.json` and `blobs`"));
        }
        let marker = self.read("oci-layout")?;
        if serde_json::from_str::<serde_json::Value>(&marker)
            .ok()
            .and_then(|layout| Some(layout.get("imageLayoutVersion")?.as_str()?.starts_with("1.")))
            != Some(true)
        {
            let directory = self.directory.display();
            return Err(Trouble::usage(format!("`{directory}` is not an image layout of version 1"))
                .because("`oci-layout` does not say so"));
        }
        let mut chosen = document::choose(&self.read("index.json")?, name)?;
        // An index for several platforms may stand between; one that leads to itself ends here too.
        for _ in 0..4 {
            match chosen {
                Chosen::Manifest(blob) => return Ok(blob),
                Chosen::Index(blob) => chosen = document::choose(&self.document(&blob)?, None)?,
            }
        }
        Err(Trouble::usage("the index leads to an index, and on, and on"))
    }

    /// The image of a manifest.
    ///
    /// # Errors
    /// A document is missing, damaged, or does not fit the others.
    pub fn image(&self, manifest: &Blob) -> Result<Image> {
        let (config, layers) = document::parts(&self.document(manifest)?)?;
        let (config, layers) = document::fitting(&self.document(&config)?, layers)?;
        Ok(Image { config, layers })
    }

    /// The config that a manifest names.
    ///
    /// # Errors
    /// The manifest is missing or damaged.
    pub fn config(&self, manifest: &Blob) -> Result<Blob> {
        document::parts(&self.document(manifest)?).map(|(config, _)| config)
    }

    /// Whether a blob is there as its digest says.
    pub fn is_whole(&self, blob: &Blob) -> bool {
        let Ok(file) = self.open(blob) else { return false };
        let mut hashing = Hashing::new(file);
        io::copy(&mut hashing, &mut io::sink()).is_ok() && hashing.digest() == blob.sha256
    }
}

/// Opens a regular file; a pipe that nobody writes to would hold rlab up.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

fn missing(path: &Path, what: &str, error: &io::Error) -> Trouble {
    Trouble::usage(format!("cannot read `{what}` at `{}`", path.display()))
        .because(error)
        .hint("the image is not complete: make it, or fetch it, once more")
}

fn bounded(file: File, path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| cannot("read", path, error))?;
    if bytes.len() as u64 > most {
        return Err(Trouble::usage(format!("`{}` is too long for what it should be", path.display()))
            .because(format!("more than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// What is in a blob is not what its name says.
pub(super) fn other_digest(blob: &Blob, found: &str) -> Trouble {
    Trouble::usage(format!("the file `{}` is not what its digest says", blob.sha256))
        .because(format!("its bytes have the digest sha256:{found}"))
        .hint("the image is damaged, or somebody has changed it: make it, or fetch it, once more")
}

/// A blob that is being written.
#[derive(Debug)]
pub struct NewBlob {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
}

impl NewBlob {
    /// It gets its name.
    ///
    /// # Errors
    /// A full disk.
    pub fn finish(self) -> Result<Blob> {
        let blob = Blob { sha256: hex(self.hash.clone().finalize().as_slice()), size: self.size };
        fs::rename(&self.path, self.path.with_file_name(&blob.sha256))
            .map_err(|error| cannot("write", &self.path, error))?;
        Ok(blob)
    }
}

impl Write for NewBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        // Renamed where it was finished; otherwise nobody wants it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads or writes on, and computes the digest of what went through.
#[derive(Debug)]
pub struct Hashing<T> {
    inner: T,
    hash: Sha256,
}

impl<T> Hashing<T> {
    /// From here on.
    pub fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// The digest of everything so far, as hexadecimal digits.
    pub fn digest(&self) -> String {
        hex(self.hash.clone().finalize().as_slice())
    }

    /// What it goes through to.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// What it goes through to.
    pub fn inner(&self) -> &T {
        &self.inner
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
