//! The picture in the README: a session at a terminal, masked, as SVG with the terminal's colours. What the picture shows
//! is what happens now, or the test fails and leaves the new one beside it.

use crate::pictures::can_be_compared;
use crate::support::picture::{Row, Style};
use crate::support::repository;
use crate::support::screen::Screen;

/// Pixels of a character of the font, and of a row.
const COLUMN: f64 = 7.85;
const ROW: usize = 18;

#[test]
fn the_picture_in_the_readme_is_what_happens_now() {
    if !can_be_compared() {
        return;
    }
    let mut screen = Screen::start(80, 24, &["start", "pid-namespace:fresh", "--masked"]);
    screen.prompt();
    screen.line("1");
    screen.line("unshare -f -p --mount-proc");
    let rows = screen.rows();
    screen.leave();
    // From the title of the step: how many labs there are is no matter of the picture.
    let from = rows.iter().position(|row| row.text.contains("step 3 of 6")).expect("the step begins") + 1;
    let to = rows.iter().rposition(|row| row.text.contains("Done")).expect("the step is done");
    let shown = &rows[from..(to + 6).min(rows.len())];
    assert!(shown.len() > 20, "{shown:?}");
    let picture = svg(shown);
    let path = repository().join("book/src/repl.svg");
    if std::fs::read_to_string(&path).unwrap_or_default() != picture {
        let new = path.with_extension("svg.new");
        std::fs::write(&new, &picture).unwrap();
        panic!("{} is not what happens now: look at {}, and move it in place", path.display(), new.display());
    }
}

fn svg(rows: &[Row]) -> String {
    let (width, height) = (80.0 * COLUMN + 24.0, rows.len() * ROW + 24);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" role=\"img\" \
         aria-labelledby=\"title\">\n<title id=\"title\">A step of a lab at a terminal: the line that was typed, the calls \
         that the kernel was asked for, ps before and after, and the checks.</title>\n{STYLE}<rect width=\"100%\" \
         height=\"100%\" rx=\"6\"/>\n"
    );
    for (index, row) in rows.iter().enumerate() {
        let pieces: String = row.pieces.iter().map(|(text, style)| piece(text, *style)).collect();
        if !pieces.is_empty() {
            out.push_str(&format!("<text x=\"12\" y=\"{}\">{pieces}</text>\n", index * ROW + 26));
        }
    }
    out + "</svg>\n"
}

fn piece(text: &str, style: Style) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // The looks in words are the names of classes: `bold cyan`.
    match style.words().as_str() {
        "" => text,
        words => format!("<tspan class=\"{words}\">{text}</tspan>"),
    }
}

const STYLE: &str = "<style>
text { font: 13px ui-monospace, 'DejaVu Sans Mono', monospace; white-space: pre; fill: #1c2330; }
rect { fill: #f4f6f9; }
.bold { font-weight: bold; }
.dim { fill-opacity: 0.75; }
.red { fill: #a3160f; } .green { fill: #14602a; } .yellow { fill: #6f4c00; }
.blue { fill: #0a44a0; } .magenta { fill: #7c1b86; } .cyan { fill: #005565; }
@media (prefers-color-scheme: dark) {
text { fill: #d6dbe7; }
rect { fill: #0d1017; }
.red { fill: #ff958f; } .green { fill: #7fdc94; } .yellow { fill: #e6c067; }
.blue { fill: #8ab6ff; } .magenta { fill: #e6a6f2; } .cyan { fill: #6fd6e6; }
}
</style>
";
