//! A picture of a container's namespaces, made of what the host saw of its process.

use super::At;
use super::html::escaped;
use crate::error::{Result, Trouble};

/// What each kind of namespace is a view on.
const VIEWS: [(&str, &str); 7] = [
    ("mnt", "mounts"),
    ("pid", "processes"),
    ("uts", "host name"),
    ("ipc", "IPC objects"),
    ("net", "network"),
    ("user", "user ids"),
    ("cgroup", "cgroup paths"),
];

const ROW: usize = 26;
const TOP: usize = 34;

/// The picture.
///
/// # Errors
/// Nothing was recorded, or nothing ran inside.
pub(super) fn namespaces(at: &At<'_>) -> Result<String> {
    let (run, step) = at.recorded()?;
    let inside = step.inside.as_ref().ok_or_else(|| {
        Trouble::usage(format!("nothing ran inside in `{}:{}`", at.lab.id, at.step.id))
            .hint("name a step with a command or a probe that runs inside")
    })?;
    let mut rows = vec![("root".to_owned(), "files".to_owned(), inside.root)];
    for (kind, view) in VIEWS {
        rows.push((kind.to_owned(), view.to_owned(), inside.namespaces.get(kind).copied().unwrap_or(false)));
    }
    let (own, shared): (Vec<_>, Vec<_>) = rows.iter().partition(|(.., own)| *own);
    let named = |rows: &[&(String, String, bool)]| {
        let names: Vec<String> = rows.iter().map(|(kind, view, _)| format!("{view} ({kind})")).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let limits: Vec<String> = inside.limits.iter().map(|(file, value)| format!("{file} = {value}")).collect();
    let mut told = format!("Of its own: {}. Shared with the host: {}.", named(&own), named(&shared));
    if !limits.is_empty() {
        told.push_str(&format!(" Limits of its control group: {}.", limits.join(", ")));
    }
    Ok(format!(
        "<figure class=\"rlab-picture\">\n{}<figcaption class=\"rlab-made\">{} Seen in {}.</figcaption>\n</figure>\n\n",
        drawn(at, &rows, &limits, &told),
        escaped(&told),
        escaped(&run.made())
    ))
}

/// The host on the left, the container on the right. A view that is shared is one bar through both.
fn drawn(at: &At<'_>, rows: &[(String, String, bool)], limits: &[String], told: &str) -> String {
    let id = format!("picture-{}-{}", at.lab.id, at.step.id);
    let height = TOP + ROW * (rows.len() + limits.len()) + 14;
    let mut out = format!(
        "<svg viewBox=\"0 0 460 {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n<title id=\"{id}-t\">What the \
         container has of its own after: {}</title>\n<desc id=\"{id}-d\">{}</desc>\n",
        escaped(&at.step.title),
        escaped(told)
    );
    let frame = height - 2;
    out.push_str(&format!(
        "<rect class=\"host\" x=\"1\" y=\"1\" width=\"220\" height=\"{frame}\" rx=\"6\"></rect>\n<rect class=\"inside\" \
         x=\"239\" y=\"1\" width=\"220\" height=\"{frame}\" rx=\"6\"></rect>\n<text class=\"name\" x=\"12\" \
         y=\"22\">host</text>\n<text class=\"name\" x=\"250\" y=\"22\">container</text>\n"
    ));
    for (index, (kind, view, own)) in rows.iter().enumerate() {
        let y = TOP + ROW * index;
        let text = y + 15;
        let label = format!("{kind}: {view}");
        if *own {
            out.push_str(&format!(
                "<rect class=\"shared\" x=\"10\" y=\"{y}\" width=\"202\" height=\"20\" rx=\"3\"></rect>\n<text x=\"18\" \
                 y=\"{text}\">{label}</text>\n<rect class=\"own\" x=\"248\" y=\"{y}\" width=\"202\" height=\"20\" \
                 rx=\"3\"></rect>\n<text x=\"256\" y=\"{text}\">{label}, its own</text>\n"
            ));
        } else {
            out.push_str(&format!(
                "<rect class=\"shared\" x=\"10\" y=\"{y}\" width=\"440\" height=\"20\" rx=\"3\"></rect>\n<text x=\"18\" \
                 y=\"{text}\">{label}</text>\n<text x=\"256\" y=\"{text}\">the host's</text>\n"
            ));
        }
    }
    for (index, limit) in limits.iter().enumerate() {
        let y = TOP + ROW * (rows.len() + index);
        out.push_str(&format!(
            "<rect class=\"limit\" x=\"248\" y=\"{y}\" width=\"202\" height=\"20\" rx=\"3\"></rect>\n<text class=\"small\" \
             x=\"256\" y=\"{}\">{}</text>\n",
            y + 14,
            escaped(limit)
        ));
    }
    out.push_str("</svg>\n");
    out
}
