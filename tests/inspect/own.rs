//! rlab's own containers, a plain process, a shell in a user namespace.

use super::*;

#[test]
fn the_recipe_of_a_container_of_rlabs_is_found_again() {
    if !is_root() || !has("busybox") {
        return;
    }
    let composed = [
        "chroot:chroot",
        "chroot",
        "pid-namespace:stale",
        "pid-namespace",
        "memory-cgroup:group",
        "memory-cgroup",
        "container:files",
        "container",
        "full",
    ];
    let lines: [&[&str]; 4] = [
        &[
            "rootfs host",
            "pivot_root",
            "mount -t tmpfs -o size=64k,mode=700 tmpfs /tmp",
            "cgroup cpu.max=50%",
        ],
        &["unshare --net --ipc", "capdrop CAP_KILL CAP_SYS_TIME"],
        &["rootfs", "chroot", "unshare --mount", "mount --bind -o ro /usr /mnt", "cgroup pids.max=9"],
        &["unshare --uts --mount", "hostname x-y.z", "mount -t tmpfs tmpfs /mnt"],
    ];
    let read = |lines: &&[&str]| Recipe::read(lines.iter().copied()).unwrap();
    for recipe in composed.into_iter().map(recipe).chain(lines.iter().map(read)) {
        let sleeper = Sleeper::of_rlab(&recipe);
        let told = inspect(&sleeper.pid.to_string());
        let mut wanted = recipe.lines();
        // A directory that nobody changes to cannot be seen in a process.
        wanted.retain(|line| !(line.starts_with("rootfs") && recipe.root_change() == RootChange::None));
        let wanted = Recipe::read(wanted.iter().map(String::as_str)).unwrap();
        let found = Recipe::read(self::lines(&told)).unwrap();
        assert_eq!(asked(&found), asked(&wanted), "{:?}\nis told as {:?}", recipe.lines(), found.lines());
        assert_eq!(told_namespaces(&told), own_namespaces(sleeper.pid), "{:?}", recipe.lines());
    }
}

#[test]
fn a_plain_process_has_no_ingredient() {
    let seconds = seconds();
    let sleeper = Sleeper::start(Command::new("sleep").arg(&seconds), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!((told_namespaces(&told), lines(&told), notes(&told).as_str()), (kinds(&[]), vec![], ""));
    assert_eq!(told["root"], json!({ "kind": "host", "path": "/" }));
    assert_eq!(told["command"], format!("sleep {seconds}"));
    assert_eq!(told["seccomp"], if field(sleeper.pid, "Seccomp") == "0" { "none" } else { "filter" });
    assert!(told["mounts"].as_array().unwrap().iter().all(|mount| mount["own"] == false));
    let groups = told["cgroups"].as_object().unwrap();
    assert!(groups.values().all(|group| group["own"] == false), "{groups:?}");
}

#[test]
fn a_shell_in_a_user_namespace_has_that_and_nothing_else() {
    if !has("unshare") {
        return;
    }
    let seconds = seconds();
    let mut command = Command::new("unshare");
    let sleeper = Sleeper::start(command.args(["--user", "--map-root-user", "sleep", &seconds]), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told_namespaces(&told), kinds(&["user"]));
    assert_eq!(lines(&told), ["unshare --user"]);
    let uid = nix::unistd::geteuid().as_raw();
    assert_eq!(told["uid_map"], json!([{ "inside": 0, "outside": uid, "count": 1 }]));
    drop(sleeper);

    // Without a map it is nobody.
    let mut command = Command::new("unshare");
    let sleeper = Sleeper::start(command.args(["--user", "sleep", &seconds]), &seconds);
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told["uid_map"], json!([]));
    assert!(notes(&told).contains("no user id is mapped"), "{told}");
}
