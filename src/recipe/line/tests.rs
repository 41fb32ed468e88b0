use super::*;
use crate::recipe::ingredient::{Amount, Limit, Mount, MountKind, Namespace, Resource, Tools};

fn parse(text: &str) -> Line {
    Line::parse(text).unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

fn refused(text: &str) -> LineError {
    match Line::parse(text) {
        Err(error) => error,
        Ok(line) => panic!("`{text}` was read as {line:?}"),
    }
}

fn argv(text: &str) -> Vec<String> {
    match parse(text) {
        Line::Run(command) | Line::Stay(command) => command.argv,
        other => panic!("`{text}` was read as {other:?}"),
    }
}

fn sh(text: &str) -> Vec<String> {
    vec!["sh".into(), "-c".into(), text.into()]
}

fn limit(text: &str) -> Limit {
    match parse(&format!("cgroup {text}")) {
        Line::Add(Ingredient::Cgroup(limits)) => limits[0],
        other => panic!("{other:?}"),
    }
}

fn unshared(namespaces: &[Namespace], mount_proc: bool) -> Line {
    Line::Add(Ingredient::Unshare { namespaces: namespaces.iter().copied().collect(), mount_proc })
}

#[test]
fn a_plain_program_is_split_into_its_words() {
    assert_eq!(argv("ps -A"), ["ps", "-A"]);
    assert_eq!(argv("  echo 'a b' \"c d\" e\\ f ''  "), ["echo", "a b", "c d", "e f", ""]);
    assert_eq!(argv("echo a#b # a comment"), ["echo", "a#b"]);
    assert_eq!(argv("echo \"a\\n\\\"\\\\\""), ["echo", "a\\n\"\\"]);
    assert_eq!(argv("ls a\\ "), ["ls", "a "]);
}

#[test]
fn a_comment_on_the_next_line_makes_no_shell_line() {
    // Found by fuzzing: it printed as a line without a shell.
    for text in ["ps\n#", "ps\n# what for\n\n # more"] {
        assert_eq!(Line::parse(text), Line::parse("ps"), "{text:?}");
    }
    assert_ne!(Line::parse("ps\n#\nls"), Line::parse("ps"));
}

#[test]
fn shell_syntax_goes_through_a_shell() {
    for text in [
        "toomuch=$(head -c 7500000 /dev/urandom)",
        "ls | wc -l",
        "A=1 env",
        "echo \"$HOME\"",
        "echo \"`id`\"",
        "ls *",
        "ls ~",
        "true && echo a; (false)",
        "echo \"$(echo 'a\"b')\"",
        "for i in 1 2; do echo $i; done",
        "ls /\nid",
        "cat <<E\nit's\nE",
        "type ls",
    ] {
        assert_eq!(argv(text), sh(text), "{text}");
    }
    assert_eq!(argv("echo '$HOME' '*' \"a|b\""), ["echo", "$HOME", "*", "a|b"]);
}

#[test]
fn a_final_ampersand_stays() {
    let Line::Stay(command) = parse("sleep 1234 & # long") else { panic!() };
    assert_eq!(command, Command { argv: vec!["sleep".into(), "1234".into()], text: "sleep 1234".into() });
    assert!(matches!(parse("a | b &"), Line::Stay(command) if command.argv == sh("a | b")));
    assert!(matches!(parse("run mount &"), Line::Stay(command) if command.argv == ["mount"]));
    assert!(matches!(parse("a &&"), Line::Run(_)));
    assert!(matches!(parse("a & b"), Line::Run(_)));
    assert!(matches!(parse("echo \\&"), Line::Run(_)));
    assert!(matches!(parse("a 2>&"), Line::Run(_)));
    refused("&");
}

#[test]
fn unfinished_lines_say_so_and_where() {
    for (text, at) in [("echo 'a", 5), ("echo \"a 'b'", 5), ("ls a\\", 4), ("echo \"$(echo 'x", 13)] {
        let error = refused(text);
        assert_eq!((error.at, error.open), (at, true), "{text}");
    }
    assert!(!refused("cgroup memory.max=0").open);
}

#[test]
fn what_cannot_be_typed_is_refused() {
    assert_eq!(refused("ls \u{1b}[A").at, 3);
    assert_eq!(refused("ls\u{a0}/").at, 2);
    assert_eq!(refused("  $ ps -A").hint.as_deref(), Some("leave out the prompt: `ps -A`"));
    refused(&"x".repeat(LONGEST + 1));
    assert_eq!(parse(&"x".repeat(LONGEST)), parse(&format!("{}\r\n", "x".repeat(LONGEST))));
    refused("cd /tmp");
    refused("sudo ls");
    refused("!");
    refused("! ");
}

#[test]
fn nothing_and_comments_are_empty() {
    for text in ["", "  ", "\t\n", "# ps -A", "  #"] {
        assert_eq!(parse(text), Line::Empty, "{text:?}");
    }
}

#[test]
fn own_words_have_one_shape() {
    assert_eq!(parse("next"), Line::Walk(Word::Next));
    assert_eq!(parse(" q "), Line::Walk(Word::Quit));
    assert_eq!(parse("?"), Line::Walk(Word::Help(None)));
    assert_eq!(parse("? chroot"), Line::Walk(Word::Help(Some("chroot".into()))));
    assert_eq!(parse("start pid-namespace:2"), Line::Walk(Word::Start("pid-namespace:2".into())));
    assert_eq!(parse("goto 2"), Line::Walk(Word::Goto("2".into())));
    assert_eq!(parse("peek"), Line::Peek(None));
    assert_eq!(parse("peek %2"), Line::Peek(Some(2)));
    assert_eq!(parse("inspect"), Line::Inspect(None));
    assert_eq!(parse("inspect 2417"), Line::Inspect(Some(2417)));
    assert_eq!(parse("kill 1"), Line::Kill { signal: 9, job: 1 });
    assert_eq!(parse("kill -sigterm %1"), Line::Kill { signal: 15, job: 1 });
    assert_eq!(parse("kill -s INT 1"), Line::Kill { signal: 2, job: 1 });
    assert_eq!(parse("!ps aux | grep sleep"), Line::Host("ps aux | grep sleep".into()));
    assert_eq!(parse("drop mount /proc"), Line::Drop("/proc".into()));
    for text in [
        "next foo",
        "status now",
        "check | cat",
        "goto",
        "start",
        "start a b",
        "peek x",
        "inspect x",
        "inspect 1 2",
        "kill",
        "kill x",
        "kill 1 2",
        "kill -FOO 1",
        "kill -99 1",
        "drop",
        "drop a b",
        "shell &",
        "recipe > x",
        "exit 3",
        "help a b",
        "run",
        "run # x",
    ] {
        assert!(refused(text).hint.is_some(), "{text}");
    }
}

#[test]
fn run_means_the_program() {
    assert_eq!(argv("run next foo"), ["next", "foo"]);
    assert_eq!(argv("run chroot / ls"), ["chroot", "/", "ls"]);
    assert_eq!(argv("run mount"), ["mount"]);
    assert_eq!(argv("run exit 3"), sh("exit 3"));
    assert_eq!(argv("'next'"), ["next"]);
    assert_eq!(argv("mount"), ["mount"]);
    assert_eq!(argv("mount | grep proc"), sh("mount | grep proc"));
    assert_eq!(argv("hostname"), ["hostname"]);
    assert_eq!(argv("hostname -f"), ["hostname", "-f"]);
    assert_eq!(argv("hostname; id"), sh("hostname; id"));
    assert_eq!(parse("run next").to_string(), "run next");
    assert_eq!(parse("run ls").to_string(), "ls");
    assert_eq!(parse("run run ls").to_string(), "run run ls");
}

#[test]
fn unshare_speaks_util_linux() {
    use Namespace::{Cgroup, Ipc, Mnt, Net, Pid, User, Uts};
    let all = unshared(&[Pid, Mnt, Uts, Ipc, Net, User, Cgroup], true);
    assert_eq!(parse("unshare --pid --mount --uts --ipc --net --user --cgroup --mount-proc"), all);
    assert_eq!(parse("unshare -fpmuinUC --mount-proc=/proc"), all);
    assert_eq!(parse("unshare -r -f"), unshared(&[User], false));
    assert_eq!(
        parse("unshare --cgroup --user --mount --pid").to_string(),
        "unshare --pid --mount --user --cgroup"
    );
    for (text, hint) in [
        ("unshare --pdi", "did you mean `--pid`?"),
        ("unshare -f -p --mount-proc=$PWD/proc chroot . /bin/sh", "write `/proc`"),
        ("unshare -p ls", "two lines"),
        ("unshare --mount-proc=/x", "write `--mount-proc`"),
        ("unshare --pid=/run/x", "write `--pid`"),
        ("unshare", "--pid"),
        ("unshare -f", "--pid"),
        ("unshare -pz", "--pid"),
        ("unshare --time", "--pid"),
        ("unshare -", "two lines"),
    ] {
        let found = refused(text).hint.unwrap_or_default();
        assert!(found.contains(hint), "{text}: {found}");
    }
}

#[test]
fn mount_speaks_util_linux() {
    let mount = |text: &str| match parse(text) {
        Line::Add(Ingredient::Mount(mount)) => mount,
        other => panic!("{other:?}"),
    };
    let proc = Mount {
        source: "proc".into(),
        target: "/proc".into(),
        kind: MountKind::Fs("proc".into()),
        options: vec![],
    };
    assert_eq!(mount("mount -t proc proc /proc"), proc);
    assert_eq!(mount("mount --types=proc proc //./proc/"), proc);
    let bind = mount("mount -o bind,ro '/a b' /x");
    assert_eq!((bind.kind.clone(), bind.options.clone()), (MountKind::Bind, vec!["ro".to_owned()]));
    assert_eq!(bind.to_string(), "mount --bind -o ro '/a b' /x");
    assert_eq!(mount("mount -R -r /a /b"), mount("mount -o rbind,ro -- /a /b"));
    assert_eq!(mount("mount -t tmpfs -o size=1m,mode=755 tmpfs /tmp").options, ["size=1m", "mode=755"]);
    let dashed = Mount { source: "-x".into(), ..proc.clone() };
    assert_eq!(mount("mount -t proc -- -x /proc"), dashed);
    assert_eq!(mount(&dashed.to_string()), dashed);
    for (text, hint) in [
        ("mount -t proc /proc ./proc", "write `/proc`"),
        ("mount -t proc proc proc", "write `/proc`"),
        ("mount -t proc proc $PWD/proc", "write `/proc`"),
        ("mount -t ext4 /dev/sda /mnt", "proc tmpfs sysfs devpts mqueue"),
        ("mount -t tmpf x /x", "did you mean `-t tmpfs`?"),
        ("mount -t proc proc /a/../b", "path"),
        ("mount -t tmpfs tmpfs /", "rootfs"),
        ("mount proc /proc", "-t proc"),
        ("mount /a /b", "--bind"),
        ("mount /a", "type"),
        ("mount --bnd /a /b", "did you mean `--bind`?"),
        ("mount --bind a /b", "from `/` on"),
        ("mount --bind -t ext4 /a /b", "leave out"),
        ("mount --bind -o size=1m /a /b", "ro nosuid"),
        ("mount -o remount,ro /a /b", "drop"),
        ("mount --make-rprivate /", "private"),
        ("mount -t", "type"),
        ("mount -t proc proc /proc x", "type"),
        ("mount -t proc proc /proc && ps", "line of its own"),
    ] {
        let found = refused(text).hint.unwrap_or_default();
        assert!(found.contains(hint), "{text}: {found}");
    }
}

#[test]
fn limits_have_units_and_sense() {
    let memory = |bytes| Limit { resource: Resource::Memory, amount: Amount::Number(bytes) };
    for text in ["7340032", "7M", "7m", "7MiB", "7mib", "7168K", "7340032b"] {
        assert_eq!(limit(&format!("memory.max={text}")), memory(7_340_032), "{text}");
    }
    assert_eq!(limit("memory.limit_in_bytes=7M"), memory(7_340_032));
    assert_eq!(limit("memory.max=max").amount, Amount::Max);
    assert_eq!(limit("memory.max=1023P"), memory(1023 << 50));
    assert_eq!(limit("pids.max=20").amount, Amount::Number(20));
    let cpu = Amount::Cpu { quota: 50_000, period: 100_000 };
    for text in [
        "cpu.max=50000",
        "cpu.max=50000/100000",
        "'cpu.max=50000 100000'",
        "cpu.max=50%",
        "cpu.cfs_quota_us=50000",
    ] {
        assert_eq!(limit(text).amount, cpu, "{text}");
    }
    assert_eq!(limit("cpu.max=150%").amount, Amount::Cpu { quota: 150_000, period: 100_000 });
    assert_eq!(limit("cpu.max=20%/50000").amount, Amount::Cpu { quota: 10_000, period: 50_000 });
    for (text, hint) in [
        ("memory.max=0", "larger"),
        ("memory.max=0M", "larger"),
        ("memory.max=-1", "memory.max=max"),
        ("memory.max=7Q", "K, M, G and T"),
        ("memory.max=7MB", "7MiB"),
        ("memory.max=1.5G", "whole"),
        ("memory.max=9223372036854775808", "smaller"),
        ("memory.max=99999999999999999999999", "smaller"),
        ("memory.max=1E", "smaller"),
        ("memory.max=1EiB", "smaller"),
        ("memory.max=18446744073709551615E", "smaller"),
        ("memory.max=", "7340032"),
        ("memory.max=lots", "7340032"),
        ("memory.max", "memory.max=7340032"),
        ("memory", "memory.max=7340032"),
        ("memory.max = 7M", "memory.max=7340032"),
        ("memory.mx=7M", "did you mean `memory.max`?"),
        ("io.weight=1", "memory.max, pids.max and cpu.max"),
        ("memory.swap.max=0", "by itself"),
        ("memory.max=1M memory.max=2M", "one of the two"),
        ("pids.max=0", "larger"),
        ("pids.max=7M", "pids.max=64"),
        ("pids.max=4194305", "smaller"),
        ("cpu.max=0", "larger"),
        ("cpu.max=0%", "larger"),
        ("cpu.max=999", "1000"),
        ("cpu.max=50000/5", "1000 to 1000000"),
        ("cpu.max=1/2/3", "50000/100000"),
        ("cpu.max=5s", "microseconds"),
        ("cpu.max=99999999999999", "smaller"),
    ] {
        let found = refused(&format!("cgroup {text}")).hint.unwrap_or_default();
        assert!(found.contains(hint), "{text}: {found}");
    }
}

#[test]
fn a_limit_error_points_at_the_value() {
    assert_eq!(refused("cgroup memory.max=7Q").at, "cgroup memory.max=".len());
}

#[test]
fn small_ingredients() {
    assert_eq!(parse("rootfs host"), Line::Add(Ingredient::Rootfs(Tools::Host)));
    assert_eq!(parse("pivot_root"), Line::Add(Ingredient::PivotRoot));
    assert_eq!(parse("capdrop sys_chroot,CAP_KILL").to_string(), "capdrop CAP_KILL CAP_SYS_CHROOT");
    assert_eq!(parse("capdrop kill all").to_string(), "capdrop all");
    assert_eq!(parse("hostname a.b-c1"), Line::Add(Ingredient::Hostname("a.b-c1".into())));
    assert_eq!(parse("cgroup"), Line::Add(Ingredient::Cgroup(vec![])));
    let long = format!("hostname {}", "a".repeat(65));
    for text in [
        "rootfs busybx",
        "rootfs /tmp/x",
        "chroot . /bin/sh",
        "pivot_root . .",
        "hostname a b",
        "hostname -a b c_d",
        "hostname a_b",
        "hostname -",
        "hostname a-",
        "capdrop",
        "capdrop sys_chrot",
        &long,
    ] {
        match Line::parse(text) {
            Err(error) => assert!(error.hint.is_some(), "{text}"),
            Ok(line) => assert!(text.starts_with("hostname -"), "{text}: {line:?}"),
        }
    }
}

#[test]
fn every_word_in_the_table_is_read() {
    for (usage, _) in WORDS {
        let first = usage.split_whitespace().next().unwrap();
        if words::first_words().any(|word| word == first) {
            // Read as a word of its own, or refused as one: never a program of that name.
            let line = Line::parse(&format!("{first} --no-such-thing --at-all -z"));
            assert!(!matches!(line, Ok(Line::Run(_))) || matches!(first, "run" | "hostname"), "{first}");
        }
    }
}

#[test]
fn nsenter_takes_the_flags_of_util_linux() {
    let entered = |text: &str| match parse(text) {
        Line::Enter(enter, command) => (enter, command.argv),
        other => panic!("`{text}` was read as {other:?}"),
    };
    let (whole, argv) = entered("nsenter -t 1 --pid --mount --root ps -A");
    assert_eq!((whole.job, whole.root, whole.all, whole.group), (1, true, false, false));
    assert_eq!(whole.namespaces, [Namespace::Mnt, Namespace::Pid].into());
    assert_eq!(argv, ["ps", "-A"]);
    for text in
        ["nsenter -pmrt 1 ps -A", "nsenter --target=%1 -pm -r -- ps -A", "nsenter -m -p -t1 --root ps -A"]
    {
        assert_eq!(entered(text), (whole.clone(), argv.clone()), "{text}");
    }
    // What follows is the program's: its flags, and a shell's syntax.
    assert_eq!(entered("nsenter -a -t 2 ls -t 3 | head -n 1").1, sh("ls -t 3 | head -n 1"));
    assert_eq!(entered("nsenter -a -t 2 x=$(id)").1, sh("x=$(id)"));
    assert_eq!(
        parse("nsenter -aF -cw -t 2 id").to_string(),
        "nsenter -t 2 --all --wd --join-cgroup --no-fork id"
    );
    let flag_like = "nsenter -t 2 --root -- '-[' x";
    assert_eq!(parse(flag_like).to_string(), flag_like);
}

#[test]
fn nsenter_says_what_is_missing() {
    for (text, what) in [
        ("nsenter", "`-t N`"),
        ("nsenter -a ps", "`-t N`"),
        ("nsenter -t", "number"),
        ("nsenter -t x -a ps", "`x` is not the number"),
        ("nsenter -t 1 ps", "something to enter"),
        ("nsenter -t 1 -a", "a program"),
        ("nsenter -t 1 -a --", "a program"),
        ("nsenter -t 1 --pdi ps", "no flag"),
        ("nsenter -t 1 -pZ ps", "no flag"),
        ("nsenter -t 1 --mount=/x ps", "no value"),
        ("nsenter -t 1 -a sleep 5 &", "does not stay"),
        ("nsenter -t $(pgrep x) -a ps", "number"),
    ] {
        let error = refused(text);
        assert!(error.what.contains(what) && error.hint.is_some(), "{text}: {error:?}");
    }
    assert!(refused("nsenter -t 1 --pdi ps").hint.unwrap().contains("--pid"));
}

#[test]
fn words_of_dockers_are_passed_on_but_for_what_reaches_beyond_the_session() {
    let words = |text: &str| match parse(text) {
        Line::Docker(words) => words.join("|"),
        other => panic!("`{text}` was read as {other:?}"),
    };
    assert_eq!(words("docker import - busybox"), "import|-|busybox");
    assert_eq!(words("docker run --rm -d busybox sleep 1234"), "run|--rm|-d|busybox|sleep|1234");
    assert_eq!(
        words("docker exec a sh -c 'x=$(head -c 1 /dev/zero)'"),
        "exec|a|sh|-c|x=$(head -c 1 /dev/zero)"
    );
    // What follows the image is the program's.
    assert_eq!(words("docker run busybox grep -v x"), "run|busybox|grep|-v|x");
    assert_eq!(words("docker run -mv --name=v busybox"), "run|-mv|--name=v|busybox");
    for (text, at) in [
        ("docker run -v /:/host busybox ls", 11),
        ("docker run --name a -m 7m --mount=type=bind busybox ls", 26),
        ("docker run -v/:/host busybox ls", 11),
        ("docker run -dv /:/host busybox ls", 11),
        ("docker run --pid=host busybox ls", 11),
        ("docker run -dm 7m --network host busybox ls", 18),
        ("docker pull busybox", 7),
        ("docker import busybox.tar busybox", 7),
        ("docker import - --help", 7),
    ] {
        assert_eq!(refused(text).at, at, "{text}");
    }
    assert_eq!(refused("docker rnu busybox").hint.as_deref(), Some("did you mean `docker run`?"));
    assert!(refused("docker pull busybox").hint.unwrap().contains("nothing is fetched"));
    assert!(refused("docker ps --format {{.ID}}").hint.unwrap().starts_with("put it in quotes"));
    refused("docker");
}

#[test]
fn the_container_that_exec_means_is_found_behind_its_flags() {
    let entered = |text: &str| match parse(text) {
        Line::Docker(words) => super::entered(&words).map(str::to_owned),
        other => panic!("`{text}` was read as {other:?}"),
    };
    for text in ["exec a ls -l b", "exec -it a ls", "exec -e X=1 --user 0 --workdir=/ a", "exec -iu 0 a ls"] {
        assert_eq!(entered(&format!("docker {text}")).as_deref(), Some("a"), "{text}");
    }
    for text in ["exec -it", "exec -e", "run a ls", "ps"] {
        assert_eq!(entered(&format!("docker {text}")), None, "{text}");
    }
}
