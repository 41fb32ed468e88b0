use super::*;

fn recipe(lines: &[&str]) -> Recipe {
    Recipe::read(lines.iter().copied()).unwrap()
}

fn lines(text: &[&str]) -> Vec<String> {
    recipe(text).lines()
}

fn dropped(text: &[&str], what: &str) -> Result<(String, Vec<String>)> {
    let mut recipe = recipe(text);
    let taken = recipe.drop(&what.to_owned())?;
    Ok((taken, recipe.lines()))
}

#[test]
fn every_line_of_the_full_container_goes_in() {
    assert_eq!(Recipe::full(), recipe(Recipe::FULL));
    assert_eq!(Recipe::full().ingredients().len(), Recipe::FULL.len());
    assert_eq!(Recipe::full().root_change(), RootChange::Pivot);
}

#[test]
fn a_later_ingredient_changes_the_one_that_is_there() {
    assert_eq!(lines(&["rootfs", "chroot", "pivot_root", "rootfs host"]), ["rootfs host", "pivot_root"]);
    assert_eq!(
        lines(&["cgroup", "cgroup memory.max=7M pids.max=9", "cgroup memory.max=max"]),
        ["cgroup memory.max=max pids.max=9"]
    );
    assert_eq!(lines(&["capdrop kill", "capdrop sys_chroot"]), ["capdrop CAP_KILL CAP_SYS_CHROOT"]);
    assert_eq!(lines(&["capdrop kill", "capdrop all", "capdrop kill"]), ["capdrop all"]);
    assert_eq!(lines(&["unshare --uts", "hostname a", "hostname b"]), ["unshare --uts", "hostname b"]);
    assert_eq!(lines(&["unshare --uts", "unshare --pid --mount-proc"]), ["unshare --pid --uts --mount-proc"]);
}

#[test]
fn a_proc_older_than_the_pid_namespace_stays_older() {
    let early = ["unshare --uts", "mount -t proc proc /proc", "unshare --pid --uts"];
    assert_eq!(lines(&early), ["unshare --uts", "mount -t proc proc /proc", "unshare --pid"]);
    assert_eq!(recipe(&early).summary(), "proc+pid+uts");
    // A namespace that changes nothing about proc may join the first.
    assert_eq!(
        lines(&["unshare --pid", "mount -t proc proc /proc", "unshare --ipc"])[0],
        "unshare --pid --ipc"
    );
    // The same proc again, now younger.
    let again = [&early[..], &["mount -t proc proc /proc"]].concat();
    assert_eq!(lines(&again), ["unshare --uts", "unshare --pid", "mount -t proc proc /proc"]);
    assert_eq!(recipe(&again).summary(), "pid+uts+proc");
}

#[test]
fn lines_compose_the_same_recipe_again() {
    for text in [Recipe::FULL, &["unshare --uts", "mount -t proc proc /proc", "unshare --pid", "hostname x"]]
    {
        let first = recipe(text);
        assert_eq!(Recipe::read(first.lines().iter().map(String::as_str)).unwrap(), first);
    }
}

#[test]
fn what_needs_another_ingredient_says_which() {
    for (line, mend) in
        [("chroot", "type `rootfs`"), ("pivot_root", "type `rootfs`"), ("hostname x", "type `unshare --uts`")]
    {
        let error = Recipe::read([line]).unwrap_err();
        assert!(error.hint.unwrap().starts_with(mend), "{line}");
    }
    assert!(Recipe::read(["ls /"]).is_err());
}

#[test]
fn parts_are_taken_out() {
    let full = Recipe::FULL;
    for (what, taken) in [
        ("pivot_root", "pivot_root"),
        ("--pid", "unshare --pid"),
        ("-p", "unshare --pid"),
        ("--mount-proc", "unshare --mount-proc"),
        ("memory.max", "cgroup memory.max=7340032"),
        ("memory.limit_in_bytes", "cgroup memory.max=7340032"),
        ("pids", "cgroup pids.max=64"),
        ("cgroup", "cgroup memory.max=7340032 pids.max=64"),
        ("/dev/null", "mount --bind /dev/null /dev/null"),
        ("hostname", "hostname container"),
    ] {
        let (was, left) = dropped(full, what).unwrap();
        assert_eq!(was, taken);
        let again = Recipe::read(left.iter().map(String::as_str)).unwrap();
        assert!(again != Recipe::full() && again.clone().drop(&what.to_owned()).is_err(), "{what}");
    }
    assert_eq!(dropped(&["cgroup memory.max=7M"], "memory.max").unwrap().1, ["cgroup"]);
    assert_eq!(dropped(&["unshare --pid"], "--pid").unwrap().1, [""; 0]);
    assert_eq!(dropped(&["capdrop kill"], "kill").unwrap().1, [""; 0]);
    assert_eq!(dropped(&["mount -t proc proc /proc"], "mount").unwrap().1, [""; 0]);
}

#[test]
fn what_cannot_be_taken_out_says_what_to_do() {
    for (what, hint) in [
        ("rootfs", "drop pivot_root"),
        ("unshare", "drop hostname"),
        ("--uts", "drop hostname"),
        ("mount", "drop /dev/null"),
        ("/proc", "drop --mount-proc"),
        ("--net", "in it are"),
        ("cgrup", "did you mean `drop cgroup`?"),
        ("chroot", "in it are"),
        ("--fork", "in it are"),
        ("cpu.max", "in it are"),
        ("/nowhere", "in it are"),
    ] {
        let error = dropped(Recipe::FULL, what).unwrap_err().hint.unwrap();
        assert!(error.contains(hint), "{what}: {error}");
    }
    assert!(dropped(&[], "x").unwrap_err().hint.unwrap().contains("bare"));
}

#[test]
fn the_prompt_is_short() {
    for (text, summary) in [
        (&[][..], "bare"),
        (&["rootfs"], "rootfs"),
        (&["rootfs", "chroot"], "chroot"),
        (&["rootfs", "chroot", "mount -t proc proc /proc"], "chroot+proc"),
        (&["rootfs", "chroot", "unshare --pid --mount-proc"], "chroot+pid+proc"),
        (&["rootfs", "chroot", "mount -t proc proc /proc", "unshare --pid"], "chroot+proc+pid"),
        (&["cgroup"], "cgroup"),
        (&["cgroup pids.max=3 memory.max=7M"], "memory+pids"),
        (&["unshare --mount"], "mnt"),
        (&["mount -t tmpfs x /tmp", "capdrop all"], "mounts+capdrop"),
        (Recipe::FULL, "pivot+pid+uts+ipc+proc+memory+pids"),
    ] {
        assert_eq!(recipe(text).summary(), summary);
    }
}

/// Found by a property test: the lines of a recipe gave another recipe.
#[test]
fn what_stood_apart_for_the_pid_namespace_comes_together_without_it() {
    for (lines, what, left) in [
        (
            &["unshare --mount-proc", "unshare --pid --cgroup"][..],
            "--pid",
            &["unshare --cgroup --mount-proc"][..],
        ),
        (&["unshare --uts", "mount -t proc proc /proc", "unshare --pid"], "/proc", &["unshare --pid --uts"]),
    ] {
        let mut recipe = Recipe::read(lines.iter().copied()).unwrap();
        assert_eq!(recipe.lines(), lines);
        recipe.drop(&what.to_owned()).unwrap();
        assert_eq!(recipe.lines(), left);
    }
}
