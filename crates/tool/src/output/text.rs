//! Reports for people.

use super::{Cell, Report, Rows};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Sentences, then facts, then the drawing, then tables, with blank lines between them. Colours are taken
/// out behind this where they are not wanted.
pub fn write(report: &Report, tables: &[Rows], out: &mut dyn Write) -> io::Result<()> {
    let mut first = true;
    if !report.sentences.is_empty() {
        separate(&mut first, out)?;
        for sentence in &report.sentences {
            for line in wrapped(sentence) {
                writeln!(out, "{line}")?;
            }
        }
    }
    if !report.facts.is_empty() {
        separate(&mut first, out)?;
        facts(report, out)?;
    }
    if !report.drawing.is_empty() {
        separate(&mut first, out)?;
        for line in &report.drawing {
            writeln!(out, "{line}")?;
        }
    }
    for table in tables.iter().filter(|table| !table.is_for_programs) {
        separate(&mut first, out)?;
        write_table(table, out)?;
    }
    Ok(())
}

/// A sentence in lines of at most 100 characters, further ones set in.
fn wrapped(sentence: &str) -> Vec<String> {
    const COLUMNS: usize = 100;
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in sentence.split(' ') {
        let width = word.chars().count();
        if used != 0 && used + 1 + width > COLUMNS {
            lines.push(format!("  {word}"));
            used = 2 + width;
            continue;
        }
        if let Some(line) = lines.last_mut() {
            if used != 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width;
        }
    }
    lines
}

fn separate(first: &mut bool, out: &mut dyn Write) -> io::Result<()> {
    if !std::mem::take(first) {
        writeln!(out)?;
    }
    Ok(())
}

fn facts(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let width = report.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in &report.facts {
        let name = name.replace('_', " ");
        writeln!(out, "{HEADING}{name:width$}{HEADING:#}  {}", shown(value))?;
    }
    Ok(())
}

fn is_text(cell: &Cell) -> bool {
    matches!(cell, Cell::Text(_) | Cell::Address(_) | Cell::Flag(_))
}

/// Goes through the rows twice, since the widths of the columns are those of all rows.
fn write_table(table: &Rows, out: &mut dyn Write) -> io::Result<()> {
    if !table.title.is_empty() {
        writeln!(out, "{HEADING}{}{HEADING:#}", table.title)?;
    }
    if table.len == 0 {
        return writeln!(out, "{FAINT}  none{FAINT:#}");
    }
    let names: Vec<String> = table.columns.iter().map(|name| name.replace('_', " ")).collect();
    let mut left = vec![true; names.len()];
    let mut widths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
    for number in 0..table.len {
        for ((cell, left), width) in (table.row)(number).iter().zip(&mut left).zip(&mut widths) {
            *left &= is_text(cell) || *cell == Cell::None;
            *width = (*width).max(shown(cell).chars().count());
        }
    }
    let line = |row: &[String]| {
        let mut text = String::new();
        for (at, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[at].saturating_sub(cell.chars().count()));
            text += "  ";
            if left[at] {
                text += cell;
                text += &pad;
            } else {
                text += &pad;
                text += cell;
            }
        }
        text.trim_end().to_owned()
    };
    writeln!(out, "{FAINT}{}{FAINT:#}", line(&names))?;
    for number in 0..table.len {
        let row: Vec<String> = (table.row)(number).iter().map(shown).collect();
        writeln!(out, "{}", line(&row))?;
    }
    if table.left_out != 0 {
        writeln!(out, "{FAINT}  {} more are left out{FAINT:#}", count(table.left_out))?;
    }
    Ok(())
}

/// A value for people.
pub fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(number) => count(*number),
        Cell::Bytes(number) => bytes(*number),
        Cell::Change(number) => format!("{}{}", sign(*number), count(number.unsigned_abs())),
        Cell::ByteChange(number) => format!("{}{}", sign(*number), bytes(number.unsigned_abs())),
        Cell::Share(share) => format!("{:.1} %", share * 100.0),
        Cell::Nanoseconds(number) => nanoseconds(*number),
        Cell::Address(0) => "?".to_owned(),
        Cell::Address(address) => format!("{address:#x}"),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Moment(number) => moment(*number),
        Cell::Compared(values) => compared(*values, count),
        Cell::ComparedBytes(values) => compared(*values, bytes),
        Cell::None => "-".to_owned(),
    }
}

/// "1 → 40 (+39)".
fn compared([before, after]: [u64; 2], shown: fn(u64) -> String) -> String {
    let sign = if after < before { "-" } else { "+" };
    format!("{} → {} ({sign}{})", shown(before), shown(after), shown(after.abs_diff(before)))
}

fn sign(number: i64) -> &'static str {
    match number {
        0 => "",
        1.. => "+",
        _ => "-",
    }
}

/// 12031 as "12,031".
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 1474560 as "1.4 MiB".
pub fn bytes(number: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{number} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

fn nanoseconds(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} ns"),
        1_000..1_000_000 => format!("{:.1} µs", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", number as f64 / 1e6),
        _ => format!("{:.2} s", number as f64 / 1e9),
    }
}

/// Nanoseconds since 1970 as "2026-01-31T12:34:56.123456789Z".
pub fn exact_moment(nanoseconds: u64) -> String {
    let text = moment(nanoseconds);
    let text = text.trim_end_matches(" UTC").replace(' ', "T");
    format!("{text}.{:09}Z", nanoseconds % 1_000_000_000)
}

/// Nanoseconds since 1970 as "2026-01-31 12:34:56 UTC".
pub fn moment(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 in years that end in February (Hinnant, "chrono-compatible low-level date
    // algorithms").
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC", year + era * 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_for_people() {
        assert_eq!(wrapped("a bc"), ["a bc"]);
        assert_eq!(wrapped(&"word ".repeat(25)).len(), 2);
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(12031), "12,031");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1_474_560), "1.4 MiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(shown(&Cell::Change(-1200)), "-1,200");
        assert_eq!(shown(&Cell::Compared([1, 40])), "1 → 40 (+39)");
        assert_eq!(shown(&Cell::ComparedBytes([2048, 1024])), "2.0 KiB → 1.0 KiB (-1.0 KiB)");
        assert_eq!(shown(&Cell::ByteChange(2048)), "+2.0 KiB");
        assert_eq!(shown(&Cell::Nanoseconds(1_500_000)), "1.5 ms");
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(exact_moment(951_782_399_000_000_001), "2000-02-28T23:59:59.000000001Z");
        assert_eq!(moment(951_782_399_000_000_000), "2000-02-28 23:59:59 UTC");
        assert_eq!(moment(951_868_799_999_999_999), "2000-02-29 23:59:59 UTC");
        assert_eq!(moment(4_107_542_400_000_000_000), "2100-03-01 00:00:00 UTC");
    }
}
