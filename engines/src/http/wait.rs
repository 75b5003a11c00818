//! How long a provider asks to wait.

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Longest wait that is believed: a day.
const MOST_MS: f64 = 86_400_000.0;

/// How long an answer asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date
/// (RFC 9110, section 10.2.3). `now_ms` is the time since 1970. What is absurd is left out or
/// shortened to a day.
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap, now_ms: i64) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let bounded = |ms: f64| (ms.is_finite() && ms >= 0.0).then(|| ms.min(MOST_MS) as u64);
    if let Some(ms) = text("retry-after-ms").and_then(|t| t.parse().ok()).and_then(bounded) {
        return Some(ms);
    }
    let after = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = after.parse::<f64>() {
        return bounded(seconds * 1_000.0);
    }
    let date = httpdate::parse_http_date(after).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    bounded((since.as_millis() as f64 - now_ms as f64).max(0.0))
}

/// What an answer says about asking again: `x-should-retry`, as OpenAI and others send it.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()?.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_and_bounded() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after_ms(&headers, 1_700_000_000_000)
        };
        assert_eq!(with("retry-after", "2"), Some(2_000));
        assert_eq!(with("retry-after", "0.5"), Some(500));
        assert_eq!(with("retry-after-ms", "150"), Some(150));
        assert_eq!(with("retry-after", "-5"), None);
        assert_eq!(with("retry-after", "99999999999"), Some(86_400_000));
        assert_eq!(with("retry-after", "soon"), None);
        assert_eq!(with("retry-after", "Tue, 14 Nov 2023 22:13:50 GMT"), Some(30_000));
        assert_eq!(with("retry-after", "Tue, 14 Nov 1995 22:13:50 GMT"), Some(0));
        assert_eq!(with("retry-after", "Fri, 14 Nov 2200 22:13:50 GMT"), Some(86_400_000));
    }
}
