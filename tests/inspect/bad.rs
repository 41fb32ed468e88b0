//! Who is not there, and who may not read.

use super::*;
use crate::support::user::User;

#[test]
fn who_may_not_read_all_is_told_what_is_missing() {
    if !is_root() || !has("setpriv") {
        return;
    }
    let seconds = seconds();
    let sleeper = Sleeper::start(Command::new("sleep").arg(&seconds), &seconds);
    let user = User::new(65_534);
    let as_user = |words: &[&str]| user.rlab().args(words).output().unwrap();
    let output = as_user(&["inspect", &sleeper.pid.to_string(), "--format", "json"]);
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&told["root"], &told["namespaces"]), (&Value::Null, &json!({})));
    assert_eq!(told["command"], format!("sleep {seconds}"));
    assert!(!told["capabilities"]["effective"].as_array().unwrap().is_empty());
    let unread: Vec<&str> =
        told["unread"].as_array().unwrap().iter().map(|unread| unread["what"].as_str().unwrap()).collect();
    assert!(unread.contains(&"root") && unread.contains(&"ns/pid"), "{unread:?}");
    let said = stderr(&output);
    assert!(said.contains("EACCES") && said.contains(" root") && said.contains("hint: "), "{said}");

    let output = as_user(&["inspect", &sleeper.pid.to_string()]);
    assert_eq!(status(&output), 3);
    assert!(stdout(&output).contains("root          may not be read"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("an ordinary process"), "{}", stdout(&output));
    // Its own it may read.
    let output = as_user(&["inspect", "1"]);
    assert_eq!(status(&output), 3);
}

#[test]
fn who_is_not_there_is_told_so() {
    let gone =
        Command::new("true").spawn().map(|mut child| (child.id(), child.wait())).unwrap().0.to_string();
    let far = i32::MAX.to_string();
    for (who, why) in [
        (gone.as_str(), "no process has the number"),
        (&far, "no process has the number"),
        ("0", "not the number of a process"),
        ("99999999999999999999", "not the number of a process"),
        ("a b", "neither a PID nor the name"),
        ("", "neither a PID nor the name"),
        ("../1", "neither a PID nor the name"),
        ("\u{1b}[2J", "neither a PID nor the name"),
    ] {
        for format in ["text", "json"] {
            let output = run(&["inspect", "--format", format, "--", who]);
            assert_eq!((status(&output), stdout(&output).as_str()), (2, ""), "`{who}`: {}", stderr(&output));
            assert!(stderr(&output).contains(why), "`{who}`: {}", stderr(&output));
            assert!(
                stderr(&output).contains("hint: ") && !stderr(&output).contains('\u{1b}'),
                "{}",
                stderr(&output)
            );
        }
    }
}

#[test]
fn a_name_that_nobody_knows_is_told_by_those_who_were_asked() {
    let tools = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let ask = || rlab(home.path()).args(["inspect", "nobody"]).env("PATH", tools.path()).output().unwrap();
    // The usual directories are looked into as well, so where the machine has an engine it is asked.
    let installed = ["docker", "podman"].into_iter().any(|tool| {
        ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin"]
            .into_iter()
            .any(|directory| std::path::Path::new(directory).join(tool).exists())
    });
    let output = ask();
    assert_eq!(status(&output), if installed { 2 } else { 3 }, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("`nobody`") && stderr(&output).contains("hint: "),
        "{}",
        stderr(&output)
    );
}
