//! The recipe as the `config.json` of an OCI bundle. Source: the OCI runtime specification, config.md and
//! config-linux.md, version 1.0.2.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{has_stale_proc, mounts};
use crate::recipe::capability::{ALL, NAMES};
use crate::recipe::compose::{Recipe, RootChange};
use crate::recipe::ingredient::{Amount, Mount, MountKind, Namespace, Resource};
use crate::recipe::line::Command;

/// The file, to lie beside a directory `rootfs`. What the format cannot say stands under `annotations`.
pub fn oci(recipe: &Recipe, command: &Command) -> String {
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": command.argv,
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "cwd": "/",
            "capabilities": capabilities(recipe.dropped_capabilities()),
        },
        "root": { "path": "rootfs", "readonly": false },
        "mounts": mounts(recipe).iter().map(mount).collect::<Vec<Value>>(),
        "linux": linux(recipe),
    });
    if let Some(object) = config.as_object_mut() {
        if let Some(name) = recipe.hostname() {
            object.insert("hostname".to_owned(), json!(name));
        }
        let notes = notes(recipe);
        if !notes.is_empty() {
            let numbered = notes.iter().enumerate();
            let notes: Map<String, Value> =
                numbered.map(|(at, note)| (format!("rlab.note.{}", at + 1), json!(note))).collect();
            object.insert("annotations".to_owned(), Value::Object(notes));
        }
    }
    // A value made of strings and numbers always prints.
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

fn capabilities(dropped: Option<&BTreeSet<String>>) -> Value {
    let kept = |name: &&str| !dropped.is_some_and(|names| names.contains(ALL) || names.contains(*name));
    let names: Vec<&str> = NAMES.into_iter().filter(kept).collect();
    json!({ "bounding": names, "effective": names, "permitted": names })
}

fn mount(mount: &Mount) -> Value {
    let (fstype, mut options): (&str, Vec<String>) = match &mount.kind {
        MountKind::Bind => ("none", vec!["bind".to_owned()]),
        MountKind::Rbind => ("none", vec!["rbind".to_owned()]),
        MountKind::Fs(fstype) => (fstype, usual(fstype)),
    };
    options.extend(mount.options.iter().cloned());
    json!({ "destination": mount.target, "type": fstype, "source": mount.source, "options": options })
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

fn linux(recipe: &Recipe) -> Value {
    let mut namespaces = recipe.namespaces();
    // A runtime has no other place for its mounts.
    namespaces.insert(Namespace::Mnt);
    let kinds: Vec<Value> = namespaces.iter().map(|own| json!({ "type": kind(*own) })).collect();
    let mut linux = json!({ "namespaces": kinds });
    if let Some(object) = linux.as_object_mut() {
        if namespaces.contains(&Namespace::User) {
            let one = json!([{ "containerID": 0, "hostID": 0, "size": 1 }]);
            object.insert("uidMappings".to_owned(), one.clone());
            object.insert("gidMappings".to_owned(), one);
        }
        if recipe.group().is_some() {
            object.insert("resources".to_owned(), resources(recipe));
        }
    }
    linux
}

const fn kind(own: Namespace) -> &'static str {
    match own {
        Namespace::Mnt => "mount",
        Namespace::Net => "network",
        other => other.name(),
    }
}

fn resources(recipe: &Recipe) -> Value {
    let mut resources = Map::new();
    for limit in recipe.group().unwrap_or_default() {
        let value = match limit.amount {
            // Memory and swap together: no swap.
            Amount::Number(bytes) if limit.resource == Resource::Memory => {
                json!({ "limit": bytes, "swap": bytes })
            }
            Amount::Number(count) => json!({ "limit": count }),
            Amount::Cpu { quota, period } => json!({ "quota": quota, "period": period }),
            // -1 lifts a limit; a quota likewise.
            Amount::Max if limit.resource == Resource::Cpu => json!({ "quota": -1 }),
            Amount::Max => json!({ "limit": -1 }),
        };
        resources.insert(limit.resource.controller().to_owned(), value);
    }
    Value::Object(resources)
}

fn notes(recipe: &Recipe) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if recipe.root_change() == RootChange::None {
        notes.push("a runtime always changes the root; this recipe does not");
    }
    if has_stale_proc(recipe) {
        notes.push(
            "a runtime always mounts a proc of the container's own PID namespace; here it is an older one",
        );
    }
    if !mounts(recipe).iter().any(|mount| mount.target == "/proc") {
        notes.push("this recipe has no /proc, and runc and crun do not start without one");
    }
    notes
}
