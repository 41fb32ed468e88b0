//! The room as a table for other programs: CSV (RFC 4180), a line for each learner and step. The JSON is
//! [`RowView`] and [`Summary`](crate::workshop::room::Summary) as they are.

use crate::workshop::room::RowView;

/// The first line.
const HEAD: &str = "name,learner,lab,step,came,minutes,tries,passed,failed,hints,predicted,right,errnos\r\n";

/// The table.
pub fn csv(rows: &[RowView]) -> String {
    let mut text = HEAD.to_owned();
    for row in rows {
        let errnos: Vec<String> = row
            .errnos
            .iter()
            .map(|errno| format!("{} {} {}", errno.call, errno.errno, errno.times))
            .collect();
        for cell in &row.steps {
            let optional = |value: Option<String>| value.unwrap_or_default();
            let fields = [
                field(&row.name),
                field(&row.learner),
                field(&cell.lab),
                field(&cell.step),
                moment(cell.came),
                format!("{:.1}", cell.spent as f64 / 60_000.0),
                cell.tries.to_string(),
                optional(cell.passed.map(moment)),
                cell.failed.to_string(),
                cell.hint.to_string(),
                optional(cell.predicted.map(|choice| choice.to_string())),
                optional(cell.right.map(|right| right.to_string())),
                field(&errnos.join("; ")),
            ];
            text.push_str(&fields.join(","));
            text.push_str("\r\n");
        }
    }
    text
}

/// A field. What a spreadsheet would take for a formula is put behind an apostrophe: names are what learners typed.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A moment in milliseconds since 1970, as ISO 8601 has it, in UTC.
pub fn moment(at: u64) -> String {
    let seconds = at / 1000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{}T{hours:02}:{minutes:02}:{:02}Z", date(seconds / 86_400), seconds % 60)
}

/// The date of a day, counted from 1970: whole years are taken off, then whole months.
pub fn date(mut days: u64) -> String {
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    // Four hundred years have always as many days.
    let mut year = 1970 + days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `date -u -d @SECONDS +%F` says.
    #[test]
    fn days_have_dates() {
        for (days, told) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (20_782, "2026-11-25"),
            (20_785, "2026-11-28"),
            (20_818, "2026-12-31"),
        ] {
            assert_eq!(date(days), told);
        }
        assert_eq!(moment(1_795_885_323_456), "2026-11-28T17:02:03Z");
    }

    #[test]
    fn a_name_is_a_field_and_never_a_formula() {
        assert_eq!(field("Ada"), "Ada");
        assert_eq!(field("Lovelace, Ada \"A\""), "\"Lovelace, Ada \"\"A\"\"\"");
        assert_eq!(field("=1+2"), "'=1+2");
        assert_eq!(field("@SUM(1,2)"), "\"'@SUM(1,2)\"");
    }
}
