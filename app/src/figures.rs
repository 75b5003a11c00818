//! Dates and amounts as people read them.

use time::{Date, UtcDateTime};

/// The date of a day counted from 1970-01-01, such as `2026-03-01`.
pub(crate) fn date_of(day: i64) -> String {
    let first = UtcDateTime::UNIX_EPOCH.date().to_julian_day();
    let date = i32::try_from(day).ok().and_then(|d| first.checked_add(d));
    match date.and_then(|d| Date::from_julian_day(d).ok()) {
        Some(date) => {
            format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
        }
        None => day.to_string(),
    }
}

/// Millionths of a dollar; less than a cent in full.
pub(crate) fn dollars(micro: i64) -> String {
    let (whole, rest) = (micro / 1_000_000, (micro % 1_000_000).abs());
    if rest % 10_000 == 0 || whole.abs() >= 100 {
        return format!("${whole}.{:02}", rest / 10_000);
    }
    format!("${whole}.{}", format!("{rest:06}").trim_end_matches('0'))
}

/// An amount of dollars as it is typed, in millionths; none when it is no amount.
pub(crate) fn micro_of(text: &str) -> Option<i64> {
    let amount: f64 = text.trim().trim_start_matches('$').replace(',', ".").parse().ok()?;
    (0.0..=1e9).contains(&amount).then(|| (amount * 1e6).round() as i64)
}

/// A number of tokens in short: `950`, `12.3k`, `4.1M`.
pub(crate) fn short_count(n: i64) -> String {
    match n {
        ..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// A name as a field of comma-separated values. One that a spreadsheet would take for a formula gets
/// an apostrophe in front.
pub(crate) fn csv_field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_typed() {
        assert_eq!((micro_of("2.50"), micro_of(" $2,5 ")), (Some(2_500_000), Some(2_500_000)));
        assert_eq!(micro_of("0"), Some(0));
        for bad in ["-1", "much", "", "nan", "1e300"] {
            assert_eq!(micro_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_fields_whatever_is_in_them() {
        for (name, field) in [
            ("Painter", "Painter"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=1+1", "'=1+1"),
            ("@a,b", "\"'@a,b\""),
        ] {
            assert_eq!(csv_field(name), field);
        }
        let short = [999, 12_345, 4_100_000].map(short_count);
        assert_eq!(short, ["999", "12.3k", "4.1M"]);
    }

    #[test]
    fn days_and_amounts_are_written_as_people_read_them() {
        assert_eq!((date_of(0), date_of(19_782)), ("1970-01-01".into(), "2024-02-29".into()));
        assert_eq!(date_of(i64::MAX), i64::MAX.to_string());
        for (micro, text) in [
            (0, "$0.00"),
            (2_500_000, "$2.50"),
            (3_000, "$0.003"),
            (40_000, "$0.04"),
            (123_456_789, "$123.45"),
        ] {
            assert_eq!(dollars(micro), text);
        }
    }
}
