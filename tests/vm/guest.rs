//! One boot: what goes in, QEMU, the console, what comes out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::cpio::Archive;
use crate::kernel::{self, Kernel};
use crate::scenario::Scenario;
use crate::support::{LABS, has, skip};

/// Emulation on a busy machine is slow; a guest that needs longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// How much of the console is shown when a boot goes wrong.
const TAIL_LINES: usize = 40;

/// What a guest told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Release of its kernel.
    pub(crate) release: String,
    /// Every file that it handed over.
    pub(crate) files: BTreeMap<String, String>,
}

/// Boots a scenario; `None` where this machine has no emulator or no kernel for it, which is told as a skip. Anything
/// else that goes wrong is an error with the end of the console: a kernel that does not boot is no skip.
pub(crate) fn told(scenario: &Scenario) -> Option<Result<Told, String>> {
    if !has("qemu-system-x86_64") || !has("busybox") {
        return None;
    }
    match kernel::of_series(scenario.series) {
        Ok(kernel) => Some(boot(scenario, &kernel)),
        Err(reason) => {
            skip(&format!("{}: no kernel of the series {}: {reason}", scenario.name, scenario.series));
            None
        }
    }
}

fn boot(scenario: &Scenario, kernel: &Kernel) -> Result<Told, String> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("initrd"), first_file_system(scenario)).unwrap();
    let output = fs::File::create(at("qemu")).unwrap();
    let mut emulator = Command::new("qemu-system-x86_64");
    emulator
        .args([
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-m",
            "512",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
        ])
        // A panic reboots at once, and a reboot ends the emulator: then there are no results.
        .args(["-no-reboot", "-append"])
        .arg(format!("console=ttyS0 panic=-1 quiet loglevel=4 {}", scenario.kernel_says))
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(at("initrd"))
        .arg("-serial")
        .arg(format!("file:{}", at("console").display()))
        .arg("-serial")
        .arg(format!("file:{}", at("results").display()))
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output);
    let mut emulator = Ending(emulator.spawn().map_err(|error| error.to_string())?);
    let ended = emulator.wait(PATIENCE);
    let results = fs::read(at("results")).unwrap_or_default();
    let wrong = |what: &str| {
        let (said, console) = (text(&at("qemu")), text(&at("console")));
        let lines: Vec<&str> = console.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        format!("{what}\n{said}\nthe end of the console of {}:\n{tail}", kernel.release)
    };
    match (ended, files(&results)) {
        (Some(0), Some(files)) => Ok(Told { release: kernel.release.clone(), files }),
        (None, _) => Err(wrong(&format!("the guest hangs: killed after {} s", PATIENCE.as_secs()))),
        (Some(status), _) => {
            Err(wrong(&format!("the guest ended without results, QEMU with status {status}")))
        }
    }
}

/// BusyBox, rlab, and the scripts of the guest.
fn first_file_system(scenario: &Scenario) -> Vec<u8> {
    let mut archive = Archive::default();
    for directory in ["bin", "etc", "proc", "sys", "dev", "new"] {
        archive.directory(directory);
    }
    archive.program("bin/busybox", &fs::read(find("busybox")).unwrap());
    archive.program("bin/rlab", stripped_rlab());
    archive.program("init", include_bytes!("guest/init"));
    archive.program("report", include_bytes!("guest/report"));
    archive.program("labs", LABS.join("\n").as_bytes());
    archive.program("scenario", format!("setup() {{\n{}\n}}\n", scenario.setup).as_bytes());
    archive.finish()
}

/// The built program, without what only a debugger reads: every guest unpacks it into its memory.
fn stripped_rlab() -> &'static [u8] {
    static RLAB: OnceLock<Vec<u8>> = OnceLock::new();
    RLAB.get_or_init(|| {
        let built = env!("CARGO_BIN_EXE_rlab");
        let file = tempfile::NamedTempFile::new().unwrap();
        let stripped = Command::new("strip").arg("-o").arg(file.path()).arg(built).status();
        let smaller = stripped.is_ok_and(|status| status.success());
        fs::read(if smaller { file.path() } else { Path::new(built) }).unwrap()
    })
}

/// Where a program is.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file()).unwrap()
}

/// The files that a guest framed, `None` where the end is missing.
fn files(mut bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    loop {
        let line = bytes.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(&bytes[..line]).ok()?.strip_prefix("==> ")?;
        let (name, length) = head.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        if name == "end" {
            return Some(files);
        }
        let content = bytes.get(line + 1..line + 1 + length)?;
        files.insert(name.to_owned(), String::from_utf8_lossy(content).into_owned());
        bytes = &bytes[line + 1 + length..];
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// An emulator that does not outlive its test.
struct Ending(Child);

impl Ending {
    /// Waits; `None` where it does not end in time.
    fn wait(&mut self, patience: Duration) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
