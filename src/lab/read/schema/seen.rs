//! Conditions on what the host saw of a process.

use super::{BOOLEAN, Field, NUMBER, STRING, STRINGS};

/// What the host saw of the process.
pub(super) const SEEN: &[Field] = &[
    Field {
        key: "processes_seen",
        value: r#"a number, a comparison, `"host"` or `"none"`"#,
        missing: None,
        about: r#"How many processes its /proc lists: `"host"` for those of the host, `"none"` where no proc is mounted."#,
        example: r#"[[step.check]]
claim = "the container sees the host's processes"
processes_seen = "host""#,
        more: r#"`"host"` passes for at least two, and at least half of what the host had in the same moment (the number moves all the
time). Inside a PID namespace with its own proc there is exactly one, the process itself, so `1` passes there
and `"host"` fails."#,
    },
    Field {
        key: "pid_inside",
        value: NUMBER,
        missing: None,
        about: "Its PID in the innermost PID namespace.",
        example: r#"[[step.check]]
claim = "it is PID 1"
pid_inside = 1"#,
        more: "Passes in a new PID namespace. Fails without one: there it is the PID of the host.",
    },
    Field {
        key: "pid_differs",
        value: BOOLEAN,
        missing: None,
        about: "Whether the PID inside is another than on the host.",
        example: r#"[[step.check]]
claim = "one process, two numbers"
pid_differs = true"#,
        more: "Passes in a new PID namespace. Fails without one. `false` is the other way round.",
    },
    Field {
        key: "namespace",
        value: r#"a table such as `{ pid = "own" }`"#,
        missing: None,
        about: r#"Whose each namespace is: `"own"` or `"host"`. The kinds are `mnt`, `pid`, `uts`, `ipc`, `net`, `user`, `cgroup`."#,
        example: r#"[[step.check]]
claim = "processes of its own, the network of the host"
namespace = { pid = "own", net = "host" }"#,
        more: "Passes when the ids under `/proc/PID/ns` differ from rlab's for `pid` and agree for `net`. Fails when one is otherwise.",
    },
    Field {
        key: "root",
        value: STRING,
        missing: None,
        about: r#"Whose root directory it has: `"own"` or `"host"`."#,
        example: r#"[[step.check]]
claim = "it lives in another root"
root = "own""#,
        more: "Passes after `chroot` or `pivot_root`. Fails without.",
    },
    Field {
        key: "root_path",
        value: STRING,
        missing: None,
        about: "Its root directory as the host names it.",
        example: r#"[[step.check]]
claim = "the host has lost sight of its root"
root = "own"
root_path = "/""#,
        more: "\
Passes after `pivot_root`, which leaves no path from the host's root. Fails after `chroot`: there it is the path of
the directory.",
    },
    Field {
        key: "root_entries",
        value: STRINGS,
        missing: None,
        about: "Exactly these names are in its root directory, in any order.",
        example: r#"[[step.check]]
claim = "five directories and nothing else"
root_entries = ["bin", "dev", "etc", "proc", "sys"]"#,
        more: "Passes for these five. Fails when there is one more (the host's own tools bring `lib` with them) or one less.",
    },
    Field {
        key: "root_has",
        value: STRINGS,
        missing: None,
        about: "At least these names.",
        example: r#"[[step.check]]
claim = "the five directories are there"
root_has = ["bin", "dev", "etc", "proc", "sys"]"#,
        more: "Passes for these five and more. Fails when one is missing.",
    },
    Field {
        key: "mounted",
        value: r#"a table such as `{ "/proc" = "proc" }`"#,
        missing: None,
        about: r#"What is mounted where, by type; `"any"` for any type (a bind mount has the type of where it comes from). What lies on
top counts."#,
        example: r#"[[step.check]]
claim = "proc and a device are there"
mounted = { "/proc" = "proc", "/dev/urandom" = "any" }"#,
        more: "Passes when both are mounted. Fails when one is not, or has another type.",
    },
    Field {
        key: "not_mounted",
        value: STRINGS,
        missing: None,
        about: "Nothing is mounted at these places.",
        example: r#"[[step.check]]
claim = "/proc is only a directory"
not_mounted = ["/proc"]"#,
        more: "Passes before `mount -t proc proc /proc`. Fails after.",
    },
    Field {
        key: "capability",
        value: "a table such as `{ CAP_SYS_CHROOT = false }`",
        missing: None,
        about: "Whether a capability is in effect, by its name in capabilities(7).",
        example: r#"[[step.check]]
claim = "it cannot change its root again"
capability = { CAP_SYS_CHROOT = false }"#,
        more: "Passes after `capdrop CAP_SYS_CHROOT`. Fails for root without it.",
    },
];
