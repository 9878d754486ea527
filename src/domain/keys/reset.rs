//! How long a key lives and when a budget begins anew: durations and the calendar.
//!
//! Lifetimes (`duration`, `rotation_interval`) roll: they are counted from now, `mo` to the same day of a later
//! month. Budgets (`budget_duration`) begin on the calendar's own marks in the configured time zone:
//!
//! | given | begins anew |
//! |---|---|
//! | seconds, minutes, hours | when the local clock reaches a multiple of it, counted from 1970-01-01 00:00: `1h` on the hour |
//! | `24h`, `1d`, `daily` | every day at the reset time |
//! | `7d`, `1w`, `weekly` | on Mondays at the reset time |
//! | `30d`, `1mo`, `monthly` | on the first of each month at the reset time |
//! | other days, weeks | at the reset time that many days after the day before |
//! | other months | at the reset time on the first, that many months ahead |
//!
//! LiteLLM agrees on all of these but two: it lets `30h` wrap to an hour of the next day, and refuses `2mo`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

const DAY_SECONDS: i64 = 86_400;

/// The longest that is accepted, days: a century.
const LONGEST_DAYS: i64 = 36_525;

/// A length of time as the API writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    /// So many seconds.
    Seconds(i64),
    /// So many days.
    Days(i64),
    /// So many calendar months.
    Months(i64),
}

/// Reads `30s`, `30m`, `1h`, `1d`, `2w`, `1mo`, or `hourly`, `daily`, `weekly`, `monthly`; `None` for anything
/// else, bare numbers and zero included.
fn parts(text: &str) -> Option<(i64, &str)> {
    let text = match text.trim() {
        "hourly" => "1h",
        "daily" => "24h",
        "weekly" => "7d",
        "monthly" => "30d",
        other => other,
    };
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    let days = match unit {
        "s" => number / DAY_SECONDS,
        "m" => number / 1_440,
        "h" => number / 24,
        "d" => number,
        "w" => number.checked_mul(7)?,
        "mo" => number.checked_mul(31)?,
        _ => return None,
    };
    (days <= LONGEST_DAYS).then_some((number, unit))
}

impl Every {
    /// A budget's period; `None` when the text is no length of time.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = parts(text)?;
        Some(match unit {
            "s" => Every::Seconds(number),
            "m" => Every::Seconds(number * 60),
            "h" if number == 24 => Every::Days(1),
            "h" => Every::Seconds(number * 3_600),
            "d" if number == 30 => Every::Months(1),
            "d" => Every::Days(number),
            "w" => Every::Days(number * 7),
            _ => Every::Months(number),
        })
    }
}

/// When something that begins at `now_ms` and lasts `text` ends; `None` when the text is no length of time.
pub fn rolling_end(text: &str, now_ms: i64) -> Option<i64> {
    let (number, unit) = parts(text)?;
    let seconds = match unit {
        "s" => number,
        "m" => number * 60,
        "h" => number * 3_600,
        "d" => number * DAY_SECONDS,
        "w" => number * 7 * DAY_SECONDS,
        _ => {
            let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(TimeZone::UTC);
            return now
                .checked_add(Span::new().try_months(number).ok()?)
                .ok()
                .map(|end| end.timestamp().as_millisecond());
        }
    };
    now_ms.checked_add(seconds.checked_mul(1_000)?)
}

/// In which time zone, and at which time of the day, budgets begin anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    at: Time,
}

impl Default for Calendar {
    /// Midnight, UTC.
    fn default() -> Self {
        Calendar { zone: TimeZone::UTC, at: Time::midnight() }
    }
}

impl Calendar {
    /// A zone by its IANA name (`Europe/Berlin`, `UTC`) and a time of day (`HH:MM`).
    ///
    /// # Errors
    /// A sentence naming what cannot be read.
    pub fn new(zone: &str, reset_time: &str) -> Result<Self, String> {
        let zone = match zone.trim() {
            "" | "UTC" | "utc" | "Z" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone"))?,
        };
        let at = clock(reset_time).ok_or_else(|| format!("`{reset_time}` is no time of day (HH:MM)"))?;
        Ok(Calendar { zone, at })
    }

    /// The first moment after `after_ms` at which a budget of this length begins anew; `None` when it lies
    /// beyond the calendar's end.
    pub fn next_after(&self, every: Every, after_ms: i64) -> Option<i64> {
        let local = self.zone.to_datetime(Timestamp::from_millisecond(after_ms).ok()?);
        if let Every::Seconds(length) = every {
            return self.next_multiple(length, after_ms, local);
        }
        // The day that is running, which may have begun on the calendar's day before.
        let today = if local.time() < self.at { local.date().yesterday().ok()? } else { local.date() };
        let day = match every {
            Every::Days(7) => monday(today)?.checked_add(7.days()).ok()?,
            Every::Days(days) => today.checked_add(Span::new().try_days(days).ok()?).ok()?,
            Every::Months(months) => {
                today.first_of_month().checked_add(Span::new().try_months(months).ok()?).ok()?
            }
            Every::Seconds(_) => return None,
        };
        self.moment(day.to_datetime(self.at))
    }

    /// The period that contains `now_ms`, when an earlier one ended at `reset_at_ms`: its start, and its end.
    pub fn roll(&self, every: Every, reset_at_ms: i64, now_ms: i64) -> (i64, Option<i64>) {
        if let Every::Seconds(length) = every {
            let Some(end) = self.next_after(every, now_ms) else { return (reset_at_ms, None) };
            return (reset_at_ms.max(end.saturating_sub(length.saturating_mul(1_000))), Some(end));
        }
        let mut start = reset_at_ms;
        loop {
            match self.next_after(every, start) {
                Some(end) if end <= now_ms && end > start => start = end,
                end => return (start, end),
            }
        }
    }

    fn next_multiple(&self, length: i64, after_ms: i64, local: DateTime) -> Option<i64> {
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let wall = local.duration_since(epoch).as_secs();
        let mut next = (wall.div_euclid(length) + 1).checked_mul(length)?;
        // A clock that is set back shows a mark twice; the first that lies ahead counts.
        loop {
            let mark = epoch.checked_add(Span::new().try_seconds(next).ok()?).ok()?;
            match self.moment(mark)? {
                ms if ms > after_ms => return Some(ms),
                _ => next = next.checked_add(length)?,
            }
        }
    }

    fn moment(&self, local: DateTime) -> Option<i64> {
        Some(local.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond())
    }
}

fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn monday(day: Date) -> Option<Date> {
    day.checked_sub(Span::new().try_days(day.weekday().to_monday_zero_offset()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn next(calendar: &Calendar, every: &str, after: &str) -> String {
        let next = calendar.next_after(Every::parse(every).unwrap(), ms(after)).unwrap();
        Timestamp::from_millisecond(next).unwrap().to_string()
    }

    #[test]
    fn budgets_begin_anew_on_the_calendars_marks() {
        let utc = Calendar::default();
        // A Saturday.
        let now = "2026-11-21T08:50:35Z";
        for (every, expected) in [
            ("30s", "2026-11-21T08:51:00Z"),
            ("30m", "2026-11-21T09:00:00Z"),
            ("1h", "2026-11-21T09:00:00Z"),
            ("hourly", "2026-11-21T09:00:00Z"),
            ("24h", "2026-11-22T00:00:00Z"),
            ("1d", "2026-11-22T00:00:00Z"),
            ("daily", "2026-11-22T00:00:00Z"),
            ("7d", "2026-11-23T00:00:00Z"),
            ("1w", "2026-11-23T00:00:00Z"),
            ("weekly", "2026-11-23T00:00:00Z"),
            ("2w", "2026-12-05T00:00:00Z"),
            ("30d", "2026-12-01T00:00:00Z"),
            ("1mo", "2026-12-01T00:00:00Z"),
            ("45d", "2027-01-05T00:00:00Z"),
            ("2mo", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(next(&utc, every, now), expected, "{every}");
        }
        let thirty = utc.next_after(Every::parse("30h").unwrap(), ms(now)).unwrap();
        assert!(thirty > ms(now) && thirty - ms(now) <= 30 * 3_600_000 && thirty % (30 * 3_600_000) == 0);
    }

    #[test]
    fn a_mark_itself_belongs_to_the_period_that_it_begins() {
        assert_eq!(next(&Calendar::default(), "1d", "2026-11-21T00:00:00Z"), "2026-11-22T00:00:00Z");
        assert_eq!(next(&Calendar::default(), "7d", "2026-11-23T00:00:00Z"), "2026-11-30T00:00:00Z");
    }

    #[test]
    fn zones_and_reset_times_shift_the_marks_and_clock_changes_do_not_lose_them() {
        let berlin = Calendar::new("Europe/Berlin", "06:00").unwrap();
        assert_eq!(next(&berlin, "1d", "2026-11-21T04:59:59Z"), "2026-11-21T05:00:00Z");
        assert_eq!(next(&berlin, "1d", "2026-11-21T05:00:00Z"), "2026-11-22T05:00:00Z");
        // The clock goes forward on 2027-03-28 and back on 2026-10-25.
        assert_eq!(next(&berlin, "1d", "2027-03-27T12:00:00Z"), "2027-03-28T04:00:00Z");
        assert_eq!(next(&berlin, "30d", "2026-11-01T04:00:00Z"), "2026-11-01T05:00:00Z");
        assert_eq!(next(&berlin, "1h", "2026-10-25T00:30:00Z"), "2026-10-25T02:00:00Z");
        assert!(Calendar::new("Mars/Olympus", "00:00").unwrap_err().contains("Mars/Olympus"));
        assert!(Calendar::new("UTC", "25:00").is_err());
    }

    #[test]
    fn rolling_skips_the_periods_in_which_nothing_happened() {
        let utc = Calendar::default();
        let (start, end) = utc.roll(Every::Months(1), ms("2026-02-01T00:00:00Z"), ms("2026-11-21T08:00:00Z"));
        assert_eq!((start, end), (ms("2026-11-01T00:00:00Z"), Some(ms("2026-12-01T00:00:00Z"))));
        let (start, end) = utc.roll(Every::Seconds(30), 0, ms("2026-11-21T08:00:10Z"));
        assert_eq!((start, end), (ms("2026-11-21T08:00:00Z"), Some(ms("2026-11-21T08:00:30Z"))));
        let (start, end) = utc.roll(Every::Days(45), ms("2026-01-01T00:00:00Z"), ms("2026-02-20T00:00:00Z"));
        assert_eq!((start, end), (ms("2026-02-15T00:00:00Z"), Some(ms("2026-04-01T00:00:00Z"))));
    }

    #[test]
    fn lifetimes_roll() {
        let now = ms("2026-01-31T10:00:00Z");
        assert_eq!(rolling_end("30s", now), Some(now + 30_000));
        assert_eq!(rolling_end("30d", now), Some(now + 30 * 86_400_000));
        assert_eq!(rolling_end("1mo", now), Some(ms("2026-02-28T10:00:00Z")));
        for bad in ["30", "banana", "0s", "-1d", "", "1y", "99999999999999999999d", "9999999999d"] {
            assert_eq!(rolling_end(bad, now), None, "{bad}");
            assert_eq!(Every::parse(bad), None, "{bad}");
        }
    }
}
