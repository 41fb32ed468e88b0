use super::*;
use crate::recipe::ingredient::Resource;
use crate::recipe::line::{Command, Line};
use crate::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};

fn machine(version: CgroupVersion, euid: u32) -> Machine {
    let controller = |resource: Resource| {
        let parent = match version {
            CgroupVersion::V1 => format!("/sys/fs/cgroup/{}", resource.controller()),
            CgroupVersion::V2 => "/sys/fs/cgroup".to_owned(),
        };
        Some(Controller { version, parent, inside: false })
    };
    let cgroups = Cgroups {
        memory: controller(Resource::Memory),
        pids: controller(Resource::Pids),
        cpu: controller(Resource::Cpu),
        ..Cgroups::default()
    };
    Machine { kernel: "6.18.0".into(), euid, egid: euid, cgroups, memory_total: 4 << 30 }
}

fn command(text: &str) -> Command {
    match Line::parse(text) {
        Ok(Line::Run(command)) => command,
        other => panic!("{other:?}"),
    }
}

fn recipe(lines: &[&str]) -> Recipe {
    Recipe::read(lines.iter().copied()).unwrap()
}

fn json(lines: &[&str]) -> serde_json::Value {
    serde_json::from_str(&oci(&recipe(lines), &command("ps -A"), u64::MAX)).unwrap()
}

/// The words of the docker line, and the notes below it.
fn words(lines: &[&str]) -> (Vec<String>, String) {
    let text = docker(&recipe(lines), &command("ps -A"));
    let (line, notes) = text.split_once("\n#").unwrap();
    (shlex::split(&line.replace("\\\n", " ")).unwrap(), notes.to_owned())
}

/// Every recipe of these tests, as a script for both generations, with and without root.
const RECIPES: &[&[&str]] = &[
    &[],
    Recipe::FULL,
    &["rootfs host", "chroot", "mount -t proc proc /proc", "unshare --pid", "capdrop all"],
    &[
        "rootfs",
        "pivot_root",
        "mount -t tmpfs -o 'size=1m' \"it's\" '/a b'",
        "capdrop kill",
        "cgroup cpu.max=50%",
    ],
    &["cgroup", "mount --bind -o ro /etc /mnt", "unshare --user"],
    &["cgroup memory.max=70G"],
];

#[test]
fn a_script_in_the_way_of_its_group_moves_to_a_leaf_and_back() {
    let mut machine = machine(CgroupVersion::V2, 1000);
    if let Some(memory) = &mut machine.cgroups.memory {
        memory.inside = true;
    }
    let script = shell(&recipe(&["cgroup memory.max=7M"]), &command("true"), &machine);
    let order = [
        "leaf=/sys/fs/cgroup/leaf$$",
        "echo \"$off\" > /sys/fs/cgroup/cgroup.subtree_control",
        "echo $$ > /sys/fs/cgroup/cgroup.procs",
        "rmdir \"$leaf\"",
        "mkdir \"$leaf\"",
        "echo $$ > \"$leaf/cgroup.procs\"",
        "echo +memory > /sys/fs/cgroup/cgroup.subtree_control",
    ];
    let places: Vec<Option<usize>> = order.iter().map(|line| script.find(line)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{script}");
}

#[test]
fn a_shell_script_has_balanced_quotes_and_its_program_as_typed() {
    let typed = "echo \"it's\" '$HOME' a\\ b";
    for lines in RECIPES {
        for version in [CgroupVersion::V1, CgroupVersion::V2] {
            for euid in [0, 1000] {
                let text = shell(&recipe(lines), &command(typed), &machine(version, euid));
                let Some(words) = shlex::split(&text) else { panic!("{text}") };
                if lines.iter().any(|line| line.contains("70G")) {
                    assert!(text.ends_with("exit 3\n"), "{text}");
                    continue;
                }
                let echo = words.iter().rposition(|word| word == "echo").unwrap();
                assert_eq!(words[echo + 1..echo + 4], ["it's", "$HOME", "a b"], "{text}");
            }
        }
    }
}

#[test]
fn docker_gets_what_is_asked_for_and_the_rest_from_the_host() {
    let (words, _) = words(Recipe::FULL);
    for word in [
        "--memory=7340032",
        "--memory-swap=7340032",
        "--pids-limit=64",
        "--hostname=container",
        "--network=host",
    ] {
        assert!(words.contains(&word.to_owned()), "{word} is not in {words:?}");
    }
    assert!(!words.iter().any(|word| word == "--pid=host" || word == "--uts=host"));
    assert_eq!(words[words.len() - 3..], ["busybox", "ps", "-A"]);
}

#[test]
fn docker_notes_what_it_cannot_say() {
    let stale = ["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid"];
    assert!(words(&stale).1.contains("older"));
    let covered = [&stale[..], &["unshare --mount-proc"]].concat();
    assert!(!words(&covered).1.contains("older"));
    assert!(words(&["unshare --user"]).1.contains("userns-remap"));
    assert!(words(&["unshare --user"]).1.contains("changes the root"));
    assert!(words(&["rootfs host", "chroot"]).1.contains("own tools"));
    assert!(words(&["cgroup memory.max=5M"]).1.contains("6 MiB"));
    assert!(words(&["mount --bind '/a,b' /x"]).1.contains("no way"));
    assert!(words(&["mount -t proc proc /mnt"]).1.contains("no option"));
    let (caps, _) = words(&["capdrop all", "mount -t tmpfs -o size=1m x /t", "mount --bind -o ro /a /b"]);
    assert!(caps.contains(&"--cap-drop=ALL".to_owned()) && caps.contains(&"/t:size=1m".to_owned()));
    assert!(caps.iter().any(|word| word.contains("target=/b,readonly")), "{caps:?}");
}

#[test]
fn oci_says_the_same() {
    let full = json(Recipe::FULL);
    assert_eq!(full["hostname"], "container");
    assert_eq!(full["linux"]["resources"]["memory"]["limit"], 7_340_032);
    assert_eq!(full["linux"]["resources"]["memory"]["swap"], 7_340_032);
    assert_eq!(full["linux"]["resources"]["pids"]["limit"], 64);
    let kinds: Vec<&str> = full["linux"]["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["mount", "pid", "uts", "ipc", "cgroup"]);
    let targets: Vec<&str> = full["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["destination"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["/proc", "/dev/null", "/dev/urandom"]);
    assert_eq!(full["process"]["args"], serde_json::json!(["ps", "-A"]));
    assert_eq!(full["process"]["capabilities"]["bounding"].as_array().unwrap().len(), 41);
    assert!(full.get("annotations").is_none());

    let other = json(&["unshare --user --net", "capdrop sys_chroot", "cgroup cpu.max=50% memory.max=max"]);
    assert_eq!(other["linux"]["resources"]["cpu"], serde_json::json!({ "quota": 50_000, "period": 100_000 }));
    assert_eq!(other["linux"]["resources"]["memory"]["limit"], -1);
    assert_eq!(other["linux"]["uidMappings"][0]["size"], 1);
    assert!(!other["process"]["capabilities"]["effective"].to_string().contains("CAP_SYS_CHROOT"));
    assert!(other.get("hostname").is_none());
    // No root of its own: the host's is bound, so that it is the same.
    assert_eq!(other["annotations"].as_object().unwrap().len(), 1);
    assert_eq!(other["mounts"][0]["destination"], "/");
    assert_eq!(other["mounts"][0]["source"], "/");
}

#[test]
fn oci_has_no_capability_that_its_maker_has_not() {
    let all = !(1 << 24);
    let text = oci(&recipe(&["capdrop kill"]), &command("true"), all);
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    let bounding = config["process"]["capabilities"]["bounding"].as_array().unwrap();
    assert_eq!(bounding.len(), 39);
    assert!(!text.contains("CAP_SYS_RESOURCE") && !text.contains("CAP_KILL"), "{text}");
}

#[test]
fn an_older_proc_is_the_one_of_the_host() {
    let stale = ["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid"];
    let of = |lines: &[&str]| json(lines)["mounts"].as_array().unwrap().clone();
    assert_eq!(of(&stale)[0]["source"], "/proc");
    assert_eq!(of(&stale)[0]["options"], serde_json::json!(["rbind"]));
    assert!(words(&stale).0.contains(&"type=bind,source=/proc,target=/proc".to_owned()));
    // A later one covers it, and is the only one that is made.
    let covered = of(&[&stale[..], &["unshare --mount-proc"]].concat());
    assert_eq!((covered.len(), &covered[0]["type"]), (1, &serde_json::json!("proc")));
    // Without a PID namespace there is nothing to be older than.
    assert_eq!(of(&stale[..3])[0]["type"], "proc");
}
