//! Processes that are not like others: threads, the kernel's own, those that have ended, stopped or end meanwhile.

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::support::wait_for;

/// What is told of a number as JSON (`null` where nothing is), with the status and what stands on standard error.
fn ask(pid: i32) -> (i32, Value, String) {
    let output = run(&["inspect", &pid.to_string(), "--format", "json"]);
    let told = serde_json::from_str(&stdout(&output)).unwrap_or(Value::Null);
    (status(&output), told, stderr(&output))
}

fn page(pid: i32) -> Output {
    run(&["inspect", &pid.to_string()])
}

#[test]
fn a_zombie_is_told_as_one_and_nobody_is_sent_to_root() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    wait_for("its end", || field(pid, "State").starts_with('Z'));
    let (status, told, said) = ask(pid);
    assert_eq!((status, &told["state"], &told["root"]), (3, &json!("Z"), &Value::Null), "{said}");
    assert_eq!(told["parent"], std::process::id());
    assert_eq!(
        (&told["recipe"], &told["mounts"], &told["kernel_thread"]),
        (&json!([]), &json!([]), &json!(false))
    );
    assert!(notes(&told).contains("it has ended"), "{told}");
    assert!(said.contains(&format!("process {pid} has ended")) && !said.contains("as root"), "{said}");
    let parent = format!("its parent, PID {}", std::process::id());
    assert!(said.contains(&parent), "{said}");
    let page = stdout(&page(pid));
    assert!(page.contains(&parent) && page.contains("root          went with its end"), "{page}");
    assert!(!page.contains("may not be read"), "{page}");
    child.wait().unwrap();
    let (status, told, said) = ask(pid);
    assert_eq!((status, &told), (2, &Value::Null));
    assert!(said.contains("no process has the number"), "{said}");
}

#[test]
fn where_only_the_first_thread_has_ended_another_one_is_named() {
    if !has("python3") {
        return;
    }
    // exit(2) ends a thread, not the process.
    let script = "import ctypes, threading, time\n\
                  threading.Thread(target=time.sleep, args=(1000,)).start()\n\
                  ctypes.CDLL(None).syscall(SYS_EXIT, 0)\n"
        .replace("SYS_EXIT", &libc_exit().to_string());
    let mut child = Command::new("python3").args(["-c", &script]).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    wait_for("the end of its first thread", || field(pid, "State").starts_with('Z'));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let names = threads.map(|entry| entry.file_name().to_str().unwrap().parse::<i32>().unwrap());
    let other = names.into_iter().find(|thread| *thread != pid).unwrap();
    let (first, thread) = (ask(pid), ask(other));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(first.0, 3);
    assert!(first.2.contains(&format!("`rlab inspect {other}`")), "{}", first.2);
    // And there all of it is told, as of a thread.
    assert_eq!((thread.0, &thread.1["thread_of"]), (0, &json!(pid)), "{}", thread.2);
    assert_eq!(thread.1["root"], json!({ "kind": "host", "path": "/" }));
}

/// The number of exit(2) on this machine.
const fn libc_exit() -> i64 {
    if cfg!(target_arch = "aarch64") { 93 } else { 60 }
}

#[test]
fn a_thread_is_told_with_its_process_and_may_have_namespaces_that_it_has_not() {
    if !is_root() {
        return;
    }
    let (told, asked) = std::sync::mpsc::channel();
    let (done, over) = std::sync::mpsc::channel::<()>();
    // A thread may leave the UTS namespace of its process (unshare(2)).
    let thread = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUTS).unwrap();
        nix::unistd::sethostname("of-a-thread").unwrap();
        told.send(nix::unistd::gettid().as_raw()).unwrap();
        let _ = over.recv();
    });
    let tid = asked.recv().unwrap();
    let (status, told, said) = ask(tid);
    let page = stdout(&page(tid));
    drop(done);
    thread.join().unwrap();
    assert_eq!((status, &told["thread_of"]), (0, &json!(std::process::id())), "{said}");
    assert_eq!((told_namespaces(&told), &told["host_name"]), (kinds(&["uts"]), &json!("of-a-thread")));
    assert_eq!(lines(&told), ["unshare --uts", "hostname of-a-thread"]);
    assert!(page.contains(&format!("a thread of process {}", std::process::id())), "{page}");
    // The process itself is none.
    assert_eq!(ask(std::process::id().try_into().unwrap()).1["thread_of"], Value::Null);
}

#[test]
fn a_thread_of_the_kernel_has_no_recipe() {
    // Its PID is the second of a machine; a container has none.
    if fs::read_to_string("/proc/2/comm").unwrap_or_default() != "kthreadd\n" {
        support::skip("the threads of the kernel are not seen here");
        return;
    }
    let (status, told, said) = ask(2);
    assert_eq!(
        (status, &told["kernel_thread"], &told["command"]),
        (if is_root() { 0 } else { 3 }, &json!(true), &json!("[kthreadd]")),
        "{said}"
    );
    assert_eq!((lines(&told), &told["parent"]), (vec![], &json!(0)));
    assert!(notes(&told).contains("a thread of the kernel"), "{told}");
}

#[test]
fn the_first_process_of_the_machine_is_told_as_far_as_it_may_be_read() {
    let (status, told, said) = ask(1);
    assert_eq!((&told["pid"], &told["parent"], &told["nspid"][0]), (&json!(1), &json!(0), &json!(1)));
    if fs::read_link("/proc/1/root").is_ok() {
        assert_eq!((status, said.as_str()), (0, ""));
        return;
    }
    // Root or not: nobody is told to become what they are.
    assert_eq!((status, &told["root"]), (3, &Value::Null), "{said}");
    let me = if is_root() { "from outside of this" } else { "look as root" };
    assert!(said.contains("EACCES") || said.contains("EPERM"), "{said}");
    assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(me), "{said}");
}

#[test]
fn a_stopped_process_is_told_like_one_that_runs() {
    let seconds = seconds();
    let sleeper = Sleeper::start(Command::new("sleep").arg(&seconds), &seconds);
    let running = inspect(&sleeper.pid.to_string());
    kill(Pid::from_raw(sleeper.pid), Signal::SIGSTOP).unwrap();
    wait_for("its stop", || field(sleeper.pid, "State").starts_with('T'));
    let stopped = inspect(&sleeper.pid.to_string());
    assert_eq!(stopped["state"], "T");
    assert_eq!((&stopped["root"], &stopped["namespaces"]), (&running["root"], &running["namespaces"]));
    assert_eq!(stopped["mounts"], running["mounts"]);
}

#[test]
fn a_chroot_alone_is_told_as_one_with_its_directory() {
    if !is_root() || !has("busybox") || !has("chroot") {
        return;
    }
    let (root, seconds) = (tempfile::tempdir().unwrap(), seconds());
    let busybox = stdout(&Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap());
    let copied = Command::new("cp").arg(busybox.trim()).arg(root.path().join("sleep")).status();
    assert!(copied.unwrap().success());
    let mut command = Command::new("chroot");
    command.arg(root.path()).args(["/sleep", &seconds]);
    let child = command.spawn().unwrap();
    let sleeper = Sleeper { pid: find(&["/sleep", &seconds]), child };
    let told = inspect(&sleeper.pid.to_string());
    assert_eq!(told["root"], json!({ "kind": "chroot", "path": root.path() }));
    assert_eq!((told_namespaces(&told), lines(&told)), (kinds(&[]), vec!["rootfs host", "chroot"]));
}

#[test]
fn a_user_namespace_in_another_one_is_told_as_the_kernel_maps_it_for_the_reader() {
    if !has("unshare") {
        return;
    }
    let seconds = seconds();
    // The outer one has one id; inside of it that is 0, and 7 in the inner one.
    let inner = format!("unshare --user --map-user=7 --map-group=7 sleep {seconds}");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", &format!("exec {inner}")]);
    let sleeper = Sleeper::start(&mut command, &seconds);
    let told = inspect(&sleeper.pid.to_string());
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    assert_eq!(told["uid_map"], json!([{ "inside": 7, "outside": uid, "count": 1 }]));
    assert_eq!(told["gid_map"], json!([{ "inside": 7, "outside": gid, "count": 1 }]));
    assert_eq!(told_namespaces(&told), kinds(&["user"]));
    assert!(notes(&told).contains("other rows"), "{told}");
}

#[test]
fn a_look_that_the_end_came_into_is_no_look() {
    if !has("strace") {
        return;
    }
    // Every file is opened slowly; the process ends meanwhile, and its entry stays.
    let mut child = Command::new("sleep").arg("0.5").spawn().unwrap();
    let slowly = ["-o", "/dev/null", "-e", "inject=openat,readlink,readlinkat:delay_enter=100000"];
    let mut command = Command::new("strace");
    command.args(slowly).args([env!("CARGO_BIN_EXE_rlab"), "inspect", &child.id().to_string()]);
    let output = command.env("NO_COLOR", "1").output().unwrap();
    child.wait().unwrap();
    assert_eq!((status(&output), stdout(&output).as_str()), (2, ""), "{}", stderr(&output));
    assert!(stderr(&output).contains("has ended while it was looked at"), "{}", stderr(&output));
}

#[test]
fn a_process_that_ends_while_it_is_looked_at_is_told_whole_or_not_at_all() {
    let mut seen = BTreeSet::new();
    for round in 0..60 {
        let sleep = format!("sleep 0.0{:02}", round % 30);
        let mut child = Command::new("sh").args(["-c", &sleep]).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let asked = std::thread::spawn(move || ask(pid));
        child.wait().unwrap();
        let (status, told, said) = asked.join().unwrap();
        match status {
            0 => assert!(told["unread"] == json!([]) && told["root"] != Value::Null, "{told}"),
            2 => assert!(
                told.is_null() && (said.contains("has ended while") || said.contains("no process has")),
                "{said}"
            ),
            3 => assert!(told["state"] == "Z" && said.contains("has ended, and not all"), "{told} {said}"),
            other => panic!("{other}: {told} {said}"),
        }
        seen.insert(status);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(seen.len() > 1, "all of them ended alike: {seen:?}");
}
