//! How long a server asks to wait: `retry-after-ms` (OpenAI) and `Retry-After` (RFC 9110: seconds or a
//! date).

use std::time::{Duration, SystemTime};

use crate::base::durations;

/// The wait that reply headers ask for, the finer one first; `None` when they ask for none that can be
/// read. A date in the past asks for no wait, not for none at all.
pub fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>, now: SystemTime) -> Option<Duration> {
    let milliseconds = header("retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok());
    if let Some(wait) = milliseconds.and_then(|ms| durations::from_seconds(ms / 1_000.0)) {
        return Some(wait);
    }
    let text = header("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return durations::from_seconds(seconds);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(durations::LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &'static str)]) -> Option<Duration> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        retry_after(|name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value), now)
    }

    #[test]
    fn seconds_dates_and_milliseconds() {
        assert_eq!(wait(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]), Some(Duration::from_secs(10)));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT")]), Some(Duration::ZERO));
        let both = [("retry-after", "7"), ("retry-after-ms", "120")];
        assert_eq!(wait(&both), Some(Duration::from_millis(120)));
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        for text in ["", "soon", "-1", "nan", "inf"] {
            assert_eq!(wait(&[("retry-after", text)]), None, "{text}");
        }
        assert_eq!(wait(&[("retry-after", "1e300")]), Some(durations::LONGEST));
    }
}
