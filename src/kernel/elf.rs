//! Which interpreter a program names: `PT_INTERP` of an ELF file (elf(5)), or the `#!` line of a script (execve(2)).

use std::io::Read;
use std::path::PathBuf;

/// The interpreter that the beginning of a program names; `None` for a static program, and for what is no program.
pub fn interpreter(program: impl Read) -> Option<PathBuf> {
    let head = head(program)?;
    match head.strip_prefix(b"#!") {
        Some(line) => {
            let line = line.split(|byte| *byte == b'\n').next()?;
            let line = String::from_utf8_lossy(line).into_owned();
            line.split_whitespace().next().map(PathBuf::from)
        }
        None => named(&head),
    }
}

/// The dynamic linker that the beginning of a program names.
pub fn loader(program: impl Read) -> Option<PathBuf> {
    named(&head(program)?)
}

const PAGE: usize = 4096;

fn head(program: impl Read) -> Option<Vec<u8>> {
    // Program headers and the interpreter's name follow the file header, so the first page has them. There is room for
    // one byte more, or the end would be looked for with small reads.
    let mut head = Vec::with_capacity(PAGE + 1);
    program.take(PAGE as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

fn named(head: &[u8]) -> Option<PathBuf> {
    const PT_INTERP: u32 = 3;
    if head.get(..6)? != [0x7f, b'E', b'L', b'F', 2, 1] {
        return None;
    }
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = head.get(at..at.checked_add(length)?)?;
        let value = bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).ok()
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let headers = (0..count).map(|index| table.checked_add(index * size));
    let header = headers.map_while(|at| at).find(|at| number(*at, 4) == Some(PT_INTERP as usize))?;
    let (offset, length) = (number(header.checked_add(8)?, 8)?, number(header.checked_add(32)?, 8)?);
    let name = head.get(offset..offset.checked_add(length)?)?;
    Some(PathBuf::from(String::from_utf8_lossy(name).trim_end_matches('\0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_script_names_its_shell_and_a_text_nothing() {
        assert_eq!(interpreter(&b"#! /bin/sh -e\nexit\n"[..]), Some(PathBuf::from("/bin/sh")));
        assert_eq!(interpreter(&b"#!\n"[..]), None);
        assert_eq!(interpreter(&b"root:x:0:0::/:\n"[..]), None);
        assert_eq!(interpreter(&b""[..]), None);
    }

    #[test]
    fn a_header_that_lies_is_no_program() {
        let mut head = vec![0xff; 4096];
        head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        assert_eq!(interpreter(&head[..]), None);
        // The table at the end of the address space, and a name that is longer than the file.
        head[32..40].copy_from_slice(&[0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(interpreter(&head[..]), None);
        head[32..40].copy_from_slice(&64_u64.to_le_bytes());
        head[64..68].copy_from_slice(&3_u32.to_le_bytes());
        assert_eq!(interpreter(&head[..]), None);
    }

    #[test]
    fn this_test_itself_is_told_truly() {
        // Static where the crate is built so, as .cargo/config.toml says; else with a loader that is there.
        let own = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(interpreter(own).is_none_or(|loader| loader.exists()));
    }

    proptest! {
        #[test]
        fn no_file_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), elf: bool) {
            if elf && bytes.len() >= 6 {
                bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
            }
            drop(interpreter(&bytes[..]));
            drop(loader(&bytes[..]));
        }
    }
}
