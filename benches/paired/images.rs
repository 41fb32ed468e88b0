//! Packing and unpacking the BusyBox root beside umoci, which does the same to the same kind of layout.

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::TempDir;

use super::peers::{Line, command, works};
use super::{PAIRS, RLAB, Result, pairs, run, table};

/// The two comparisons.
pub(crate) fn compare(out: &mut impl Write) -> Result<()> {
    writeln!(out, "\nan image of the BusyBox root                 {PAIRS} pairs, rlab ÷ umoci")?;
    let ground = TempDir::new()?;
    let at = |name: &str| ground.path().join(name).to_string_lossy().into_owned();
    let (root, layout) = (at("rootfs"), at("layout"));
    if let Err(reason) = fill(Path::new(&root)) {
        table::left_out(out, "umoci", &reason)?;
        return Ok(());
    }
    // The copy in a new directory each time: what is removed before is removed by both.
    let fresh = |name: &str, line: &str| -> Line {
        let target = at(name);
        command("/bin/sh", &["-c", &format!("rm -rf {target} && {}", line.replace("TARGET", &target))])
    };
    let kept = command(RLAB, &["image", "pack", &root, &layout, "--name", "1.0"]);
    let packing = (
        fresh("ours", &format!("{RLAB} image pack {root} TARGET --name 1.0")),
        fresh(
            "theirs",
            &format!(
                "umoci init --layout TARGET && umoci new --image TARGET:1.0 && umoci insert --image TARGET:1.0 {root} /"
            ),
        ),
    );
    let unpacking = (
        fresh("ours-unpacked", &format!("{RLAB} image unpack {layout}:1.0 TARGET")),
        fresh("theirs-unpacked", &format!("umoci raw unpack --image {layout}:1.0 TARGET")),
    );
    let ready = works(&kept);
    for (name, (ours, theirs)) in [("packing", packing), ("unpacking", unpacking)] {
        let compared = ready.clone().and_then(|()| {
            works(&ours)?;
            works(&theirs)?;
            pairs(PAIRS, || run(&ours), || run(&theirs)).map_err(|error| error.to_string())
        });
        match compared {
            Ok(pairs) => table::ratios(out, name, &pairs)?,
            Err(reason) => table::left_out(out, name, &reason)?,
        }
    }
    Ok(())
}

/// The root as a session builds it: BusyBox, and a name for each of its tools.
fn fill(root: &Path) -> Result<(), String> {
    use rlab::recipe::ingredient::Tools;
    use rlab::sandbox::rootfs::{Manifest, Names};
    let manifest = Manifest::new(Tools::Busybox, Names::All).map_err(|trouble| trouble.to_string())?;
    manifest.build(root, &mut |_| {}).map_err(|trouble| trouble.to_string())?;
    fs::metadata(root.join("bin/busybox")).map(drop).map_err(|_| "busybox is not installed".to_owned())
}
