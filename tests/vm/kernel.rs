//! Debian's kernel packages: downloaded with apt and unpacked below `target/`, never installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use crate::support::repository;

/// An unpacked kernel.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// What the machine boots.
    pub(crate) image: PathBuf,
    /// `uname -r`.
    pub(crate) release: String,
    directory: PathBuf,
}

impl Kernel {
    /// The files of these modules, in this order; those that are built in have none.
    pub(crate) fn modules(&self, names: &[&str]) -> Vec<PathBuf> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.directory.join("lib/modules")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                match name.split_once(".ko") {
                    _ if path.is_dir() => directories.push(path),
                    Some((name, _)) => drop(found.insert(name.to_owned(), path)),
                    None => {}
                }
            }
        }
        names.iter().filter_map(|name| found.get(*name).cloned()).collect()
    }
}

/// The newest kernel of a series (`6.1`) that apt knows, unpacked. It is kept from run to run.
///
/// # Errors
/// What the script said: no apt, no such package, no network.
pub(crate) fn of_series(series: &str) -> Result<Kernel, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock();
    let directory = repository().join("target/vm").join(series);
    let script = repository().join("tests/vm/kernel.sh");
    let output = Command::new(&script).arg(series).arg(&directory).output();
    let output = output.map_err(|error| format!("{}: {error}", script.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let boot = directory.join("boot");
    let image = fs::read_dir(&boot).into_iter().flatten().flatten().find_map(|entry| {
        Some((entry.path(), entry.file_name().to_str()?.strip_prefix("vmlinuz-")?.to_owned()))
    });
    let (image, release) = image.ok_or_else(|| format!("no kernel in {}", boot.display()))?;
    Ok(Kernel { image, release, directory })
}
