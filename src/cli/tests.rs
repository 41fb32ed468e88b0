use clap::CommandFactory;
use proptest::prelude::*;

use super::*;

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

proptest! {
    #[test]
    fn what_is_read_without_the_parser_is_what_it_would_read(
        words in proptest::collection::vec(
            prop_oneof![
                Just("exec"), Just("--with"), Just("full"), Just("--explain"), Just("--"), Just("ls"), Just("-x"),
                Just("--plain"), Just("--with=full"), Just(""), Just("-"), Just("--help"), Just("rootfs busybox"),
            ],
            0..8,
        ),
        exec: bool,
    ) {
        let first = exec.then_some("exec");
        let words: Vec<OsString> = first.into_iter().chain(words).map(OsString::from).collect();
        if let Some(mode) = Cli::plain(&words) {
            let all = std::iter::once(OsString::from("rlab")).chain(words);
            let read = Cli::try_parse_from(all).map_err(|error| error.to_string());
            let plain = Cli { mode, global: Global::default() };
            prop_assert_eq!(format!("{:?}", Ok::<_, String>(plain)), format!("{read:?}"));
        }
    }
}

#[test]
fn the_plain_lines_need_no_parser_and_a_mistake_gets_one() {
    let plain = |line: &str| Cli::plain(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
    assert!(Cli::plain(&[]).is_some());
    assert!(plain("exec --with full -- busybox true").is_some());
    for line in ["list", "exec --with full", "exec --with full --", "exec --wit full -- ls"] {
        assert!(plain(line).is_none(), "{line}");
    }
    assert!(Cli::read(["rlab".into(), "nonsense".into()].into_iter()).is_err());
}

#[cfg(feature = "book")]
#[test]
fn labs_to_record_are_not_the_directory_of_labs() {
    let line = ["rlab", "mdbook", "record", "book/recorded", "chroot", "--labs", "mine"];
    let cli = Cli::try_parse_from(line).unwrap();
    assert_eq!(cli.global.labs.as_deref(), Some(std::path::Path::new("mine")));
}

#[test]
fn global_options_stand_on_either_side() {
    for line in [["rlab", "--plain", "list"], ["rlab", "list", "--plain"]] {
        assert!(Cli::try_parse_from(line).unwrap().global.plain, "{line:?}");
    }
    assert!(Cli::try_parse_from(["rlab", "--plain"]).unwrap().mode.is_none());
}

#[test]
fn run_wants_to_know_what() {
    for line in [vec!["rlab", "run"], vec!["rlab", "run", "--all", "chroot"], vec!["rlab", "exec"]] {
        assert!(Cli::try_parse_from(&line).is_err(), "{line:?}");
    }
    assert!(Cli::try_parse_from(["rlab", "run", "--script", "-"]).is_ok());
    let cli = Cli::try_parse_from(["rlab", "run", "chroot", "--labs", "mine"]).unwrap();
    assert_eq!(cli.global.labs.as_deref(), Some(std::path::Path::new("mine")));
}
