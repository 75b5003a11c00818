//! How times are shown.

/// "0:08".
pub(super) fn short(ms: u64) -> String {
    format!("{}:{:02}", ms / 60_000, ms / 1000 % 60)
}

/// "0:06.3".
pub(super) fn exact(ms: u64) -> String {
    format!("{}:{:02}.{}", ms / 60_000, ms / 1000 % 60, ms % 1000 / 100)
}

/// How long ago something was: words and a number for them.
pub(super) fn ago(ms: i64) -> (&'static str, i64) {
    match ms / 60_000 {
        ..1 => ("ago-now", 0),
        minutes @ 1..60 => ("ago-minutes", minutes),
        minutes @ 60..1_440 => ("ago-hours", minutes / 60),
        minutes => ("ago-days", minutes / 1_440),
    }
}

/// "4.2 MB".
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..=999 => format!("{n} B"),
        1_000..=999_999 => format!("{} kB", n / 1_000),
        _ => format!("{:.1} MB", n as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::ago;

    #[test]
    fn how_long_ago_is_told_in_the_largest_unit() {
        // A clock that was set back makes nothing strange of it.
        assert_eq!((ago(-5), ago(59_999)), (("ago-now", 0), ("ago-now", 0)));
        assert_eq!((ago(60_000), ago(3_599_999)), (("ago-minutes", 1), ("ago-minutes", 59)));
        assert_eq!((ago(3_600_000), ago(86_399_999)), (("ago-hours", 1), ("ago-hours", 23)));
        assert_eq!(ago(3 * 86_400_000), ("ago-days", 3));
    }
}
