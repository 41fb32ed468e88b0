//! "Did you mean": the known name that a mistyped one is closest to.

/// The candidate nearest to what was typed, if one is near enough to be meant.
///
/// Near means at most one edit in a short word and a third of the letters in a longer one (swapped neighbours count
/// as one edit), or the typed word is the beginning of exactly one candidate.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = (typed.chars().count() / 3).max(1);
    let mut best: Option<(usize, &'a str)> = None;
    let mut begins: Vec<&'a str> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        if typed.chars().count() >= 3 && lower.starts_with(&typed) {
            begins.push(candidate);
        }
        let distance = strsim::damerau_levenshtein(&typed, &lower);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate).or(match begins.as_slice() {
        [only] => Some(only),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let names = ["memory.max", "pids.max", "cpu.max"];
        assert_eq!(nearest("memroy.max", names), Some("memory.max"));
        assert_eq!(nearest("pid.max", names), Some("pids.max"));
        assert_eq!(nearest("mem", names), Some("memory.max"));
        assert_eq!(nearest("io.weight", names), None);
        assert_eq!(nearest("", names), None);
    }
}
