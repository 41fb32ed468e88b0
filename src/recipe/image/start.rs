//! How the program of an image is started: which words, which variables, where, and as whom.

use oci_spec::image::Config;

use crate::error::{Result, Trouble};

/// The directories of a container's programs, where the image does not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a program is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// The working directory, absolute.
    pub directory: String,
    /// `USER[:GROUP]` as the image says; empty for root.
    pub user: String,
}

impl Start {
    /// What a config says; `words` take the place of its arguments.
    ///
    /// # Errors
    /// Neither the image nor anybody else names a program, or a text that the kernel cannot be given.
    pub fn of(config: &Config, words: &[String]) -> Result<Self> {
        let own = || config.cmd().clone().unwrap_or_default();
        let arguments = if words.is_empty() { own() } else { words.to_vec() };
        let argv: Vec<String> =
            config.entrypoint().clone().unwrap_or_default().into_iter().chain(arguments).collect();
        if argv.is_empty() {
            return Err(Trouble::usage("the image does not say which program to run")
                .because("it has neither an entry point nor a command")
                .hint("name one: `image run ls /`"));
        }
        let mut environment = config.env().clone().unwrap_or_default();
        if !environment.iter().any(|variable| variable.starts_with("PATH=")) {
            environment.insert(0, PATH.to_owned());
        }
        let directory = config.working_dir().clone().filter(|directory| !directory.is_empty());
        let directory = directory.unwrap_or_else(|| "/".to_owned());
        if !directory.starts_with('/') {
            let directory = directory.escape_debug();
            return Err(Trouble::usage(format!(
                "the image's working directory `{directory}` is not absolute"
            )));
        }
        let user = config.user().clone().unwrap_or_default();
        if argv.iter().chain(&environment).chain([&directory]).any(|text| text.contains('\0')) {
            return Err(Trouble::usage(
                "a word of the image's config has a NUL byte, which no program can be given",
            ));
        }
        Ok(Self { argv, environment, directory, user })
    }
}

/// The number of a user, and of the group that goes with it.
///
/// `passwd` and `group` are the image's own files, empty where it has none.
///
/// # Errors
/// A name that they do not know.
pub fn ids(user: &str, passwd: &str, group: &str) -> Result<(u32, u32)> {
    let (user, own_group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let line = |file: &'_ str, name: &str, number: Option<u32>| -> Option<Vec<String>> {
        let fields = |line: &str| -> Vec<String> { line.split(':').map(str::to_owned).collect() };
        let is_it = |fields: &Vec<String>| {
            fields.first().is_some_and(|known| known == name)
                || number.is_some_and(|number| fields.get(2).is_some_and(|known| known.parse() == Ok(number)))
        };
        file.lines().map(fields).find(is_it)
    };
    let number = |text: &str| text.parse::<u32>().ok();
    let known = line(passwd, user, number(user));
    let field = |fields: &Option<Vec<String>>, at: usize| fields.as_ref()?.get(at)?.parse::<u32>().ok();
    let uid = match user {
        "" => 0,
        user => {
            number(user).or_else(|| field(&known, 2)).ok_or_else(|| unknown("user", user, "/etc/passwd"))?
        }
    };
    let gid = match own_group {
        None | Some("") => field(&known, 3).unwrap_or(0),
        Some(name) => number(name)
            .or_else(|| field(&line(group, name, None), 2))
            .ok_or_else(|| unknown("group", name, "/etc/group"))?,
    };
    Ok((uid, gid))
}

fn unknown(what: &str, name: &str, file: &str) -> Trouble {
    Trouble::usage(format!("the image has no {what} `{}`", name.escape_debug()))
        .because(format!("it is to run as that one, and `{file}` in it does not know the name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/:/bin/sh\nweb:x:1000:33:web:/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:\n";

    #[test]
    fn a_user_is_a_name_or_a_number() {
        for (user, expected) in [
            ("", (0, 0)),
            ("0", (0, 0)),
            ("1000", (1000, 33)),
            ("web", (1000, 33)),
            ("web:staff", (1000, 50)),
            ("1001", (1001, 0)),
            ("1001:7", (1001, 7)),
            (":50", (0, 50)),
        ] {
            assert_eq!(ids(user, PASSWD, GROUP).unwrap(), expected, "{user}");
        }
        assert!(ids("nobody", PASSWD, GROUP).unwrap_err().what.contains("`nobody`"));
        assert!(ids("web:wheel", PASSWD, GROUP).unwrap_err().what.contains("`wheel`"));
    }
}
