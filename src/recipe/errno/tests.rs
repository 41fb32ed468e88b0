use std::collections::BTreeSet;

use super::*;
use crate::recipe::capability;

/// Places that the table tells apart, each with one thing that is not as usual.
fn places() -> Vec<Place> {
    let usual = Place::default;
    vec![
        usual(),
        Place { chrooted: true, ..usual() },
        Place { unmapped: true, ..usual() },
        Place { half_unshared: true, ..usual() },
        Place { filtered: true, ..usual() },
        Place { confined: Some("docker-default".to_owned()), ..usual() },
        Place { apparmor_restricts: true, ..usual() },
        Place { capabilities: 0, ..usual() },
        Place { forbidden: Namespace::ALL.into(), ..usual() },
        Place { processes_full: true, ..usual() },
        Place { systemd: true, ..usual() },
        Place { userns_clone_off: true, ..usual() },
    ]
}

/// Every context that the table can tell apart.
fn contexts() -> Vec<Context> {
    let kinds = [Namespace::User, Namespace::Pid, Namespace::Net, Namespace::Ipc];
    let mut all = Vec::new();
    for place in places() {
        for bits in 0..16_u8 {
            let own: Vec<Namespace> = kinds
                .into_iter()
                .enumerate()
                .filter(|(at, _)| bits >> at & 1 == 1)
                .map(|(_, kind)| kind)
                .collect();
            for (root, executable, directory_gone, v1) in [
                (RootChange::None, Executable::Unknown, false, false),
                (RootChange::Chroot, Executable::Unknown, false, true),
                (RootChange::None, Executable::Directory, true, false),
                (RootChange::None, Executable::Nameless, false, false),
                (RootChange::None, Executable::NoBit, false, false),
                (RootChange::None, Executable::NoExec, false, false),
                (RootChange::Pivot, Executable::Interpreter("/lib/ld.so".to_owned()), false, false),
            ] {
                all.push(Context {
                    own: own.clone(),
                    root,
                    executable,
                    near: None,
                    directory_gone,
                    v1,
                    place: place.clone(),
                });
            }
        }
    }
    all
}

#[test]
fn no_row_hides_another() {
    let contexts = contexts();
    for (at, row) in rows().enumerate() {
        let args = row.words.join(", ");
        for call in row.calls {
            let found = contexts.iter().any(|context| {
                rows().position(|other| other.fits(call, &args, row.errno, context)) == Some(at)
            });
            assert!(found, "{call} {:?} {args} is never reached: {}", row.errno, row.means);
        }
    }
}

#[test]
fn an_entry_has_a_name_of_its_own() {
    let ids: Vec<&str> = rows().map(|row| row.id).collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len());
    for id in ids {
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{id}"
        );
    }
}

#[test]
fn the_capabilities_of_the_table_have_the_right_numbers() {
    let number = |name: &str| capability::NAMES.iter().position(|known| *known == name);
    assert_eq!(number("CAP_SYS_ADMIN"), Some(usize::from(crate::recipe::place::SYS_ADMIN)));
    assert_eq!(number("CAP_SETFCAP"), Some(usize::from(crate::recipe::place::SETFCAP)));
}

#[test]
fn every_row_speaks_in_the_voice_of_the_house() {
    for row in rows() {
        for text in [row.means, row.mend] {
            assert!(!text.is_empty() && !text.ends_with('.') && !text.contains("  "), "{text}");
            assert!(!text.starts_with(|c: char| c.is_uppercase()), "{text}");
            assert_eq!(text.matches('`').count() % 2, 0, "{text}");
        }
    }
}

#[test]
fn a_refused_write_is_known_by_the_file_it_went_to() {
    let call = |name: &str, args: &str, result| Call::new(name, args, result);
    let refused = CallResult::Errno(Errno::EBUSY as i32);
    let calls = [
        call("openat", "AT_FDCWD, \"/sys/fs/cgroup/cgroup.subtree_control\", O_WRONLY", CallResult::Value(7)),
        call(
            "openat",
            "AT_FDCWD, \"/sys/fs/cgroup/memory/x/memory.limit_in_bytes\", O_WRONLY",
            CallResult::Value(8),
        ),
        call("write", "7, \"+memory\", 7", refused),
    ];
    assert_eq!(of(&calls, &Context::default()).unwrap().entry, "controller-in-busy-group");
    assert_eq!(of(&calls[..2], &Context::default()), None);
    assert_eq!(of(&[], &Context::default()), None);
}

#[test]
fn the_digits_of_a_name_are_not_taken_for_a_mode() {
    // A group is named after the time at which its owner began, which can be any number.
    let made = |args: &str| meaning("mkdir", args, Errno::EROFS as i32, &Context::default()).unwrap().entry;
    assert_eq!(made("\"/sys/fs/cgroup/memory/rlab.20939.1070040\", 0777"), "group-read-only");
    assert_eq!(made("\"/tmp/rlab.20939.1077740\", 0700"), "work-read-only");
}

#[test]
fn a_mistyped_word_is_recognised() {
    let mend = |name: &str| {
        let args = format!("\"{name}\", [\"{name}\", \"-p\"], …");
        meaning("execve", &args, Errno::ENOENT as i32, &Context::default()).unwrap().mend
    };
    assert!(mend("unshar").contains("`unshare`"));
    assert!(mend("moutn").contains("`mount`"));
    assert!(!mend("python3").contains("did you mean"));
    // A program that is there, too; rlab's own words go first.
    let context = Context { near: Some("ps".to_owned()), ..Context::default() };
    let near = |args: &str| meaning("execve", args, Errno::ENOENT as i32, &context).unwrap().mend;
    assert!(near("\"/bin/pss\", [\"pss\"], …").contains("`ps`"));
    assert!(near("\"/bin/unshar\", [\"unshar\"], …").contains("`unshare`"));
    // A way to start rlab is no mistyped word, however near it is to one (`docker`, `last`, `clear`).
    assert!(near("\"/bin/doctor\", [\"doctor\"], …").contains("`rlab doctor` is typed in your own shell"));
    assert!(mend("rlab").contains("`rlab …` is typed in your own shell"));
    assert!(mend("list").contains("`labs`"));
    // The program of that name, after `run`.
    assert!(!mend("mount").contains("did you mean"));
}

#[test]
fn an_errno_has_a_name_and_a_text() {
    assert_eq!((name(1).as_str(), text(1)), ("EPERM", "Operation not permitted"));
    assert_eq!(name(123_456), "errno 123456");
}

#[test]
fn an_errno_that_the_table_does_not_know_is_told_by_its_name_alone() {
    let calls = [Call::new("getpid", "", CallResult::Errno(1))];
    let trouble = told(Trouble::sandbox("cannot ask"), &calls, &Context::default());
    assert_eq!(trouble.causes, ["`getpid` was refused: EPERM (Operation not permitted)"]);
    assert_eq!(trouble.refusal.unwrap().entry, None);
    let fine = [Call::new("getpid", "", CallResult::Value(1))];
    assert_eq!(told(Trouble::sandbox("x"), &fine, &Context::default()), Trouble::sandbox("x"));
}
