//! The keys of a prediction and of an ablation table.

use super::{Field, INTEGER, STRING, STRINGS, TABLES};

/// Of a `[step.predict]`.
pub(super) const PREDICT: &[Field] = &[
    Field {
        key: "ask",
        value: STRING,
        missing: Some("the question"),
        about: "The question.",
        example: r#"[step.predict]
ask = "Which process id does it have inside?"
choices = ["1", "the same as on the host"]
answer = 1"#,
        more: "",
    },
    Field {
        key: "choices",
        value: STRINGS,
        missing: None,
        about: "The answers to choose from, at least two. They are shown with their numbers.",
        example: r#"[step.predict]
ask = "What is in `/proc` of the new root?"
choices = ["every process of the host", "only its own", "nothing"]
answer = 3"#,
        more: "",
    },
    Field {
        key: "answer",
        value: INTEGER,
        missing: None,
        about: "The number of the right choice, counted from 1. Either this or `measure`.",
        example: r#"[step.predict]
ask = "Who is killed?"
choices = ["the shell", "`head`"]
answer = 1"#,
        more: "",
    },
    Field {
        key: "measure",
        value: STRING,
        missing: None,
        about: "The learner answers with a number, and the run measures the right one. There are no `choices` then.",
        example: r#"[step.predict]
ask = "How many processes will the container see?"
measure = "processes_seen""#,
        more: "[What can be measured](#every-measure) is told below.",
    },
];

/// Of a `[step.ablation]`.
pub(super) const ABLATION: &[Field] = &[
    Field {
        key: "probes",
        value: STRINGS,
        missing: Some("the commands that are compared"),
        about: "The columns: programs that are run inside, under each row.",
        example: r#"[step.ablation]
probes = ["hostname", "data=$(head -c 7500000 /dev/urandom)"]

[[step.ablation.row]]
name = "nothing"
lines = []

[[step.ablation.row]]
name = "+ memory limit"
lines = ["cgroup memory.max=7340032"]"#,
        more: "",
    },
    Field {
        key: "row",
        value: TABLES,
        missing: None,
        about: "The rows, at least two, in order. Each begins with `[[step.ablation.row]]`.",
        example: r#"[step.ablation]
probes = ["ps -A"]

[[step.ablation.row]]
name = "nothing"
lines = []

[[step.ablation.row]]
name = "+ PID namespace"
lines = ["unshare --pid --mount-proc"]"#,
        more: "",
    },
];

/// Of a `[[step.ablation.row]]`.
pub(super) const ROW: &[Field] = &[
    Field {
        key: "name",
        value: STRING,
        missing: Some("what the row is called, such as `+ PID namespace`"),
        about: "What stands in the first column. No two rows have the same.",
        example: r#"[step.ablation]
probes = ["ls /"]

[[step.ablation.row]]
name = "nothing"
lines = []

[[step.ablation.row]]
name = "chroot"
lines = ["rootfs", "chroot"]"#,
        more: "",
    },
    Field {
        key: "lines",
        value: STRINGS,
        missing: None,
        about: "The ingredients of this row, from an empty recipe. A row does not inherit from the one above.",
        example: r#"[step.ablation]
probes = ["hostname"]

[[step.ablation.row]]
name = "nothing"
lines = []

[[step.ablation.row]]
name = "+ host name"
lines = ["unshare --uts", "hostname box"]"#,
        more: "",
    },
];
