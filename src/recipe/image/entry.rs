//! What the name of an entry in a layer asks for: something below the root, or that something of a lower layer goes.
//!
//! Source: the OCI image specification, "Image Layer Filesystem Changeset". A name that does not stay below the root is
//! refused here, by its letters alone; what a name leads *through* only the kernel can tell.

use std::fmt;

/// What a whiteout's name begins with.
pub const WHITEOUT: &[u8] = b".wh.";
/// The name that hides everything that lower layers have in its directory.
pub const OPAQUE: &[u8] = b".wh..wh..opq";
/// Names that an old storage driver used for itself.
const RESERVED: &[u8] = b".wh..wh.";
/// NAME_MAX and PATH_MAX of Linux, without the final NUL.
const LONGEST: (usize, usize) = (255, 4095);

/// What an entry's name asks for. Paths are relative to the root; the root itself is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Something stands at this path.
    Put(Vec<u8>),
    /// What lower layers have at this path is gone.
    Gone(Vec<u8>),
    /// What lower layers have in this directory is gone.
    Emptied(Vec<u8>),
    /// Nothing.
    Nothing,
}

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// It begins with a slash.
    Absolute,
    /// It climbs with `..`.
    Climbs,
    /// A whiteout of nothing, of the directory itself or of the one above.
    Whiteout,
    /// The kernel has no such names.
    TooLong,
    /// A NUL byte ends a name for the kernel, and here it does not.
    Nul,
}

impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "it is absolute: it names a place on the host, not in the image",
            Self::Climbs => "it climbs with `..`, which leads out of the root",
            Self::Whiteout => "it is a whiteout that names nothing below its own directory",
            Self::TooLong => "it is longer than any path of Linux",
            Self::Nul => "it has a NUL byte in it",
        })
    }
}

/// The path of a name below the root.
///
/// # Errors
/// It does not stay there, or is no path.
pub fn below(name: &[u8]) -> Result<Vec<u8>, Escape> {
    if name.contains(&0) {
        return Err(Escape::Nul);
    }
    if name.first() == Some(&b'/') {
        return Err(Escape::Absolute);
    }
    let parts: Vec<&[u8]> =
        name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&b"..".as_slice()) {
        return Err(Escape::Climbs);
    }
    let path = parts.join(&b'/');
    if path.len() > LONGEST.1 || parts.iter().any(|part| part.len() > LONGEST.0) {
        return Err(Escape::TooLong);
    }
    Ok(path)
}

/// What a name asks for.
///
/// # Errors
/// It does not stay below the root.
pub fn meaning(name: &[u8]) -> Result<Meaning, Escape> {
    let path = below(name)?;
    let (directory, last) = split(&path);
    if last == OPAQUE {
        return Ok(Meaning::Emptied(directory.to_vec()));
    }
    if last.starts_with(RESERVED) {
        return Ok(Meaning::Nothing);
    }
    let Some(hidden) = last.strip_prefix(WHITEOUT) else { return Ok(Meaning::Put(path)) };
    if matches!(hidden, b"" | b"." | b"..") {
        return Err(Escape::Whiteout);
    }
    Ok(Meaning::Gone(joined(directory, hidden)))
}

/// The directory of a path and its last name.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (b"", path),
    }
}

/// A name in a directory.
pub fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// Whether a path is this directory or lies below it.
pub fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// The whiteout of a path.
pub fn whiteout(path: &[u8]) -> Vec<u8> {
    let (directory, name) = split(path);
    joined(directory, &[WHITEOUT, name].concat())
}

/// A name as it is told: what is not UTF-8, and what would move the cursor, replaced.
pub fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_stays_below_the_root_or_is_refused() {
        for (name, path) in [("./bin/sh", "bin/sh"), ("a//b/", "a/b"), ("./", ""), ("a..b/..c", "a..b/..c")] {
            assert_eq!(below(name.as_bytes()), Ok(path.as_bytes().to_vec()), "{name}");
        }
        for (name, why) in [
            ("/etc/passwd", Escape::Absolute),
            ("../x", Escape::Climbs),
            ("a/../../x", Escape::Climbs),
            ("a/..", Escape::Climbs),
            ("a\0b", Escape::Nul),
        ] {
            assert_eq!(below(name.as_bytes()), Err(why), "{name}");
        }
        assert_eq!(below(&[b'x'; 256]), Err(Escape::TooLong));
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        let path = |path: &str| path.as_bytes().to_vec();
        for (name, asked) in [
            ("etc/.wh.motd", Meaning::Gone(path("etc/motd"))),
            (".wh.etc", Meaning::Gone(path("etc"))),
            ("etc/.wh..wh..opq", Meaning::Emptied(path("etc"))),
            (".wh..wh..opq", Meaning::Emptied(path(""))),
            (".wh..wh.plnk", Meaning::Nothing),
            ("etc/a.wh.b", Meaning::Put(path("etc/a.wh.b"))),
        ] {
            assert_eq!(meaning(name.as_bytes()), Ok(asked), "{name}");
        }
        // What is left of these names is `.`, `..` and nothing.
        for name in ["a/.wh..", "a/.wh...", "a/.wh."] {
            assert_eq!(meaning(name.as_bytes()), Err(Escape::Whiteout), "{name}");
        }
        assert_eq!(whiteout(b"etc/motd"), b"etc/.wh.motd");
    }

    proptest! {
        #[test]
        fn no_name_leads_out(name in "[a./w h\\x00-]{0,24}") {
            if let Ok(Meaning::Put(path) | Meaning::Gone(path) | Meaning::Emptied(path)) = meaning(name.as_bytes()) {
                let text = String::from_utf8(path).unwrap();
                prop_assert!(!text.starts_with('/') && !text.split('/').any(|part| part == ".."), "{}", text);
            }
        }
    }
}
