//! Readable tables of conditions.

use super::conditions::Row;
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

/// An empty table in the house style; colours only on a terminal.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().copied());
    table
}

/// The table as text: no line ends in blanks, which would fill a file or a pipe as wide as its longest
/// message. Colours follow `--color`, on a terminal or not.
pub fn text(table: &Table) -> String {
    let mut table = table.clone();
    if anstream::ColorChoice::global() == anstream::ColorChoice::Always {
        table.enforce_styling();
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Conditions, one per line; the object and part are not repeated.
pub fn conditions(rows: &[Row]) -> Table {
    let mut table = table(&["OBJECT", "PART", "CONDITION", "STATUS", "REASON", "MESSAGE"]);
    let mut last: Option<&Row> = None;
    for row in rows {
        let same_object = last.is_some_and(|last| last.object == row.object);
        let same_part = same_object && last.is_some_and(|last| last.part == row.part);
        let unless = |same: bool, text: &str| if same { String::new() } else { text.to_owned() };
        table.add_row([
            Cell::new(unless(same_object, &row.object)),
            Cell::new(unless(same_part, &row.part)),
            Cell::new(&row.condition),
            Cell::new(&row.status).fg(color(row)),
            Cell::new(&row.reason),
            Cell::new(&row.message),
        ]);
        last = Some(row);
    }
    table
}

/// Green for what is well, red for what is not, yellow for what is not known yet. Conditions with
/// negative polarity are good when False.
pub fn color(row: &Row) -> Color {
    let negative = [
        "Conflicted",
        "PartiallyInvalid",
        "OverlappingTLSConfig",
        "InsecureFrontendValidationMode",
    ];
    match (row.status.as_str(), negative.contains(&row.condition.as_str())) {
        ("True", false) | ("False", true) => Color::Green,
        ("Unknown", _) | ("True", true) => Color::Yellow,
        _ => Color::Red,
    }
}
