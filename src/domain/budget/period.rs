//! How long a budget lasts, and when it begins anew.

use super::UnixMs;
use crate::base::civil::Date;

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;

/// The length of a budget's period: `budget_duration`.
///
/// One rule: periods begin on the calendar's own marks, in UTC. Seconds, minutes and hours on multiples of
/// their length since 1970 (so `1h` on the hour, `24h` at midnight), `1d` at midnight, `7d` on Mondays, `30d`
/// and `1mo` on the first of a month, other numbers of days and months that many days or months after the
/// midnight, or the first, before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    /// So many seconds.
    Seconds(u32),
    /// So many days.
    Days(u32),
    /// So many calendar months.
    Months(u32),
}

impl Every {
    /// Reads `30s`, `30m`, `1h`, `1d`, `2w`, `1mo`, or `hourly`, `daily`, `weekly`, `monthly`; `None` for
    /// anything else, a bare number and zero included. `30d` is a calendar month, as LiteLLM has it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "hourly" => "1h",
            "daily" => "1d",
            "weekly" => "7d",
            "monthly" => "1mo",
            other => other,
        };
        let split = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(split);
        let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
        // Longer than a century helps nobody and would only overflow somewhere.
        let at_most = |limit: u32| number <= limit;
        match unit {
            "s" => Some(Every::Seconds(number)),
            "m" => Some(Every::Seconds(number.checked_mul(60)?)),
            "h" => Some(Every::Seconds(number.checked_mul(3_600)?)),
            "d" if number == 30 => Some(Every::Months(1)),
            "d" => at_most(36_525).then_some(Every::Days(number)),
            "w" => at_most(5_218).then(|| Every::Days(number * 7)),
            "mo" => at_most(1_200).then_some(Every::Months(number)),
            _ => None,
        }
    }

    /// When a budget that is made at `now` is reset first.
    pub fn first_reset(self, now: UnixMs) -> UnixMs {
        match self {
            Every::Seconds(seconds) => {
                let length = i64::from(seconds) * SECOND;
                (now.div_euclid(length) + 1) * length
            }
            // 1970-01-01 was a Thursday, three days after a Monday.
            Every::Days(7) => ((now.div_euclid(DAY) + 3).div_euclid(7) * 7 + 7 - 3) * DAY,
            Every::Days(days) => (now.div_euclid(DAY) + i64::from(days)) * DAY,
            Every::Months(months) => later(now, i64::from(months)),
        }
    }

    /// The reset that follows the one at `reset`.
    pub fn next_reset(self, reset: UnixMs) -> UnixMs {
        match self {
            Every::Seconds(seconds) => reset.saturating_add(i64::from(seconds) * SECOND),
            Every::Days(days) => reset.saturating_add(i64::from(days) * DAY),
            Every::Months(months) => later(reset, i64::from(months)),
        }
    }

    /// The last reset at or before `now`, from one that is already over.
    pub fn latest_reset(self, reset: UnixMs, now: UnixMs) -> UnixMs {
        let length = match self {
            Every::Seconds(seconds) => i64::from(seconds) * SECOND,
            Every::Days(days) => i64::from(days) * DAY,
            Every::Months(_) => {
                let mut latest = reset;
                while self.next_reset(latest) <= now {
                    latest = self.next_reset(latest);
                }
                return latest;
            }
        };
        reset + (now - reset).max(0) / length * length
    }
}

/// The first of the month that lies `months` after the month of `at`.
fn later(at: UnixMs, months: i64) -> UnixMs {
    let date = Date::of_day(at.div_euclid(DAY));
    Date { month: date.month + months, day: 1, ..date }.to_day().saturating_mul(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::civil::utc;

    /// Saturday, 2026-11-21 08:50:35 UTC.
    const NOW: UnixMs = 1_795_251_035_000;

    fn reset(text: &str) -> String {
        let at = Every::parse(text).unwrap().first_reset(NOW);
        utc(u64::try_from(at / 1_000).unwrap())
    }

    #[test]
    fn periods_begin_on_the_calendars_marks() {
        for (text, at) in [
            ("30s", "2026-11-21 08:51:00 UTC"),
            ("30m", "2026-11-21 09:00:00 UTC"),
            ("1h", "2026-11-21 09:00:00 UTC"),
            ("24h", "2026-11-22 00:00:00 UTC"),
            ("1d", "2026-11-22 00:00:00 UTC"),
            ("daily", "2026-11-22 00:00:00 UTC"),
            ("7d", "2026-11-23 00:00:00 UTC"),
            ("1w", "2026-11-23 00:00:00 UTC"),
            ("2w", "2026-12-05 00:00:00 UTC"),
            ("30d", "2026-12-01 00:00:00 UTC"),
            ("1mo", "2026-12-01 00:00:00 UTC"),
            ("2mo", "2027-01-01 00:00:00 UTC"),
            ("45d", "2027-01-05 00:00:00 UTC"),
        ] {
            assert_eq!(reset(text), at, "{text}");
        }
        for bad in ["", "30", "banana", "0d", "-1d", "1.5h", "99999999999d", "1y"] {
            assert_eq!(Every::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn long_silence_ends_in_the_current_period() {
        for text in ["30s", "1h", "1d", "7d", "2w", "1mo", "3mo", "45d"] {
            let every = Every::parse(text).unwrap();
            let first = every.first_reset(NOW);
            let later = first + 400 * DAY + 12_345;
            let latest = every.latest_reset(first, later);
            assert!(latest <= later && every.next_reset(latest) > later, "{text}");
            assert_eq!(every.latest_reset(first, first), first, "{text}");
        }
    }
}
