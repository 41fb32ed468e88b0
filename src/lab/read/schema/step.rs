//! The keys of a step.

use super::{Field, STRING, STRINGS, TABLE, TABLES};

/// Of a `[[step]]`.
pub(super) const STEP: &[Field] = &[
    Field {
        key: "id",
        value: STRING,
        missing: Some("the word after the colon in `rlab start LAB:STEP`"),
        about: "Unique in the lab; the word after the colon in `rlab start pid-namespace:isolate`, and for `goto`.",
        example: r#"id = "isolate""#,
        more: "",
    },
    Field {
        key: "title",
        value: STRING,
        missing: Some("one line for people"),
        about: "One line, at most 60 characters.",
        example: r#"title = "Give it a PID namespace""#,
        more: "",
    },
    Field {
        key: "say",
        value: STRING,
        missing: Some("what this is and why, in Markdown"),
        about: "\
What this is and why, in Markdown: paragraphs, lists, `code`, **strong**. At most a screen, 24 lines of 80
columns.",
        example: r#"say = """
Every process has a number, and so far the container counts with the host.

Give it a **PID namespace**, and its first process is number 1.
""""#,
        more: "",
    },
    Field {
        key: "try",
        value: STRINGS,
        missing: None,
        about: "\
The tested solution: lines of the [line grammar](line-grammar.md), typed by `rlab run` and by a learner who gives up.
They act by themselves, so words that walk the lab (`next`, `check`…) and `shell` are refused. A learner need not
type these lines: the [checks](checks.md) decide, and they look at the kernel.",
        example: r#"try = ["unshare --pid --mount-proc", "ps -A"]"#,
        more: "",
    },
    Field {
        key: "probe",
        value: STRING,
        missing: None,
        about: "\
A program inside, or a `!COMMAND` on the host, that is run before and after, so that the change shows: after each
ingredient; on the host also after a container came (`COMMAND &`) or went (`kill`), and after a `drop` that it notices.
Where a step has no such line, it is run once more when the step is judged.",
        example: r#"probe = "ps -A""#,
        more: "",
    },
    Field {
        key: "needs",
        value: STRINGS,
        missing: None,
        about: "\
What the machine must be able to do for this step. It can be left out: then a step needs what is in the recipe when it
begins, as the solutions of the steps before leave it, and what its own lines ask for. Name the needs where a step can do
with less, because it does not use all that the steps before have made:",
        example: r#"needs = ["chroot", "bind-mount"]"#,
        more: "A step that is skipped leaves nothing behind: the steps after it begin without it.",
    },
    Field {
        key: "hints",
        value: STRINGS,
        missing: None,
        about: "Three of them: a nudge, a stronger one, nearly the answer. Markdown.",
        example: r#"hints = [
  "A new namespace is asked for with a tool of util-linux.",
  "`unshare` takes the kind of namespace as a flag.",
  "Type `unshare --pid --mount-proc`.",
]"#,
        more: "",
    },
    Field {
        key: "why",
        value: STRING,
        missing: None,
        about: "Told after it worked, and on `why`. Markdown.",
        example: r#"why = "`/proc` lists the processes of the namespace in which it was mounted.""#,
        more: "",
    },
    Field {
        key: "type",
        value: STRING,
        missing: None,
        about: "The same on a plain Linux box, for those who want to do it without rlab.",
        example: r#"type = "sudo unshare -f -p --mount-proc=$PWD/proc chroot . /bin/busybox sh""#,
        more: "",
    },
    Field {
        key: "notes",
        value: STRING,
        missing: None,
        about: "For the instructor: what people get wrong here.",
        example: r#"notes = "Many expect `ps` to ask the kernel. It reads files in /proc.""#,
        more: "",
    },
    Field {
        key: "predict",
        value: TABLE,
        missing: None,
        about: "\
A question asked before the step. It never blocks: the answer is compared with what happened when the step is done.
Its keys are below.",
        example: r#"[step.predict]
ask = "How many processes will `ps -A` list?"
choices = ["every process of this machine", "only its own", "none"]
answer = 2"#,
        more: "",
    },
    Field {
        key: "check",
        value: TABLES,
        missing: None,
        about: "What must be true afterwards; at least one. Each begins with `[[step.check]]`. [Checks](checks.md) has every condition.",
        example: r#"[[step.check]]
claim = "it is PID 1 of its namespace"
pid_inside = 1"#,
        more: "",
    },
    Field {
        key: "ablation",
        value: TABLE,
        missing: None,
        about: "\
A table for the word `ablate`: the same probes under one recipe after another, to see which ingredient changes which
answer. Its keys are below.",
        example: r#"[step.ablation]
probes = ["ps -A", "ls /"]

[[step.ablation.row]]
name = "nothing"
lines = []

[[step.ablation.row]]
name = "chroot"
lines = ["rootfs", "chroot"]"#,
        more: "",
    },
];
