//! Reading one lab file, whatever its name leads to: never more than a limit, never without an end.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Result, Trouble};

/// No lab is as large by far, and a larger file is something else. The book names it.
const LARGEST: u64 = 4 << 20;

/// How long whoever writes into a pipe may say nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a silent pipe is asked again.
const PAUSE: Duration = Duration::from_millis(10);

/// Who chose the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// It lies in a directory of labs: a file and nothing else.
    Found,
    /// It was named on purpose: a pipe will do, as in `rlab check <(generate)`.
    Named,
}

/// The text of one lab file.
///
/// # Errors
/// It is not there or may not be read, it is too large, it is no file, it is not UTF-8.
pub(super) fn text(file: &Path, chosen: Chosen) -> Result<String> {
    let cannot = || Trouble::usage(format!("the lab file `{}` cannot be read", file.display()));
    let failed = |error: std::io::Error| {
        let hint = match error.kind() {
            ErrorKind::NotFound if file.is_symlink() => {
                format!("it is a link that leads nowhere: look at it with `ls -l {}`", file.display())
            }
            ErrorKind::NotFound => format!("`rlab new {}` writes one to start from", file.display()),
            _ => format!("look at it with `ls -ld {}`", file.display()),
        };
        cannot().because(error).hint(hint)
    };
    // Asked before it is opened: to open a device may already do something.
    let kind = fs::metadata(file).map_err(failed)?.file_type();
    let pipe = kind.is_fifo() && chosen == Chosen::Named;
    if !kind.is_file() && !kind.is_dir() && !pipe {
        return Err(cannot()
            .because(format!("it is {}, not a file", named(kind)))
            .hint("a lab is a file of text"));
    }
    // To open a pipe that nobody writes into would wait without an end.
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file).map_err(failed)?;
    let bytes = read(opened).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(cannot()
            .because(format!("it has more than {} MiB, which no lab needs", LARGEST >> 20))
            .hint("look whether it is the file that you mean"));
    }
    if pipe && bytes.is_empty() {
        return Err(cannot()
            .because("nobody writes into this pipe")
            .hint("name a file, or write into the pipe first"));
    }
    String::from_utf8(bytes).map_err(|error| {
        cannot()
            .because(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1))
            .hint("save the file as UTF-8")
    })
}

/// What is no file, in words.
fn named(kind: fs::FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Everything, and one byte more than is allowed where there is more.
fn read(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = file.take(LARGEST + 1);
    let mut last = Instant::now();
    loop {
        let before = bytes.len();
        match limited.read_to_end(&mut bytes) {
            Ok(_) => return Ok(bytes),
            // What was read before stays read.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if bytes.len() > before {
                    last = Instant::now();
                } else if last.elapsed() > PATIENCE {
                    return Err(ErrorKind::TimedOut.into());
                }
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}
