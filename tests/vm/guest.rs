//! One boot: what goes in, QEMU, the console, what comes out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::cpio::Archive;
use crate::kernel::{self, Kernel};
use crate::scenario::{Bring, Root, Scenario};
use crate::support::{has, repository, skip};
use crate::{bring, challenge, provoke, recorded};

/// Emulation on a busy machine is slow; a guest that needs longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a disk needs, in the order in which the drivers need each other. A kernel has some of them built in.
const DISK_DRIVERS: &[&str] =
    &["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"];

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

/// `None` is a skip.
pub(crate) type Outcome = Option<Result<Told, String>>;

/// Boots a scenario; `None` where this machine has no emulator or no kernel for it, which is told as a skip. Anything
/// else that goes wrong is an error with the end of the console: a kernel that does not boot is no skip.
///
/// Each scenario is booted once, whoever asks first.
pub(crate) fn told(scenario: &'static Scenario) -> Outcome {
    static ALL: Mutex<BTreeMap<&str, Arc<OnceLock<Outcome>>>> = Mutex::new(BTreeMap::new());
    let once = Arc::clone(ALL.lock().unwrap().entry(scenario.name).or_default());
    once.get_or_init(|| tried(scenario)).clone()
}

fn tried(scenario: &Scenario) -> Outcome {
    let brings = match scenario.brings {
        Some(Bring::Filter) => has("bwrap") && has("ldd"),
        Some(Bring::Profiles) => has("apparmor_parser"),
        None => true,
    };
    if !has("qemu-system-x86_64") || !has("busybox") || !has("script") || !brings {
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
    fs::write(at("initrd"), first_file_system(scenario, kernel)).unwrap();
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
        // On a busy machine the emulated timer is late, which a kernel at its start takes for a broken one
        // (`no_timer_check`). A panic reboots at once, and a reboot ends the emulator: then there are no results.
        .args(["-no-reboot", "-append"])
        .arg(format!("console=ttyS0 panic=-1 no_timer_check quiet loglevel=4 {}", scenario.kernel_says))
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
    if scenario.root == Root::Disk {
        for (disk, mebibytes) in [("root", 256), ("swap", 64)] {
            fs::File::create(at(disk)).unwrap().set_len(mebibytes << 20).unwrap();
            emulator.arg("-drive").arg(format!("if=virtio,format=raw,file={}", at(disk).display()));
        }
    }
    let mut emulator = Ending(emulator.spawn().map_err(|error| error.to_string())?);
    let ended = emulator.wait(PATIENCE);
    let results = fs::read(at("results")).unwrap_or_default();
    let wrong = |what: &str| {
        let (said, console) = (text(&at("qemu")), text(&at("console")));
        let lines: Vec<&str> = console.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        format!("{what}\n{said}\nthe end of the console of {}:\n{tail}", kernel.release)
    };
    keep(scenario, &results, &text(&at("console")));
    match (ended, files(&results)) {
        (Some(0), Some(files)) => Ok(Told { release: kernel.release.clone(), files }),
        (None, _) => Err(wrong(&format!("the guest hangs: killed after {} s", PATIENCE.as_secs()))),
        (Some(status), _) => {
            Err(wrong(&format!("the guest ended without results, QEMU with status {status}")))
        }
    }
}

/// What a guest told stays below `target/vm/told`, for whoever wants to know why a test fails.
fn keep(scenario: &Scenario, results: &[u8], console: &str) {
    let directory = repository().join("target/vm/told").join(scenario.name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("console"), console).unwrap();
    for (name, content) in files(results).unwrap_or_default() {
        fs::write(directory.join(name), content).unwrap();
    }
}

/// BusyBox, rlab, the scripts of the guest, and the drivers of its disks.
fn first_file_system(scenario: &Scenario, kernel: &Kernel) -> Vec<u8> {
    let mut archive = Archive::default();
    for directory in ["bin", "etc", "proc", "sys", "dev", "new", "modules"] {
        archive.directory(directory);
    }
    archive.program("bin/busybox", &fs::read(find("busybox")).unwrap());
    archive.program("bin/rlab", stripped_rlab());
    archive.program("init", include_bytes!("guest/init"));
    archive.program("words", include_bytes!("guest/words"));
    archive.program("report", include_bytes!("guest/report"));
    archive.program("etc/passwd", b"root:x:0:0::/:/bin/sh\nlearner:x:1000:1000::/home:/bin/sh\n");
    archive.program("etc/group", b"root:x:0:\nlearner:x:1000:\n");
    let (here, anywhere) = scenario.by_hand().unzip();
    archive.program("by-hand", here.unwrap_or_default().as_bytes());
    archive.program("exported", anywhere.unwrap_or_default().as_bytes());
    archive.program("scenario", script(scenario).as_bytes());
    match scenario.brings {
        Some(Bring::Filter) => bring::filter(&mut archive),
        Some(Bring::Profiles) => bring::profiles(&mut archive),
        None => {}
    }
    if let Some(script) = challenge::script(scenario.name) {
        archive.program("challenge", script);
        bring::terminal(&mut archive);
    }
    if let Some(script) = recorded::script(scenario.name) {
        archive.program("record", script.as_bytes());
        bring::tools(&mut archive, recorded::TOOLS);
    }
    archive.directory("provoke");
    for (name, one) in provoke::on(scenario.name) {
        archive.program(&format!("provoke/{name}"), one.script.as_bytes());
        archive.program(&format!("provoke/{name}.lines"), one.lines.as_bytes());
    }
    if scenario.root == Root::Disk {
        for (index, module) in kernel.modules(DISK_DRIVERS).iter().enumerate() {
            let name = module.file_name().unwrap().to_string_lossy();
            archive.program(&format!("modules/{index}-{name}"), &fs::read(module).unwrap());
        }
    }
    archive.finish()
}

/// The scenario as the guest's shell reads it.
fn script(scenario: &Scenario) -> String {
    let Scenario { setup, who, .. } = scenario;
    let root = match scenario.root {
        Root::Ramfs => "ramfs",
        Root::Tmpfs => "tmpfs",
        Root::Disk => "disk",
    };
    format!("root={root}\nsetup() {{\n:\n{setup}\n}}\nwho() {{\n{who}\n}}\n")
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
pub(crate) fn find(program: &str) -> PathBuf {
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
