//! Conditions on how a program ended and what it printed, and the frame of a check.

use super::{BOOLEAN, Field, NUMBER, STRING, TEXTS};

/// The frame.
pub(super) const FRAME: &[Field] = &[
    Field {
        key: "claim",
        value: STRING,
        missing: Some("what is claimed, in the learner's words"),
        about: "What is claimed. It is shown with a tick or a cross.",
        example: r#"[[step.check]]
claim = "the container sees only itself"
processes_seen = 1"#,
        more: "",
    },
    Field {
        key: "on",
        value: STRING,
        missing: None,
        about: r#"Which outcomes are looked at: `"inside"` (the default), or `"host"` for `!` lines. Of a command on the host only how
it ended and what it printed is known."#,
        example: r#"[[step.check]]
claim = "the host finds the process too"
on = "host"
stdout_contains = "sleep 1234""#,
        more: "Passes when a `!` line printed `sleep 1234`. Fails when only a program inside did.",
    },
];

/// The frame of a goal: a check of `rlab challenge`.
pub(super) const GOAL: &[Field] = FRAME.split_at(1).0;

/// How it ended.
pub(super) const ENDED: &[Field] = &[
    Field {
        key: "exit",
        value: NUMBER,
        missing: None,
        about: "The program ended by itself with this status.",
        example: r#"[[step.check]]
claim = "`ls` found the directory"
exit = 0"#,
        more: "Passes after `exit(0)`. Fails for another status, for a kill, for a launch that was refused, and while it still runs.",
    },
    Field {
        key: "status",
        value: NUMBER,
        missing: None,
        about: "\
What a shell shows in `$?`. 128 + signal for a kill; 127 for a program that is not there, 126 for one that
cannot be run, 125 where another call of the launch was refused.",
        example: r#"[[step.check]]
claim = "it was killed, 137 = 128 + 9"
status = 137"#,
        more: "Passes after a SIGKILL, and also after `exit 137`. Use `signal` to tell the two apart.",
    },
    Field {
        key: "signal",
        value: r#"a name such as `"SIGKILL"` or a number"#,
        missing: None,
        about: "The program was ended by this signal.",
        example: r#"[[step.check]]
claim = "the kernel killed it"
signal = "SIGKILL""#,
        more: "Passes when the kernel reports SIGKILL. Fails for `exit 137`.",
    },
    Field {
        key: "errno",
        value: STRING,
        missing: None,
        about: "A name of errno(3): a call that rlab made for the launch was refused with it.",
        example: r#"[[step.check]]
claim = "the kernel refused"
errno = "EPERM""#,
        more: "\
Passes when any narrated call ended with EPERM. Fails when none did, or with another errno; what a program itself was
refused does not count, see `stderr_contains`.",
    },
    Field {
        key: "call",
        value: STRING,
        missing: None,
        about: "Only with `errno`: which call.",
        example: r#"[[step.check]]
claim = "changing the root was refused"
errno = "EPERM"
call = "chroot""#,
        more: "Passes when `chroot` was refused with EPERM. Fails when `mount` was.",
    },
    Field {
        key: "running",
        value: BOOLEAN,
        missing: None,
        about: "`true`: a container that was started with `&` is alive now. `false`: one was started, and has ended.",
        example: r#"[[step.check]]
claim = "a container runs in the background, with its own PID 1"
running = true
pid_inside = 1"#,
        more: "Passes while the container lives. Fails after `kill 1`, and for a command without `&`.",
    },
];

/// What it printed.
pub(super) const PRINTED: &[Field] = &[
    Field {
        key: "stdout",
        value: STRING,
        missing: None,
        about: "The whole standard output, blanks and line ends at both ends aside.",
        example: r#"[[step.check]]
claim = "the kernel reads back 7340032 bytes"
on = "host"
stdout = "7340032""#,
        more: "Passes for `7340032` and a line end. Fails for `17340032`.",
    },
    Field {
        key: "stdout_contains",
        value: TEXTS,
        missing: None,
        about: "This stands in the standard output; of several texts, all.",
        example: r#"[[step.check]]
claim = "the five directories are there"
stdout_contains = ["bin", "dev", "etc", "proc", "sys"]"#,
        more: "Passes when all five are somewhere in the output. Fails when one is missing.",
    },
    Field {
        key: "stdout_lacks",
        value: TEXTS,
        missing: None,
        about: "This does not stand in the standard output; of several texts, none.",
        example: r#"[[step.check]]
claim = "no process of the host is listed"
exit = 0
stdout_lacks = ["systemd", "kthreadd"]"#,
        more: "Passes when neither is in the output. Fails when one is.",
    },
    Field {
        key: "stdout_lines",
        value: NUMBER,
        missing: None,
        about: "How many lines it printed to standard output.",
        example: r#"[[step.check]]
claim = "only the header"
stdout_lines = 1"#,
        more: "Passes for one line. Fails for none or two.",
    },
    Field {
        key: "stderr_contains",
        value: TEXTS,
        missing: None,
        about: "As `stdout_contains`, of the standard error.",
        example: r#"[[step.check]]
claim = "`cat` says that the file is not there"
exit = "!= 0"
stderr_contains = "No such file""#,
        more: "Passes when `cat` complained so. Fails when it printed nothing there.",
    },
];
