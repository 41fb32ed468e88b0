//! How rlab asks for a line, and whether the line can be edited there.

use crate::render::document::{Look, Sign};
use crate::render::wrap;

/// `chroot+proc ▸ `: nothing that could be taken for the prompt of the host's shell. A long recipe is shortened, so that
/// there is room to type on a narrow terminal.
pub(super) fn shown_prompt(summary: &str, look: Look) -> String {
    let sign = if look.plain || look.ascii { ">" } else { look.sign(Sign::Prompt) };
    let more = if look.plain || look.ascii { "..." } else { look.sign(Sign::More) };
    let room = (look.width / 2).max(16);
    let mut name = summary.to_owned();
    if wrap::width(&name) > room {
        // The root and what was added last say most.
        let (first, rest) = summary.split_once('+').unwrap_or((summary, ""));
        let mut parts: Vec<&str> = rest.split('+').collect();
        while parts.len() > 1 && wrap::width(&name) > room {
            parts.remove(0);
            name = format!("{first}+{more}+{}", parts.join("+"));
        }
    }
    format!("{name} {sign} ")
}

/// Whether a line can be edited: not for a screen reader, which would read every redrawing aloud, and not on a terminal
/// that cannot move its cursor.
pub(super) fn can_edit(look: Look) -> bool {
    !look.plain
        && std::env::var("TERM").is_ok_and(|term| !matches!(term.as_str(), "" | "dumb" | "cons25" | "emacs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_has_a_sign_in_every_look() {
        let look = Look::default();
        assert_eq!(shown_prompt("chroot+proc", look), "chroot+proc ▸ ");
        assert_eq!(shown_prompt("bare", Look { ascii: true, ..look }), "bare > ");
        assert_eq!(shown_prompt("bare", Look { plain: true, ..look }), "bare > ");
    }

    #[test]
    fn a_narrow_terminal_has_room_to_type() {
        let long = "pivot+pid+uts+ipc+net+user+proc+memory+pids";
        assert_eq!(shown_prompt(long, Look { width: 40, ..Look::default() }), "pivot+…+memory+pids ▸ ");
        assert_eq!(shown_prompt(long, Look { width: 100, ..Look::default() }), format!("{long} ▸ "));
        let ascii = Look { width: 40, ascii: true, ..Look::default() };
        assert_eq!(shown_prompt(long, ascii), "pivot+...+pids > ");
        assert_eq!(shown_prompt("averyveryverylongsinglename", ascii), "averyveryverylongsinglename > ");
    }
}
