//! The parts of a script that is a file: it knows neither the machine on which it will run nor the words that it will be
//! started with.

use std::fmt::Write as _;

use crate::recipe::compose::Recipe;
use crate::recipe::ingredient::{Limit, Resource};
use crate::recipe::line::{Command, quoted};
use crate::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};
use crate::recipe::plan::{Prepare, writes};
use crate::recipe::told::usual_words;

/// A machine on which every controller is to be had; where, the script finds out.
pub(super) fn machine(here: &Machine) -> Machine {
    let controller = |resource: Resource| {
        let parent = format!("/sys/fs/cgroup/{}", resource.controller());
        Some(Controller { version: CgroupVersion::V1, parent, inside: false })
    };
    let cgroups = Cgroups {
        memory: controller(Resource::Memory),
        pids: controller(Resource::Pids),
        cpu: controller(Resource::Cpu),
        ..Cgroups::default()
    };
    Machine { cgroups, ..here.clone() }
}

/// What it is, how it is used, and the command where it is started without words.
pub(super) fn head(name: &str, recipe: &Recipe, command: &Command, root: bool) -> String {
    let mut text = format!(
        "#!/bin/sh\n# {name}, by hand: what rlab does, with the tools of a plain Linux machine.\n#\n"
    );
    for line in recipe.lines() {
        let _written = writeln!(text, "#     {}", line.replace(['\n', '\r'], " "));
    }
    let who = if root { "as root" } else { "as you are" };
    let _written = write!(
        text,
        "#\n# Usage, {who}: ./container.sh [COMMAND...]\n# What it makes, it removes when the command has ended.\nset -eu\n"
    );
    if root {
        text.push_str("\nif [ \"$(id -u)\" != 0 ]; then\n    echo \"run it as root\" >&2\n    exit 1\nfi\n");
    }
    text.push_str("\n# Without words of yours it runs this.\n");
    text.push_str(&usual_words(command));
    text.push('\n');
    text
}

/// What is remembered of the groups, and the function that makes one.
pub(super) const NAMES: &str = r#"groups=
leaf=
off=

# Makes a group for a controller. cgroup v1 has a tree for each controller, v2 one for all; a machine can have both,
# so it is asked for each. Sets `version` and `group`.
make_group() {
    version=
    while read -r _ _ _ _ target rest; do
        case $rest in
            *" - cgroup "*)
                # A tree of v1 names its controllers in the last field.
                case ,${rest##* }, in *",$1,"*) version=v1 parent=$target ;; esac
                ;;
            *" - cgroup2 "*)
                case " $(cat "$target/cgroup.controllers") " in *" $1 "*) version=v2 parent=$target ;; esac
                ;;
        esac
    done </proc/self/mountinfo
    if [ -z "$version" ]; then
        echo "this machine has no control groups for $1" >&2
        exit 3
    fi
    if [ "$version" = v2 ]; then hand_on "$1"; fi
    group=$parent/container$$
    case " $groups " in
        *" $group "*) ;;
        *)
            mkdir "$group"
            groups="$groups $group"
            ;;
    esac
}

# A group of v2 has only the controllers that the one above hands on.
hand_on() {
    # Where the top may not be written, the group that this shell is in was perhaps handed over.
    if [ ! -w "$parent/cgroup.procs" ]; then
        parent=$parent$(sed -n 's/^0:://p' /proc/self/cgroup)
        parent=${parent%/}
    fi
    if [ -n "$leaf" ]; then parent=${leaf%/*}; fi
    # A group with processes of its own hands nothing on (the first of all does): this shell moves to a leaf.
    if [ -z "$leaf" ] && [ -e "$parent/cgroup.type" ] && grep -qx "$$" "$parent/cgroup.procs"; then
        leaf=$parent/leaf$$
        mkdir "$leaf"
        echo $$ > "$leaf/cgroup.procs"
    fi
    control=$parent/cgroup.subtree_control
    case " $(cat "$control") " in
        *" $1 "*) ;;
        *)
            echo "+$1" > "$control"
            off="$off -$1"
            ;;
    esac
}
"#;

/// The part of the clean-up that is about groups.
pub(super) const CLEAN_UP: &str = r#"    for group in $groups; do
        # The kernel needs a few milliseconds after a kill until the group is empty.
        for _ in 1 2 3; do
            if rmdir "$group"; then break; fi
            sleep 1
        done
    done
    if [ -n "$off" ]; then echo "$off" > "$control"; fi
    if [ -n "$leaf" ]; then
        echo $$ > "${leaf%/*}/cgroup.procs"
        rmdir "$leaf"
    fi
"#;

/// The new process puts itself into the groups, before it holds any memory.
pub(super) const JOIN: &str = r#"    for group in $groups; do
        echo 0 > "$group/cgroup.procs"
    done
"#;

/// Which `unshare`.
pub(super) const UNSHARE: &str = r#"
# A BusyBox shell takes its own `unshare`, which knows less than the one of util-linux.
unshare=unshare
for path in /usr/bin/unshare /bin/unshare; do
    if [ -x "$path" ]; then unshare=$path; fi
done
export unshare
"#;

/// Whether it knows how to take its child with it.
pub(super) const KILL_CHILD: &str = r#"kill_child=
if "$unshare" --help 2>&1 | grep -q kill-child; then kill_child=--kill-child; fi
export kill_child
"#;

/// Nobody is moved by unshare(2): the child is PID 1, and dies with its parent where that can be had.
pub(super) const FORK: &str = "-f ${kill_child:+\"$kill_child\"}";

/// The shell that waits for PID 1.
pub(super) fn parent(start: &str) -> String {
    format!(
        r#"
# unshare(2) moves no one: the first child of this shell is PID 1 of the new namespace. `unshare --fork` would do as
# well, but up to version 2.38 it tells a kill as 1 and not as 137.
parent=$(cat <<'PARENT'
{start} "$@"
exit $?
PARENT
)
export parent
"#
    )
}

/// The words that start it.
pub(super) const PARENT: &str = " sh -c \"$parent\" sh";

/// The lines that make the groups and write the limits.
pub(super) fn groups(recipe: &Recipe) -> String {
    let Some(limits) = recipe.group() else { return String::new() };
    if limits.is_empty() {
        return "\n# A control group without a limit.\nmake_group memory\n".to_owned();
    }
    limits.iter().map(limited).collect()
}

fn limited(limit: &Limit) -> String {
    let write = |version| {
        let lines = writes(limit, version).into_iter().filter_map(|prepare| match prepare {
            Prepare::WriteLimit { file, value, optional, .. } => {
                let path = format!("\"$group/{file}\"");
                let line = format!("echo {} > {path}", quoted(&value));
                Some(if optional { format!("if [ -e {path} ]; then {line}; fi") } else { line })
            }
            _ => None,
        });
        lines.map(|line| format!("        {line}\n")).collect::<String>()
    };
    let controller = limit.resource.controller();
    let why = match limit.resource {
        Resource::Memory => "# Without swap, or the limit would only push memory out to it.\n",
        Resource::Pids | Resource::Cpu => "",
    };
    format!(
        "\n# {limit}\n{why}make_group {controller}\ncase $version in\n    v1)\n{}        ;;\n    v2)\n{}        ;;\nesac\n",
        write(CgroupVersion::V1),
        write(CgroupVersion::V2)
    )
}
