//! How much of building the book is `rlab mdbook`: the preprocessor alone beside the whole build that it is part of.

use std::io::Write;

use tempfile::TempDir;

use super::peers::{command, works};
use super::{RLAB, Result, pairs, run, table};

/// Pairs of the comparison.
const BUILDS: usize = 20;

/// The comparison.
pub(crate) fn compare(out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "\nrlab mdbook, transcripts from recordings      {BUILDS} pairs, rlab ÷ the build that it is part of"
    )?;
    let ground = TempDir::new()?;
    let at = |name: &str| ground.path().join(name).to_string_lossy().into_owned();
    let (input, keep, pages) = (at("input.json"), at("keep"), at("pages"));
    // What mdBook hands over is taken down once, and handed over again.
    std::fs::write(
        &keep,
        format!("[ \"$1\" = supports ] || cat >{input}\n[ \"$1\" = supports ] || {RLAB} mdbook <{input}\n"),
    )?;
    let build = |by: &str| {
        let book = concat!(env!("CARGO_MANIFEST_DIR"), "/book");
        let line = format!(
            "command -v mdbook >/dev/null || {{ echo '`mdbook` is not installed' >&2; exit 127; }}; \
             MDBOOK_PREPROCESSOR__RLAB__TRANSCRIPTS=recorded MDBOOK_PREPROCESSOR__RLAB__COMMAND=\"{by}\" mdbook build \
             --dest-dir {pages} {book} >/dev/null 2>&1"
        );
        command("/bin/sh", &["-c", &line])
    };
    let whole = build(&format!("{RLAB} mdbook"));
    let part = command("/bin/sh", &["-c", &format!("{RLAB} mdbook <{input} >/dev/null")]);
    let compared = works(&build(&format!("sh {keep}"))).and_then(|()| {
        works(&whole)?;
        works(&part)?;
        pairs(BUILDS, || run(&part), || run(&whole)).map_err(|error| error.to_string())
    });
    match compared {
        Ok(pairs) => table::ratios(out, "mdbook build", &pairs)?,
        Err(reason) => table::left_out(out, "mdbook build", &reason)?,
    }
    Ok(())
}
