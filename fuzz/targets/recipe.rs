//! Lines composed to a recipe, as a learner types them: the recipe is what its lines say, and it has a plan and can be
//! told as shell, Docker and OCI on every kind of machine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlab::recipe::compose::Recipe;
use rlab::recipe::line::{Command, Line};
use rlab::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};
use rlab::recipe::plan::{Plan, RootPlace};
use rlab::recipe::told;

fn machine(kind: u8) -> Machine {
    let version = if kind & 1 == 0 { CgroupVersion::V1 } else { CgroupVersion::V2 };
    let controller = |there: bool| {
        there.then(|| Controller { version, parent: "/sys/fs/cgroup".to_owned(), inside: kind & 32 != 0 })
    };
    let euid = if kind & 2 == 0 { 0 } else { 1000 };
    Machine {
        kernel: "6.1.0".to_owned(),
        euid,
        egid: euid,
        cgroups: Cgroups {
            memory: controller(kind & 4 == 0),
            pids: controller(kind & 8 == 0),
            cpu: controller(kind & 16 == 0),
            ..Cgroups::default()
        },
        memory_total: 1 << 40,
    }
}

fuzz_target!(|input: (u8, &str)| {
    let (kind, text) = input;
    let mut recipe = Recipe::default();
    let mut command = Command { argv: vec!["true".to_owned()], text: "true".to_owned() };
    for line in text.lines() {
        match Line::parse(line) {
            Ok(Line::Add(ingredient)) => drop(recipe.add(ingredient)),
            Ok(Line::Drop(what)) => drop(recipe.drop(&what)),
            Ok(Line::Run(run)) => command = run,
            _ => {}
        }
    }
    let lines = recipe.lines();
    let again = Recipe::read(lines.iter().map(String::as_str));
    assert_eq!(again.as_ref(), Ok(&recipe), "{lines:?}");
    drop(recipe.summary());
    for what in recipe.droppable() {
        drop(recipe.clone().drop(&what));
    }
    let machine = machine(kind);
    for place in [RootPlace::Directory, RootPlace::Memory] {
        if let Ok(plan) = Plan::new(&recipe, &command, &machine, place) {
            drop(plan.to_string());
            drop(plan.added(&recipe));
        }
    }
    drop(told::shell(&recipe, &command, &machine));
    drop(told::docker(&recipe, &command));
    let oci: serde_json::Value = serde_json::from_str(&told::oci(&recipe, &command, u64::MAX)).expect("OCI is JSON");
    assert!(oci.is_object());
});
