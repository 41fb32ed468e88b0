//! What the child reports, as it writes it: no allocation, raw system calls only.

use std::ffi::c_long;

use super::{REPORT, raw};

/// How many reports are kept before they are written: less than a pipe takes in one piece (`PIPE_BUF`).
const KEPT: usize = 64;

/// What the child reports.
pub(super) struct Reports {
    pipe: i32,
    /// Whether reports are kept until [`Reports::write`], which saves a call each. Where somebody looks they are not: a
    /// child that is killed on its way has then told how far it came.
    pub(super) kept: bool,
    buffer: [[u8; REPORT]; KEPT],
    length: usize,
}

impl Reports {
    pub(super) const fn new(pipe: i32) -> Self {
        Self { pipe, kept: false, buffer: [[0; REPORT]; KEPT], length: 0 }
    }

    pub(super) fn add(&mut self, index: u32, errno: i32, value: i64) {
        let fields = index.to_ne_bytes().into_iter().chain(errno.to_ne_bytes()).chain(value.to_ne_bytes());
        if let Some(record) = self.buffer.get_mut(self.length) {
            for (place, byte) in record.iter_mut().zip(fields) {
                *place = byte;
            }
            self.length += 1;
        }
        if !self.kept || self.length == KEPT {
            self.write();
        }
    }

    /// Writes what is kept. Says whether anybody can still read it.
    pub(super) fn write(&mut self) -> bool {
        let length = (self.length * REPORT) as c_long;
        self.length = 0;
        length == 0
            || raw(libc::SYS_write, [self.pipe as c_long, self.buffer.as_ptr() as c_long, length, 0, 0, 0])
                > 0
    }
}
