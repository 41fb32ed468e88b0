//! What is kept between sessions, under the XDG state directory: the progress and the history of lines.
//!
//! Nothing here is worth stopping a lesson for: a failure is one note, and the session goes on without. And nothing that
//! was kept is ever lost: a file that cannot be read is set aside, and two sessions at once add to one file, each under
//! a lock.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::sandbox::owner;
use crate::session::progress::{self, Progress};

/// How long another session may hold the lock. It needs it for less than a millisecond; one that is stopped at just
/// this moment must not stop every other.
const PATIENCE: Duration = Duration::from_secs(2);

/// The extension of a progress that is being written, before the name of the rlab that writes it.
const NEW: &str = "new.";

/// The state directory of rlab.
pub struct State {
    dir: Option<PathBuf>,
    /// The progress as this session knows it to be kept: what differs from it is this session's doing.
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

/// What a save came to.
pub struct Saved {
    /// What is kept now, by this session and others; `None` where nothing was written.
    pub kept: Option<Progress>,
    /// What the learner should know. After a failure nothing is written any more, so it is told once.
    pub note: Option<String>,
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
        found.returning = dir.join("progress.json").symlink_metadata().is_ok();
        match read(&dir) {
            Ok((progress, note)) => {
                found.state.saved = progress.clone();
                found.progress = progress;
                found.notes.extend(note);
            }
            Err(error) => {
                found.state.writes = false;
                found.notes.push(format!("your progress is not kept: {error}"));
            }
        }
        found.state.dir = Some(dir);
        found
    }

    /// Removes what a dead rlab had begun to write. There is time for it once the learner reads.
    pub fn tidy(&self) {
        if let Some(dir) = &self.dir {
            collect_in(dir);
        }
    }

    /// Whether what is done from now on is kept.
    pub fn keeps(&self) -> bool {
        self.dir.is_some() && self.writes
    }

    /// The file of the history, where there is a directory for it.
    pub fn history(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("history"))
    }

    /// The file of the progress, where there is a directory for it.
    pub fn file(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("progress.json"))
    }

    /// Adds what this session has changed to what is kept. The old file stays whole until the new one is.
    pub fn save(&mut self, mine: &Progress) -> Saved {
        let Some(dir) = self.dir.clone().filter(|_| self.writes && *mine != self.saved) else {
            return Saved { kept: None, note: None };
        };
        let mut note = None;
        let written = change(&dir, |kept, set_aside| {
            // What was set aside had what this session did before: all of it goes into the new file.
            let nothing = Progress::default();
            let merged = kept.merged(if set_aside.is_some() { &nothing } else { &self.saved }, mine);
            note = set_aside;
            (merged.clone(), merged)
        });
        match written {
            Ok(merged) => {
                self.saved = merged.clone();
                Saved { kept: Some(merged), note }
            }
            Err(error) => {
                self.writes = false;
                Saved { kept: None, note: Some(format!("your progress is not kept any more: {error}")) }
            }
        }
    }

    /// Forgets a lab. Says how many of its steps were done, or `None` where nothing was remembered of it.
    ///
    /// # Errors
    /// A sentence: why it could not be forgotten.
    pub fn forget(&mut self, lab: &str) -> Result<Option<usize>, String> {
        let Some(dir) = self.dir.clone().filter(|_| self.writes) else { return Ok(None) };
        change(&dir, |mut kept, _| {
            let forgotten = kept.forget(lab);
            (kept, forgotten)
        })
    }
}

/// Changes what is kept, alone: no other session reads or writes meanwhile. `change` is also told what was set aside.
fn change<T>(
    dir: &Path,
    change: impl FnOnce(Progress, Option<String>) -> (Progress, T),
) -> Result<T, String> {
    let file = dir.join("progress.json");
    let told = |error: std::io::Error| format!("`{}`: {error}", file.display());
    let _alone = lock(dir).map_err(told)?;
    let (kept, note) = take(&file).map_err(told)?;
    let (new, result) = change(kept, note);
    replace(&file, &new).map_err(told)?;
    Ok(result)
}

/// Reads what is kept. A file that cannot be read as progress is set aside.
fn read(dir: &Path) -> Result<(Progress, Option<String>), String> {
    let file = dir.join("progress.json");
    let told = |error: std::io::Error| format!("`{}`: {error}", file.display());
    match fs::read(&file).map(|bytes| Progress::read(&bytes)) {
        Ok(progress::Found::Progress(progress)) => return Ok((progress, None)),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Progress::default(), None)),
        Err(error) => return Err(told(error)),
        Ok(_) => {}
    }
    // Another session may have set it aside and begun a new one by now: looked at once more, alone.
    let _alone = lock(dir).map_err(told)?;
    take(&file).map_err(told)
}

/// What is kept, while nobody else writes; what is no progress is set aside under a name of its own, and told.
fn take(file: &Path) -> std::io::Result<(Progress, Option<String>)> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Progress::default(), None)),
        Err(error) => return Err(error),
    };
    let (kind, why) = match Progress::read(&bytes) {
        progress::Found::Progress(progress) => return Ok((progress, None)),
        progress::Found::Newer(format) => {
            (format!("format-{format}"), format!("is of format {format}, which a newer rlab wrote"))
        }
        progress::Found::Damaged(why) => ("damaged".to_owned(), format!("cannot be read ({why})")),
    };
    let aside = unused(file, &kind);
    fs::rename(file, &aside)?;
    let note = format!(
        "the file of your progress {why}: it is set aside as `{}`, and a new one begins",
        aside.display()
    );
    Ok((Progress::default(), Some(note)))
}

/// `progress.json.damaged`, or the first of `progress.json.damaged.2`… that is free: what was set aside before stays.
fn unused(file: &Path, kind: &str) -> PathBuf {
    let first = file.with_extension(format!("json.{kind}"));
    let others = (2..).map(|n| file.with_extension(format!("json.{kind}.{n}")));
    let free = |path: &PathBuf| path.symlink_metadata().is_err();
    std::iter::once(first.clone()).chain(others).find(free).unwrap_or(first)
}

/// Takes the lock of the directory (flock(2)); it ends with the value, or with the process.
fn lock(dir: &Path) -> std::io::Result<Flock<File>> {
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).to_owned();
    let mut file = options.open(dir.join("progress.lock"))?;
    let until = Instant::now() + PATIENCE;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) if Instant::now() < until => file = same,
            Err((_, Errno::EWOULDBLOCK)) => {
                return Err(std::io::Error::other("another rlab holds its lock and does not let go"));
            }
            Err((_, errno)) => return Err(errno.into()),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The state directory, which need not be there yet.
pub fn kept_in() -> Option<PathBuf> {
    directory(|name| std::env::var_os(name).map(PathBuf::from))
}

/// `$XDG_STATE_HOME/rlab`, or `~/.local/state/rlab` (XDG Base Directory Specification: a relative path is ignored).
fn directory(env: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| env(name).filter(|path| path.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("rlab"))
}

/// Removes what an rlab that was killed while it wrote has left here, and tells what.
pub fn collect() -> Vec<PathBuf> {
    directory(|name| std::env::var_os(name).map(PathBuf::from))
        .map(|dir| collect_in(&dir))
        .unwrap_or_default()
}

fn collect_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let census = owner::Census::default();
    let is_left = |name: &str| {
        name.strip_prefix("progress.")
            .and_then(|name| name.strip_prefix(NEW))
            .is_some_and(|name| census.is_dead(name))
    };
    entries
        .filter(|entry| is_left(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        // Whether it goes now or at the next start matters to nobody.
        .filter(|path| fs::remove_file(path).is_ok())
        .collect()
}

fn replace(file: &Path, progress: &Progress) -> std::io::Result<()> {
    let new = file.with_extension(format!("{NEW}{}", owner::own_name()));
    let mut text = serde_json::to_vec_pretty(progress)?;
    text.push(b'\n');
    let written = OpenOptions::new()
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
    use crate::session::progress::{Attempt, FORMAT};
    use std::os::unix::fs::PermissionsExt;

    fn progress() -> Progress {
        let mut progress = Progress::default();
        progress.finish("chroot", "root");
        progress
    }

    fn open(dir: &Path) -> Found {
        State::open_in(Some(dir.to_owned()))
    }

    fn save(state: &mut State, progress: &Progress) -> Progress {
        let Saved { kept, note } = state.save(progress);
        assert_eq!(note, None);
        kept.expect("it was written")
    }

    #[test]
    fn progress_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/rlab");
        let mut found = open(&dir);
        assert!(!found.returning && found.notes.is_empty());
        save(&mut found.state, &progress());
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);

        let found = open(&dir);
        assert_eq!(found.progress, progress());
        assert!(found.returning);
        let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["progress.json", "progress.lock"], "nothing else is left there");
    }

    #[test]
    fn the_first_format_is_read_and_written_in_todays() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("progress.json");
        let old = br#"{"format":1,"at":{"lab":"chroot","step":"look"},"done":{"chroot":["chroot","tools"]}}"#;
        fs::write(&file, old).unwrap();
        let mut found = open(home.path());
        assert!(found.notes.is_empty() && found.returning);
        let mut progress = found.progress;
        assert!(progress.is_done("chroot", "tools") && progress.is_done("chroot", "chroot"));
        assert_eq!(progress.at.as_ref().unwrap().step.as_deref(), Some("look"));
        progress.note("chroot", "look", Attempt { tries: 1, ..Attempt::default() });
        assert_eq!(save(&mut found.state, &progress), progress);
        assert_eq!(open(home.path()).progress, progress);
        assert!(fs::read_to_string(&file).unwrap().contains(&format!("\"format\": {FORMAT}")));
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_and_never_lost() {
        let home = tempfile::tempdir().unwrap();
        let newer = br#"{"format":3,"at":null,"done":{},"medals":3}"#;
        let bad = [&b""[..], b"{", b"\xff\xfe", b"[]", b"{\"format\":\"x\"}", b"{\"format\":0}", newer];
        let (mut names, mut kept) = (Vec::new(), Vec::new());
        for bad in bad {
            fs::write(home.path().join("progress.json"), bad).unwrap();
            let mut found = open(home.path());
            let [note] = found.notes.as_slice() else { panic!("{:?}", found.notes) };
            let name = note.rsplit('`').nth(1).expect("it says where").to_owned();
            assert!(!names.contains(&name), "{name} twice");
            names.push(name);
            kept.push(bad);
            save(&mut found.state, &progress());
            assert_eq!(open(home.path()).progress, progress());
        }
        for (name, bad) in names.iter().zip(kept) {
            assert_eq!(fs::read(name).unwrap(), bad, "{name}");
        }
        assert!(names.last().unwrap().ends_with("progress.json.format-3"));
    }

    #[test]
    fn a_file_that_goes_bad_while_the_session_lives_is_set_aside_too() {
        let home = tempfile::tempdir().unwrap();
        let mut found = open(home.path());
        save(&mut found.state, &progress());
        fs::write(home.path().join("progress.json"), b"{").unwrap();
        let mut more = progress();
        more.finish("chroot", "look");
        let Saved { kept, note } = found.state.save(&more);
        assert!(note.unwrap().contains("progress.json.damaged"));
        assert_eq!(kept.unwrap(), more);
        assert_eq!(fs::read(home.path().join("progress.json.damaged")).unwrap(), b"{");
    }

    #[test]
    fn two_sessions_at_once_keep_what_both_did() {
        let home = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (open(home.path()), open(home.path()));
        let attempt = |session| Attempt { began: 1, session, tries: session, ..Attempt::default() };
        one.progress.finish("chroot", "a");
        one.progress.note("chroot", "a", attempt(1));
        save(&mut one.state, &one.progress);
        other.progress.finish("chroot", "b");
        other.progress.note("chroot", "a", attempt(2));
        let kept = save(&mut other.state, &other.progress);
        assert!(kept.is_done("chroot", "a") && kept.is_done("chroot", "b"));
        assert_eq!(kept.attempts("chroot", "a"), [attempt(1), attempt(2)]);

        // What a third one forgets meanwhile is not brought back by those that have seen it.
        assert_eq!(open(home.path()).state.forget("chroot"), Ok(Some(2)));
        one.progress.finish("container", "c");
        let kept = save(&mut one.state, &one.progress);
        assert_eq!(kept.labs().into_iter().collect::<Vec<_>>(), ["container"]);
        assert_eq!(open(home.path()).state.forget("chroot"), Ok(None));
    }

    #[test]
    fn many_sessions_that_save_at_the_same_moment_lose_nothing() {
        let home = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for session in 0..4 {
                let dir = home.path();
                scope.spawn(move || {
                    let mut found = open(dir);
                    for step in 0..10 {
                        found.progress.finish("lab", &format!("{session}-{step}"));
                        found.progress = save(&mut found.state, &found.progress);
                    }
                });
            }
        });
        assert_eq!(open(home.path()).progress.done["lab"].len(), 40);
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
    fn half_a_progress_of_the_dead_is_collected_and_of_the_living_is_not() {
        let home = tempfile::tempdir().unwrap();
        let dead = owner::own_name().replacen(&std::process::id().to_string(), "4194304", 1);
        let names =
            [owner::own_name(), dead.as_str()].map(|name| home.path().join(format!("progress.new.{name}")));
        for name in &names {
            fs::write(name, "{").unwrap();
        }
        State::open_in(Some(home.path().to_owned())).state.tidy();
        assert!(names[0].exists() && !names[1].exists());
    }

    #[test]
    fn without_a_place_the_session_goes_on() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let mut found = open(&home.path().join("file/rlab"));
        assert_eq!(found.notes.len(), 1);
        let Saved { kept, note } = found.state.save(&progress());
        assert!(kept.is_none() && note.is_none(), "it was told when the session began");
        assert!(found.state.history().is_none());
    }
}
