//! Conditions on a control group, on the machine, and on the ablation table.

use super::{BOOLEAN, Field, INTEGER, NUMBER, STRING, TABLE};

/// The control group of the process.
pub(super) const GROUP: &[Field] = &[
    Field {
        key: "limit",
        value: r#"a table such as `{ "memory.max" = 7340032 }`"#,
        missing: None,
        about: r#"What the kernel reads back of a limit. The names are those of cgroup v2 on every machine: `"memory.max"` (bytes),
`"pids.max"` (processes), `"cpu.max"` (microseconds of a period). A number, or `"max"` for no limit."#,
        example: r#"[[step.check]]
claim = "it runs under a limit of 7 MiB"
limit = { "memory.max" = 7340032 }"#,
        more: "\
Passes when `memory.max` (v2) or `memory.limit_in_bytes` (v1) of its group says 7340032. Fails for another number, and
where it ran in no group. The kernel rounds down to whole pages: 7500000 reads back as 7499776.",
    },
    Field {
        key: "oom_kill",
        value: NUMBER,
        missing: None,
        about: "By how much the group's kill counter rose during the run.",
        example: r#"[[step.check]]
claim = "the kernel counted one kill"
oom_kill = 1"#,
        more: "\
Passes when the `oom_kill` line of `memory.events` (v2) or `memory.oom_control` (v1) rose by one. Fails when it did
not rise, and where there is no memory controller.",
    },
    Field {
        key: "peak_at_least",
        value: INTEGER,
        missing: None,
        about: "The most that the group held during the run was this many bytes or more.",
        example: r#"[[step.check]]
claim = "it held 3 MB and lived"
exit = 0
oom_kill = 0
peak_at_least = 2900000"#,
        more: "\
Passes for a peak of 3.1 MB. Fails for `true`. A kernel that keeps no peak (v2 before Linux 5.19) lets it pass and
says so, since the learner can do nothing about it.",
    },
    Field {
        key: "peak_at_most",
        value: INTEGER,
        missing: None,
        about: "The most that the group held during the run was this many bytes or less.",
        example: r#"[[step.check]]
claim = "it never held more than the limit"
signal = "SIGKILL"
peak_at_most = 7340032"#,
        more: "Passes for a peak at the limit. Fails above. Without a peak as for `peak_at_least`.",
    },
    Field {
        key: "victim",
        value: STRING,
        missing: None,
        about: "The name of the process that the kernel killed, from the kernel's own log.",
        example: r#"[[step.check]]
claim = "the shell was killed, not `head`"
oom_kill = 1
victim = "sh""#,
        more: "\
Passes when the log names `sh`. Fails when it names another, and when nothing was killed. Where a kill was counted but
the log does not name the victim, it passes and says so: `dmesg` may be closed to you, and the kernel leaves lines out
when there are many kills in a few seconds.",
    },
];

/// The machine now.
pub(super) const NOW: &[Field] = &[
    Field {
        key: "cgroup_exists",
        value: BOOLEAN,
        missing: None,
        about: "Whether rlab has made a control group.",
        example: r#"[[step.check]]
claim = "the group is gone"
cgroup_exists = false"#,
        more: "Passes before `cgroup` and after `drop cgroup`. Fails while the directory is there.",
    },
    Field {
        key: "cgroup_members",
        value: NUMBER,
        missing: None,
        about: "How many processes are in the group now.",
        example: r#"[[step.check]]
claim = "the group is there, and empty"
cgroup_members = 0"#,
        more: "Passes when the group has no members. Fails when it has, and where there is no group.",
    },
    Field {
        key: "jobs",
        value: NUMBER,
        missing: None,
        about: "How many background containers are alive.",
        example: r#"[[step.check]]
claim = "one container stays"
jobs = 1"#,
        more: "Passes after `sleep 1234 &`. Fails after `kill 1`.",
    },
    Field {
        key: "rootfs_exists",
        value: BOOLEAN,
        missing: None,
        about: "Whether rlab has built a root file system on disk.",
        example: r#"[[step.check]]
claim = "the root file system is there"
rootfs_exists = true"#,
        more: "Passes after `rootfs`. Fails after `drop rootfs`.",
    },
    Field {
        key: "image_layers",
        value: NUMBER,
        missing: None,
        about: "How many layers of the session's image are on disk, their bytes as the digest says that is their name.",
        example: r#"[[step.check]]
claim = "there are two layers"
image_layers = 2"#,
        more: "\
Passes after `image pack` was carried out twice. Fails with one, where a byte of a layer has changed, and where there is
no image.",
    },
    Field {
        key: "image_complete",
        value: BOOLEAN,
        missing: None,
        about: "Whether the image's index leads by manifest and config to all of its layers, every size and digest right.",
        example: r#"[[step.check]]
claim = "the image is complete"
image_complete = true"#,
        more: "\
Passes after `image config`, `image manifest`, `image index`. Fails while one is missing, and after a further `image
pack`: the index still leads to the layers below.",
    },
    Field {
        key: "host_unchanged",
        value: BOOLEAN,
        missing: None,
        about: "\
Only `true`. The mount table and the host name are as they were when the lab began, and no process that came out of a
container is left over. Background containers are not left over.",
        example: r#"[[step.check]]
claim = "it has mounted proc, and the host did not change"
mounted = { "/proc" = "proc" }
host_unchanged = true"#,
        more: "Passes with `31 mounts, 84 processes, 0 cgroups of ours`. Fails when a mount leaked: `1 mount more: /tmp/x proc`.",
    },
    Field {
        key: "nothing_left",
        value: BOOLEAN,
        missing: None,
        about: "Only `true`. No background container, no process out of one, no control group and no directory of rlab's.",
        example: r#"[[step.check]]
claim = "nothing of the container is left"
nothing_left = true"#,
        more: "Passes after everything was dropped. Fails with what is still there.",
    },
];

/// The ablation table.
pub(super) const ABLATED: &[Field] = &[
    Field {
        key: "changes",
        value: r#"a table such as `{ "ps -A" = "+ PID namespace" }`"#,
        missing: None,
        about: "For a probe, the first row whose answer differs from the row above.",
        example: r#"[[step.check]]
claim = "the PID namespace changed what `ps -A` shows"
changes = { "ps -A" = "+ PID namespace" }"#,
        more: "\
Passes when the answer was the same in every row before that one, and differs there. Fails when it changed in an
earlier row, or never. Two answers are the same when both failed in the same way; when both list processes and are as
many (all of the host's count as one answer); or when their words are the same.",
    },
    Field {
        key: "cell",
        value: TABLE,
        missing: None,
        about: "Turns the conditions on an outcome to one cell of the table.",
        example: r#"[[step.check]]
claim = "under the PID namespace, it sees one process"
cell = { row = "+ PID namespace", probe = "ps -A" }
processes_seen = 1"#,
        more: "Passes when they hold of that cell. Fails before `ablate` was run.",
    },
];

/// Of a `cell`.
pub(super) const CELL: &[Field] = &[
    Field {
        key: "row",
        value: STRING,
        missing: Some("the name of a row of the ablation table"),
        about: "The name of a row.",
        example: r#"cell = { row = "nothing", probe = "ps -A" }"#,
        more: "",
    },
    Field {
        key: "probe",
        value: STRING,
        missing: Some("a probe of the ablation table"),
        about: "One of its probes.",
        example: r#"cell = { row = "nothing", probe = "ps -A" }"#,
        more: "",
    },
];
