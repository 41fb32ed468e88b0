//! `rlab workshop preflight`: rows are people, columns are needs, and below stands what has to be mended.

use super::document::{Line, Look, Role, Sign, Text};
use super::pen::{Pen, counted};
use super::wrap;
use crate::workshop::preflight::{Mend, Person, Table};

/// Columns for a name, at most: the signs must find their place on a narrow terminal, too.
const NAME: usize = 24;

/// The JSON, pretty, with a line end.
pub fn json(table: &Table) -> String {
    super::report::pretty(table)
}

/// The table.
pub fn text(table: &Table, look: &Look) -> Text {
    let pen = Pen { look, mask: None };
    let mut text = Text::new();
    let ready = table.people.iter().filter(|person| person.ready).count();
    let people = counted(table.people.len(), "machine", "machines");
    let line = Line::indented(1, 3).with(Role::Title, "preflight");
    text.push(line.with(Role::Plain, format!("   {people}, {ready} ready for every lab")));
    text.push(Line::new());
    if look.plain {
        table.people.iter().for_each(|person| text.push(spoken(person)));
    } else {
        text.append(signs(table, &pen));
    }
    if !table.mends.is_empty() {
        text.gap();
        text.push(Line::indented(1, 3).with(Role::Strong, "to mend"));
        table.mends.iter().for_each(|mend| text.append(mended(mend)));
    }
    if table.versions.len() > 1 {
        text.gap();
        let told = format!("more than one rlab is in the room: {}", table.versions.join(", "));
        text.push(Line::indented(1, 3).with(Role::Bad, told));
    }
    text
}

/// One sentence a person, for who hears the table.
fn spoken(person: &Person) -> Line {
    let Person { name, cannot, runs, labs, .. } = person;
    let what =
        if cannot.is_empty() { "can do all".to_owned() } else { format!("cannot: {}", cannot.join(", ")) };
    Line::indented(1, 3).with(Role::Plain, format!("{name}: {runs} of {labs} labs, {what}"))
}

fn signs(table: &Table, pen: &Pen<'_>) -> Text {
    let mut text = Text::new();
    let longest = table.people.iter().map(|person| wrap::width(&person.name)).max().unwrap_or(0);
    let name = longest.clamp(4, NAME) + 2;
    let mut heads = Line::indented(1, 3).with(Role::Dim, "");
    heads.push(Role::Plain, " ".repeat(name));
    for number in 1..=table.needs.len() {
        heads.push(Role::Dim, format!("{number:>2} "));
    }
    text.push(heads.with(Role::Dim, " labs"));
    for person in &table.people {
        let mut line = Line::indented(1, 3).with(Role::Plain, shortened(&person.name, NAME, pen.look));
        line.pad_to(name);
        for need in &table.needs {
            let (role, sign) = match () {
                () if person.cannot.contains(need) => (Role::Bad, if pen.look.ascii { "NO" } else { " ✗" }),
                () if person.untried.contains(need) => (Role::Dim, " ?"),
                () => (Role::Good, if pen.look.ascii { "ok" } else { " ✓" }),
            };
            line.push(role, sign);
            line.push(Role::Plain, " ");
        }
        let role = if person.ready { Role::Good } else { Role::Bad };
        text.push(line.with(role, format!(" {} of {}", person.runs, person.labs)));
    }
    text.push(Line::new());
    let between = format!(" {} ", pen.sign(Sign::Dot));
    let legend: Vec<String> =
        table.needs.iter().enumerate().map(|(at, need)| format!("{}={need}", at + 1)).collect();
    if !legend.is_empty() {
        text.push(Line::indented(1, 1).with(Role::Dim, legend.join(&between)));
    }
    text
}

/// A name that is too long for its column ends with the sign for more.
fn shortened(name: &str, columns: usize, look: &Look) -> String {
    let name = wrap::clean(name, 0, look);
    if wrap::width(&name) <= columns {
        return name;
    }
    let more = look.sign(Sign::More);
    let mut short = String::new();
    for c in name.chars() {
        if wrap::width(&short) + wrap::width(&c.to_string()) + wrap::width(more) > columns {
            break;
        }
        short.push(c);
    }
    short + more
}

fn mended(mend: &Mend) -> Text {
    let mut text = Text::new();
    text.push(
        Line::indented(3, 5)
            .with(Role::Strong, mend.needs.join(", "))
            .with(Role::Plain, format!("   {}", mend.who.join(", "))),
    );
    if let Some(reason) = &mend.reason {
        text.push(Line::indented(5, 7).with(Role::Plain, reason.clone()));
    }
    if let Some(hint) = &mend.hint {
        text.push(Line::indented(5, 11).with(Role::Good, "hint: ").with(Role::Plain, hint.clone()));
    }
    text
}
