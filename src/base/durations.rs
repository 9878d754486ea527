//! Durations as config files and headers write them.

use std::time::Duration;

/// The longest duration accepted from outside: 100 days, far from any overflow.
pub const LONGEST: Duration = Duration::from_secs(100 * 86_400);

/// A non-negative, finite number of seconds, capped at [`LONGEST`]; `None` for anything else.
pub fn from_seconds(seconds: f64) -> Option<Duration> {
    (seconds.is_finite() && seconds >= 0.0)
        .then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

/// Reads LiteLLM's duration words: `30s`, `15m`, `24h`, `7d`, `2w`, `1mo` (30 days), or bare seconds.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        "mo" => 2_592_000.0,
        _ => return None,
    };
    from_seconds(number * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_and_refuses_nonsense() {
        assert_eq!(parse("30d"), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(parse("60"), Some(Duration::from_secs(60)));
        for bad in ["", "d", "-1s", "5 parsecs", "nan", "infs"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(from_seconds(f64::MAX), Some(LONGEST));
    }
}
