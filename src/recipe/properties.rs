//! What holds for every line and every recipe: printing and reading are inverse, nothing panics, and what is planned
//! and told of a recipe is there for each of them.

use proptest::prelude::*;

use crate::recipe::capability;
use crate::recipe::compose::Recipe;
use crate::recipe::enter::Enter;
use crate::recipe::errno::{self, Context};
use crate::recipe::image::{Act, Part, Settings};
use crate::recipe::ingredient::{Amount, Ingredient, Limit, Mount, MountKind, Namespace, Resource, Tools};
use crate::recipe::line::{Command, Line, Word};
use crate::recipe::machine::{CgroupVersion, Cgroups, Controller, Machine};
use crate::recipe::plan::{Plan, RootPlace};
use crate::recipe::told;

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 .,:=_'\"\\\\$*#~!&|;(){}<>\\[\\]?`^%@+-]{0,12}"
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-z '\"$#~!*]{1,6}", 1..4).prop_map(|parts| format!("/{}", parts.join("/")))
}

pub(super) fn ingredient() -> impl Strategy<Value = Ingredient> {
    let namespaces = proptest::sample::subsequence(Namespace::ALL.to_vec(), 0..=7);
    let unshare = (namespaces, any::<bool>()).prop_map(|(namespaces, mount_proc)| Ingredient::Unshare {
        mount_proc: mount_proc || namespaces.is_empty(),
        namespaces: namespaces.into_iter().collect(),
    });
    let fs = (
        proptest::sample::select(&["proc", "tmpfs", "sysfs", "devpts", "mqueue"][..]),
        word(),
        path(),
        proptest::collection::vec("[a-z=$' ]{1,8}", 0..3),
    )
        .prop_filter("options that mean something else", |(.., options)| {
            !options
                .iter()
                .any(|option| ["bind", "rbind", "remount", "move", "loop"].contains(&option.as_str()))
        })
        .prop_map(|(fstype, source, target, options)| {
            Ingredient::Mount(Mount { source, target, kind: MountKind::Fs(fstype.to_owned()), options })
        });
    let bind = (path(), path(), any::<bool>()).prop_map(|(source, target, deep)| {
        let kind = if deep { MountKind::Rbind } else { MountKind::Bind };
        Ingredient::Mount(Mount { source, target, kind, options: vec!["ro".into(), "nosuid".into()] })
    });
    let memory = (1..1_u64 << 60)
        .prop_map(|bytes| Limit { resource: Resource::Memory, amount: Amount::Number(bytes) });
    let cpu = (1000..1_u64 << 44, 1000..=1_000_000_u64)
        .prop_map(|(quota, period)| Limit { resource: Resource::Cpu, amount: Amount::Cpu { quota, period } });
    let pids = Just(Limit { resource: Resource::Pids, amount: Amount::Max });
    let cgroup = (memory, cpu, pids, 0..4_usize).prop_map(|(memory, cpu, pids, most)| {
        Ingredient::Cgroup([pids, memory, cpu].into_iter().take(most).collect())
    });
    let caps = proptest::sample::subsequence(capability::NAMES.to_vec(), 1..5)
        .prop_map(|names| Ingredient::Capdrop(names.into_iter().map(str::to_owned).collect()));
    let tools = proptest::sample::select(vec![Tools::Any, Tools::Busybox, Tools::Host, Tools::Image]);
    prop_oneof![
        tools.prop_map(Ingredient::Rootfs),
        Just(Ingredient::Chroot),
        Just(Ingredient::PivotRoot),
        unshare,
        fs,
        bind,
        cgroup,
        caps,
        "[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?".prop_map(Ingredient::Hostname)
    ]
}

fn walk() -> impl Strategy<Value = Word> {
    let plain = proptest::sample::select(vec![
        Word::Next,
        Word::Back,
        Word::Hint,
        Word::Why,
        Word::Solve,
        Word::Check,
        Word::Reset,
        Word::Labs,
        Word::Status,
        Word::Map,
        Word::Book,
        Word::Quit,
        Word::Help(None),
    ]);
    prop_oneof![
        plain,
        word().prop_map(Word::Goto),
        word().prop_map(Word::Start),
        word().prop_map(Word::Predict),
        word().prop_map(|topic| Word::Help(Some(topic))),
    ]
}

/// A program as its words, which is what `run` makes of them.
fn command() -> impl Strategy<Value = Command> {
    proptest::collection::vec(word(), 1..5).prop_filter_map("no program", |argv| {
        let text = shlex::try_join(argv.iter().map(String::as_str)).ok()?;
        match Line::parse(&format!("run {text}")) {
            Ok(Line::Run(command)) => Some(command),
            _ => None,
        }
    })
}

/// What of a container is entered: at least something.
fn enter() -> impl Strategy<Value = Enter> {
    let kinds = proptest::sample::subsequence(Namespace::ALL.to_vec(), 0..=Namespace::ALL.len());
    (any::<u32>(), kinds, any::<[bool; 5]>()).prop_filter_map("nothing", |(job, kinds, flags)| {
        let [all, root, wd, group, no_fork] = flags;
        let namespaces = kinds.into_iter().collect();
        let enter = Enter { job, namespaces, all, root, wd, group, no_fork };
        (!enter.is_empty()).then_some(enter)
    })
}

/// `image …`, with any words where words are free.
fn image() -> impl Strategy<Value = Act> {
    let plain = proptest::sample::select(vec![
        Act::Pack,
        Act::Manifest,
        Act::Index(None),
        Act::Index(Some("1.0".to_owned())),
        Act::Show(Part::Files),
        Act::Show(Part::Layout),
        Act::Show(Part::Index),
        Act::Show(Part::Manifest),
        Act::Show(Part::Config),
        Act::Show(Part::Layer(2)),
        Act::Unpack,
        Act::Remove,
    ]);
    let words = || proptest::collection::vec(word(), 0..3);
    let env = proptest::collection::btree_map("[A-Z]{1,4}", word(), 0..3);
    let settings = (
        proptest::option::of(words()),
        proptest::option::of(words()),
        env,
        proptest::option::of(path()),
        proptest::option::of(word()),
    );
    let settings = settings.prop_map(|(entrypoint, cmd, env, workdir, user)| {
        Act::Config(Settings { entrypoint, cmd, env: env.into_iter().collect(), workdir, user })
    });
    prop_oneof![
        plain,
        settings,
        words().prop_map(Act::Run),
        word().prop_map(Act::Load),
        (word(), proptest::option::of(word())).prop_map(|(path, target)| Act::Forge { path, target }),
    ]
}

/// `docker …`, where no flag hands the host in.
fn docker() -> impl Strategy<Value = Vec<String>> {
    let passed =
        proptest::sample::select(vec!["run", "exec", "ps", "images", "inspect", "logs", "kill", "rm"]);
    let rest = proptest::collection::vec("[a-z=.' $]{1,8}", 0..4);
    let words = (passed, rest).prop_map(|(word, rest)| [vec![word.to_owned()], rest].concat());
    prop_oneof![words, "[a-z]{1,8}".prop_map(|name| vec!["import".to_owned(), "-".to_owned(), name])]
}

/// Every kind of line that has a meaning of its own.
fn line() -> impl Strategy<Value = Line> {
    let plain = proptest::sample::select(vec![
        Line::Empty,
        Line::Recipe,
        Line::Jobs,
        Line::Shell,
        Line::Ablate,
        Line::Peek(None),
        Line::Inspect(None),
    ]);
    prop_oneof![
        plain,
        ingredient().prop_map(Line::Add),
        word().prop_map(Line::Drop),
        command().prop_map(Line::Run),
        command().prop_map(Line::Stay),
        command().prop_map(Line::Escape),
        (enter(), command()).prop_map(|(enter, command)| Line::Enter(enter, command)),
        "[!-~]([ -~]{0,20}[!-~])?".prop_map(Line::Host),
        any::<u32>().prop_map(|job| Line::Peek(Some(job))),
        any::<u32>().prop_map(|number| Line::Inspect(Some(number))),
        (1..=64_i32, any::<u32>()).prop_map(|(signal, job)| Line::Kill { signal, job }),
        walk().prop_map(Line::Walk),
        image().prop_map(Line::Image),
        docker().prop_map(Line::Docker),
    ]
}

/// Lines as a learner types them, mistakes among them; what is refused changes nothing.
fn composed() -> impl Strategy<Value = Recipe> {
    let what = proptest::sample::select(vec![
        "rootfs",
        "chroot",
        "pivot_root",
        "unshare",
        "--pid",
        "--user",
        "--mount-proc",
        "mount",
        "/proc",
        "cgroup",
        "memory.max",
        "pids",
        "hostname",
        "capdrop",
        "CAP_KILL",
    ]);
    let step = prop_oneof![
        4 => ingredient().prop_map(Ok),
        1 => what.prop_map(Err),
    ];
    proptest::collection::vec(step, 0..12).prop_map(|steps| {
        let mut recipe = Recipe::default();
        for step in steps {
            match step {
                Ok(ingredient) => drop(recipe.add(ingredient)),
                Err(what) => drop(recipe.drop(&what.to_owned())),
            }
        }
        recipe
    })
}

fn machine() -> impl Strategy<Value = Machine> {
    let controller = || {
        proptest::option::of(any::<bool>()).prop_map(|second| {
            second.map(|second| Controller {
                version: if second { CgroupVersion::V2 } else { CgroupVersion::V1 },
                parent: if second { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/one" }.to_owned(),
                inside: second,
            })
        })
    };
    (controller(), controller(), controller(), proptest::sample::select(vec![0_u32, 1000])).prop_map(
        |(memory, pids, cpu, euid)| Machine {
            kernel: "6.1.0".to_owned(),
            euid,
            egid: euid,
            cgroups: Cgroups { memory, pids, cpu, ..Cgroups::default() },
            memory_total: 1 << 62,
        },
    )
}

proptest! {
    #[test]
    fn an_ingredient_prints_the_line_that_adds_it(ingredient in ingredient()) {
        let text = ingredient.to_string();
        prop_assert_eq!(Line::parse(&text), Ok(Line::Add(ingredient)), "{}", text);
    }

    #[test]
    fn a_line_prints_as_itself(words in proptest::collection::vec(word(), 0..5), first in proptest::sample::select(vec![
        "", "run ", "run run ", "drop ", "help ", "goto ", "!", "mount ", "unshare -p", "kill -", "ls ", "cgroup pids.max=", "A=",
    ]), tail in proptest::sample::select(vec!["", " &", " # x", "\n", "\\ "])) {
        let text = format!("{first}{}{tail}", words.join(" "));
        if let Ok(line) = Line::parse(&text) {
            let printed = line.to_string();
            prop_assert_eq!(Line::parse(&printed), Ok(line), "{} printed as {}", text, printed);
        }
    }

    #[test]
    fn no_input_panics(text in "\\PC*", noise in "[ -~\\t\\n\\r\\x00\u{a0}é]{0,60}") {
        for text in [text, noise] {
            match Line::parse(&text) {
                Ok(line) => drop(line.to_string()),
                Err(error) => prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at)),
            }
        }
    }

    #[test]
    fn every_line_prints_as_the_line_that_reads_back(line in line()) {
        let text = line.to_string();
        prop_assert_eq!(Line::parse(&text), Ok(line), "{}", text);
    }

    #[test]
    fn every_recipe_prints_as_the_lines_that_compose_it(recipe in composed()) {
        let lines = recipe.lines();
        let again = Recipe::read(lines.iter().map(String::as_str));
        prop_assert_eq!(again, Ok(recipe), "{:?}", lines);
    }

    #[test]
    fn what_can_be_dropped_is_dropped_until_nothing_is_left(recipe in composed()) {
        let mut rest = recipe;
        let mut steps = 0;
        while let Some(what) = rest.droppable().into_iter().find(|what| rest.clone().drop(what).is_ok()) {
            let before = rest.clone();
            rest.drop(&what).unwrap();
            prop_assert_ne!(&rest, &before, "`drop {}` changed nothing", what);
            steps += 1;
            prop_assert!(steps < 200, "{:?}", rest.lines());
        }
        prop_assert!(rest.is_bare(), "{:?} cannot be dropped: {:?}", rest.lines(), rest.droppable());
    }

    #[test]
    fn every_recipe_has_a_plan_and_can_be_told(recipe in composed(), command in command(), machine in machine()) {
        for place in [RootPlace::Directory, RootPlace::Memory] {
            match Plan::new(&recipe, &command, &machine, place) {
                Ok(plan) => {
                    prop_assert!(!plan.to_string().is_empty());
                    drop(plan.added(&recipe));
                }
                Err(trouble) => prop_assert!(trouble.hint.is_some(), "{trouble}"),
            }
        }
        drop(recipe.summary());
        prop_assert!(!told::shell(&recipe, &command, &machine).is_empty());
        prop_assert!(told::docker(&recipe, &command).contains("docker run"));
        prop_assert!(told::docker_file(&recipe, &command, "some").contains(" import rootfs.tar"));
        drop(told::shell_file(&recipe, &command, &machine, "some"));
        let oci: Result<serde_json::Value, _> = serde_json::from_str(&told::oci(&recipe, &command, u64::MAX));
        prop_assert!(oci.is_ok(), "{:?}", oci);
    }

    #[test]
    fn no_refusal_panics(call in "[a-z0-9_]{0,12}", args in "\\PC{0,60}", number in -200_i32..200) {
        for entry in errno::entries() {
            drop(errno::meaning(entry.calls[0], &args, entry.errno, &Context::default()));
        }
        drop(errno::meaning(&call, &args, number, &Context::default()));
        prop_assert!(!errno::refused(&call, number).is_empty());
    }
}
