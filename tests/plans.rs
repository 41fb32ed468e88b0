//! The plan of every line of every lab, for three machines, compared with its snapshot. Nothing is run: these hold on
//! every machine and for every user.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use rlab::lab::course::Course;
use rlab::lab::file::{Lab, LabLine};
use rlab::recipe::compose::Recipe;
use rlab::recipe::image::Act;
use rlab::recipe::ingredient::{Ingredient, Tools};
use rlab::recipe::line::{Command, Line};
use rlab::recipe::machine::{CgroupVersion, Cgroups, Machine};
use rlab::recipe::plan::{Plan, RootPlace};
use support::{LABS, snapshots};

fn machine(version: CgroupVersion, euid: u32) -> Machine {
    Machine {
        kernel: "6.18".to_owned(),
        euid,
        egid: euid,
        cgroups: Cgroups::usual(version),
        memory_total: 24 << 30,
    }
}

/// What the lines of a lab become on a machine, without running any.
fn told(lab: &Lab, machine: &Machine) -> String {
    let mut recipe = Recipe::default();
    let mut text = String::new();
    for line in &lab.start {
        take(line, None, &mut recipe, machine, &mut text);
    }
    for step in &lab.steps {
        text.push_str(&format!("\n== {}\n", step.id));
        for line in &step.try_lines {
            take(line, step.probe.as_ref(), &mut recipe, machine, &mut text);
        }
    }
    text
}

fn take(line: &LabLine, probe: Option<&LabLine>, recipe: &mut Recipe, machine: &Machine, text: &mut String) {
    text.push_str(&format!("> {}\n", line.text));
    let probe = match probe.map(|probe| &probe.line) {
        Some(Line::Run(command)) => Some(command),
        _ => None,
    };
    match &line.line {
        Line::Add(ingredient) => {
            recipe.add(ingredient.clone()).unwrap();
            plan(recipe, probe, machine, text);
        }
        Line::Drop(what) => {
            recipe.drop(what).unwrap();
            plan(recipe, probe, machine, text);
        }
        Line::Image(Act::Unpack) => {
            recipe.add(Ingredient::Rootfs(Tools::Image)).unwrap();
            plan(recipe, probe, machine, text);
        }
        Line::Run(command) | Line::Stay(command) => plan(recipe, Some(command), machine, text),
        Line::Enter(enter, command) => {
            let container = Plan::new(recipe, command, machine, RootPlace::Directory).unwrap();
            let own = container.clone.namespaces;
            text.push_str(&Plan::enter(enter, &own, command, machine).to_string());
        }
        Line::Escape(command) => text.push_str(&Plan::escape(recipe, command, machine).unwrap().to_string()),
        _ => {}
    }
}

fn plan(recipe: &Recipe, command: Option<&Command>, machine: &Machine, text: &mut String) {
    let Some(command) = command else { return };
    text.push_str(&Plan::new(recipe, command, machine, RootPlace::Directory).unwrap().to_string());
}

#[test]
fn every_lab_has_the_plan_of_its_snapshot() {
    let course = Course::built_in();
    let machines = [
        ("v1", machine(CgroupVersion::V1, 0)),
        ("v2", machine(CgroupVersion::V2, 0)),
        ("v2-user", machine(CgroupVersion::V2, 1000)),
    ];
    for id in LABS {
        let lab = course.lab(id).unwrap();
        for (name, machine) in &machines {
            snapshots(name).bind(|| insta::assert_snapshot!(format!("plan-{id}"), told(lab, machine)));
        }
    }
}
