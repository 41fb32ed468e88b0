//! The keys of a lab.

use super::{Field, INTEGER, STRING, STRINGS, TABLES};

/// At the top of the file.
pub(super) const LAB: &[Field] = &[
    Field {
        key: "format",
        value: INTEGER,
        missing: Some("the number of this format"),
        about: "The number of this format. There is only one:",
        example: "format = 1",
        more: "",
    },
    Field {
        key: "id",
        value: STRING,
        missing: Some("the word for `rlab start`"),
        about: "\
The word for `rlab start` and `rlab run`: lower-case letters, digits, and `-` between them. A number alone
is no id.",
        example: r#"id = "pid-namespace""#,
        more: "",
    },
    Field {
        key: "title",
        value: STRING,
        missing: Some("one line for people"),
        about: "One line for people, at most 60 characters.",
        example: r#"title = "A process tree of its own""#,
        more: "",
    },
    Field {
        key: "minutes",
        value: INTEGER,
        missing: Some("how long a learner takes"),
        about: "How long a learner takes, from 1 to 600.",
        example: "minutes = 10",
        more: "",
    },
    Field {
        key: "book",
        value: STRING,
        missing: None,
        about: "\
The page of the book that goes with the lab. In the playground each step names it, with the step's id as the anchor. The
chapter that `rlab mdbook` makes for a lab is called after the lab's id.",
        example: r#"book = "pid-namespace.html""#,
        more: "",
    },
    Field {
        key: "needs",
        value: STRINGS,
        missing: None,
        about: "\
What the machine must be able to do for the whole lab. `rlab doctor` tries each one for real; where one fails, the steps
that need it are skipped, and the learner is told why and what would mend it. A lab of which no step can be done is
skipped whole. [What a step needs](#needs-1) is read off its lines; what the lab names and no step asks for, and
what the lines of `start` ask for, is needed by all.",
        example: r#"needs = ["chroot", "pid-namespace", "memory-cgroup"]"#,
        more: "\
[Every need](#every-need) is told below. `rlab check` tells which needs the lines of a lab have and `needs` does not
name. `pid-namespace` has `proc` in it, and `proc`, `pid-namespace` and `bind-mount` have `mount-namespace` in them.",
    },
    Field {
        key: "start",
        value: STRINGS,
        missing: None,
        about: "Lines that are run before the first step, in the [line grammar](line-grammar.md). The recipe is empty before them.",
        example: r#"start = ["rootfs busybox", "chroot", "mount -t proc proc /proc"]"#,
        more: "",
    },
    Field {
        key: "step",
        value: TABLES,
        missing: None,
        about: "The steps, at least one, in order. Each begins with `[[step]]`:",
        example: r#"[[step]]
id = "look"
title = "Look around"
say = "What is in the root?"
try = ["ls /"]

[[step.check]]
claim = "`ls` ended well"
exit = 0"#,
        more: "",
    },
    Field {
        key: "goal",
        value: TABLES,
        missing: None,
        about: "\
What `rlab challenge` wants to see, in order. Each begins with `[[goal]]` and has a `claim` and conditions of a
[check](checks.md): those on a process as the host sees it (`root`, `namespace`, `pid_inside`, `mounted`, `limit`,
`oom_kill`…), of which all must hold of one and the same process or group, and `nothing_left` and `host_unchanged`. A goal
with only the last two counts when every goal before it is reached. A lab without goals has no challenge.",
        example: r#"[[goal]]
claim = "it is PID 1 of a PID namespace of its own"
namespace = { pid = "own" }
pid_inside = 1

[[goal]]
claim = "all is removed again"
nothing_left = true
host_unchanged = true"#,
        more: "",
    },
];
