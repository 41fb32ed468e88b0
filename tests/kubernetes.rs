//! The manifests for Kubernetes: they follow the published schemas, they fit each other, and a lab that the book promises runs
//! under the restrictions of the learner's pod. There is no cluster here: the pod's security context is handed to podman,
//! field by field.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::peers::Store;
use support::{LABS, has, is_root, repository, status, stderr, stdout};

/// A program of the Python environment that `.ci/run` makes.
fn tool(name: &str) -> Option<PathBuf> {
    let path = repository().join("target/tools/kubernetes/bin").join(name);
    if !path.is_file() {
        support::skip("`kubernetes-validate` is not in `target/tools/kubernetes`; `.ci/run` puts it there");
        return None;
    }
    Some(path)
}

fn share(name: &str) -> PathBuf {
    repository().join("share/kubernetes").join(name)
}

/// The objects of all manifests.
fn objects(python: &Path) -> Vec<Value> {
    read(python, &["room.yaml", "board.yaml", "learner.yaml"].map(share))
}

/// The objects in some files.
fn read(python: &Path, files: &[PathBuf]) -> Vec<Value> {
    let read = "import json, sys, yaml\n\
                print(json.dumps([o for f in sys.argv[1:] for o in yaml.safe_load_all(open(f))]))";
    let output = Command::new(python).args(["-c", read]).args(files).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
}

fn validate(validator: &Path, file: &Path) -> Output {
    Command::new(validator).args(["--strict", "--quiet"]).arg(file).output().unwrap()
}

#[test]
fn the_manifests_follow_the_published_schemas_and_a_broken_one_does_not() {
    let Some(validator) = tool("kubernetes-validate") else { return };
    let mut checked = 0;
    for entry in fs::read_dir(share("")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "yaml") {
            let output = validate(&validator, &entry.path());
            assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
            checked += 1;
        }
    }
    assert_eq!(checked, 3);
    // What the eye goes over: a letter too few, a wrong level, a wrong type, something that has to be there.
    let place = tempfile::tempdir().unwrap();
    let broken = [
        ("learner.yaml", "runAsNonRoot: true", "runAsNonRot: true"),
        ("learner.yaml", "hostUsers: false", "hostUsers: \"no\""),
        ("learner.yaml", "drop: [ALL]", "drop: ALL"),
        ("learner.yaml", "  containers:\n", "  container:\n"),
        ("board.yaml", "replicas: 1", "replicas: one"),
        ("board.yaml", "      readinessProbe:", "      readiness:"),
        ("room.yaml", "  podSelector: {}\n  policyTypes: [Ingress, Egress]", "  podSelectors: {}"),
        ("room.yaml", "  limits:\n", "  limit:\n"),
    ];
    for (file, from, to) in broken {
        let text = fs::read_to_string(share(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        let path = place.path().join(file);
        fs::write(&path, text.replace(from, to)).unwrap();
        let output = validate(&validator, &path);
        assert_eq!(
            status(&output),
            1,
            "{to:?} in {file} is not noticed: {}{}",
            stdout(&output),
            stderr(&output)
        );
    }
}

#[test]
fn the_books_line_makes_a_learner_of_the_template() {
    let (Some(validator), Some(python)) = (tool("kubernetes-validate"), tool("python")) else { return };
    let page = fs::read_to_string(repository().join("book/src/kubernetes.md")).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("$ for name in ")).unwrap();
    let (_, made) = line.split_once("; do ").unwrap();
    let (make, _) = made.split_once(" | kubectl").unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("name=grace; {make}")])
        .current_dir(repository())
        .output()
        .unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("grace.yaml");
    fs::write(&path, output.stdout).unwrap();
    assert_eq!(status(&validate(&validator, &path)), 0);
    let objects = read(&python, &[path]);
    assert_eq!(objects.len(), 3);
    for object in &objects {
        assert_eq!(object["metadata"]["name"], "learner-grace");
        // A name of Kubernetes has no capitals: nothing of the template may be left.
        assert!(!object.to_string().contains("LEARNER") && !object.to_string().contains("CODE"), "{object}");
    }
    assert_eq!(objects[1]["rules"][1]["resourceNames"][0], "learner-grace");
    assert_eq!(objects[0]["spec"]["containers"][0]["args"][4], "grace");
}

/// Whether a selector takes these labels; an empty one takes all.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().into_iter().flatten();
    wanted.into_iter().all(|(name, value)| labels[name] == *value)
}

/// A quantity of Kubernetes as a number: `50m`, `2`, `384Mi`.
fn amount(quantity: &Value) -> f64 {
    let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned);
    let at = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let times = [("", 1.0), ("m", 0.001), ("Mi", 1_048_576.0), ("Gi", 1_073_741_824.0)];
    number.parse::<f64>().unwrap() * times.iter().find(|(name, _)| *name == unit).unwrap().1
}

#[test]
fn the_manifests_fit_each_other() {
    let Some(python) = tool("python") else { return };
    let objects = objects(&python);
    let of = |kind: &str| objects.iter().filter(|object| object["kind"] == kind).collect::<Vec<_>>();
    let pod = of("Pod")[0];
    let board = &of("Deployment")[0]["spec"]["template"];
    let (room, boards) = ("rlab-room", "rlab-board");
    for object in &objects {
        let namespace =
            object["metadata"]["namespace"].as_str().or(object["metadata"]["name"].as_str()).unwrap();
        assert!([room, boards].contains(&namespace), "{object}");
    }
    assert_eq!(pod["metadata"]["namespace"], room);
    assert_eq!(of("Deployment")[0]["metadata"]["namespace"], boards);
    assert!(selects(&of("Deployment")[0]["spec"]["selector"]["matchLabels"], &board["metadata"]["labels"]));

    // Every connection of a pod of the room, both ways, is forbidden but for what is named.
    let policies = of("NetworkPolicy");
    let policy = |name: &str| policies.iter().find(|policy| policy["metadata"]["name"] == name).unwrap();
    let nothing = &policy("nothing")["spec"];
    assert_eq!(
        (&nothing["podSelector"], nothing["ingress"].is_null(), nothing["egress"].is_null()),
        (&serde_json::json!({}), true, true)
    );
    assert_eq!(nothing["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    let out = &policy("only-the-board")["spec"];
    assert!(selects(&out["podSelector"]["matchLabels"], &pod["metadata"]["labels"]));
    let names_and_board: Vec<&Value> = out["egress"].as_array().unwrap().iter().collect();
    assert_eq!(names_and_board.len(), 2);
    let port = &board["spec"]["containers"][0]["ports"][0]["containerPort"];
    let to = &out["egress"][0];
    assert_eq!((&to["ports"][0]["port"], to["to"].as_array().unwrap().len()), (port, 1));
    assert!(selects(&to["to"][0]["podSelector"]["matchLabels"], &board["metadata"]["labels"]));
    assert_eq!(to["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], boards);
    let into = &policy("only-the-room")["spec"]["ingress"][0];
    assert_eq!(&into["ports"][0]["port"], port);
    assert!(selects(&into["from"][0]["podSelector"]["matchLabels"], &pod["metadata"]["labels"]));
    assert_eq!(into["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], room);
    // And the service leads to the board's port, at which it listens.
    let service = &of("Service")[0]["spec"];
    assert!(selects(&service["selector"], &board["metadata"]["labels"]));
    assert_eq!(
        (&service["ports"][0]["port"], &service["ports"][0]["targetPort"]),
        (port, &board["spec"]["containers"][0]["ports"][0]["name"])
    );
    let words = board["spec"]["containers"][0]["args"].to_string();
    assert!(words.contains(&format!("0.0.0.0:{port}")), "{words}");

    // The filter is the one that is shipped.
    assert!(
        share(pod["spec"]["securityContext"]["seccompProfile"]["localhostProfile"].as_str().unwrap())
            .is_file()
    );
    // A learner fits into a seat, and a room full of them into the quota.
    let resources = &pod["spec"]["containers"][0]["resources"];
    let seat = &of("LimitRange")[0]["spec"]["limits"][0];
    let quota = &of("ResourceQuota")[0]["spec"]["hard"];
    let pods = amount(&quota["pods"]);
    for what in ["cpu", "memory", "ephemeral-storage"] {
        assert!(amount(&resources["limits"][what]) <= amount(&seat["max"][what]), "{what}");
        for kind in ["requests", "limits"] {
            let all = amount(&resources[kind][what]) * pods;
            assert!(
                all <= amount(&quota[format!("{kind}.{what}")]),
                "{kind} of {what} for {pods} pods: {all}"
            );
        }
    }
    // What one learner may do in the cluster concerns one pod.
    let rules = of("Role")[0]["rules"].as_array().unwrap();
    assert!(
        rules.iter().all(|rule| rule["resourceNames"] == serde_json::json!([pod["metadata"]["name"]])),
        "{rules:?}"
    );
}

/// The image of the manifests, and podman to run it.
struct Pods {
    store: Store,
}

impl Pods {
    fn new() -> Self {
        let pods = Self { store: Store::new() };
        // The pod's root is nobody here, and has to get through to its files.
        fs::set_permissions(pods.store.path(""), fs::Permissions::from_mode(0o711)).unwrap();
        let made = Command::new(share("make-image"))
            .arg(env!("CARGO_BIN_EXE_rlab"))
            .arg(pods.store.path("image"))
            .output();
        let made = made.unwrap();
        assert!(made.status.success(), "{made:?}");
        pods
    }

    /// Runs the first container of a pod's specification; its words follow those of podman.
    fn run(&self, spec: &Value, extra: &[&str], words: &[&str]) -> Output {
        let mut command = Command::new("podman");
        self.store.lend(&mut command);
        command
            .args(["run", "--rm", "--quiet", "--network", "none"])
            .args(restrictions(spec, &self.store))
            .args(extra);
        // By a path that is no more than a name: podman makes the image's name of it.
        command.current_dir(self.store.path("")).arg("oci:image:latest").args(words);
        command.output().unwrap()
    }
}

/// The security context of a pod and of its container as podman's options. A field that is not known here is a failure: it
/// might be one that restricts.
fn restrictions(spec: &Value, store: &Store) -> Vec<String> {
    let mut words = Vec::new();
    let mut push = |word: String| words.push(word);
    if spec["hostUsers"] == false {
        push("--uidmap=0:1000000:65536".to_owned());
        push("--gidmap=0:1000000:65536".to_owned());
    }
    let container = &spec["containers"][0];
    let of_pod = spec["securityContext"].as_object().unwrap();
    for (field, value) in of_pod.iter().chain(container["securityContext"].as_object().unwrap()) {
        match (field.as_str(), value) {
            ("runAsUser", id) => push(format!("--user={id}:{}", of_pod["runAsGroup"])),
            ("runAsGroup" | "runAsNonRoot" | "fsGroup" | "appArmorProfile", _) => {}
            ("privileged", Value::Bool(false)) => {}
            ("allowPrivilegeEscalation", Value::Bool(false)) => {
                push("--security-opt=no-new-privileges".to_owned())
            }
            ("readOnlyRootFilesystem", Value::Bool(true)) => {
                push("--read-only".to_owned());
                push("--read-only-tmpfs=false".to_owned());
            }
            ("capabilities", value) => {
                assert_eq!(*value, serde_json::json!({"drop": ["ALL"]}));
                push("--cap-drop=ALL".to_owned());
            }
            ("procMount", value) => {
                assert_eq!(value, "Unmasked");
                push("--security-opt=unmask=ALL".to_owned());
            }
            ("seccompProfile", value) => {
                let file = value["localhostProfile"].as_str().map_or_else(|| runtime_default(store), share);
                push(format!("--security-opt=seccomp={}", file.display()));
            }
            (field, value) => panic!("{field}: {value} is not known here"),
        }
    }
    // Empty, and writable for the group of the pod.
    for mount in container["volumeMounts"].as_array().unwrap() {
        let path = mount["mountPath"].as_str().unwrap();
        push(format!("--tmpfs={path}"));
    }
    for variable in container["env"].as_array().unwrap() {
        push(format!("--env={}={}", variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap()));
    }
    push(format!("--workdir={}", container["workingDir"].as_str().unwrap()));
    words
}

/// A filter that does to new namespaces and mounts what the runtimes' own do where there is no CAP_SYS_ADMIN.
fn runtime_default(store: &Store) -> PathBuf {
    let path = store.path("runtime-default.json");
    let names = ["unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "sethostname"];
    let filter = serde_json::json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSYS},
            {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
             "args": [{"index": 0, "value": 0x1000_0000, "valueTwo": 0x1000_0000, "op": "SCMP_CMP_MASKED_EQ"}]},
        ],
    });
    fs::write(&path, filter.to_string()).unwrap();
    path
}

fn can_run_pods() -> bool {
    is_root() && has("busybox") && has("podman") && has("runc")
}

/// The specification of the learner's pod.
fn learner(python: &Path) -> Value {
    let objects = objects(python);
    objects.into_iter().find(|object| object["kind"] == "Pod").unwrap()["spec"].take()
}

/// What the book promises of each lab.
fn promised() -> Vec<(String, String)> {
    let page = fs::read_to_string(repository().join("book/src/kubernetes.md")).unwrap();
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    let rows = rows.map(|(lab, promise)| (lab.to_owned(), promise.to_owned()));
    rows.filter(|(lab, _)| LABS.contains(&lab.as_str())).collect()
}

#[test]
fn a_learners_pod_is_as_restricted_as_it_says_and_every_lab_does_what_is_promised() {
    let Some(python) = tool("python") else { return };
    if !can_run_pods() {
        return;
    }
    let (pods, spec) = (Pods::new(), learner(&python));
    // What the kernel says of a process in it.
    let shell = ["--entrypoint", "/bin/sh"];
    let output = pods.run(&spec, &shell, &["-c", "cat /proc/self/status /proc/self/uid_map; touch /x"]);
    let told = stdout(&output);
    for wanted in [
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "Uid:\t1000\t1000",
        "0    1000000      65536",
    ] {
        assert!(told.contains(wanted), "{wanted:?} is not in {told}");
    }
    assert!(stderr(&output).contains("Read-only file system"), "{}", stderr(&output));

    let promised = promised();
    assert_eq!(promised.iter().map(|(lab, _)| lab.as_str()).collect::<Vec<_>>(), LABS);
    for (lab, promise) in promised {
        let output = pods.run(&spec, &[], &["run", &lab, "--format", "json"]);
        let report: Value = serde_json::from_str(&stdout(&output))
            .unwrap_or_else(|error| panic!("{lab}: {error}: {output:?}"));
        let steps = report["labs"][0]["steps"].as_array().cloned().unwrap_or_default();
        let passed = steps.iter().filter(|step| step["verdict"] == "pass").count();
        let failed = steps.iter().filter(|step| step["verdict"] == "fail").count();
        let came = match (passed, steps.len()) {
            (0, _) => "no step".to_owned(),
            (passed, all) if passed == all => "every step".to_owned(),
            (passed, all) => format!("{passed} of {all} steps"),
        };
        assert_eq!((came.as_str(), failed), (promise.as_str(), 0), "{lab}: {report}");
    }
}

#[test]
fn what_goes_beyond_the_usual_in_a_learners_pod_cannot_be_left_out() {
    let Some(python) = tool("python") else { return };
    if !can_run_pods() {
        return;
    }
    let (pods, spec) = (Pods::new(), learner(&python));
    let run = |spec: &Value| status(&pods.run(spec, &[], &["run", "pid-namespace", "--strict"]));
    let output = pods.run(&spec, &[], &["run", "pid-namespace", "--strict"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let mut masked = spec.clone();
    masked["containers"][0]["securityContext"].as_object_mut().unwrap().remove("procMount");
    assert_eq!(run(&masked), 3, "with a part of /proc covered");
    let mut filtered = spec.clone();
    filtered["securityContext"]["seccompProfile"] = serde_json::json!({"type": "RuntimeDefault"});
    assert_eq!(run(&filtered), 3, "with the filter of the runtime");
}

#[cfg(feature = "workshop")]
#[test]
fn the_board_serves_in_its_pod() {
    let Some(python) = tool("python") else { return };
    if !can_run_pods() {
        return;
    }
    let objects = objects(&python);
    let spec =
        &objects.iter().find(|object| object["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"];
    let container = &spec["containers"][0];
    let port = &container["ports"][0]["containerPort"];
    // A learner with a wrong code is told so: 403.
    let ask = format!(
        "/bin/rlab \"$@\" >/dev/null & for i in $(seq 300); do \
         wget -O - --header 'Content-Type: application/json' \
         --post-data '{{\"format\":1,\"code\":\"AAAAAA\",\"name\":\"Ada\"}}' http://127.0.0.1:{port}/api/join 2>&1 | \
         grep HTTP && break; sleep 0.1; done; ls /data"
    );
    let mut words = vec!["-c", &ask, "board"];
    words.extend(container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()));
    let output = Pods::new().run(spec, &["--entrypoint", "/bin/sh"], &words);
    let told = stdout(&output);
    assert!(told.contains(" 403 ") && told.lines().any(|line| line == "room.db"), "{output:?}");
}
