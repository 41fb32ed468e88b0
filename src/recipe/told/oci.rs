//! The recipe as the `config.json` of an OCI bundle. Source: the OCI runtime specification, config.md and
//! config-linux.md, version 1.0.2, whose types are those of the `oci-spec` crate.

use std::collections::HashMap;

use oci_spec::runtime::{
    Capabilities, Linux, LinuxCapabilities, LinuxCpu, LinuxIdMappingBuilder, LinuxMemory, LinuxNamespace,
    LinuxNamespaceType, LinuxPids, LinuxResources, Mount as OciMount, Process, Root, Spec, User,
};
use serde_json::Value;

use super::filled::filled;
use super::mounts;
use crate::recipe::capability::{self, ALL, NAMES};
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Amount, Limit, Mount, MountKind, Namespace, Resource};
use crate::recipe::line::Command;

/// The file, to lie beside a directory `rootfs`. What the format cannot say stands under `annotations`.
///
/// `own`: the capabilities of who is to run it, as a mask: a runtime cannot give what it does not have.
pub fn oci(recipe: &Recipe, command: &Command, own: u64) -> String {
    let mut spec = Spec::default();
    spec.set_version("1.0.2".to_owned());
    spec.set_process(Some(process(recipe, command, own)));
    let mut root = Root::default();
    root.set_path("rootfs".into());
    root.set_readonly(Some(false));
    spec.set_root(Some(root));
    spec.set_hostname(recipe.hostname().map(str::to_owned));
    spec.set_mounts(Some(all_mounts(recipe).iter().map(mount).collect()));
    spec.set_linux(Some(linux(recipe)));
    let notes = super::oci_notes(recipe).into_iter().enumerate();
    let notes: HashMap<String, String> =
        notes.map(|(at, note)| (format!("rlab.note.{}", at + 1), note.to_owned())).collect();
    spec.set_annotations((!notes.is_empty()).then_some(notes));
    // Values made of strings and numbers always print.
    let mut config = serde_json::to_value(&spec).unwrap_or_default();
    put_in_order(&mut config);
    filled(&config)
}

/// The crate keeps what is a set in no order. Two exports of one recipe are the same, byte for byte.
fn put_in_order(config: &mut Value) {
    if let Some(sets) = config.pointer_mut("/process/capabilities").and_then(Value::as_object_mut) {
        for set in sets.values_mut().filter_map(Value::as_array_mut) {
            set.sort_by_key(|name| name.as_str().and_then(capability::number));
        }
    }
    config.sort_all_objects();
}

fn process(recipe: &Recipe, command: &Command, own: u64) -> Process {
    let mut process = Process::default();
    process.set_terminal(Some(false));
    process.set_user(User::default());
    process.set_args(Some(command.argv.clone()));
    process
        .set_env(Some(vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()]));
    process.set_cwd("/".into());
    process.set_no_new_privileges(None);
    process.set_rlimits(None);
    let dropped = recipe.dropped_capabilities();
    let kept = |(number, name): &(usize, &str)| {
        own >> number & 1 == 1 && !dropped.is_some_and(|names| names.contains(ALL) || names.contains(*name))
    };
    let names = NAMES.into_iter().enumerate().filter(kept);
    let kept: Capabilities =
        names.filter_map(|(_, name)| name.trim_start_matches("CAP_").parse().ok()).collect();
    let mut capabilities = LinuxCapabilities::default();
    capabilities.set_bounding(Some(kept.clone()));
    capabilities.set_effective(Some(kept.clone()));
    capabilities.set_permitted(Some(kept));
    capabilities.set_inheritable(None);
    capabilities.set_ambient(None);
    process.set_capabilities(Some(capabilities));
    process
}

/// The mounts of the recipe, and those without which a runtime does not start or would do something else.
fn all_mounts(recipe: &Recipe) -> Vec<Mount> {
    let bind = |path: &str| Mount {
        source: path.to_owned(),
        target: path.to_owned(),
        kind: MountKind::Rbind,
        options: Vec::new(),
    };
    let mut all = mounts(recipe);
    if super::lacks_proc(recipe) {
        all.insert(0, super::new_proc());
    }
    if super::may_mount_no_proc(recipe) {
        let bound = |mount| if super::is_new_proc(&mount) { super::hosts_proc(mount) } else { mount };
        all = all.into_iter().map(bound).collect();
    }
    if recipe.root_change() == RootChange::None {
        // pivot_root wants another root than the host's, and a /dev that nobody binds is filled anew.
        return [bind("/"), bind("/dev")].into_iter().chain(all).collect();
    }
    all
}

fn mount(mount: &Mount) -> OciMount {
    let (fstype, mut options): (&str, Vec<String>) = match &mount.kind {
        MountKind::Bind => ("none", vec!["bind".to_owned()]),
        MountKind::Rbind => ("none", vec!["rbind".to_owned()]),
        MountKind::Fs(fstype) => (fstype, usual(fstype)),
    };
    options.extend(mount.options.iter().cloned());
    let mut told = OciMount::default();
    told.set_destination(mount.target.clone().into());
    told.set_typ(Some(fstype.to_owned()));
    told.set_source(Some(mount.source.clone().into()));
    told.set_options(Some(options));
    told
}

/// The options that rlab gives by itself, and a runtime does not.
fn usual(fstype: &str) -> Vec<String> {
    let options: &[&str] = match fstype {
        "tmpfs" => &["nosuid", "nodev"],
        "devpts" => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=620"],
        _ => &["nosuid", "nodev", "noexec"],
    };
    options.iter().map(|option| (*option).to_owned()).collect()
}

fn linux(recipe: &Recipe) -> Linux {
    let mut namespaces = recipe.namespaces();
    // A runtime has no other place for its mounts.
    namespaces.insert(Namespace::Mnt);
    let own = |kind: &Namespace| {
        let mut own = LinuxNamespace::default();
        own.set_typ(self::kind(*kind));
        own
    };
    let mut linux = Linux::default();
    linux.set_namespaces(Some(namespaces.iter().map(own).collect()));
    linux.set_resources(recipe.group().map(|limits| resources(&limits)));
    linux.set_masked_paths(None);
    linux.set_readonly_paths(None);
    if namespaces.contains(&Namespace::User) {
        // Every field is set: nothing is left that could be missing.
        let one = LinuxIdMappingBuilder::default().container_id(0_u32).host_id(0_u32).size(1_u32).build();
        let one = one.unwrap_or_default();
        linux.set_uid_mappings(Some(vec![one]));
        linux.set_gid_mappings(Some(vec![one]));
    }
    linux
}

const fn kind(own: Namespace) -> LinuxNamespaceType {
    match own {
        Namespace::Mnt => LinuxNamespaceType::Mount,
        Namespace::Pid => LinuxNamespaceType::Pid,
        Namespace::Uts => LinuxNamespaceType::Uts,
        Namespace::Ipc => LinuxNamespaceType::Ipc,
        Namespace::Net => LinuxNamespaceType::Network,
        Namespace::User => LinuxNamespaceType::User,
        Namespace::Cgroup => LinuxNamespaceType::Cgroup,
    }
}

fn resources(limits: &[Limit]) -> LinuxResources {
    let mut resources = LinuxResources::default();
    for limit in limits {
        // -1 lifts a limit; a quota likewise.
        let number = match limit.amount {
            Amount::Number(number) => i64::try_from(number).unwrap_or(i64::MAX),
            _ => -1,
        };
        match limit.resource {
            Resource::Memory => {
                let mut memory = LinuxMemory::default();
                memory.set_limit(Some(number));
                // Memory and swap together: no swap.
                memory.set_swap((number != -1).then_some(number));
                resources.set_memory(Some(memory));
            }
            Resource::Pids => {
                let mut pids = LinuxPids::default();
                pids.set_limit(number);
                resources.set_pids(Some(pids));
            }
            Resource::Cpu => {
                let mut cpu = LinuxCpu::default();
                match limit.amount {
                    Amount::Cpu { quota, period } => {
                        cpu.set_quota(Some(i64::try_from(quota).unwrap_or(i64::MAX)));
                        cpu.set_period(Some(period));
                    }
                    _ => drop(cpu.set_quota(Some(-1))),
                }
                resources.set_cpu(Some(cpu));
            }
        }
    }
    resources
}
