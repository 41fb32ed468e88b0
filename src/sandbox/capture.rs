//! What a process writes: the pipes that it comes through, and as much of it as is kept.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::error::{Result, Trouble};
use crate::recipe::outcome::OUTPUT_LIMIT;

/// What a process wrote.
#[derive(Debug, Default)]
pub struct Output {
    /// To standard output.
    pub stdout: String,
    /// To standard error.
    pub stderr: String,
    /// Whether something beyond [`OUTPUT_LIMIT`] was thrown away.
    pub truncated: bool,
}

/// The pipes from which a process's output is read.
#[derive(Debug)]
pub struct Capture {
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    pipe: File,
    error: bool,
    open: bool,
    kept: Vec<u8>,
    truncated: bool,
}

impl Capture {
    /// Makes the pipes: the ends to read, and the descriptors for the process (input is empty).
    ///
    /// # Errors
    /// EMFILE.
    pub fn new() -> Result<(Self, [OwnedFd; 3])> {
        let failed = |errno: Errno| Trouble::sandbox("cannot make a pipe for the output").because(errno);
        let input = empty_input().map_err(failed)?;
        let (stdout, stdout_writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
        let (stderr, stderr_writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
        let mut streams = Vec::new();
        for (pipe, error) in [(stdout, false), (stderr, true)] {
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed)?;
            streams.push(Stream { pipe: pipe.into(), error, open: true, kept: Vec::new(), truncated: false });
        }
        Ok((Self { streams }, [input, stdout_writer, stderr_writer]))
    }

    /// The pipes that are open still: each becomes readable when something was written, or at its end.
    pub fn open(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.streams.iter().filter(|stream| stream.open).map(|stream| stream.pipe.as_fd())
    }

    /// Reads what is there. The sink is told `true` for standard error.
    pub fn drain(&mut self, sink: &mut dyn FnMut(&[u8], bool)) {
        let mut piece = [0; 16 * 1024];
        for stream in self.streams.iter_mut().filter(|stream| stream.open) {
            // A bounded number of pieces: a program that writes without end must not keep us from the interrupt.
            for _ in 0..64 {
                match stream.pipe.read(&mut piece) {
                    Ok(0) => {
                        stream.open = false;
                        break;
                    }
                    Ok(length) => {
                        let bytes = piece.get(..length).unwrap_or_default();
                        sink(bytes, stream.error);
                        let room = OUTPUT_LIMIT.saturating_sub(stream.kept.len()).min(length);
                        stream.truncated |= room < length;
                        stream.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        stream.open = error.kind() == std::io::ErrorKind::WouldBlock;
                        break;
                    }
                }
            }
        }
    }

    /// What was kept.
    pub fn into_output(self) -> Output {
        let mut output = Output::default();
        for stream in self.streams {
            let text = String::from_utf8_lossy(&stream.kept).into_owned();
            output.truncated |= stream.truncated;
            if stream.error { output.stderr = text } else { output.stdout = text }
        }
        output
    }
}

/// A descriptor from which nothing can be read. Not /dev/null: where rlab runs in a chroot there may be none.
///
/// # Errors
/// EMFILE.
pub fn empty_input() -> nix::Result<OwnedFd> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).map(|(input, _writer)| input)
}
