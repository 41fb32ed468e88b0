//! Text that was pasted may be several lines. A shell's loop over several rows is one line to rlab; a list of rlab's own
//! lines, copied from a page, is as many as it has rows.

use crate::frontend::editor::open_quote;
use crate::recipe::line::Line;

/// The lines of a text that was read at once.
pub fn lines(text: &str) -> Vec<String> {
    if !text.contains('\n') {
        return vec![text.to_owned()];
    }
    let mut rows: Vec<String> = Vec::new();
    for row in text.split('\n') {
        match rows.last_mut().filter(|above| open_quote(above)) {
            Some(above) => {
                above.push('\n');
                above.push_str(row);
            }
            None => rows.push(row.to_owned()),
        }
    }
    rows.retain(|row| !row.trim().is_empty());
    let own = |row: &String| {
        let line = Line::parse(row.trim());
        line.is_ok_and(|line| !matches!(line, Line::Empty | Line::Run(_) | Line::Stay(_)))
    };
    if rows.iter().any(own) { rows } else { vec![text.to_owned()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_rlab_are_run_one_by_one() {
        assert_eq!(lines("ps -A"), ["ps -A"]);
        assert_eq!(lines("rootfs\nchroot\n\nls /\n"), ["rootfs", "chroot", "ls /"]);
        assert_eq!(lines("!ls\n!ps"), ["!ls", "!ps"]);
        assert_eq!(lines("rootfs\necho 'a\nb'"), ["rootfs", "echo 'a\nb'"]);
    }

    #[test]
    fn a_shell_gets_its_rows_in_one_piece() {
        let text = "for i in 1 2\ndo echo $i\ndone";
        assert_eq!(lines(text), [text]);
        assert_eq!(lines("echo 'a\nb'"), ["echo 'a\nb'"]);
    }
}
