//! The container's file system as a tar archive, as `docker import` takes it, without building it first.

use std::fs;
use std::io::{self, Write};

use tar::{Builder, EntryType, Header};

use crate::recipe::outcome::Work;
use crate::sandbox::rootfs::Manifest;

impl Manifest {
    /// Writes the archive. The other names of a program are hard links in it, too; owner and times are nobody's, so that
    /// two archives of the same tools are the same.
    ///
    /// # Errors
    /// A full disk, a file that may not be read.
    pub fn pack(&self, archive: impl Write, work: &mut dyn FnMut(Work)) -> io::Result<()> {
        let mut archive = Builder::new(archive);
        for directory in &self.directories {
            let mut header = header(EntryType::Directory, 0);
            archive.append_data(&mut header, format!("{directory}/"), io::empty())?;
        }
        let sizes = self.files.values().map(|source| fs::metadata(source).map_or(0, |meta| meta.len()));
        let (mut done, whole) = (0, sizes.sum());
        for (inside, source) in &self.files {
            work(Work::Copying(done, whole));
            let file = fs::File::open(source)?;
            let size = file.metadata()?.len();
            archive.append_data(&mut header(EntryType::Regular, size), inside, file)?;
            done += size;
        }
        for (inside, target) in &self.links {
            let beside = inside.rsplit_once('/').map_or("", |(directory, _)| directory);
            archive.append_link(&mut header(EntryType::Link, 0), inside, format!("{beside}/{target}"))?;
        }
        for (inside, text) in self.texts.iter().chain(&self.scripts) {
            let mut header = header(EntryType::Regular, text.len() as u64);
            if self.texts.contains_key(inside) {
                header.set_mode(0o644);
            }
            archive.append_data(&mut header, inside, text.as_bytes())?;
        }
        archive.into_inner()?.flush()
    }
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(size);
    header
}
