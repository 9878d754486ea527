//! The days that a report is about. Both ends belong to it: from today to today is today.

use jiff::civil::Date;

use super::body::Body;
use super::fail;
use crate::base::error::Error;
use crate::domain::ledger::{DAY_MS, day_of};

/// The longest period, days: ten years.
const LONGEST: i64 = 3_660;

/// How far back a report looks that is given no days.
const USUAL: i64 = 30;

/// A time of day in a text, or the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Day(i64),
    Moment(i64),
}

/// Days, both included, since 1970-01-01 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: i64,
    /// The last.
    pub to: i64,
}

/// A span of moments, milliseconds since 1970: from, and until (itself not included).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// At or after.
    pub from_ms: Option<i64>,
    /// Before.
    pub until_ms: Option<i64>,
}

impl Period {
    /// `start_date` and `end_date`, both mandatory.
    ///
    /// # Errors
    /// 400 when one is missing or no date, when they are the wrong way round, or more than ten years apart.
    pub fn must(query: &Body) -> Result<Self, Error> {
        for name in ["start_date", "end_date"] {
            if query.id(name)?.value().is_none() {
                return Err(fail::invalid(name, "Please provide start_date and end_date."));
            }
        }
        Period::of(query, 0)
    }

    /// As they are given; by default the last 30 days, `now_ms` being in the last.
    ///
    /// # Errors
    /// As [`Period::must`].
    pub fn of(query: &Body, now_ms: i64) -> Result<Self, Error> {
        Period::named(query, "start_date", "end_date", now_ms)
    }

    /// As [`Period::of`], under other names.
    ///
    /// # Errors
    /// As [`Period::must`].
    pub fn named(query: &Body, first: &str, last: &str, now_ms: i64) -> Result<Self, Error> {
        let day = |given: Given| match given {
            Given::Day(day) => day,
            Given::Moment(ms) => day_of(ms),
        };
        let to = read(query, last)?.map_or(day_of(now_ms), day);
        let from = read(query, first)?.map_or(to - USUAL, day);
        if from > to {
            return Err(fail::invalid(first, format!("`{first}` is after `{last}`.")));
        }
        if to - from > LONGEST {
            return Err(fail::invalid(first, "A report can be about ten years at most."));
        }
        Ok(Period { from, to })
    }

    /// The last 30 days.
    pub fn usual(now_ms: i64) -> Self {
        let to = day_of(now_ms);
        Period { from: to - USUAL, to }
    }

    /// Its days in order.
    pub fn days(self) -> std::ops::RangeInclusive<i64> {
        self.from..=self.to
    }

    /// Its moments.
    pub fn span(self) -> Span {
        Span { from_ms: Some(self.from * DAY_MS), until_ms: Some((self.to + 1) * DAY_MS) }
    }
}

impl Span {
    /// What `start_date` and `end_date` say; either may be missing.
    ///
    /// # Errors
    /// 400 for what is no date.
    pub fn of(query: &Body) -> Result<Self, Error> {
        let from_ms = read(query, "start_date")?.map(|given| match given {
            Given::Day(day) => day * DAY_MS,
            Given::Moment(ms) => ms,
        });
        // A moment is given to the second and that second belongs to the span.
        let until_ms = read(query, "end_date")?.map(|given| match given {
            Given::Day(day) => (day + 1) * DAY_MS,
            Given::Moment(ms) => ms + 1_000,
        });
        Ok(Span { from_ms, until_ms })
    }
}

fn read(query: &Body, name: &str) -> Result<Option<Given>, Error> {
    let Some(text) = query.id(name)?.value() else { return Ok(None) };
    let wrong = || {
        let message =
            format!("`{name}` must be a date like 2026-11-21, or a moment like 2026-11-21 08:00:00.");
        fail::invalid(name, message)
    };
    let text = text.trim();
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2026-11-21".len()
    {
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
        return Ok(Some(Given::Day(midnight.timestamp().as_millisecond().div_euclid(DAY_MS))));
    }
    let moment = text.parse::<jiff::Timestamp>();
    let moment = moment.or_else(|_| format!("{}Z", text.replacen(' ', "T", 1)).parse());
    moment.map(|moment| Some(Given::Moment(moment.as_millisecond()))).map_err(|_| wrong())
}

/// `2026-11-21`.
pub fn date(day: i64) -> String {
    let crate::base::civil::Date { year, month, day } = crate::base::civil::Date::of_day(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `Nov 21`.
pub fn short_date(day: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let crate::base::civil::Date { month, day, .. } = crate::base::civil::Date::of_day(day);
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!("{month} {day:02}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manage::testing::NOW;

    fn query(from: &str, to: &str) -> Body {
        Body(json!({"start_date": from, "end_date": to}).as_object().unwrap().clone())
    }

    #[test]
    fn both_ends_belong_to_a_period() {
        let today = day_of(NOW);
        let one = Period::must(&query("2026-11-21", "2026-11-21")).unwrap();
        assert_eq!(one, Period { from: today, to: today });
        let span = Span::of(&query("2026-11-21", "2026-11-21")).unwrap();
        assert_eq!(span, one.span());
        assert!(span.from_ms.unwrap() <= NOW && NOW < span.until_ms.unwrap());
        let exact = Span::of(&query("2026-11-21 08:50:35", "2026-11-21T08:50:35Z")).unwrap();
        assert_eq!(exact, Span { from_ms: Some(NOW), until_ms: Some(NOW + 1_000) });
        assert_eq!((date(today).as_str(), short_date(today).as_str()), ("2026-11-21", "Nov 21"));
    }

    #[test]
    fn what_is_no_period_is_told_by_name() {
        let refused = |from: &str, to: &str| {
            let error = Period::must(&query(from, to)).unwrap_err();
            assert_eq!(error.status(), 400);
            error.param().unwrap().to_string()
        };
        assert_eq!(refused("", "2026-11-21"), "start_date");
        assert_eq!(refused("2026-11-21", "yesterday"), "end_date");
        assert_eq!(refused("2026-11-31", "2026-12-01"), "start_date");
        assert_eq!(refused("2026-11-22", "2026-11-21"), "start_date");
        assert_eq!(refused("1990-01-01", "2026-11-21"), "start_date");
        let usual = Period::of(&Body::default(), NOW).unwrap();
        assert_eq!(usual, Period::usual(NOW));
        assert_eq!(usual.days().count(), 31);
    }
}
