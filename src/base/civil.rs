//! Calendar days in UTC, as far as texts need them.

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Such as 2026.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

impl Date {
    /// The date of a day counted from 1970-01-01.
    ///
    /// Years are taken to begin in March, so that the leap day is the last of its year and months have a
    /// simple rule; 400 years always have the same number of days.
    pub fn of_day(days: i64) -> Self {
        let shifted = days.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Date { year, month, day: of_year - (153 * from_march + 2) / 5 + 1 }
    }
}

/// `2026-11-21 08:44:07 UTC`, from seconds since 1970.
pub fn utc(seconds: u64) -> String {
    let Date { year, month, day } = Date::of_day(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX));
    let second = seconds % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_right_around_leap_days_and_new_year() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59:59 UTC"),
            (1_798_761_600, "2027-01-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        use jiff::civil::date;
        for day in (-200_000..200_000).step_by(7) {
            let Date { year, month, day: of_month } = Date::of_day(day);
            let (year, month) = (i16::try_from(year).unwrap(), i8::try_from(month).unwrap());
            let shown = date(year, month, i8::try_from(of_month).unwrap());
            assert_eq!((shown - date(1970, 1, 1)).get_days(), i32::try_from(day).unwrap());
        }
    }
}
