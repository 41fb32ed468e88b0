//! The lines of earlier sessions: one file under the state directory that several sessions may write at once.
//!
//! A line is appended under a lock (flock(2)), whole or not at all, so a full disk costs no older line and two sessions
//! lose none of each other's. The format is rustyline's: `#V2`, then one entry a line, `\n` and `\\` escaped.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// The first line of the file.
const HEADER: &str = "#V2\n";
/// Bytes of the file's end that are read. What is older is forgotten.
const KEPT: u64 = 128 << 10;
/// Bytes at which the file is cut down to [`KEPT`].
const LIMIT: u64 = 4 * KEPT;
/// Bytes of one line that is worth remembering.
const LONGEST: usize = 8 << 10;
/// How often, and how long, another session is waited for; it needs the lock for less than a millisecond.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);
/// Entries that the editor keeps.
pub const ENTRIES: usize = 2000;

/// Whether a line is worth remembering: not one with bytes that a terminal would act on.
pub fn worth(line: &str) -> bool {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    !line.trim().is_empty() && line.len() <= LONGEST && !line.contains(odd)
}

/// The entries, oldest first. A file that is not there or cannot be read has none; what is damaged in it is left out.
pub fn load(path: &Path) -> Vec<String> {
    let Ok(bytes) = File::open(path).and_then(|mut file| tail(&mut file)) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let entries = text.lines().filter(|line| *line != HEADER.trim_end()).map(unescaped);
    let mut entries: Vec<String> = entries.filter(|entry| worth(entry)).collect();
    entries.drain(..entries.len().saturating_sub(ENTRIES));
    entries
}

/// Appends one entry.
///
/// # Errors
/// A directory that is read-only, a full disk. Then the file is as it was.
pub fn append(path: &Path, entry: &str) -> std::io::Result<()> {
    let mut file = locked(path)?;
    let before = file.metadata()?.len();
    let mut record = if before == 0 { HEADER.to_owned() } else { String::new() };
    if before > 0 && last_byte(&mut file)? != b'\n' {
        // Somebody was cut short.
        record.push('\n');
    }
    record.push_str(&escaped(entry));
    record.push('\n');
    if let Err(error) = file.write_all(record.as_bytes()) {
        let _ = file.set_len(before);
        return Err(error);
    }
    if before > LIMIT { cut(path, &mut file) } else { Ok(()) }
}

/// The file, locked. Another session may have put a shorter one in its place while this one waited.
fn locked(path: &Path) -> std::io::Result<File> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        lock(&file);
        // A file that was there before may be anybody's to read.
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            let _ = file.set_permissions(fs::Permissions::from_mode(0o600));
        }
        let same =
            fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|ours| now.ino() == ours.ino()));
        if same {
            return Ok(file);
        }
    }
}

/// Waits for the lock, but not for ever: a session that is stopped while it holds it must not stop every other. A file
/// system without locks has none to wait for.
fn lock(file: &File) {
    for _ in 0..TRIES {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
            _ => return,
        }
    }
}

/// Puts the end of the file in place of all of it.
fn cut(path: &Path, file: &mut File) -> std::io::Result<()> {
    let kept = tail(file)?;
    let new = path.with_extension(format!("new.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut short| short.write_all(HEADER.as_bytes()).and_then(|()| short.write_all(&kept)))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// The last [`KEPT`] bytes, from the beginning of a line on.
fn tail(file: &mut File) -> std::io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(KEPT);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::with_capacity((length - from) as usize);
    file.take(KEPT).read_to_end(&mut bytes)?;
    if from > 0 {
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.drain(..line);
    }
    Ok(bytes)
}

fn last_byte(file: &mut File) -> std::io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn escaped(entry: &str) -> String {
    entry.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescaped(line: &str) -> String {
    if !line.contains('\\') {
        return line.to_owned();
    }
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('\\') | None) => out.push('\\'),
            ('\\', Some(other)) => out.extend(['\\', other]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_whole_and_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("history");
        let entries = ["ps -A", "echo 'one\ntwo'", r"printf '\n\\n' \", "é ▸"];
        for entry in entries {
            append(&path, entry).unwrap();
        }
        assert_eq!(load(&path), entries);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_costs_only_what_is_damaged() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("history");
        fs::write(&path, b"#V2\nps\n\xff\xfe\x00\x1b[2J\n\nls /\nhalf a li").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load(&path), ["ps", "ls /", "half a li"]);
        append(&path, "id").unwrap();
        assert_eq!(load(&path), ["ps", "ls /", "half a li", "id"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn two_writers_lose_nothing_and_the_file_stays_small() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("history");
        let long = "x".repeat(4000);
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let (path, long) = (&path, &long);
                scope.spawn(move || {
                    for number in 0..400 {
                        append(path, &format!("echo {writer} {number} {long}")).unwrap();
                    }
                });
            }
        });
        assert!(fs::metadata(&path).unwrap().len() <= LIMIT + 5000);
        let entries = load(&path);
        for writer in 0..2 {
            let numbers: Vec<u32> = entries
                .iter()
                .filter_map(|entry| entry.strip_prefix(&format!("echo {writer} ")))
                .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
                .collect();
            // The oldest are forgotten, in between none is missing.
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
        }
        assert!(entries.len() > 25);
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["history"]);
    }

    #[test]
    fn a_link_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("history");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(append(&path, "ps").is_err());
    }
}
