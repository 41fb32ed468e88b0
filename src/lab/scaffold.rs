//! The lab that `rlab new` writes: it reads, it has everything a step can have, and its checks hold.

/// A lab to start from, with this id. An id that is none (see the book) is made one.
pub fn scaffold(id: &str) -> String {
    TEMPLATE.replace("<id>", &as_id(id))
}

/// The id that such a lab has: lower-case letters, digits and `-` between them.
pub fn as_id(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|w| !w.is_empty())
        .collect();
    let id = words.join("-");
    if id.is_empty() || id.chars().all(|c| c.is_ascii_digit()) {
        format!("lab-{id}").trim_end_matches('-').to_owned()
    } else {
        id
    }
}

const TEMPLATE: &str = r#"# A lab of rlab. `rlab check` finds mistakes, `rlab run --labs DIR <id>` replays the solution.
# The book's chapters "The lab format" and "Checks" have every key.
format = 1
id = "<id>"
title = "A process tree of its own"
minutes = 5

# What the machine must be able to do; `rlab doctor` tries each.
needs = ["chroot", "pid-namespace"]

# Lines that are run before the first step.
start = ["rootfs", "chroot"]

[[step]]
id = "isolate"
title = "Give it a PID namespace"

# What this is and why, in Markdown, at most a screen.
say = """
Every process has a number, and so far the container counts with the host.
Give it a **PID namespace**, and its first process is number 1.
"""

# The tested solution, and a command that is run before and after it.
try = ["unshare --pid --mount-proc", "ps -A"]
probe = "ps -A"

# From a nudge to nearly the answer.
hints = [
  "A new namespace is asked for with the name of a tool that you know from util-linux.",
  "`unshare` takes the kind of namespace as a flag, and can mount a new /proc for it.",
  "Type `unshare --pid --mount-proc`, then `ps -A`.",
]

# Shown after it worked.
why = "`/proc` lists the processes of the namespace in which it was mounted."

# The line for a plain Linux box, and a note for the instructor.
type = "sudo unshare --fork --pid --mount-proc=$PWD/proc chroot . /bin/sh"
notes = "Many expect `ps` to ask the kernel. It reads files in /proc."

# Asked before the step; an answer is never required. Instead of `choices` and `answer`, a number that the run
# measures can be asked for: `measure = "processes_seen"`.
[step.predict]
ask = "How many processes will `ps -A` list?"
choices = ["every process of this machine", "only its own", "none"]
answer = 2

# What must be true afterwards: of one of the commands that were run, or of the machine now.
[[step.check]]
claim = "it is PID 1 of its namespace"
pid_inside = 1
namespace = { pid = "own" }

[[step.check]]
claim = "it sees itself and no other process"
processes_seen = 1
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::file::Lab;
    use crate::lab::lint::lint;

    #[test]
    fn a_new_lab_reads_and_lacks_nothing() {
        for id in ["pid", "My first Lab!", "7", "", "容器"] {
            let lab = Lab::read("new.toml", &scaffold(id)).unwrap_or_else(|found| panic!("{}", found[0]));
            assert_eq!(lint(&lab), [], "{id}");
            assert_eq!(lab.id, as_id(id));
        }
    }

    #[test]
    fn any_name_becomes_an_id() {
        let ids = ["pid", "My first Lab!", "7", "", "容器"].map(as_id);
        assert_eq!(ids, ["pid", "my-first-lab", "lab-7", "lab", "lab"]);
    }
}
