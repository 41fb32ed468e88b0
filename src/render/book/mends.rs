//! What a machine may lack, by need: how `rlab doctor` tries it, and what it said where that failed.

use std::collections::BTreeMap;

use crate::lab::file::Need;

/// What was said, and on which machines.
type Said<'p> = BTreeMap<&'p str, Vec<&'p str>>;

/// A section for each need, from the page that the kernel matrix writes: the name of a machine in bold, and below it, in
/// a list, the needs that failed there, why, and the mend.
pub(super) fn mends(page: &str) -> String {
    let mut out = String::new();
    for need in Need::ALL {
        out.push_str(&format!("### {need}: {} {{#need-{need}}}\n\n", need.description()));
        if need.is_program() {
            out.push_str("Tried with an image of the root, a container of it, and its removal. [The chapter](docker.md).\n\n");
        } else {
            let lines: Vec<String> =
                need.lines().iter().chain([&need.probe()]).map(|line| format!("`{line}`")).collect();
            let lines = lines.join(", ");
            out.push_str(&format!("Tried with {lines}. [What the kernel does then](kernel.md#{need}).\n\n"));
        }
        let said = said(page, need);
        if said.is_empty() {
            out.push_str("It has failed on none of the machines on which it was tried.\n\n");
        }
        for (why, machines) in said {
            out.push_str(&format!("- {why} *Seen on: {}.*\n", machines.join("; ")));
        }
        out.push('\n');
    }
    out
}

/// What the page has of a need.
fn said(page: &str, need: Need) -> Said<'_> {
    let named = format!("`{need}`");
    let mut machine = "";
    let mut said = Said::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("**").and_then(|rest| rest.strip_suffix("**")) {
            machine = name;
        } else if let Some((needs, why)) = line.strip_prefix("- ").and_then(|rest| rest.split_once(": "))
            && needs.split(", ").any(|one| one == named)
        {
            said.entry(why).or_default().push(machine);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Where it runs\n\n- a list\n\n**one (Linux 6.1)**\n\n- `chroot`, `proc`: it was refused. **Mend:** ask.\n\
                        **two (Linux 6.1)**\n\n- `proc`: it was refused. **Mend:** ask.\n- `uts-namespace`: no. **Mend:** none.\n";

    #[test]
    fn what_was_said_is_told_once_with_every_machine() {
        let text = mends(PAGE);
        let section = |need: &str| {
            text.split(&format!("{{#need-{need}}}")).nth(1).unwrap().split("###").next().unwrap()
        };
        assert!(
            section("proc")
                .contains("- it was refused. **Mend:** ask. *Seen on: one (Linux 6.1); two (Linux 6.1).*\n")
        );
        assert!(section("chroot").contains("*Seen on: one (Linux 6.1).*"));
        assert!(!section("uts-namespace").contains("refused"));
        assert!(section("user-namespace").contains("failed on none"));
    }
}
