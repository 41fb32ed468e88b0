//! The kernel's own log, for the line about an out-of-memory kill (`/dev/kmsg`, dev-kmsg of the kernel documents).

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// Reads what the kernel logs from now on. `None` where the log is closed to us (`kernel.dmesg_restrict`, containers).
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// Opens the log at its end.
    pub fn open() -> Option<Self> {
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self(file))
    }

    /// The messages since the last call, oldest first.
    pub fn news(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        // One read gives one record; EPIPE means that the log ran over and the next read goes on behind the gap.
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return lines,
                Ok(length) => {
                    let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default()).into_owned();
                    let message = text.split_once(';').map_or(text.as_str(), |(_, message)| message);
                    lines.push(message.lines().next().unwrap_or_default().to_owned());
                }
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(_) => return lines,
            }
        }
    }
}

/// PID on the host and name of the process that a line tells was killed.
pub fn killed(line: &str) -> Option<(i32, String)> {
    let rest = line.split_once("Killed process ")?.1;
    let (pid, rest) = rest.split_once(" (")?;
    // A name may hold anything, parentheses too: it ends at the last one before the sizes.
    let (name, _) = rest.rsplit_once(") total-vm:").or_else(|| rest.rsplit_once(')'))?;
    Some((pid.parse().ok()?, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kill_line_names_its_victim() {
        let line = "Memory cgroup out of memory: Killed process 24170 (sh) total-vm:12000kB, anon-rss:6800kB";
        assert_eq!(killed(line), Some((24170, "sh".to_owned())));
        let odd = "Memory cgroup out of memory: Killed process 7 (a) (b)) total-vm:12000kB, anon-rss:6800kB";
        assert_eq!(killed(odd), Some((7, "a) (b)".to_owned())));
        assert_eq!(killed("oom-kill:constraint=CONSTRAINT_MEMCG"), None);
    }

    proptest! {
        #[test]
        fn a_victim_of_any_name_is_named(pid in 1..i32::MAX, name in "[ -~]{1,15}", noise in "\\PC{0,60}") {
            let line = format!("Out of memory: Killed process {pid} ({name}) total-vm:12000kB, anon-rss:6800kB");
            prop_assert_eq!(killed(&line), Some((pid, name)));
            drop(killed(&noise));
        }
    }
}
