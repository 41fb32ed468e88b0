//! Small words for what was observed: counted nouns, quoted output, names of signals and errnos.

use nix::errno::Errno;
use nix::sys::signal::Signal;

/// Characters of a quotation that are shown.
const QUOTED: usize = 60;

/// `1 process`, `84 processes`.
pub(in crate::lab) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let ending = match noun {
        _ if count == 1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// `bin dev etc proc sys`, or `nothing`.
pub(in crate::lab) fn listed_names(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { shortened(&names.join(" ")) }
}

/// The text on one line, at most [`QUOTED`] characters of it.
pub(in crate::lab) fn shortened(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= QUOTED {
        return one_line;
    }
    let mut short: String = one_line.chars().take(QUOTED - 1).collect();
    short.push('…');
    short
}

/// `SIGKILL`, or `signal 64` for one without a name.
pub(in crate::lab) fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

/// The number of `SIGKILL` or `KILL`.
pub(in crate::lab) fn signal_number(name: &str) -> Option<i32> {
    let upper = name.to_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    Signal::iterator().find(|signal| signal.as_str() == full).map(|signal| signal as i32)
}

/// `EPERM`, or `errno 999` for one without a name.
pub(in crate::lab) fn errno_name(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => format!("errno {number}"),
        known => format!("{known:?}"),
    }
}

/// The number of `EPERM`. Linux numbers its errnos from 1 to 133.
pub(in crate::lab) fn errno_number(name: &str) -> Option<i32> {
    errnos().find(|(_, known)| known == name).map(|(number, _)| number)
}

/// Every errno that has a name.
pub(in crate::lab) fn errnos() -> impl Iterator<Item = (i32, String)> {
    (1..=133).filter(|number| Errno::from_raw(*number) != Errno::UnknownErrno).map(|n| (n, errno_name(n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_are_counted() {
        assert_eq!(counted(1, "process"), "1 process");
        assert_eq!(counted(0, "process"), "0 processes");
        assert_eq!(counted(2, "mount"), "2 mounts");
    }

    #[test]
    fn signals_and_errnos_have_names_both_ways() {
        assert_eq!(signal_number("SIGKILL"), Some(9));
        assert_eq!(signal_number("term"), Some(15));
        assert_eq!(signal_number("SIGNAL"), None);
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(errno_number("EPERM"), Some(1));
        assert_eq!(errno_number("EDQUOT"), Some(122));
        assert_eq!(errno_number("ENOPE"), None);
        assert_eq!(errno_name(1), "EPERM");
    }
}
