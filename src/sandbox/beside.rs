//! A directory of the caller's that appears whole or not at all: it is filled beside its place, under another name, and
//! renamed when nothing more can go wrong.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trouble};
use crate::kernel::signals::Interrupts;
use crate::sandbox::owner;

/// A directory on its way. Dropped before [`Self::appear`], it is removed.
#[derive(Debug)]
pub struct Beside {
    place: PathBuf,
    path: PathBuf,
    interrupts: Option<Interrupts>,
    appeared: bool,
}

impl Beside {
    /// Begins one for this place, which must not be there yet, or be an empty directory.
    ///
    /// # Errors
    /// Something is there (2), its parent is not, or may not be written.
    pub fn make(place: &Path) -> Result<Self> {
        let cannot = || Trouble::usage(format!("cannot write to `{}`", place.display()));
        let another = "choose another name; what is there is never overwritten";
        let place = match fs::read_dir(place) {
            // A link to an empty directory is as good as the directory; a rename would replace the link.
            Ok(mut entries) => match entries.next() {
                None => fs::canonicalize(place).map_err(|error| cannot().because(error))?,
                Some(_) => return Err(cannot().because("the directory is not empty").hint(another)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound && place.symlink_metadata().is_err() => {
                place.to_owned()
            }
            Err(error) => return Err(cannot().because(error).hint(another)),
        };
        let Some(name) = place.file_name() else {
            return Err(cannot()
                .because("it names no directory of its own")
                .hint("name one that is not there yet"));
        };
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(".");
        beside.push(owner::own_name());
        let path = place.with_file_name(beside);
        // From now on a signal waits until there is nothing half done.
        let interrupts = Interrupts::listen().ok();
        fs::create_dir(&path).map_err(|error| {
            let trouble = cannot().because(&error);
            match error.kind() {
                ErrorKind::NotFound => trouble.hint("make the directory above it first"),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    trouble.hint("choose a directory that you may write to")
                }
                _ => trouble,
            }
        })?;
        Ok(Self { place, path, interrupts, appeared: false })
    }

    /// Where to write for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into it.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path.join(name), text).map_err(|error| self.failed(name, &error))
    }

    /// What went wrong with a file in it.
    pub fn failed(&self, name: &str, error: &std::io::Error) -> Trouble {
        Trouble::sandbox(format!("cannot write `{}`", self.place.join(name).display()))
            .because(error)
            .hint("nothing was left behind: make room, then try once more")
    }

    /// Everything is written: it takes its place.
    ///
    /// # Errors
    /// A signal came meanwhile (130); somebody else has put something there.
    pub fn appear(mut self) -> Result<PathBuf> {
        if self.interrupts.as_mut().is_some_and(|interrupts| interrupts.take().is_some()) {
            return Err(Trouble::interrupted("interrupted: nothing was written"));
        }
        fs::rename(&self.path, &self.place).map_err(|error| {
            Trouble::usage(format!("cannot write to `{}`", self.place.display()))
                .because(error)
                .hint("choose another name; what is there is never overwritten")
        })?;
        self.appeared = true;
        Ok(self.place.clone())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.appeared {
            // There is nobody to tell but the one who is told already why it did not appear.
            let _ = owner::remove_tree(&self.path);
        }
    }
}
