//! What is kept between sessions, under the XDG state directory: the progress and the history of lines.
//!
//! Nothing here is worth stopping a lesson for: a failure is one note, and the session goes on without.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::session::progress::{FORMAT, Progress};

/// The state directory of rlab.
pub struct State {
    dir: Option<PathBuf>,
    /// The progress as it is on disk, so that it is written only when it changed.
    saved: Progress,
    /// Whether progress may be written.
    writes: bool,
}

/// What was found.
pub struct Found {
    /// The directory, for later.
    pub state: State,
    /// The progress; the default one where there was none.
    pub progress: Progress,
    /// Whether someone was here before.
    pub returning: bool,
    /// What the learner should know.
    pub notes: Vec<String>,
}

impl State {
    /// Opens the state directory and reads the progress.
    pub fn open() -> Found {
        Self::open_in(directory(|name| std::env::var_os(name).map(PathBuf::from)))
    }

    fn open_in(dir: Option<PathBuf>) -> Found {
        let mut found = Found {
            state: Self { dir: None, saved: Progress::default(), writes: true },
            progress: Progress::default(),
            returning: false,
            notes: Vec::new(),
        };
        let Some(dir) = dir else {
            found
                .notes
                .push("your progress is not kept: neither `XDG_STATE_HOME` nor `HOME` is set".to_owned());
            return found;
        };
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        if let Err(error) = made {
            found.notes.push(format!("your progress is not kept: `{}`: {error}", dir.display()));
            return found;
        }
        let file = dir.join("progress.json");
        found.state.dir = Some(dir);
        match fs::read(&file) {
            Ok(bytes) => found.read(&file, &bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                found.state.writes = false;
                found.notes.push(format!("your progress cannot be read: `{}`: {error}", file.display()));
            }
        }
        found
    }

    /// The file of the history, where there is a directory for it.
    pub fn history(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("history"))
    }

    /// Writes the progress if it changed. The old one stays whole until the new one is.
    ///
    /// # Errors
    /// A sentence for the learner, once: after it nothing is written any more.
    pub fn save(&mut self, progress: &Progress) -> Result<(), String> {
        let Some(dir) = self.dir.as_ref().filter(|_| self.writes && *progress != self.saved) else {
            return Ok(());
        };
        let file = dir.join("progress.json");
        replace(&file, progress).map_err(|error| {
            self.writes = false;
            format!("your progress is not kept any more: `{}`: {error}", file.display())
        })?;
        self.saved = progress.clone();
        Ok(())
    }
}

impl Found {
    fn read(&mut self, file: &Path, bytes: &[u8]) {
        self.returning = true;
        match serde_json::from_slice::<Progress>(bytes) {
            Ok(progress) if progress.format == FORMAT => {
                self.state.saved = progress.clone();
                self.progress = progress;
            }
            Ok(progress) => {
                self.state.writes = false;
                self.notes.push(format!(
                    "your progress is of format {}, which a newer rlab wrote: it is left as it is, and this session \
                     is not kept",
                    progress.format
                ));
            }
            Err(error) => {
                let aside = file.with_extension("json.damaged");
                let set_aside = match fs::rename(file, &aside) {
                    Ok(()) => format!("it is set aside as `{}`", aside.display()),
                    Err(error) => format!("and it cannot be set aside: {error}"),
                };
                self.notes
                    .push(format!("your progress cannot be read ({error}); {set_aside}, and you begin anew"));
            }
        }
    }
}

/// `$XDG_STATE_HOME/rlab`, or `~/.local/state/rlab` (XDG Base Directory Specification: a relative path is ignored).
fn directory(env: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| env(name).filter(|path| path.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("rlab"))
}

fn replace(file: &Path, progress: &Progress) -> std::io::Result<()> {
    let new = file.with_extension(format!("new.{}", std::process::id()));
    let mut text = serde_json::to_vec_pretty(progress)?;
    text.push(b'\n');
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut f| f.write_all(&text))
        .and_then(|()| fs::rename(&new, file));
    if written.is_err() {
        // Half a file on a full disk helps nobody; if it cannot be removed either, the error says enough.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn progress() -> Progress {
        let mut progress = Progress::default();
        progress.finish("chroot", "root");
        progress
    }

    #[test]
    fn progress_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/rlab");
        let mut found = State::open_in(Some(dir.clone()));
        assert!(!found.returning && found.notes.is_empty());
        found.state.save(&progress()).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);

        let found = State::open_in(Some(dir.clone()));
        assert_eq!(found.progress, progress());
        assert!(found.returning);
        let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["progress.json"], "nothing else is left there");
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_told() {
        let home = tempfile::tempdir().unwrap();
        for bad in [&b""[..], b"{", b"\xff\xfe", b"[]", b"{\"format\":\"x\"}"] {
            fs::write(home.path().join("progress.json"), bad).unwrap();
            let mut found = State::open_in(Some(home.path().to_owned()));
            assert_eq!(found.notes.len(), 1, "{bad:?}");
            assert_eq!(fs::read(home.path().join("progress.json.damaged")).unwrap(), bad);
            found.state.save(&progress()).unwrap();
            assert_eq!(State::open_in(Some(home.path().to_owned())).progress, progress());
        }
    }

    #[test]
    fn progress_of_a_newer_rlab_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let newer = br#"{"format":2,"at":null,"done":{},"medals":3}"#;
        fs::write(home.path().join("progress.json"), newer).unwrap();
        let mut found = State::open_in(Some(home.path().to_owned()));
        assert_eq!(found.notes.len(), 1);
        found.state.save(&progress()).unwrap();
        assert_eq!(fs::read(home.path().join("progress.json")).unwrap(), newer);
    }

    #[test]
    fn the_directory_is_where_xdg_says() {
        let env = |pairs: &'static [(&str, &str)]| {
            directory(|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| PathBuf::from(v)))
        };
        assert_eq!(env(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some("/s/rlab".into()));
        assert_eq!(env(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]), Some("/h/.local/state/rlab".into()));
        assert_eq!(env(&[]), None);
    }

    #[test]
    fn without_a_place_the_session_goes_on() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let mut found = State::open_in(Some(home.path().join("file/rlab")));
        assert_eq!(found.notes.len(), 1);
        assert_eq!(found.state.save(&progress()), Ok(()));
        assert!(found.state.history().is_none());
    }
}
